package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

type endingLister interface {
	// Ending lists closed requests whose cut was first ordered before now and is not known to be
	// done, the longest waiting first.
	Ending(ctx context.Context, now time.Time, limit int) ([]string, error)
	Requests(ctx context.Context, ids []string) ([]access.Request, error)
}

// Repair is the step that compares the grants whose sessions are being ended with the cut lists of
// their roles. A grant that is not on its list is put there again, because the function cut goes by
// the lists alone.
type Repair struct {
	Step
	EndingIn endingLister
}

// Limits of repairs.
const (
	repairAfter = 2 * time.Minute // younger cuts are not looked at, so that one is usually done before
	perRepair   = 1000            // grants that one tick looks at; the longest waiting come first
)

// Do repairs what it can. All errors are joined.
func (s Repair) Do(ctx context.Context) error {
	s.Roster.Slack = nil // this needs no person
	ids, err := s.EndingIn.Ending(ctx, s.Now().Add(-repairAfter), perRepair)
	if err != nil {
		return fmt.Errorf("list the grants that are ending: %w", err)
	}
	ending, err := s.EndingIn.Requests(ctx, ids)
	if err != nil {
		return fmt.Errorf("read the grants that are ending: %w", err)
	}
	var failed []error
	lists := make(map[access.CutKey]access.CutList)
	for _, r := range ending {
		k := r.CutKey()
		if _, read := lists[k]; !read {
			if lists[k], err = s.Store.CutList(ctx, k); err != nil {
				failed = append(failed, fmt.Errorf("load the cut list of %s: %w", k, err))
				continue
			}
		}
		if lacks(lists[k], r, s.Now()) {
			failed = append(failed, wrap("repair request "+r.ID, s.repair(ctx, r.ID)))
		}
	}
	return errors.Join(failed...)
}

// lacks reports whether the cut of a grant was ordered, and its list does not say so.
func lacks(l access.CutList, r access.Request, now time.Time) bool {
	return r.Cut == access.CutEnding && !l.Has(r.ID, r.MayActUntil(now))
}

// repair orders the cut of a grant again, or records that its sessions have all expired.
func (s Repair) repair(ctx context.Context, id string) error {
	_, err := s.move(ctx, id, func(m snapshot) (access.Request, access.Event, error) {
		l, err := s.Store.CutList(ctx, m.request.CutKey())
		switch {
		case err != nil:
			return m.request, access.Event{}, fmt.Errorf("load the cut list of %s: %w", m.request.CutKey(), err)
		case !lacks(l, m.request, m.now):
			return m.request, access.Event{}, errNoChange
		case m.request.MayActUntil(m.now).IsZero():
			return m.request.CutIsOver(m.now)
		}
		return m.request.CutAgain("The order to deny its sessions had gone from the list of their role.", m.now)
	})
	return err
}
