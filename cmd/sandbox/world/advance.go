package world

import (
	"context"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// pollInterval is how often the background loop looks for work that is due, in
// real time.
const pollInterval = 100 * time.Millisecond

// backgroundLoop runs deliveries and ticks when they fall due, until ctx ends.
// While the clock is held, no ticks fall due.
func (w *World) backgroundLoop(ctx context.Context) {
	defer close(w.loopDone)
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-poll.C:
		}
		if w.Clock.Running() && w.tickDue(w.Clock.Now()) {
			w.tick()
		}
		w.Engine.StartDue()
	}
}

// tickDue reports whether a minute has begun since the last tick.
func (w *World) tickDue(now time.Time) bool {
	w.ticks.Lock()
	defer w.ticks.Unlock()
	return minute(now).After(w.ticks.last)
}

// tick asks for a tick now.
func (w *World) tick() {
	w.ticks.Lock()
	w.ticks.last = minute(w.Clock.Now())
	w.ticks.Unlock()
	w.Engine.tick()
}

// minute is the beginning of the minute of t.
func minute(t time.Time) time.Time { return t.Truncate(time.Minute) }

// everyTickFor is how long every tick is run after something changed. By then
// ticks have read what can be read, what cannot be read counts as unknown, and
// the operators have been told. After that a tick matters only when a request
// is due.
const everyTickFor = access.PeopleStaleAfter + 2*time.Minute

// Advance lets time pass until to. It moves the clock from one due time to the
// next and runs every tick and every delivery that falls due on the way. The
// clock is held meanwhile.
func (w *World) Advance(ctx context.Context, to time.Time) error {
	if w.Clock.Hold() {
		defer w.Clock.Run()
	}
	now := w.Clock.Now()
	everyTickUntil := now.Add(everyTickFor)
	for {
		if err := w.Engine.Settle(ctx); err != nil {
			return err
		}
		if !now.Before(to) || ctx.Err() != nil {
			return ctx.Err()
		}
		tick, err := w.nextTick(ctx, now, to, everyTickUntil)
		if err != nil {
			return err
		}
		next := earliest(to, tick)
		if at, ok := w.Engine.NextDue(); ok {
			next = earliest(next, at)
		}
		if end, ok := w.Faults.nextEnd(); ok && end.Before(next) {
			next = end
			everyTickUntil = end.Add(everyTickFor)
		}
		if now, err = w.moveClock(ctx, next, tick); err != nil {
			return err
		}
	}
}

// moveClock sets the clock to next and runs the tick if it is due then. Ticks
// that were skipped would only have read the same again, so what was known
// stays as fresh as they would have left it.
func (w *World) moveClock(ctx context.Context, next, tick time.Time) (now time.Time, err error) {
	if err := w.Clock.Set(next); err != nil {
		return next, err
	}
	if skipped := w.skipTicks(next, tick); skipped > 0 {
		if err := w.changeDirectory(ctx, func(d *access.Directory) { carryOver(d, skipped, next) }); err != nil {
			return next, err
		}
	}
	if next.Equal(tick) {
		w.tick()
	}
	return next, nil
}

// skipTicks gives up the ticks between the last one and next, and returns how
// much time they would have covered.
func (w *World) skipTicks(next, tick time.Time) time.Duration {
	w.ticks.Lock()
	defer w.ticks.Unlock()
	last := minute(next)
	if next.Equal(tick) && next.Equal(last) {
		last = last.Add(-time.Minute) // the tick of this minute is about to run
	}
	skipped := last.Sub(w.ticks.last)
	if skipped > 0 {
		w.ticks.last = last
	}
	return skipped
}

// nextTick is when the next tick can matter: every minute until everyTickUntil,
// then the minutes in which a request or a cut is due, and finally to itself, so
// that the caller finds everything as that time leaves it.
func (w *World) nextTick(ctx context.Context, now, to, everyTickUntil time.Time) (time.Time, error) {
	first, last := minute(now).Add(time.Minute), minute(to)
	if first.After(last) {
		return to, nil
	}
	if !first.After(everyTickUntil) {
		return first, nil
	}
	if owed, err := w.Store.Owed(ctx, last, 1); err != nil || len(owed) > 0 {
		return first, err // every minute, until the message is delivered
	}
	due, err := w.nextDue(ctx, last)
	switch roundedUp := minute(due.Add(time.Minute - 1)); {
	case err != nil || due.IsZero():
		return to, err
	case roundedUp.After(first):
		return roundedUp, nil
	}
	return first, nil
}

// nextDue is when the next request or cut is due, at the latest at last; the zero
// time if none is.
func (w *World) nextDue(ctx context.Context, last time.Time) (due time.Time, err error) {
	ids, err := w.Store.Due(ctx, last, 1)
	if err == nil && len(ids) > 0 {
		var r access.Request
		r, _, err = w.Store.Messages(ctx, ids[0])
		due, _ = r.Due()
	}
	if err != nil {
		return due, err
	}
	keys, err := w.Store.DueCuts(ctx, last, 1)
	if err == nil && len(keys) > 0 {
		var l access.CutList
		l, err = w.Store.CutList(ctx, keys[0])
		if at, ok := l.Due(); ok {
			due = earliest(due, at)
		}
	}
	return due, err
}

// earliest is the earlier of two times. The zero time stands for none.
func earliest(a, b time.Time) time.Time {
	if a.IsZero() || (!b.IsZero() && b.Before(a)) {
		return b
	}
	return a
}
