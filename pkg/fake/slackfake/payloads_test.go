package slackfake

import (
	"encoding/json"
	"sort"
	"strings"
	"testing"

	"github.com/slack-go/slack"
)

// fieldNames returns the sorted field names of a JSON object.
func fieldNames(t *testing.T, text []byte) string {
	t.Helper()
	var names []string
	for name := range parsed(t, string(text)).(object) {
		names = append(names, name)
	}
	sort.Strings(names)
	return strings.Join(names, " ")
}

// payloadCase is a payload that users send from a message and a view.
type payloadCase struct {
	name  string
	build func(b *testServer, m Message, view string) ([]byte, error)
	kind  slack.InteractionType
	more  string // its fields besides those that every interaction has
	check func(in slack.InteractionCallback, m Message, view string) bool
}

var payloadCases = []payloadCase{
	{
		"click", func(b *testServer, m Message, _ string) ([]byte, error) {
			approve, _ := b.Button(m.Channel, m.TS, "Approve", 1)
			return b.ActionPayload("U0LEAD1", m.Channel, m.TS, approve)
		}, slack.InteractionTypeBlockActions,
		"actions channel container message response_url state trigger_id",
		func(in slack.InteractionCallback, m Message, _ string) bool {
			a := in.ActionCallback.BlockActions[0]
			return a.ActionID == "approve" && a.Value == "r1" && a.BlockID == "decide" && a.ActionTs != "" &&
				in.Container.MessageTs == m.TS && in.Container.ChannelID == m.Channel && in.Channel.ID == m.Channel &&
				in.Message.Timestamp == m.TS && len(in.Message.Blocks.BlockSet) == 2 && in.ResponseURL != ""
		},
	},
	{
		"choice", func(b *testServer, _ Message, view string) ([]byte, error) {
			return b.ViewActionPayload("U0LEAD1", view, "account", "account", json.RawMessage(optPayments))
		}, slack.InteractionTypeBlockActions,
		"actions container trigger_id view",
		func(in slack.InteractionCallback, _ Message, view string) bool {
			a := in.ActionCallback.BlockActions[0]
			return a.SelectedOption.Value == "111111111111" && a.ActionID == "account" &&
				in.Container.ViewID == view && in.View.Hash != ""
		},
	},
	{
		"submission", func(b *testServer, _ Message, view string) ([]byte, error) {
			return b.SubmitPayload("U0LEAD1", view)
		}, slack.InteractionTypeViewSubmission,
		"response_urls trigger_id view",
		func(in slack.InteractionCallback, _ Message, view string) bool {
			v := in.View.State.Values
			return v["for"]["for"].Value == "1h" && v["role"]["role"].SelectedOption.Value == "ReadOnly" &&
				v["account"]["account"].SelectedOption.Text.Text == "payments-prod" &&
				in.View.CallbackID == "request" && in.View.PrivateMetadata == "meta" &&
				in.View.ID == view && in.View.RootViewID == view
		},
	},
	{
		"typing", func(b *testServer, _ Message, view string) ([]byte, error) {
			return b.SuggestPayload("U0LEAD1", view, "account", "account", "pay")
		}, slack.InteractionTypeBlockSuggestion,
		"action_id block_id container value view",
		func(in slack.InteractionCallback, _ Message, _ string) bool {
			return in.Value == "pay" && in.ActionID == "account" && in.BlockID == "account" && in.TriggerID == ""
		},
	},
	{
		"closing", func(b *testServer, _ Message, view string) ([]byte, error) {
			return b.ClosePayload("U0LEAD1", view)
		}, slack.InteractionTypeViewClosed,
		"is_cleared view",
		func(in slack.InteractionCallback, _ Message, view string) bool { return in.View.ID == view },
	},
}

