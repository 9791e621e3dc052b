package world

import (
	"fmt"
	"sync"
	"time"
)

// Clock is the time of a World. It runs with real time or is held still, and it
// never goes back.
type Clock struct {
	realNow func() time.Time

	mu     sync.Mutex
	at     time.Time // the sandbox time that was last read or set
	realAt time.Time // the real time at which that was
	held   bool
}

// NewClock starts a running clock at start.
func NewClock(start time.Time, realNow func() time.Time) *Clock {
	return &Clock{realNow: realNow, at: start.UTC(), realAt: realNow()}
}

// Now is the sandbox's time, in UTC.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now()
}

// now moves the clock on by the real time that has passed. When real time jumps
// back, the clock stands still instead. The caller holds the lock.
func (c *Clock) now() time.Time {
	if c.held {
		return c.at
	}
	realNow := c.realNow()
	if passed := realNow.Sub(c.realAt); passed > 0 {
		c.at = c.at.Add(passed)
	}
	c.realAt = realNow
	return c.at
}

// Running reports whether the clock runs with real time.
func (c *Clock) Running() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.held
}

// Hold stops the clock and reports whether it was running.
func (c *Clock) Hold() (wasRunning bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	wasRunning = !c.held
	c.at = c.now()
	c.held = true
	return wasRunning
}

// Run lets the clock run again, from the time that it shows.
func (c *Clock) Run() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.now()
	c.realAt = c.realNow()
	c.held = false
}

// Set moves the clock to t. It refuses a time in the clock's past.
func (c *Clock) Set(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if t.Before(now) {
		return fmt.Errorf("the clock cannot go back: it is %s", now.Format(time.RFC3339Nano))
	}
	c.at, c.realAt = t.UTC(), c.realNow()
	return nil
}
