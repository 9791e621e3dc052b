package slackui

import (
	"errors"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-access/aws-access/pkg/access"
)

// length stands in for the policy's parser: hours and minutes, with units.
func length(s string) (time.Duration, error) {
	s = strings.NewReplacer("hours", "h", "hour", "h", "min", "m", " ", "").Replace(s)
	if s == "" || !regexp.MustCompile(`^([0-9]+h)?([0-9]+m)?$`).MatchString(s) {
		return 0, errors.New("not a length")
	}
	return time.ParseDuration(s)
}

func TestTheOneLineForm(t *testing.T) {
	ask := func(account, role string, d time.Duration, reason, ticket string) Line {
		return Line{Verb: VerbAsk, Account: account, Role: role, For: d, Reason: reason, Ticket: ticket}
	}
	why := func(reason string) Line { return ask("prod", "Admin", time.Hour, reason, "") }
	for text, want := range map[string]Line{
		"":       {},
		"  ":     {},
		" Help ": {Verb: VerbHelp},
		"list":   {Verb: VerbList},
		`payments-prod ReadOnly 2h "INC-42 stuck payouts"`:   ask("payments-prod", "ReadOnly", 2*time.Hour, "INC-42 stuck payouts", ""),
		`111111111111 Admin 90m "why" ticket=INC-42`:         ask("111111111111", "Admin", 90*time.Minute, "why", "INC-42"),
		`prod Admin 1h "why" Ticket=A=1`:                     ask("prod", "Admin", time.Hour, "why", "A=1"),
		"prod Admin 1h „deutsch“ ticket=A-1":                 ask("prod", "Admin", time.Hour, "deutsch", "A-1"),
		"prod  Admin\t1h  “phone quotes”":                    why("phone quotes"),
		"prod Admin 1h ‘don’t panic’":                        why("don’t panic"),
		"prod Admin 1h ”svenska”":                            why("svenska"),
		"prod Admin 1h «français»":                           why("français"),
		"prod Admin 1h »dansk«":                              why("dansk"),
		"prod Admin 1h 'don't panic'":                        why("don't panic"),
		`prod Admin 1h "she said \"no\" twice"`:              why(`she said "no" twice`),
		`prod Admin 1h "it"s"`:                               why(`it"s`),
		"prod Admin 1h \"two\nlines 🙂\"":                     why("two\nlines 🙂"),
		`prod Admin 1h "<!channel> &amp; <https://evil|Go>"`: why("<!channel> &amp; <https://evil|Go>"),
		`prod Admin 1h "C:\path \\server \n"`:                why(`C:\path \\server \n`),
		`prod Admin 1h "` + strings.Repeat("é", 3000) + `"`:  why(strings.Repeat("é", 3000)),
		`prod Admin 1h " kept  as typed "`:                   why(" kept  as typed "),
		`"Payments Prod" Admin 1h "why"`:                     ask("Payments Prod", "Admin", time.Hour, "why", ""),
		`“Zürich – Core” 'Read Only' 1h “why”`:               ask("Zürich – Core", "Read Only", time.Hour, "why", ""),
		`„Zürich“ Admin 1h „why“`:                            ask("Zürich", "Admin", time.Hour, "why", ""),
		`prod Admin 1 hour "why"`:                            why("why"),
		`prod Admin 0 h 60 min "why"`:                        why("why"),
		`prod Admin 0h "why"`:                                ask("prod", "Admin", 0, "why", ""),
		`prod Admin 1h ""`:                                   why(""),
	} {
		got, err := ParseLine(text, length)
		if err != nil || got != want {
			t.Errorf("%q: got %+v, %v; want %+v", truncate(text, 80), got, err, want)
		}
	}
}

