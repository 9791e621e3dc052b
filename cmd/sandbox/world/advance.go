package world

import (
	"context"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// heartbeat is how often the sandbox looks whether something fell due while
// its clock runs, in real time.
const heartbeat = 100 * time.Millisecond

// backgroundLoop lets deliveries and ticks happen while the clock runs, until ctx ends.
func (s *World) backgroundLoop(ctx context.Context) {
	defer close(s.loopDone)
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-beat.C:
		}
		if s.Clock.Running() && s.tickDue(s.Clock.Now()) {
			s.tick()
		}
		s.Engine.RunDue()
	}
}

// tickDue reports whether a minute has begun since the last tick.
func (s *World) tickDue(now time.Time) bool {
	s.ticks.Lock()
	defer s.ticks.Unlock()
	return minute(now).After(s.ticks.last)
}

// tick asks for a tick now.
func (s *World) tick() {
	s.ticks.Lock()
	s.ticks.last = minute(s.Clock.Now())
	s.ticks.Unlock()
	s.Engine.tick()
}

func minute(t time.Time) time.Time { return t.Truncate(time.Minute) }

// calm is how long every tick is run after something changed. By then all that
// ticks do by themselves has happened: what can be read was read, what cannot
// is not known any more, and the operators were told so. From then on a tick
// matters only when a request falls due.
const calm = access.PeopleStaleAfter + 2*time.Minute

// advance lets time pass until a moment, from one that matters to the next,
// with every tick and delivery that falls due on the way. The clock is held
// meanwhile.
func (s *World) Advance(ctx context.Context, to time.Time) error {
	if s.Clock.Hold() {
		defer s.Clock.Run()
	}
	now := s.Clock.Now()
	lively := now.Add(calm)
	for {
		if err := s.Engine.Settle(ctx); err != nil {
			return err
		}
		if !now.Before(to) || ctx.Err() != nil {
			return ctx.Err()
		}
		tick, err := s.nextTick(ctx, now, to, lively)
		if err != nil {
			return err
		}
		next := earliest(to, tick)
		if at, ok := s.Engine.NextDue(); ok {
			next = earliest(next, at)
		}
		if end, ok := s.Faults.nextEnd(); ok && end.Before(next) {
			next = end
			lively = end.Add(calm)
		}
		if now, err = s.pass(ctx, next, tick); err != nil {
			return err
		}
	}
}

// pass sets the clock and runs the tick if its time has come. Ticks that were
// skipped did nothing but read the same again: what was known stays as fresh
// as they would have left it.
func (s *World) pass(ctx context.Context, next, tick time.Time) (now time.Time, err error) {
	if err := s.Clock.Set(next); err != nil {
		return next, err
	}
	if skipped := s.skipped(next, tick); skipped > 0 {
		if err := s.changeDirectory(ctx, func(d *access.Directory) { carryOver(d, skipped, next) }); err != nil {
			return next, err
		}
	}
	if next.Equal(tick) {
		s.tick()
	}
	return next, nil
}

// skipped is how much time went by without the ticks that it had.
func (s *World) skipped(next, tick time.Time) time.Duration {
	s.ticks.Lock()
	defer s.ticks.Unlock()
	last := minute(next)
	if next.Equal(tick) && next.Equal(last) {
		last = last.Add(-time.Minute) // this minute's own tick comes now
	}
	skipped := last.Sub(s.ticks.last)
	if skipped > 0 {
		s.ticks.last = last
	}
	return skipped
}

// nextTick is when the next tick can matter: each minute while things are
// lively, then the minutes in which a request is due, and to itself, so that
// whoever let time pass finds everything as that time leaves it.
func (s *World) nextTick(ctx context.Context, now, to, lively time.Time) (time.Time, error) {
	first, last := minute(now).Add(time.Minute), minute(to)
	if first.After(last) {
		return to, nil
	}
	if !first.After(lively) {
		return first, nil
	}
	if owed, err := s.Store.Owed(ctx, last, 1); err != nil || len(owed) > 0 {
		return first, err // each minute, until it is paid
	}
	ids, err := s.Store.Due(ctx, last, 1)
	if err != nil || len(ids) == 0 {
		return to, err
	}
	r, _, err := s.Store.Messages(ctx, ids[0])
	if err != nil {
		return to, err
	}
	due, _ := r.Due()
	if up := minute(due.Add(time.Minute - 1)); up.After(first) {
		return up, nil
	}
	return first, nil
}

// earliest is the earlier of two moments; the zero time is none.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
