package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// The same body with the same trigger_id, sent again, has one effect, whether the
// clock is held or runs.
func TestRepeatedActionsHaveOneEffect(t *testing.T) {
	for _, clock := range []string{`{"stop":true}`, `{"run":true}`} {
		b := sandboxtest.Start(t, sandboxtest.Policy(t))
		b.Do("clock", clock)
		b.Act(map[string]any{"as": "U0DEV1", "command": sandboxtest.AskCommand, "retry": 3})
		if n := len(b.State().Requests); n != 1 {
			t.Fatalf("%s: a command sent three times made %d requests", clock, n)
		}
		card := b.Card("C0APPROVALS")
		b.Act(map[string]any{"as": "U0LEAD1", "click": "Approve", "on": card.Channel + "/" + card.TS, "retry": 2})
		if r := b.Request(); r.State != "active" || r.Events != 2 {
			t.Errorf("%s: a click sent twice: got %s after %d events", clock, r.State, r.Events)
		}
		grant := b.Direct("U0DEV1")
		b.Act(map[string]any{
			"as": "U0DEV1", "click": "Get temporary keys", "on": grant.Channel + "/" + grant.TS, "retry": 2,
		})
		if n := b.CountPrivate(sandboxtest.KeysBegin); len(b.State().Sessions) != 1 || n != 1 {
			t.Errorf("%s: a click for keys sent twice: %d sessions, %d messages", clock, len(b.State().Sessions), n)
		}
		b.Command("U0DEV1", "/aws-access")
		values := map[string]string{"Account": "payments-dev", "Role": "ReadOnly", "How long": "1h", "Reason": "looking"}
		b.Act(map[string]any{"as": "U0DEV1", "submit": b.State().Views[0].ID, "values": values, "retry": 2})
		if n := len(b.State().Requests); n != 2 {
			t.Errorf("%s: a form sent twice made %d requests, want 1 more", clock, n-1)
		}
	}
}

func TestRetrySendsTheActionAgain(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Act(map[string]any{"as": "U0DEV1", "command": "/aws-access list", "retry": 3})
	if n := b.State().Calls["store:list"]; n != 3 {
		t.Errorf("the command arrived %d times, want 3", n)
	}
}

// Anybody can act in the sandbox. It is the product that refuses.
func TestTheProductRefusesPeopleNotTheSandbox(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Command("U0DEV1", sandboxtest.AskCommand)
	card := b.Card("C0APPROVALS")
	for who, want := range map[string]string{
		"U0GUEST": "Guests", "U0BOT": "Apps and bots", "U0GONE": "deactivated",
		"U0OUTSIDE": "members of this workspace", "U0DEV1": "your own request", "U0DEV2": "",
	} {
		asked := b.Command(who, sandboxtest.AskCommand)
		if want != "" && who != "U0DEV1" && !strings.Contains(asked.Body, want) {
			t.Errorf("%s asks: got %+v, want %s", who, asked, want)
		}
		if out := b.Click(who, "Approve", card); out.Status != http.StatusOK || out.Shown != "" {
			t.Errorf("%s approves: got %+v", who, out)
		}
		m := b.Private(who)
		if !strings.Contains(m.Text, want) || !m.FromResponseURL || m.Channel != "C0APPROVALS" {
			t.Errorf("%s approves: was told %+v, want %s", who, m, want)
		}
	}
	if r := b.State().Requests[0]; r.State != "pending" || r.Events != 1 {
		t.Errorf("the request has changed: %+v", r)
	}
}

// A click can arrive after its button was removed.
func TestLateApproverLearnsWhoWon(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Command("U0DEV1", sandboxtest.AskCommand)
	card := b.Card("C0APPROVALS")
	b.Click("U0LEAD1", "Approve", card)
	if hasApprove(b.Card("C0APPROVALS")) {
		t.Fatal("the card still has the button Approve")
	}
	b.Click("U0LEAD2", "Approve", card)
	if m := b.Private("U0LEAD2"); !strings.Contains(m.Text, "U0LEAD1") && !strings.Contains(m.Text, "lead1") {
		t.Errorf("the late approver was not told who won: %s", m.Text)
	}
}

// openForm opens the request form as U0DEV1 and returns its id.
func openForm(b *sandboxtest.Sandbox) string {
	b.T.Helper()
	b.Command("U0DEV1", "/aws-access")
	views := b.State().Views
	return views[len(views)-1].ID
}

var formCases = map[string]struct {
	account, role, length string
	refusal               string // "" if the form is accepted
}{
	"account by name":    {"payments-prod", "ReadOnly", "2h", ""},
	"account by id":      {"111111111111", "ReadOnly", "2h", ""},
	"account by prefix":  {"payments-p", "ReadOnly", "2h", ""},
	"too long":           {"payments-prod", "ReadOnly", "5h", "At most 4h is allowed here"},
	"no unit":            {"payments-prod", "ReadOnly", "90", "length of time"},
	"unknown account":    {"nowhere", "", "2h", "There is no account"},
	"role not available": {"log-archive", "Admin", "2h", "There is no role in this account"},
}

