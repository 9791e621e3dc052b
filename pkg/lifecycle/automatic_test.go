package lifecycle

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// byItself lets a program of a person, or of a machine, ask without a person.
func (w *world) byItself(who *access.Person, account, role string) (access.Request, error) {
	in := Asked{Who: who, Account: account, Role: role, Reason: "terraform", Automatic: true}
	if who == nil {
		in.By, in.Device = "U0DEV1", "laptop"
	}
	return w.submitter().Do(context.Background(), in)
}

// ask asks as a person does who types it.
func (w *world) ask(who *access.Person, role string) access.Request {
	w.t.Helper()
	in := Asked{Who: who, Account: "prod", Role: role, For: 30 * time.Minute, Reason: "why"}
	if who == nil {
		in.By = "U0DEV1"
	}
	r, err := w.submitter().Do(context.Background(), in)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) mustMove(_ Moved, err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) closes(who *access.Person) (Close, string) {
	if who == nil {
		return Close{w.step()}, "U0DEV1"
	}
	return Close{w.step()}.From("", who), who.ID
}

func (w *world) givesBack(id string, who *access.Person) {
	w.t.Helper()
	c, by := w.closes(who)
	w.mustMove(c.End(context.Background(), id, by))
}

func (w *world) isRevoked(id string) {
	w.t.Helper()
	w.mustMove(Close{w.step()}.Revoke(context.Background(), id, "U0LEAD1", "no"))
}

// requesters are a person and a machine, who may both have Look without an approval.
var requesters = map[string]*access.Person{"person": nil, "machine": build("one")}

// automaticWorld has machines, and a policy with changes.
func automaticWorld(t *testing.T, change ...string) *world {
	w := machineWorld(t)
	w.policy = compiled(t, strings.NewReplacer(change...).Replace(forMachines))
	return w
}

func TestAProgramAsksByItselfForAnHourOrWhatThePolicyAllows(t *testing.T) {
	for name, who := range requesters {
		w := automaticWorld(t)
		r, err := w.byItself(who, "PROD", "look")
		if err != nil || r.State != access.Active || r.For != time.Hour || r.Role != "Look" {
			t.Errorf("%s: got %s for %v, %v", name, r.State, r.For, err)
		}
		again, err := w.byItself(who, "prod", "Look")
		if access.Code(err) != access.CodeAlreadyGranted || again.ID != r.ID {
			t.Errorf("%s, again: got %s, %v", name, again.ID, err)
		}
		short := automaticWorld(t, "max: 4h", "max: 15m", "max: 1h", "max: 15m")
		if r, err = short.byItself(who, "prod", "Look"); err != nil || r.For != 15*time.Minute {
			t.Errorf("%s, at most 15m: got %v, %v", name, r.For, err)
		}
	}
}

// No card is made, and the program's tries do not count towards what the person may ask for.
func TestAProgramAsksNobodyByItself(t *testing.T) {
	w := automaticWorld(t)
	for range 40 {
		for who, role := range map[*access.Person]string{nil: "Change", run(1): "Look"} {
			_, err := w.byItself(who, "prod", role)
			if access.Code(err) != "no_grant" || !strings.Contains(err.Error(), "somebody must approve it") {
				t.Fatalf("%v: got %v", who, err)
			}
		}
	}
	if w.count() != 0 {
		t.Errorf("%d requests were made", w.count())
	}
	if r := w.ask(nil, "Change"); r.State != access.Pending {
		t.Errorf("asked by the person: %s", r.State)
	}
	r, err := w.byItself(nil, "prod", "Change")
	if access.Code(err) != access.CodeAlreadyAsked || r.State != access.Pending {
		t.Errorf("while it is pending: got %+v, %v", r, err)
	}
}

