package access

import (
	"testing"
	"time"
)

func TestASweepIsHeldWhenItWouldRevokeTooMuch(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	for _, c := range []struct {
		looked, lost int
		held         bool
	}{
		{0, 0, false}, {20, 20, false}, {21, 21, true}, {200, 20, false}, {200, 21, true}, {5000, 500, false},
		{5000, 501, true},
	} {
		if got := (Sweep{}).Found(c.looked, c.lost, c.lost, now); got.Held != c.held || got.Since.IsZero() == c.held {
			t.Errorf("%d of %d lost: held %v since %s", c.lost, c.looked, got.Held, got.Since)
		}
	}
}

func TestAHoldLastsUntilSomebodyAnswersOrNothingIsLost(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	by := Person{ID: "operator", Name: "Olive"}
	held := Sweep{}.Found(100, 40, 40, now)
	later := now.Add(5 * time.Minute)
	if fewer := held.Found(100, 1, 1, later); !fewer.Held || !fewer.Since.Equal(now) {
		t.Errorf("one is still lost: %+v, want held since %s", fewer, now)
	}
	if over := held.Found(100, 0, 0, later); over.Held || !over.Since.IsZero() {
		t.Errorf("nothing is lost: %+v, want no hold", over)
	}
	for name, answer := range map[string]func(Sweep, Person, time.Time) (Sweep, bool){
		"confirm": Sweep.Confirm, "dismiss": Sweep.Dismiss,
	} {
		if _, changed := answer(Sweep{}, by, now); changed {
			t.Errorf("%s without a hold changes the record", name)
		}
		got, changed := answer(held, by, later)
		if !changed || got.Held || got.Version != held.Version+1 || got.By.ID != by.ID || !got.Due(time.Hour, later) {
			t.Errorf("%s: %+v, want no hold and a sweep at once", name, got)
		}
		if again, changed := answer(got, by, later); changed || again.Version != got.Version {
			t.Errorf("%s twice changes the record", name)
		}
	}
}

func TestAConfirmationCountsForWhatWasFoundAndForAQuarterOfAnHour(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	yes, _ := Sweep{}.Found(100, 40, 40, now).Confirm(Person{ID: "operator"}, now)
	for _, c := range []struct {
		lost  int
		after time.Duration
		held  bool
	}{{40, 0, false}, {60, 0, false}, {61, 0, true}, {40, allowedFor - 1, false}, {40, allowedFor, true}} {
		if got := yes.Found(100, c.lost, c.lost, now.Add(c.after)); got.Held != c.held {
			t.Errorf("%d lost %s after 40 were confirmed: held %v", c.lost, c.after, got.Held)
		}
	}
}

func TestADismissalKeepsOlderGrantsForAnHour(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	no, _ := Sweep{}.Found(100, 40, 40, now).Dismiss(Person{ID: "operator"}, now)
	for _, c := range []struct {
		began, after time.Duration
		kept         bool
	}{{-time.Second, 0, true}, {0, 0, false}, {-time.Second, keptFor - 1, true}, {-time.Second, keptFor, false}} {
		if got := no.Keeps(now.Add(c.began), now.Add(c.after)); got != c.kept {
			t.Errorf("a grant that began %s after the answer is kept %s later: %v", c.began, c.after, got)
		}
	}
	if (Sweep{}).Keeps(now, now) {
		t.Error("without an answer a grant is kept")
	}
}
