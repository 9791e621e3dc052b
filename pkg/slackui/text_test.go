package slackui

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// shownText is a text of a message, and whether Slack reads markup in it.
type shownText struct {
	text   string
	markup bool
}

// shownTexts are all texts of a message, its notification included.
func shownTexts(t *testing.T, m Message) []shownText {
	t.Helper()
	all := []shownText{{m.Text, true}}
	var walk func(v any)
	walk = func(v any) {
		for _, one := range listOf(v) {
			walk(one)
		}
		o := objectOf(v)
		if text, ok := o["text"].(string); ok {
			all = append(all, shownText{text, o["type"] == "mrkdwn"})
			if o["type"] == "mrkdwn" && o["verbatim"] != true {
				t.Errorf("Slack may add links to %q", text)
			}
			if o["type"] == "plain_text" && o["emoji"] != false {
				t.Errorf("Slack may show emoji in %q", text)
			}
		}
		for _, part := range o {
			walk(part)
		}
	}
	walk(toJSON(m.Blocks))
	return all
}

// attacks are texts that people might type to fake a part of a message. No text with markup may contain any of the
// marks.
var attacks = []struct {
	text  string
	marks []string
}{
	{"<!channel>", []string{"<!channel"}},
	{"<!here> look", []string{"<!here"}},
	{"<https://evil.example|Approve>", []string{"<https://evil"}},
	{"<@U0LEAD1> said yes", []string{"<@U0LEAD1> said"}},
	{"<!subteam^S0LEADS>", []string{"<!subteam"}},
	{"<!date^1^{date}|Granted>", []string{"<!date^1^"}},
	{"x|Approve> <https://evil.example", []string{"|Approve>", "<https://evil"}},
	{"*Approved by* nobody", []string{"*Approved by*"}},
	{"_Approved_ ~Denied~", []string{"_Approved_", "~Denied~"}},
	{"`code` and ```fence```", []string{"`code`", "```fence"}},
	{"line\n*Granted* until tomorrow", []string{"\n*Granted* until tomorrow", "line\n"}},
	{"> a quote\n>>> another", []string{"\n>", "\n&gt;"}},
	{":white_check_mark: Granted :+1: :a:b:", []string{":white_check_mark: Granted", ":+1:", ":a:"}},
	{"why\u2028*Approved* by the lead", []string{"\u2028", "*Approved*"}},
}

// withText is a request in which every text that people or the policy's authors write is the same.
func withText(text string) access.Request {
	r := pending()
	r.Reason, r.Ticket, r.AccountName, r.Role, r.Requester.Name = text, text, text, text, text
	r.Requirements = []access.Requirement{{Rule: text, From: []string{text}, Required: 1}}
	return r
}

// quotingMessages are all messages that quote text that somebody wrote.
func quotingMessages(text string) map[string]Message {
	r := withText(text)
	denied := must(r.Deny(lead, text, noon))
	granted := r
	granted.State, granted.Starts, granted.Ends = access.Active, noon, noon.Add(time.Hour)
	granted.Review = &access.Review{By: []string{text}, Within: time.Hour}
	link, err := Link(access.NewSecret("https://signin.example/"), granted, access.Session{})
	if err != nil {
		panic(err)
	}
	return map[string]Message{
		"card":         Card(r, CardPolicy{TicketLink: "https://t.example/" + text}, noon),
		"denied":       Card(denied, CardPolicy{}, noon),
		"granted":      Card(granted, CardPolicy{}, noon),
		"direct":       RequesterMessage(denied, noon),
		"list":         List(numbered([]access.Request{r, denied, granted}), false, noon),
		"submitted":    Submitted(r, access.Freeze{}),
		"operators":    Operators(text),
		"refused":      ErrorAnswer(&access.Refusal{Code: "x", Says: "There is no " + text, Next: text}, reference),
		"no session":   NoSession(&access.Refusal{Code: "x", Says: text}, r, reference),
		"reminder":     notice(r, access.Event{Verb: access.Tick, To: access.Pending}),
		"link":         link[0],
		"keys":         Keys(access.Shell, []access.Secret{access.NewSecret("export A=1")}, granted, access.Session{})[0],
		"confirm form": {Text: "-", Blocks: ConfirmForm(ActionApprove, r, "https://t.example/"+text).Blocks.BlockSet},
		"revoke list": RevokeList(Revocable{Grants: []access.Request{granted}, Responder: true, Freeze: frozen(text),
			Failing: []access.CutList{failing(text)}, Ending: []access.Request{granted}}, 0, noon),
		"revoke form":  {Text: "-", Blocks: RevokeForm(r, "https://t.example/"+text, false, noon).Blocks.BlockSet},
		"thaw form":    {Text: "-", Blocks: ThawForm(frozen(text)).Blocks.BlockSet},
		"account form": {Text: "-", Blocks: RevokeAccountForm([]access.Request{r}).Blocks.BlockSet},
		"deny form":    {Text: "-", Blocks: DenyForm(r).Blocks.BlockSet},
	}
}

