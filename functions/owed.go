package functions

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/slackapi"
)

type owedLister interface {
	// Owed lists at most limit requests that have a message which is due, the
	// longest overdue first.
	Owed(ctx context.Context, now time.Time, limit int) ([]string, error)
}

// Times and limits of owed messages.
const (
	maxOwed           = 5000               // requests that one tick looks at
	rotateFrom        = 500                // with so many requests, one tick may not reach the last one
	tickTimeout       = 15 * time.Second   // of the 55 s of a tick, which reads people and groups afterwards
	claimLife         = 50 * time.Second   // less than a minute, so that the next tick can claim again
	maxSaveTries      = 8                  // of a write that other writers keep overtaking
	maxBackoff        = 55 * time.Second   // less than a minute, so that each tick tries
	maxUnknownBackoff = 3 * time.Minute    // of an unknown code; with the minute until the next tick, four
	channelWait       = 2 * time.Second    // of other messages of a channel whose rate Slack limits
	giveUpAfter       = 24 * time.Hour     // after the request is over
	repeatAfter       = 7 * 24 * time.Hour // a cause that has no end is reported again
	indexLag          = 2 * time.Minute    // the index may not list the messages of a younger cause yet
	lateAfter         = 5 * time.Minute    // an alarm counts the messages that are owed for longer
)

// SendOwed tries to send the owed messages of all requests, and the notices that Slack has
// not accepted. A request whose messages cannot be sent does not hold up the others. All errors are joined.
func (h Notify) SendOwed(ctx context.Context, in owedLister) error {
	// Messages that another invocation has claimed are listed too. Otherwise
	// resolveUnused would report their causes as over.
	ids, err := in.Owed(ctx, h.Now().Add(claimLife), maxOwed)
	if err != nil {
		return fmt.Errorf("list the owed messages: %w", err)
	}
	if n := len(ids); n > rotateFrom { // each tick begins at another request
		from := int(h.Now().Unix()/60*rotateFrom) % n
		ids = append(ids[from:], ids[:from]...)
	}
	run := h.newRun()
	for _, id := range ids {
		run.waiting = append(run.waiting, waitingRequest{id: id})
	}
	err = run.sendWaiting(ctx, tickTimeout)
	all, err2 := run.sendNotices(ctx, noticesTimeout)
	err = errors.Join(err, err2)
	if err == nil && all && len(ids) < maxOwed {
		err = run.resolveUnused(ctx)
	}
	if run.lateRequests+run.lateNotices > 0 {
		h.Log.ErrorContext(ctx, "messages are late", "requests", run.lateRequests, "notices", run.lateNotices)
	}
	return err
}

// run is one invocation of notify or tick. When Slack refuses a message because
// of its channel, the run makes no more calls for that channel, so that one broken
// channel costs the others no time. A rate limit holds up the message itself for
// as long as Slack says, and other messages of the channel for two seconds. Then
// one of them may be tried.
type run struct {
	Notify
	holds        map[string]hold // by lane; "" holds every lane
	waiting      []waitingRequest
	reported     map[string]bool // causes that this run has reported to the operators
	causes       map[string]bool // causes for which a message is owed
	lateRequests int
	lateNotices  int
}

// hold says why no call is made in a lane.
type hold struct {
	until time.Time // zero for the rest of the run
	err   error
}

// heldError is the error of a call that was not made because of a hold.
type heldError struct{ hold }

func (h *heldError) Error() string { return h.err.Error() }
func (h *heldError) Unwrap() error { return h.err }

// waitingRequest is a request whose owed messages may be sent later in this run.
type waitingRequest struct {
	id    string
	tries []owedTry // empty when its messages were not read yet
}

// owedTry says when an owed message may be tried, and in which lane.
type owedTry struct {
	lane string
	next time.Time
}

func (h Notify) newRun() *run {
	return &run{
		Notify: h, holds: make(map[string]hold), reported: make(map[string]bool), causes: make(map[string]bool),
	}
}

// sendWaiting sends the owed messages of the waiting requests as soon as Slack
// allows it. It returns when no more of them can be sent before the timeout.
func (h *run) sendWaiting(ctx context.Context, timeout time.Duration) error {
	var failed []error
	end := h.Now().Add(timeout)
	for {
		list := h.waiting
		h.waiting = nil
		for _, w := range list {
			again, possible := h.earliest(w)
			switch {
			case !possible: // not in this run
			case again.After(h.Now()):
				h.waiting = append(h.waiting, w)
			default:
				failed = append(failed, h.sendOwed(ctx, w.id))
			}
		}
		next, ok := h.next()
		if !ok || h.Wait == nil || next.After(end) || !next.After(h.Now()) {
			return errors.Join(failed...)
		}
		if err := h.Wait(ctx, next.Sub(h.Now())); err != nil {
			return errors.Join(append(failed, err)...)
		}
	}
}

// earliest returns when a request may be tried again; possible is false when that
// is not in this run.
func (h *run) earliest(w waitingRequest) (again time.Time, possible bool) {
	if len(w.tries) == 0 {
		return time.Time{}, true
	}
	for _, try := range w.tries {
		held, found := h.holdOn(try.lane)
		if found && held.until.IsZero() {
			continue
		}
		if free := later(try.next, held.until); !possible || free.Before(again) {
			again, possible = free, true
		}
	}
	return again, possible
}

