package functions

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/slackapi"
	"github.com/aws-access/aws-access/pkg/slackui"
)

// Slots of messages. A card's slot ends in its channel, and a notice's in the
// number of its event and where it goes.
const (
	slotCard     = "card:"
	slotGrant    = "grant"
	slotNotAsked = "unasked"
	slotNotice   = "told:"
)

// undeliverable stands for the time stamp of a message that cannot be posted.
const undeliverable = "-"

// delivery is the work for one request.
type delivery struct {
	*run
	request access.Request
	posted  access.Messages
	event   *access.Event   // to be told for the first time; nil when only owed messages are posted
	claimed map[string]bool // slots of owed messages that this invocation alone may post now
	now     time.Time       // one reading of the clock for all that is told
	changes []func(*access.Messages)
}

// reconcile brings every message of the request to its present state, then
// posts what single events give rise to.
func (t *delivery) reconcile(ctx context.Context) {
	t.giveUp(ctx)
	for _, channel := range t.request.Channels {
		t.show(ctx, slotCard+channel, channel, t.card())
	}
	if t.hasDirectMessage() {
		t.show(ctx, slotGrant, t.request.Requester.ID, slackui.DirectMessage(t.request, t.now))
	}
	t.tellNotAsked(ctx)
	for _, o := range slices.Clone(t.posted.Owed) {
		if o.Event != nil && o.Claim != "" && t.claimed[o.Slot] {
			t.notify(ctx, *o.Event)
		}
	}
	if t.event != nil {
		t.notify(ctx, *t.event)
	}
	for slot := range t.claimed { // claimed, and not needed any more
		if o := t.posted.Owes(slot); o != nil && o.Claim != "" {
			t.drop(slot)
		}
	}
}

// giveUp forgets what is owed of a request that has long been over.
func (t *delivery) giveUp(ctx context.Context) {
	for _, o := range slices.Clone(t.posted.Owed) {
		if t.claimed[o.Slot] && t.tooOld(o) {
			t.Log.ErrorContext(ctx, "a message was given up", "request", t.request.ID, "slot", o.Slot, "class", o.Class,
				"code", o.Code)
			t.drop(o.Slot)
			delete(t.claimed, o.Slot)
		}
	}
}

// change changes what is known of the messages, and keeps the change: save makes
// it again if somebody else has written meanwhile.
func (t *delivery) change(do func(*access.Messages)) {
	do(&t.posted)
	t.changes = append(t.changes, do)
}

func (t *delivery) drop(slot string) { t.change(func(m *access.Messages) { m.Drop(slot) }) }

// save writes what has changed: what is not remembered is posted again. When
// somebody else has written meanwhile, the changes are made to that.
func (t *delivery) save(ctx context.Context) error {
	for try := 0; len(t.changes) > 0; try++ {
		if try == maxSaveTries {
			return fmt.Errorf("save the messages of request %s: %w", t.request.ID, access.ErrStale)
		}
		next := t.posted
		next.Version++
		err := t.Store.SaveMessages(ctx, t.request.ID, next)
		if err != nil && !errors.Is(err, access.ErrStale) {
			err = t.Store.SaveMessages(ctx, t.request.ID, next)
		}
		switch {
		case err == nil:
			t.posted, t.changes = next, nil
			continue
		case !errors.Is(err, access.ErrStale):
			return fmt.Errorf("save the messages of request %s: %w", t.request.ID, err)
		}
		if _, t.posted, err = t.Store.Messages(ctx, t.request.ID); err != nil {
			return fmt.Errorf("load request %s: %w", t.request.ID, err)
		}
		for _, change := range t.changes {
			change(&t.posted)
		}
	}
	t.noteOwed()
	return nil
}

func (t *delivery) card() slackui.Message {
	return slackui.Card(t.request, t.Policy.Settings().Link(t.request.Ticket), t.now)
}