func TestALineThatIsWrongSaysWhatIsWrongAndWhatIsRight(t *testing.T) {
	for text, want := range map[string]struct{ code, says string }{
		`prod`:                         {"bad_line", "The role is missing in “prod”."},
		`prod Admin`:                   {"bad_line", "The time, such as 2h, is missing"},
		`prod "why"`:                   {"bad_line", "The role is missing"},
		`prod Admin "why"`:             {"bad_line", "The time, such as 2h, is missing"},
		`"prod"`:                       {"bad_line", "The account is missing"},
		`"" Admin 1h "why"`:            {"bad_line", "The account is missing"},
		`"Payments Prod Admin 1h why`:  {"bad_line", "The quote before the account is not closed"},
		`Payments Prod Admin 1h "why"`: {"bad_line", "Put a name with spaces in quotes, or write the account's 12 digits"},
		`Zürich – Core Prod Admin 2 hours "why"`:            {"bad_line", "Put a name with spaces in quotes"},
		`prod Admin two hours "why"`:                        {"bad_length", "“two hours” is not a length of time"},
		`prod Admin 2 hours`:                                {"bad_line", "The reason in quotes is missing"},
		`prod Admin 2h`:                                     {"bad_line", "The reason in quotes is missing"},
		`prod Admin 2h why not`:                             {"bad_line", "The reason in quotes is missing"},
		`prod Admin 2h ticket=A "why"`:                      {"bad_line", "The reason in quotes is missing"},
		`prod Admin 2h "why`:                                {"bad_line", "is not closed"},
		`prod Admin 2h "why”`:                               {"bad_line", "is not closed"},
		`prod Admin 2h "C:\dir\"`:                           {"bad_line", "is not closed"},
		`prod Admin 2h "`:                                   {"bad_line", "is not closed"},
		`prod Admin 2h "why" INC-42`:                        {"bad_line", "“INC-42” after the reason is not understood"},
		`prod Admin 2h "one" "two"`:                         {"bad_line", "“\"two\"” after the reason"},
		`prod Admin 2h "see "x" ticket=A"`:                  {"bad_line", "after the reason is not understood"},
		`prod Admin 2h "why" ticket=`:                       {"bad_line", "after the reason is not understood"},
		`prod Admin 2h "why" ticket=A B`:                    {"bad_line", "after the reason is not understood"},
		`prod Admin 90 "why"`:                               {"bad_length", "“90” is not a length of time"},
		`prod Admin -1h "why"`:                              {"bad_length", "“-1h” is"},
		`prod Admin 1e9h "why"`:                             {"bad_length", "“1e9h” is"},
		`prod Admin 99999999999999999h "why"`:               {"bad_length", "“99999999999999999h” is"},
		"prod Admin \u202e2h \"why\"":                       {"bad_length", "“[U+202E]2h” is"},
		"a\n\u202e" + strings.Repeat("x", 99):               {"bad_line", "The time, such as 2h, is missing in “a [U+202E]x"},
		`prod Admin 1h "` + strings.Repeat("é", 3001) + `"`: {"reason_too_long", "yours has 3001"},
	} {
		_, err := ParseLine(text, length)
		if access.Code(err) != want.code || !strings.Contains(err.Error(), want.says) {
			t.Errorf("%q: got %q %v, want %q %q", truncate(text, 60), access.Code(err), err, want.code, want.says)
			continue
		}
		if want.code != "reason_too_long" && !strings.Contains(err.Error(), lineForm) {
			t.Errorf("%q: %v does not show the right form", text, err)
		}
	}
}

func TestParseCommand(t *testing.T) {
	body := url.Values{
		"token": {"x"}, "team_id": {"T0SANDBOX"}, "team_domain": {"x"}, "enterprise_id": {"E0"}, "channel_id": {"C0PAYMENTS"}, "user_id": {"U0DEV1"}, "user_name": {"dev"},
		"command": {"/aws-access"}, "text": {"a &amp; <!channel> “x”\n"}, "api_app_id": {"A0"}, "is_enterprise_install": {"false"},
		"response_url": {"https://hooks.slack.com/commands/x"}, "trigger_id": {"1.2.3"},
	}.Encode()
	want := Command{
		Team: "T0SANDBOX", Enterprise: "E0", User: "U0DEV1", Channel: "C0PAYMENTS", Text: "a &amp; <!channel> “x”\n",
		TriggerID: "1.2.3", ResponseURL: "https://hooks.slack.com/commands/x",
	}
	if got, err := ParseCommand([]byte(body)); err != nil || got != want {
		t.Errorf("%v\n%s", err, cmp.Diff(want, got))
	}
	for body, says := range map[string]string{"user_id=U&text=%ff": "not UTF-8", "%zz": "not a form", "a;b": "not a form", "": "has no user", "text=help": "has no user"} {
		if got, err := ParseCommand([]byte(body)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %+v, %v; want %q", body, got, err, says)
		}
	}
}

// parsed reads a payload as Slack sends it.
func parsed(payload string) (Interaction, error) {
	return ParseInteraction([]byte(url.Values{"payload": {payload}}.Encode()))
}

