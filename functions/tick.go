package functions

import (
	"context"
	"errors"

	"github.com/aws/aws-lambda-go/events"

	"github.com/aws-access/aws-access/pkg/lifecycle"
)

// Tick is what happens every minute: everything moves that time moves, then
// groups and people are read again.
type Tick struct {
	Step      lifecycle.Tick
	Operators Operators
}

// Handle takes the schedule's event. It may come twice or late.
func (h Tick) Handle(ctx context.Context, _ events.EventBridgeEvent) error {
	// Time comes first: reading a large workspace may take most of the minute.
	moved := h.Step.Do(ctx)
	read, err := h.Step.Roster.Refresh(ctx)
	if err == nil {
		err = h.tellRead(ctx, read)
	}
	return errors.Join(moved, err, h.Operators.Deliver(ctx))
}