// hasDirectMessage reports whether the requester gets a direct message about the state: who
// cancelled knows it, and who still waits was told by the answer to the form.
func (t *delivery) hasDirectMessage() bool {
	return t.request.State != access.Pending && t.request.State != access.Cancelled
}

// mayPost reports whether this telling may post the message of a slot: only the
// invocation that has claimed an owed message may.
func (t *delivery) mayPost(slot string) bool {
	return t.claimed[slot] || t.event != nil && t.posted.Owes(slot) == nil
}

// show posts the message of a slot, or updates it if the request has moved
// since it was drawn.
func (t *delivery) show(ctx context.Context, slot, channel string, m slackui.Message) {
	there := t.posted.At(slot)
	switch {
	case !t.mayPost(slot):
	case there == nil:
		t.post(ctx, access.Owed{Slot: slot, Channel: channel}, t.request.Version, "", m)
	case there.Shows < t.request.Version && there.TS != undeliverable:
		t.update(ctx, access.Owed{Slot: slot, Channel: channel}, t.request.Version, m)
	case t.posted.Owes(slot) != nil:
		t.drop(slot)
	}
}

// post posts a message and remembers where.
func (t *delivery) post(ctx context.Context, o access.Owed, shows int, thread string, m slackui.Message) {
	var where, ts string
	err := t.call(lane(t.posted, o), func() (err error) {
		where, ts, err = t.Slack.Post(ctx, o.Channel, slackapi.Message{Text: m.Text, Blocks: m.Blocks, Thread: thread})
		return err
	})
	if err != nil {
		t.refused(ctx, o, err)
		return
	}
	t.shown(ctx, access.Message{Slot: o.Slot, Channel: where, TS: ts, Shows: shows})
}

// update redraws the message of a slot.
func (t *delivery) update(ctx context.Context, o access.Owed, shows int, m slackui.Message) {
	there := *t.posted.At(o.Slot)
	err := t.call(lane(t.posted, o), func() error {
		return t.Slack.Update(ctx, there.Channel, there.TS, slackapi.Message{Text: m.Text, Blocks: m.Blocks})
	})
	if err != nil {
		t.refused(ctx, o, err)
		return
	}
	there.Shows = shows
	t.shown(ctx, there)
}

// shown remembers a message that Slack took.
func (t *delivery) shown(ctx context.Context, m access.Message) {
	if o := t.posted.Owes(m.Slot); o != nil {
		t.recovered(ctx, *o)
	}
	t.change(func(posted *access.Messages) { posted.Show(m) })
}

// refused keeps a message that Slack did not take, or lets it be, by the class
// of the error.
func (t *delivery) refused(ctx context.Context, o access.Owed, err error) {
	class, code := slackapi.Classify(err), slackapi.Code(err)
	if code == "channel_not_found" && o.Channel == t.request.Requester.ID {
		class = slackapi.Gone // somebody who left
	}
	o.Class, o.Code = string(class), code
	switch class {
	case slackapi.Gone:
		t.Log.InfoContext(ctx, "a message is dropped, because its channel, message or person no longer exists", "request",
			t.request.ID, "slot", o.Slot,
			"error", err)
		t.park(o)
	case slackapi.Invalid:
		// template.yaml has an alarm on this line.
		t.Log.ErrorContext(ctx, "a message is set aside, because Slack refuses its form", "request", t.request.ID,
			"slot", o.Slot, "error", err)
		t.park(o)
	default:
		t.Log.WarnContext(ctx, "a message is owed", "request", t.request.ID, "slot", o.Slot, "class", class, "error", err)
		t.owe(ctx, o, err)
	}
	t.report(ctx, o, err)
}

// park gives a message up at once. One that stands there is tried again when the
// request moves.
func (t *delivery) park(o access.Owed) {
	shows := t.request.Version
	t.change(func(m *access.Messages) {
		m.Show(access.Message{Slot: o.Slot, Channel: o.Channel, TS: undeliverable, Shows: shows})
	})
}

