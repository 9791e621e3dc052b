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
	rateBurst     = 100
	ratePerSecond = 1
	rateWindow    = rateBurst / ratePerSecond * time.Second // after it, everything is free again
	reportEvery   = time.Hour
	maxSenders    = 10_000 // how many are remembered, so that memory is bounded
)

// rateLimit bounds what one person's commands, clicks, forms and menus may cost in
// one instance of the function. It needs no call, so it holds before any is
// made. Each instance counts by itself, and forgets when it ends: what holds
// everywhere is in the table (access.Asker).
type rateLimit struct {
	mu      sync.Mutex
	senders map[string]sender
}

// sender is one person. spent is what was taken at the moment at.
type sender struct {
	spent                 float64
	countedAt, reportedAt time.Time
}

// allow counts one more thing that somebody sent. ok is false when it is too
// much; first is true when it is so for the first time in an hour.
func (c *rateLimit) allow(user string, now time.Time) (ok, first bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.senders) >= maxSenders {
		maps.DeleteFunc(c.senders, func(_ string, p sender) bool {
			return now.Sub(p.countedAt) > rateWindow && now.Sub(p.reportedAt) > reportEvery
		})
	}
	if c.senders == nil || len(c.senders) >= maxSenders {
		c.senders = make(map[string]sender)
	}
	p := c.senders[user]
	if passed := now.Sub(p.countedAt); passed > 0 {
		p.spent, p.countedAt = max(0, p.spent-passed.Seconds()*ratePerSecond), now
	}
	if ok = p.spent+1 <= rateBurst; ok {
		p.spent++
	}
	c.senders[user] = p
	return ok, !ok && c.reportDue(user, now)
}

// reportDue reports whether the operators were not told of somebody within an hour,
// and notes that they are now. The caller holds the lock.
func (c *rateLimit) reportDue(user string, now time.Time) bool {
	p := c.senders[user]
	if !p.reportedAt.IsZero() && now.Sub(p.reportedAt) < reportEvery {
		return false
	}
	p.reportedAt = now
	c.senders[user] = p
	return true
}

// limitRate refuses somebody who sends more than people do. It makes a call only
// for the first refusal of an hour, to tell the operators. first is true for
// that one: a caller whose answer costs a call answers no other.
func (h *Slack) limitRate(ctx context.Context, user string, now time.Time) (first bool, err error) {
	ok, first := h.rate.allow(user, now)
	if ok {
		return false, nil
	}
	if first {
		h.reportFlood(ctx, user, slackui.TooManyClicks, rateBurst, now)
	}
	return first, access.RefuseTooFast()
}

// reportAsks tells the operators of somebody who was refused because of asking
// too often.
func (h *Slack) reportAsks(ctx context.Context, user string, now time.Time) {
	h.rate.mu.Lock()
	first := h.rate.reportDue(user, now)
	h.rate.mu.Unlock()
	if first {
		h.reportFlood(ctx, user, slackui.TooManyRequests, h.Policy.Settings().AsksPerHour, now)
	}
}

// reportFlood tells the operators, once an hour, who sends too much.
func (h *Slack) reportFlood(
	ctx context.Context, user string, text func(id, name string, limit int) string, limit int, now time.Time,
) {
	name := ""
	if who, _, err := h.lookUp(ctx, user, now); err == nil {
		name = who.Name
	}
	if err := h.Operators.Once(ctx, "flood:"+user, text(user, name, limit), reportEvery); err != nil {
		h.Log.ErrorContext(ctx, "the operators cannot be told of a flood", "user", user, "error", err)
	}
}
