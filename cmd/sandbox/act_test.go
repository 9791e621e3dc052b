package main

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
)

// The same body with the same trigger sent again has one effect, whether time
// stands or runs.
func TestSentAgainItHappensOnce(t *testing.T) {
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
		b.Act(map[string]any{"as": "U0DEV1", "click": "Get temporary keys", "on": grant.Channel + "/" + grant.TS, "retry": 2})
		if s := b.State(); len(s.Sessions) != 1 || b.CountPrivate(sandboxtest.KeysBegin) != 1 {
			t.Errorf("%s: a click for keys sent twice: %d sessions, %d messages", clock, len(s.Sessions), b.CountPrivate("export"))
		}
		b.Command("U0DEV1", "/aws-access")
		view := b.State().Views[0].ID
		values := map[string]string{"Account": "payments-dev", "Role": "ReadOnly", "How long": "1h", "Reason": "looking"}
		b.Act(map[string]any{"as": "U0DEV1", "submit": view, "values": values, "retry": 2})
		if n := len(b.State().Requests); n != 2 {
			t.Errorf("%s: a form sent twice made %d requests, want 1 more", clock, n-1)
		}
	}
}

func TestARetryIsSentAgain(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Act(map[string]any{"as": "U0DEV1", "command": "/aws-access list", "retry": 3})
	if n := b.State().Calls["store:list"]; n != 3 {
		t.Errorf("sent %d times, want 3", n)
	}
}

// Acts work for anybody; the product refuses, not the sandbox.
func TestAnybodyMayTry(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Command("U0DEV1", sandboxtest.AskCommand)
	card := b.Card("C0APPROVALS")
	for who, want := range map[string]string{
		"U0GUEST": "Guests", "U0BOT": "Apps and bots", "U0GONE": "deactivated", "U0OUTSIDE": "members of this workspace",
		"U0DEV1": "your own request", "U0DEV2": "",
	} {
		if out := b.Command(who, sandboxtest.AskCommand); want != "" && who != "U0DEV1" && !strings.Contains(out.Body, want) {
			t.Errorf("%s asks: got %+v, want %s", who, out, want)
		}
		if out := b.Click(who, "Approve", card); out.Status != http.StatusOK || out.Shown != "" {
			t.Errorf("%s approves: got %+v", who, out)
		}
		m := b.Private(who)
		if !strings.Contains(m.Text, want) || !m.FromResponseURL || m.Channel != "C0APPROVALS" {
			t.Errorf("%s approves: told %+v, want %s", who, m, want)
		}
	}
	if r := b.State().Requests[0]; r.State != "pending" || r.Events != 1 {
		t.Errorf("the request moved: %+v", r)
	}
}

// A click that was on its way when the button went.
func TestAButtonThatIsGone(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Command("U0DEV1", sandboxtest.AskCommand)
	card := b.Card("C0APPROVALS")
	b.Click("U0LEAD1", "Approve", card)
	if strings.Contains(string(b.Card("C0APPROVALS").Blocks), `"Approve"`) {
		t.Fatal("the button is still there")
	}
	b.Click("U0LEAD2", "Approve", card)
	if m := b.Private("U0LEAD2"); !strings.Contains(m.Text, "U0LEAD1") && !strings.Contains(m.Text, "lead1") {
		t.Errorf("whoever came late was not told who won: %s", m.Text)
	}
}

