package functions

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/aws-access/aws-access/pkg/lifecycle"
	"github.com/aws-access/aws-access/pkg/slackui"
)

// causeHeld is the operators' problem that a sweep is held.
const causeHeld = "sweep"

// sweep asks the policy about the open grants if that is due, and tells operators when a sweep is
// held and when it no longer is.
func (h Tick) sweep(ctx context.Context) error {
	out, err := h.Sweep.Do(ctx)
	switch {
	case out.Record.Held && len(out.Lost) > 0:
		err = errors.Join(err, h.Operators.Report(ctx, causeHeld, heldText(out)))
	case !out.Record.Held && out.Record.Version != out.Before.Version:
		err = errors.Join(err, h.Operators.Resolved(ctx, causeHeld, slackui.SweepNotHeld(out.Record)))
	}
	return err
}

// heldText is what operators read when a sweep is held.
func heldText(out lifecycle.Swept) string {
	reasons := make(map[string]int)
	var examples []string
	for _, one := range out.Lost {
		reasons[one.Why]++
		r := one.Request
		examples = append(examples, slackui.LostGrant(r.Requester, r.Role, r.AccountName))
	}
	slices.Sort(examples)
	return slackui.SweepHeld(out.Record, slices.Compact(examples), reasons, slices.Sorted(maps.Keys(reasons)))
}
