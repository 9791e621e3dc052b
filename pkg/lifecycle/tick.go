package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

type dueLister interface {
	// Due lists the requests that are due, the longest overdue first.
	Due(ctx context.Context, now time.Time, limit int) ([]string, error)
}

// Tick is the step that moves requests when time has passed: reminders, time-outs,
// ends of grants, and orders to vend that were not answered.
type Tick struct {
	Step
	DueIn dueLister
}

// perTick is the largest number of requests that one tick moves; the next tick moves
// the others. A late tick lengthens no grant.
const perTick = 1000

// Do moves every request that is due. A request that cannot be moved does not stop the
// others. Do returns all errors, joined.
func (s Tick) Do(ctx context.Context) error {
	ids, err := s.DueIn.Due(ctx, s.Now(), perTick)
	if err != nil {
		return fmt.Errorf("list due requests: %w", err)
	}
	var failed []error
	for _, id := range ids {
		if err := s.tick(ctx, id); err != nil {
			failed = append(failed, fmt.Errorf("tick request %s: %w", id, err))
		}
	}
	return errors.Join(failed...)
}

// tick moves one request until nothing is due for it.
func (s Tick) tick(ctx context.Context, id string) error {
	s.Roster.Slack = nil // a tick needs no person, so a slow Slack delays no request
	for {
		moved := false
		r, err := s.move(ctx, id, func(m snapshot) (access.Request, access.Event, error) {
			next, event, err := m.request.Tick(m.now)
			if errors.Is(err, access.ErrNotDue) {
				return m.request, access.Event{}, errNoChange
			}
			moved = err == nil
			return next, event, err
		})
		if err != nil || !moved {
			return err
		}
		if due, ok := r.Due(); !ok || s.Now().Before(due) {
			return nil
		}
	}
}
