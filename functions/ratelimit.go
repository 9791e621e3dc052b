package functions

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/slackui"
)

// The rate limit of one person. People who click and type as fast as they can stay
// below it.
const (
	rateBurst     = 100                                     // commands, clicks, forms and menus at once
	ratePerSecond = 1                                       // more of them each second
	rateWindow    = rateBurst / ratePerSecond * time.Second // after it, the whole burst is free again
	reportEvery   = time.Hour                               // the operators hear about one person
	maxSenders    = 10_000                                  // are remembered, which bounds the memory
)

// rateLimit limits how many commands, clicks, forms and menus of one person an
// instance of the function handles. It makes no call, so it also protects the calls.
// Each instance counts by itself, and forgets when it ends. The limits that hold in
// all instances together are in the table (access.Asker).
type rateLimit struct {
	mu      sync.Mutex
	senders map[string]sender
}

// sender is one person who has sent something.
type sender struct {
	used       float64   // of the burst, as of countedAt
	countedAt  time.Time // zero for a new sender
	reportedAt time.Time // to the operators
}

// allow counts one more command, click, form or menu of a person. ok is false when it
// is above the limit. first is true when that happens for the first time in an hour.
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
		p.used, p.countedAt = max(0, p.used-passed.Seconds()*ratePerSecond), now
	}
	if ok = p.used+1 <= rateBurst; ok {
		p.used++
	}
	c.senders[user] = p
	return ok, !ok && c.reportDue(user, now)
}

// reportDue reports whether the operators should hear about a person, which is at
// most once an hour, and counts as told from then on. The caller holds the lock.
func (c *rateLimit) reportDue(user string, now time.Time) bool {
	p := c.senders[user]
	if !p.reportedAt.IsZero() && now.Sub(p.reportedAt) < reportEvery {
		return false
	}
	p.reportedAt = now
	c.senders[user] = p
	return true
}

// limitRate refuses a person who sends too much (too_fast). For the first refusal of
// an hour it tells the operators, and first is true. For the others it makes no call,
// and a caller whose answer would cost a call does not answer.
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

// reportAsks tells the operators about a person who was refused with too_many_asks.
func (h *Slack) reportAsks(ctx context.Context, user string, now time.Time) {
	h.rate.mu.Lock()
	first := h.rate.reportDue(user, now)
	h.rate.mu.Unlock()
	if first {
		h.reportFlood(ctx, user, slackui.TooManyRequests, h.Policy.Settings().AsksPerHour, now)
	}
}

// reportFlood tells the operators who sends too much, once an hour for each person.
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