// owe keeps a message as owed. What an operator can put right is tried at the
// next event of the request and at the next tick, all else after a while.
func (t *delivery) owe(ctx context.Context, o access.Owed, err error) {
	now := t.now
	o.Since, o.Tries, o.Next = now, 1, now
	if known := t.posted.Owes(o.Slot); known != nil {
		o.Since, o.Tries = known.Since, known.Tries+1
		if known.Code != o.Code {
			t.recovered(ctx, *known) // of that cause; the new one is told below
		}
	}
	wait, limited := slackapi.RetryAfter(err)
	var back *heldError
	switch class := slackapi.Class(o.Class); {
	case class == slackapi.Operator, class == slackapi.Token:
	case errors.As(err, &back):
		o.Next = back.until
	case limited:
		o.Next = now.Add(max(wait, time.Second))
	case class == slackapi.Unknown:
		o.Next = now.Add(backoff(o.Tries, maxUnknownBackoff))
	default:
		o.Next = now.Add(backoff(o.Tries, maxBackoff))
	}
	t.claimed[o.Slot] = true
	t.change(func(m *access.Messages) { m.Owe(o) })
}

// tellNotAsked tells the requester, once, that nobody could be asked, and once that
// they were asked after all.
func (t *delivery) tellNotAsked(ctx context.Context) {
	to := access.Owed{Slot: slotNotAsked, Channel: t.request.Requester.ID}
	told := t.posted.At(slotNotAsked)
	asked := false
	for _, channel := range t.request.Channels {
		slot := slotCard + channel
		if t.posted.Owes(slot) != nil && !t.claimed[slot] {
			return // somebody else tries just now
		}
		card := t.posted.At(slot)
		asked = asked || card != nil && card.TS != undeliverable
	}
	switch {
	case t.posted.Owes(slotNotAsked) != nil && !t.claimed[slotNotAsked]:
	case told == nil && nobodyAsked(t.request, t.posted, t.now):
		t.post(ctx, to, 0, "", slackui.ApproversNotAsked(t.request))
	case told != nil && told.TS != undeliverable && told.Shows == 0 && asked && t.request.State == access.Pending:
		t.update(ctx, to, t.request.Version, slackui.ApproversAsked(t.request))
	}
}

// nobodyAsked reports whether no channel of a request that waits has taken its
// card. A limit or an error of Slack's that lasts a few minutes is not told.
func nobodyAsked(r access.Request, m access.Messages, now time.Time) bool {
	for _, channel := range r.Channels {
		card, owed := m.At(slotCard+channel), m.Owes(slotCard+channel)
		switch {
		case card != nil && card.TS != undeliverable, card == nil && owed == nil:
			return false
		case owed != nil && owed.Class != string(slackapi.Operator) && now.Sub(owed.Since) < lateAfter:
			return false
		}
	}
	return r.State == access.Pending && len(r.Channels) > 0
}

// post posts the notice that belongs to one event alone, if there is one: to
// the requester, or below each card.
func (t *delivery) notify(ctx context.Context, e access.Event) {
	notice, ok := slackui.NoticeOf(e, t.request, t.now)
	if !ok {
		return
	}
	if notice.ToRequester {
		t.postNotice(ctx, e, t.request.Requester.ID, "", notice.Message)
		return
	}
	for _, channel := range t.request.Channels {
		if card := t.posted.At(slotCard + channel); card != nil && card.TS != undeliverable {
			t.postNotice(ctx, e, card.Channel, card.TS, notice.Message)
		}
	}
}

func (t *delivery) postNotice(ctx context.Context, e access.Event, to, thread string, m slackui.Message) {
	slot := slotNotice + strconv.Itoa(e.Seq) + ":" + to
	if t.posted.At(slot) == nil && t.mayPost(slot) {
		t.post(ctx, access.Owed{Slot: slot, Channel: to, Event: &e}, t.request.Version, thread, m)
	}
}
