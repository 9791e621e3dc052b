package controls

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws-access/aws-access/cmd/sandbox/web"
	"github.com/aws-access/aws-access/cmd/sandbox/world"
)

// clockChange is the body of the clock control: one of advance and set, one of
// stop and run, or one of each. The clock stops before it moves, and runs after
// it has moved.
type clockChange struct {
	Advance *string `json:"advance"`
	Set     *string `json:"set"`
	Stop    bool    `json:"stop"`
	Run     bool    `json:"run"`
}

func (s *Server) clock(w http.ResponseWriter, r *http.Request) {
	current := s.World()
	var change clockChange
	err := web.Read(r, maxBody, &change)
	if err == nil {
		err = change.apply(r, current)
	}
	answer(w, err, map[string]any{"now": current.Clock.Now(), "running": current.Clock.Running()})
}

func (c clockChange) apply(r *http.Request, w *world.World) error {
	if err := c.check(); err != nil {
		return err
	}
	now := w.Clock.Now()
	to, err := c.target(now)
	switch {
	case err != nil:
		return err
	case to.Before(now):
		return fmt.Errorf("the clock cannot go back: it is %s", now.Format(time.RFC3339Nano))
	case to.Sub(now) > maxLength:
		return errors.New("that is more than a hundred years ahead")
	}
	if c.Stop {
		w.Clock.Hold()
		to = later(to, w.Clock.Now())
	}
	if err := w.Advance(r.Context(), to); err != nil {
		return err
	}
	if c.Run {
		w.Clock.Run()
	}
	return nil
}

// check says which fields are missing or contradict each other.
func (c clockChange) check() error {
	switch {
	case c.Advance == nil && c.Set == nil && !c.Stop && !c.Run:
		return errors.New(`say what the clock should do: "advance", "set", "stop" or "run"`)
	case c.Advance != nil && c.Set != nil:
		return errors.New(`the clock takes "advance" or "set", not both`)
	case c.Stop && c.Run:
		return errors.New(`the clock cannot "stop" and "run" at once`)
	}
	return nil
}

// target is the time to which the clock should move; now if it should not.
func (c clockChange) target(now time.Time) (time.Time, error) {
	if c.Set != nil {
		to, err := time.Parse(time.RFC3339, *c.Set)
		if err != nil {
			return now, fmt.Errorf(`"set" is %q: write a time such as 2026-12-31T23:30:00Z`, *c.Set)
		}
		return to, nil
	}
	if c.Advance != nil {
		d, err := parseLength(*c.Advance)
		return now.Add(d), err
	}
	return now, nil
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
