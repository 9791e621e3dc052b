package world

import (
	"fmt"
	"sync"
	"time"
)

// clock is the time of the sandbox. It runs with real time, or is held still,
// and never goes back: what happened later is later.
type Clock struct {
	real func() time.Time

	mu   sync.Mutex
	at   time.Time // the last sandbox time that was read or set
	from time.Time // real time of that moment
	held bool
}

// NewClock starts a running clock at start.
func NewClock(start time.Time, realTime func() time.Time) *Clock {
	return &Clock{real: realTime, at: start.UTC(), from: realTime()}
}

// Now is the sandbox's time, in UTC.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

// now moves the clock on by the real time that has passed. When real time
// jumps back, the sandbox's waits.
func (c *Clock) now() time.Time {
	if c.held {
		return c.at
	}
	wall := c.real()
	if passed := wall.Sub(c.from); passed > 0 {
		c.at = c.at.Add(passed)
	}
	c.from = wall
	return c.at
}

// Running reports whether the clock runs with real time.
func (c *Clock) Running() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.held
}

// Hold stops the clock at the present moment and reports whether it ran.
func (c *Clock) Hold() (ran bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	ran = !c.held
	c.at = c.now()
	c.held = true
	return ran
}

// Run lets the clock go on from where it stands.
func (c *Clock) Run() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.now()
	c.from = c.real()
	c.held = false
}

// Set moves the clock to t, which must not lie in its past.
func (c *Clock) Set(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if t.Before(now) {
		return fmt.Errorf("the clock cannot go back: it is %s", now.Format(time.RFC3339Nano))
	}
	c.at, c.from = t.UTC(), c.real()
	return nil
}
