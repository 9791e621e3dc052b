package main

import (
	"net/http"
	"strings"
	"testing"
)

const line = `/aws-access payments-prod ReadOnly 2h "stuck payouts"`

// The story is told in one line and by the form; each also with every delivery
// doubled and delayed.
func TestAskApproveUseEnd(t *testing.T) {
	for _, how := range []string{"", "double", "delay", "both"} {
		for name, ask := range map[string]func(*sandbox){"one line": askInOneLine, "form": askByForm} {
			t.Run(name+" "+how, func(t *testing.T) {
				b := start(t, repository(t))
				for _, fault := range map[string][]string{"": nil, "both": {"double", "delay"}, "double": {"double"}, "delay": {"delay"}}[how] {
					b.do("faults", `{"at":"feed","how":"`+fault+`"}`)
				}
				late := how == "delay" || how == "both"
				story(b, ask, late)
			})
		}
	}
}

func askInOneLine(b *sandbox) {
	if out := b.command("U0DEV1", line); out.Status != http.StatusOK || out.Shown != "" || !strings.Contains(out.Body, "Asked for") {
		b.t.Fatalf("the command: got %+v", out)
	}
}

func askByForm(b *sandbox) {
	b.command("U0DEV1", "/aws-access")
	views := b.state().Views
	if len(views) != 1 || views[0].User != "U0DEV1" {
		b.t.Fatalf("after the command: views %+v", views)
	}
	out := b.act(map[string]any{"as": "U0DEV1", "submit": views[0].ID, "values": map[string]string{
		"Account": "payments-prod", "Role": "ReadOnly", "How long": "2h", "Reason": "stuck payouts",
	}})
	if out.Status != http.StatusOK || out.Shown != "" {
		b.t.Fatalf("the form: got %+v", out)
	}
}

func story(b *sandbox, ask func(*sandbox), late bool) {
	t := b.t
	arrive := func() {
		if late {
			b.advance("31s")
		}
	}
	ask(b)
	arrive()
	if r := b.request(); r.State != "pending" || r.Requester != "U0DEV1" || r.Account != "111111111111" || r.Max != "2h" || r.Ends != nil {
		t.Fatalf("asked: got %+v", r)
	}
	card := b.card("C0APPROVALS")
	if out := b.click("U0LEAD1", "Approve", card); out.Status != http.StatusOK || out.Shown != "" {
		t.Fatalf("approve: got %+v", out)
	}
	arrive()
	r := b.request()
	if r.State != "active" || r.Ends == nil || len(r.Approvals) != 1 || r.Approvals[0].By != "U0LEAD1" {
		t.Fatalf("approved: got %+v", r)
	}
	grant := b.direct("U0DEV1")
	for _, button := range []string{"Get temporary keys", "Open AWS console"} {
		if out := b.click("U0DEV1", button, grant); out.Status != http.StatusOK || out.Shown != "" {
			t.Fatalf("%s: got %+v", button, out)
		}
		arrive()
	}
	s := b.state()
	if len(s.Sessions) != 2 || s.Sessions[0].SessionName != "aws-access-"+r.ID {
		t.Fatalf("sessions: got %+v", s.Sessions)
	}
	if m := b.private("U0DEV1"); !strings.Contains(m.Text, b.url+"/federation?") {
		t.Errorf("no link in the last private message: %s", m.Text)
	}
	if n := privates(b, keysBegin); n != 1 {
		t.Errorf("keys came %d times, want once", n)
	}
	b.advance("2h")
	arrive()
	if r := b.request(); r.State != "expired" {
		t.Errorf("after its time: got %s", r.State)
	}
	for _, m := range []string{b.card("C0APPROVALS").Text, b.last("message of the grant", grantOf("U0DEV1")).Text} {
		if !strings.Contains(m, "AWS access has ended") {
			t.Errorf("a message does not tell the end: %s", m)
		}
	}
	if out := b.click("U0DEV1", "Get temporary keys", grant); out.Status != http.StatusOK {
		t.Errorf("a click that was on its way: got %+v", out)
	}
	arrive()
	if n := len(b.state().Sessions); n != 2 {
		t.Errorf("after the end there are %d sessions, want 2", n)
	}
}
