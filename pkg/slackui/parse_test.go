package slackui

import (
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-access/aws-access/pkg/access"
)

// length stands in for the policy's parser.
func length(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err == nil && d <= 0 {
		err = errors.New("not positive")
	}
	return d, err
}

func TestTheOneLineForm(t *testing.T) {
	ask := func(account, role string, d time.Duration, reason, ticket string) Line {
		return Line{Verb: VerbAsk, Account: account, Role: role, For: d, Reason: reason, Ticket: ticket}
	}
	for text, want := range map[string]Line{
		"":       {},
		"  ":     {},
		" Help ": {Verb: VerbHelp},
		"list":   {Verb: VerbList},
		`payments-prod ReadOnly 2h "INC-42 stuck payouts"`:   ask("payments-prod", "ReadOnly", 2*time.Hour, "INC-42 stuck payouts", ""),
		`111111111111 Admin 90m "why" ticket=INC-42`:         ask("111111111111", "Admin", 90*time.Minute, "why", "INC-42"),
		"prod  Admin\t1h  “phone quotes”":                    ask("prod", "Admin", time.Hour, "phone quotes", ""),
		"prod Admin 1h „deutsch“ ticket=A-1":                 ask("prod", "Admin", time.Hour, "deutsch", "A-1"),
		"prod Admin 1h «français»":                           ask("prod", "Admin", time.Hour, "français", ""),
		"prod Admin 1h 'don't panic'":                        ask("prod", "Admin", time.Hour, "don't panic", ""),
		`prod Admin 1h "she said \"no\" twice"`:              ask("prod", "Admin", time.Hour, `she said "no" twice`, ""),
		"prod Admin 1h \"two\nlines 🙂\"":                     ask("prod", "Admin", time.Hour, "two\nlines 🙂", ""),
		`prod Admin 1h "<!channel> &amp; <https://evil|Go>"`: ask("prod", "Admin", time.Hour, "<!channel> &amp; <https://evil|Go>", ""),
		`prod Admin 1h "C:\path\file"`:                       ask("prod", "Admin", time.Hour, `C:\path\file`, ""),
		`prod Admin 1h "` + strings.Repeat("é", 3000) + `"`:  ask("prod", "Admin", time.Hour, strings.Repeat("é", 3000), ""),
		`prod Admin 1h ""`:                                   ask("prod", "Admin", time.Hour, "", ""),
	} {
		got, err := ParseLine(text, length)
		if err != nil || got != want {
			t.Errorf("%q: got %+v, %v; want %+v", cut(text, 80), got, err, want)
		}
	}
}

func TestALineThatIsWrongSaysWhatIsWrong(t *testing.T) {
	for text, want := range map[string]struct{ code, says string }{
		`prod`:                           {"bad_line", "I miss a role"},
		`prod Admin`:                     {"bad_line", "I miss a time"},
		`prod "why"`:                     {"bad_line", "Before the reason I miss a role"},
		`prod Admin "why"`:               {"bad_line", "Before the reason I miss a time"},
		`prod Admin 2h`:                  {"bad_line", "I miss the reason in quotes"},
		`prod Admin 2h why not`:          {"bad_line", "I miss the reason in quotes"},
		`prod Admin 2h "why`:             {"bad_line", "is not closed"},
		`prod Admin 2h "why" INC-42`:     {"bad_line", "I do not understand “INC-42”"},
		`prod Admin 2h "why" ticket=`:    {"bad_line", "I do not understand"},
		`prod Admin 2h "why" ticket=A B`: {"bad_line", "I do not understand"},
		`prod Admin 90 "why"`:            {"bad_length", "“90” is not a length of time"},
		`prod Admin 0h "why"`:            {"bad_length", "“0h”"},
		`prod Admin -1h "why"`:           {"bad_length", "“-1h”"},
		`prod Admin 1e9h "why"`:          {"bad_length", "“1e9h”"},
		`prod Admin 1h "` + strings.Repeat("é", 3001) + `"`: {"reason_too_long", "yours has 3001"},
	} {
		_, err := ParseLine(text, length)
		if access.Code(err) != want.code || !strings.Contains(err.Error(), want.says) {
			t.Errorf("%q: got %q %v, want %q %q", cut(text, 60), access.Code(err), err, want.code, want.says)
		}
	}
}

