package functions

import (
	"context"
	"errors"

	"github.com/aws/aws-lambda-go/events"

	"github.com/aws-access/aws-access/pkg/lifecycle"
)

// Tick is the handler that runs every minute. It makes the moves that are due, sends
// the owed messages, and then reads groups and people from Slack. It also records which
// build runs. NewTick builds it.
type Tick struct {
	Step      lifecycle.Tick
	Owed      owedLister
	Messages  Notify // sends the owed messages
	Operators Operators
	Builds    *Builds // records the build that runs; nil for none
}

// Handle handles the event of the schedule. The event may come twice or late. All
// errors are joined.
func (h Tick) Handle(ctx context.Context, _ events.EventBridgeEvent) error {
	// The moves come first: reading a large workspace may take most of the minute.
	moved := h.Step.Do(ctx)
	sent := h.Messages.SendOwed(ctx, h.Owed)
	read, err := h.Step.Roster.Refresh(ctx)
	if err == nil {
		err = h.reportReading(ctx, read)
	}
	return errors.Join(moved, sent, err, h.Operators.Deliver(ctx), h.Builds.Record(ctx))
}
