package functions

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/store"
)

// openGrant writes a grant of a person for a role that the policy gives to some people.
func (w *world) openGrant(id, person, role string) access.Request {
	w.t.Helper()
	r, event, err := access.New(access.Ask{
		ID: id, Requester: access.Person{ID: person, Name: person, Membership: access.Member}, Account: "222222222222",
		AccountName: "payments-dev", Role: role, For: 2 * time.Hour, Reason: "why",
	}, access.Terms{Max: 4 * time.Hour, Met: true, Give: []access.Kind{access.Keys}, AnswerWithin: time.Hour}, w.clock())
	if err != nil {
		w.t.Fatal(err)
	}
	if err := w.store.Save(context.Background(), r, event, ""); err != nil {
		w.t.Fatal(err)
	}
	return r
}

func TestThePolicySaysHowOftenTheTickSweeps(t *testing.T) {
	w := newWorld(t)
	for text, want := range map[string]time.Duration{
		readPolicy(t): 5 * time.Minute,
		strings.Replace(readPolicy(t), "check_every: 5m", "check_every: 2m", 1):   2 * time.Minute,
		strings.Replace(readPolicy(t), "  check_every: 5m", "  # check_every", 1): 5 * time.Minute,
	} {
		w.policy = w.compiled(text)
		w.rebuild()
		if got := w.Tick.Sweep.Every; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestTheTickOrdersTheCutsThatAreDueAndDoesTheRestIfThatFails(t *testing.T) {
	w := newWorld(t)
	w.tick()
	r := w.openGrant("01KAK0S4R0EXAMPLE00000CUTS", "U0DEV1", "ReadOnly")
	key := access.IssuedKey{AccessKeyID: "ASIAEXAMPLE", Expires: w.clock().Add(time.Hour)}
	o := access.Order{ID: "o", Request: r.ID, By: "U0DEV1", Kind: access.Keys, At: w.clock()}
	ordered, _, err := r.Order(r.Requester, o, access.Terms{Max: 4 * time.Hour, Give: r.Give}, w.clock())
	issued, _, err2 := ordered.Issue("o", key, access.IssuedKey{}, w.clock())
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	item, err := store.RequestItem(issued)
	if err != nil {
		t.Fatal(err)
	}
	w.store.Put(item)
	ended, event, err := issued.End(issued.Requester, w.clock())
	l := access.CutList{}.Add(ended, ended.MayActUntil(w.clock()), w.clock())
	if err = errors.Join(err, w.store.SaveCut(t.Context(), ended, event, l)); err != nil {
		t.Fatal(err)
	}
	w.noCuts = errors.New("Lambda is down")
	w.pass(time.Minute)
	if err := w.Tick.Handle(t.Context(), events.EventBridgeEvent{}); !errors.Is(err, w.noCuts) {
		t.Errorf("got %v", err)
	}
	if len(w.cuts) != 1 || w.cuts[0] != r.CutKey() || !w.directory().PeopleAt.Equal(w.clock()) {
		t.Errorf("ordered %v, and people were read at %s", w.cuts, w.directory().PeopleAt)
	}
	w.noCuts = nil
	if err := w.store.SaveCutList(t.Context(), l.Worked(
		access.WrittenDeny{Grants: map[string]time.Time{ended.ID: l.Names[0].Until}}, w.clock())); err != nil {
		t.Fatal(err)
	}
	w.cuts = nil
	w.tick()
	if len(w.cuts) != 0 {
		t.Errorf("ordered %v within a minute after the policy was right", w.cuts)
	}
}

func TestOperatorsAreAskedOnceWhenASweepIsHeldAndToldWhenItIsOver(t *testing.T) {
	w := newWorld(t)
	w.tick()
	for i := range 25 {
		w.openGrant(fmt.Sprintf("01KAK0S4R0EXAMPLE0000000%02d", i), fmt.Sprintf("U0NOBODY%02d", i), "ReadOnly")
	}
	count := func(text string) (n int) {
		for _, read := range w.operatorsRead() {
			if strings.Contains(read, text) {
				n++
			}
		}
		return n
	}
	for range 7 { // two sweeps find the same
		w.pass(time.Minute)
		w.tick()
	}
	const asked = "Of 25 open grants, 25 would be revoked now."
	if n := count(asked); n != 1 {
		t.Fatalf("asked %d times:\n%s", n, strings.Join(w.operatorsRead(), "\n"))
	}
	held, err := w.store.Sweep(t.Context())
	if err != nil || !held.Held {
		t.Fatal(held, err)
	}
	yes, _ := held.Confirm(access.Person{ID: "operator", Name: "Olive"}, w.clock())
	if err := w.store.SaveSweep(t.Context(), yes); err != nil {
		t.Fatal(err)
	}
	w.tick()
	revoked := 0
	for _, r := range w.store.All(t.Context()) {
		if r.State == access.Revoked && r.Closed.By.ID == access.System.ID {
			revoked++
		}
	}
	if n := count("Olive has confirmed what the sweep found"); n != 1 || revoked != 25 {
		t.Errorf("told %d times, and %d revoked:\n%s", n, revoked, strings.Join(w.operatorsRead(), "\n"))
	}
}
