package lifecycle

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// The first error says what is wrong. The second one often says only that the same is
// still wrong.
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

// The table does not take the record of a session, and all else says that the grant can be used. The error is that of
// the table, and not a refusal of a request that could not be read.
func TestASessionThatIsNotRecordedIsNotHandedOut(t *testing.T) {
	for name, c := range map[string]struct {
		saves  int // that fail after the intent
		loads  bool
		handed bool
	}{
		"one write fails": {1, false, true}, "two writes fail": {2, false, true}, "all writes fail": {9, false, false},
		"a write and all reads after it fail": {1, true, false},
	} {
		w := newWorld(t)
		r := w.mustSubmit("U0DEV1", "Look")
		saves, down := 0, errors.New("the table is down")
		w.fault = func(call string) (error, error) {
			if call == "store:save" {
				saves++
			}
			if call == "store:save" && saves > 1 && saves <= 1+c.saves || call == "store:load" && saves > 1 && c.loads {
				return down, nil
			}
			return nil, nil
		}
		out, err := w.order(r.ID, "U0DEV1", "o", access.Keys)
		w.fault = nil
		handed, issued := !out.Credentials.SecretKey.Empty(), w.at(r.ID).Sessions[0].Issued()
		if handed != c.handed || issued != c.handed || errors.Is(err, down) == c.handed {
			t.Errorf("%s: handed out %v, recorded %v, %v", name, handed, issued, err)
		}
	}
}

// An order with fields of a megabyte makes no call and writes nothing.
func TestMalformedOrderIsRefusedBeforeAnyCall(t *testing.T) {
	w := newWorld(t)
	r := w.mustSubmit("U0DEV1", "Look")
	mega := strings.Repeat("x", 1<<20)
	calls := 0
	w.fault = func(string) (error, error) { calls++; return nil, nil }
	for name, o := range map[string]access.Order{
		"every field": {ID: mega, Request: mega, By: mega, Kind: access.Kind(mega), At: noon},
		"only the id": {ID: mega, Request: r.ID, By: "U0DEV1", Kind: access.Keys, At: noon},
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

// A tick reads the clock several times. One reading may be before the time at which a
// request is due, and the next one after it.
func TestTickEndsIfTheClockStepsBack(t *testing.T) {
	w := newWorld(t)
	r := w.mustSubmit("U0DEV1", "Change")
	readings := 0
	step := w.step()
	step.Now = func() time.Time {
		if readings++; readings > 1000 {
			panic("the tick does not end")
		}
		// in turn one second before the due time, and at it
		return noon.Add(time.Duration(-readings%2) * time.Second).Add(15 * time.Minute)
	}
	tick := Tick{Step: step, DueIn: w.store}
	for range 3 {
		if err := tick.tick(context.Background(), r.ID); err != nil {
			t.Fatal(err)
		}
	}
	if !w.at(r.ID).Reminded {
		t.Error("no reminder was recorded")
	}
}