// A form takes what people type into its menus. The roles follow the account.
func TestFormAcceptsWhatPeopleType(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	for name, c := range formCases {
		values := map[string]string{"Account": c.account, "Role": c.role, "How long": c.length, "Reason": "why"}
		if c.role == "" {
			delete(values, "Role")
		}
		body, _ := json.Marshal(map[string]any{"as": "U0DEV1", "submit": openForm(b), "values": values})
		status, text := b.Control("act", string(body))
		seen := text
		if s := b.State(); len(s.Views) > 0 {
			seen += string(s.Views[len(s.Views)-1].Blocks)
		}
		switch {
		case c.refusal != "" && !strings.Contains(seen, c.refusal):
			t.Errorf("%s: got %d %s, want %q", name, status, text, c.refusal)
		case c.refusal == "" && (status != http.StatusOK || strings.Contains(text, "errors")):
			t.Errorf("%s: got %d %s, want it accepted", name, status, text)
		}
		if c.refusal == "" { // otherwise the next one would be refused as already pending
			b.Click("U0DEV1", "Cancel", b.Card("C0APPROVALS"))
		}
	}
	if n := len(b.State().Requests); n != 3 {
		t.Errorf("%d requests were made, want 3", n)
	}
}

func TestFormKeepsEarlierChoices(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	view := openForm(b)
	b.Act(map[string]any{"as": "U0DEV1", "choose": "222222222222", "into": "Account", "view": view})
	b.Act(map[string]any{"as": "U0DEV1", "choose": "Admin", "into": "Role", "view": view})
	out := b.Act(map[string]any{
		"as": "U0DEV1", "submit": view, "values": map[string]string{"How long": "1h", "Reason": "why"},
	})
	if r := b.Request(); out.Shown != "" || r.Role != "Admin" || r.Account != "222222222222" {
		t.Errorf("got %+v, %+v", out, r)
	}
}

func TestEmptyFormIsNotSent(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	view := openForm(b)
	if out := b.Act(map[string]any{"as": "U0DEV1", "submit": view}); out.Status != 0 ||
		!strings.Contains(out.Shown, "required") {
		t.Errorf("an empty form: got %+v", out)
	}
	b.Act(map[string]any{"as": "U0DEV1", "close": view})
	for _, v := range b.State().Views {
		if v.ID == view {
			t.Error("a view that was closed is open")
		}
	}
}

// A role that the menu does not offer reaches the product, as it would from a
// tampered client.
func TestProductRefusesAForgedRole(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	out := b.Act(map[string]any{"as": "U0DEV1", "submit": openForm(b), "values": map[string]string{
		"Account": "payments-dev", "Role": "Root", "How long": "1h", "Reason": "why",
	}})
	if out.Status != http.StatusOK || !strings.Contains(out.Body, "There is no role “Root”") || out.Shown == "" {
		t.Errorf("got %+v", out)
	}
	if v := b.State().Views[0]; len(v.Errors) != 1 {
		t.Errorf("the view shows %v", v.Errors)
	}
}

func TestDenialHasAReason(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Command("U0DEV1", sandboxtest.AskCommand)
	b.Click("U0LEAD1", "Deny", b.Card("C0APPROVALS"))
	views := b.State().Views
	if len(views) != 1 || views[0].User != "U0LEAD1" {
		t.Fatalf("got views %+v", views)
	}
	b.Act(map[string]any{"as": "U0LEAD1", "submit": views[0].ID, "values": map[string]string{"Reason": "not today"}})
	if r := b.Request(); r.State != "denied" || r.ClosedBy != "U0LEAD1" || r.ClosedWhy != "not today" {
		t.Errorf("got %+v", r)
	}
}

// Slack gives up after three seconds.
func TestPeopleSeeASlowEndpointAsSlackShowsIt(t *testing.T) {
	sandboxtest.SkipIfShort(t, "it waits four seconds of real time")
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Do("faults", `{"at":"slack:views.open","how":"slow"}`)
	out := b.Command("U0DEV1", "/aws-access")
	if out.MS < 3000 || !strings.Contains(out.Shown, "operation_timeout") {
		t.Errorf("got %+v", out)
	}
}

func TestUnknownCommandIsNotSent(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	if out := b.Command("U0DEV1", "/nothing"); out.Status != 0 || !strings.Contains(out.Shown, "not a valid command") {
		t.Errorf("got %+v", out)
	}
}

// Actions can run concurrently. Each is answered when nothing more can run.
func TestConcurrentActionsDecideOnce(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Command("U0DEV1", sandboxtest.AskCommand)
	card := b.Card("C0APPROVALS")
	var all sync.WaitGroup
	for range 4 {
		for _, click := range []string{
			`{"as":"U0LEAD1","click":"Approve"`, `{"as":"U0LEAD2","click":"Approve"`, `{"as":"U0DEV1","click":"Cancel"`,
		} {
			all.Go(func() { b.Do("act", click+`,"on":"`+card.Channel+"/"+card.TS+`"}`) })
		}
	}
	all.Wait()
	if r := b.State().Requests[0]; r.Events != 2 || (r.State != "active" && r.State != "cancelled") {
		t.Errorf("got %s after %d events", r.State, r.Events)
	}
	if hasApprove(b.Card("C0APPROVALS")) {
		t.Error("the card still has its buttons")
	}
}

func hasApprove(m slackfake.Message) bool { return strings.Contains(string(m.Blocks), `"Approve"`) }
