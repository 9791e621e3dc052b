package slackui

import (
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-access/aws-access/pkg/access"
)

func TestParseCommandReadsAForm(t *testing.T) {
	body := url.Values{
		"token": {"x"}, "team_id": {"T0SANDBOX"}, "team_domain": {"x"}, "enterprise_id": {"E0"},
		"channel_id": {"C0PAYMENTS"}, "user_id": {"U0DEV1"}, "user_name": {"dev"},
		"command": {"/aws-access"}, "text": {"a &amp; <!channel> “x”\n"}, "api_app_id": {"A0"},
		"is_enterprise_install": {"false"}, "response_url": {"https://hooks.slack.com/commands/x"},
		"trigger_id": {"1.2.3"},
	}.Encode()
	want := Command{
		Team: "T0SANDBOX", Enterprise: "E0", User: "U0DEV1", Channel: "C0PAYMENTS", Text: "a &amp; <!channel> “x”\n",
		TriggerID: "1.2.3", ResponseURL: "https://hooks.slack.com/commands/x",
	}
	if got, err := ParseCommand([]byte(body)); err != nil || got != want {
		t.Errorf("%v\n%s", err, cmp.Diff(want, got))
	}
	for body, says := range map[string]string{
		"user_id=U&text=%ff": "not UTF-8", "%zz": "not a form", "a;b": "not a form", "": "has no user",
		"text=help": "has no user",
	} {
		if got, err := ParseCommand([]byte(body)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %+v, %v; want %q", body, got, err, says)
		}
	}
}

// parsePayload parses a payload within the body that Slack sends.
func parsePayload(payload string) (Interaction, error) {
	return ParseInteraction([]byte(url.Values{"payload": {payload}}.Encode()))
}

// interactions are payloads as Slack sends them, and what is read of them.
var interactions = map[string]struct {
	payload string
	want    Interaction
}{
	"a button": {
		`{"type":"block_actions","team":{"id":"T0SANDBOX","domain":"x"},"enterprise":null,
		"user":{"id":"U0LEAD1","name":"l","team_id":"T0OTHER"},"api_app_id":"A0","token":"x",
		"container":{"type":"message","message_ts":"1.5","channel_id":"C0APPROVALS","is_ephemeral":false},
		"trigger_id":"1.2.3","response_url":"https://hooks.slack.com/actions/x",
		"channel":{"id":"C0APPROVALS","name":"approvals"},
		"message":{"ts":"1.5","blocks":[{"type":"from_the_future"}]},
		"state":{"values":{}},"is_enterprise_install":false,"new_field":[1],
		"actions":[{"action_id":"approve","block_id":"b","value":"01ID","type":"button",
		"text":{"type":"plain_text","text":"Approve","emoji":false},"action_ts":"1.6"}]}`,
		Interaction{
			Type: BlockActions, Team: "T0SANDBOX", User: "U0LEAD1", UserTeam: "T0OTHER",
			TriggerID: "1.2.3", ResponseURL: "https://hooks.slack.com/actions/x",
			Action:  Action{ID: "approve", BlockID: "b", Value: "01ID", Label: "Approve"},
			Channel: "C0APPROVALS", TS: "1.5",
		},
	},
	"a button of a message that only one person sees": {
		`{"type":"block_actions","team":{"id":"T"},"user":{"id":"U"},
		"container":{"type":"message","message_ts":"1.7","channel_id":"D0","is_ephemeral":true},
		"actions":[{"action_id":"cancel","block_id":"b","value":"01ID"}]}`,
		Interaction{
			Type: BlockActions, Team: "T", User: "U", Channel: "D0", TS: "1.7", Ephemeral: true,
			Action: Action{ID: "cancel", BlockID: "b", Value: "01ID"},
		},
	},
	"a choice in a form, of a whole organisation": {
		`{"type":"block_actions","team":null,"enterprise":{"id":"E0","name":"x"},"is_enterprise_install":true,
		"user":{"id":"U"},"trigger_id":"1","container":{"type":"view","view_id":"V1"},
		"view":{"id":"V1","root_view_id":"V0","hash":"h","callback_id":"ask","state":{"values":{
		"account":{"account":{"type":"external_select",
		"selected_option":{"text":{"text":"x"},"value":"111111111111"}}}}}},
		"actions":[{"type":"static_select","action_id":"role:111111111111","block_id":"role:111111111111",
		"selected_option":{"text":{"type":"plain_text","text":"Admin!"},"value":"Admin"}}]}`,
		Interaction{
			Type: BlockActions, Enterprise: "E0", User: "U", TriggerID: "1",
			Action: Action{ID: "role", BlockID: "role:111111111111", Value: "Admin", Label: "Admin!"},
			View: View{
				ID: "V1", RootID: "V0", Hash: "h", Callback: "ask",
				Values: map[string]string{"account": "111111111111"}, Blocks: map[string]string{"account": "account"},
			},
		},
	},
	"a form that was sent": {
		`{"type":"view_submission","team":{"id":"T2","enterprise_id":"E0"},"enterprise":null,"user":{"id":"U"},
		"response_urls":[],"view":{"id":"V1","team_id":"T2","app_installed_team_id":"T","hash":"h",
		"callback_id":"ask","private_metadata":"m",
		"state":{"values":{"role:1":{"role:1":{"type":"static_select","selected_option":{"value":"Admin"}}},
		"reason":{"reason":{"type":"plain_text_input","value":"a &amp; <b>\n“c”"}},
		"ticket":{"ticket":{"type":"plain_text_input","value":null}},
		"account":{"account":{"type":"external_select","selected_option":null}}}}}}`,
		Interaction{Type: ViewSubmission, Team: "T2", Enterprise: "E0", User: "U", View: View{
			ID: "V1", Hash: "h", Callback: "ask", Metadata: "m", Installed: "T",
			Values: map[string]string{"role": "Admin", "reason": "a &amp; <b>\n“c”"},
			Blocks: map[string]string{"role": "role:1", "reason": "reason", "ticket": "ticket", "account": "account"},
		}},
	},
	"a menu that asks for options": {
		`{"type":"block_suggestion","team":{"id":"T"},"user":{"id":"U"},
		"action_id":"account","block_id":"account","value":"pay","view":{"id":"V1","state":{"values":{}}}}`,
		Interaction{
			Type: BlockSuggestion, Team: "T", User: "U", Typed: "pay", Action: Action{ID: "account", BlockID: "account"},
			View: View{ID: "V1", Values: map[string]string{}, Blocks: map[string]string{}},
		},
	},
	"a form that was closed": {
		`{"type":"view_closed","team":{"id":"T"},"user":{"id":"U"},"is_cleared":true}`,
		Interaction{Type: ViewClosed, Team: "T", User: "U"},
	},
}

