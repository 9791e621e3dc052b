package functions

import (
	"context"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// Codes of a cut list that is not done.
const (
	CutRunning    = "cutting"    // the next try is due soon
	CutWholeRole  = "whole_role" // names had no room, so every session from before is denied
	CutLate       = "late"       // nobody tries any more
	CutUnreadable = "unreadable" // the table did not answer
)

// cutLateAfter is how long after it is due a try counts as late. The tick orders it each minute.
const cutLateAfter = 5 * time.Minute

// cut returns the state of the cut list of a role; nil if no session of it waits for a deny.
func (h Checks) cut(ctx context.Context, k access.CutKey) *CutAnswer {
	l, err := h.Store.CutList(ctx, k)
	if err != nil {
		h.Log.WarnContext(ctx, "a check could not read a cut list", "account", k.Account, "role", k.Role, "error", err)
		return &CutAnswer{Code: CutUnreadable}
	}
	now := h.Now()
	out := CutAnswer{Code: CutRunning, Since: l.Since.UTC(), Tries: l.Tries}
	for _, n := range l.Live(now) {
		if n.Done.IsZero() {
			out.Grants++
		}
	}
	due, onList := l.Due()
	switch {
	case onList && now.Sub(due) > cutLateAfter:
		out.Code = CutLate
	case l.Tries > 0:
		out.Code = l.Failed
	case now.Before(l.WholeUntil):
		out.Code = CutWholeRole
	case out.Grants == 0:
		return nil
	}
	if out.Since.IsZero() {
		out.Since = l.NextTry.UTC()
	}
	return &out
}

// frozen returns whether the table says that everything is frozen, and since when.
func (h Checks) frozen(ctx context.Context) (code string, at time.Time) {
	f, err := h.Store.Freeze(ctx)
	switch {
	case err != nil:
		h.Log.WarnContext(ctx, "a check could not read the freeze", "error", err)
		return "unreadable", time.Time{}
	case f.On:
		return "on", f.At.UTC()
	}
	return CheckOK, time.Time{}
}
