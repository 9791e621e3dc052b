package lifecycle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/store"
)

// The invariants of docs/design.md#4.1 to 4.4 hold for random sequences of actions, while
// groups, people and the policy change, and while calls fail or lose their answers. The
// messages of this test begin with the number of the invariant. checkAssume checks those
// of AssumeRole, simulation those of a step, and checkInvariants those of stored data.
func TestInvariantsHoldInEverySequence(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt)
		p := simulation{world: w, rt: rt}
		for range rapid.IntRange(5, 40).Draw(rt, "moves") {
			p.move()
			p.checkInvariants()
		}
	})
}

var everybody = []string{
	"U0DEV1", "U0DEV2", "U0LEAD1", "U0LEAD2", "U0SEC1", "U0BOTH", "U0LEAVER", "U0GUEST", "U0NOBODY",
}

// simulation draws random actions, does them, and checks their results.
type simulation struct {
	*world
	rt  *rapid.T
	ids []string // of the requests that were made
}

func (p *simulation) move() {
	p.drawFault()
	id := "01UNKNOWN"
	if len(p.ids) > 0 {
		id = rapid.SampledFrom(p.ids).Draw(p.rt, "id")
	}
	what := rapid.SampledFrom([]string{
		"submit", "submit", "approve", "approve", "approve", "approve", "deny", "cancel", "end", "revoke",
		"vend", "vend", "vend", "vend", "vend", "tick", "tick", "pass", "pass", "people", "policy",
		"lost", "lift", "freeze", "thaw", "cut",
	}).Draw(p.rt, "move")
	by := p.actor(what, id)
	ctx := context.Background()
	defer p.checkFreeze()()
	switch what {
	case "lost":
		p.repeated(id, func() error {
			return p.turn(id, func(r access.Request) (access.Request, access.Event, error) {
				return r.RevokeLost("not a member any more", p.clock())
			})
		})
	case "lift":
		_ = p.turn(id, func(r access.Request) (access.Request, access.Event, error) {
			return r.Lift(p.people[by], p.clock())
		})
	case "freeze", "thaw":
		p.freezes(what == "freeze")
	case "cut":
		_ = p.turn(id, func(r access.Request) (access.Request, access.Event, error) {
			if r.Cut != access.CutEnding {
				return r, access.Event{}, errNoChange
			}
			return r.CutIsDone(p.clock())
		})
	case "submit":
		p.submits(by)
	case "approve":
		p.approves(id, by)
	case "deny":
		p.repeated(id, func() error { _, err := p.deny(id, by); return err })
	case "cancel":
		p.repeated(id, func() error { _, err := Close{p.step()}.Cancel(ctx, id, by); return err })
	case "end":
		p.repeated(id, func() error { _, err := Close{p.step()}.End(ctx, id, by); return err })
	case "revoke":
		p.repeated(id, func() error { _, err := Close{p.step()}.Revoke(ctx, id, by, "because"); return err })
	case "vend":
		p.vends(id, by)
	case "tick":
		p.repeated(id, p.tick)
	case "pass":
		seconds := []int{1, 30, 59, 61, 119, 121, 600, 899, 900, 2700, 3600, 7200, 86400}
		p.advance(time.Duration(rapid.SampledFrom(seconds).Draw(p.rt, "seconds")) * time.Second)
	case "people":
		p.changePeople(by)
	case "policy":
		p.policy = compiled(p.t, rapid.SampledFrom([]string{loose, strict}).Draw(p.rt, "policy"))
	}
	p.mu.Lock()
	p.fault = nil
	p.mu.Unlock()
}

// actor draws a person. More often than not it is one who may do the action, because
// otherwise few requests would move.
func (p *simulation) actor(what, id string) string {
	likely := map[string][]string{
		"submit":  {"U0DEV1", "U0DEV2", "U0BOTH"},
		"approve": {"U0LEAD1", "U0LEAD2", "U0SEC1", "U0BOTH"},
	}[what]
	if r, ok := p.find(id); ok && (what == "vend" || what == "end" || what == "cancel") {
		likely = []string{r.Requester.ID}
	}
	if len(likely) > 0 && rapid.IntRange(1, 4).Draw(p.rt, "anybody") > 1 {
		return rapid.SampledFrom(likely).Draw(p.rt, "by")
	}
	return rapid.SampledFrom(everybody).Draw(p.rt, "by")
}

