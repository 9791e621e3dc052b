package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

type dueLister interface {
	// Due lists requests that time matters to, the longest overdue first.
	Due(ctx context.Context, now time.Time, most int) ([]string, error)
}

// Tick is the step that time takes: reminders, time-outs, ends of windows, and
// orders to vend that came to nothing.
type Tick struct {
	Step
	DueIn dueLister
}

// perTick is how many requests one tick moves at the most; the next minute
// goes on. Security does not wait for it.
const perTick = 1000

// Do moves everything that is due. One request that cannot be moved does not
// keep the others; all errors come back joined.
func (s Tick) Do(ctx context.Context) error {
	ids, err := s.DueIn.Due(ctx, s.Now(), perTick)
	if err != nil {
		return fmt.Errorf("list what is due: %w", err)
	}
	var failed []error
	for _, id := range ids {
		if err := s.settle(ctx, id); err != nil {
			failed = append(failed, fmt.Errorf("tick request %s: %w", id, err))
		}
	}
	return errors.Join(failed...)
}

// settle ticks one request until time has nothing more to say to it.
func (s Tick) settle(ctx context.Context, id string) error {
	s.Roster.Slack = nil // time asks nobody, so a slow Slack holds up no request
	for {
		moved := false
		r, err := s.move(ctx, id, func(m moment) (access.Request, access.Event, error) {
			next, event, err := m.request.Tick(m.now)
			if errors.Is(err, access.ErrNotDue) {
				return m.request, access.Event{}, errSettled
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
