package relay

import (
	"strconv"
	"testing"
	"time"
)

func TestBurstComesBackWithTime(t *testing.T) {
	one := throttle{burst: 3, perSecond: 2}
	now := noon
	for i, c := range []struct {
		pass, wait time.Duration
	}{
		{0, 0},
		{0, 0},
		{0, 0},
		{0, time.Second / 2},
		{time.Second / 4, time.Second / 4},
		{time.Second / 4, 0},
		{0, time.Second / 2},
		{time.Hour, 0},
		{0, 0},
		{0, 0},
		{0, time.Second / 2},
		{-time.Hour, time.Second / 2}, // a clock that was set back gives nothing
	} {
		now = now.Add(c.pass)
		if got := one.count("a", now); got != c.wait {
			t.Errorf("step %d: wait %s, want %s", i, got, c.wait)
		}
	}
}

func TestWhatIsRememberedIsBounded(t *testing.T) {
	one := throttle{burst: 1, perSecond: 1}
	for i := range 3 * maxCounted {
		one.count(strconv.Itoa(i), noon)
		if len(one.spent) > maxCounted {
			t.Fatalf("%d are remembered, want at most %d", len(one.spent), maxCounted)
		}
	}
	// The old ones are forgotten first.
	two := throttle{burst: 1, perSecond: 1}
	for i := range maxCounted - 1 {
		two.count(strconv.Itoa(i), noon)
	}
	two.count("late", noon.Add(time.Second))
	two.count("latest", noon.Add(time.Second))
	if len(two.spent) != 2 || two.count("late", noon.Add(time.Second)) == 0 {
		t.Errorf("%d are remembered, want the two that count", len(two.spent))
	}
}

func TestNetworkIsWhatOneSenderCannotChange(t *testing.T) {
	for source, want := range map[string]string{
		"192.0.2.1": "192.0.2.1", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::/64", "2001:db8:1:2::9": "2001:db8:1:2::/64",
		"::ffff:192.0.2.1": "::ffff:192.0.2.1", "fe80::1%eth0": "fe80::/64", "": "", "x": "x",
	} {
		if got := network(source); got != want {
			t.Errorf("%q: got %q, want %q", source, got, want)
		}
	}
}
