package home

import (
	"testing"
	"time"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

func TestPrintedEndLeavesAMarginAndFollowsTheLocalClock(t *testing.T) {
	day := 24 * time.Hour
	for name, c := range map[string]struct {
		local, server time.Time
		life          time.Duration
		lifetime      time.Duration
		want          time.Duration // after the local time
	}{
		"one hour":                {noon, noon, time.Hour, 0, 59 * time.Minute},
		"fifteen minutes":         {noon, noon, 15 * time.Minute, 0, 14 * time.Minute},
		"ten minutes":             {noon, noon, 10 * time.Minute, 0, 9 * time.Minute},
		"five minutes":            {noon, noon, 5 * time.Minute, 0, 4*time.Minute + 30*time.Second},
		"a clock a day ahead":     {noon.Add(day), noon, time.Hour, 0, 59 * time.Minute},
		"a clock a day behind":    {noon.Add(-day), noon, time.Hour, 0, 59 * time.Minute},
		"a lifetime of 20 s":      {noon, noon, time.Hour, 20 * time.Second, 20 * time.Second},
		"a lifetime that is long": {noon, noon, time.Hour, 2 * time.Hour, 59 * time.Minute},
		"no life":                 {noon, noon, 0, 0, 0},
	} {
		got := PrintedEnd(c.local, c.server, c.server.Add(c.life), c.lifetime)
		if want := c.local.Add(c.want); !got.Equal(want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	if over := PrintedEnd(noon, noon, noon.Add(-time.Minute), 0); over.After(noon) {
		t.Errorf("keys that are over end at %v", over)
	}
}

func TestKeysAreReusedWhileEnoughTimeIsLeft(t *testing.T) {
	for name, c := range map[string]struct {
		life, age time.Duration
		want      bool
	}{
		"new":                        {time.Hour, 0, true},
		"17 minutes left of an hour": {time.Hour, 43 * time.Minute, true},
		"16 minutes left of an hour": {time.Hour, 44 * time.Minute, false},
		"over a third left":          {15 * time.Minute, 9*time.Minute + 59*time.Second, true},
		"a third left":               {15 * time.Minute, 10 * time.Minute, false},
		"20 s, new":                  {20 * time.Second, 13 * time.Second, true},
		"20 s, a third left":         {20 * time.Second, 14 * time.Second, false},
		"over":                       {time.Hour, time.Hour, false},
		"from the future":            {time.Hour, -time.Second, false},
		"no life":                    {0, 0, false},
		"negative life":              {-time.Hour, 0, false},
	} {
		if got := reusable(noon, noon.Add(c.life), noon.Add(c.age)); got != c.want {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

func TestClockIsCorrectedByAtMostADayAndAnHour(t *testing.T) {
	for gap, want := range map[time.Duration]bool{
		25 * time.Hour: true, -25 * time.Hour: true, 25*time.Hour + time.Second: false, -26 * time.Hour: false, 0: true,
	} {
		if got, ok := ClockGap(noon, noon.Add(gap), false); got != gap || ok != want {
			t.Errorf("%v: got %v, %v", gap, got, ok)
		}
		if _, ok := ClockGap(noon, noon.Add(gap), true); !ok {
			t.Errorf("%v on loopback is refused", gap)
		}
	}
}
