package storetest

import (
	"context"
	"slices"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/store"
	"github.com/aws-access/aws-access/pkg/store/memory"
)

type saveCutFunc = func(ctx context.Context, next access.Request, event access.Event, l access.CutList) error

func (s brokenStore) SaveCut(
	ctx context.Context, next access.Request, event access.Event, l access.CutList,
) error {
	if s.saveCut == nil {
		return s.Store.SaveCut(ctx, next, event, l)
	}
	return s.saveCut(ctx, next, event, l)
}

func (s brokenStore) SaveCutList(ctx context.Context, next access.CutList) error {
	if s.saveCutList == nil {
		return s.Store.SaveCutList(ctx, next)
	}
	return s.saveCutList(ctx, next)
}

func (s brokenStore) DueCuts(ctx context.Context, now time.Time, limit int) ([]access.CutKey, error) {
	if s.dueCuts == nil {
		return s.Store.DueCuts(ctx, now, limit)
	}
	return s.dueCuts(ctx, now, limit)
}

func (s brokenStore) Freeze(ctx context.Context) (access.Freeze, error) {
	if s.freeze == nil {
		return s.Store.Freeze(ctx)
	}
	return s.freeze(ctx)
}

func (s brokenStore) SaveFreeze(ctx context.Context, next access.Freeze) error {
	if s.saveFreeze == nil {
		return s.Store.SaveFreeze(ctx, next)
	}
	return s.saveFreeze(ctx, next)
}

// brokenCuts makes a broken store of what is wrong with its cuts or its freeze.
func brokenCuts(wrong func(m *memory.Store, b *brokenStore)) func(*memory.Store) brokenStore {
	return func(m *memory.Store) brokenStore {
		var b brokenStore
		wrong(m, &b)
		return b
	}
}

func isFrozenFromTheStart(_ *memory.Store, b *brokenStore) {
	b.freeze = func(context.Context) (access.Freeze, error) { return access.Freeze{On: true}, nil }
}

// writesTheListAfterwards saves the move without the list's condition.
func writesTheListAfterwards(m *memory.Store, b *brokenStore) {
	b.saveCut = func(ctx context.Context, next access.Request, event access.Event, l access.CutList) error {
		if err := m.Save(ctx, next, event, ""); err != nil {
			return err
		}
		return m.SaveCutList(ctx, l)
	}
}

func takesAnyList(m *memory.Store, b *brokenStore) {
	b.saveCut = func(ctx context.Context, next access.Request, event access.Event, _ access.CutList) error {
		return m.Save(ctx, next, event, "")
	}
}

func overwritesLists(m *memory.Store, b *brokenStore) {
	b.saveCutList = func(_ context.Context, next access.CutList) error {
		item, err := store.CutListItem(next)
		return put(m, item, err)
	}
}

func listsTheLatestFirst(m *memory.Store, b *brokenStore) {
	b.dueCuts = func(ctx context.Context, now time.Time, limit int) ([]access.CutKey, error) {
		found, err := m.DueCuts(ctx, now, limit)
		slices.Reverse(found)
		return found, err
	}
}

func ordersNoCut(m *memory.Store, b *brokenStore) {
	b.saveCut = func(ctx context.Context, next access.Request, event access.Event, l access.CutList) error {
		event.Cut = ""
		return m.SaveCut(ctx, next, event, l)
	}
}

// losesNames keeps only the last name of a list.
func losesNames(m *memory.Store, b *brokenStore) {
	b.saveCut = func(ctx context.Context, next access.Request, event access.Event, l access.CutList) error {
		l.Names = l.Names[len(l.Names)-1:]
		return m.SaveCut(ctx, next, event, l)
	}
}

func neverFreezes(_ *memory.Store, b *brokenStore) {
	b.saveFreeze = func(context.Context, access.Freeze) error { return nil }
}

func freezesEverything(m *memory.Store, b *brokenStore) {
	b.saveCut = func(ctx context.Context, next access.Request, event access.Event, l access.CutList) error {
		if f, err := m.Freeze(ctx); err == nil && f.On {
			return access.ErrFrozen
		}
		return m.SaveCut(ctx, next, event, l)
	}
}

func overwritesTheFreeze(m *memory.Store, b *brokenStore) {
	b.saveFreeze = func(_ context.Context, next access.Freeze) error {
		item, err := store.FreezeItem(next)
		return put(m, item, err)
	}
}

func (s brokenStore) Sweep(ctx context.Context) (access.Sweep, error) {
	if s.sweep == nil {
		return s.Store.Sweep(ctx)
	}
	return s.sweep(ctx)
}

func (s brokenStore) SaveSweep(ctx context.Context, next access.Sweep) error {
	if s.saveSweep == nil {
		return s.Store.SaveSweep(ctx, next)
	}
	return s.saveSweep(ctx, next)
}

func (s brokenStore) Ending(ctx context.Context, now time.Time, limit int) ([]string, error) {
	if s.ending == nil {
		return s.Store.Ending(ctx, now, limit)
	}
	return s.ending(ctx, now, limit)
}

func isHeldFromTheStart(_ *memory.Store, b *brokenStore) {
	b.sweep = func(context.Context) (access.Sweep, error) { return access.Sweep{Held: true}, nil }
}

func neverHolds(_ *memory.Store, b *brokenStore) {
	b.saveSweep = func(context.Context, access.Sweep) error { return nil }
}

func holdsEverything(m *memory.Store, b *brokenStore) {
	b.save = func(ctx context.Context, next access.Request, event access.Event, once string) error {
		if held, err := m.Sweep(ctx); err == nil && held.Held {
			return access.ErrHeld
		}
		return m.Save(ctx, next, event, once)
	}
}

func overwritesTheSweep(m *memory.Store, b *brokenStore) {
	b.saveSweep = func(_ context.Context, next access.Sweep) error {
		item, err := store.SweepItem(next)
		return put(m, item, err)
	}
}

// forgetsEnding lists nothing that is older than a minute.
func forgetsEnding(m *memory.Store, b *brokenStore) {
	b.ending = func(ctx context.Context, now time.Time, limit int) ([]string, error) {
		found, err := m.Ending(ctx, now, limit)
		return found[:min(1, len(found))], err
	}
}
