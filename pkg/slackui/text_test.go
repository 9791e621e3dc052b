package slackui

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"github.com/aws-access/aws-access/pkg/access"
)

// drawn is a text of a message, and whether Slack reads markup in it.
type drawn struct {
	text   string
	markup bool
}

// everything that a message draws, its notification too.
func everything(t *testing.T, m Message) []drawn {
	t.Helper()
	all := []drawn{{m.Text, true}}
	var walk func(v any)
	walk = func(v any) {
		for _, one := range listOf(v) {
			walk(one)
		}
		o := objectOf(v)
		if text, ok := o["text"].(string); ok {
			all = append(all, drawn{text, o["type"] == "mrkdwn"})
			if o["type"] == "mrkdwn" && o["verbatim"] != true {
				t.Errorf("Slack may make links of its own of %q", text)
			}
			if o["type"] == "plain_text" && o["emoji"] != false {
				t.Errorf("Slack may draw emoji in %q", text)
			}
		}
		for _, part := range o {
			walk(part)
		}
	}
	walk(raw(m.Blocks))
	return all
}

// attack is text that wants to be more than text; marks are what must not come
// out of it where markup is read.
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

// unshown are the characters that no message draws.
var unshown = []string{"\u202a", "\u202b", "\u202c", "\u202d", "\u202e", "\u2066", "\u2067", "\u2068", "\u2069", "\u200b", "\u200e", "\u200f", "\ufeff", "\u00ad", "\u2028", "\x00", "\x1b", "\r", "\U000e0041"}

func attacked(text string) access.Request {
	r := pending()
	r.Reason, r.Ticket, r.AccountName, r.Role, r.Requester.Name = text, text, text, text, text
	r.Requirements = []access.Requirement{{Rule: text, From: []string{text}, Required: 1}}
	return r
}

// around are all messages that quote what somebody typed or wrote down.
func around(text string) map[string]Message {
	r := attacked(text)
	denied := must(r.Deny(lead, text, noon))
	open := r
	open.State, open.Starts, open.Ends = access.Active, noon, noon.Add(time.Hour)
	open.Review = &access.Review{By: []string{text}, Within: time.Hour}
	return map[string]Message{
		"card": Card(r, "https://t.example/"+text, noon), "denied": Card(denied, "", noon), "open": Card(open, "", noon), "direct": DirectMessage(denied, noon),
		"list": List(numbered([]access.Request{r, denied, open}), false, noon), "asked": Submitted(r),
		"operators":  Operators(text),
		"refused":    ErrorAnswer(access.Refuse("x", "There is no "+text, text), reference),
		"not vended": NoSession(access.Refuse("x", text, ""), r, reference),
		"reminder":   notice(r, access.Event{Verb: access.Tick, To: access.Pending}), "link": linked(open),
		"keys":         Keys(access.Shell, []access.Secret{access.NewSecret("export A=1")}, open, noon)[0],
		"confirm form": {Text: "-", Blocks: ConfirmForm(ActionApprove, r, "https://t.example/"+text).Blocks.BlockSet},
		"deny form":    {Text: "-", Blocks: DenyForm(r).Blocks.BlockSet},
	}
}

func linked(r access.Request) Message {
	posts, err := Link(access.NewSecret("https://signin.example/"), r, noon)
	if err != nil {
		panic(err)
	}
	return posts[0]
}

// What somebody typed stays what it is: no mention, no link, no formatting, no
// line that is not theirs.
func TestMarkupInTextIsText(t *testing.T) {
	for _, attack := range attacks {
		for name, m := range around(attack.text) {
			for _, d := range everything(t, m) {
				for _, mark := range attack.marks {
					if d.markup && strings.Contains(d.text, mark) {
						t.Errorf("%s: %q draws %q in %q", name, attack.text, mark, d.text)
					}
				}
			}
		}
	}
}

func TestWhatStacksOrFillsSpaceIsBounded(t *testing.T) {
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
	if text := Card(r, "", noon).Text; !strings.Contains(text, "asked by “lead1 ✅ approved by lead2") || len(text) > 500 {
		t.Errorf("the notification says %q", text)
	}
}

