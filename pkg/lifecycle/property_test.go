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
)

// Whatever people do, in whatever order, at whatever time, while groups, people
// and the policy change and calls fail or lose their answers, the invariants
// of docs/design.md#4.1 to 4.3 hold. Each is stated once, by its number: in
// checkAssume for the moment of AssumeRole, in play for the moment of a step,
// in invariants for all that is stored.
func TestInvariantsHoldInEverySequence(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt)
		p := play{world: w, rt: rt}
		for range rapid.IntRange(5, 40).Draw(rt, "moves") {
			p.move()
			p.invariants()
		}
	})
}

var everybody = []string{"U0DEV1", "U0DEV2", "U0LEAD1", "U0LEAD2", "U0SEC1", "U0BOTH", "U0LEAVER", "U0GUEST", "U0NOBODY"}

// play draws moves and judges them.
type play struct {
	*world
	rt  *rapid.T
	ids []string
}

func (p *play) move() {
	p.faults()
	id := "01UNKNOWN"
	if len(p.ids) > 0 {
		id = rapid.SampledFrom(p.ids).Draw(p.rt, "id")
	}
	what := rapid.SampledFrom([]string{
		"submit", "submit", "approve", "approve", "approve", "approve", "deny", "cancel", "end", "revoke",
		"vend", "vend", "vend", "vend", "vend", "tick", "tick", "pass", "pass", "people", "policy",
	}).Draw(p.rt, "move")
	by := p.actor(what, id)
	ctx := context.Background()
	switch what {
	case "submit":
		p.submits(by)
	case "approve":
		p.approves(id, by)
	case "deny":
		p.twice(id, func() error { _, err := p.deny(id, by); return err })
	case "cancel":
		p.twice(id, func() error { _, err := Close{p.step()}.Cancel(ctx, id, by); return err })
	case "end":
		p.twice(id, func() error { _, err := Close{p.step()}.End(ctx, id, by); return err })
	case "revoke":
		p.twice(id, func() error { _, err := Close{p.step()}.Revoke(ctx, id, by, ""); return err })
	case "vend":
		p.vends(id, by)
	case "tick":
		p.twice(id, p.tick)
	case "pass":
		p.pass(time.Duration(rapid.SampledFrom([]int{1, 30, 59, 61, 119, 121, 600, 899, 900, 2700, 3600, 7200, 86400}).Draw(p.rt, "seconds")) * time.Second)
	case "people":
		p.peopleChange(by)
	case "policy":
		p.policy = compiled(p.t, rapid.SampledFrom([]string{loose, strict}).Draw(p.rt, "policy"))
	}
	p.mu.Lock()
	p.fault = nil
	p.mu.Unlock()
}

// actor is anybody, but more often somebody who may: else little would move.
func (p *play) actor(what, id string) string {
	likely := map[string][]string{"submit": {"U0DEV1", "U0DEV2", "U0BOTH"}, "approve": {"U0LEAD1", "U0LEAD2", "U0SEC1", "U0BOTH"}}[what]
	if r, ok := p.maybe(id); ok && (what == "vend" || what == "end" || what == "cancel") {
		likely = []string{r.Requester.ID}
	}
	if len(likely) > 0 && rapid.IntRange(1, 4).Draw(p.rt, "anybody") > 1 {
		return rapid.SampledFrom(likely).Draw(p.rt, "by")
	}
	return rapid.SampledFrom(everybody).Draw(p.rt, "by")
}

