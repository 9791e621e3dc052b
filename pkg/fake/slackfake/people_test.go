package slackfake

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/slack-go/slack"
)

// keys are the names that a JSON object holds.
func keys(t *testing.T, text []byte) string {
	t.Helper()
	var names []string
	for name := range parsed(t, string(text)).(object) {
		names = append(names, name)
	}
	sort.Strings(names)
	return strings.Join(names, " ")
}

// Each payload has the fields that Slack's have (docs/facts.md#e2), and slack-go reads
// out of it who did what to what.
func TestPayloadsHaveSlacksShapes(t *testing.T) {
	b := newBench(t)
	m := b.post("C0APPROVALS", card)
	approve, _ := b.Button(m.Channel, m.TS, "Approve", 1)
	view := b.open("U0DEV1", requestForm)
	for label, value := range map[string]string{"Account": optPayments, "Role": `"ReadOnly"`} {
		if err := b.SetInput(view, label, json.RawMessage(value)); err != nil {
			t.Fatal(err)
		}
	}
	common := " api_app_id enterprise is_enterprise_install team token type user"
	for name, c := range map[string]struct {
		build func() ([]byte, error)
		kind  slack.InteractionType
		more  string
		check func(in slack.InteractionCallback) bool
	}{
		"click": {func() ([]byte, error) { return b.ActionPayload("U0LEAD1", m.Channel, m.TS, approve) }, slack.InteractionTypeBlockActions,
			"actions channel container message response_url state trigger_id", func(in slack.InteractionCallback) bool {
				a := in.ActionCallback.BlockActions[0]
				return a.ActionID == "approve" && a.Value == "r1" && a.BlockID == "decide" && a.ActionTs != "" && in.Container.MessageTs == m.TS &&
					in.Container.ChannelID == m.Channel && in.Channel.ID == m.Channel && in.Message.Timestamp == m.TS && len(in.Message.Blocks.BlockSet) == 2 && in.ResponseURL != ""
			}},
		"choice": {func() ([]byte, error) {
			return b.ViewActionPayload("U0LEAD1", view, "account", "account", json.RawMessage(optPayments))
		}, slack.InteractionTypeBlockActions, "actions container trigger_id view", func(in slack.InteractionCallback) bool {
			a := in.ActionCallback.BlockActions[0]
			return a.SelectedOption.Value == "111111111111" && a.ActionID == "account" && in.Container.ViewID == view && in.View.Hash != ""
		}},
		"submission": {func() ([]byte, error) { return b.SubmitPayload("U0LEAD1", view) }, slack.InteractionTypeViewSubmission,
			"response_urls trigger_id view", func(in slack.InteractionCallback) bool {
				v := in.View.State.Values
				return v["for"]["for"].Value == "1h" && v["role"]["role"].SelectedOption.Value == "ReadOnly" && v["account"]["account"].SelectedOption.Text.Text == "payments-prod" &&
					in.View.CallbackID == "request" && in.View.PrivateMetadata == "meta" && in.View.ID == view && in.View.RootViewID == view
			}},
		"typing": {func() ([]byte, error) { return b.SuggestPayload("U0LEAD1", view, "account", "account", "pay") }, slack.InteractionTypeBlockSuggestion,
			"action_id block_id container value view", func(in slack.InteractionCallback) bool {
				return in.Value == "pay" && in.ActionID == "account" && in.BlockID == "account" && in.TriggerID == ""
			}},
		"closing": {func() ([]byte, error) { return b.ClosePayload("U0LEAD1", view) }, slack.InteractionTypeViewClosed,
			"is_cleared view", func(in slack.InteractionCallback) bool { return in.View.ID == view }},
	} {
		payload, err := c.build()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		want := strings.Fields(c.more + common)
		sort.Strings(want)
		if got := keys(t, payload); got != strings.Join(want, " ") {
			t.Errorf("%s: got fields %s, want %s", name, got, strings.Join(want, " "))
		}
		var in slack.InteractionCallback
		if err := json.Unmarshal(payload, &in); err != nil {
			t.Fatalf("%s: slack-go cannot read it: %v", name, err)
		}
		if in.Type != c.kind || in.User.ID != "U0LEAD1" || in.User.TeamID != "T0SANDBOX" || in.Team.ID != "T0SANDBOX" || in.APIAppID != "A0SANDBOX" || in.IsEnterpriseInstall || !c.check(in) {
			t.Errorf("%s: got %s", name, payload)
		}
		if !strings.Contains(string(payload), `"enterprise":null`) {
			t.Errorf("%s: enterprise is not null: %s", name, payload)
		}
	}
}

