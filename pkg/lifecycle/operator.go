package lifecycle

import (
	"context"
	"slices"

	"github.com/aws-access/aws-access/pkg/access"
)

// Operator is the step of somebody with rights on the table, for a time when Slack or the
// functions do not work. The policy is not asked, because anyone who may write the table needs no
// permission of the product. It ends requests, freezes and thaws, and never gives access.
type Operator struct {
	Step
	Freezes freezeStore
	By      access.Person // who acts; events show it
}

// Close denies a pending request, or revokes a grant and has its sessions cut. changed is false if
// the request was over already. A request whose time is up times out or expires, as the tick would
// have it.
//
// Refusals: no_reason, reason_too_long, unknown_request, busy.
func (s Operator) Close(ctx context.Context, id, why string) (r access.Request, changed bool, err error) {
	if err := access.CheckWhy(why); err != nil {
		return r, false, err
	}
	m, err := s.move(ctx, id, func(m snapshot) (access.Request, access.Event, error) {
		r := m.request
		if r.State != access.Pending && r.State != access.Active {
			// It may be over because an earlier try was written and its answer was lost.
			changed = changed && r.Closed.By.ID == s.By.ID
			return r, access.Event{}, errNoChange
		}
		changed = true
		if next, event, err := r.Tick(m.now); err == nil && next.State != r.State {
			return next, event, nil
		}
		if r.State == access.Pending {
			return r.Deny(s.By, why, m.now)
		}
		return r.RevokeByOperator(s.By, why, m.now)
	})
	return m.Request, changed && err == nil, err
}

// Freeze stops everything that gives access. changed is false if it is stopped already: then f is
// the freeze of the one who was first.
//
// Refusals: no_reason, reason_too_long, busy.
func (s Operator) Freeze(ctx context.Context, why string) (f access.Freeze, changed bool, err error) {
	if err := access.CheckWhy(why); err != nil {
		return f, false, err
	}
	return changeFreeze(ctx, s.Freezes, func(f access.Freeze) (access.Freeze, bool) { return f.Start(s.By, why, s.Now()) })
}

// Thaw ends the freeze, whether responders agree or not. changed is false if nothing is frozen.
//
// Refusals: busy.
func (s Operator) Thaw(ctx context.Context) (f access.Freeze, changed bool, err error) {
	return changeFreeze(ctx, s.Freezes, func(f access.Freeze) (access.Freeze, bool) {
		next, changed := f.End(s.Now())
		if changed {
			next.Thaw = append(slices.Clone(f.Thaw), s.By)
		}
		return next, changed
	})
}
