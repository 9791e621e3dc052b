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

// Notify is the handler of the table's stream: it tells people about their requests.
// It compares the messages that were posted with those that should be there now. So
// a record may come twice, late, or not at all. A message that Slack does not accept
// is recorded as owed, and the tick sends it later: no record waits for Slack.
// NewNotify builds it.
type Notify struct {
	Store     messageStore
	Notices   noticeStore
	Slack     *slackapi.Client
	Policy    *policy.Policy
	Operators Operators
	Now       func() time.Time
	// Wait waits until Slack accepts a message again. With nil there is no wait.
	Wait func(ctx context.Context, d time.Duration) error
	Log  *slog.Logger
}

// notifyTimeout is how long Notify waits for Slack after it has tried the whole
// batch. Records that arrive meanwhile wait for the next batch.
const notifyTimeout = 2 * time.Second

// Handle handles a batch of stream records. It names the records that failed, so
// that Lambda delivers the first of them and those after it again. It tries the rest
// of the batch nevertheless, because requests do not depend on each other. A record
// fails only when the table does: a message that Slack refuses is owed.
func (h Notify) Handle(ctx context.Context, e events.DynamoDBEvent) (events.DynamoDBEventResponse, error) {
	var answer events.DynamoDBEventResponse
	run := h.newRun()
	for _, record := range e.Records {
		if err := run.record(ctx, record); err != nil {
			h.Log.ErrorContext(ctx, "a stream record could not be processed", "event", record.EventID, "error", err)
			answer.BatchItemFailures = append(answer.BatchItemFailures,
				events.DynamoDBBatchItemFailure{ItemIdentifier: record.Change.SequenceNumber})
		}
	}
	if err := run.sendWaiting(ctx, notifyTimeout); err != nil {
		h.Log.ErrorContext(ctx, "messages that are owed cannot be posted now", "error", err)
	}
	return answer, nil
}

func (h *run) record(ctx context.Context, record events.DynamoDBEventRecord) error {
	if id, ok := store.NoticeOf(record); ok {
		return h.sendNotice(ctx, id)
	}
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

// changesMessages reports whether any message changes after an event. The vend
// function itself answers the person who asked for a session, so notify handles a
// vend only when it failed.
func changesMessages(e access.Event) bool {
	return e.Verb != access.Vend || e.Outcome == access.Failed
}
