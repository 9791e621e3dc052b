package controls

import (
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/fake/awsfake"
)

// The state of a session is what AWS would answer to its next call. Only "ending" also says what was
// ordered.
func TestStateOfASessionSaysWhatAWSWouldAnswer(t *testing.T) {
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	before, later := now.Add(-time.Minute), now.Add(time.Minute)
	const id = "01J00000000000000000000000"
	cut, open := Request{ID: id, CutSince: &before}, Request{ID: id}
	for name, c := range map[string]struct {
		session awsfake.Session
		request Request
		want    string
	}{
		"a grant that is open":               {awsfake.Session{Expires: later, Ends: &later}, open, SessionAlive},
		"revoked, and not denied":            {awsfake.Session{Expires: later, Ends: &later}, cut, SessionEnding},
		"revoked and denied":                 {awsfake.Session{Expires: later, DeniedSince: &before}, cut, SessionDenied},
		"denied by hand":                     {awsfake.Session{Expires: later, DeniedSince: &before}, open, SessionDenied},
		"the grant has ended":                {awsfake.Session{Expires: later, Ends: &now}, open, SessionEnded},
		"revoked, not denied, and has ended": {awsfake.Session{Expires: later, Ends: &before}, cut, SessionEnded},
		"expired": {
			awsfake.Session{Expires: now, DeniedSince: &before, Ends: &before}, cut, SessionExpired,
		},
	} {
		c.session.SessionName = "aws-access-" + id
		got := sessions([]awsfake.Session{c.session}, []Request{c.request}, now)
		if len(got) != 1 || got[0].State != c.want || got[0].Request != id {
			t.Errorf("%s: got %+v, want %s of %s", name, got, c.want, id)
		}
	}
	got := sessions([]awsfake.Session{{SessionName: "build-1", Expires: later}}, []Request{cut}, now)
	if got[0].Request != "" || got[0].State != SessionAlive {
		t.Errorf("a session without a grant: got %+v", got[0])
	}
}
