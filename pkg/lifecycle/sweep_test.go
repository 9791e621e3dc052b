package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/store"
	"github.com/aws-access/aws-access/pkg/store/memory"
)

// sweepEvery is the policy's check_every if it says nothing.
const sweepEvery = 5 * time.Minute

// sweepsIn is the store of a sweep, with the faults of the world.
type sweepsIn struct {
	*memory.Store
	w *world
}

func (s sweepsIn) SaveSweep(ctx context.Context, next access.Sweep) error {
	return s.w.call("store:save", func() error { return s.Store.SaveSweep(ctx, next) })
}

func (s sweepsIn) Requests(ctx context.Context, ids []string) (found []access.Request, err error) {
	err = s.w.call("store:requests", func() error { found, err = s.Store.Requests(ctx, ids); return err })
	return found, err
}

// sweep reads from Slack as the tick does, and makes a sweep.
func (w *world) sweep() Swept {
	w.t.Helper()
	if _, err := w.roster().Refresh(context.Background()); err != nil {
		w.t.Fatal(err)
	}
	out, err := Sweep{Step: w.step(), In: sweepsIn{w.store, w}, Every: sweepEvery}.Do(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// later makes a sweep after the time after which one is due.
func (w *world) later() Swept {
	w.t.Helper()
	w.advance(sweepEvery)
	return w.sweep()
}

func (w *world) setPolicy(old, by string) {
	w.t.Helper()
	if !strings.Contains(loose, old) {
		w.t.Fatal("the policy does not have", old)
	}
	w.policy = compiled(w.t, strings.Replace(loose, old, by, 1))
}

func (w *world) setPerson(id string, change func(*access.Person)) {
	p := w.people[id]
	change(&p)
	w.people[id] = p
}

func leave(w *world) { w.groups["S0DEVS"] = slices.DeleteFunc(w.groups["S0DEVS"], isDev1) }

func isDev1(id string) bool { return id == "U0DEV1" }

// inUse returns a grant of Change for dev1 with one live session.
func (w *world) inUse(t *testing.T) access.Request {
	t.Helper()
	w.sweep()
	r := w.granted(t, 2*time.Hour)
	if _, err := w.order(r.ID, "U0DEV1", "o", access.Keys); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestALostGrantIsRevokedByTheSystemAndCut(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*world)
		why    string
	}{
		"out of the group": {leave, "The policy no longer gives them this."},
		"deactivated": {func(w *world) {
			w.setPerson("U0DEV1", func(p *access.Person) { p.Membership = access.Deactivated })
		}, "Their Slack account is deactivated."},
		"a guest now": {func(w *world) {
			w.setPerson("U0DEV1", func(p *access.Person) { p.Membership = access.Guest })
		}, "They are no longer a full member of the workspace."},
		"deactivated and out of the group": {func(w *world) {
			leave(w)
			w.setPerson("U0DEV1", func(p *access.Person) { p.Membership = access.Deactivated })
		}, "Their Slack account is deactivated."},
		"out of the group, and the profile cannot be read": {func(w *world) {
			leave(w)
			delete(w.people, "U0DEV1")
		}, "The policy no longer gives them this."},
		"a never rule": {func(w *world) {
			w.setPolicy("who: [leaver@example.com]", "who: [leaver@example.com, dev1@example.com]")
		}, "The policy now forbids it for them."},
		"no such role": {func(w *world) {
			w.policy = compiled(w.t, strings.ReplaceAll(loose, "Change", "Alter"))
		}, "The policy no longer has this."},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r := w.inUse(t)
			c.change(w)
			out := w.later()
			got := w.at(r.ID)
			if got.State != access.Revoked || got.Closed.By.ID != access.System.ID || got.Closed.Why != c.why ||
				got.Cut != access.CutEnding || !w.cuts(r).Has(r.ID, got.MayActUntil(w.clock())) || len(out.Lost) != 1 {
				t.Errorf("got %s by %s, %q, cut %q, the list %+v and %d lost",
					got.State, got.Closed.By.ID, got.Closed.Why, got.Cut, w.cuts(r), len(out.Lost))
			}
		})
	}
}

