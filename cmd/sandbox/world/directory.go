package world

import (
	"context"
	"fmt"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// groupsPerTick is about how many groups one tick reads.
const groupsPerTick = 15

// changedAge is the age that Refresh gives to what the functions know of people:
// old enough to be read again by ticks and steps, too young to count as unknown
// when that reading fails.
const changedAge = 5 * time.Minute

// Refresh makes a change of people or groups take effect: the ticks that it runs
// read them again.
func (w *World) Refresh(ctx context.Context) error {
	readAt := w.Clock.Now().Add(-changedAge)
	if err := w.changeDirectory(ctx, func(d *access.Directory) { backdate(d, readAt) }); err != nil {
		return err
	}
	sources := w.Policy().Sources()
	for range len(sources.Groups)/groupsPerTick + 1 {
		w.tick()
		if err := w.Engine.Settle(ctx); err != nil {
			return err
		}
	}
	return nil
}

// backdate makes everything in a directory that was read after readAt look as
// if it was read then.
func backdate(d *access.Directory, readAt time.Time) {
	if d.PeopleAt.After(readAt) {
		d.PeopleAt = readAt
	}
	for id, g := range d.Groups {
		if g.ReadAt.After(readAt) {
			g.ReadAt = readAt
			d.Groups[id] = g
		}
	}
}

// carryOver makes what was known before some time was skipped as fresh at now as
// it was then.
func carryOver(d *access.Directory, skipped time.Duration, now time.Time) {
	then := now.Add(-skipped)
	if !d.PeopleAt.IsZero() && d.KnowsPeople(then) {
		d.PeopleAt = d.PeopleAt.Add(skipped)
	}
	for id, g := range d.Groups {
		if !g.ReadAt.IsZero() && then.Sub(g.ReadAt) < access.GroupsStaleAfter {
			g.ReadAt = g.ReadAt.Add(skipped)
			d.Groups[id] = g
		}
	}
}

// changeDirectory changes the stored directory without the functions' help.
func (w *World) changeDirectory(ctx context.Context, change func(*access.Directory)) error {
	d, err := w.Store.Directory(ctx)
	if err != nil {
		return fmt.Errorf("read the directory: %w", err)
	}
	change(&d)
	d.Version++
	if err := w.Store.SaveDirectory(ctx, d); err != nil {
		return fmt.Errorf("write the directory: %w", err)
	}
	return nil
}