// drawFault makes at most one call of the next action fail, before or after its work.
func (p *simulation) drawFault() {
	at := rapid.SampledFrom([]string{
		"", "", "", "store:save", "store:load", "sts:assume", "slack:person", "slack:group", "slack:people",
	}).Draw(p.rt, "fault")
	nth, lost := rapid.IntRange(0, 2).Draw(p.rt, "nth"), rapid.Bool().Draw(p.rt, "lost")
	if at == "" {
		return
	}
	var left atomic.Int64
	left.Store(int64(nth))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = func(call string) (before, after error) {
		if call != at {
			return nil, nil
		}
		if left.Add(-1) != -1 {
			return nil, nil
		}
		if lost {
			return nil, errDown
		}
		return errDown, nil
	}
}

func (p *simulation) submits(by string) {
	role := rapid.SampledFrom([]string{"Look", "Change", "Nothing"}).Draw(p.rt, "role")
	length := rapid.SampledFrom([]time.Duration{
		0, time.Minute, 10 * time.Minute, time.Hour, 2 * time.Hour, 5 * time.Hour,
	}).Draw(p.rt, "for")
	once := fmt.Sprint("view:", rapid.IntRange(1, 6).Draw(p.rt, "once"))
	revoked := p.revokedLately(by, role)
	r, err := p.submit(by, role, length, once)
	if err != nil {
		return
	}
	if revoked != "" && !slices.Contains(p.ids, r.ID) {
		p.t.Errorf("4.4.8: %s asked for %s again after %s was revoked", by, role, revoked)
	}
	if again, err := p.submit(by, role, length, once); err == nil && again.ID != r.ID {
		p.t.Errorf("4.1.3: one form made %s and %s", r.ID, again.ID)
	}
	if slices.Contains(p.ids, r.ID) {
		return
	}
	p.ids = append(p.ids, r.ID)
	now := p.at(r.ID)
	if !p.belongs(by, "S0DEVS") && !p.stale() || by == "U0LEAVER" || role == "Nothing" ||
		length > 4*time.Hour || (role == "Change" && length > 2*time.Hour) {
		p.t.Errorf("4.2.1: %s got %s for %s against the policy: %+v", by, role, length, now)
	}
	if role == "Change" && now.State != access.Pending {
		p.t.Errorf("4.2.2: %s of %s is %s without approvals", role, by, now.State)
	}
}

// stale reports whether groups or people have changed since the directory was read.
// docs/design.md#3 allows that for two minutes, or ten while Slack is down.
func (p *simulation) stale() bool {
	d, err := p.store.Directory(context.Background())
	if err != nil {
		p.t.Fatal(err)
	}
	groups := []string{"S0DEVS", "S0LEADS", "S0SECURITY"}
	return p.changed.After(d.PeopleAt) || slices.ContainsFunc(groups, func(g string) bool {
		return !p.changed.Before(d.Groups[g].ReadAt)
	})
}

func (p *simulation) belongs(who, group string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Contains(p.groups[group], who) && p.people[who].Membership == access.Member
}

func (p *simulation) approves(id, by string) {
	before, was := p.find(id)
	_, err := p.approve(id, by)
	after, is := p.find(id)
	if !was || !is || after.Version == before.Version {
		return
	}
	if p.people[by].Same(before.Requester) {
		p.t.Errorf("4.2.4: %s approved their own %s (%v)", by, id, err)
	}
	if !p.stale() && !p.belongs(by, "S0LEADS") && !p.belongs(by, "S0SECURITY") {
		p.t.Errorf("4.2.3: the approval of %s counts for %s, but no rule names them", by, id)
	}
}

func (p *simulation) find(id string) (access.Request, bool) {
	r, _, _, err := p.store.Load(context.Background(), id)
	return r, err == nil
}

