package operators

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

func TestAnOperatorConfirmsOrDismissesAHeldSweep(t *testing.T) {
	for answer, want := range map[string]struct {
		says string
		is   func(access.Sweep, time.Time) bool
	}{
		"": {"A sweep is held since 2026-11-21T12:00:00Z. The last one looked at 100 grants and would revoke",
			func(s access.Sweep, _ time.Time) bool { return s.Held }},
		"confirm": {"Confirmed: they are revoked within a minute.",
			func(s access.Sweep, now time.Time) bool {
				return !s.Held && s.Limit(100, now) >= 40 && s.Due(time.Hour, now)
			}},
		"dismiss": {"Dismissed: vending goes on",
			func(s access.Sweep, now time.Time) bool { return !s.Held && s.Keeps(now.Add(-time.Second), now) }},
	} {
		e := newEmergency(t)
		o := e.operation(false, "yes\n")
		if done, err := o.sweep(t.Context(), answer); err != nil || !done ||
			!strings.Contains(e.out.String(), "No sweep is held. None has been made yet.") {
			t.Errorf("%q before any: %v, %v, %q", answer, done, err, e.out.String())
		}
		e.must(e.store.SaveSweep(t.Context(), access.Sweep{}.Found(100, 40, 40, e.now)))
		if answer != "" {
			done, err := e.operation(false, "no\n").sweep(t.Context(), answer)
			if s, failed := e.store.Sweep(t.Context()); errors.Join(err, failed) != nil || done || !s.Held {
				t.Errorf("%q, and then no: %v, %v, %+v", answer, done, err, s)
			}
		}
		done, err := e.operation(false, "yes\n").sweep(t.Context(), answer)
		s, failed := e.store.Sweep(t.Context())
		if err = errors.Join(err, failed); err != nil || !done || !strings.Contains(e.out.String(), want.says) ||
			!want.is(s, e.now) || answer != "" && s.By.ID != operator.ID {
			t.Errorf("%q: %v, %v, %+v, %q", answer, done, err, s, e.out.String())
		}
	}
}