func TestAnIdOfSlackIsOpaque(t *testing.T) {
	if got := approverNames([]string{"UGZ9V5B9C", "leads"}); got != "<@UGZ9V5B9C> or leads" {
		t.Errorf("got %q", got)
	}
}

// A form tells all its mistakes at once, each below its own input.
func TestEachMistakeStandsBelowItsInput(t *testing.T) {
	v := View{Blocks: map[string]string{ActionAccount: "account", ActionRole: "role:1", ActionLength: "length",
		ActionReason: "reason", ActionTicket: "ticket"}}
	err := access.All(access.TooShort(0), nil, access.All(access.Refuse("no_reason", "A.", ""),
		access.Refuse("no_ticket", "B.", "")), access.Refuse("not_allowed", "C.", ""))
	got := string(mustJSON(Errors(err, v)))
	for _, want := range []string{`"length":"The shortest access is 5m`, `"reason":"A."`, `"ticket":"B."`,
		`"role:1":"C."`} {
		if !strings.Contains(got, want) {
			t.Errorf("got %s, want %s in it", got, want)
		}
	}
}

func TestWhatCannotBeSeenIsShown(t *testing.T) {
	for _, hidden := range unshown {
		for name, m := range around("left" + hidden + "right") {
			shown := ""
			for _, d := range everything(t, m) {
				shown += d.text
			}
			if strings.Contains(shown, hidden) {
				t.Errorf("%s draws %+q", name, hidden)
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

// A reason cannot pass for a line of the card: it stands whole between its
// label and a rule, in text that is not parsed.
func TestAReasonStandsWholeAndFenced(t *testing.T) {
	for _, reason := range []string{
		"why", "why\n\nApproved by Lead One, today 12:03 PM (12:03 UTC).", strings.Repeat("é", access.MaxReason-1) + "x", "  indented  ",
	} {
		r := pending()
		r.Reason = reason
		blocks := Card(r, "", noon).Blocks
		shown, fenced := "", false
		for i, b := range blocks {
			s, ok := b.(*slack.SectionBlock)
			if !ok || s.Text.Type != slack.PlainTextType {
				continue
			}
			shown += s.Text.Text
			_, rule := blocks[i+1].(*slack.DividerBlock)
			label, context := blocks[i-1].(*slack.ContextBlock)
			fenced = rule && context && label.ContextElements.Elements[0].(*slack.TextBlockObject).Text == "*Reason*, as it was typed:"
		}
		if shown != reason || !fenced {
			t.Errorf("%.40q: shown %.40q, fenced %v", reason, shown, fenced)
		}
	}
}

func TestATicketIsLinkedOnlyWhenItIsPlain(t *testing.T) {
	for typed, want := range map[string]string{
		"INC-42":            "Ticket: <https://t.example/x|INC-42>",
		"team/repo#7":       "Ticket: <https://t.example/x|team/repo#7>",
		"INC-42|Approve":    "Ticket, as it was typed: INC-42|Approve",
		"<https://evil|OK>": "Ticket, as it was typed: <https://evil|OK>",
		"a\nb":              "Ticket, as it was typed: a b",
	} {
		got := ticketLine(typed, "https://t.example/x").(*slack.SectionBlock).Text
		if got.Text != want || (got.Type == slack.PlainTextType) != strings.HasPrefix(want, "Ticket, as") {
			t.Errorf("%q: got %s %q, want %q", typed, got.Type, got.Text, want)
		}
	}
	got := ticketLine("INC-42", "https://t.example/<!channel>|x y`\u202e&é?a=1&b=%20").(*slack.SectionBlock).Text.Text
	if want := "Ticket: <https://t.example/%3C!channel%3E%7Cx%20y%60%E2%80%AE&amp;%C3%A9?a=1&amp;b=%20|INC-42>"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, address := range []string{"", "javascript:alert(1)", "httpx://t.example", "https://t.example/" + strings.Repeat("x", 3000)} {
		if got := ticketLine("INC-42", address).(*slack.SectionBlock).Text.Text; got != "Ticket: INC-42" {
			t.Errorf("%.40q: got %.60q, want no link", address, got)
		}
	}
}

// labels are the buttons of a message, in order.
func labels(m Message) string {
	var all []string
	var walk func(v any)
	walk = func(v any) {
		for _, one := range listOf(v) {
			walk(one)
		}
		o := objectOf(v)
		if o["type"] == "button" {
			all = append(all, textOf(objectOf(o["text"])["text"])+"="+textOf(o["value"]))
		} else if o != nil {
			walk(o["elements"])
			walk(o["accessory"])
		}
	}
	walk(raw(m.Blocks))
	return strings.Join(all, " ")
}

func TestButtonsAreThoseOfTheState(t *testing.T) {
	is := func(text string) string { return strings.ReplaceAll(text, "#", "=01ARZ3NDEKTSV4RRFFQ69G5FAV") }
	revoked := must(withSession().Revoke(lead, "", later))
	for name, c := range map[string]struct {
		m    Message
		want string
	}{
		"card, pending":        {Card(pending(), "", noon), is("Approve# Deny# Cancel#")},
		"card, half":           {Card(halfApproved(), "", noon), is("Approve# Deny# Cancel#")},
		"card, active":         {Card(active(), "", noon), is("Revoke#")},
		"card, timed out":      {Card(timedOut(), "", noon), ""},
		"card, revoked":        {Card(revoked, "", noon), ""},
		"direct, both":         {DirectMessage(active(), noon), is("Open AWS console# Get temporary keys# I'm done#")},
		"direct, console only": {DirectMessage(giving(active(), access.Console), noon), is("Open AWS console# I'm done#")},
		"direct, keys only":    {DirectMessage(giving(active(), access.Keys), noon), is("Get temporary keys# I'm done#")},
		"direct, revoked":      {DirectMessage(revoked, noon), ""},
		"list":                 {List([]access.Request{pending(), revoked, active()}, false, noon), is("I'm done# Cancel#")},
	} {
		if got := labels(c.m); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// sooner is a grant that a stricter policy ended before the session that was
// handed out under the looser one.
func sooner(r access.Request, end time.Time) access.Request {
	r.Ends = end
	return ticked(r, end)
}

// Until live sessions are cut, the words say until when they can act, and until
// when they answer sts:GetCallerIdentity.
func TestWhatIsSaidOfLiveSessionsIsTrue(t *testing.T) {
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	for name, c := range map[string]struct {
		r        access.Request
		now      time.Time
		says     []string
		saysNone bool
	}{
		"ended, session within the grant":      {must(withSession().End(dev, at(20))), at(20), []string{"can act until " + formatTime(at(70)) + "."}, false},
		"ended, grant shorter than session":    {must(shortGrant().End(dev, at(12))), at(12), []string{"can act until " + formatTime(at(15)), "GetCallerIdentity", "works until " + formatTime(at(25))}, false},
		"ended, seen after the grant":          {must(shortGrant().End(dev, at(12))), at(15), []string{"Its sessions are denied every action", "works until " + formatTime(at(25))}, false},
		"expired, session lives at STS":        {ticked(shortGrant(), at(15)), at(15), []string{"Its sessions are denied every action", "works until " + formatTime(at(25))}, false},
		"ended sooner by a stricter policy":    {sooner(withSession(), at(15)), at(15), []string{"can act until " + formatTime(at(70)) + "."}, false},
		"expired, STS's own expiry is past":    {ticked(shortGrant(), at(15)), at(25), nil, true},
		"active":                               {withSession(), at(20), nil, true},
		"revoked, nothing was ever handed out": {must(active().Revoke(lead, "", at(20))), at(20), nil, true},
	} {
		got := liveSessions(c.r, c.now)
		for _, want := range c.says {
			if !strings.Contains(got, want) {
				t.Errorf("%s: got %q, want %q in it", name, got, want)
			}
		}
		if c.saysNone != (got == "") {
			t.Errorf("%s: got %q", name, got)
		}
		for _, m := range []Message{Card(c.r, "", c.now), DirectMessage(c.r, c.now)} {
			if !strings.Contains(string(mustJSON(m.Blocks)), string(mustJSON(got))[1:len(mustJSON(got))-1]) {
				t.Errorf("%s: the message does not say %q", name, got)
			}
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

func TestWhoIsToldOfWhat(t *testing.T) {
	const nobody, channel, requester = "nobody", "channel", "requester"
	tick, vend := access.Tick, access.Vend
	revoked := must(active().Revoke(lead, "", later))
	expired := ticked(active(), noon.Add(3*time.Hour))
	for name, c := range map[string]struct {
		e    access.Event
		r    access.Request
		want string
	}{
		"reminder":                 {access.Event{Verb: tick, From: access.Pending, To: access.Pending}, pending(), channel},
		"reminder, decided since":  {access.Event{Verb: tick, From: access.Pending, To: access.Pending}, active(), nobody},
		"submit":                   {access.Event{Verb: access.Submit, To: access.Pending}, pending(), nobody},
		"approval of one":          {access.Event{Verb: access.Approve, From: access.Pending, To: access.Pending}, halfApproved(), nobody},
		"granted":                  {access.Event{Verb: access.Approve, From: access.Pending, To: access.Active}, active(), nobody},
		"timed out":                {access.Event{Verb: tick, From: access.Pending, To: access.TimedOut}, timedOut(), nobody},
		"order never answered":     {access.Event{Verb: tick, From: access.Active, To: access.Active, Outcome: access.Failed}, active(), requester},
		"answer not delivered":     {access.Event{Verb: vend, From: access.Active, To: access.Active, Outcome: access.Failed, Why: "undelivered"}, active(), requester},
		"not delivered, then over": {access.Event{Verb: vend, From: access.Active, To: access.Active, Outcome: access.Failed, Why: "undelivered"}, revoked, nobody},
		"AWS refused":              {access.Event{Verb: vend, From: access.Active, To: access.Active, Outcome: access.Failed, Why: "aws_refused"}, active(), nobody},
		"ordered":                  {access.Event{Verb: vend, From: access.Active, To: access.Active, Outcome: access.Ordered}, active(), nobody},
		"issued after the end":     {access.Event{Verb: vend, From: access.Revoked, To: access.Revoked, Outcome: access.Issued}, revoked, nobody},
		"expired":                  {access.Event{Verb: tick, From: access.Active, To: access.Expired}, expired, requester},
		"given back":               {access.Event{Verb: access.End, From: access.Active, To: access.Ended}, must(active().End(dev, later)), requester},
		"revoked":                  {access.Event{Verb: access.Revoke, From: access.Active, To: access.Revoked, Actor: lead}, revoked, requester},
		"denied":                   {access.Event{Verb: access.Deny, From: access.Pending, To: access.Denied}, must(pending().Deny(lead, "", later)), nobody},
	} {
		got := nobody
		if n, ok := NoticeOf(c.e, c.r, later); ok && n.ToRequester {
			got = requester
		} else if ok {
			got = channel
		}
		if got != c.want {
			t.Errorf("%s: told to %s, want %s", name, got, c.want)
		}
	}
}

func TestErrorsThatAreNoRefusalsShowTheirReferenceOnly(t *testing.T) {
	err := fmt.Errorf("dial secret-host: %w", errors.New("xoxb-token"))
	for name, m := range map[string]Message{"answer": ErrorAnswer(err, reference), "vend": NoSession(err, active(), reference)} {
		if !strings.Contains(m.Text, reference) || strings.Contains(m.Text, "secret-host") || strings.Contains(m.Text, "xoxb") {
			t.Errorf("%s: got %q", name, m.Text)
		}
	}
	wrapped := errors.Join(errors.New("secret-host"), fmt.Errorf("assume: %w", access.Refuse("aws_refused", "AWS refused it.", "Tell them.")))
	if m := ErrorAnswer(wrapped, reference); m.Text != "AWS refused it. Tell them." {
		t.Errorf("a refusal inside: got %q", m.Text)
	}
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
				t.Errorf("%q: %q formats in %q", s, r, got)
			}
		}
	})
}
