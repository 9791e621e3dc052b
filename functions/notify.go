package functions

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/slackapi"
	"github.com/aws-access/aws-access/pkg/slackui"
	"github.com/aws-access/aws-access/pkg/store"
)

type messageStore interface {
	Messages(ctx context.Context, id string) (access.Request, access.Messages, error)
	SaveMessages(ctx context.Context, id string, next access.Messages) error
}

// Notify tells people how requests stand, from the table's stream. It compares
// what was posted with what should stand there now, so that records may come
// twice, late, or not at all.
type Notify struct {
	Store     messageStore
	Slack     *slackapi.Client
	Policy    *policy.Policy
	Operators Operators
	Now       func() time.Time
	Log       *slog.Logger
}

// Handle takes a batch of stream records. The first one that failed is named,
// so that it and those behind it come again; the rest of the batch is tried
// all the same, because one request's trouble is not another's.
func (h Notify) Handle(ctx context.Context, e events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
	var answer events.DynamoDBEventResponse
	for _, record := range e.Records {
		if err := h.record(ctx, record); err != nil {
			h.Log.ErrorContext(ctx, "a stream record could not be told", "event", record.EventID, "error", err)
			answer.BatchItemFailures = append(answer.BatchItemFailures, events.DynamoDBBatchItemFailure{ItemIdentifier: record.Change.SequenceNumber})
		}
	}
	return answer, nil
}

func (h Notify) record(ctx context.Context, record events.DynamoDBEventRecord) error {
	event, ok, err := store.EventOf(record)
	if err != nil {
		return err
	}
	if !ok || !worthTelling(event) {
		return nil
	}
	r, posted, err := h.Store.Messages(ctx, event.Request)
	if err != nil {
		return fmt.Errorf("load request %s: %w", event.Request, err)
	}
	t := telling{Notify: h, request: r, posted: posted, event: event, now: h.Now()}
	return t.reconcile(ctx)
}

// worthTelling reports whether anybody sees a difference after an event. What
// becomes of a click on a grant is answered by the vend function itself, unless
// that came to nothing.
func worthTelling(e access.Event) bool {
	return e.Verb != access.Vend || e.Outcome == access.Failed
}

// telling is the work for one record.
type telling struct {
	Notify
	request access.Request
	posted  access.Messages
	event   access.Event
	now     time.Time // one reading of the clock for all that is told
	changed bool
}

// reconcile brings every message of the request to its present state, then
// posts what this event alone gives rise to.
func (t *telling) reconcile(ctx context.Context) error {
	var failed []error
	for _, channel := range t.request.Channels {
		failed = append(failed, t.show(ctx, "card:"+channel, channel, t.card()))
	}
	if to, ok := t.direct(); ok {
		failed = append(failed, t.show(ctx, "grant", to, slackui.Grant(t.request, t.now)))
	}
	failed = append(failed, t.tell(ctx))
	if t.changed {
		t.posted.Version++
		failed = append(failed, t.remember(ctx))
	}
	return errors.Join(failed...)
}

// remember saves where messages stand, twice if need be: what is not remembered
// is posted again.
func (t *telling) remember(ctx context.Context) error {
	err := t.Store.SaveMessages(ctx, t.request.ID, t.posted)
	if err != nil && !errors.Is(err, access.ErrStale) {
		err = t.Store.SaveMessages(ctx, t.request.ID, t.posted)
	}
	return err
}

func (t *telling) card() slackui.Message {
	return slackui.Card(t.request, t.Policy.Settings().Link(t.request.Ticket), t.now)
}

// direct says whom the direct message goes to, if one is due: whoever cancelled
// knows it, and somebody who still waits was told by the answer to the form.
func (t *telling) direct() (user string, ok bool) {
	wait := t.request.State == access.Pending || t.request.State == access.Cancelled
	return t.request.Requester.ID, !wait
}

// undeliverable stands for the time stamp of a message that cannot be posted.
const undeliverable = "-"

// show posts the message of a slot, or updates it if the request has moved
// since it was drawn.
func (t *telling) show(ctx context.Context, slot, channel string, m slackui.Message) error {
	there := t.posted.At(slot)
	if there == nil {
		return t.post(ctx, slot, channel, "", m)
	}
	if there.Shows >= t.request.Version || there.TS == undeliverable {
		return nil
	}
	err := t.Slack.Update(ctx, there.Channel, there.TS, slackapi.Message{Text: m.Text, Blocks: m.Blocks})
	if err != nil && !slackapi.Permanent(err) {
		return fmt.Errorf("update %s of request %s: %w", slot, t.request.ID, err)
	}
	if err != nil {
		t.report(ctx, slot, err)
	}
	there.Shows, t.changed = t.request.Version, true
	return nil
}

// post posts a message and remembers where. What Slack will never take is
// reported to the operators, once, and not tried again.
func (t *telling) post(ctx context.Context, slot, channel, thread string, m slackui.Message) error {
	where, ts, err := t.Slack.Post(ctx, channel, slackapi.Message{Text: m.Text, Blocks: m.Blocks, Thread: thread})
	switch {
	case err != nil && !slackapi.Permanent(err):
		return fmt.Errorf("post %s of request %s: %w", slot, t.request.ID, err)
	case err != nil:
		t.report(ctx, slot, err)
		where, ts = channel, undeliverable
	}
	t.posted.Posted = append(slices.Clone(t.posted.Posted), access.Message{Slot: slot, Channel: where, TS: ts, Shows: t.request.Version})
	t.changed = true
	return nil
}

// tell posts the notice that belongs to this event alone, if there is one: to
// the requester, or below each card.
func (t *telling) tell(ctx context.Context) error {
	notice, ok := slackui.Told(t.event, t.request, t.now)
	if !ok {
		return nil
	}
	if notice.ToRequester {
		return t.tellOnce(ctx, t.request.Requester.ID, "", notice.Message)
	}
	var failed []error
	for _, channel := range t.request.Channels {
		if card := t.posted.At("card:" + channel); card != nil && card.TS != undeliverable {
			failed = append(failed, t.tellOnce(ctx, card.Channel, card.TS, notice.Message))
		}
	}
	return errors.Join(failed...)
}

func (t *telling) tellOnce(ctx context.Context, to, thread string, m slackui.Message) error {
	slot := "told:" + strconv.Itoa(t.event.Seq) + ":" + to
	if t.posted.At(slot) != nil {
		return nil
	}
	return t.post(ctx, slot, to, thread, m)
}

// report tells the operators that a message cannot be delivered.
func (t *telling) report(ctx context.Context, slot string, cause error) {
	t.Log.ErrorContext(ctx, "a message cannot be delivered", "request", t.request.ID, "slot", slot, "error", cause)
	text := slackui.Operators(fmt.Sprintf("The message %q of request %s cannot be delivered: %v.", slot, t.request.ID, cause))
	_, _, err := t.Slack.Post(ctx, t.Policy.Settings().Operators, slackapi.Message{Text: text.Text, Blocks: text.Blocks})
	if err != nil {
		t.Log.ErrorContext(ctx, "the operators cannot be told", "request", t.request.ID, "error", err)
	}
}