// faults lets one call of the next move fail, before or after its work.
func (p *play) faults() {
	at := rapid.SampledFrom([]string{"", "", "", "store:save", "store:load", "sts:assume", "slack:person", "slack:group", "slack:people"}).Draw(p.rt, "fault")
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

func (p *play) submits(by string) {
	role := rapid.SampledFrom([]string{"Look", "Change", "Nothing"}).Draw(p.rt, "role")
	length := rapid.SampledFrom([]time.Duration{0, time.Minute, 10 * time.Minute, time.Hour, 2 * time.Hour, 5 * time.Hour}).Draw(p.rt, "for")
	once := fmt.Sprint("view:", rapid.IntRange(1, 6).Draw(p.rt, "once"))
	r, err := p.submit(by, role, length, once)
	if err != nil {
		return
	}
	if again, err := p.submit(by, role, length, once); err == nil && again.ID != r.ID {
		p.t.Errorf("4.1.3: one form made %s and %s", r.ID, again.ID)
	}
	if slices.Contains(p.ids, r.ID) {
		return
	}
	p.ids = append(p.ids, r.ID)
	now := p.at(r.ID)
	if !p.belongs(by, "S0DEVS") && !p.stale() || by == "U0LEAVER" || role == "Nothing" || length > 4*time.Hour || (role == "Change" && length > 2*time.Hour) {
		p.t.Errorf("4.2.1: %s got %s for %s past the policy: %+v", by, role, length, now)
	}
	if role == "Change" && now.State != access.Pending {
		p.t.Errorf("4.2.2: %s of %s is %s without approvals", role, by, now.State)
	}
}

// stale says that what the steps know of people may be older than the truth,
// within the two minutes that docs/design.md#3 allows, or ten while Slack is down.
func (p *play) stale() bool {
	d, err := p.store.Directory(context.Background())
	if err != nil {
		p.t.Fatal(err)
	}
	return p.changed.After(d.PeopleAt) || slices.ContainsFunc([]string{"S0DEVS", "S0LEADS", "S0SECURITY"}, func(g string) bool {
		return !p.changed.Before(d.Groups[g].ReadAt)
	})
}

func (p *play) belongs(who, group string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Contains(p.groups[group], who) && p.people[who].Membership == access.Member
}

func (p *play) approves(id, by string) {
	before, was := p.maybe(id)
	_, err := p.approve(id, by)
	after, is := p.maybe(id)
	if !was || !is || after.Version == before.Version {
		return
	}
	if p.people[by].Same(before.Requester) {
		p.t.Errorf("4.2.4: %s approved their own %s (%v)", by, id, err)
	}
	if !p.stale() && !p.belongs(by, "S0LEADS") && !p.belongs(by, "S0SECURITY") {
		p.t.Errorf("4.2.3: %s counts for %s without being asked", by, id)
	}
}

func (p *play) maybe(id string) (access.Request, bool) {
	r, _, _, err := p.store.Load(context.Background(), id)
	return r, err == nil
}

func (p *play) vends(id, by string) {
	order := fmt.Sprint("order", rapid.IntRange(1, 5).Draw(p.rt, "order"))
	kind := rapid.SampledFrom([]access.Kind{access.Keys, access.Console}).Draw(p.rt, "kind")
	before := len(p.assumed)
	out, err := p.order(id, by, order, kind)
	if len(p.assumed) > before {
		p.mayVend(p.at(id))
	}
	if err != nil {
		if !out.Credentials.SecretKey.Empty() {
			p.t.Errorf("4.3.4: credentials left beside %v", err)
		}
		return
	}
	stored := p.at(id)
	recorded := slices.ContainsFunc(stored.Sessions, func(s access.Session) bool {
		return s.Order == order && s.AccessKeyID == out.Credentials.AccessKeyID
	})
	if !recorded || !stored.Usable(p.clock()) || !stored.Gives(kind) {
		p.t.Errorf("4.3.4: a session of %s left: recorded %v, open %v, gives %v", id, recorded, stored.Usable(p.clock()), stored.Give)
	}
	if again, err := p.order(id, by, order, kind); err == nil {
		p.t.Errorf("4.1.3: one order vended %s and %s", out.Credentials.AccessKeyID, again.Credentials.AccessKeyID)
	}
}

// mayVend judges a session by the groups and people of this moment.
func (p *play) mayVend(r access.Request) {
	who := r.Requester.ID
	if p.people[who].Membership != access.Member {
		p.t.Errorf("4.2.5: a session for %s, who is %q", who, p.people[who].Membership)
	}
	if p.stale() {
		return
	}
	if !p.belongs(who, "S0DEVS") {
		p.t.Errorf("4.2.3: a session for %s, who left the group", who)
	}
	if r.Role == "Change" && !p.approvedBy(r) {
		p.t.Errorf("4.2.3: a session for %s with approvals of %v", r.ID, r.Approvals)
	}
}

// approvedBy is the oracle for "a lead and somebody else from security".
func (p *play) approvedBy(r access.Request) bool {
	for _, lead := range r.Approvals {
		for _, sec := range r.Approvals {
			if !lead.By.Same(sec.By) && p.belongs(lead.By.ID, "S0LEADS") && p.belongs(sec.By.ID, "S0SECURITY") {
				return true
			}
		}
	}
	return false
}

// twice makes a move again: the second time changes nothing.
func (p *play) twice(id string, do func() error) {
	if do() != nil {
		return
	}
	p.mu.Lock()
	p.fault = nil
	p.mu.Unlock()
	first, _ := p.maybe(id)
	_ = do()
	if second, _ := p.maybe(id); second.Version != first.Version {
		p.t.Errorf("4.1.3: the same again moved %s from %d to %d", id, first.Version, second.Version)
	}
}

// peopleChange lets somebody join or leave a group, or the workspace.
func (p *play) peopleChange(who string) {
	group := rapid.SampledFrom([]string{"S0DEVS", "S0LEADS", "S0SECURITY", "standing"}).Draw(p.rt, "group")
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changed = p.now
	person, known := p.people[who]
	switch {
	case !known:
	case group == "standing" && who != "U0GUEST":
		person.Membership = rapid.SampledFrom([]access.Membership{access.Member, access.Guest, access.Deactivated, access.Outsider}).Draw(p.rt, "standing")
		p.people[who] = person
	case group != "standing" && slices.Contains(p.groups[group], who):
		p.groups[group] = slices.DeleteFunc(slices.Clone(p.groups[group]), func(m string) bool { return m == who })
	case group != "standing":
		p.groups[group] = append(slices.Clone(p.groups[group]), who)
	}
}

// invariants reads all that is stored.
func (p *play) invariants() {
	events := make(map[string][]access.Event)
	for _, e := range p.store.Events() {
		events[e.Request] = append(events[e.Request], e)
	}
	open := make(map[string]string)
	for _, r := range p.store.All(context.Background()) {
		p.history(r, events[r.ID])
		if target := r.Requester.ID + r.Account + r.Role; r.State == access.Pending && p.clock().Before(r.AnswerBy) ||
			r.Usable(p.clock()) {
			if open[target] != "" {
				p.t.Errorf("%s and %s are open for one person and role", open[target], r.ID)
			}
			open[target] = r.ID
		}
		if r.For > r.Asked || (!r.Ends.IsZero() && r.Ends.Sub(r.Starts) > r.For) {
			p.t.Errorf("4.2.4: %s got %s of %s asked", r.ID, r.For, r.Asked)
		}
		if slices.ContainsFunc(r.Approvals, func(a access.Approval) bool { return a.By.Same(r.Requester) }) {
			p.t.Errorf("4.2.4: an approval of %s is its requester's", r.ID)
		}
		if text, err := json.Marshal(r); err != nil || strings.Contains(string(text), "canary") {
			p.t.Errorf("4.3.5: stored request holds a secret or does not encode (%v)", err)
		}
	}
	if text, err := json.Marshal(p.store.Events()); err != nil || strings.Contains(string(text), "canary") {
		p.t.Errorf("4.3.5: an event holds a secret or does not encode (%v)", err)
	}
}

// history checks that the events of a request tell its whole life, one each.
func (p *play) history(r access.Request, events []access.Event) {
	state := access.State("")
	for i, e := range events {
		if e.Seq != i+1 || e.From != state {
			p.t.Errorf("4.1.2: event %d of %s is number %d, from %q, after %q", i+1, r.ID, e.Seq, e.From, state)
		}
		if state.Final() && e.Verb != access.Vend {
			p.t.Errorf("4.1.1: %s moved a request that was %s", e.Verb, state)
		}
		state = e.To
	}
	if len(events) != r.Version || state != r.State {
		p.t.Errorf("4.1.2: %s has %d events and is at %d; they end in %q, it is %q", r.ID, len(events), r.Version, state, r.State)
	}
}

// 200 rounds of 16 people who approve, deny and cancel at once: one outcome,
// one event for each move, and everybody else is told who won.
func TestSixteenDecisionsAtOnceHaveOneOutcome(t *testing.T) {
	w := newWorld(t)
	w.policy = compiled(t, strings.Replace(loose, "remind_after: 15m", "remind_after: 15m, asks_per_hour: 1000", 1))
	if err := w.tick(); err != nil {
		t.Fatal(err)
	}
	for i := range 14 {
		id := fmt.Sprintf("U0CROWD%d", i)
		w.people[id] = access.Person{ID: id, Email: id + "@example.com", Name: id, Membership: access.Member}
		w.groups["S0LEADS"] = append(w.groups["S0LEADS"], id)
	}
	w.pass(2 * time.Minute)
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
		crowd(t, w, r.ID)
		if w.at(r.ID).State == access.Active {
			if _, err := (Close{w.step()}).End(context.Background(), r.ID, "U0DEV1"); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func crowd(t *testing.T, w *world, id string) {
	t.Helper()
	errs := make(chan error, 16)
	start := make(chan struct{})
	for i := range 16 {
		go func() {
			<-start
			by := fmt.Sprintf("U0CROWD%d", i%14)
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
			t.Errorf("a loser was told %q (%v), want %q", code, err, access.Code(r.StateRefusal()))
		} else if winner := w.winner(r); !strings.Contains(err.Error(), winner) {
			t.Errorf("a loser was told %q, want the name of %s", err, winner)
		}
	}
	if again := won == 2 && r.State != access.Cancelled; won != 1 && !again { // the same person's second click is settled
		t.Errorf("%d people won request %s, which is %s", won, id, r.State)
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
		t.Errorf("with the table down: %v, %d sessions made, want none", err, len(w.assumed))
	}
}
