package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/compiler"
	"github.com/aws-access/aws-access/pkg/store/memory"
)

// loose and strict are two policies; tests switch from one to the other. Under both, the
// role Change needs two approvals. strict gives less time and no keys.
const loose = `
version: 1
settings: {channel: C0APPROVALS, operators: C0OPS, answer_within: 1h, remind_after: 15m}
roles:
  Look: {about: Look at everything}
  Change: {about: Change things}
accounts:
  - {id: "111111111111", name: prod, region: eu-west-1, tags: {env: prod}}
groups:
  devs: {slack: S0DEVS}
  leads: {slack: S0LEADS}
  security: {slack: S0SECURITY}
rules:
  - {name: look, who: [devs], accounts: [prod], roles: [Look], max: 4h, approvals: none}
  - name: change
    who: [devs]
    accounts: [prod]
    roles: [Change]
    max: 2h
    approvals: [{from: [leads], need: 1}, {from: [security], need: 1}]
  - {name: not for long, who: [devs], accounts: [prod], roles: [Change], max: 3h, approvals: none}
never:
  - {name: not the leaver, who: [leaver@example.com], accounts: [prod], roles: ["*"], say: You are leaving.}
`

var strict = strings.NewReplacer("max: 4h", "max: 30m, give: [console]", "max: 2h", "max: 45m").Replace(loose)

// tb has the methods that the tests use of testing.T and rapid.T.
type tb interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
}

func compiled(t tb, text string) *policy.Policy {
	t.Helper()
	p, _, err := compiler.Compile("policy.yaml", []byte(text), compiler.Options{Bastion: "999999999999", Now: noon})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// issuedSession is a session that STS has made.
type issuedSession struct {
	grant   string
	expires time.Time
}

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// world is everything that the steps need: the real store in memory, the real policy,
// and a fake Slack and STS, which are methods of world.
type world struct {
	t      tb
	mu     sync.Mutex
	now    time.Time
	policy *policy.Policy
	store  *memory.Store
	people map[string]access.Person
	groups map[string][]string
	ids    int
	page   int // users on a page of users.list
	listed int // successful calls of users.list

	fault   func(call string) (before, after error) // nil for no faults; see call
	assumed []access.Vending                        // the calls of AssumeRole that succeeded
	issued  []issuedSession                         // what they made, whether anybody knows of it or not
	keys    int                                     // how many access keys were made
	changed time.Time                               // when groups or people last changed
}

func newWorld(t tb) *world {
	w := &world{t: t, now: noon, policy: compiled(t, loose), page: 1000, people: make(map[string]access.Person)}
	w.store = memory.New(w.clock)
	for id, name := range map[string]string{
		"U0DEV1": "dev1", "U0DEV2": "dev2", "U0LEAD1": "lead1", "U0LEAD2": "lead2",
		"U0SEC1": "sec1", "U0BOTH": "both", "U0LEAVER": "leaver",
	} {
		w.people[id] = access.Person{ID: id, Email: name + "@example.com", Name: name, Membership: access.Member}
	}
	w.people["U0GUEST"] = access.Person{ID: "U0GUEST", Email: "guest@example.com", Membership: access.Guest}
	w.groups = map[string][]string{
		"S0DEVS":     {"U0DEV1", "U0DEV2", "U0BOTH", "U0LEAVER"},
		"S0LEADS":    {"U0LEAD1", "U0LEAD2", "U0BOTH"},
		"S0SECURITY": {"U0SEC1", "U0BOTH"},
	}
	return w
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// errDown is the error of a call that a fault makes fail.
var errDown = errors.New("the service is down")

// call runs do, with the faults for this name. A fault before do means that do is not
// run. A fault after do means that it runs, and its answer is lost.
func (w *world) call(name string, do func() error) error {
	w.mu.Lock()
	fault := w.fault
	w.mu.Unlock()
	if fault == nil {
		return do()
	}
	before, after := fault(name)
	if before != nil {
		return before
	}
	return errors.Join(do(), after)
}

func (w *world) Person(_ context.Context, id string) (p access.Person, err error) {
	err = w.call("slack:person", func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		var ok bool
		if p, ok = w.people[id]; !ok {
			return errDown
		}
		return nil
	})
	return p, err
}

var errNoGroup = errors.New("no such group")

func (w *world) Group(_ context.Context, id string) (members []string, err error) {
	err = w.call("slack:group", func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		var ok bool
		if members, ok = w.groups[id]; !ok {
			return errNoGroup
		}
		members = slices.Clone(members)
		return nil
	})
	return members, err
}

// People returns everybody in pages of w.page users, sorted by id. A cursor is the id of
// the first user on a page.
func (w *world) People(_ context.Context, cursor string) (page []access.Person, next string, err error) {
	err = w.call("slack:people", func() error {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.listed++
		ids := slices.Sorted(maps.Keys(w.people))
		first := 0
		if cursor != "" {
			if first = slices.Index(ids, cursor); first < 0 {
				return access.ErrCursor
			}
		}
		end := min(first+w.page, len(ids))
		for _, id := range ids[first:end] {
			page = append(page, w.people[id])
		}
		if end < len(ids) {
			next = ids[end]
		}
		return nil
	})
	return page, next, err
}

func (w *world) Load(
	ctx context.Context, id string,
) (r access.Request, d access.Directory, m access.Messages, err error) {
	err = w.call("store:load", func() error {
		r, d, m, err = w.store.Load(ctx, id)
		return err
	})
	return r, d, m, err
}

func (w *world) Save(ctx context.Context, next access.Request, event access.Event, once string) error {
	return w.call("store:save", func() error { return w.store.Save(ctx, next, event, once) })
}

