package storetest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// sweepChecks are the part of the contract about sweeps, and about what is ending.
func sweepChecks() []Check {
	return []Check{
		{"an empty store has no sweep and nothing that is ending", noSweep},
		{"nothing is vended while a sweep is held", heldVendsNothing},
		{"everything else goes on while a sweep is held", heldEndsAccess},
		{"the record of the sweep has its own versions", sweepVersions},
		{"closed requests are listed until their cut is done", endingUntilDone},
	}
}

// held is the record of a sweep that has found too much.
var held = access.Sweep{}.Found(100, 30, 30, Now)

func noSweep(ctx context.Context, s Subject) error {
	w, err := s.Sweep(ctx)
	ending, err2 := s.Ending(ctx, Now.AddDate(100, 0, 0), 10)
	return errors.Join(err, err2, wantSame("sweep", w, access.Sweep{}), wantSame("ending", len(ending), 0))
}

func heldVendsNothing(ctx context.Context, s Subject) error {
	if !held.Held {
		return errors.New("30 of 100 grants hold no sweep")
	}
	moves := granted("01A")
	err := errors.Join(saveAll(ctx, s, moves[:2]), s.SaveSweep(ctx, held),
		wantErr("an intent to vend", moves[2].save(ctx, s, ""), access.ErrHeld),
		wantErr("an intent with a key", moves[2].save(ctx, s, "order:1"), access.ErrHeld),
		wantStored(ctx, s, moves[1].next, moves[0].event, moves[1].event))
	answered, _ := held.Dismiss(lead, Now)
	return errors.Join(err, s.SaveSweep(ctx, answered), moves[2].save(ctx, s, ""),
		wantStored(ctx, s, moves[2].next, moves[0].event, moves[1].event, moves[2].event))
}

func heldEndsAccess(ctx context.Context, s Subject) error {
	moves, pending := granted("01A"), submit("01B", dev2, Now)
	cut := revoked(moves[3])
	open := mustMove(pending.next.Approve(lead, 0, terms(true), Now))
	return errors.Join(saveAll(ctx, s, moves[:3]), s.SaveSweep(ctx, held),
		wantErr("a session that exists", moves[3].save(ctx, s, ""), nil),
		wantErr("a revocation", s.SaveCut(ctx, cut.next, cut.event, listWith(access.CutList{}, cut)), nil),
		wantErr("a request", pending.save(ctx, s, ""), nil),
		wantErr("an approval", open.save(ctx, s, ""), nil),
		wantErr("after it is frozen too", s.SaveFreeze(ctx, frozen), nil),
		wantErr("what both refuse", intendAgain(ctx, s, open), access.ErrFrozen))
}

func intendAgain(ctx context.Context, s Subject, m move) error {
	o := access.Order{ID: "again", Request: m.next.ID, By: m.next.Requester.ID, Kind: access.Keys, At: Now}
	return mustMove(m.next.Order(m.next.Requester, o, terms(true), Now)).save(ctx, s, "")
}

func sweepVersions(ctx context.Context, s Subject) error {
	one := access.Sweep{}.Found(10, 1, 1, Now)
	two := one.Found(100, 40, 40, Now.Add(time.Minute))
	err := errors.Join(s.SaveSweep(ctx, one), s.SaveSweep(ctx, one), s.SaveSweep(ctx, two),
		wantErr("the first again", s.SaveSweep(ctx, one), access.ErrStale))
	skipped := two
	skipped.Version += 2
	err = errors.Join(err, wantErr("a version that was skipped", s.SaveSweep(ctx, skipped), access.ErrStale))
	stored, err2 := s.Sweep(ctx)
	return errors.Join(err, err2, wantSame("sweep", stored, two))
}

func endingUntilDone(ctx context.Context, s Subject) error {
	list, cuts := access.CutList{}, []move(nil)
	for i, id := range []string{"01A", "01B", "01C"} {
		moves := granted(id)
		after := mustMove(moves[3].next.Revoke(lead, "incident", Now.Add(time.Duration(3-i)*time.Minute)))
		cuts, list = append(cuts, after), listWith(list, after)
		if err := errors.Join(saveAll(ctx, s, moves), s.SaveCut(ctx, after.next, after.event, list)); err != nil {
			return err
		}
	}
	ending := func(what string, at time.Time, limit int, want ...string) error {
		got, err := s.Ending(ctx, at, limit)
		return errors.Join(err, wantSame(what, got, want))
	}
	far := Now.AddDate(1, 0, 0)
	err := errors.Join(
		ending("before any", Now.Add(time.Minute-1), 10), ending("all", far, 10, "01C", "01B", "01A"),
		ending("two", far, 2, "01C", "01B"), ending("the first", Now.Add(time.Minute), 10, "01C"),
		dueAt(ctx, s, far, 10))
	done := mustMove(cuts[1].next.CutIsDone(Now.Add(time.Hour)))
	if err = errors.Join(err, done.save(ctx, s, ""), ending("those not done", far, 10, "01C", "01A")); err != nil {
		return err
	}
	again := mustMove(done.next.CutAgain("the deny was missing", Now.Add(time.Hour/2)))
	if again.next.Cut != access.CutEnding {
		return fmt.Errorf("cut again: %q", again.next.Cut)
	}
	return errors.Join(s.SaveCut(ctx, again.next, again.event, listWith(list, again)),
		ending("what is cut again", far, 10, "01C", "01B", "01A"))
}
