package slackfake

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// docs/facts.md#e4: an input keeps its value in views.update only if its block_id
// and action_id are unchanged.
func TestInputsSurviveAnUpdateThatKeepsTheirIDs(t *testing.T) {
	b := newTestServer(t)
	view := b.open("U0DEV1", requestForm)
	for label, value := range map[string]string{
		"Account": optPayments, "Role": `"Admin"`, "How long": `"2h"`, "Reason": `"why"`,
	} {
		if err := b.SetInput(view, label, json.RawMessage(value)); err != nil {
			t.Fatalf("%s: %v", label, err)
		}
	}
	changed := strings.ReplaceAll(requestForm, `"action_id":"role"`, `"action_id":"role-2"`)
	b.mustOK(b.json("views.update", object{"view_id": view, "view": parsed(t, changed)}))
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
		t.Errorf("account: got %s, want the chosen option", got)
	}
}

func TestSetInputAcceptsOnlyWhatAUserCouldChoose(t *testing.T) {
	b := newTestServer(t)
	view := b.open("U0DEV1", requestForm)
	for _, c := range []struct{ label, value, says string }{
		{"Role", `"Owner"`, "there is no such option; the options are: ReadOnly, Admin"},
		{"Account", `"payments-prod"`, "no such option"},
		{"Account", `{"text":{"type":"plain_text","text":"x"}}`, "a text and a value"},
		{"How long", `5`, "the value must be a text"},
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

// Slack's own client checks a form before it sends anything to the app.
func TestTheClientDoesNotSubmitAnIncompleteForm(t *testing.T) {
	b := newTestServer(t)
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
	pick("Reason", `"`+chars(21)+`"`)
	refused("Reason: use at most 20 characters.")
	pick("Reason", `""`)
	pick("How long", `""`)
	refused("required fields. (How long)")
	pick("How long", `"1h"`)
	if _, err := b.SubmitPayload("U0DEV1", view); err != nil {
		t.Errorf("a complete form: %v", err)
	}
}

func TestResponsesToASubmissionTakeEffect(t *testing.T) {
	other := `{"type":"modal","title":{"type":"plain_text","text":"Other"},"blocks":[]}`
	for _, c := range []struct {
		name, body, shown string
		open              []string // titles of the views that are open afterwards
		fails             bool
	}{
		{"empty", "", "", nil, false},
		{"white space", " \n", "", nil, false},
		{
			"errors", `{"response_action":"errors","errors":{"for":"At most 4h here.","reason":"A reason is needed."}}`,
			"At most 4h here.\nA reason is needed.", []string{"Ask for access"}, false,
		},
		{
			"errors of a block that is not an input", `{"response_action":"errors","errors":{"nothing":"x"}}`, connectionTrouble,
			[]string{"Ask for access"}, true,
		},
		{"no errors", `{"response_action":"errors","errors":{}}`, connectionTrouble, []string{"Ask for access"}, true},
		{"update", `{"response_action":"update","view":` + other + `}`, "", []string{"Other"}, false},
		{"push", `{"response_action":"push","view":` + other + `}`, "", []string{"Ask for access", "Other"}, false},
		{"clear", `{"response_action":"clear"}`, "", nil, false},
		{
			"update with a bad view", `{"response_action":"update","view":{"type":"modal"}}`, connectionTrouble,
			[]string{"Ask for access"}, true,
		},
		{"a word", "ok", connectionTrouble, []string{"Ask for access"}, true},
		{"an unknown action", `{"response_action":"dance"}`, connectionTrouble, []string{"Ask for access"}, true},
		{"a JSON list", `[]`, connectionTrouble, []string{"Ask for access"}, true},
	} {
		b := newTestServer(t)
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

func TestAnErrorStaysUntilItsInputChanges(t *testing.T) {
	b := newTestServer(t)
	view := b.open("U0DEV1", requestForm)
	if _, err := b.ShowSubmitResponse(
		view, []byte(`{"response_action":"errors","errors":{"for":"At most 4h here."}}`),
	); err != nil {
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

func TestEachUserHasOneStackOfViews(t *testing.T) {
	b := newTestServer(t)
	first := b.open("U0DEV1", requestForm)
	b.open("U0DEV2", requestForm)
	second := b.open("U0DEV1", requestForm)
	if v, _ := b.View(first); !v.Closed {
		t.Error("a new root view left the old one open")
	}
	if got := len(b.Views()); got != 2 {
		t.Errorf("%d open views, want 2", got)
	}
	if _, err := b.ShowSubmitResponse(
		second, []byte(`{"response_action":"push","view":`+modalJSON("", "")+`}`),
	); err != nil {
		t.Fatal(err)
	}
	top := b.Views()[2]
	if top.Previous != second || top.Root != second {
		t.Errorf("the pushed view: got %+v", top)
	}
	if b.CloseView(top.ID) {
		t.Error("the app is told about a closed view that did not ask for it")
	}
	if !b.CloseView(second) || len(b.Views()) != 1 {
		t.Errorf("closing: %d open views, want 1, and the app is told", len(b.Views()))
	}
}

// Many calls run at once, for the race detector; the trigger has one winner.
func TestATriggerOpensOneViewHoweverManyCallsUseIt(t *testing.T) {
	b := newTestServer(t)
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