func (w *world) CutList(ctx context.Context, k access.CutKey) (l access.CutList, err error) {
	err = w.call("store:load", func() error { l, err = w.store.CutList(ctx, k); return err })
	return l, err
}

func (w *world) SaveCut(
	ctx context.Context, next access.Request, event access.Event, l access.CutList,
) error {
	return w.call("store:save", func() error { return w.store.SaveCut(ctx, next, event, l) })
}

func (w *world) Freeze(ctx context.Context) (f access.Freeze, err error) {
	err = w.call("store:load", func() error { f, err = w.store.Freeze(ctx); return err })
	return f, err
}

func (w *world) LoadForSubmit(ctx context.Context, user, once string) (d access.Directory, a access.Asker, err error) {
	err = w.call("store:load", func() error {
		d, a, err = w.store.LoadForSubmit(ctx, user, once)
		return err
	})
	return d, a, err
}

func (w *world) Requests(ctx context.Context, ids []string) (found []access.Request, err error) {
	err = w.call("store:load", func() error {
		found, err = w.store.Requests(ctx, ids)
		return err
	})
	return found, err
}

func (w *world) Submit(
	ctx context.Context, r access.Request, event access.Event, next access.Asker, once string,
) error {
	return w.call("store:save", func() error { return w.store.Submit(ctx, r, event, next, once) })
}

func (w *world) SaveAsker(ctx context.Context, user string, next access.Asker) error {
	return w.call("store:save", func() error { return w.store.SaveAsker(ctx, user, next) })
}

func (w *world) Assume(ctx context.Context, v access.Vending) (c access.Credentials, err error) {
	err = w.call("sts:assume", func() error {
		r, _, _, err := w.store.Load(ctx, v.Grant)
		if err != nil {
			return err
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		w.keys++
		w.checkAssume(r, v)
		w.assumed = append(w.assumed, v)
		defer func() { w.issued = append(w.issued, issuedSession{v.Grant, c.Expires}) }()
		c = access.Credentials{
			AccessKeyID: fmt.Sprintf("ASIA%016d", w.keys),
			SecretKey:   access.NewSecret("canary-secret"), SessionToken: access.NewSecret("canary-token"),
			Expires: w.now.Add(min(time.Hour, max(15*time.Minute, v.DeniedFrom().Sub(w.now)))),
		}
		return nil
	})
	if err != nil {
		return access.Credentials{}, err
	}
	return c, nil
}

// checkAssume checks what must hold when AssumeRole is called.
func (w *world) checkAssume(r access.Request, v access.Vending) {
	intended := slices.ContainsFunc(r.Sessions, func(s access.Session) bool { return !s.Issued() })
	switch {
	case !intended:
		w.t.Errorf("4.3.4: AssumeRole for %s without a recorded intent", v.Grant)
	case v.Session != "aws-access-"+r.ID || v.Grant != r.ID || v.Who.ID != r.Requester.ID:
		w.t.Errorf("4.3.3: session %q of %s for %s, want the names of request %s", v.Session, v.Grant, v.Who.ID, r.ID)
	case !slices.ContainsFunc(r.Sessions, func(s access.Session) bool { return s.Denied.Equal(v.Until) }):
		w.t.Errorf("4.3.2: AssumeRole until %s, but the recorded sessions are %+v", v.Until, r.Sessions)
	case !w.now.Before(v.Until) || v.Until.After(v.Ends):
		w.t.Errorf("4.3.2: AssumeRole at %s until %s, but the grant ends at %s", w.now, v.Until, v.Ends)
	case !w.now.Before(v.Ends) || v.Ends.After(r.Ends):
		w.t.Errorf("4.3.2: AssumeRole at %s until %s, but the grant ends at %s", w.now, v.Ends, r.Ends)
	}
}

func (w *world) roster() Roster {
	return Roster{
		Slack: w, Store: w.store, Policy: w.policy, Now: w.clock,
		NoGroup: func(err error) bool { return errors.Is(err, errNoGroup) },
	}
}

func (w *world) step() Step {
	return Step{Store: w, Roster: w.roster(), Policy: w.policy, Now: w.clock}
}

// submitter is the step that begins a request.
func (w *world) submitter() Submit {
	return Submit{Store: w, Roster: w.roster(), Policy: w.policy, Now: w.clock, NewID: func() string {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.ids++
		return fmt.Sprintf("01ARZ3NDEKTSV4RRFFQ6%06d", w.ids)
	}}
}

func (w *world) submit(by, role string, length time.Duration, once string) (access.Request, error) {
	return w.submitter().Do(context.Background(), Asked{
		By: by, Account: "prod", Role: role, For: length, Reason: "why", Once: once,
	})
}

func (w *world) approve(id, by string) (Moved, error) {
	return Decide{w.step()}.Approve(context.Background(), id, by, 0)
}

func (w *world) deny(id, by string) (Moved, error) {
	return Decide{w.step()}.Deny(context.Background(), id, by, "no")
}

func (w *world) order(id, by, order string, kind access.Kind) (Handout, error) {
	v := Vend{Step: w.step(), STS: w}
	return v.Do(context.Background(), access.Order{ID: order, Request: id, By: by, Kind: kind, At: w.clock()})
}

// tick does the work of the tick function: it reads from Slack, and moves due requests.
func (w *world) tick() error {
	if _, err := w.roster().Refresh(context.Background()); err != nil {
		return err
	}
	return Tick{Step: w.step(), DueIn: w.store}.Do(context.Background())
}

// at returns a request as it is stored now.
func (w *world) at(id string) access.Request {
	r, _, _, err := w.store.Load(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}