// The form's roles follow the account; what a menu does not offer is sent all
// the same, as a tampered client would.
func TestFormsAreFilledInAsPeopleDo(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	open := func() string {
		b.Command("U0DEV1", "/aws-access")
		views := b.State().Views
		return views[len(views)-1].ID
	}
	for name, c := range map[string]struct {
		account, role, long, want string
	}{
		"by name":            {"payments-prod", "ReadOnly", "2h", ""},
		"by id":              {"111111111111", "ReadOnly", "2h", ""},
		"by its beginning":   {"payments-p", "ReadOnly", "2h", ""},
		"too long":           {"payments-prod", "ReadOnly", "5h", "At most 4h here"},
		"no unit":            {"payments-prod", "ReadOnly", "90", "length of time"},
		"an account unknown": {"nowhere", "", "2h", "There is no account"},
		"no role there":      {"log-archive", "Admin", "2h", "There is no role in this account"},
	} {
		values := map[string]string{"Account": c.account, "Role": c.role, "How long": c.long, "Reason": "why"}
		if c.role == "" {
			delete(values, "Role")
		}
		body, _ := json.Marshal(map[string]any{"as": "U0DEV1", "submit": open(), "values": values})
		status, said := b.Control("act", string(body))
		seen := said
		if s := b.State(); len(s.Views) > 0 {
			seen += string(s.Views[len(s.Views)-1].Blocks)
		}
		if c.want != "" && !strings.Contains(seen, c.want) || c.want == "" && (status != 200 || strings.Contains(said, "errors")) {
			t.Errorf("%s: got %d %s, want %q", name, status, said, c.want)
		}
		if c.want == "" { // else the next one would be told that this one waits
			b.Click("U0DEV1", "Cancel", b.Card("C0APPROVALS"))
		}
	}
	if n := len(b.State().Requests); n != 3 {
		t.Errorf("%d requests were made, want 3", n)
	}
	view := open()
	b.Act(map[string]any{"as": "U0DEV1", "choose": "222222222222", "into": "Account", "view": view})
	b.Act(map[string]any{"as": "U0DEV1", "choose": "Admin", "into": "Role", "view": view})
	out := b.Act(map[string]any{"as": "U0DEV1", "submit": view, "values": map[string]string{"How long": "1h", "Reason": "why"}})
	if r := b.Request(); out.Shown != "" || r.Role != "Admin" || r.Account != "222222222222" {
		t.Errorf("chosen before: got %+v, %+v", out, r)
	}
	view = open()
	if out := b.Act(map[string]any{"as": "U0DEV1", "submit": view}); out.Status != 0 || !strings.Contains(out.Shown, "required") {
		t.Errorf("an empty form: got %+v", out)
	}
	b.Act(map[string]any{"as": "U0DEV1", "close": view})
	for _, v := range b.State().Views {
		if v.ID == view {
			t.Error("a view that was closed is open")
		}
	}
}

// A role that the menu does not offer reaches the product.
func TestAForgedRole(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Command("U0DEV1", "/aws-access")
	out := b.Act(map[string]any{"as": "U0DEV1", "submit": b.State().Views[0].ID, "values": map[string]string{
		"Account": "payments-dev", "Role": "Root", "How long": "1h", "Reason": "why",
	}})
	if out.Status != 200 || !strings.Contains(out.Body, "There is no role “Root”") || out.Shown == "" {
		t.Errorf("got %+v", out)
	}
	if v := b.State().Views[0]; len(v.Errors) != 1 {
		t.Errorf("the view shows %v", v.Errors)
	}
}

func TestDenyHasAReason(t *testing.T) {
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

// Slack gives up after three seconds, and takes no answer that is not 200.
func TestWhatSlackShowsWhenTheEndpointFails(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Do("faults", `{"at":"slack:views.open","how":"slow"}`)
	out := b.Command("U0DEV1", "/aws-access")
	if out.MS < 3000 || !strings.Contains(out.Shown, "operation_timeout") {
		t.Errorf("slow: got %+v", out)
	}
	if out := b.Command("U0DEV1", "/nothing"); out.Status != 0 || !strings.Contains(out.Shown, "not a valid command") {
		t.Errorf("another command: got %+v", out)
	}
}

// Many act at once, and each has an answer when everything is quiet.
func TestManyAtOnce(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Command("U0DEV1", sandboxtest.AskCommand)
	card := b.Card("C0APPROVALS")
	clicks := []string{`{"as":"U0LEAD1","click":"Approve"`, `{"as":"U0LEAD2","click":"Approve"`, `{"as":"U0DEV1","click":"Cancel"`}
	var all sync.WaitGroup
	for range 4 {
		for _, click := range clicks {
			all.Go(func() { b.Do("act", click+`,"on":"`+card.Channel+"/"+card.TS+`"}`) })
		}
	}
	all.Wait()
	s := b.State()
	if r := s.Requests[0]; r.Events != 2 || (r.State != "active" && r.State != "cancelled") {
		t.Errorf("got %s after %d events", r.State, r.Events)
	}
	if now := b.Card("C0APPROVALS"); strings.Contains(string(now.Blocks), `"Approve"`) {
		t.Error("the card still has its buttons")
	}
}