func TestWhatIsUnknownOrWantsMoreRevokesNothing(t *testing.T) {
	down := func(w *world) {
		w.fault = func(call string) (error, error) {
			if strings.HasPrefix(call, "slack:") {
				return errDown, nil
			}
			return nil, nil
		}
	}
	for name, change := range map[string]func(*world){
		"nothing has changed":       func(*world) {},
		"Slack is down":             down,
		"Slack is down for an hour": func(w *world) { down(w); w.advance(40 * time.Minute) },
		"out of the group while Slack is down": func(w *world) {
			leave(w)
			down(w)
		},
		"the group is gone":          func(w *world) { delete(w.groups, "S0DEVS") },
		"the profile cannot be read": func(w *world) { delete(w.people, "U0DEV1") },
		"all approvers have left": func(w *world) {
			w.groups["S0LEADS"], w.groups["S0SECURITY"] = []string{"U0LEAD2"}, []string{"U0BOTH"}
		},
		"more approvals":   func(w *world) { w.setPolicy("need: 1}, {", "need: 2}, {") },
		"a ticket":         func(w *world) { w.setPolicy("max: 3h,", "max: 3h, ask: [reason, ticket],") },
		"a shorter grant":  func(w *world) { w.setPolicy("max: 3h,", "max: 2h,") },
		"another reviewer": func(w *world) { w.setPolicy("max: 3h,", "max: 3h, review: {by: [leads], within: 24h},") },
		"a never rule that may apply": func(w *world) {
			w.setPerson("U0DEV1", func(p *access.Person) { p.Email, p.UnverifiedEmail = "", p.Email })
			w.setPolicy("who: [leaver@example.com]", "who: [leaver@example.com, dev1@example.com]")
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r := w.inUse(t)
			change(w)
			if out := w.later(); len(out.Lost) != 0 || out.Record.Looked != 1 || w.at(r.ID).State != access.Active {
				t.Errorf("%d of %d lost, and the grant is %s", len(out.Lost), out.Record.Looked, w.at(r.ID).State)
			}
		})
	}
}

// forEveryone lets people ask whom the policy does not name.
var forEveryone = strings.Replace(loose, "\nrules:\n",
	"\nrules:\n  - {name: all look, who: [everyone], accounts: [prod], roles: [Look], max: 4h, approvals: none}\n", 1)

func TestWhoeverThePolicyDoesNotNameIsLookedForWhileTheyHaveAGrant(t *testing.T) {
	for name, pages := range map[string]int{"in one tick": 1000, "over several ticks": 1} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.policy, w.page = compiled(t, forEveryone), pages
			for i := range 40 { // others, so that a reading takes several ticks
				id := fmt.Sprintf("U0OTHER%02d", i)
				w.people[id] = access.Person{ID: id, Email: id + "@example.com", Name: id, Membership: access.Member}
			}
			w.sweep()
			for range 3 {
				w.later()
			}
			r := w.mustSubmit("U0OTHER07", "Look")
			for range 7 {
				w.later()
			}
			if d, _ := w.store.Directory(context.Background()); d.People["U0OTHER07"].ID != "" {
				t.Fatal("the directory has somebody whom the policy does not name")
			}
			reading, _ := w.store.Reading(context.Background())
			if reading.Membership("U0OTHER07", w.clock()) != access.Member {
				t.Fatalf("the readings have not looked for the requester: %+v", reading.Known)
			}
			w.fault = func(call string) (error, error) { // so only readings tell
				if call == "slack:person" {
					return errDown, nil
				}
				return nil, nil
			}
			w.setPerson("U0OTHER07", func(p *access.Person) { p.Membership = access.Deactivated })
			for range 7 {
				w.later()
			}
			if got := w.at(r.ID); got.State != access.Revoked || got.Closed.By.ID != access.System.ID {
				t.Errorf("the grant of a deactivated person is %s", got.State)
			}
		})
	}
}

func TestAMachineLosesWhatItsClaimsNoLongerGive(t *testing.T) {
	w := machineWorld(t)
	w.sweep()
	r, err := w.asks(build("one"), "a")
	if err != nil {
		t.Fatal(err)
	}
	if w.later(); w.at(r.ID).State != access.Active {
		t.Fatalf("the grant is %s", w.at(r.ID).State)
	}
	w.policy = compiled(t, strings.Replace(forMachines, "role/Build", "role/Other", 1))
	if w.later(); w.at(r.ID).State != access.Revoked {
		t.Errorf("the grant is %s after the policy has named another role", w.at(r.ID).State)
	}
}

