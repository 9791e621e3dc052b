package world

import (
	"testing"
	"time"
)

func TestClockRunsHoldsAndNeverGoesBack(t *testing.T) {
	realNow := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	start := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	c := NewClock(start, func() time.Time { return realNow })
	step := func(what string, want time.Time) {
		t.Helper()
		if got := c.Now(); !got.Equal(want) {
			t.Errorf("%s: the clock shows %v, want %v", what, got, want)
		}
	}
	step("at the start", start)
	realNow = realNow.Add(time.Minute)
	step("a minute later", start.Add(time.Minute))
	if !c.Hold() || c.Hold() {
		t.Error("Hold does not report whether the clock ran")
	}
	realNow = realNow.Add(time.Hour)
	step("held for an hour", start.Add(time.Minute))
	c.Run()
	step("running again", start.Add(time.Minute))
	realNow = realNow.Add(time.Second)
	step("a second later", start.Add(61*time.Second))
	realNow = realNow.Add(-time.Hour)
	if got := c.Now(); got.Before(start.Add(61 * time.Second)) {
		t.Errorf("after real time jumped back the clock shows %v", got)
	}
	if err := c.Set(start); err == nil {
		t.Error("the clock was set to its past")
	}
	realNow = realNow.Add(time.Hour)
	if err := c.Set(start.Add(48 * time.Hour)); err != nil {
		t.Errorf("set to the future: %v", err)
	}
	step("set", start.Add(48*time.Hour))
	realNow = realNow.Add(time.Second)
	step("running on", start.Add(48*time.Hour+time.Second))
}
