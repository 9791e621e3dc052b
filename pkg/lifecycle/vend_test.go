package lifecycle

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// What keeps a session from being recorded is told whole: the first error says
// what is wrong, the second one often only that it is still so.
func TestBothErrorsAreReturnedIfASessionCannotBeRecorded(t *testing.T) {
	w := newWorld(t)
	r := w.mustSubmit("U0DEV1", "Look")
	first, second := errors.New("the first"), errors.New("the second")
	saves := 0
	w.fault = func(call string) (error, error) {
		if call != "store:save" {
			return nil, nil
		}
		saves++
		switch saves {
		case 1: // the intent
			return nil, nil
		case 2:
			return first, nil
		}
		return second, nil
	}
	out, err := w.order(r.ID, "U0DEV1", "o", access.Keys)
	if !errors.Is(err, first) || !errors.Is(err, second) || !out.Credentials.SecretKey.Empty() {
		t.Errorf("got %v, want both errors and no credentials", err)
	}
}

// A click whose every field is a megabyte asks nobody and writes nothing.
func TestMalformedOrderIsRefusedBeforeAnyCall(t *testing.T) {
	w := newWorld(t)
	r := w.mustSubmit("U0DEV1", "Look")
	mega := strings.Repeat("x", 1<<20)
	calls := 0
	w.fault = func(string) (error, error) { calls++; return nil, nil }
	for name, o := range map[string]access.Order{
		"all of it":    {ID: mega, Request: mega, By: mega, Kind: access.Kind(mega), At: noon},
		"the id alone": {ID: mega, Request: r.ID, By: "U0DEV1", Kind: access.Keys, At: noon},
	} {
		out, err := Vend{Step: w.step(), STS: w}.Do(context.Background(), o)
		if !errors.Is(err, access.ErrBadOrder) || calls != 0 || out.Request.ID != "" || len(err.Error()) > 100 {
			t.Errorf("%s: got %.200v and %d calls, want %v and none", name, err, calls, access.ErrBadOrder)
		}
	}
	if got := w.at(r.ID); got.Version != 1 {
		t.Errorf("the request is at version %d, want 1", got.Version)
	}
}

// One clock may be read before and one after the moment that a request is due.
func TestTickEndsIfTheClockStepsBack(t *testing.T) {
	w := newWorld(t)
	r := w.mustSubmit("U0DEV1", "Change")
	readings := 0
	step := w.step()
	step.Now = func() time.Time {
		if readings++; readings > 1000 {
			panic("the tick does not end")
		}
		// one second before, and at the moment, in turn
		return noon.Add(time.Duration(-readings%2) * time.Second).Add(15 * time.Minute)
	}
	tick := Tick{Step: step, DueIn: w.store}
	for range 3 {
		if err := tick.tick(context.Background(), r.ID); err != nil {
			t.Fatal(err)
		}
	}
	if !w.at(r.ID).Reminded {
		t.Error("nobody was reminded")
	}
}