// Policy of now: a grant without approval yesterday does not mean one today.
func TestAProgramIsJudgedByThePolicyOfNow(t *testing.T) {
	for name, who := range requesters {
		w := automaticWorld(t)
		if _, err := w.byItself(who, "prod", "Look"); err != nil {
			t.Fatal(err)
		}
		w.advance(2 * time.Hour)
		w.policy = compiled(t, strings.ReplaceAll(forMachines, "approvals: none", "approvals: [{from: [leads], need: 1}]"))
		if _, err := w.byItself(who, "prod", "Look"); access.Code(err) != "no_grant" {
			t.Errorf("%s: got %v", name, err)
		}
		w.policy = compiled(t, strings.ReplaceAll(forMachines, "approvals: none", "ask: [ticket], approvals: none"))
		if _, err := w.byItself(who, "prod", "Look"); access.Code(err) != "no_ticket" {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// What was given back or revoked stays so for programs: also when the time of that grant is over, when the
// person has asked for other roles since, and when a later request was not granted. Only a grant for
// which the person asked lets programs go on.
func TestAProgramDoesNotAskForWhatWasGivenBackOrRevoked(t *testing.T) {
	for name, who := range requesters {
		for code, end := range map[string]func(w *world, id string){
			"ended":   func(w *world, id string) { w.givesBack(id, who) },
			"revoked": func(w *world, id string) { w.isRevoked(id) },
		} {
			w := automaticWorld(t, "approvals: none", "approvals: none, review: {by: [leads], within: 24h}")
			r, err := w.byItself(who, "prod", "Look")
			if err != nil {
				t.Fatal(err)
			}
			refused := func(when string) {
				t.Helper()
				if _, err := w.byItself(who, "prod", "Look"); access.Code(err) != code {
					t.Errorf("%s, %s, %s: got %v", name, code, when, err)
				}
			}
			end(w, r.ID)
			refused("at once")
			w.advance(25 * time.Hour)
			refused("a day later")
			if who == nil {
				w.ask(nil, "Change")
				refused("after another role")
				w.advance(2 * time.Hour)
			}
			if other, err := w.byItself(build("two"), "prod", "Look"); err != nil || other.ID == "" {
				t.Errorf("another requester: %v", err)
			}
			w.ask(who, "Look") // a person asks
			w.advance(time.Hour)
			if next, err := w.byItself(who, "prod", "Look"); err != nil || next.State != access.Active {
				t.Errorf("%s, %s: after a grant that expired: %v", name, code, err)
			}
		}
	}
}

// A pending request that is approved, used and revoked before the next ask is the last grant. One that was
// never granted is not.
func TestOnlyAGrantIsTheLastGrant(t *testing.T) {
	free := strings.Replace(forMachines, "max: 2h\n    approvals: [{from: [leads], need: 1}, {from: [security], need: 1}]",
		"max: 2h\n    approvals: none", 1)
	w := automaticWorld(t)
	first := w.ask(nil, "Change")
	w.mustMove(w.approve(first.ID, "U0LEAD1"))
	w.mustMove(w.approve(first.ID, "U0SEC1"))
	w.isRevoked(first.ID)
	w.advance(access.RevokedFor)
	second := w.ask(nil, "Change")
	w.mustMove(w.deny(second.ID, "U0LEAD1"))
	w.policy = compiled(t, free)
	if free == forMachines {
		t.Fatal("the policy is the same")
	}
	if _, err := w.byItself(nil, "prod", "Change"); access.Code(err) != "revoked" {
		t.Errorf("got %v, want revoked", err)
	}
}

func TestLastGrantsAreLimited(t *testing.T) {
	w := automaticWorld(t)
	var a access.Asker
	for i := range access.MaxGranted + 10 {
		r, err := w.byItself(nil, "prod", "Look")
		if err != nil && i == 0 {
			t.Fatal(err)
		}
		r.State, r.Account = access.Active, strings.Repeat("x", i)
		a = a.Opens(r, w.clock())
	}
	last := strings.Repeat("x", access.MaxGranted+9)
	if len(a.Granted) != access.MaxGranted || a.LastGrant(access.Person{ID: "U0DEV1"}, last, "Look") == "" {
		t.Errorf("%d are kept", len(a.Granted))
	}
}