func TestSweepsAreMadeWhenOneIsDue(t *testing.T) {
	w := newWorld(t)
	r := w.inUse(t)
	leave(w)
	w.advance(sweepEvery - time.Second)
	if w.sweep(); w.at(r.ID).State != access.Active {
		t.Fatal("a sweep was made before it was due")
	}
	w.advance(time.Second)
	if w.sweep(); w.at(r.ID).State != access.Revoked {
		t.Fatal("no sweep was made when it was due")
	}
}

// crowd makes a world in which many people of one group have a grant of Look.
func crowd(t *testing.T, n int) (w *world, grants []access.Request) {
	t.Helper()
	w = newWorld(t)
	for i := range n {
		id := fmt.Sprintf("U0CROWD%03d", i)
		w.people[id] = access.Person{ID: id, Email: id + "@example.com", Name: id, Membership: access.Member}
		w.groups["S0DEVS"] = append(w.groups["S0DEVS"], id)
	}
	w.sweep()
	for i := range n {
		grants = append(grants, w.mustSubmit(fmt.Sprintf("U0CROWD%03d", i), "Look"))
	}
	return w, grants
}

func (w *world) states(grants []access.Request) map[access.State]int {
	found := make(map[access.State]int)
	for _, r := range grants {
		found[w.at(r.ID).State]++
	}
	return found
}

func (w *world) answer(do func(access.Sweep, access.Person, time.Time) (access.Sweep, bool)) {
	w.t.Helper()
	record, err := w.store.Sweep(context.Background())
	next, changed := do(record, access.Person{ID: "operator", Name: "Olive"}, w.clock())
	if err = errors.Join(err, w.store.SaveSweep(context.Background(), next)); err != nil || !changed {
		w.t.Fatal(err, changed)
	}
}

// Somebody empties the group by mistake, or Slack answers with an empty list.
func TestAnEmptiedGroupHoldsTheSweepAndNobodyIsRevoked(t *testing.T) {
	w, grants := crowd(t, 30)
	members := w.groups["S0DEVS"]
	w.groups["S0DEVS"] = []string{"U0DEV2"}
	for range 3 {
		out := w.later()
		if !out.Record.Held || len(out.Lost) != 30 || w.states(grants)[access.Active] != 30 {
			t.Fatalf("held %v, %d lost, states %v", out.Record.Held, len(out.Lost), w.states(grants))
		}
	}
	w.groups["S0DEVS"] = members
	w.advance(time.Minute)
	if _, err := w.roster().Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	_, err := w.order(grants[0].ID, grants[0].Requester.ID, "o", access.Keys)
	if access.Code(err) != access.CodeHeld || len(w.assumed) != 0 {
		t.Fatalf("an order during the hold: %v, %d sessions", err, len(w.assumed))
	}
	if out := w.later(); out.Record.Held || !out.Before.Held {
		t.Fatalf("still held after the group has its members: %+v", out.Record)
	}
	if _, err := w.order(grants[0].ID, grants[0].Requester.ID, "p", access.Keys); err != nil {
		t.Errorf("an order after the hold: %v", err)
	}
}

// hoarders makes a world in which some people have a grant of Look in each of 25 accounts.
func hoarders(t *testing.T, ids ...string) (w *world, grants []access.Request) {
	t.Helper()
	accounts := ""
	for i := range 25 {
		accounts += fmt.Sprintf("\n  - {id: \"22222222%04d\", name: a%d, region: eu-west-1, tags: {env: dev}}", i, i)
	}
	w = newWorld(t)
	w.policy = compiled(t, strings.NewReplacer("\ngroups:", accounts+"\ngroups:",
		"accounts: [prod], roles: [Look]", "accounts: [{env: dev}], roles: [Look]").Replace(loose))
	w.sweep()
	for _, id := range ids {
		for i := range 25 {
			r, err := w.submitter().Do(context.Background(), Asked{
				By: id, Account: fmt.Sprintf("22222222%04d", i), Role: "Look", For: time.Hour, Reason: "why",
			})
			if err != nil {
				t.Fatal(err)
			}
			grants = append(grants, r)
		}
	}
	return w, grants
}

