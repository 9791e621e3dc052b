package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/store"
)

// cutChecks are the part of the contract about cut lists and the freeze.
func cutChecks() []Check {
	return []Check{
		{"an empty store has no cuts and is not frozen", noCuts},
		{"a grant and the cut list that it is on are written together or not at all", cutAllOrNothing},
		{"a cut list without the request, or of another role, is refused", foreignCutList},
		{"cut lists have their own versions", cutListVersions},
		{"cut lists are listed by time until they are empty", cutListOrder},
		{"only an event that orders a cut passes the filter of cut's mapping", cutInStream},
		{"concurrent cuts of one role: no name is lost", concurrentCuts},
		{"nothing is given while everything is frozen", frozenGivesNothing},
		{"everything else goes on while it is frozen", frozenEndsAccess},
		{"the freeze has its own versions", freezeVersions},
	}
}

// granted returns the moves of a request that is active and has one live session.
func granted(id string) []move {
	first := submit(id, dev, Now)
	second := approve(first, Now)
	o := access.Order{ID: "order" + id, Request: id, By: dev.ID, Kind: access.Keys, At: Now}
	third := mustMove(second.next.Order(dev, o, terms(true), Now))
	key := access.IssuedKey{AccessKeyID: "ASIA" + id, Expires: Now.Add(time.Hour)}
	return []move{first, second, third, mustMove(third.next.Issue(o.ID, key, access.IssuedKey{}, Now))}
}

func saveAll(ctx context.Context, s Subject, moves []move) error {
	var failed []error
	for _, m := range moves {
		failed = append(failed, m.save(ctx, s, ""))
	}
	return errors.Join(failed...)
}

// revoked returns the move that revokes what granted made.
func revoked(m move) move {
	return mustMove(m.next.Revoke(lead, "incident", Now.Add(time.Minute)))
}

var cutKey = access.CutKey{Account: "111111111111", Role: "ReadOnly"}

func listWith(l access.CutList, m move) access.CutList {
	return l.Add(m.next, m.next.MayActUntil(m.event.At), m.event.At)
}

func noCuts(ctx context.Context, s Subject) error {
	l, err := s.CutList(ctx, cutKey)
	due, err2 := s.DueCuts(ctx, Now.AddDate(100, 0, 0), 10)
	f, err3 := s.Freeze(ctx)
	return errors.Join(err, err2, err3, wantSame("list", l, access.CutList{}), wantSame("due", len(due), 0),
		wantSame("freeze", f, access.Freeze{}))
}

func cutAllOrNothing(ctx context.Context, s Subject) error {
	moves, other := granted("01A"), granted("01B")
	cut, second := revoked(moves[3]), revoked(other[3])
	if cut.next.Cut != access.CutEnding || cut.event.Cut != access.CutEnding {
		return fmt.Errorf("a revocation with a live session orders no cut: %+v", cut.next)
	}
	l := listWith(access.CutList{}, cut)
	if err := errors.Join(saveAll(ctx, s, moves), saveAll(ctx, s, other)); err != nil {
		return err
	}
	err := errors.Join(
		s.SaveCut(ctx, cut.next, cut.event, l),
		wantErr("the move again", s.SaveCut(ctx, cut.next, cut.event, listWith(l, cut)), access.ErrStale),
		wantErr("over another list", s.SaveCut(ctx, second.next, second.event, listWith(access.CutList{}, second)),
			access.ErrStale))
	stored, err2 := s.CutList(ctx, cutKey)
	return errors.Join(err, err2, wantSame("list", stored, l),
		wantStored(ctx, s, cut.next, moves[0].event, moves[1].event, moves[2].event, moves[3].event, cut.event),
		wantStored(ctx, s, other[3].next, other[0].event, other[1].event, other[2].event, other[3].event))
}

