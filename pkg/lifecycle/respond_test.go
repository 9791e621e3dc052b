package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// answering has security as responders, and a second account in which Look needs no approval.
var answering = strings.NewReplacer(
	"settings: {", "settings: {responders: [security], ",
	"\ngroups:", "\n  - {id: \"222222222222\", name: dev, region: eu-west-1, tags: {env: dev}}\ngroups:",
	"who: [devs], accounts: [prod], roles: [Look]", "who: [devs, security], accounts: [prod, dev], roles: [Look]",
).Replace(loose)

func (w *world) InState(ctx context.Context, s access.State, limit int) (found []access.Request, err error) {
	err = w.call("store:load", func() error { found, err = w.store.InState(ctx, s, limit); return err })
	return found, err
}

func (w *world) SaveFreeze(ctx context.Context, next access.Freeze) error {
	return w.call("store:save", func() error { return w.store.SaveFreeze(ctx, next) })
}

func (w *world) respond() Respond { return Respond{Close: Close{w.step()}, Grants: w} }

// agrees agrees to end the freeze that is on.
func (w *world) agrees(by string) (access.Freeze, bool, error) {
	f, err := w.store.Freeze(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	return w.respond().Thaw(context.Background(), by, f.Mark())
}

// answeringWorld has responders: U0SEC1 and U0BOTH.
func answeringWorld(t *testing.T) *world {
	w := newWorld(t)
	w.policy = compiled(t, answering)
	if err := w.tick(); err != nil {
		t.Fatal(err)
	}
	return w
}

// looks makes a grant of Look in an account for somebody, with a session.
func (w *world) looks(by, account string) access.Request {
	w.t.Helper()
	r, err := w.submitter().Do(context.Background(), Asked{
		By: by, Account: account, Role: "Look", For: time.Hour, Reason: "why",
	})
	if err == nil {
		_, err = w.order(r.ID, by, "o"+r.ID, access.Keys)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) revokeMany(by string, of access.Scope) (RevokedMany, error) {
	return w.respond().doOrder(context.Background(),
		access.Revocation{ID: "V1", By: by, Of: of, Why: "a laptop is lost", At: w.clock()})
}

// doOrder carries out an order as vend does.
func (s Respond) doOrder(ctx context.Context, o access.Revocation) (RevokedMany, error) {
	by, err := s.Ordered(ctx, o)
	if err != nil {
		return RevokedMany{}, err
	}
	return s.RevokeMany(ctx, by, o)
}

func TestOnlyRespondersFreezeThawAndRevokeMany(t *testing.T) {
	ctx := context.Background()
	for by, code := range map[string]string{
		"U0DEV1": access.CodeNotResponder, "U0LEAD1": access.CodeNotResponder, "U0GUEST": "guest", "U0WHO": "unknown_person",
		"U0SEC1": "",
	} {
		w := answeringWorld(t)
		r := w.looks("U0DEV1", "prod")
		for what, do := range map[string]func() error{
			"freeze": func() error { _, _, err := w.respond().Freeze(ctx, by, "an incident"); return err },
			"thaw":   func() error { _, _, err := w.agrees(by); return err },
			"revoke": func() error { _, err := w.revokeMany(by, access.Scope{Kind: access.OfAll}); return err },
		} {
			if got := access.Code(do()); got != code {
				t.Errorf("%s by %s: got %q, want %q", what, by, got, code)
			}
		}
		f, err := w.store.Freeze(ctx)
		if err != nil || f.On != (code == "") || w.at(r.ID).State == access.Revoked != (code == "") {
			t.Errorf("%s: frozen %v, the grant is %s, %v", by, f.On, w.at(r.ID).State, err)
		}
	}
}

func TestAFreezeIsEndedByTwoDifferentResponders(t *testing.T) {
	ctx := context.Background()
	w := answeringWorld(t)
	// Somebody has a second Slack account with the same address, in the same group.
	twin := w.people["U0SEC1"]
	twin.ID = "U0SEC1B"
	w.people["U0SEC1B"] = twin
	w.groups["S0SECURITY"] = append(w.groups["S0SECURITY"], "U0SEC1B")
	w.advance(2 * time.Minute)
	if err := w.tick(); err != nil {
		t.Fatal(err)
	}
	first, changed, err := w.respond().Freeze(ctx, "U0SEC1", "an incident")
	if err != nil || !changed || !first.On {
		t.Fatalf("freeze: %+v, %v, %v", first, changed, err)
	}
	second, changed, err := w.respond().Freeze(ctx, "U0BOTH", "another")
	if err != nil || changed || second.By.ID != "U0SEC1" || second.Why != "an incident" {
		t.Errorf("a second freeze: %+v, %v, %v; want the first", second, changed, err)
	}
	for i, step := range []struct {
		by          string
		changed, on bool
	}{
		{"U0SEC1", true, true},   // the first of two
		{"U0SEC1", false, true},  // a replayed form
		{"U0SEC1B", false, true}, // the same person under another id
		{"U0BOTH", true, false},
		{"U0BOTH", false, false}, // nothing is frozen
	} {
		f, changed, err := w.agrees(step.by)
		if err != nil || changed != step.changed || f.On != step.on {
			t.Errorf("step %d, %s agrees: on %v, changed %v, %v", i, step.by, f.On, changed, err)
		}
	}
	w.looks("U0DEV1", "prod")
}

// A person who agreed to thaw and was taken out of the group since does not count.
func TestAFormerResponderDoesNotCountForTheThaw(t *testing.T) {
	ctx := context.Background()
	w := answeringWorld(t)
	w.groups["S0SECURITY"] = append(w.groups["S0SECURITY"], "U0LEAD2")
	w.advance(2 * time.Minute)
	if err := w.tick(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.respond().Freeze(ctx, "U0SEC1", "an incident"); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.agrees("U0LEAD2"); err != nil {
		t.Fatal(err)
	}
	w.groups["S0SECURITY"] = []string{"U0SEC1", "U0BOTH"}
	w.advance(2 * time.Minute)
	if err := w.tick(); err != nil {
		t.Fatal(err)
	}
	f, changed, err := w.agrees("U0SEC1")
	if err != nil || !changed || !f.On || len(f.Thaw) != 1 {
		t.Errorf("with one responder: %+v, %v, %v", f, changed, err)
	}
	if f, _, err = w.agrees("U0BOTH"); err != nil || f.On {
		t.Errorf("with two responders: %+v, %v", f, err)
	}
}

// The table has done the write, and its answer is lost.
func TestALostAnswerToAFreezeIsNoError(t *testing.T) {
	ctx := context.Background()
	w := answeringWorld(t)
	lost := 0
	w.fault = func(call string) (error, error) {
		if call == "store:save" && lost == 0 {
			lost++
			return nil, errDown
		}
		return nil, nil
	}
	f, changed, err := w.respond().Freeze(ctx, "U0SEC1", "an incident")
	if err != nil || !changed || !f.On || lost != 1 {
		t.Errorf("freeze: %+v, %v, %v after %d lost answers", f, changed, err, lost)
	}
	lost = 0
	if f, changed, err = w.agrees("U0BOTH"); err != nil || !changed || len(f.Thaw) != 1 || lost != 1 {
		t.Errorf("thaw: %+v, %v, %v after %d lost answers", f, changed, err, lost)
	}
	w.fault = func(call string) (error, error) { return errDown, nil }
	if _, _, err = w.respond().Freeze(ctx, "U0SEC1", "x"); !errors.Is(err, errDown) {
		t.Errorf("without a table: %v", err)
	}
}

// scopes are what becomes of the grants of U0DEV1 in prod and dev, of U0DEV2 in prod and of the
// responder in dev.
var scopes = map[string]struct {
	of    access.Scope
	ended string
	n     int
}{
	"a person":             {access.Scope{Kind: access.OfPerson, ID: "U0DEV1"}, "revoked revoked active active", 2},
	"an account":           {access.Scope{Kind: access.InAccount, ID: "111111111111"}, "revoked active revoked active", 2},
	"everything":           {access.Scope{Kind: access.OfAll}, "revoked revoked revoked ended", 4},
	"a person without any": {access.Scope{Kind: access.OfPerson, ID: "U0LEAD1"}, "active active active active", 0},
}

func TestRevokingManyEndsTheGrantsOfItsScopeAndNoOthers(t *testing.T) {
	for name, c := range scopes {
		w := answeringWorld(t)
		grants := []access.Request{
			w.looks("U0DEV1", "prod"), w.looks("U0DEV1", "dev"), w.looks("U0DEV2", "prod"), w.looks("U0SEC1", "dev"),
		}
		pending, err := w.submit("U0DEV1", "Change", time.Hour, "")
		if err != nil {
			t.Fatal(err)
		}
		got, err := w.revokeMany("U0SEC1", c.of)
		if err != nil || got.Grants != c.n || got.Sessions != c.n || got.Failed+got.Left != 0 {
			t.Errorf("%s: got %+v, %v, want %d grants", name, got, err, c.n)
		}
		var states []string
		for _, g := range grants {
			states = append(states, string(w.at(g.ID).State))
			w.checkRevoked(name, w.at(g.ID))
		}
		if all := strings.Join(states, " "); all != c.ended || w.at(pending.ID).State != access.Pending {
			t.Errorf("%s: %s, want %s", name, all, c.ended)
		}
		if again, err := w.revokeMany("U0SEC1", c.of); err != nil || again.Grants != 0 || again.Failed != 0 {
			t.Errorf("%s: the same order again revokes %+v, %v", name, again, err)
		}
	}
}

// checkRevoked checks a grant that U0SEC1 has closed, if it is closed.
func (w *world) checkRevoked(name string, r access.Request) {
	w.t.Helper()
	if r.State == access.Active {
		return
	}
	if r.Closed.By.ID != "U0SEC1" || r.Cut != access.CutEnding || !w.cuts(r).Has(r.ID, noon.Add(time.Hour)) {
		w.t.Errorf("%s: %s was closed by %s, with the cut %q", name, r.ID, r.Closed.By.ID, r.Cut)
	}
	if r.State == access.Revoked && r.Closed.Why != "a laptop is lost" {
		w.t.Errorf("%s: the reason is %q", name, r.Closed.Why)
	}
}

func TestAForgedOrLateRevocationRevokesNothing(t *testing.T) {
	w := answeringWorld(t)
	r := w.looks("U0DEV1", "prod")
	good := access.Revocation{ID: "V1", By: "U0SEC1", Of: access.Scope{Kind: access.OfAll}, Why: "lost", At: noon}
	for name, change := range map[string]func(o *access.Revocation){
		"no scope":              func(o *access.Revocation) { o.Of = access.Scope{} },
		"all, and an id":        func(o *access.Revocation) { o.Of.ID = "U0DEV1" },
		"a person that is none": func(o *access.Revocation) { o.Of = access.Scope{Kind: access.OfPerson, ID: "*"} },
		"an account of letters": func(o *access.Revocation) { o.Of = access.Scope{Kind: "account", ID: "11111111111x"} },
		"nobody":                func(o *access.Revocation) { o.By = "" },
		"no reason":             func(o *access.Revocation) { o.Why = "\n " },
		"a long reason":         func(o *access.Revocation) { o.Why = strings.Repeat("x", access.MaxReason+1) },
		"no time":               func(o *access.Revocation) { o.At = time.Time{} },
		"a long id":             func(o *access.Revocation) { o.ID = strings.Repeat("V", 101) },
	} {
		o := good
		change(&o)
		if _, err := w.respond().doOrder(context.Background(), o); !errors.Is(err, access.ErrBadOrder) {
			t.Errorf("%s: %v", name, err)
		}
	}
	good.At = noon.Add(-access.OrderLife)
	if _, err := w.respond().doOrder(context.Background(), good); access.Code(err) != "order_late" {
		t.Errorf("a late order: %v", err)
	}
	if got := w.at(r.ID); got.State != access.Active {
		t.Errorf("the grant is %s", got.State)
	}
}

// One grant that cannot be saved does not keep the others, and a time that is over leaves the rest.
func TestRevokingManyGoesOnAfterAFailureAndSaysWhatIsLeft(t *testing.T) {
	w := answeringWorld(t)
	bad := w.looks("U0DEV1", "prod")
	w.looks("U0DEV1", "dev")
	w.looks("U0DEV2", "dev")
	failing := failsFor{w, bad.ID}
	s := w.respond()
	s.Store = failing
	o := access.Revocation{ID: "V1", By: "U0SEC1", Of: access.Scope{Kind: access.OfAll}, Why: "lost", At: noon}
	got, err := s.doOrder(context.Background(), o)
	if !errors.Is(err, errDown) || got.Grants != 2 || got.Failed != 1 || w.at(bad.ID).State != access.Active {
		t.Errorf("got %+v, %v", got, err)
	}
	over, stop := context.WithCancel(context.Background())
	s.Store = stopsAfterLoad{w, stop}
	if got, err = s.doOrder(over, o); err != nil || got.Left+got.Grants != 1 {
		t.Errorf("when the time is over: %+v, %v", got, err)
	}
}

type failsFor struct {
	*world
	id string
}

func (f failsFor) SaveCut(ctx context.Context, next access.Request, e access.Event, l access.CutList) error {
	if next.ID == f.id {
		return errDown
	}
	return f.world.SaveCut(ctx, next, e, l)
}

// stopsAfterLoad ends the time of an order when the first grant is loaded.
type stopsAfterLoad struct {
	*world
	stop func()
}

func (s stopsAfterLoad) Load(
	ctx context.Context, id string,
) (access.Request, access.Directory, access.Messages, error) {
	s.stop()
	return s.world.Load(ctx, id)
}

func TestOnlyAnotherResponderAllowsAskingAgain(t *testing.T) {
	ctx := context.Background()
	w := answeringWorld(t)
	r := w.looks("U0SEC1", "prod")
	if _, err := w.revokeMany("U0BOTH", access.Scope{Kind: access.OfPerson, ID: "U0SEC1"}); err != nil {
		t.Fatal(err)
	}
	ask := func() error {
		_, err := w.submitter().Do(ctx, Asked{By: "U0SEC1", Account: "prod", Role: "Look", For: time.Hour, Reason: "why"})
		return err
	}
	if err := ask(); access.Code(err) != access.CodeRevokedLately {
		t.Fatalf("asking again: %v", err)
	}
	for by, code := range map[string]string{
		"U0SEC1": access.CodeNotResponder, "U0LEAD1": access.CodeNotResponder, "U0GUEST": "guest",
	} {
		if _, err := (Close{w.step()}).Lift(ctx, r.ID, by); access.Code(err) != code {
			t.Errorf("%s lifts: %v, want %s", by, err, code)
		}
	}
	if _, err := (Close{w.step()}).On("C0APPROVALS", "1.2").Lift(ctx, r.ID, "U0BOTH"); !errors.Is(err, ErrUnknownMessage) {
		t.Errorf("from a forged message: %v", err)
	}
	if err := ask(); access.Code(err) != access.CodeRevokedLately {
		t.Errorf("after refused lifts: %v", err)
	}
	for i := range 2 { // the second click changes nothing
		if m, err := (Close{w.step()}).Lift(ctx, r.ID, "U0BOTH"); err != nil || m.Version != w.at(r.ID).Version {
			t.Errorf("lift %d: %v", i, err)
		}
	}
	if err := ask(); err != nil {
		t.Errorf("after the lift: %v", err)
	}
	if _, err := (Close{w.step()}).Lift(ctx, "01NONE", "U0BOTH"); access.Code(err) != "unknown_request" {
		t.Errorf("an unknown request: %v", err)
	}
}

// Forty grants of one role share one cut list; all end up on it.
func TestRevokingManyOfOneRolePutsAllOnItsCutList(t *testing.T) {
	const n = 40
	w := answeringWorld(t)
	var grants []access.Request
	for i := range n {
		id := fmt.Sprintf("U0MANY%02d", i)
		w.people[id] = access.Person{ID: id, Email: strings.ToLower(id) + "@example.com", Membership: access.Member}
		w.groups["S0DEVS"] = append(w.groups["S0DEVS"], id)
	}
	w.advance(20 * time.Minute)
	if err := w.tick(); err != nil {
		t.Fatal(err)
	}
	for i := range n {
		grants = append(grants, w.looks(fmt.Sprintf("U0MANY%02d", i), "prod"))
	}
	got, err := w.revokeMany("U0SEC1", access.Scope{Kind: access.InAccount, ID: "111111111111"})
	if err != nil || got.Grants != n || got.Sessions != n {
		t.Fatalf("got %+v, %v", got, err)
	}
	l := w.cuts(grants[0])
	for _, g := range grants {
		if !l.Has(g.ID, w.clock()) {
			t.Errorf("%s is not on the cut list", g.ID)
		}
	}
}