// Somebody who is about to leave asks for more grants than one sweep revokes, so that it is held:
// they would keep what they have, and everybody else would get nothing.
func TestOneLeaverWithManyGrantsHoldsNoSweep(t *testing.T) {
	w, grants := hoarders(t, "U0DEV1")
	w.setPerson("U0DEV1", func(p *access.Person) { p.Membership = access.Deactivated })
	if out := w.later(); out.Record.Held || out.Record.Lost != 25 || w.states(grants)[access.Revoked] != 25 {
		t.Errorf("held %v, %d lost, states %v", out.Record.Held, out.Record.Lost, w.states(grants))
	}
	// Of a group, nobody knows whether one person was taken out or all were.
	w, grants = hoarders(t, "U0DEV1")
	leave(w)
	if out := w.later(); !out.Record.Held || w.states(grants)[access.Active] != 25 {
		t.Errorf("out of the group: held %v, states %v", out.Record.Held, w.states(grants))
	}
}

func TestAConfirmedSweepRevokesWhatItFound(t *testing.T) {
	w, grants := crowd(t, 30)
	w.groups["S0DEVS"] = []string{"U0DEV2"}
	w.later()
	w.answer(access.Sweep.Confirm)
	if out := w.sweep(); out.Record.Held || w.states(grants)[access.Revoked] != 30 {
		t.Errorf("held %v, states %v", out.Record.Held, w.states(grants))
	}
}

func TestADismissedSweepKeepsGrantsForAnHour(t *testing.T) {
	w, grants := crowd(t, 30)
	for _, r := range grants { // they last for longer than the answer
		next := w.at(r.ID)
		next.Ends = next.Ends.Add(2 * time.Hour)
		w.plantRequest(next)
	}
	w.groups["S0DEVS"] = []string{"U0DEV2"}
	w.later()
	w.answer(access.Sweep.Dismiss)
	for range 11 {
		if out := w.later(); out.Record.Held || len(out.Lost) != 0 || w.states(grants)[access.Active] != 30 {
			t.Fatalf("held %v, %d lost, states %v", out.Record.Held, len(out.Lost), w.states(grants))
		}
	}
	w.advance(sweepEvery)
	if out := w.sweep(); !out.Record.Held {
		t.Errorf("an hour later the same is not asked again: %+v", out.Record)
	}
}

// plantRequest writes a request as an older version or an operator may have left it.
func (w *world) plantRequest(r access.Request) {
	w.t.Helper()
	item, err := store.RequestItem(r)
	if err != nil {
		w.t.Fatal(err)
	}
	w.store.Put(item)
}

func TestOfTwoSweepsAtOnceOneIsMade(t *testing.T) {
	w := newWorld(t)
	w.inUse(t)
	leave(w)
	w.advance(sweepEvery)
	if _, err := w.roster().Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	before, _ := w.store.Sweep(context.Background())
	done := make(chan int, 2)
	for range 2 {
		go func() {
			s := Sweep{Step: w.step(), In: sweepsIn{w.store, w}, Every: sweepEvery}
			out, err := s.Do(context.Background())
			if err != nil {
				t.Error(err)
			}
			done <- out.Record.Version
		}()
	}
	<-done
	<-done
	if after, _ := w.store.Sweep(context.Background()); after.Version != before.Version+2 {
		t.Errorf("two sweeps at once wrote the record %d times, want once before and once after the revocation",
			after.Version-before.Version)
	}
}

func TestWhatCouldNotBeRevokedIsRevokedByTheNextTick(t *testing.T) {
	w, grants := crowd(t, 10)
	w.groups["S0DEVS"] = []string{"U0DEV2"}
	w.advance(sweepEvery)
	if _, err := w.roster().Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	saves := 0
	w.fault = func(call string) (error, error) {
		if call == "store:save" {
			if saves++; saves > 4 && saves < 12 {
				return errDown, nil
			}
		}
		return nil, nil
	}
	s := Sweep{Step: w.step(), In: sweepsIn{w.store, w}, Every: sweepEvery}
	if _, err := s.Do(context.Background()); !errors.Is(err, errDown) {
		t.Fatalf("got %v", err)
	}
	w.fault = nil
	w.advance(time.Minute)
	if w.sweep(); w.states(grants)[access.Revoked] != 10 {
		t.Errorf("states %v", w.states(grants))
	}
}

// A tick dies after it has saved that it sweeps: no call leaves it any more.
func TestATickThatDiesLeavesItsSweepToTheNextOne(t *testing.T) {
	w, grants := crowd(t, 10)
	w.groups["S0DEVS"] = []string{"U0DEV2"}
	w.advance(sweepEvery)
	if _, err := w.roster().Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	before, _ := w.store.Sweep(context.Background())
	w.fault = func(call string) (error, error) {
		if now, _ := w.store.Sweep(context.Background()); call == "store:save" && now.Version > before.Version {
			return errDown, nil
		}
		return nil, nil
	}
	s := Sweep{Step: w.step(), In: sweepsIn{w.store, w}, Every: sweepEvery}
	if _, err := s.Do(context.Background()); !errors.Is(err, errDown) || w.states(grants)[access.Revoked] != 0 {
		t.Fatalf("got %v, states %v", err, w.states(grants))
	}
	w.fault = nil
	w.advance(time.Minute)
	if w.sweep(); w.states(grants)[access.Revoked] != 10 {
		t.Errorf("states %v", w.states(grants))
	}
}

