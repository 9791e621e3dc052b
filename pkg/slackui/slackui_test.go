package slackui

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"

	"github.com/aws-access/aws-access/pkg/access"
)

var update = flag.Bool("update", false, "rewrite the golden messages")

var (
	noon  = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	dev   = access.Person{ID: "U0DEV1", Email: "dev1@example.com", Name: "Dev One", Standing: access.Member}
	lead  = access.Person{ID: "U0LEAD1", Email: "lead1@example.com", Name: "Lead One", Standing: access.Member}
	needs = []access.Need{{Rule: "change", From: []string{"leads"}, Need: 1}, {Rule: "change", From: []string{"security"}, Need: 1, Have: 1}}
)

func pending() access.Request {
	r, _, err := access.New(access.Ask{
		ID: "01ARZ3NDEKTSV4RRFFQ69G5FAV", Requester: dev, Account: "111111111111", AccountName: "payments-prod", Role: "ReadOnly",
		For: 2 * time.Hour, Reason: "INC-42: stuck payouts", Ticket: "INC-42",
	}, access.Terms{Max: 4 * time.Hour, Give: []access.Kind{access.Console, access.Keys}, AnswerWithin: time.Hour, Needs: needs, Channels: []string{"C0APPROVALS"}}, noon)
	if err != nil {
		panic(err)
	}
	return r
}

func must(r access.Request, _ access.Event, err error) access.Request {
	if err != nil {
		panic(err)
	}
	return r
}

func active() access.Request {
	met := access.Terms{Max: 4 * time.Hour, Met: true, Give: []access.Kind{access.Console, access.Keys}}
	return must(pending().Approve(lead, 0, met, noon.Add(5*time.Minute)))
}

// used is an active request with a session that lives until 13:10.
func used() access.Request {
	met := access.Terms{Max: 4 * time.Hour, Met: true, Give: []access.Kind{access.Console, access.Keys}}
	at := noon.Add(10 * time.Minute)
	r := must(active().Order(dev, "o1", access.Keys, at, met, at))
	return must(r.Issue("o1", "ASIAEXAMPLE", at.Add(time.Hour), at))
}

func messages() map[string]Message {
	later := noon.Add(20 * time.Minute)
	outlasting := active()
	outlasting.AssumeRoles, outlasting.MakeIdentities = true, true
	keysOnly := active()
	keysOnly.Give = []access.Kind{access.Keys}
	timedOut, _, _ := func() (access.Request, access.Event, bool) {
		r := pending()
		r.Reminded = true
		return r.Tick(noon.Add(time.Hour))
	}()
	return map[string]Message{
		"card-pending":    Card(pending(), "https://tickets.example.com/browse/INC-42", noon),
		"card-active":     Card(active(), "", later),
		"card-outlasting": Card(outlasting, "", later),
		"card-denied":     Card(must(pending().Deny(lead, "not today", later)), "", later),
		"card-cancelled":  Card(must(pending().Cancel(dev, later)), "", later),
		"card-timed-out":  Card(timedOut, "", later),
		"card-revoked":    Card(must(used().Revoke(lead, "", later)), "", later),
		"grant-active":    Grant(active(), later),
		"grant-keys-only": Grant(keysOnly, later),
		"grant-denied":    Grant(must(pending().Deny(lead, "not today", later)), later),
		"grant-timed-out": Grant(timedOut, later),
		"grant-ended":     Grant(must(used().End(dev, later)), later),
		"refused":         Refused(access.Refuse("too_long", "At most 4h here, you asked for 8h.", "Ask for 4h or less."), "ref"),
		"failed":          Refused(errors.New("dial tcp: secret-host refused"), "01REFERENCE"),
		"not-vended":      NotVended(access.Refuse("aws_refused", "AWS refused it.", ""), active(), "ref"),
		"asked-pending":   Asked(pending(), noon),
		"asked-active":    Asked(active(), noon),
		"asked-before":    Asked(access.Request{ID: "01ARZ3NDEKTSV4RRFFQ69G5FAV"}, noon),
		"help":            Help(),
		"list-empty":      List(nil, noon),
		"list":            List([]access.Request{active(), pending(), timedOut}, noon),
		"operators":       Operators("These groups are not known: leads (S0LEADS) <!channel>"),
	}
}