// Each payload has the fields of Slack's own (docs/facts.md#e2), and slack-go
// reads from it who did what.
func TestPayloadsHaveSlacksShapes(t *testing.T) {
	b := newTestServer(t)
	m := b.post("C0APPROVALS", card)
	view := b.open("U0DEV1", requestForm)
	for label, value := range map[string]string{"Account": optPayments, "Role": `"ReadOnly"`} {
		if err := b.SetInput(view, label, json.RawMessage(value)); err != nil {
			t.Fatal(err)
		}
	}
	const common = " api_app_id enterprise is_enterprise_install team token type user"
	for _, c := range payloadCases {
		payload, err := c.build(b, m, view)
		if err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
		want := strings.Fields(c.more + common)
		sort.Strings(want)
		if got := fieldNames(t, payload); got != strings.Join(want, " ") {
			t.Errorf("%s: got fields %s, want %s", c.name, got, strings.Join(want, " "))
		}
		var in slack.InteractionCallback
		if err := json.Unmarshal(payload, &in); err != nil {
			t.Fatalf("%s: slack-go cannot read it: %v", c.name, err)
		}
		if in.Type != c.kind || in.User.ID != "U0LEAD1" || in.User.TeamID != "T0SANDBOX" ||
			in.Team.ID != "T0SANDBOX" || in.APIAppID != "A0SANDBOX" || in.IsEnterpriseInstall || !c.check(in, m, view) {
			t.Errorf("%s: got %s", c.name, payload)
		}
		if !strings.Contains(string(payload), `"enterprise":null`) {
			t.Errorf("%s: enterprise is not null: %s", c.name, payload)
		}
	}
}

func TestACommandSendsSlacksForm(t *testing.T) {
	b := newTestServer(t)
	const line = `payments-prod ReadOnly 2h "why & <x>"`
	v := b.CommandPayload("U0OUTSIDE", "/aws-access", line)
	for name, want := range map[string]string{
		"team_id": "T0SANDBOX", "user_id": "U0OUTSIDE", "user_name": "outside",
		"command": "/aws-access", "text": line, "channel_id": CommandChannel, "channel_name": "payments",
		"api_app_id": "A0SANDBOX", "is_enterprise_install": "false",
	} {
		if got := v.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if v.Get("trigger_id") == "" ||
		!strings.HasPrefix(v.Get("response_url"), "http://127.0.0.1:8080/slack-api/response/") {
		t.Errorf("trigger and response url: got %v", v)
	}
}

func TestAClickFromAnotherWorkspaceNamesBothTeams(t *testing.T) {
	b := newTestServer(t)
	m := b.post(CommandChannel, card)
	action, _ := b.Button(m.Channel, m.TS, "Approve", 1)
	payload, err := b.ActionPayload("U0OUTSIDE", m.Channel, m.TS, action)
	o := parsed(t, string(payload)).(object)
	if err != nil || o["team"].(object)["id"] != "T0SANDBOX" || o["user"].(object)["team_id"] != "T0OTHER" {
		t.Errorf("got %s (%v), want the team T0SANDBOX and the user's T0OTHER", payload, err)
	}
}

// A user may click a button at the moment when the app removes it.
func TestARemovedButtonCanStillBeClicked(t *testing.T) {
	b := newTestServer(t)
	m := b.post("C0APPROVALS", card)
	b.mustOK(b.form(
		"chat.update", "channel", m.Channel, "ts", m.TS, "text", "done", "blocks", "["+sectionJSON("done")+"]",
	))
	now, _ := b.Message(m.Channel, m.TS)
	if strings.Contains(string(now.Blocks), "Approve") || !now.Edited {
		t.Errorf("the update did not replace the blocks: %s", now.Blocks)
	}
	action, ok := b.Button(m.Channel, m.TS, "Approve", 1)
	if !ok || !strings.Contains(string(action), `"value":"r1"`) {
		t.Errorf("got %s %v, want the removed button", action, ok)
	}
	for label, nth := range map[string]int{"Approve": 2, "approve": 1, "Revoke": 1} {
		if action, ok := b.Button(m.Channel, m.TS, label, nth); ok {
			t.Errorf("%s %d: got %s, want none", label, nth, action)
		}
	}
}

func TestAClickInAnEphemeralMessageCarriesNoMessage(t *testing.T) {
	b := newTestServer(t)
	m := b.post("C0APPROVALS", card)
	action, _ := b.Button(m.Channel, m.TS, "Approve", 1)
	o := b.mustOK(b.form("chat.postEphemeral", "channel", "C0OPS", "user", "U0DEV1", "text", "x", "blocks", card))
	payload, err := b.ActionPayload("U0DEV1", "C0OPS", o["message_ts"].(string), action)
	if err != nil || strings.Contains(string(payload), `"message":{`) ||
		!strings.Contains(string(payload), `"is_ephemeral":true`) {
		t.Errorf("got %s (%v), want no message", payload, err)
	}
}
