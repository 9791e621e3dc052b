package functions

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/slackapi"
	"github.com/aws-access/aws-access/pkg/slackui"
)

type owedLister interface {
	// Owed lists the requests of which a message is owed, the longest overdue first.
	Owed(ctx context.Context, now time.Time, most int) ([]string, error)
}

// Times and sizes of what is owed.
const (
	maxOwed           = 5000             // requests that one tick looks at
	rotateFrom        = 500              // of so many, one tick may not reach the last
	tickTimeout       = 15 * time.Second // a tick has 55 s, and reads people afterwards
	claimLife         = 50 * time.Second // what somebody claimed is free at the next tick
	maxSaveTries      = 8                // after which a write that others were always faster with fails
	maxBackoff        = 55 * time.Second // less than a minute: each tick tries
	maxUnknownBackoff = 3 * time.Minute  // for an unknown code; with a minute until the tick below five
	channelWait       = 2 * time.Second
	giveUpAfter       = 24 * time.Hour     // after the request is over
	repeatAfter       = 7 * 24 * time.Hour // how long a cause without an end is not told again
	indexLag          = 2 * time.Minute    // a younger cause may have messages that the index does not list yet
	lateAfter         = 5 * time.Minute
)

// SendOwed tries again what is owed. One request that cannot be paid does not keep
// the others; all errors come back joined.
func (h Notify) SendOwed(ctx context.Context, in owedLister) error {
	// What another invocation has claimed is listed too, so that the causes of all that is owed are known.
	ids, err := in.Owed(ctx, h.Now().Add(claimLife), maxOwed)
	if err != nil {
		return fmt.Errorf("list what is owed: %w", err)
	}
	if n := len(ids); n > rotateFrom { // each tick begins elsewhere
		from := int(h.Now().Unix()/60*rotateFrom) % n
		ids = append(ids[from:], ids[:from]...)
	}
	round := h.newRun()
	for _, id := range ids {
		round.waiting = append(round.waiting, waitingRequest{id: id})
	}
	err = round.sendWaiting(ctx, tickTimeout)
	if err == nil && len(ids) < maxOwed {
		err = round.resolveUnused(ctx)
	}
	if round.lateRequests > 0 {
		h.Log.ErrorContext(ctx, "messages are late", "requests", round.lateRequests)
	}
	return err
}

// newRun is one invocation of notify or tick. What Slack said about a channel
// holds for the rest of it, so that one channel's trouble costs the others no
// time. A rate limit holds for the message itself as long as Slack says, and for
// others of the same channel for two seconds: then one of them may try.
type run struct {
	Notify
	holds        map[string]hold // by lane; "" for every one
	waiting      []waitingRequest
	reported     map[string]bool // causes that the operators were told of in this round
	causes       map[string]bool // causes for which something is owed
	lateRequests int             // requests
}

// holds is why nothing is taken now in a lane.
type hold struct {
	until time.Time // zero for the rest of the round
	err   error
}

// heldError is why a call was not made.
type heldError struct{ hold }

func (h *heldError) Error() string { return h.err.Error() }
func (h *heldError) Unwrap() error { return h.err }

// waitingRequest is a request that may be paid later in this round.
type waitingRequest struct {
	id    string
	tries []owedTry // none if they are not known
}

// owedTry is when something that is owed may be tried, and in which lane.
type owedTry struct {
	lane string
	next time.Time
}

func (h Notify) newRun() *run {
	return &run{Notify: h, holds: make(map[string]hold), reported: make(map[string]bool), causes: make(map[string]bool)}
}