func TestParseInteraction(t *testing.T) {
	for name, c := range map[string]struct {
		payload string
		want    Interaction
	}{
		"a button": {
			`{"type":"block_actions","team":{"id":"T0SANDBOX","domain":"x"},"enterprise":null,"user":{"id":"U0LEAD1","name":"l","team_id":"T0OTHER"},
			"api_app_id":"A0","token":"x","container":{"type":"message","message_ts":"1.5","channel_id":"C0APPROVALS","is_ephemeral":false},
			"trigger_id":"1.2.3","response_url":"https://hooks.slack.com/actions/x","channel":{"id":"C0APPROVALS","name":"approvals"},
			"message":{"ts":"1.5","blocks":[{"type":"from_the_future"}]},"state":{"values":{}},"is_enterprise_install":false,"new_field":[1],
			"actions":[{"action_id":"approve","block_id":"b","value":"01ID","type":"button","text":{"type":"plain_text","text":"Approve","emoji":false},"action_ts":"1.6"}]}`,
			Interaction{
				Type: BlockActions, Team: "T0SANDBOX", User: "U0LEAD1", UserTeam: "T0OTHER", TriggerID: "1.2.3", ResponseURL: "https://hooks.slack.com/actions/x",
				Action: Action{ID: "approve", BlockID: "b", Value: "01ID", Label: "Approve"}, Channel: "C0APPROVALS", TS: "1.5",
			},
		},
		"a button of a message that one person sees": {
			`{"type":"block_actions","team":{"id":"T"},"user":{"id":"U"},"container":{"type":"message","message_ts":"1.7","channel_id":"D0","is_ephemeral":true},
			"actions":[{"action_id":"cancel","block_id":"b","value":"01ID"}]}`,
			Interaction{Type: BlockActions, Team: "T", User: "U", Channel: "D0", TS: "1.7", Ephemeral: true,
				Action: Action{ID: "cancel", BlockID: "b", Value: "01ID"}},
		},
		"a choice in a form, of a whole organisation": {
			`{"type":"block_actions","team":null,"enterprise":{"id":"E0","name":"x"},"is_enterprise_install":true,"user":{"id":"U"},"trigger_id":"1",
			"container":{"type":"view","view_id":"V1"},"view":{"id":"V1","root_view_id":"V0","hash":"h","callback_id":"ask","state":{"values":{
			"account":{"account":{"type":"external_select","selected_option":{"text":{"text":"x"},"value":"111111111111"}}}}}},
			"actions":[{"type":"static_select","action_id":"role:111111111111","block_id":"role:111111111111","selected_option":{"text":{"type":"plain_text","text":"Admin!"},"value":"Admin"}}]}`,
			Interaction{
				Type: BlockActions, Enterprise: "E0", User: "U", TriggerID: "1",
				Action: Action{ID: "role", BlockID: "role:111111111111", Value: "Admin", Label: "Admin!"},
				View: View{
					ID: "V1", RootID: "V0", Hash: "h", Callback: "ask", Values: map[string]string{"account": "111111111111"}, Blocks: map[string]string{"account": "account"},
				},
			},
		},
		"a form": {
			`{"type":"view_submission","team":{"id":"T2","enterprise_id":"E0"},"enterprise":null,"user":{"id":"U"},
			"response_urls":[],"view":{"id":"V1","team_id":"T2","app_installed_team_id":"T","hash":"h","callback_id":"ask",
			"private_metadata":"m",
			"state":{"values":{"role:1":{"role:1":{"type":"static_select","selected_option":{"value":"Admin"}}},
			"reason":{"reason":{"type":"plain_text_input","value":"a &amp; <b>\n“c”"}},
			"ticket":{"ticket":{"type":"plain_text_input","value":null}},"account":{"account":{"type":"external_select","selected_option":null}}}}}}`,
			Interaction{Type: ViewSubmission, Team: "T2", Enterprise: "E0", User: "U", View: View{
				ID: "V1", Hash: "h", Callback: "ask", Metadata: "m", Installed: "T",
				Values: map[string]string{"role": "Admin", "reason": "a &amp; <b>\n“c”"},
				Blocks: map[string]string{"role": "role:1", "reason": "reason", "ticket": "ticket", "account": "account"},
			}},
		},
		"a menu that wants options": {
			`{"type":"block_suggestion","team":{"id":"T"},"user":{"id":"U"},"action_id":"account","block_id":"account","value":"pay","view":{"id":"V1","state":{"values":{}}}}`,
			Interaction{
				Type: BlockSuggestion, Team: "T", User: "U", Typed: "pay", Action: Action{ID: "account", BlockID: "account"},
				View: View{ID: "V1", Values: map[string]string{}, Blocks: map[string]string{}},
			},
		},
		"a form that was closed": {
			`{"type":"view_closed","team":{"id":"T"},"user":{"id":"U"},"is_cleared":true}`,
			Interaction{Type: ViewClosed, Team: "T", User: "U"},
		},
	} {
		got, err := parsed(c.payload)
		if err != nil || !cmp.Equal(got, c.want) {
			t.Errorf("%s: %v\n%s", name, err, cmp.Diff(c.want, got))
		}
	}
}