func (p *simulation) vends(id, by string) {
	order := fmt.Sprint("order", rapid.IntRange(1, 5).Draw(p.rt, "order"))
	kind := rapid.SampledFrom([]access.Kind{access.Keys, access.Console}).Draw(p.rt, "kind")
	before := len(p.assumed)
	out, err := p.order(id, by, order, kind)
	if len(p.assumed) > before {
		p.checkSession(p.at(id))
	}
	if err != nil {
		if !out.Credentials.SecretKey.Empty() {
			p.t.Errorf("4.3.4: credentials were returned with the error %v", err)
		}
		return
	}
	stored := p.at(id)
	recorded := slices.ContainsFunc(stored.Sessions, func(s access.Session) bool {
		return s.Order == order && s.AccessKeyID == out.Credentials.AccessKeyID
	})
	if !recorded || !stored.Usable(p.clock()) || !stored.Gives(kind) {
		p.t.Errorf("4.3.4: a session of %s was handed out: recorded %v, usable %v, gives %v",
			id, recorded, stored.Usable(p.clock()), stored.Give)
	}
	if again, err := p.order(id, by, order, kind); err == nil {
		p.t.Errorf("4.1.3: one order vended %s and %s", out.Credentials.AccessKeyID, again.Credentials.AccessKeyID)
	}
}

// checkSession checks by today's groups and people that a session may be made.
func (p *simulation) checkSession(r access.Request) {
	who := r.Requester.ID
	if p.people[who].Membership != access.Member {
		p.t.Errorf("4.2.5: a session was made for %s, who is %q", who, p.people[who].Membership)
	}
	if p.stale() {
		return
	}
	if !p.belongs(who, "S0DEVS") {
		p.t.Errorf("4.2.3: a session was made for %s, who left the group", who)
	}
	if r.Role == "Change" && !p.fullyApproved(r) {
		p.t.Errorf("4.2.3: a session was made for %s with the approvals %v", r.ID, r.Approvals)
	}
}

// fullyApproved reports whether a lead and another person from security have approved.
func (p *simulation) fullyApproved(r access.Request) bool {
	for _, lead := range r.Approvals {
		for _, sec := range r.Approvals {
			if !lead.By.Same(sec.By) && p.belongs(lead.By.ID, "S0LEADS") && p.belongs(sec.By.ID, "S0SECURITY") {
				return true
			}
		}
	}
	return false
}

// repeated does an action twice, and checks that the second time changes nothing.
func (p *simulation) repeated(id string, do func() error) {
	if do() != nil {
		return
	}
	p.mu.Lock()
	p.fault = nil
	p.mu.Unlock()
	first, _ := p.find(id)
	_ = do()
	if second, _ := p.find(id); second.Version != first.Version {
		p.t.Errorf("4.1.3: the same action again moved %s from version %d to %d", id, first.Version, second.Version)
	}
}

// changePeople makes a person join or leave a group, or changes their membership of the
// workspace.
func (p *simulation) changePeople(who string) {
	group := rapid.SampledFrom([]string{"S0DEVS", "S0LEADS", "S0SECURITY", "membership"}).Draw(p.rt, "group")
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changed = p.now
	person, known := p.people[who]
	switch {
	case !known:
	case group == "membership" && who != "U0GUEST":
		person.Membership = rapid.SampledFrom([]access.Membership{
			access.Member, access.Guest, access.Deactivated, access.Outsider,
		}).Draw(p.rt, "membership")
		p.people[who] = person
	case group != "membership" && slices.Contains(p.groups[group], who):
		p.groups[group] = slices.DeleteFunc(slices.Clone(p.groups[group]), func(m string) bool { return m == who })
	case group != "membership":
		p.groups[group] = append(slices.Clone(p.groups[group]), who)
	}
}

// checkInvariants checks everything that is stored.
func (p *simulation) checkInvariants() {
	events := make(map[string][]access.Event)
	for _, e := range p.store.Events() {
		events[e.Request] = append(events[e.Request], e)
	}
	current := make(map[string]string) // id of the pending or usable request, by person and role
	for _, r := range p.store.All(context.Background()) {
		p.checkHistory(r, events[r.ID])
		p.checkCut(r)
		if target := r.Requester.ID + r.Account + r.Role; r.State == access.Pending && p.clock().Before(r.AnswerBy) ||
			r.Usable(p.clock()) {
			if current[target] != "" {
				p.t.Errorf("%s and %s are current for the same person and role", current[target], r.ID)
			}
			current[target] = r.ID
		}
		if r.For > r.Asked || (!r.Ends.IsZero() && r.Ends.Sub(r.Starts) > r.For) {
			p.t.Errorf("4.2.4: %s got %s, but asked for %s", r.ID, r.For, r.Asked)
		}
		if slices.ContainsFunc(r.Approvals, func(a access.Approval) bool { return a.By.Same(r.Requester) }) {
			p.t.Errorf("4.2.4: the requester of %s has approved it", r.ID)
		}
		if text, err := json.Marshal(r); err != nil || strings.Contains(string(text), "canary") {
			p.t.Errorf("4.3.5: a stored request holds a secret, or cannot be encoded (%v)", err)
		}
	}
	if text, err := json.Marshal(p.store.Events()); err != nil || strings.Contains(string(text), "canary") {
		p.t.Errorf("4.3.5: an event holds a secret, or cannot be encoded (%v)", err)
	}
}

