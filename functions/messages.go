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

// Slots of messages, which are stored. The slot of a card ends with its channel. The
// slot of a notice ends with the number of its event and the channel or person that
// it goes to.
const (
	slotCard     = "card:"
	slotGrant    = "grant"
	slotNotAsked = "unasked"
	slotNotice   = "told:"
)

// undeliverable stands in place of the time stamp of a message that cannot be sent.
const undeliverable = "-"

// isDelivered reports whether a message was posted; a parked one was not.
func isDelivered(m *access.Message) bool { return m != nil && m.TS != undeliverable }

// delivery is the work on the messages of one request in one run.
type delivery struct {
	*run
	request access.Request
	posted  access.Messages
	event   *access.Event   // a new event; nil when only owed messages are sent
	claimed map[string]bool // slots of owed messages that only this invocation may send now
	now     time.Time       // the clock is read once, so that all messages agree
	changes []func(*access.Messages)
}

// reconcile brings every message of the request up to date, and then posts the
// notices of single events.
func (d *delivery) reconcile(ctx context.Context) {
	d.giveUp(ctx)
	for _, channel := range d.request.Channels {
		d.show(ctx, slotCard+channel, channel, d.card())
	}
	if d.hasDirectMessage() {
		d.show(ctx, slotGrant, d.request.Requester.ID, slackui.RequesterMessage(d.request, d.now))
	}
	d.tellNotAsked(ctx)
	for _, o := range slices.Clone(d.posted.Owed) {
		if o.Event != nil && o.Claim != "" && d.claimed[o.Slot] {
			d.notify(ctx, *o.Event)
		}
	}
	if d.event != nil {
		d.notify(ctx, *d.event)
	}
	for slot := range d.claimed { // still claimed, so the message is no longer needed
		if o := d.posted.Owes(slot); o != nil && o.Claim != "" {
			d.drop(slot)
		}
	}
}

// giveUp drops the owed messages of a request that has long been over.
func (d *delivery) giveUp(ctx context.Context) {
	for _, o := range slices.Clone(d.posted.Owed) {
		if d.claimed[o.Slot] && d.tooOld(o) {
			d.Log.ErrorContext(ctx, "a message was given up", "request", d.request.ID, "slot", o.Slot, "class", o.Class,
				"code", o.Code)
			d.drop(o.Slot)
			delete(d.claimed, o.Slot)
		}
	}
}

// change changes the record of the messages, and remembers the change: if another
// writer was faster, save applies it to what that one wrote.
func (d *delivery) change(do func(*access.Messages)) {
	do(&d.posted)
	d.changes = append(d.changes, do)
}

func (d *delivery) drop(slot string) { d.change(func(m *access.Messages) { m.Drop(slot) }) }

// save writes the changes. A message that is posted but not recorded would be
// posted again, so save tries hard: once more after an error, and again with the
// newest record when another writer was faster.
func (d *delivery) save(ctx context.Context) error {
	for try := 0; len(d.changes) > 0; try++ {
		if try == maxSaveTries {
			return fmt.Errorf("save the messages of request %s: %w", d.request.ID, access.ErrStale)
		}
		next := d.posted
		next.Version++
		err := d.Store.SaveMessages(ctx, d.request.ID, next)
		if err != nil && !errors.Is(err, access.ErrStale) {
			err = d.Store.SaveMessages(ctx, d.request.ID, next)
		}
		switch {
		case err == nil:
			d.posted, d.changes = next, nil
			continue
		case !errors.Is(err, access.ErrStale):
			return fmt.Errorf("save the messages of request %s: %w", d.request.ID, err)
		}
		if _, d.posted, err = d.Store.Messages(ctx, d.request.ID); err != nil {
			return fmt.Errorf("load request %s: %w", d.request.ID, err)
		}
		for _, change := range d.changes {
			change(&d.posted)
		}
	}
	d.noteOwed()
	return nil
}

func (d *delivery) card() slackui.Message {
	p := slackui.CardPolicy{TicketLink: d.Policy.Settings().Link(d.request.Ticket), Responders: d.Policy.HasResponders()}
	return slackui.Card(d.request, p, d.now)
}