func TestWhatIsNoPayloadIsRefused(t *testing.T) {
	for payload, want := range map[string]struct{ code, says string }{
		``:                                    {"", "not JSON"},
		`null`:                                {"", "no type or no user"},
		`[]`:                                  {"", "not JSON"},
		`{}`:                                  {"", "no type or no user"},
		`{"type":7,"user":{"id":"U"}}`:        {"", "not JSON of the right shape"},
		`{"type":"block_actions","user":"U"}`: {"", "not JSON of the right shape"},
		`{"type":"block_actions","user":{"id":"U"},"actions":{}}`:                          {"", "not JSON of the right shape"},
		`{"type":"block_actions","user":{"id":"U"},"actions":[{"value":{"id":"secret"}}]}`: {"", "not JSON of the right shape"},
		`{"type":"view_submission","user":{"id":"U"},"view":{"state":{"values":[]}}}`:      {"", "not JSON of the right shape"},
		`{"type":"block_actions","user":{}}`:                                               {"", "no type or no user"},
		`{"type":"message_action","user":{"id":"U"}}`:                                      {"unknown_payload", "does not know this kind"},
		`{"type":"shortcut","user":{"id":"U"}}`:                                            {"unknown_payload", "does not know this kind"},
		`{"type":"dialog_submission","user":{"id":"U"}}`:                                   {"unknown_payload", "does not know this kind"},
	} {
		got, err := parsed(payload)
		if err == nil || access.Code(err) != want.code || !strings.Contains(err.Error(), want.says) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %+v and %q %v, want %q %q", payload, got, access.Code(err), err, want.code, want.says)
		}
	}
	for body, says := range map[string]string{"": "not JSON", "payload=%ff": "not UTF-8", "payload=%zz": "not a form"} {
		if got, err := ParseInteraction([]byte(body)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %+v, %v; want %q", body, got, err, says)
		}
	}
}

func FuzzParseLine(f *testing.F) {
	f.Add(`payments-prod ReadOnly 2h "why" ticket=INC-42`)
	f.Add("a b 1h „x“")
	f.Add(`a b 1h "\`)
	f.Add(`a b 1h "it\"s \\ "x" ticket=`)
	f.Fuzz(func(t *testing.T, text string) {
		line, err := ParseLine(text, length)
		if err != nil {
			if access.Code(err) == "" {
				t.Errorf("%q: not a refusal: %v", text, err)
			}
			return
		}
		if line.Verb != VerbAsk {
			if line != (Line{Verb: line.Verb}) {
				t.Errorf("%q: got %+v", text, line)
			}
			return
		}
		if utf8.RuneCountInString(line.Reason) > access.MaxReason || line.Account == "" || line.Role == "" || line.For <= 0 {
			t.Errorf("%q: got %+v", text, line)
		}
		if !strings.Contains(text, line.Reason) && !strings.ContainsRune(text, '\\') {
			t.Errorf("%q: the reason %q is not as typed", text, line.Reason)
		}
	})
}

func FuzzParseInteraction(f *testing.F) {
	f.Add(`{"type":"block_actions","user":{"id":"U"},"actions":[{"selected_option":null}]}`)
	f.Add(`{"type":"view_submission","user":{"id":"U"},"view":{"id":"V","state":{"values":{"a":{"b":null,"c":{"value":"d"}}}}}}`)
	f.Add(`{"type":"block_suggestion","user":{"id":"U"},"value":"pay"}`)
	f.Fuzz(func(t *testing.T, payload string) {
		in, err := parsed(payload)
		if err == nil && (in.User == "" || in.Type == "") {
			t.Errorf("%q: got %+v", payload, in)
		}
		if strings.Contains(in.Action.ID, ":") {
			t.Errorf("%q: action id %q has its suffix", payload, in.Action.ID)
		}
	})
}

func FuzzParseInteractionBody(f *testing.F) {
	f.Add([]byte("payload=%7B%22type%22%3A%22block_actions%22%2C%22user%22%3A%7B%22id%22%3A%22U%22%7D%7D"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if in, err := ParseInteraction(body); err == nil && in.User == "" {
			t.Errorf("%q: got %+v", body, in)
		}
	})
}

func FuzzParseCommand(f *testing.F) {
	f.Add([]byte("team_id=T&user_id=U&text=help"))
	f.Add([]byte("ssl_check=1"))
	f.Fuzz(func(t *testing.T, body []byte) {
		if c, err := ParseCommand(body); err == nil && (!utf8.ValidString(c.Text) || c.User == "") {
			t.Errorf("%q: got %+v", body, c)
		}
	})
}
