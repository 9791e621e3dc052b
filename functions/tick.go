package functions

import (
	"context"
	"errors"

	"github.com/aws/aws-lambda-go/events"

	"github.com/aws-access/aws-access/pkg/lifecycle"
)

// Tick is what happens every minute: everything moves that time moves, then
// what Slack did not take is tried again, then groups and people are read.
type Tick struct {
	Step      lifecycle.Tick
	Owed      owedLister
	Messages  Notify // pays what is owed
	Operators Operators
}

// HandleOrder takes the schedule's event. It may come twice or late.
func (h Tick) Handle(ctx context.Context, _ events.EventBridgeEvent) error {
	// Time comes first: reading a large workspace may take most of the minute.
	moved := h.Step.Do(ctx)
	paid := h.Messages.SendOwed(ctx, h.Owed)
	read, err := h.Step.Roster.Refresh(ctx)
	if err == nil {
		err = h.reportReading(ctx, read)
	}
	return errors.Join(moved, paid, err, h.Operators.Deliver(ctx))
}