// next returns when the first of the waiting requests may be tried.
func (h *run) next() (at time.Time, ok bool) {
	for _, w := range h.waiting {
		if again, possible := h.earliest(w); possible && (!ok || again.Before(at)) {
			at, ok = again, true
		}
	}
	return at, ok
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// sendOwed sends the messages of one request that are due. If the request moves
// meanwhile, the invocation that handles the move leaves the messages alone that
// are claimed here. So sendOwed reads the request again, and updates them itself.
func (h *run) sendOwed(ctx context.Context, id string) error {
	d, err := h.claim(ctx, id)
	for range maxSaveTries {
		if err != nil || len(d.claimed) == 0 {
			return err
		}
		d.reconcile(ctx)
		if err := d.save(ctx); err != nil {
			return err
		}
		d, err = d.outdated(ctx)
	}
	return err
}

// claim loads a request and claims its messages that are due, so that no other
// invocation sends the same. Messages that are held in this run stay as they are.
func (h *run) claim(ctx context.Context, id string) (*delivery, error) {
	for range maxSaveTries {
		r, posted, err := h.Store.Messages(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("load request %s: %w", id, err)
		}
		d := &delivery{run: h, request: r, posted: posted, claimed: make(map[string]bool), now: h.Now()}
		mark, now := rand.Text(), d.now
		for _, o := range posted.Owed {
			if _, wait := h.holdOn(lane(posted, o)); wait || o.Next.After(now) {
				continue
			}
			o.Next, o.Claim = now.Add(claimLife), mark
			d.posted.Owe(o)
			d.claimed[o.Slot] = true
		}
		if len(d.claimed) == 0 {
			d.noteOwed()
			return d, nil
		}
		d.posted.Version++
		err = h.Store.SaveMessages(ctx, id, d.posted)
		if err == nil {
			return d, nil
		}
		if !errors.Is(err, access.ErrStale) {
			return nil, fmt.Errorf("claim the owed messages of request %s: %w", id, err)
		}
	}
	return nil, fmt.Errorf("claim the owed messages of request %s: %w", id, access.ErrStale)
}

// outdated reads the request again, and claims those of the messages just sent
// that do not show its present state.
func (d *delivery) outdated(ctx context.Context) (*delivery, error) {
	r, posted, err := d.Store.Messages(ctx, d.request.ID)
	if err != nil {
		return nil, fmt.Errorf("load request %s: %w", d.request.ID, err)
	}
	next := &delivery{run: d.run, request: r, posted: posted, claimed: make(map[string]bool), now: d.Now()}
	for slot := range d.claimed {
		sent := posted.At(slot)
		showsState := slot == slotGrant || strings.HasPrefix(slot, slotCard)
		if showsState && isDelivered(sent) && sent.Shows < r.Version && posted.Owes(slot) == nil {
			next.claimed[slot] = true
		}
	}
	return next, nil
}

// noteOwed notes in the run which messages of the request are still owed.
func (d *delivery) noteOwed() {
	w, now, late := waitingRequest{id: d.request.ID}, d.Now(), false
	for _, o := range d.posted.Owed {
		d.causes[cause(o)] = true
		late = late || now.Sub(o.Since) >= lateAfter && o.Class != string(slackapi.Operator)
		held, found := d.holdOn(lane(d.posted, o))
		if found && held.until.IsZero() || !found && !o.Next.After(now) {
			continue // not in this run
		}
		w.tries = append(w.tries, owedTry{lane(d.posted, o), o.Next})
	}
	if late {
		d.lateRequests++
	}
	d.waiting = slices.DeleteFunc(d.waiting, func(known waitingRequest) bool { return known.id == w.id })
	if len(w.tries) > 0 {
		d.waiting = append(d.waiting, w)
	}
}

// lane returns the lane of a message: the new messages of a channel, or the changes
// to its messages. When Slack refuses one message of a lane because of the channel,
// it refuses the others too.
func lane(m access.Messages, o access.Owed) string {
	if m.At(o.Slot) == nil {
		return "post " + o.Channel
	}
	return "update " + o.Channel
}

// holdOn returns the hold on a lane, if there is one now.
func (h *run) holdOn(lane string) (hold, bool) {
	for _, key := range []string{"", lane} {
		if held, found := h.holds[key]; found && (held.until.IsZero() || h.Now().Before(held.until)) {
			return held, true
		}
	}
	return hold{}, false
}

// call makes a call to Slack. If there is a hold on the lane, it makes none and
// returns a *heldError. If Slack refuses the call because of its channel, its rate
// or the token, call puts a hold on the lane.
func (h *run) call(lane string, do func() error) error {
	if held, found := h.holdOn(lane); found {
		return &heldError{held}
	}
	err := do()
	wait, limited := slackapi.RetryAfter(err)
	switch class := slackapi.Classify(err); {
	case limited:
		h.holds[lane] = hold{h.Now().Add(min(max(wait, time.Second), channelWait)), err}
	case class == slackapi.Token:
		h.holds[""] = hold{err: err}
	case class == slackapi.Operator && slackapi.WholeChannel(slackapi.Code(err)):
		h.holds[lane] = hold{err: err}
	}
	return err
}

// backoff returns how long to wait after so many tries if Slack names no time. It
// is one second at first, so that the second try is made in the same invocation.
func backoff(tries int, limit time.Duration) time.Duration {
	if tries <= 1 {
		return time.Second
	}
	return min(15*time.Second<<min(tries-2, 10), limit)
}

// tooOld reports whether a message is so late that nobody needs it.
func (d *delivery) tooOld(o access.Owed) bool {
	return d.request.State.Final() && d.now.Sub(later(o.Since, d.request.Closed.At)) > giveUpAfter
}