func TestACommandIsAFormAsSlackSendsIt(t *testing.T) {
	b := newBench(t)
	v := b.CommandPayload("U0OUTSIDE", "/aws-access", `payments-prod ReadOnly 2h "why & <x>"`)
	for name, want := range map[string]string{
		"team_id": "T0SANDBOX", "user_id": "U0OUTSIDE", "user_name": "outside", "command": "/aws-access", "text": `payments-prod ReadOnly 2h "why & <x>"`,
		"channel_id": CommandChannel, "channel_name": "payments", "api_app_id": "A0SANDBOX", "is_enterprise_install": "false",
	} {
		if got := v.Get(name); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if v.Get("trigger_id") == "" || !strings.HasPrefix(v.Get("response_url"), "http://127.0.0.1:8080/slack-api/response/") {
		t.Errorf("trigger and response url: got %v", v)
	}
}

func TestAnOutsidersClickCarriesBothTeams(t *testing.T) {
	b := newBench(t)
	m := b.post(CommandChannel, card)
	action, _ := b.Button(m.Channel, m.TS, "Approve", 1)
	payload, err := b.ActionPayload("U0OUTSIDE", m.Channel, m.TS, action)
	o := parsed(t, string(payload)).(object)
	if err != nil || o["team"].(object)["id"] != "T0SANDBOX" || o["user"].(object)["team_id"] != "T0OTHER" {
		t.Errorf("got %s (%v), want the team T0SANDBOX and the user's T0OTHER", payload, err)
	}
}

func TestAButtonThatIsGoneCanStillBeOnItsWay(t *testing.T) {
	b := newBench(t)
	m := b.post("C0APPROVALS", card)
	b.good(b.form("chat.update", "channel", m.Channel, "ts", m.TS, "text", "done", "blocks", "["+section("done")+"]"))
	now, _ := b.Message(m.Channel, m.TS)
	if strings.Contains(string(now.Blocks), "Approve") || !now.Edited {
		t.Errorf("the update did not replace the blocks: %s", now.Blocks)
	}
	action, ok := b.Button(m.Channel, m.TS, "Approve", 1)
	if !ok || !strings.Contains(string(action), `"value":"r1"`) {
		t.Errorf("got %s %v, want the button of before", action, ok)
	}
	for label, nth := range map[string]int{"Approve": 2, "approve": 1, "Revoke": 1} {
		if action, ok := b.Button(m.Channel, m.TS, label, nth); ok {
			t.Errorf("%s %d: got %s, want none", label, nth, action)
		}
	}
	ephemeral := b.good(b.form("chat.postEphemeral", "channel", "C0OPS", "user", "U0DEV1", "text", "x", "blocks", card))["message_ts"].(string)
	payload, err := b.ActionPayload("U0DEV1", "C0OPS", ephemeral, action)
	if err != nil || strings.Contains(string(payload), `"message":{`) || !strings.Contains(string(payload), `"is_ephemeral":true`) {
		t.Errorf("an ephemeral message's click: got %s (%v), want no message", payload, err)
	}
}

// docs/facts.md#e6: text alone takes the blocks away, blocks alone the text.
func TestAnUpdateReplacesTheWholeMessage(t *testing.T) {
	b := newBench(t)
	m := b.post("C0OPS", card)
	b.good(b.form("chat.update", "channel", m.Channel, "ts", m.TS, "text", "bare"))
	if got, _ := b.Message(m.Channel, m.TS); got.Text != "bare" || string(got.Blocks) != "[]" {
		t.Errorf("text alone: got %q %s", got.Text, got.Blocks)
	}
	b.good(b.form("chat.update", "channel", m.Channel, "ts", m.TS, "blocks", "["+section("new")+"]"))
	if got, _ := b.Message(m.Channel, m.TS); got.Text != "" || !strings.Contains(string(got.Blocks), "new") {
		t.Errorf("blocks alone: got %q %s", got.Text, got.Blocks)
	}
}

func TestWhereAMessageGoes(t *testing.T) {
	b := newBench(t)
	dm := b.post("U0DEV1", "[]")
	if !strings.HasPrefix(dm.Channel, "D") || dm.DMWith != "U0DEV1" || dm.To != "" {
		t.Errorf("to a person: got %+v, want a direct channel", dm)
	}
	opened := b.good(b.form("conversations.open", "users", "U0DEV1"))["channel"].(object)["id"]
	if opened != dm.Channel {
		t.Errorf("conversations.open: got %v, want %s", opened, dm.Channel)
	}
	b.good(b.form("chat.postEphemeral", "channel", dm.Channel, "user", "U0DEV1", "text", "secret"))
	b.good(b.form("chat.postMessage", "channel", dm.Channel, "text", "answer", "thread_ts", dm.TS))
	b.good(b.form("chat.postMessage", "channel", dm.Channel, "text", "orphan", "thread_ts", "1.000001"))
	var got []string
	for _, m := range b.Messages() {
		got = append(got, fmt.Sprintf("%s to=%s dm=%s thread=%v", m.Text, m.To, m.DMWith, m.ThreadTS == dm.TS))
	}
	want := []string{"text to= dm=U0DEV1 thread=false", "secret to=U0DEV1 dm=U0DEV1 thread=false", "answer to= dm=U0DEV1 thread=true", "orphan to= dm=U0DEV1 thread=false"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTimestampsAreUniqueWhileTheClockStands(t *testing.T) {
	b := newBench(t)
	seen := make(map[string]bool)
	last := ""
	for range 50 {
		m := b.post("C0OPS", "[]")
		if seen[m.TS] || m.TS <= last {
			t.Fatalf("ts %s after %s", m.TS, last)
		}
		seen[m.TS], last = true, m.TS
	}
	if want := fmt.Sprintf("%d.", noon.Unix()); !strings.HasPrefix(last, want) {
		t.Errorf("got %s, want the sandbox's clock, %s", last, want)
	}
}

// docs/facts.md#e4: values persist across views.update only when block_id and
// action_id are unchanged.
func TestWhatWasTypedSurvivesAnUpdateThatKeepsTheIDs(t *testing.T) {
	b := newBench(t)
	view := b.open("U0DEV1", requestForm)
	for label, value := range map[string]string{"Account": optPayments, "Role": `"Admin"`, "How long": `"2h"`, "Reason": `"why"`} {
		if err := b.SetInput(view, label, json.RawMessage(value)); err != nil {
			t.Fatalf("%s: %v", label, err)
		}
	}
	changed := strings.ReplaceAll(requestForm, `"action_id":"role"`, `"action_id":"role-2"`)
	b.good(b.json("views.update", object{"view_id": view, "view": parsed(t, changed)}))
	v, _ := b.View(view)
	for place, want := range map[string]string{
		"for for": `{"type":"plain_text_input","value":"2h"}`, "reason reason": `{"type":"plain_text_input","value":"why"}`,
		"role role-2": `{"selected_option":null,"type":"static_select"}`, "role role": "",
	} {
		block, action, _ := strings.Cut(place, " ")
		if got := string(v.State[block][action]); got != want {
			t.Errorf("%s: got %s, want %s", place, got, want)
		}
	}
	if got := string(v.State["account"]["account"]); !strings.Contains(got, "111111111111") {
		t.Errorf("account: got %s, want what was chosen", got)
	}
}

func TestPickTakesOnlyWhatThePersonCouldChoose(t *testing.T) {
	b := newBench(t)
	view := b.open("U0DEV1", requestForm)
	for _, c := range []struct{ label, value, says string }{
		{"Role", `"Owner"`, "there is no such option; there are: ReadOnly, Admin"},
		{"Account", `"payments-prod"`, "no such option"},
		{"Account", `{"text":{"type":"plain_text","text":"x"}}`, "a text and a value"},
		{"How long", `5`, "a text is wanted"},
		{"Colour", `"red"`, `no input "Colour"`},
		{"Reason", `{`, "not JSON"},
	} {
		if err := b.SetInput(view, c.label, json.RawMessage(c.value)); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s %s: got %v, want %q", c.label, c.value, err, c.says)
		}
	}
	f, ok := b.Field(view, "Account")
	if !ok || f.Kind != "external_select" || !f.Dispatch || f.MinQuery != 0 || f.BlockID != "account" {
		t.Errorf("Account: got %+v", f)
	}
}

// What Slack's own client stops never reaches the app.
func TestTheClientItselfStopsAnIncompleteForm(t *testing.T) {
	b := newBench(t)
	view := b.open("U0DEV1", requestForm)
	refused := func(says string) {
		t.Helper()
		_, err := b.SubmitPayload("U0DEV1", view)
		var shown *ClientError
		if !errors.As(err, &shown) || !strings.Contains(shown.Text, says) {
			t.Errorf("got %v, want %q", err, says)
		}
	}
	pick := func(label, value string) {
		t.Helper()
		if err := b.SetInput(view, label, json.RawMessage(value)); err != nil {
			t.Fatal(err)
		}
	}
	refused("required fields. (Account)")
	pick("Account", optPayments)
	refused("required fields. (Role)")
	pick("Role", `"Admin"`)
	pick("Reason", `"`+long(21)+`"`)
	refused("Reason: use at most 20 characters.")
	pick("Reason", `""`)
	pick("How long", `""`)
	refused("required fields. (How long)")
	pick("How long", `"1h"`)
	if _, err := b.SubmitPayload("U0DEV1", view); err != nil {
		t.Errorf("a complete form: %v", err)
	}
}

func TestAnswersToASubmissionDoWhatTheySay(t *testing.T) {
	other := `{"type":"modal","title":{"type":"plain_text","text":"Other"},"blocks":[]}`
	for _, c := range []struct {
		name, body, shown string
		open              []string // titles of what is open afterwards
		fails             bool
	}{
		{"empty", "", "", nil, false},
		{"white space", " \n", "", nil, false},
		{"errors", `{"response_action":"errors","errors":{"for":"At most 4h here.","reason":"A reason is needed."}}`, "At most 4h here.\nA reason is needed.", []string{"Ask for access"}, false},
		{"errors of a block that is no input", `{"response_action":"errors","errors":{"nothing":"x"}}`, trouble, []string{"Ask for access"}, true},
		{"no errors", `{"response_action":"errors","errors":{}}`, trouble, []string{"Ask for access"}, true},
		{"update", `{"response_action":"update","view":` + other + `}`, "", []string{"Other"}, false},
		{"push", `{"response_action":"push","view":` + other + `}`, "", []string{"Ask for access", "Other"}, false},
		{"clear", `{"response_action":"clear"}`, "", nil, false},
		{"update with a bad view", `{"response_action":"update","view":{"type":"modal"}}`, trouble, []string{"Ask for access"}, true},
		{"a word", "ok", trouble, []string{"Ask for access"}, true},
		{"an unknown action", `{"response_action":"dance"}`, trouble, []string{"Ask for access"}, true},
		{"a JSON list", `[]`, trouble, []string{"Ask for access"}, true},
	} {
		b := newBench(t)
		view := b.open("U0DEV1", requestForm)
		shown, err := b.ShowSubmitResponse(view, []byte(c.body))
		var open []string
		for _, v := range b.Views() {
			open = append(open, v.Title)
		}
		if shown != c.shown || (err != nil) != c.fails || !slices.Equal(open, c.open) {
			t.Errorf("%s: got %q, %v, open %q; want %q, failing %v, open %q", c.name, shown, err, open, c.shown, c.fails, c.open)
		}
	}
}

func TestErrorsStandByTheirInputsUntilItChanges(t *testing.T) {
	b := newBench(t)
	view := b.open("U0DEV1", requestForm)
	if _, err := b.ShowSubmitResponse(view, []byte(`{"response_action":"errors","errors":{"for":"At most 4h here."}}`)); err != nil {
		t.Fatal(err)
	}
	if v, _ := b.View(view); v.Errors["for"] != "At most 4h here." {
		t.Errorf("got %v", v.Errors)
	}
	if err := b.SetInput(view, "How long", json.RawMessage(`"2h"`)); err != nil {
		t.Fatal(err)
	}
	if v, _ := b.View(view); len(v.Errors) != 0 {
		t.Errorf("after a change: got %v", v.Errors)
	}
}

func TestOneStackOfViewsForEachPerson(t *testing.T) {
	b := newBench(t)
	first := b.open("U0DEV1", requestForm)
	b.open("U0DEV2", requestForm)
	second := b.open("U0DEV1", requestForm)
	if v, _ := b.View(first); !v.Closed {
		t.Error("a new root view left the old one open")
	}
	if got := len(b.Views()); got != 2 {
		t.Errorf("%d open views, want 2", got)
	}
	if _, err := b.ShowSubmitResponse(second, []byte(`{"response_action":"push","view":`+viewOf("", "")+`}`)); err != nil {
		t.Fatal(err)
	}
	top := b.Views()[2]
	if top.Previous != second || top.Root != second {
		t.Errorf("the pushed view: got %+v", top)
	}
	if b.CloseView(top.ID) {
		t.Error("a view that does not ask for it tells the app that it is closed")
	}
	if !b.CloseView(second) || len(b.Views()) != 1 {
		t.Errorf("closing: %d open views, want 1, and the app told", len(b.Views()))
	}
}

func TestWhatSlackDrawsOfACommandsAnswer(t *testing.T) {
	for _, c := range []struct{ name, body, shown, to string }{
		{"nothing", "", "", "none"},
		{"an object without words", `{"response_type":"ephemeral"}`, "", "none"},
		{"text", "just text", "just text", "U0DEV1"},
		{"broken JSON", `{"text":`, `{"text":`, "U0DEV1"},
		{"a JSON number", `5`, "5", "U0DEV1"},
		{"ephemeral", `{"response_type":"ephemeral","text":"a & b"}`, "a &amp; b", "U0DEV1"},
		{"blocks", `{"text":"short","blocks":[` + section("long") + `]}`, "long", "U0DEV1"},
		{"in the channel", `{"response_type":"in_channel","text":"all"}`, "all", ""},
		{"bad blocks", `{"response_type":"in_channel","blocks":[{"type":"x"}]}`, `The command failed with the error "invalid_command_response": invalid_blocks`, "U0DEV1"},
	} {
		b := newBench(t)
		shown := b.ShowCommandResponse("U0DEV1", CommandChannel, []byte(c.body))
		to := "none"
		if all := b.Messages(); len(all) == 1 {
			to = all[0].To
		}
		if shown != c.shown || to != c.to {
			t.Errorf("%s: got %q to %q, want %q to %q", c.name, shown, to, c.shown, c.to)
		}
	}
	for _, c := range []struct {
		status int
		took   time.Duration
		want   string
	}{{200, time.Second, ""}, {500, time.Second, `/x failed with the error "dispatch_failed"`}, {200, 3 * time.Second, `/x failed with the error "operation_timeout"`}} {
		if got := CommandFailure("/x", c.status, c.took); got != c.want {
			t.Errorf("%d after %s: got %q, want %q", c.status, c.took, got, c.want)
		}
	}
}

func TestAResponseURLReplacesWhatOnePersonSees(t *testing.T) {
	b := newBench(t)
	ts := b.good(b.form("chat.postEphemeral", "channel", "C0OPS", "user", "U0DEV1", "text", "x", "blocks", card))["message_ts"].(string)
	address := strings.TrimPrefix(b.NewResponseURL("U0DEV1", "C0OPS", ts), "http://127.0.0.1:8080/slack-api/response/")
	if refused := b.respond(address, args{"replace_original": "true", "text": "new"}); refused != nil {
		t.Fatal(refused.code)
	}
	if m, _ := b.Message("C0OPS", ts); m.Text != "new" || m.To != "U0DEV1" {
		t.Errorf("got %+v", m)
	}
	if refused := b.respond(address, args{"text": "more"}); refused != nil {
		t.Fatal(refused.code)
	}
	if last := b.Messages()[1]; !last.FromResponseURL || last.To != "U0DEV1" || last.Channel != "C0OPS" {
		t.Errorf("got %+v", last)
	}
	if refused := b.respond(address, args{"delete_original": "true"}); refused != nil || len(b.Messages()) != 1 {
		t.Errorf("delete_original: %v, %d messages left", refused, len(b.Messages()))
	}
}

func TestLeftOutFieldsKeepTheirValueOrAreAMembers(t *testing.T) {
	b := newBench(t)
	var changes struct{ Users []UserChange }
	if err := json.Unmarshal([]byte(`{"users":[{"id":"U0DEV1","email":"new@example.com"},{"id":"U0NEW"},{"id":"U0GONE","deleted":false}]}`), &changes); err != nil {
		t.Fatal(err)
	}
	for _, c := range changes.Users {
		if err := b.SetUser(c); err != nil {
			t.Fatal(err)
		}
	}
	want := map[string]User{
		"U0DEV1": {ID: "U0DEV1", Name: "dev1", Email: "new@example.com", Team: "T0SANDBOX", EmailConfirmed: true},
		"U0NEW":  {ID: "U0NEW", Name: "u0new", Team: "T0SANDBOX", EmailConfirmed: true},
		"U0GONE": {ID: "U0GONE", Name: "gone", Email: "gone@example.com", Team: "T0SANDBOX", EmailConfirmed: true},
		"U0SEEN": {ID: "U0SEEN", Name: "u0seen", Team: "T0SANDBOX", EmailConfirmed: true},
	}
	if err := b.SetGroup("S0NEW", []string{"U0SEEN"}); err != nil {
		t.Fatal(err)
	}
	for _, u := range b.Users() {
		if w, ok := want[u.ID]; ok && u != w {
			t.Errorf("got %+v, want %+v", u, w)
		}
		delete(want, u.ID)
	}
	if len(want) > 0 {
		t.Errorf("missing: %v", want)
	}
	for _, err := range []error{b.SetUser(UserChange{ID: "bob"}), b.SetGroup("devs", nil), b.SetGroup("S0X", []string{"bob"})} {
		if err == nil || !strings.Contains(err.Error(), "is no user") {
			t.Errorf("got %v, want a sentence", err)
		}
	}
	b.Reset()
	if len(b.Users()) != 9 || len(b.Groups()) != 3 {
		t.Errorf("after a reset: %d people, %d groups", len(b.Users()), len(b.Groups()))
	}
}

func TestTheFirstHolderOfAnAddressIsFoundAndTheListShowsBoth(t *testing.T) {
	b := newBench(t)
	address := "DEV1@example.com"
	if err := b.SetUser(UserChange{ID: "U0TWIN", Email: &address}); err != nil {
		t.Fatal(err)
	}
	o := b.good(b.form("users.lookupByEmail", "email", "dev1@example.com"))
	if got := o["user"].(object)["id"]; got != "U0DEV1" {
		t.Errorf("got %v, want U0DEV1", got)
	}
	seen, cursor, pages := 0, "", 0
	for {
		o := b.good(b.form("users.list", "limit", "3", "cursor", cursor))
		seen += len(o["members"].([]any))
		pages++
		if cursor, _ = o["response_metadata"].(object)["next_cursor"].(string); cursor == "" {
			break
		}
	}
	if seen != 9 || pages != 3 { // the one of another workspace is not listed
		t.Errorf("%d people on %d pages, want 9 on 3", seen, pages)
	}
}

func TestTextIsHeldAsSlackHoldsIt(t *testing.T) {
	for given, want := range map[string]string{
		"a & b":                           "a &amp; b",
		"a &amp; b &lt;":                  "a &amp; b &lt;",
		"1 < 2 > 0":                       "1 &lt; 2 &gt; 0",
		"<!channel> <!here|x> <@U1|dev>":  "<!channel> <!here|x> <@U1|dev>",
		"<!subteam^S1> <#C1>":             "<!subteam^S1> <#C1>",
		"<https://x.example/?a=1&b=2|Go>": "<https://x.example/?a=1&amp;b=2|Go>",
		"<b>bold</b>":                     "&lt;b&gt;bold&lt;/b&gt;",
		"&lt;!channel&gt;":                "&lt;!channel&gt;",
	} {
		if got := hold(given); got != want {
			t.Errorf("%q: got %q, want %q", given, got, want)
		}
		if got := hold(want); got != want {
			t.Errorf("%q is held as %q the second time", want, got)
		}
	}
}

// Everything at once, for the race detector, with one winner for each trigger.
func TestManyAtOnceGetOneViewOutOfOneTrigger(t *testing.T) {
	b := newBench(t)
	m := b.post("C0OPS", card)
	trigger := b.NewTrigger("U0DEV1")
	var opened sync.Map
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			o := b.json("views.open", object{"trigger_id": trigger, "view": parsed(t, requestForm)})
			opened.Store(i, o["ok"])
			b.form("chat.update", "channel", m.Channel, "ts", m.TS, "text", fmt.Sprint(i))
			_, _ = b.Button(m.Channel, m.TS, "Approve", 1)
			_ = b.SetGroup("S0DEVS", []string{"U0DEV1"})
			b.Messages()
			for _, v := range b.Views() {
				_ = b.SetInput(v.ID, "How long", json.RawMessage(`"2h"`))
				_, _ = b.SubmitPayload("U0DEV1", v.ID)
			}
			b.CommandPayload("U0DEV1", "/x", "")
		})
	}
	all.Wait()
	won := 0
	opened.Range(func(_, ok any) bool {
		if ok == true {
			won++
		}
		return true
	})
	if won != 1 {
		t.Errorf("%d views were opened by one trigger, want 1", won)
	}
}
