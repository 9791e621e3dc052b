package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
)

// The story is told in one line and by the form; each also with every delivery
// doubled and delayed.
func TestAskApproveUseEnd(t *testing.T) {
	for _, how := range []string{"", "double", "delay", "both"} {
		for name, ask := range map[string]func(*sandboxtest.Sandbox){"one line": sandboxtest.Ask, "form": sandboxtest.AskByForm} {
			t.Run(name+" "+how, func(t *testing.T) {
				b := sandboxtest.Start(t, sandboxtest.Policy(t))
				for _, fault := range map[string][]string{"": nil, "both": {"double", "delay"}, "double": {"double"}, "delay": {"delay"}}[how] {
					b.Do("faults", `{"at":"feed","how":"`+fault+`"}`)
				}
				late := how == "delay" || how == "both"
				story(b, ask, late)
			})
		}
	}
}

func story(b *sandboxtest.Sandbox, ask func(*sandboxtest.Sandbox), late bool) {
	t := b.T
	arrive := func() {
		if late {
			b.Advance("31s")
		}
	}
	ask(b)
	arrive()
	if r := b.Request(); r.State != "pending" || r.Requester != "U0DEV1" || r.Account != "111111111111" || r.Max != "2h" || r.Ends != nil {
		t.Fatalf("asked: got %+v", r)
	}
	card := b.Card("C0APPROVALS")
	if out := b.Click("U0LEAD1", "Approve", card); out.Status != http.StatusOK || out.Shown != "" {
		t.Fatalf("approve: got %+v", out)
	}
	arrive()
	r := b.Request()
	if r.State != "active" || r.Ends == nil || len(r.Approvals) != 1 || r.Approvals[0].By != "U0LEAD1" {
		t.Fatalf("approved: got %+v", r)
	}
	grant := b.Direct("U0DEV1")
	for _, button := range []string{"Get temporary keys", "Open AWS console"} {
		if out := b.Click("U0DEV1", button, grant); out.Status != http.StatusOK || out.Shown != "" {
			t.Fatalf("%s: got %+v", button, out)
		}
		arrive()
	}
	s := b.State()
	if len(s.Sessions) != 2 || s.Sessions[0].SessionName != "aws-access-"+r.ID {
		t.Fatalf("sessions: got %+v", s.Sessions)
	}
	if m := b.Private("U0DEV1"); !strings.Contains(m.Text, b.URL+"/federation?") {
		t.Errorf("no link in the last private message: %s", m.Text)
	}
	if n := b.CountPrivate(sandboxtest.KeysBegin); n != 1 {
		t.Errorf("keys came %d times, want once", n)
	}
	b.Advance("2h")
	arrive()
	if r := b.Request(); r.State != "expired" {
		t.Errorf("after its time: got %s", r.State)
	}
	for _, m := range []string{b.Card("C0APPROVALS").Text, b.Last("message of the grant", sandboxtest.IsGrant("U0DEV1")).Text} {
		if !strings.Contains(m, "AWS access has ended") {
			t.Errorf("a message does not tell the end: %s", m)
		}
	}
	if out := b.Click("U0DEV1", "Get temporary keys", grant); out.Status != http.StatusOK {
		t.Errorf("a click that was on its way: got %+v", out)
	}
	arrive()
	if n := len(b.State().Sessions); n != 2 {
		t.Errorf("after the end there are %d sessions, want 2", n)
	}
}
