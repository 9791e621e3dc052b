package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

func (w *world) cuts(r access.Request) access.CutList {
	w.t.Helper()
	l, err := w.store.CutList(context.Background(), r.CutKey())
	if err != nil {
		w.t.Fatal(err)
	}
	return l
}

func (w *world) revoke(id, by string) error {
	_, err := Close{w.step()}.Revoke(context.Background(), id, by, "an incident")
	return err
}

func (w *world) cutIsDone(id string) error {
	_, err := w.step().move(context.Background(), id, func(m snapshot) (access.Request, access.Event, error) {
		return m.request.CutIsDone(m.now)
	})
	return err
}

// granted returns a grant of the role Change for a time that two people have approved.
func (w *world) granted(t *testing.T, length time.Duration) access.Request {
	t.Helper()
	r, err := w.submit("U0DEV1", "Change", length, "")
	if err != nil {
		t.Fatal(err)
	}
	for _, by := range []string{"U0LEAD1", "U0SEC1"} {
		if _, err := w.approve(r.ID, by); err != nil {
			t.Fatal(err)
		}
	}
	return w.at(r.ID)
}

func TestARevokedGrantIsOnTheCutListUntilItsLastSessionHasExpired(t *testing.T) {
	w := newWorld(t)
	r := w.granted(t, time.Hour)
	for i := range 2 {
		if _, err := w.order(r.ID, "U0DEV1", fmt.Sprint("o", i), access.Keys); err != nil {
			t.Fatal(err)
		}
		w.advance(time.Minute)
	}
	if err := w.revoke(r.ID, "U0LEAD1"); err != nil {
		t.Fatal(err)
	}
	got, l := w.at(r.ID), w.cuts(r)
	if got.Cut != access.CutEnding || !got.CutSince.Equal(w.clock()) || len(l.Names) != 1 ||
		!l.Names[0].Until.Equal(w.issued[1].expires) || l.RoleARN != "arn:aws:iam::111111111111:role/aws-access/Change" {
		t.Errorf("got %q since %s, and the list %+v; the last session expires at %s",
			got.Cut, got.CutSince, l, w.issued[1].expires)
	}
}

func TestAGrantWithoutALiveSessionNeedsNoCut(t *testing.T) {
	w := newWorld(t)
	r, err := w.submit("U0DEV1", "Look", 2*time.Hour, "")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.order(r.ID, "U0DEV1", "o", access.Keys); err != nil {
		t.Fatal(err)
	}
	w.advance(time.Hour)
	if _, err := (Close{w.step()}).End(context.Background(), r.ID, "U0DEV1"); err != nil {
		t.Fatal(err)
	}
	if got, l := w.at(r.ID), w.cuts(r); got.Cut != "" || l.Version != 0 {
		t.Errorf("got %q and %+v, want no cut", got.Cut, l)
	}
}

// The answer of STS is lost, or vend dies. Nobody knows of the session, and STS has made it.
func TestASessionThatNobodyKnowsOfIsCut(t *testing.T) {
	for _, later := range []time.Duration{time.Second, access.OrderLife, 30 * time.Minute} {
		w := newWorld(t)
		r := w.granted(t, time.Hour)
		w.fault = func(call string) (error, error) {
			if call == "sts:assume" {
				return nil, errDown
			}
			return nil, nil
		}
		out, err := w.order(r.ID, "U0DEV1", "o", access.Keys)
		if !errors.Is(err, errDown) {
			t.Fatalf("got %v", err)
		}
		w.fault = nil
		if later < access.OrderLife { // vend lives, and records the failure
			err := Vend{Step: w.step()}.Fail(context.Background(), r.ID, "o", access.Code(err))
			if err != nil || !out.Ordered {
				t.Fatal(err, out.Ordered)
			}
		}
		w.advance(later)
		if err := w.tick(); err != nil {
			t.Fatal(err)
		}
		if err := w.revoke(r.ID, "U0LEAD1"); err != nil {
			t.Fatal(err)
		}
		if l := w.cuts(r); !l.Has(r.ID, w.issued[0].expires) || w.at(r.ID).Cut != access.CutEnding {
			t.Errorf("%s later: the session lives until %s, and the list is %+v", later, w.issued[0].expires, l.Names)
		}
	}
}