func foreignCutList(ctx context.Context, s Subject) error {
	moves := granted("01A")
	cut := revoked(moves[3])
	l := listWith(access.CutList{}, cut)
	elsewhere, without := l, l
	elsewhere.Role, without.Names = "Admin", nil
	if err := saveAll(ctx, s, moves); err != nil {
		return err
	}
	for _, wrong := range []access.CutList{elsewhere, without} {
		if s.SaveCut(ctx, cut.next, cut.event, wrong) == nil {
			return fmt.Errorf("saved with the list %+v", wrong)
		}
	}
	return wantSame("request", first(s.Load(ctx, "01A")), moves[3].next)
}

func first(r access.Request, _ access.Directory, _ access.Messages, _ error) access.Request { return r }

func cutListVersions(ctx context.Context, s Subject) error {
	one := listWith(access.CutList{}, revoked(granted("01A")[3]))
	two := one.FailedWith("throttled", Now)
	err := errors.Join(
		wantErr("the second before the first", s.SaveCutList(ctx, two), access.ErrStale),
		s.SaveCutList(ctx, one), s.SaveCutList(ctx, two),
		wantErr("the first at the end", s.SaveCutList(ctx, one), access.ErrStale))
	stored, err2 := s.CutList(ctx, cutKey)
	return errors.Join(err, err2, wantSame("list", stored, two))
}

func cutListOrder(ctx context.Context, s Subject) error {
	r := revoked(granted("01A")[3]).next
	early := access.CutList{}.Add(r, r.MayActUntil(Now), Now)
	late := early.FailedWith("throttled", Now)
	late.Version, late.Role = 1, "Other"
	empty := early.Cleared(Now.Add(2 * time.Hour))
	keys := func(at time.Time) []access.CutKey {
		found, err := s.DueCuts(ctx, at, 10)
		return append(found, access.CutKey{Account: fmt.Sprint(err)})
	}
	none := access.CutKey{Account: "<nil>"}
	return errors.Join(
		s.SaveCutList(ctx, late), s.SaveCutList(ctx, early),
		wantSame("at once", keys(Now), []access.CutKey{cutKey, none}),
		wantSame("later", keys(Now.Add(time.Minute)), []access.CutKey{cutKey, {Account: early.Account, Role: "Other"}, none}),
		s.SaveCutList(ctx, empty),
		wantSame("when one is empty", keys(Now.Add(time.Minute)),
			[]access.CutKey{{Account: early.Account, Role: "Other"}, none}))
}

func cutInStream(ctx context.Context, s Subject) error {
	moves := granted("01A")
	cut := revoked(moves[3])
	done := mustMove(cut.next.CutIsDone(Now.Add(time.Hour)))
	l := listWith(access.CutList{}, cut)
	err := errors.Join(saveAll(ctx, s, moves), s.SaveCut(ctx, cut.next, cut.event, l), done.save(ctx, s, ""),
		s.SaveCutList(ctx, l.Worked(access.WrittenDeny{Grants: map[string]time.Time{"01A": l.Names[0].Until}}, Now)))
	records, err2 := streamOnce(ctx, s)
	var found []access.CutKey
	for _, record := range records {
		if k, ok := store.CutOrderOf(record); ok {
			found = append(found, k)
		}
	}
	return errors.Join(err, err2, wantSame("orders", found, []access.CutKey{cutKey}))
}

// concurrentCuts revokes several grants of one role at once, as lifecycle.Step does.
func concurrentCuts(ctx context.Context, s Subject) error {
	const grants = 8
	var cuts []move
	for i := range grants {
		moves := granted(fmt.Sprint("01C", i))
		if err := saveAll(ctx, s, moves); err != nil {
			return err
		}
		cuts = append(cuts, revoked(moves[3]))
	}
	errs := make([]error, grants)
	var all sync.WaitGroup
	for i, m := range cuts {
		all.Go(func() {
			errs[i] = access.ErrStale
			for errors.Is(errs[i], access.ErrStale) {
				l, err := s.CutList(ctx, cutKey)
				if errs[i] = err; err == nil {
					errs[i] = s.SaveCut(ctx, m.next, m.event, listWith(l, m))
				}
			}
		})
	}
	all.Wait()
	l, err := s.CutList(ctx, cutKey)
	for _, m := range cuts {
		if !l.Has(m.next.ID, time.Time{}) {
			errs = append(errs, fmt.Errorf("%s is not on the list", m.next.ID))
		}
	}
	return errors.Join(append(errs, err, wantSame("version", l.Version, grants))...)
}

