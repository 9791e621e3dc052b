package functions

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/slackui"
)

// How much one person may send at once, and how much more each second. People
// who click and type as fast as they can stay below it.
const (
	paceBurst     = 100
	pacePerSecond = 1
	paceWindow    = paceBurst / pacePerSecond * time.Second // after it, everything is free again
	paceTold      = time.Hour
	pacePeople    = 10_000 // how many are remembered, so that memory is bounded
)

// pace bounds what one person's commands, clicks, forms and menus may cost in
// one instance of the function. It needs no call, so it holds before any is
// made. Each instance counts by itself, and forgets when it ends: what holds
// everywhere is in the table (access.Asker).
type pace struct {
	mu     sync.Mutex
	people map[string]paced
}

// paced is one person. spent is what was taken at the moment at.
type paced struct {
	spent    float64
	at, told time.Time
}

// take counts one more thing that somebody sent. ok is false when it is too
// much; first is true when it is so for the first time in an hour.
func (c *pace) take(user string, now time.Time) (ok, first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.people) >= pacePeople {
		maps.DeleteFunc(c.people, func(_ string, p paced) bool {
			return now.Sub(p.at) > paceWindow && now.Sub(p.told) > paceTold
		})
	}
	if c.people == nil || len(c.people) >= pacePeople {
		c.people = make(map[string]paced)
	}
	p := c.people[user]
	if passed := now.Sub(p.at); passed > 0 {
		p.spent, p.at = max(0, p.spent-passed.Seconds()*pacePerSecond), now
	}
	if ok = p.spent+1 <= paceBurst; ok {
		p.spent++
	}
	c.people[user] = p
	return ok, !ok && c.tell(user, now)
}

// tell reports whether the operators were not told of somebody within an hour,
// and notes that they are now. The caller holds the lock.
func (c *pace) tell(user string, now time.Time) bool {
	p := c.people[user]
	if !p.told.IsZero() && now.Sub(p.told) < paceTold {
		return false
	}
	p.told = now
	c.people[user] = p
	return true
}

// tooFast refuses somebody who sends more than people do. It makes a call only
// for the first refusal of an hour, to tell the operators. first is true for
// that one: a caller whose answer costs a call answers no other.
func (h *Slack) tooFast(ctx context.Context, user string, now time.Time) (first bool, err error) {
	ok, first := h.pace.take(user, now)
	if ok {
		return false, nil
	}
	if first {
		h.flood(ctx, user, slackui.TooManyClicks, paceBurst, now)
	}
	return first, access.Refuse("too_fast", "You are sending commands and clicks faster than is allowed.",
		"Wait a minute, then try again.")
}

// asksTooMuch tells the operators of somebody who was refused because of asking
// too often.
func (h *Slack) asksTooMuch(ctx context.Context, user string, now time.Time) {
	h.pace.mu.Lock()
	first := h.pace.tell(user, now)
	h.pace.mu.Unlock()
	if first {
		h.flood(ctx, user, slackui.TooManyRequests, h.Policy.Settings().AsksPerHour, now)
	}
}

// flood tells the operators, once an hour, who sends too much.
func (h *Slack) flood(
	ctx context.Context, user string, text func(id, name string, limit int) string, limit int, now time.Time,
) {
	name := ""
	if who, _, err := h.glance(ctx, user, now); err == nil {
		name = who.Name
	}
	if err := h.Operators.Once(ctx, "flood:"+user, text(user, name, limit), paceTold); err != nil {
		h.Log.ErrorContext(ctx, "the operators cannot be told of a flood", "user", user, "error", err)
	}
}