// While STS does not answer, people press the button again. Their orders do not fill the grant,
// and the last of them decides how long a session may live.
func TestOrdersWithoutAnAnswerCountOnce(t *testing.T) {
	w := newWorld(t)
	r := w.mustSubmit("U0DEV1", "Look")
	w.fault = func(call string) (error, error) {
		if call == "sts:assume" {
			return nil, errDown
		}
		return nil, nil
	}
	for i := range access.MaxLive + 10 {
		order := fmt.Sprint("o", i)
		if _, err := w.order(r.ID, "U0DEV1", order, access.Keys); !errors.Is(err, errDown) {
			t.Fatalf("order %d: %v", i, err)
		}
		if err := (Vend{Step: w.step()}).Fail(context.Background(), r.ID, order, "error"); err != nil {
			t.Fatal(err)
		}
		w.advance(time.Second)
	}
	got := w.at(r.ID)
	until := w.clock().Add(-time.Second).Add(access.UnansweredLife)
	if len(got.Sessions) != 1 || !got.MayActUntil(w.clock()).Equal(until) {
		t.Errorf("%d sessions, the last until %s; want one until %s",
			len(got.Sessions), got.MayActUntil(w.clock()), until)
	}
}

// STS refuses: there is no session, so nothing has to be cut.
func TestARefusedOrderLeavesNoSession(t *testing.T) {
	w := newWorld(t)
	r := w.mustSubmit("U0DEV1", "Look")
	w.fault = func(call string) (error, error) {
		if call == "sts:assume" {
			return errDown, nil
		}
		return nil, nil
	}
	_, _ = w.order(r.ID, "U0DEV1", "o", access.Keys)
	if err := (Vend{Step: w.step()}).Fail(context.Background(), r.ID, "o", access.CodeAWSRefused); err != nil {
		t.Fatal(err)
	}
	if got := w.at(r.ID); len(got.Sessions) != 0 {
		t.Errorf("got %+v", got.Sessions)
	}
}

// The grant is revoked while STS is asked, and its deny is written. The session is made all the
// same, and lives longer than the intent could have, because the clocks of STS and of the function
// are two minutes apart.
func TestASessionThatIsMadeDuringTheCutIsCut(t *testing.T) {
	w := newWorld(t)
	r := w.granted(t, 2*time.Hour)
	w.fault = func(call string) (error, error) {
		if call == "sts:assume" {
			w.fault = nil
			if err := errors.Join(w.revoke(r.ID, "U0LEAD1"), w.cutIsDone(r.ID)); err != nil {
				t.Error(err)
			}
			w.advance(2 * time.Minute)
		}
		return nil, nil
	}
	out, err := w.order(r.ID, "U0DEV1", "o", access.Keys)
	if access.Code(err) != access.CodeRevoked || !out.Credentials.SecretKey.Empty() {
		t.Errorf("got %v, want revoked and no keys", err)
	}
	expires := w.issued[0].expires
	if l := w.cuts(r); !l.Has(r.ID, expires) || w.at(r.ID).Cut != access.CutEnding {
		t.Errorf("the session lives until %s, and the list is %+v", expires, l.Names)
	}
}

func TestWhoWasRevokedMayNotAskForAnHour(t *testing.T) {
	w := newWorld(t)
	r := w.granted(t, time.Hour)
	w.mustSubmit("U0DEV1", "Look")     // what this reads is remembered
	w.advance(time.Hour - time.Minute) // a minute before the end
	if err := w.revoke(r.ID, "U0LEAD1"); err != nil {
		t.Fatal(err)
	}
	ask := func(by string) string {
		_, err := w.submit(by, "Change", time.Hour, "")
		return access.Code(err)
	}
	w.advance(59 * time.Minute) // when the grant would have been over for long
	if code := ask("U0DEV1"); code != access.CodeRevokedLately {
		t.Errorf("after 59 minutes: %q", code)
	}
	if code := ask("U0DEV2"); code != "" {
		t.Errorf("somebody else: %q", code)
	}
	w.advance(time.Minute)
	if code := ask("U0DEV1"); code != "" {
		t.Errorf("after an hour: %q", code)
	}
}

