package functions

import (
	"context"
	"log/slog"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/slackapi"
	"github.com/aws-access/aws-access/pkg/store"
)

type messageStore interface {
	Messages(ctx context.Context, id string) (access.Request, access.Messages, error)
	SaveMessages(ctx context.Context, id string, next access.Messages) error
}

// Notify tells people how requests stand, from the table's stream. It compares
// what was posted with what should stand there now, so that records may come
// twice, late, or not at all. What Slack does not take is kept with the request
// as owed, and the tick tries it again: no record waits for Slack.
type Notify struct {
	Store     messageStore
	Slack     *slackapi.Client
	Policy    *policy.Policy
	Operators Operators
	Now       func() time.Time
	// Wait lets time pass on the clock of Now; nil never waits.
	Wait func(ctx context.Context, d time.Duration) error
	Log  *slog.Logger
}

// notifyTimeout is how long Notify waits for Slack, once the whole batch was
// tried: records that come meanwhile are handed over afterwards.
const notifyTimeout = 2 * time.Second

// HandleOrder takes a batch of stream records. The first one that failed is named,
// so that it and those behind it come again; the rest of the batch is tried
// all the same, because one request's trouble is not another's. A record fails
// only if the table does: what Slack refuses is owed.
func (h Notify) Handle(ctx context.Context, e events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
	var answer events.DynamoDBEventResponse
	round := h.newRun()
	for _, record := range e.Records {
		if err := round.record(ctx, record); err != nil {
			h.Log.ErrorContext(ctx, "a stream record could not be processed", "event", record.EventID, "error", err)
			answer.BatchItemFailures = append(answer.BatchItemFailures, events.DynamoDBBatchItemFailure{ItemIdentifier: record.Change.SequenceNumber})
		}
	}
	if err := round.sendWaiting(ctx, notifyTimeout); err != nil {
		h.Log.ErrorContext(ctx, "messages that are owed cannot be posted now", "error", err)
	}
	return answer, nil
}

func (h *run) record(ctx context.Context, record events.DynamoDBEventRecord) error {
	event, ok, err := store.EventOf(record)
	if err != nil || !ok || !changesMessages(event) {
		return err
	}
	d, err := h.claim(ctx, event.Request)
	if err != nil {
		return err
	}
	d.event = &event
	d.reconcile(ctx)
	return d.save(ctx)
}

// changesMessages reports whether anybody sees a difference after an event. What
// becomes of a click on a grant is answered by the vend function itself, unless
// that came to nothing.
func changesMessages(e access.Event) bool {
	return e.Verb != access.Vend || e.Outcome == access.Failed
}