var frozen = access.Freeze{Version: 1, On: true, By: lead, At: Now, Why: "incident"}

func frozenGivesNothing(ctx context.Context, s Subject) error {
	moves := granted("01A")
	open := mustMove(access.New(access.Ask{
		ID: "01OPEN", Requester: dev, Account: "111111111111", Role: "ReadOnly", For: time.Hour, Reason: "why",
	}, terms(true), Now))
	code := issued(access.DeviceList{}, dev, "code1")
	if err := errors.Join(moves[0].save(ctx, s, ""), s.SaveDevices(ctx, code), s.SaveFreeze(ctx, frozen)); err != nil {
		return err
	}
	err := errors.Join(
		wantErr("an approval", moves[1].save(ctx, s, ""), access.ErrFrozen),
		wantErr("an approval with a key", moves[1].save(ctx, s, "click:1"), access.ErrFrozen),
		wantErr("a request that needs no approval",
			s.Submit(ctx, open.next, open.event, access.Asker{Version: 1}, "form:1"), access.ErrFrozen),
		wantErr("a pairing", s.SaveDevices(ctx, paired(code, dev, "laptop", "01N")), access.ErrFrozen),
		wantStored(ctx, s, moves[0].next, moves[0].event), wantAbsent(ctx, s, "01OPEN"), wantDevices(ctx, s, code))
	thawed, _ := frozen.End(Now)
	err = errors.Join(err, s.SaveFreeze(ctx, thawed), moves[1].save(ctx, s, ""))
	again, _ := thawed.Start(lead, "again", Now)
	return errors.Join(err, s.SaveFreeze(ctx, again),
		wantErr("an intent to vend", moves[2].save(ctx, s, ""), access.ErrFrozen),
		wantStored(ctx, s, moves[1].next, moves[0].event, moves[1].event))
}

func frozenEndsAccess(ctx context.Context, s Subject) error {
	moves, pending := granted("01A"), submit("01B", dev2, Now)
	cut := revoked(moves[3])
	l := listWith(access.CutList{}, cut)
	code := issued(access.DeviceList{}, dev, "code1")
	laptop := paired(code, dev, "laptop", "01N")
	removed, err := laptop.List.Remove(deviceID("laptop"), access.DeviceRemoved, "02N", Now.Add(time.Hour))
	denied := mustMove(pending.next.Deny(lead, "no", Now))
	return errors.Join(err,
		saveAll(ctx, s, moves[:3]), s.SaveDevices(ctx, code), s.SaveDevices(ctx, laptop), s.SaveFreeze(ctx, frozen),
		wantErr("a session that exists", moves[3].save(ctx, s, ""), nil),
		wantErr("a revocation", s.SaveCut(ctx, cut.next, cut.event, l), nil),
		wantErr("a request", pending.save(ctx, s, ""), nil),
		wantErr("a denial", denied.save(ctx, s, ""), nil),
		wantErr("the removal of a device", s.SaveDevices(ctx, removed), nil))
}

func freezeVersions(ctx context.Context, s Subject) error {
	thawed, _ := frozen.End(Now)
	var winners atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			if s.SaveFreeze(ctx, frozen) == nil {
				winners.Add(1)
			}
		})
	}
	all.Wait()
	err := errors.Join(s.SaveFreeze(ctx, thawed), wantErr("the first again", s.SaveFreeze(ctx, frozen), access.ErrStale))
	stored, err2 := s.Freeze(ctx)
	// All of them write the same, so each counts as having written it.
	return errors.Join(err, err2, wantSame("freeze", stored, thawed), wantSame("winners", winners.Load(), int64(8)))
}
