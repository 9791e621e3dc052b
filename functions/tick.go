package functions

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/lifecycle"
)

type dueCuts interface {
	// DueCuts lists the cut lists whose role must be written or read now, the longest overdue first.
	DueCuts(ctx context.Context, now time.Time, limit int) ([]access.CutKey, error)
}

type cutSender interface {
	// Send orders the function cut to look at cut lists, and does not wait for it.
	Send(ctx context.Context, lists []access.CutKey) error
}

// Tick is the handler that runs every minute. It makes the moves that are due, has cuts repeated,
// asks the policy about open grants, sends the owed messages, and then reads groups and people from
// Slack. It also records which build runs. NewTick builds it.
type Tick struct {
	Step      lifecycle.Tick
	Sweep     lifecycle.Sweep
	Repair    lifecycle.Repair
	CutsIn    dueCuts
	Cuts      cutSender
	Owed      owedLister
	Messages  Notify // sends the owed messages
	Operators Operators
	Builds    *Builds // records the build that runs; nil for none
	Incidents incidentStore
}

// cutsPerTick is how many cut lists one tick orders cuts for; the next tick orders the others.
const cutsPerTick = 1000

// Handle handles the event of the schedule. The event may come twice or late. All
// errors are joined.
func (h Tick) Handle(ctx context.Context, _ events.EventBridgeEvent) error {
	// The moves come first, and what ends access before what tells of it: reading a large workspace
	// may take most of the minute.
	moved := h.Step.Do(ctx)
	repaired := h.Repair.Do(ctx)
	cut := h.orderCuts(ctx)
	swept := h.sweep(ctx)
	sent := h.Messages.SendOwed(ctx, h.Owed)
	read, err := h.Step.Roster.Refresh(ctx)
	if err == nil {
		err = h.reportReading(ctx, read)
	}
	incidents := h.Operators.ReportIncidents(ctx, h.Incidents)
	return errors.Join(moved, repaired, cut, swept, sent, err, incidents, h.Operators.Deliver(ctx), h.Builds.Record(ctx))
}

// orderCuts orders the cuts that are due: those that failed, and those whose deny must be read
// again. The stream orders the first try.
func (h Tick) orderCuts(ctx context.Context) error {
	lists, err := h.CutsIn.DueCuts(ctx, h.Step.Now(), cutsPerTick)
	if err != nil {
		return fmt.Errorf("list the cuts that are due: %w", err)
	}
	return h.Cuts.Send(ctx, lists)
}