// hasDirectMessage reports whether the requester gets a direct message about the
// state. A requester who cancelled knows it. One who still waits has read it in the
// answer to the form. A machine has no direct channel.
func (d *delivery) hasDirectMessage() bool {
	return d.request.Requester.Machine == nil && d.request.State != access.Pending && d.request.State != access.Cancelled
}

// mayPost reports whether this invocation may send the message of a slot. An owed
// message may be sent only by the invocation that has claimed it.
func (d *delivery) mayPost(slot string) bool {
	return d.claimed[slot] || d.event != nil && d.posted.Owes(slot) == nil
}

// show posts the message of a slot, or updates it if the request has moved since
// the message was posted.
func (d *delivery) show(ctx context.Context, slot, channel string, m slackui.Message) {
	sent := d.posted.At(slot)
	switch {
	case !d.mayPost(slot):
	case sent == nil:
		d.post(ctx, access.Owed{Slot: slot, Channel: channel}, d.request.Version, "", m)
	case sent.Shows < d.request.Version && isDelivered(sent):
		d.update(ctx, access.Owed{Slot: slot, Channel: channel}, d.request.Version, m)
	case d.posted.Owes(slot) != nil:
		d.drop(slot)
	}
}

// post posts a message and records where.
func (d *delivery) post(ctx context.Context, o access.Owed, shows int, thread string, m slackui.Message) {
	var channel, ts string
	err := d.call(lane(d.posted, o), func() (err error) {
		channel, ts, err = d.Slack.Post(ctx, o.Channel, slackapi.Message{Text: m.Text, Blocks: m.Blocks, Thread: thread})
		return err
	})
	if err != nil {
		d.refused(ctx, o, err)
		return
	}
	d.shown(ctx, access.Message{Slot: o.Slot, Channel: channel, TS: ts, Shows: shows})
}

// update changes the message of a slot.
func (d *delivery) update(ctx context.Context, o access.Owed, shows int, m slackui.Message) {
	sent := *d.posted.At(o.Slot)
	err := d.call(lane(d.posted, o), func() error {
		return d.Slack.Update(ctx, sent.Channel, sent.TS, slackapi.Message{Text: m.Text, Blocks: m.Blocks})
	})
	if err != nil {
		d.refused(ctx, o, err)
		return
	}
	sent.Shows = shows
	d.shown(ctx, sent)
}

// shown records a message that Slack has accepted.
func (d *delivery) shown(ctx context.Context, m access.Message) {
	if o := d.posted.Owes(m.Slot); o != nil {
		d.recovered(ctx, *o)
	}
	d.change(func(posted *access.Messages) { posted.Show(m) })
}

// refused records a message that Slack did not accept. The class of the error
// decides whether the message is owed or parked.
func (d *delivery) refused(ctx context.Context, o access.Owed, err error) {
	class, code := slackapi.Classify(err), slackapi.Code(err)
	if code == "channel_not_found" && o.Channel == d.request.Requester.ID {
		class = slackapi.Gone // the person has left the workspace
	}
	o.Class, o.Code = string(class), code
	switch class {
	case slackapi.Gone:
		d.Log.InfoContext(ctx, "a message is dropped, because its channel, message or person no longer exists",
			"request", d.request.ID, "slot", o.Slot, "error", err)
		d.park(o)
	case slackapi.Invalid:
		// template.yaml has an alarm on this line.
		d.Log.ErrorContext(ctx, "a message is set aside, because Slack refuses its form", "request", d.request.ID,
			"slot", o.Slot, "error", err)
		d.park(o)
	default:
		d.Log.WarnContext(ctx, "a message is owed", "request", d.request.ID, "slot", o.Slot, "class", class,
			"error", err)
		d.owe(ctx, o, err)
	}
	d.report(ctx, o, "request "+d.request.ID, err)
}

// park gives a message up at once. If the message is in Slack already, it is updated
// again when the request moves.
func (d *delivery) park(o access.Owed) {
	shows := d.request.Version
	d.change(func(m *access.Messages) {
		m.Show(access.Message{Slot: o.Slot, Channel: o.Channel, TS: undeliverable, Shows: shows})
	})
}