// sendWaiting pays what waits in this round, as soon as Slack lets it, and returns
// when nothing more can be paid within patience.
func (h *run) sendWaiting(ctx context.Context, patience time.Duration) error {
	var failed []error
	end := h.Now().Add(patience)
	for {
		list := h.waiting
		h.waiting = nil
		for _, w := range list {
			again, possible := h.earliest(w)
			switch {
			case !possible: // not in this round
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

// earliest is when a request may be tried again; possible is false when that is
// not in this round.
func (h *run) earliest(w waitingRequest) (again time.Time, possible bool) {
	if len(w.tries) == 0 {
		return time.Time{}, true
	}
	for _, d := range w.tries {
		at, found := h.holdOn(d.lane)
		if found && at.until.IsZero() {
			continue
		}
		if free := later(d.next, at.until); !possible || free.Before(again) {
			again, possible = free, true
		}
	}
	return again, possible
}

// next is when the first of what waits may be tried.
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

// sendOwed tries again what is due of one request. If the request moves meanwhile, the
// invocation that tells of the move does not touch what is claimed here. So the
// request is read again afterwards.
func (h *run) sendOwed(ctx context.Context, id string) error {
	t, err := h.claim(ctx, id)
	for range maxSaveTries {
		if err != nil || len(t.claimed) == 0 {
			return err
		}
		t.reconcile(ctx)
		if err := t.save(ctx); err != nil {
			return err
		}
		t, err = t.outdated(ctx)
	}
	return err
}

// claim loads a request and takes what is due of it, so that nobody else posts
// the same. What is held in this round stays owed as it is.
func (h *run) claim(ctx context.Context, id string) (*delivery, error) {
	for range maxSaveTries {
		r, posted, err := h.Store.Messages(ctx, id)
		if err != nil {
			return nil, fmt.Errorf("load request %s: %w", id, err)
		}
		t := &delivery{run: h, request: r, posted: posted, claimed: make(map[string]bool), now: h.Now()}
		mark, now := rand.Text(), t.now
		for _, o := range posted.Owed {
			if _, wait := h.holdOn(lane(posted, o)); wait || o.Next.After(now) {
				continue
			}
			o.Next, o.Claim = now.Add(claimLife), mark
			t.posted.Owe(o)
			t.claimed[o.Slot] = true
		}
		if len(t.claimed) == 0 {
			t.noteOwed()
			return t, nil
		}
		t.posted.Version++
		err = h.Store.SaveMessages(ctx, id, t.posted)
		if err == nil {
			return t, nil
		}
		if !errors.Is(err, access.ErrStale) {
			return nil, fmt.Errorf("claim what is owed of request %s: %w", id, err)
		}
	}
	return nil, fmt.Errorf("claim what is owed of request %s: %w", id, access.ErrStale)
}

// outdated returns those of the messages just posted that show an older state than
// the request has by now.
func (t *delivery) outdated(ctx context.Context) (*delivery, error) {
	r, posted, err := t.Store.Messages(ctx, t.request.ID)
	if err != nil {
		return nil, fmt.Errorf("load request %s: %w", t.request.ID, err)
	}
	next := &delivery{run: t.run, request: r, posted: posted, claimed: make(map[string]bool), now: t.Now()}
	for slot := range t.claimed {
		there := posted.At(slot)
		state := slot == slotGrant || strings.HasPrefix(slot, slotCard)
		if state && there != nil && there.TS != undeliverable && there.Shows < r.Version && posted.Owes(slot) == nil {
			next.claimed[slot] = true
		}
	}
	return next, nil
}

// noteOwed keeps in the round what is still owed of a request.
func (t *delivery) noteOwed() {
	w, now, late := waitingRequest{id: t.request.ID}, t.Now(), false
	for _, o := range t.posted.Owed {
		t.causes[cause(o)] = true
		late = late || now.Sub(o.Since) >= lateAfter && o.Class != string(slackapi.Operator)
		at, found := t.holdOn(lane(t.posted, o))
		if found && at.until.IsZero() || !found && !o.Next.After(now) {
			continue // not in this round
		}
		w.tries = append(w.tries, owedTry{lane(t.posted, o), o.Next})
	}
	if late {
		t.lateRequests++
	}
	t.waiting = slices.DeleteFunc(t.waiting, func(known waitingRequest) bool { return known.id == w.id })
	if len(w.tries) > 0 {
		t.waiting = append(t.waiting, w)
	}
}

// lane is where what Slack refuses holds for other messages too: new messages of
// a channel, or changes of those that stand there.
func lane(m access.Messages, o access.Owed) string {
	if m.At(o.Slot) == nil {
		return "post " + o.Channel
	}
	return "update " + o.Channel
}

// holdOn says why nothing is taken now in a lane.
func (h *run) holdOn(lane string) (hold, bool) {
	for _, key := range []string{"", lane} {
		if at, found := h.holds[key]; found && (at.until.IsZero() || h.Now().Before(at.until)) {
			return at, true
		}
	}
	return hold{}, false
}

// call makes a call, unless Slack has refused another one of the lane in a way
// that holds for this one.
func (h *run) call(lane string, do func() error) error {
	if at, found := h.holdOn(lane); found {
		return &heldError{at}
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

// backoff is the wait after so many tries if Slack names none. The second try
// comes in the same invocation.
func backoff(tries int, longest time.Duration) time.Duration {
	if tries <= 1 {
		return time.Second
	}
	return min(15*time.Second<<min(tries-2, 10), longest)
}

// tooOld reports whether a message is so late that nobody needs it any more.
func (t *delivery) tooOld(o access.Owed) bool {
	return t.request.State.Final() && t.now.Sub(later(o.Since, t.request.Closed.At)) > giveUpAfter
}

// cause names for the operators why something is owed: one for each channel and
// code, and one for all direct messages.
func cause(o access.Owed) string {
	if o.Class == string(slackapi.Token) {
		return "slack:token"
	}
	return "slack:" + place(o) + ":" + o.Code
}

// place is where a message goes, for operators.
func place(o access.Owed) string {
	if strings.HasPrefix(o.Slot, slotCard) || o.Event != nil && o.Channel != o.Event.Requester {
		return o.Channel
	}
	return slackui.DirectMessages
}

// report tells the operators why Slack does not take a message. A cause that lasts
// until somebody acts is told once when it begins, and any other once a week.
func (t *delivery) report(ctx context.Context, o access.Owed, err error) {
	name, text, lasts := cause(o), "", true
	said := strings.TrimPrefix(err.Error(), "slack ")
	switch slackapi.Class(o.Class) {
	case slackapi.Operator:
		text = slackui.MessagesRefused(place(o), err)
	case slackapi.Token:
		text = slackui.TokenRefused(err)
	case slackapi.Unknown:
		name, lasts = "slack:unknown:"+cmp.Or(o.Code, said), false
		text = slackui.UnknownAnswer(err)
	case slackapi.Invalid:
		name, lasts = "slack:ours:"+cmp.Or(o.Code, said), false
		text = slackui.MessageInvalid(t.request.ID, place(o), err)
	default:
		return
	}
	failed := t.once(name, func() error {
		if lasts {
			return t.Operators.Report(ctx, name, text)
		}
		return t.Operators.Once(ctx, name, text, repeatAfter)
	})
	if failed != nil {
		t.Log.ErrorContext(ctx, "the operators cannot be told", "cause", name, "error", failed)
	}
}

// once does something for a cause, unless that was done in this round.
func (h *run) once(cause string, do func() error) error {
	if h.reported[cause] {
		return nil
	}
	h.reported[cause] = true
	return do()
}

// recovered tells the operators that Slack takes again what it refused.
func (h *run) recovered(ctx context.Context, o access.Owed) {
	text := slackui.MessagesAccepted(place(o), o.Code)
	switch slackapi.Class(o.Class) {
	case slackapi.Token:
		text = slackui.TokenAccepted()
	case slackapi.Operator:
	default:
		return
	}
	if err := h.once("over:"+cause(o), func() error { return h.Operators.Resolved(ctx, cause(o), text) }); err != nil {
		h.Log.ErrorContext(ctx, "the operators cannot be told", "cause", cause(o), "error", err)
	}
}

// resolveUnused tells the operators that a cause is over when no message waits
// because of it: the last one was given up, or is not needed any more. It needs a
// round that has seen everything that is owed.
func (h *run) resolveUnused(ctx context.Context) error {
	p, err := h.Operators.Store.Problems(ctx)
	if err != nil {
		return fmt.Errorf("load the operators' problems: %w", err)
	}
	var failed []error
	for name, problem := range p.Open {
		about, slack := strings.CutPrefix(name, "slack:")
		if !slack || !problem.Forget.IsZero() || problem.Over || h.causes[name] || h.Now().Sub(problem.Since) < indexLag {
			continue
		}
		text := slackui.NoMessageWaitsForToken()
		if at, code, found := strings.Cut(about, ":"); found {
			text = slackui.NoMessageWaits(at, code)
		}
		failed = append(failed, h.Operators.Resolved(ctx, name, text))
	}
	return errors.Join(failed...)
}