func TestALiftedRevocationAllowsAskingAgain(t *testing.T) {
	w := newWorld(t)
	r := w.granted(t, time.Hour)
	if err := w.revoke(r.ID, "U0LEAD1"); err != nil {
		t.Fatal(err)
	}
	_, err := w.step().move(context.Background(), r.ID, func(m snapshot) (access.Request, access.Event, error) {
		return m.request.Lift(w.people["U0SEC1"], m.now)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.submit("U0DEV1", "Change", time.Hour, ""); err != nil {
		t.Errorf("got %v", err)
	}
}

// A policy that no longer gives the access has decided, so the requester can ask as soon as it
// gives it again.
func TestLostEligibilityForbidsNothingAfterwards(t *testing.T) {
	w := newWorld(t)
	r := w.granted(t, time.Hour)
	_, err := w.step().move(context.Background(), r.ID, func(m snapshot) (access.Request, access.Event, error) {
		return m.request.RevokeLost("not a member of devs", m.now)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.submit("U0DEV1", "Change", time.Hour, ""); err != nil {
		t.Errorf("got %v", err)
	}
}

func (w *world) thaw(t *testing.T) {
	t.Helper()
	f, err := w.store.Freeze(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	f, _ = f.End(w.clock())
	if err := w.store.SaveFreeze(context.Background(), f); err != nil {
		t.Fatal(err)
	}
}

// Everything is frozen while ten people wait for their sessions: STS has made them, and nobody
// gets one.
func TestAFreezeStopsVendsThatWereAlreadyOrdered(t *testing.T) {
	w := newWorld(t)
	w.policy = compiled(t, strings.Replace(loose, "remind_after: 15m", "remind_after: 15m, asks_per_hour: 1000", 1))
	const n = 10
	var ids []string
	for i := range n {
		id := fmt.Sprint("U0DEVX", i)
		w.people[id] = access.Person{ID: id, Email: id + "@example.com", Name: id, Membership: access.Member}
		w.groups["S0DEVS"] = append(w.groups["S0DEVS"], id)
		ids = append(ids, id)
	}
	if err := w.tick(); err != nil {
		t.Fatal(err)
	}
	grants := make([]access.Request, n)
	for i, id := range ids {
		grants[i] = w.mustSubmit(id, "Look")
	}
	var at, frozen sync.WaitGroup
	at.Add(n)
	frozen.Add(1)
	w.fault = func(call string) (error, error) {
		if call == "sts:assume" {
			at.Done()
			frozen.Wait()
		}
		return nil, nil
	}
	go func() {
		at.Wait()
		f, _ := access.Freeze{}.Start(w.people["U0SEC1"], "an incident", noon)
		if err := w.store.SaveFreeze(context.Background(), f); err != nil {
			t.Error(err)
		}
		frozen.Done()
	}()
	var all sync.WaitGroup
	for i, id := range ids {
		all.Go(func() {
			out, err := w.order(grants[i].ID, id, fmt.Sprint("o", i), access.Keys)
			if access.Code(err) != access.CodeFrozen || !out.Credentials.SecretKey.Empty() {
				t.Errorf("%s got %v", id, err)
			}
		})
	}
	all.Wait()
	w.fault = nil
	if _, err := w.order(grants[0].ID, ids[0], "whilefrozen", access.Keys); access.Code(err) != access.CodeFrozen {
		t.Errorf("an order during the freeze: %v", err)
	}
	w.thaw(t)
	for i, id := range ids {
		if _, err := w.order(grants[i].ID, id, fmt.Sprint("again", i), access.Keys); err != nil {
			t.Errorf("%s after the thaw: %v", id, err)
		}
	}
}

// The policy gives less time than when a session was handed out, so the grant ends before that
// session's own policy denies everything. Nobody can revoke a grant that has ended.
func TestSessionsThatOutliveAShortenedGrantAreCutAtItsEnd(t *testing.T) {
	for name, answered := range map[string]bool{"answered": true, "never answered": false} {
		w := newWorld(t)
		r, err := w.submit("U0DEV1", "Look", 4*time.Hour, "")
		if err != nil {
			t.Fatal(err)
		}
		if !answered {
			w.fault = func(call string) (error, error) {
				if strings.HasPrefix(call, "sts:") {
					return nil, errDown
				}
				return nil, nil
			}
		}
		if _, err = w.order(r.ID, "U0DEV1", "o1", access.Console); (err == nil) != answered {
			t.Fatal(err)
		}
		w.fault = nil
		w.advance(10 * time.Minute)
		w.policy = compiled(t, strict) // half an hour
		if _, err = w.order(r.ID, "U0DEV1", "o2", access.Console); err != nil {
			t.Fatal(err)
		}
		w.advance(20 * time.Minute)
		if err := w.tick(); err != nil {
			t.Fatal(err)
		}
		got := w.at(r.ID)
		if got.State != access.Expired || got.Cut != access.CutEnding || !w.cuts(r).Has(r.ID, got.MayActUntil(w.clock())) {
			t.Errorf("%s: at the end the grant is %s, cut %q, and the list has %+v; its sessions act until %s",
				name, got.State, got.Cut, w.cuts(r).Names, got.ActsUntil(w.clock()))
		}
	}
}

// A grant that was not shortened needs no cut: its sessions deny everything from its end on.
func TestAGrantThatEndsAsPlannedIsNotCut(t *testing.T) {
	w := newWorld(t)
	r, err := w.submit("U0DEV1", "Look", 30*time.Minute, "")
	if err == nil {
		_, err = w.order(r.ID, "U0DEV1", "o1", access.Keys)
	}
	w.advance(30 * time.Minute)
	if err = errors.Join(err, w.tick()); err != nil {
		t.Fatal(err)
	}
	if got := w.at(r.ID); got.State != access.Expired || got.Cut != "" || len(w.cuts(r).Names) != 0 {
		t.Errorf("the grant is %s, cut %q, and the list has %+v", got.State, got.Cut, w.cuts(r).Names)
	}
}