// The sweep looks at grants that were closed since the last one. If that fails, it does its work all the same.
func TestGrantsThatAreClosedAndCannotBeReadStopNoRevocation(t *testing.T) {
	w, grants := crowd(t, 10)
	w.later() // remembers which are open
	closed := w.at(grants[0].ID)
	closed.State, closed.Version = access.Ended, closed.Version+1
	w.plantRequest(closed)
	w.groups["S0DEVS"] = []string{"U0DEV2"}
	w.advance(sweepEvery)
	if _, err := w.roster().Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	w.fault = func(call string) (error, error) {
		if call == "store:requests" {
			return errDown, nil
		}
		return nil, nil
	}
	s := Sweep{Step: w.step(), In: sweepsIn{w.store, w}, Every: sweepEvery}
	if _, err := s.Do(context.Background()); !errors.Is(err, errDown) || w.states(grants)[access.Revoked] != 9 {
		t.Errorf("got %v, states %v", err, w.states(grants))
	}
}

// An older version, which knows nothing of cuts, ends a grant while both versions run.
func TestAGrantThatAnOlderVersionEndedIsCut(t *testing.T) {
	for _, state := range []access.State{access.Ended, access.Revoked, access.Expired} {
		w := newWorld(t)
		r := w.inUse(t)
		w.later()
		old := w.at(r.ID)
		old.State, old.Version = state, old.Version+1
		old.Closed = access.Closing{By: old.Requester, At: w.clock()}
		w.plantRequest(old)
		w.later()
		cut := state != access.Expired // its session policy has ended the session
		if got := w.at(r.ID); (got.Cut == access.CutEnding) != cut || w.cuts(r).Has(r.ID, time.Time{}) != cut {
			t.Errorf("%s: cut %q and the list %+v", state, got.Cut, w.cuts(r))
		}
	}
}

func TestEveryReasonOfThePolicyIsLostOrNot(t *testing.T) {
	lost := map[error]bool{
		access.RefuseDeactivated(): true, access.RefuseGuest(): true, access.RefuseBot(): true,
		access.RefuseOutsider(): true, access.RefuseNever("x", ""): true, access.RefuseNotAllowed("r", "a"): true,
		access.RefuseUnknownAccountID("1"): true, access.RefuseUnknownRole("r", "a", nil): true,
		access.RefuseTargetRole("r", "a"): true, access.RefuseUnknownPerson(): false,
		access.RefuseNothingToGive("r", "a"): false, access.RefuseTooLong(time.Hour, 2*time.Hour): false,
		access.RefuseGroupsUnreadable([]string{"g"}): false, access.RefuseUnknownGroup([]string{"g"}): false,
		access.RefuseTicketNowMandatory(): false, nil: false,
	}
	for refusal := range maps.Keys(lost) {
		if why, is := access.WhyLost(refusal); is != lost[refusal] || is != (why != "") {
			t.Errorf("%v: lost %v, %q", refusal, is, why)
		}
	}
}

// Slack lists somebody as deactivated by mistake, and says what they are when it is asked for them.
func TestSlackIsAskedAgainBeforeARevocation(t *testing.T) {
	w := newWorld(t)
	r := w.inUse(t)
	w.setPerson("U0DEV1", func(p *access.Person) { p.Membership = access.Deactivated })
	w.advance(sweepEvery)
	if _, err := w.roster().Refresh(context.Background()); err != nil {
		t.Fatal(err)
	}
	w.setPerson("U0DEV1", func(p *access.Person) { p.Membership = access.Member })
	s := Sweep{Step: w.step(), In: sweepsIn{w.store, w}, Every: sweepEvery}
	out, err := s.Do(context.Background())
	if err != nil || len(out.Lost) != 1 || w.at(r.ID).State != access.Active {
		t.Errorf("%v: %d lost, and the grant is %s", err, len(out.Lost), w.at(r.ID).State)
	}
}
