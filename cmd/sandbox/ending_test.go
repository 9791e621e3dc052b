package main

import (
	"testing"
	"time"

	"github.com/aws-access/aws-access/cmd/sandbox/controls"
	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
)

// cutting is a sandbox in which U0DEV1 has keys, and gives the access back while PutRolePolicy fails as
// a fault says; "" for none.
func cutting(t *testing.T, fault string) *sandboxtest.Sandbox {
	t.Helper()
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	grant := sandboxtest.Granted(b)
	b.Click("U0DEV1", "Get temporary keys", grant)
	if fault != "" {
		b.Do("faults", fault)
	}
	b.Click("U0DEV1", "I'm done", grant)
	return b
}

// The state shows a cut as it happens: the deny is stored and read back, so the product says that it is
// done, and the session works until IAM enforces the deny.
func TestStateShowsADenyThatIsNotEnforcedYet(t *testing.T) {
	b := cutting(t, `{"at":"iam:PutRolePolicy","how":"late","for":"30s"}`)
	s := b.State()
	if len(s.Sessions) != 1 || len(s.Denies) != 1 || len(s.Cuts) != 1 {
		t.Fatalf("%d sessions, %d denies, %d cut lists, want one each", len(s.Sessions), len(s.Denies), len(s.Cuts))
	}
	deny, name := s.Denies[0], s.Cuts[0].Names[0]
	if deny.Name != "aws-access-cut" || deny.Believed.Sub(*deny.Written) != 30*time.Second {
		t.Errorf("the deny %s is written %s and believed %s", deny.Name, deny.Written, deny.Believed)
	}
	if s.Requests[0].Cut != "done" || name.Request != s.Requests[0].ID || name.Done == nil {
		t.Errorf("the cut is %s, on the list as %+v", s.Requests[0].Cut, name)
	}
	if s.Sessions[0].State != controls.SessionEnding {
		t.Errorf("before IAM enforces the deny, the session is %s", s.Sessions[0].State)
	}
	b.Advance("31s")
	session := b.State().Sessions[0]
	if session.State != controls.SessionDenied || !session.DeniedSince.Equal(*deny.Believed) {
		t.Errorf("then it is %s, since %v", session.State, session.DeniedSince)
	}
}

// While AWS does not take the deny, everything says "ending", with the reason.
func TestStateShowsACutThatFails(t *testing.T) {
	b := cutting(t, `{"at":"iam:PutRolePolicy","how":"code:AccessDenied"}`)
	s := b.State()
	if s.Requests[0].State != "ended" || s.Requests[0].Cut != "ending" || s.Sessions[0].State != controls.SessionEnding {
		t.Errorf("the grant is %s, its cut %s, the session %s",
			s.Requests[0].State, s.Requests[0].Cut, s.Sessions[0].State)
	}
	c := s.Cuts[0]
	if c.Failed != "refused" || c.Tries != 1 || c.NextTry == nil || c.Names[0].Done != nil || len(s.Denies) != 0 {
		t.Errorf("the cut list is %+v, and there are %d denies", c, len(s.Denies))
	}
}