// owe records that a message is owed. After an error that an operator can fix, it is
// tried at the next event of the request and at the next tick. After any other
// error, it is tried when Slack allows it, or after a back-off.
func (d *delivery) owe(ctx context.Context, o access.Owed, err error) {
	known := d.posted.Owes(o.Slot)
	if known != nil && known.Code != o.Code {
		d.recovered(ctx, *known) // from the earlier cause; the new one is reported later
	}
	o = owedAfter(known, o, err, d.now)
	d.claimed[o.Slot] = true
	d.change(func(m *access.Messages) { m.Owe(o) })
}

// owedAfter is an owed message after another error. known is how it was owed before, nil if
// it was not.
func owedAfter(known *access.Owed, o access.Owed, err error, now time.Time) access.Owed {
	o.Since, o.Tries, o.Next = now, 1, now
	if known != nil {
		o.Since, o.Tries = known.Since, known.Tries+1
	}
	wait, limited := slackapi.RetryAfter(err)
	var held *heldError
	switch class := slackapi.Class(o.Class); {
	case class == slackapi.Operator, class == slackapi.Token:
	case errors.As(err, &held):
		o.Next = held.until
	case limited:
		o.Next = now.Add(max(wait, time.Second))
	case class == slackapi.Unknown:
		o.Next = now.Add(backoff(o.Tries, maxUnknownBackoff))
	default:
		o.Next = now.Add(backoff(o.Tries, maxBackoff))
	}
	return o
}

// tellNotAsked tells the requester once that no approver could be asked, and once
// that they were asked after all. The operators are told in any case, and a machine
// asks for the state itself.
func (d *delivery) tellNotAsked(ctx context.Context) {
	if d.request.Requester.Machine != nil {
		return
	}
	to := access.Owed{Slot: slotNotAsked, Channel: d.request.Requester.ID}
	told := d.posted.At(slotNotAsked)
	asked := false
	for _, channel := range d.request.Channels {
		slot := slotCard + channel
		if d.posted.Owes(slot) != nil && !d.claimed[slot] {
			return // another invocation is sending it
		}
		asked = asked || isDelivered(d.posted.At(slot))
	}
	switch {
	case d.posted.Owes(slotNotAsked) != nil && !d.claimed[slotNotAsked]:
	case told == nil && nobodyAsked(d.request, d.posted, d.now):
		d.post(ctx, to, 0, "", slackui.ApproversNotAsked(d.request))
	case isDelivered(told) && told.Shows == 0 && asked && d.request.State == access.Pending:
		d.update(ctx, to, d.request.Version, slackui.ApproversAsked(d.request))
	}
}

// nobodyAsked reports whether a request is pending and none of its channels has its
// card. A rate limit or an error of Slack counts only when it has lasted for five
// minutes.
func nobodyAsked(r access.Request, m access.Messages, now time.Time) bool {
	for _, channel := range r.Channels {
		card, owed := m.At(slotCard+channel), m.Owes(slotCard+channel)
		switch {
		case isDelivered(card), card == nil && owed == nil:
			return false
		case owed != nil && owed.Class != string(slackapi.Operator) && now.Sub(owed.Since) < lateAfter:
			return false
		}
	}
	return r.State == access.Pending && len(r.Channels) > 0
}

// notify posts the notice of one event, if it has one: to the requester, or in the
// thread of each card.
func (d *delivery) notify(ctx context.Context, e access.Event) {
	notice, ok := slackui.NoticeOf(e, d.request, d.now)
	if !ok {
		return
	}
	if notice.ToRequester {
		d.postNotice(ctx, e, d.request.Requester.ID, "", notice.Message)
		return
	}
	for _, channel := range d.request.Channels {
		if card := d.posted.At(slotCard + channel); isDelivered(card) {
			d.postNotice(ctx, e, card.Channel, card.TS, notice.Message)
		}
	}
}

func (d *delivery) postNotice(ctx context.Context, e access.Event, to, thread string, m slackui.Message) {
	slot := slotNotice + strconv.Itoa(e.Seq) + ":" + to
	if d.posted.At(slot) == nil && d.mayPost(slot) {
		d.post(ctx, access.Owed{Slot: slot, Channel: to, Event: &e}, d.request.Version, thread, m)
	}
}