func TestParseInteractionReadsWhatSlackSends(t *testing.T) {
	for name, c := range interactions {
		got, err := parsePayload(c.payload)
		if err != nil || !cmp.Equal(got, c.want) {
			t.Errorf("%s: %v\n%s", name, err, cmp.Diff(c.want, got))
		}
	}
}

func TestAnInvalidPayloadIsRefusedAndNotQuoted(t *testing.T) {
	const shape, unknown = "not JSON of the right shape", "does not know this kind"
	for payload, want := range map[string]struct{ code, says string }{
		``:                                    {"", "not JSON"},
		`null`:                                {"", "no type or no user"},
		`[]`:                                  {"", "not JSON"},
		`{}`:                                  {"", "no type or no user"},
		`{"type":7,"user":{"id":"U"}}`:        {"", shape},
		`{"type":"block_actions","user":"U"}`: {"", shape},
		`{"type":"block_actions","user":{"id":"U"},"actions":{}}`:                          {"", shape},
		`{"type":"block_actions","user":{"id":"U"},"actions":[{"value":{"id":"secret"}}]}`: {"", shape},
		`{"type":"view_submission","user":{"id":"U"},"view":{"state":{"values":[]}}}`:      {"", shape},
		`{"type":"block_actions","user":{}}`:                                               {"", "no type or no user"},
		`{"type":"message_action","user":{"id":"U"}}`:                                      {"unknown_payload", unknown},
		`{"type":"shortcut","user":{"id":"U"}}`:                                            {"unknown_payload", unknown},
		`{"type":"dialog_submission","user":{"id":"U"}}`:                                   {"unknown_payload", unknown},
	} {
		got, err := parsePayload(payload)
		if err == nil || access.Code(err) != want.code || !strings.Contains(err.Error(), want.says) ||
			strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: got %+v and %q %v, want %q %q", payload, got, access.Code(err), err, want.code, want.says)
		}
	}
	for body, says := range map[string]string{"": "not JSON", "payload=%ff": "not UTF-8", "payload=%zz": "not a form"} {
		if got, err := ParseInteraction([]byte(body)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: got %+v, %v; want %q", body, got, err, says)
		}
	}
}

func FuzzParseInteraction(f *testing.F) {
	f.Add(`{"type":"block_actions","user":{"id":"U"},"actions":[{"selected_option":null}]}`)
	f.Add(`{"type":"view_submission","user":{"id":"U"},
		"view":{"id":"V","state":{"values":{"a":{"b":null,"c":{"value":"d"}}}}}}`)
	f.Add(`{"type":"block_suggestion","user":{"id":"U"},"value":"pay"}`)
	f.Fuzz(func(t *testing.T, payload string) {
		in, err := parsePayload(payload)
		if err == nil && (in.User == "" || in.Type == "") {
			t.Errorf("%q: got %+v", payload, in)
		}
		if strings.Contains(in.Action.ID, ":") {
			t.Errorf("%q: the action id %q still has its suffix", payload, in.Action.ID)
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