// checkHistory checks that a request has one event for each of its moves.
func (p *simulation) checkHistory(r access.Request, events []access.Event) {
	state := access.State("")
	for i, e := range events {
		if e.Seq != i+1 || e.From != state {
			p.t.Errorf("4.1.2: event %d of %s has number %d and moves from %q, but the state was %q", i+1, r.ID, e.Seq, e.From,
				state)
		}
		if state.Final() && !slices.Contains([]access.Verb{access.Vend, access.Cut, access.Lift}, e.Verb) {
			p.t.Errorf("4.1.1: %s moved a request that was %s", e.Verb, state)
		}
		state = e.To
	}
	if len(events) != r.Version || state != r.State {
		p.t.Errorf("4.1.2: %s has %d events, which end in %q; it has version %d and is %q",
			r.ID, len(events), state, r.Version, r.State)
	}
}

// In 200 rounds, 16 people approve, deny and cancel one request at once. It has one
// outcome and one event for it, and everybody else is told who won.
func TestSixteenDecisionsAtOnceHaveOneOutcome(t *testing.T) {
	if testing.Short() {
		t.Skip("repeats a race many times")
	}
	w := newWorld(t)
	w.policy = compiled(t, strings.Replace(loose, "remind_after: 15m", "remind_after: 15m, asks_per_hour: 1000", 1))
	if err := w.tick(); err != nil {
		t.Fatal(err)
	}
	for i := range 14 {
		id := fmt.Sprintf("U0LEAD9%d", i)
		w.people[id] = access.Person{ID: id, Email: id + "@example.com", Name: id, Membership: access.Member}
		w.groups["S0LEADS"] = append(w.groups["S0LEADS"], id)
	}
	w.advance(2 * time.Minute)
	if err := w.tick(); err != nil {
		t.Fatal(err)
	}
	for round := range 200 {
		r, err := w.submit("U0DEV1", "Change", time.Hour, fmt.Sprint("round", round))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.approve(r.ID, "U0SEC1"); err != nil {
			t.Fatal(err)
		}
		decideAtOnce(t, w, r.ID)
		if w.at(r.ID).State == access.Active {
			if _, err := (Close{w.step()}).End(context.Background(), r.ID, "U0DEV1"); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// decideAtOnce makes 16 decisions on a request at once, and checks that one of them wins.
func decideAtOnce(t *testing.T, w *world, id string) {
	t.Helper()
	errs := make(chan error, 16)
	start := make(chan struct{})
	for i := range 16 {
		go func() {
			<-start
			by := fmt.Sprintf("U0LEAD9%d", i%14)
			var err error
			switch {
			case i == 15:
				_, err = Close{w.step()}.Cancel(context.Background(), id, "U0DEV1")
			case i%2 == 0:
				_, err = w.approve(id, by)
			default:
				_, err = w.deny(id, by)
			}
			errs <- err
		}()
	}
	close(start)
	won := 0
	r := access.Request{}
	for range 16 {
		err := <-errs
		if r = w.at(id); err == nil {
			won++
		} else if code := access.Code(err); code != access.Code(r.StateRefusal()) {
			t.Errorf("a loser got %q (%v), want %q", code, err, access.Code(r.StateRefusal()))
		} else if winner := w.winner(r); !strings.Contains(err.Error(), winner) {
			t.Errorf("a loser got %q, want the name of %s", err, winner)
		}
	}
	// U0LEAD90 approves twice. If they won, both of their approvals succeed.
	if again := won == 2 && r.State != access.Cancelled; won != 1 && !again {
		t.Errorf("%d actions succeeded on request %s, which is %s; want one", won, id, r.State)
	}
	moves := 0
	for _, e := range w.store.Events() {
		if e.Request == id && e.To == r.State {
			moves++
		}
	}
	if moves != 1 || !slices.Contains([]access.State{access.Active, access.Denied, access.Cancelled}, r.State) {
		t.Errorf("%s has %d events to %s, want one", id, moves, r.State)
	}
}

// winner returns the name of the person who decided a request.
func (w *world) winner(r access.Request) string {
	if r.State == access.Active {
		return r.Approvals[len(r.Approvals)-1].By.Name
	}
	return r.Closed.By.Name
}

func TestVendMakesNoSessionIfTheIntentIsNotSaved(t *testing.T) {
	w := newWorld(t)
	r, err := w.submit("U0DEV1", "Look", time.Hour, "view:1")
	if err != nil {
		t.Fatal(err)
	}
	w.fault = func(call string) (error, error) {
		if call == "store:save" {
			return errDown, nil
		}
		return nil, nil
	}
	out, err := w.order(r.ID, "U0DEV1", "o", access.Keys)
	if !errors.Is(err, errDown) || len(w.assumed) != 0 || !out.Credentials.SecretKey.Empty() {
		t.Errorf("with the table down: got %v and %d sessions, want its error and none", err, len(w.assumed))
	}
}

// turn makes a move of a request through the steps, whatever it is.
func (p *simulation) turn(
	id string, turn func(access.Request) (access.Request, access.Event, error),
) error {
	_, err := p.step().move(context.Background(), id, func(m snapshot) (access.Request, access.Event, error) {
		return turn(m.request)
	})
	return err
}

// revokedLately returns the id of a grant of this target that a person has revoked within the
// last hour, "" if there is none that forbids asking again.
func (p *simulation) revokedLately(by, role string) string {
	for _, r := range p.store.All(context.Background()) {
		if r.Requester.ID == by && r.Role == role && r.CheckRevokedLately(p.clock()) != nil {
			return r.ID
		}
	}
	return ""
}

func (p *simulation) freezes(on bool) {
	ctx := context.Background()
	f, err := p.store.Freeze(ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	next, changed := f.End(p.clock())
	if on {
		next, changed = f.Start(p.people["U0SEC1"], "an incident", p.clock())
	}
	if !changed {
		return
	}
	if err := p.store.SaveFreeze(ctx, next); err != nil {
		p.t.Fatal(err)
	}
}

// checkFreeze remembers what gave access until now. The function that it returns checks that
// nothing more did if everything was frozen all the time.
func (p *simulation) checkFreeze() func() {
	ctx := context.Background()
	before, err := p.store.Freeze(ctx)
	if err != nil {
		p.t.Fatal(err)
	}
	gave, assumed := p.gave(), len(p.assumed)
	return func() {
		if after, err := p.store.Freeze(ctx); err != nil || !before.On || after.Version != before.Version {
			return
		}
		if p.gave() != gave || len(p.assumed) != assumed {
			p.t.Errorf("4.4.9: %d moves gave access while everything was frozen, and %d sessions were made",
				p.gave()-gave, len(p.assumed)-assumed)
		}
	}
}

// gave counts the moves that made a request active or recorded an intent to vend.
func (p *simulation) gave() (n int) {
	for _, e := range p.store.Events() {
		if store.Gives(e) {
			n++
		}
	}
	return n
}

// checkCut checks that each session of a closed grant that STS has not ended is on the cut list
// of its role, whether anybody knows of it or not.
func (p *simulation) checkCut(r access.Request) {
	if r.State != access.Ended && r.State != access.Revoked {
		return
	}
	l, err := p.store.CutList(context.Background(), r.CutKey())
	if err != nil {
		p.t.Fatal(err)
	}
	for _, s := range p.issued {
		if s.grant == r.ID && s.expires.After(p.clock()) && !l.Has(r.ID, s.expires) {
			p.t.Errorf("4.4.6: a session of %s, which is %s, lives until %s and is not on the cut list %+v",
				r.ID, r.State, s.expires, l.Names)
		}
	}
	if n := len(l.Names); n > 0 && r.Cut == "" && l.Has(r.ID, time.Time{}) {
		p.t.Errorf("4.4.6: %s is on the cut list and does not say so", r.ID)
	}
}
