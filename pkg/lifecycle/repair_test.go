package lifecycle

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

func (w *world) repair() error {
	return Repair{Step: w.step(), EndingIn: w.store}.Do(context.Background())
}

// revokedInUse returns a grant that was revoked with one live session.
func (w *world) revokedInUse(t *testing.T) access.Request {
	t.Helper()
	r := w.inUse(t)
	if err := w.revoke(r.ID, "U0LEAD1"); err != nil {
		t.Fatal(err)
	}
	return w.at(r.ID)
}

// loseCut takes every name off a cut list, as a restored table or an operator may do.
func (w *world) loseCut(r access.Request) {
	w.t.Helper()
	l := w.cuts(r)
	l.Version++
	l.Names = nil
	if err := w.store.SaveCutList(context.Background(), l); err != nil {
		w.t.Fatal(err)
	}
}

func TestALostCutOrderIsOrderedAgain(t *testing.T) {
	w := newWorld(t)
	r := w.revokedInUse(t)
	w.loseCut(r)
	w.advance(repairAfter - time.Second)
	if err := w.repair(); err != nil || w.at(r.ID).Version != r.Version {
		t.Fatalf("repaired before it may have been lost: %v", err)
	}
	w.advance(time.Second)
	if err := w.repair(); err != nil {
		t.Fatal(err)
	}
	got := w.at(r.ID)
	all := w.store.Events()
	last := all[len(all)-1]
	if !w.cuts(r).Has(r.ID, w.issued[0].expires) || got.Version != r.Version+1 || last.Actor.ID != access.System.ID ||
		last.Verb != access.Cut || last.Cut != access.CutEnding || last.Why == "" {
		t.Errorf("got %+v, and the event %+v", w.cuts(r), last)
	}
	if err := w.repair(); err != nil || w.at(r.ID).Version != got.Version {
		t.Errorf("a cut that is on its list was ordered again: %v", err)
	}
}

func TestACutThatIsOnItsListIsLeftAlone(t *testing.T) {
	w := newWorld(t)
	r := w.revokedInUse(t)
	w.advance(10 * time.Minute)
	if err := w.repair(); err != nil || w.at(r.ID).Version != r.Version {
		t.Errorf("repaired: %v", err)
	}
	if err := w.cutIsDone(r.ID); err != nil {
		t.Fatal(err)
	}
	w.loseCut(r) // as the function cut does when the last name is over
	if err := w.repair(); err != nil || w.at(r.ID).Cut != access.CutDone {
		t.Errorf("a cut that is done was repaired: %v", err)
	}
}

func TestACutIsOverWhenItsSessionsHaveExpired(t *testing.T) {
	w := newWorld(t)
	r := w.revokedInUse(t)
	w.loseCut(r)
	w.advance(2 * time.Hour)
	if err := w.repair(); err != nil {
		t.Fatal(err)
	}
	if got := w.at(r.ID); got.Cut != access.CutDone || !got.CutAt.IsZero() || len(w.cuts(r).Names) != 0 {
		t.Errorf("got %q, read back %s, and the list %+v", got.Cut, got.CutAt, w.cuts(r))
	}
	if ids, err := w.store.Ending(context.Background(), w.clock(), 10); err != nil || len(ids) != 0 {
		t.Errorf("still listed as ending: %v, %v", ids, err)
	}
}

func TestARequestThatCannotBeRepairedDoesNotStopTheOthers(t *testing.T) {
	w := newWorld(t)
	r := w.revokedInUse(t)
	other := w.mustSubmit("U0DEV2", "Look")
	if _, err := w.order(other.ID, "U0DEV2", "p", access.Keys); err != nil {
		t.Fatal(err)
	}
	if _, err := (Close{w.step()}).End(context.Background(), other.ID, "U0DEV2"); err != nil {
		t.Fatal(err)
	}
	w.loseCut(r)
	w.loseCut(other)
	w.advance(repairAfter)
	saves := 0
	w.fault = func(call string) (error, error) {
		if call == "store:save" {
			if saves++; saves <= 2 { // the first one and its second try
				return errDown, nil
			}
		}
		return nil, nil
	}
	err := w.repair()
	repaired := 0
	for _, one := range []access.Request{r, other} {
		if w.cuts(one).Has(one.ID, time.Time{}) {
			repaired++
		}
	}
	if !errors.Is(err, errDown) || repaired != 1 {
		t.Errorf("%d of 2 repaired, and the error %v", repaired, err)
	}
}

// Ticks did not run for an hour. Nothing could be vended after the end, and the first tick closes
// what is over and ends the order that nobody answered.
func TestALateTickMakesEveryMoveThatIsOverdue(t *testing.T) {
	w := newWorld(t)
	over := w.mustSubmit("U0DEV1", "Look")
	w.advance(30 * time.Minute)
	open, err := w.submit("U0DEV2", "Look", 4*time.Hour, "")
	if err != nil {
		t.Fatal(err)
	}
	w.fault = func(call string) (error, error) {
		if call == "sts:assume" {
			return errDown, nil
		}
		return nil, nil
	}
	if _, err := w.order(open.ID, "U0DEV2", "lost", access.Keys); !errors.Is(err, errDown) {
		t.Fatal(err)
	}
	w.fault = nil
	w.advance(time.Hour)
	if _, err := w.order(over.ID, "U0DEV1", "late", access.Keys); access.Code(err) != access.CodeExpired {
		t.Errorf("an order after the end, before the tick: %v", err)
	}
	if err := w.tick(); err != nil {
		t.Fatal(err)
	}
	if got := w.at(over.ID); got.State != access.Expired || got.Closed.By.ID != access.Clock.ID {
		t.Errorf("the grant that is over is %s", got.State)
	}
	if got := w.at(open.ID); len(got.Sessions) != 1 || !got.Sessions[0].NoAnswer {
		t.Errorf("the order that nobody answered is %+v", got.Sessions)
	}
}