func TestTypedMarkupHasNoEffect(t *testing.T) {
	for _, attack := range attacks {
		for name, m := range quotingMessages(attack.text) {
			for _, shown := range shownTexts(t, m) {
				for _, mark := range attack.marks {
					if shown.markup && strings.Contains(shown.text, mark) {
						t.Errorf("%s: %q puts %q into %q", name, attack.text, mark, shown.text)
					}
				}
			}
		}
	}
}

func TestCombiningMarksAndEmptyLinesAreLimited(t *testing.T) {
	for typed, want := range map[string]string{
		"a" + strings.Repeat("\u0301", 300) + "b": "a" + strings.Repeat("\u0301", 4) + "[296 more marks]b",
		"a" + strings.Repeat("\n", 2000) + "b":    "a\n[1999 empty lines]\nb",
		"a\u2800b":                                "a[U+2800]b",
		"Zu\u0308rich\n\nx":                       "Zu\u0308rich\n\nx",
	} {
		if got := visible(typed); got != want {
			t.Errorf("%.20q: got %q, want %q", typed, got, want)
		}
	}
	r := pending()
	r.Requester.Name = "lead1 ✅ approved by lead2" + strings.Repeat("\u0301", 300)
	text := Card(r, CardPolicy{}, noon).Text
	if !strings.Contains(text, "asked by “lead1 ✅ approved by lead2") || len(text) > 500 {
		t.Errorf("the notification says %q", text)
	}
}

func TestAnySlackIDOfAPersonIsMentioned(t *testing.T) {
	if got := approverNames([]string{"UGZ9V5B9C", "leads"}); got != "<@UGZ9V5B9C> or leads" {
		t.Errorf("got %q", got)
	}
}

// hiddenCharacters are characters that no message may contain.
var hiddenCharacters = []string{
	"\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069", "\u200b", "\u200e",
	"\u200f", "\ufeff", "\u00ad", "\u2028", "\x00", "\x1b", "\r", "\U000e0041",
}

func TestHiddenCharactersAreShownAsTheirNumber(t *testing.T) {
	for _, hidden := range hiddenCharacters {
		for name, m := range quotingMessages("left" + hidden + "right") {
			all := ""
			for _, shown := range shownTexts(t, m) {
				all += shown.text
			}
			if strings.Contains(all, hidden) {
				t.Errorf("%s contains %+q", name, hidden)
			}
		}
		if got, want := visible(hidden), fmt.Sprintf("[U+%04X]", []rune(hidden)[0]); got != want {
			t.Errorf("%+q: got %q, want %q", hidden, got, want)
		}
	}
	for _, kept := range []string{"a\nb\tc", "👩\u200d👩\u200d👧 ❤\ufe0f e\u0301", "क\u094d\u200dष עברית العربية 中文"} {
		if got := visible(kept); got != kept {
			t.Errorf("%q became %q", kept, got)
		}
	}
}

func mustJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}

func FuzzEscape(f *testing.F) {
	f.Add("<!channel> *x* `y` :smile: _z_ ~a~\n\u202e")
	f.Add("a*b*c snake_case 12:30:45")
	f.Fuzz(func(t *testing.T, s string) {
		got := escape(s)
		if strings.ContainsAny(got, "<>`\n\r\u202e\u2066") || emojiCode.MatchString(got) {
			t.Errorf("%q: got %q", s, got)
		}
		runes := []rune(got)
		for i, r := range runes {
			edge := i == 0 || i == len(runes)-1 || runes[i-1] == ' ' || runes[i+1] == ' '
			if edge && strings.ContainsRune("*_~", r) {
				t.Errorf("%q: %q formats text in %q", s, r, got)
			}
		}
	})
}
