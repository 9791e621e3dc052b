package relay

import (
	"maps"
	"net/netip"
	"sync"
	"time"
)

// The limits of one instance of the function. Each instance handles one call at a time
// and counts by itself. What limits all instances together is the throttle of the route
// and the reserved concurrency of the function (template.yaml).
const (
	sourceBurst      = 100 // requests of one network address at once; a company may have only one, with 50 jobs behind it
	sourcesPerSecond = 5   // and then each second
	keyBurst         = 60  // calls of one key at once
	keysPerSecond    = 2   // and then each second; a program that waits asks every few seconds
	maxCounted       = 10_000
)

// throttle limits how often each of many may do something: a burst at once, and then so
// many each second.
type throttle struct {
	burst, perSecond float64

	mu    sync.Mutex
	spent map[string]spending
}

// spending is what somebody has used of the burst.
type spending struct {
	used float64
	at   time.Time // as of which
}

// count counts one more of somebody, and returns 0, or how long to wait if that is too
// many. What was too many is not counted.
func (t *throttle) count(who string, now time.Time) (wait time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.spent) >= maxCounted {
		maps.DeleteFunc(t.spent, func(_ string, s spending) bool { return t.left(s, now) == 0 })
	}
	if t.spent == nil || len(t.spent) >= maxCounted {
		t.spent = make(map[string]spending) // so many at once are few calls of each
	}
	used := t.left(t.spent[who], now)
	if used+1 > t.burst {
		missing := used + 1 - t.burst
		return max(time.Millisecond, time.Duration(missing/t.perSecond*float64(time.Second)))
	}
	t.spent[who] = spending{used: used + 1, at: now}
	return 0
}

// left is what is still used of the burst.
func (t *throttle) left(s spending, now time.Time) float64 {
	return max(0, s.used-max(0, now.Sub(s.at).Seconds())*t.perSecond)
}

// network returns what one sender can hardly change: an IPv4 address, or the first half
// of an IPv6 address, of which one sender usually has all the rest.
func network(source string) string {
	at, err := netip.ParseAddr(source)
	if err != nil || at.Unmap().Is4() {
		return source
	}
	prefix, err := at.WithZone("").Prefix(64)
	if err != nil {
		return source
	}
	return prefix.String()
}