func views() map[string]slack.ModalViewRequest {
	roles := []access.Role{
		{Name: "ReadOnly", About: "Look at everything", Max: 4 * time.Hour},
		{Name: "Admin", About: strings.Repeat("long ", 40), Max: time.Hour, Ticket: true, AssumeRoles: true},
	}
	account := access.Account{ID: "111111111111", Name: "payments-prod"}
	return map[string]slack.ModalViewRequest{
		"form-empty": Form(FormState{}), "form-account": Form(FormState{Account: account, Roles: roles}),
		"form-role": Form(FormState{Account: account, Roles: roles, Role: "Admin"}), "form-no-role": Form(FormState{Account: account}),
		"form-deny": DenyForm(pending()), "form-sent": Sent(pending(), noon), "form-problem": Problem(Help()),
	}
}

// The golden files are what people see: read their diff in a review.
func TestMessagesAreTheGoldenOnes(t *testing.T) {
	for name, m := range messages() {
		golden(t, name, struct {
			Text   string        `json:"text"`
			Blocks []slack.Block `json:"blocks,omitempty"`
		}{m.Text, m.Blocks})
	}
	for name, v := range views() {
		golden(t, name, v)
	}
}

func golden(t *testing.T, name string, got any) {
	t.Helper()
	var b bytes.Buffer
	out := json.NewEncoder(&b)
	out.SetEscapeHTML(false)
	out.SetIndent("", "  ")
	if err := out.Encode(got); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("testdata", name+".json")
	if *update {
		if err := os.WriteFile(file, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("%s differs (-want +got); -update accepts it:\n%s", name, diff)
	}
}

func TestMessagesFitSlacksLimits(t *testing.T) {
	all := messages()
	long := pending()
	long.Reason, long.Ticket = strings.Repeat("\u202e", access.MaxReason), strings.Repeat("T", 200)
	all["longest card"] = Card(long, "", noon)
	denied := must(pending().Deny(lead, strings.Repeat("<&>", 1000), noon))
	all["longest denial"] = Card(denied, "", noon)
	all["longest direct message"] = Grant(denied, noon)
	all["longest list"] = List([]access.Request{long, denied, denied, denied, denied, denied, denied, denied, denied, denied}, noon)
	for name, m := range all {
		if m.Text == "" || utf8.RuneCountInString(m.Text) > 40000 || len(m.Blocks) > 50 {
			t.Errorf("%s: %d characters, %d blocks", name, utf8.RuneCountInString(m.Text), len(m.Blocks))
		}
		fits(t, name, m.Blocks)
	}
	for name, v := range views() {
		if n := utf8.RuneCountInString(v.Title.Text); n > 24 || len(v.Blocks.BlockSet) > 100 {
			t.Errorf("%s: title of %d characters, %d blocks", name, n, len(v.Blocks.BlockSet))
		}
		fits(t, name, v.Blocks.BlockSet)
	}
}

// fits walks through blocks as Slack gets them.
func fits(t *testing.T, name string, blocks []slack.Block) {
	t.Helper()
	text, err := json.Marshal(blocks)
	if err != nil {
		t.Fatal(err)
	}
	var parsed any
	if err := json.Unmarshal(text, &parsed); err != nil {
		t.Fatal(err)
	}
	var walk func(v any, in string)
	walk = func(v any, in string) {
		switch v := v.(type) {
		case []any:
			for _, e := range v {
				walk(e, in)
			}
		case map[string]any:
			kind, _ := v["type"].(string)
			if s, ok := v["text"].(string); ok {
				most := map[string]int{"button": 75, "option": 75, "header": 150}[in]
				if most == 0 {
					most = 3000
				}
				if n := utf8.RuneCountInString(s); n == 0 || n > most {
					t.Errorf("%s: a text of %d characters in %q, at most %d", name, n, in, most)
				}
			}
			for key, e := range v {
				where := in
				if kind == "button" || kind == "header" {
					where = kind
				}
				if key == "options" || key == "description" {
					where = "option"
				}
				walk(e, where)
			}
		}
	}
	walk(parsed, "")
}

// What somebody typed stays what it is: no mention, no link, no formatting, no
// line or order that is not theirs.
func TestMarkupInTextIsText(t *testing.T) {
	for _, attack := range []string{
		"<!channel>", "<!here> look", "<https://evil.example|Approve>", "<@U0LEAD1> said yes", "<!subteam^S0LEADS>",
		"&lt;!channel&gt;", "*Approved by* nobody", "`code`", "line\n*Granted* until tomorrow", "> quote", "right\u202eleft", "\u2066isolated",
		":white_check_mark: Granted", "a\x00b\x1b[31m",
	} {
		r := pending()
		r.Reason, r.Ticket, r.AccountName, r.Role, r.Requester.Name = attack, attack, attack, attack, attack
		closed := must(r.Deny(lead, attack, noon))
		for _, m := range []Message{Card(r, "https://t.example/"+attack, noon), Card(closed, "", noon), Grant(closed, noon), List([]access.Request{r, closed}, noon), Operators(attack), Asked(r, noon)} {
			for _, s := range append(marked(t, m.Blocks), m.Text) {
				harmless(t, attack, s)
			}
		}
	}
}

// marked are the marked-up texts of blocks.
func marked(t *testing.T, blocks []slack.Block) []string {
	t.Helper()
	var all []string
	add := func(o *slack.TextBlockObject) {
		if o != nil && o.Type == slack.MarkdownType {
			all = append(all, o.Text)
		} else if o != nil && (o.Emoji == nil || *o.Emoji) {
			t.Errorf("plain text that draws emoji: %q", o.Text)
		}
	}
	for _, b := range blocks {
		switch b := b.(type) {
		case *slack.SectionBlock:
			add(b.Text)
		case *slack.ContextBlock:
			for _, e := range b.ContextElements.Elements {
				if o, ok := e.(*slack.TextBlockObject); ok {
					add(o)
				}
			}
		}
	}
	return all
}

func harmless(t *testing.T, attack, s string) {
	t.Helper()
	for _, bad := range []string{"<!channel", "<!here", "<https://evil", "<@U0LEAD1> said", "<!subteam", "\u202e", "\u2066", "\x00", "\x1b", "`code`"} {
		if strings.Contains(s, bad) {
			t.Errorf("%q draws %q in %q", attack, bad, s)
		}
	}
	if strings.Contains(attack, "\n") && strings.Contains(s, "\n*Granted* until tomorrow") {
		t.Errorf("%q forges a line in %q", attack, s)
	}
	if strings.HasPrefix(attack, "*Approved") && strings.Contains(s, attack) {
		t.Errorf("%q is drawn bold in %q", attack, s)
	}
}

func TestReasonIsShownWhole(t *testing.T) {
	r := pending()
	r.Reason = strings.Repeat("é", access.MaxReason-1) + "x"
	shown := ""
	for _, b := range Card(r, "", noon).Blocks {
		if s, ok := b.(*slack.SectionBlock); ok && s.Text.Type == slack.PlainTextType {
			shown += s.Text.Text
		}
	}
	if shown != r.Reason {
		t.Errorf("%d characters shown of %d", utf8.RuneCountInString(shown), utf8.RuneCountInString(r.Reason))
	}
}

// Tokens have up to 4,096 bytes and links more: only a message's text holds
// them, so nothing may stand in blocks.
func TestKeysAndLinksTravelInTheTextAtFullLength(t *testing.T) {
	keys := access.NewSecret("export AWS_ACCESS_KEY_ID=ASIA\n" + strings.Repeat("k", 4*4096))
	link := access.NewSecret("https://signin.aws.amazon.com/federation?Action=login&SigninToken=" + strings.Repeat("t", 10000))
	for name, m := range map[string]Message{"keys": Keys(keys, active(), noon.Add(time.Hour)), "link": Link(link, active(), noon.Add(time.Hour))} {
		if len(m.Blocks) != 0 || utf8.RuneCountInString(m.Text) > 40000 {
			t.Errorf("%s: %d blocks and %d characters, want none and at most 40,000", name, len(m.Blocks), utf8.RuneCountInString(m.Text))
		}
	}
	if m := Keys(keys, active(), noon.Add(time.Hour)); !strings.HasPrefix(m.Text, keys.Reveal()) {
		t.Errorf("the keys are not whole, or not first: %.80q", m.Text)
	}
	if m := Link(link, active(), noon.Add(time.Hour)); !strings.Contains(m.Text, strings.Repeat("t", 10000)+"|Open the AWS console>") {
		t.Errorf("the link is not whole: %.80q", m.Text)
	}
}

func TestErrorsThatAreNoRefusalsShowTheirReferenceOnly(t *testing.T) {
	m := Refused(fmt.Errorf("dial secret-host: %w", errors.New("xoxb-token")), "01REF")
	if !strings.Contains(m.Text, "01REF") || strings.Contains(m.Text, "secret-host") || strings.Contains(m.Text, "xoxb") {
		t.Errorf("got %q", m.Text)
	}
}

func TestALongMenuSaysWhatItDoesNotShow(t *testing.T) {
	var many []access.Account
	for i := range 100 {
		many = append(many, access.Account{ID: fmt.Sprintf("%012d", i), Name: strings.Repeat("n", 90)})
	}
	text, err := json.Marshal(Options(many, 345))
	if err != nil || !strings.Contains(string(text), "Showing 100 of 345: type more letters") {
		t.Errorf("%v, %.200s", err, text)
	}
	if text, _ := json.Marshal(Options(nil, 0)); string(text) != `{"options":[]}` {
		t.Errorf("an empty menu: %s", text)
	}
}
