package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
)

// A request goes from the command or the form to the end of the grant, also when
// every delivery between functions is doubled, delayed, or both.
func TestAskApproveUseEnd(t *testing.T) {
	deliveries := map[string][]string{
		"plain": nil, "double": {"double"}, "delay": {"delay"}, "double and delay": {"double", "delay"},
	}
	asking := map[string]func(*sandboxtest.Sandbox){"one line": sandboxtest.Ask, "form": sandboxtest.AskByForm}
	for delivery, faults := range deliveries {
		for name, ask := range asking {
			t.Run(name+", "+delivery, func(t *testing.T) {
				s := lifeOfARequest{Sandbox: sandboxtest.Start(t, sandboxtest.Policy(t))}
				for _, how := range faults {
					s.Do("faults", `{"at":"feed","how":"`+how+`"}`)
					s.delayed = s.delayed || how == "delay"
				}
				ask(s.Sandbox)
				s.approve()
				s.use()
				s.end()
			})
		}
	}
}

// lifeOfARequest is a sandbox in which a request is approved, used and ends.
type lifeOfARequest struct {
	*sandboxtest.Sandbox
	delayed bool // deliveries between functions take up to 30 s
}

// arrive waits until deliveries have arrived.
func (l *lifeOfARequest) arrive() {
	if l.delayed {
		l.Advance("31s")
	}
}

func (l *lifeOfARequest) approve() {
	t := l.T
	l.arrive()
	if r := l.Request(); r.State != "pending" || r.Requester != "U0DEV1" || r.Account != "111111111111" ||
		r.Max != "2h" || r.Ends != nil {
		t.Fatalf("asked: got %+v", r)
	}
	if out := l.Click("U0LEAD1", "Approve", l.Card("C0APPROVALS")); out.Status != http.StatusOK || out.Shown != "" {
		t.Fatalf("approve: got %+v", out)
	}
	l.arrive()
	if r := l.Request(); r.State != "active" || r.Ends == nil || len(r.Approvals) != 1 ||
		r.Approvals[0].By != "U0LEAD1" {
		t.Fatalf("approved: got %+v", r)
	}
}

func (l *lifeOfARequest) use() {
	t := l.T
	grant := l.Direct("U0DEV1")
	for _, button := range []string{"Get temporary keys", "Open AWS console"} {
		if out := l.Click("U0DEV1", button, grant); out.Status != http.StatusOK || out.Shown != "" {
			t.Fatalf("%s: got %+v", button, out)
		}
		l.arrive()
	}
	s := l.State()
	if len(s.Sessions) != 2 || s.Sessions[0].SessionName != "aws-access-"+l.Request().ID {
		t.Fatalf("sessions: got %+v", s.Sessions)
	}
	if m := l.Private("U0DEV1"); !strings.Contains(m.Text, l.URL+"/federation?") {
		t.Errorf("no link in the last private message: %s", m.Text)
	}
	if n := l.CountPrivate(sandboxtest.KeysBegin); n != 1 {
		t.Errorf("keys arrived %d times, want once", n)
	}
}

func (l *lifeOfARequest) end() {
	t := l.T
	grant := l.Direct("U0DEV1")
	l.Advance("2h")
	l.arrive()
	if r := l.Request(); r.State != "expired" {
		t.Errorf("after its end: got %s", r.State)
	}
	card, message := l.Card("C0APPROVALS"), l.Last("message of the grant", sandboxtest.IsGrant("U0DEV1"))
	for _, text := range []string{card.Text, message.Text} {
		if !strings.Contains(text, "AWS access has ended") {
			t.Errorf("a message does not say that access has ended: %s", text)
		}
	}
	if out := l.Click("U0DEV1", "Get temporary keys", grant); out.Status != http.StatusOK {
		t.Errorf("a click that arrived after the end: got %+v", out)
	}
	l.arrive()
	if n := len(l.State().Sessions); n != 2 {
		t.Errorf("after the end there are %d sessions, want 2", n)
	}
}