func TestParseInteraction(t *testing.T) {
	in, err := ParseInteraction([]byte(url.Values{"payload": {`{
		"type":"block_actions","team":{"id":"T0SANDBOX","domain":"x"},"enterprise":null,"user":{"id":"U0LEAD1","team_id":"T0SANDBOX"},
		"trigger_id":"1.2.3","response_url":"https://hooks.slack.com/actions/x","channel":{"id":"C0APPROVALS"},"message":{"ts":"1.5"},
		"actions":[{"action_id":"approve","block_id":"b","value":"01ID","type":"button"}],"is_enterprise_install":false,"new_field":[1]}`}}.Encode()))
	want := Interaction{
		Type: BlockActions, Team: "T0SANDBOX", User: "U0LEAD1", TriggerID: "1.2.3", ResponseURL: "https://hooks.slack.com/actions/x",
		Action: Action{ID: "approve", BlockID: "b", Value: "01ID"}, Channel: "C0APPROVALS", TS: "1.5",
	}
	if err != nil || !cmp.Equal(in, want) {
		t.Errorf("%v\n%s", err, cmp.Diff(want, in))
	}
	in, err = ParseInteraction([]byte(url.Values{"payload": {`{
		"type":"view_submission","team":{"id":"T"},"user":{"id":"U"},"view":{"id":"V1","hash":"h","callback_id":"ask","private_metadata":"m",
		"state":{"values":{"role:1":{"role:1":{"type":"static_select","selected_option":{"value":"Admin"}}},"reason":{"reason":{"value":"why"}},"ticket":{"ticket":{"value":null}}}}}}`}}.Encode()))
	wantView := View{
		ID: "V1", Hash: "h", Callback: "ask", Metadata: "m", Values: map[string]string{"role": "Admin", "reason": "why"},
		Blocks: map[string]string{"role": "role:1", "reason": "reason", "ticket": "ticket"},
	}
	if err != nil || !cmp.Equal(in.View, wantView) {
		t.Errorf("%v\n%s", err, cmp.Diff(wantView, in.View))
	}
}

func TestWhatIsNoPayloadIsRefused(t *testing.T) {
	for _, body := range []string{"", "payload=", "payload=null", "payload=[]", "payload={}", "payload=%7B%22type%22%3A7%7D", "%zz", "payload=%7B%22type%22%3A%22x%22%7D"} {
		if in, err := ParseInteraction([]byte(body)); err == nil {
			t.Errorf("%q: got %+v", body, in)
		}
	}
	if _, err := ParseCommand([]byte("text=%ff")); err == nil {
		t.Error("a command that is not UTF-8 was read")
	}
}

func FuzzParseLine(f *testing.F) {
	f.Add(`payments-prod ReadOnly 2h "why" ticket=INC-42`)
	f.Add("a b 1h „x“")
	f.Add(`a b 1h "\`)
	f.Fuzz(func(t *testing.T, text string) {
		line, err := ParseLine(text, length)
		if err != nil {
			if access.Code(err) == "" {
				t.Errorf("%q: not a refusal: %v", text, err)
			}
			return
		}
		if utf8.RuneCountInString(line.Reason) > access.MaxReason || (line.Verb == VerbAsk && (line.Account == "" || line.Role == "" || line.For <= 0)) {
			t.Errorf("%q: got %+v", text, line)
		}
	})
}

func FuzzParseInteraction(f *testing.F) {
	f.Add("payload=%7B%22type%22%3A%22block_actions%22%2C%22user%22%3A%7B%22id%22%3A%22U%22%7D%2C%22actions%22%3A%5B%7B%7D%5D%7D")
	f.Add("payload={\"type\":\"view_submission\",\"user\":{\"id\":\"U\"},\"view\":{\"state\":{\"values\":{\"a\":{\"b\":null}}}}}")
	f.Fuzz(func(t *testing.T, body string) {
		if in, err := ParseInteraction([]byte(body)); err == nil && (in.Type == "" || in.User == "") {
			t.Errorf("%q: got %+v", body, in)
		}
	})
}

func FuzzParseCommand(f *testing.F) {
	f.Add("team_id=T&user_id=U&text=help")
	f.Fuzz(func(t *testing.T, body string) {
		if c, err := ParseCommand([]byte(body)); err == nil && !utf8.ValidString(c.Text) {
			t.Errorf("%q: got %q", body, c.Text)
		}
	})
}

func FuzzEscape(f *testing.F) {
	f.Add("<!channel> *x* `y`\n\u202e")
	f.Fuzz(func(t *testing.T, s string) {
		if got := escape(s); strings.ContainsAny(got, "<>`\n\u202e\u2066") {
			t.Errorf("%q: got %q", s, got)
		}
	})
}
