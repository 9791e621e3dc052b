package lifecycle

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

func (w *world) operator() Operator {
	step := w.step()
	step.Roster.Slack, step.Policy = nil, nil // neither works
	by := access.Person{ID: "arn:aws:sts::1:assumed-role/Ops/alice", Name: "alice", Membership: access.Member}
	return Operator{Step: step, Freezes: w.store, By: by}
}

func TestAnOperatorEndsAGrantWithoutSlackAndPolicy(t *testing.T) {
	w := newWorld(t)
	r := w.granted(t, time.Hour)
	if _, err := w.order(r.ID, "U0DEV1", "o", access.Keys); err != nil {
		t.Fatal(err)
	}
	got, changed, err := w.operator().Close(t.Context(), r.ID, "an incident")
	if err != nil || !changed || got.State != access.Revoked || got.Cut != access.CutEnding ||
		!w.cuts(r).Has(r.ID, time.Time{}) || got.Closed.By.Name != "alice" {
		t.Errorf("got %s, cut %q, changed %v, %v, list %+v", got.State, got.Cut, changed, err, w.cuts(r))
	}
	if _, changed, err := w.operator().Close(t.Context(), r.ID, "an incident"); changed || err != nil {
		t.Errorf("the second time: changed %v, %v", changed, err)
	}
	for why, want := range map[string]string{" ": access.CodeNoReason} {
		if _, _, err := w.operator().Close(t.Context(), r.ID, why); access.Code(err) != want {
			t.Errorf("%q: %v, want %s", why, err, want)
		}
	}
	if _, _, err := w.operator().Close(t.Context(), "01NONE", "x"); access.Code(err) != access.CodeUnknownRequest {
		t.Errorf("an unknown request: %v", err)
	}
}

// lossy is a store whose first write is done, and whose answer is lost.
type lossy struct {
	loadSaver
	freezeStore
	lost bool
}

var errLost = errors.New("the answer is lost")

func (l *lossy) lose(err error) error {
	if err != nil || l.lost {
		return err
	}
	l.lost = true
	return errLost
}

func (l *lossy) Save(ctx context.Context, next access.Request, event access.Event, once string) error {
	return l.lose(l.loadSaver.Save(ctx, next, event, once))
}

func (l *lossy) SaveFreeze(ctx context.Context, next access.Freeze) error {
	return l.lose(l.freezeStore.SaveFreeze(ctx, next))
}

func (l *lossy) Freeze(ctx context.Context) (access.Freeze, error) { return l.freezeStore.Freeze(ctx) }

func TestWhatAnOperatorDidCountsAlsoIfTheAnswerWasLost(t *testing.T) {
	w := newWorld(t)
	r := w.granted(t, time.Hour)
	lossyOperator := func() Operator {
		o := w.operator()
		l := &lossy{loadSaver: o.Store, freezeStore: w.store}
		o.Store, o.Freezes = l, l
		return o
	}
	if got, changed, err := lossyOperator().Close(t.Context(), r.ID, "x"); err != nil || !changed ||
		got.State != access.Revoked {
		t.Errorf("close: %s, changed %v, %v", got.State, changed, err)
	}
	if f, changed, err := lossyOperator().Freeze(t.Context(), "x"); err != nil || !changed || !f.On {
		t.Errorf("freeze: %+v, changed %v, %v", f, changed, err)
	}
	if f, changed, err := w.operator().Freeze(t.Context(), "y"); err != nil || changed || f.Why != "x" {
		t.Errorf("freeze again: %+v, changed %v, %v", f, changed, err)
	}
	if f, changed, err := lossyOperator().Thaw(t.Context()); err != nil || !changed || f.On || len(f.Thaw) != 1 {
		t.Errorf("thaw: %+v, changed %v, %v", f, changed, err)
	}
	if _, changed, err := w.operator().Thaw(t.Context()); err != nil || changed {
		t.Errorf("thaw again: changed %v, %v", changed, err)
	}
}
