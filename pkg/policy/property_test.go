package policy_test

import (
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/policytest"
)

// The properties below compare the evaluator with an oracle: a simple model of a policy, plain lists
// that it searches from the start each time.

// model is a policy as the oracle reads it.
type model struct {
	accounts []modelAccount
	rules    []modelRule
	never    []modelRule
	sessions map[string]int // minutes, by role; 0: none
}

type modelAccount struct {
	id, name, env string // env "": no such tag
	roles         []string
}

type modelRule struct {
	name      string
	who       []string
	accounts  []string // "*", a name, or "env=x"
	roles     []string
	max       int // minutes
	session   int // minutes; 0: none
	needs     []modelNeed
	ticket    bool
	give      []string // nil: both
	insteadOf []string
	expired   bool
}

type modelNeed struct {
	from []string
	need int
}

// scene is a model, people, and a question about them.
type scene struct {
	model
	people    map[string]access.Person // by short name
	groups    map[string][]string      // by group; nil: unknown
	who       string
	account   string
	role      string
	approvals []string
}

var (
	sceneRoles  = []string{"Look", "Change", "Admin"}
	sceneGroups = []string{"ga", "gb", "gc"}
	scenePeople = []string{"p0", "p1", "p2", "p3", "p4"}
	// The last two are groups of machines, which have no people in them.
	sceneWho = []string{"ga", "gb", "gc", "people", "p0@example.com", "U0P1", "everyone", "ma", "mo"}
	// scenePeopleGroup has the members of the group "people".
	scenePeopleGroup = []string{"p2@example.com", "U0P3"}
)

// some draws from least to three different entries.
func some(t *rapid.T, from []string, least int, label string) []string {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(from), least, 3, rapid.ID[string]).Draw(t, label)
}

func drawScene(t *rapid.T) scene {
	s := scene{people: make(map[string]access.Person), groups: make(map[string][]string)}
	s.sessions = make(map[string]int)
	for _, role := range sceneRoles {
		s.sessions[role] = drawSession(t)
	}
	for i := range rapid.IntRange(1, 4).Draw(t, "accounts") {
		a := modelAccount{id: fmt.Sprintf("%012d", i+1), name: fmt.Sprint("acc", i)}
		a.env = rapid.SampledFrom([]string{"prod", "dev", ""}).Draw(t, "env")
		a.roles = some(t, sceneRoles, 1, "roles of an account")
		s.accounts = append(s.accounts, a)
	}
	for i := range rapid.IntRange(1, 6).Draw(t, "rules") {
		s.rules = append(s.rules, s.drawRule(t, fmt.Sprint("r", i)))
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "never rules") {
		s.never = append(s.never, s.drawScope(t, fmt.Sprint("n", i)))
	}
	for _, name := range scenePeople {
		s.people[name] = drawPerson(t, name)
	}
	for _, g := range sceneGroups {
		s.groups[g] = some(t, scenePeople, 0, g)
		if rapid.IntRange(0, 3).Draw(t, "known") == 0 {
			s.groups[g] = nil
		}
	}
	s.who = rapid.SampledFrom(scenePeople).Draw(t, "who")
	p := s.people[s.who]
	p.Membership = access.Member
	s.people[s.who] = p
	a := rapid.SampledFrom(s.accounts).Draw(t, "account")
	s.account, s.role = a.id, rapid.SampledFrom(a.roles).Draw(t, "role")
	s.approvals = rapid.SliceOfN(rapid.SampledFrom(scenePeople), 0, 4).Draw(t, "approvals")
	return s
}

// drawSession draws how many minutes a session acts, often 0 for no limit.
func drawSession(t *rapid.T) int {
	return rapid.SampledFrom([]int{0, 0, 1, 5, 15, 16, 60}).Draw(t, "session")
}

// drawPerson draws somebody who is usually a member. The address may be unproven, that of another
// person, or missing.
func drawPerson(t *rapid.T, name string) access.Person {
	p := access.Person{ID: "U0" + strings.ToUpper(name), Name: name, Membership: access.Member}
	switch rapid.IntRange(0, 7).Draw(t, "address of "+name) {
	case 0:
		p.UnverifiedEmail = rapid.SampledFrom(scenePeople).Draw(t, "claims") + "@Example.com"
	case 1:
	default:
		p.Email = name + "@example.com"
	}
	if rapid.IntRange(0, 7).Draw(t, "membership of "+name) == 0 {
		others := []access.Membership{access.Guest, access.Deactivated, ""}
		p.Membership = rapid.SampledFrom(others).Draw(t, "membership")
	}
	return p
}

// drawScope draws what rules and never rules have in common, so that it matches some account.
func (s *scene) drawScope(t *rapid.T, name string) modelRule {
	a := rapid.SampledFrom(s.accounts).Draw(t, "an account")
	from := []string{"*", a.name}
	if a.env != "" {
		from = append(from, "env="+a.env)
	}
	r := modelRule{name: name, who: some(t, sceneWho, 1, "who"), accounts: some(t, from, 1, "where")}
	r.roles = []string{rapid.SampledFrom(a.roles).Draw(t, "a role")}
	if more := rapid.SampledFrom(append(sceneRoles, "*")).Draw(t, "another role"); more != r.roles[0] {
		r.roles = append(r.roles, more)
	}
	r.expired = rapid.IntRange(0, 5).Draw(t, "expired") == 0
	return r
}

func (s *scene) drawRule(t *rapid.T, name string) modelRule {
	r := s.drawScope(t, name)
	r.max, r.session = rapid.IntRange(5, 120).Draw(t, "max"), drawSession(t)
	r.ticket = rapid.Bool().Draw(t, "ticket")
	r.give = rapid.SampledFrom([][]string{nil, {"console"}, {"keys"}}).Draw(t, "give")
	if slices.Equal(r.give, []string{"console"}) && !slices.ContainsFunc(r.who, isOfPeople) {
		r.who = append(r.who, "gc") // the compiler refuses a rule that gives machines only the console
	}
	for range rapid.IntRange(0, 2).Draw(t, "needs") {
		// With a Slack group in it, the compiler never finds too few people for a requirement.
		from := append(some(t, sceneWho[:6], 1, "from"), "gc")
		slices.Sort(from)
		r.needs = append(r.needs, modelNeed{from: slices.Compact(from), need: rapid.IntRange(1, 2).Draw(t, "need")})
	}
	// Only earlier rules, so that there is no circle.
	for _, other := range s.rules {
		if rapid.IntRange(0, 3).Draw(t, "instead of "+other.name) == 0 {
			r.insteadOf = append(r.insteadOf, other.name)
		}
	}
	return r
}

// text returns the model as a policy file.
func (m model) text() string {
	var b strings.Builder
	b.WriteString("version: 1\nsettings: {channel: C0A}\nroles:\n")
	for _, role := range sceneRoles {
		fmt.Fprintf(&b, "  %s: {about: x%s}\n", role, sessionText(m.sessions[role]))
	}
	b.WriteString("accounts:\n")
	for _, a := range m.accounts {
		tags := ""
		if a.env != "" {
			tags = ", tags: {env: " + a.env + "}"
		}
		fmt.Fprintf(&b, "  - {id: %q, name: %s, roles: [%s]%s}\n", a.id, a.name, strings.Join(a.roles, ", "), tags)
	}
	b.WriteString("groups: {ga: {slack: S0GA}, gb: {slack: S0GB}, gc: {slack: S0GC}, people: {people: [" +
		strings.Join(scenePeopleGroup, ", ") + "]}, " + machineGroups + "}\nrules:\n")
	for _, r := range m.rules {
		r.write(&b)
		fmt.Fprintf(&b, ", max: %dm%s, approvals: ", r.max, sessionText(r.session))
		if r.needs == nil {
			b.WriteString("none")
		} else {
			var needs []string
			for _, n := range r.needs {
				needs = append(needs, fmt.Sprintf("{from: [%s], need: %d}", strings.Join(n.from, ", "), n.need))
			}
			b.WriteString("[" + strings.Join(needs, ", ") + "]")
		}
		if r.ticket {
			b.WriteString(", ask: [ticket]")
		}
		if r.give != nil {
			b.WriteString(", give: [" + strings.Join(r.give, ", ") + "]")
		}
		if r.insteadOf != nil {
			b.WriteString(", instead_of: [" + strings.Join(r.insteadOf, ", ") + "]")
		}
		b.WriteString("}\n")
	}
	if len(m.never) > 0 {
		b.WriteString("never:\n")
	}
	for _, n := range m.never {
		n.write(&b)
		b.WriteString("}\n")
	}
	return b.String()
}

func sessionText(minutes int) string {
	if minutes == 0 {
		return ""
	}
	return fmt.Sprintf(", session: %dm", minutes)
}

func (r modelRule) write(b *strings.Builder) {
	var accounts []string
	for _, a := range r.accounts {
		if env, ok := strings.CutPrefix(a, "env="); ok {
			a = "{env: " + env + "}"
		} else {
			a = fmt.Sprintf("%q", a)
		}
		accounts = append(accounts, a)
	}
	fmt.Fprintf(b, "  - {name: %s, who: [%s], accounts: [%s], roles: [\"%s\"]", r.name, strings.Join(r.who, ", "),
		strings.Join(accounts, ", "), strings.Join(r.roles, `", "`))
	if r.expired {
		b.WriteString(", expires: 2026-11-20")
	}
}

func (s scene) question() policy.Question {
	q := policy.Question{Who: s.people[s.who], Account: s.account, Role: s.role, At: policytest.Noon}
	q.Directory = access.Directory{
		PeopleAt: policytest.Noon, Groups: make(map[string]access.Group), People: make(map[string]access.Person),
	}
	for _, p := range s.people {
		q.Directory.People[p.ID] = p
	}
	for g, names := range s.groups {
		group := access.Group{ReadAt: policytest.Noon, Gone: names == nil}
		for _, name := range names {
			group.Members = append(group.Members, s.people[name].ID)
		}
		q.Directory.Groups["S0"+strings.ToUpper(g)] = group
	}
	for _, name := range s.approvals {
		q.Approvals = append(q.Approvals, s.people[name])
	}
	return q
}

// certainty is what the oracle knows about a person and a principal.
type certainty uint8

const (
	no certainty = iota
	unknown
	yes
)

// belongs is the oracle for who, from and by.
func (s scene) belongs(p access.Person, principal string) certainty {
	var members []string
	switch {
	case principal == "everyone":
		return map[access.Membership]certainty{access.Member: yes, "": unknown}[p.Membership]
	case principal == "people":
		members = scenePeopleGroup
	case s.groups[principal] != nil:
		for _, name := range s.groups[principal] {
			members = append(members, s.people[name].ID)
		}
	case slices.Contains(sceneGroups, principal):
		return unknown
	default:
		members = []string{principal}
	}
	best := no
	for _, m := range members {
		best = max(best, s.is(p, m))
	}
	return best
}

// is reports whether a person has an id or an address.
func (s scene) is(p access.Person, named string) certainty {
	isAddress := strings.Contains(named, "@")
	switch {
	case p.ID == named, isAddress && p.Email == named:
		return yes
	case isAddress && strings.EqualFold(p.UnverifiedEmail, named), isAddress && p.Email == "" && p.UnverifiedEmail == "":
		return unknown
	}
	if !isAddress && p.UnverifiedEmail != "" {
		for _, other := range s.people {
			if other.ID == named && other.Same(p) {
				return unknown
			}
		}
	}
	return 0
}

// holdsHere reports whether a rule has the account and the role of the question.
func (s scene) holdsHere(r modelRule, isNever bool) bool {
	i := slices.IndexFunc(s.accounts, func(a modelAccount) bool { return a.id == s.account })
	a := s.accounts[i]
	role := slices.ContainsFunc(r.roles, func(x string) bool { return x == "*" || x == s.role })
	return role && !r.expired && slices.ContainsFunc(r.accounts, func(x string) bool {
		return x == "*" || x == a.name || x == "env="+a.env || isNever && strings.HasPrefix(x, "env=") && a.env == ""
	})
}

// worlds calls visit for every possible world, one for each way in which the unknown facts about the
// requester could be: in a world, each principal includes them or does not.
func (s scene) worlds(visit func(includes func(r modelRule) bool)) {
	var unknowns []string
	for _, principal := range sceneWho {
		if s.belongs(s.people[s.who], principal) == unknown {
			unknowns = append(unknowns, principal)
		}
	}
	for world := range 1 << len(unknowns) {
		visit(func(r modelRule) bool {
			return slices.ContainsFunc(r.who, func(principal string) bool {
				i := slices.Index(unknowns, principal)
				return i >= 0 && world&(1<<i) != 0 || i < 0 && s.belongs(s.people[s.who], principal) == yes
			})
		})
	}
}

// active returns the rules that bind in one world: it repeats the definition until nothing changes.
func (s scene) active(includes func(modelRule) bool) map[string]bool {
	matches := make(map[string]bool)
	for _, r := range s.rules {
		matches[r.name] = s.holdsHere(r, false) && includes(r)
	}
	active := make(map[string]bool)
	for range s.rules {
		next := make(map[string]bool)
		for _, r := range s.rules {
			aside := slices.ContainsFunc(s.rules, func(o modelRule) bool {
				return active[o.name] && slices.Contains(o.insteadOf, r.name)
			})
			if matches[r.name] && !aside {
				next[r.name] = true
			}
		}
		active = next
	}
	return active
}

// filled is the oracle for requirements: it tries every way to assign people to them.
func (s scene) filled(r modelRule) bool {
	var slots []modelNeed
	for _, n := range r.needs {
		for range n.need {
			slots = append(slots, n)
		}
	}
	who := s.people[s.who]
	var used []access.Person
	var try func(slot int) bool
	try = func(slot int) bool {
		if slot == len(slots) {
			return true
		}
		for _, name := range s.approvals {
			p := s.people[name]
			counts := p.Membership == access.Member && !p.Same(who) && !slices.ContainsFunc(used, p.Same)
			if counts && slices.ContainsFunc(slots[slot].from, func(f string) bool { return s.belongs(p, f) == yes }) {
				used = append(used, p)
				if try(slot + 1) {
					return true
				}
				used = used[:len(used)-1]
			}
		}
		return false
	}
	return try(0)
}

// If something is unknown, the answer is at least as strict as in the strictest possible world.
func TestAnswersEqualThoseOfASimpleModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := drawScene(rt)
		p := policytest.Compile(t, s.text())
		q := s.question()
		got := p.Decide(q)
		worlds, forbidden, nobody := 0, false, false
		mayBind := make(map[string]bool)
		s.worlds(func(includes func(modelRule) bool) {
			worlds++
			for _, n := range s.never {
				forbidden = forbidden || s.holdsHere(n, true) && includes(n)
			}
			active := s.active(includes)
			nobody = nobody || len(active) == 0
			for name := range active {
				mayBind[name] = true
			}
		})
		code := ""
		if got.Refusal != nil {
			code = access.Code(got.Refusal)
		}
		switch {
		case forbidden != (code == "never"):
			rt.Fatalf("forbidden is %v, but the answer is %q\n%s", forbidden, code, s.text())
		case forbidden:
			return
		case nobody != notAllowed(code):
			rt.Fatalf("allowed is %v, but the answer is %q\n%s", !nobody, code, s.text())
		case nobody:
			return
		}
		s.compare(rt, got, mayBind, worlds > 1, p.Explain(q))
	})
}

// compare checks the terms of an answer against the rules that bind in some possible world.
func (s scene) compare(
	t *rapid.T, got policy.Answer, mayBind map[string]bool, unknowns bool, reasons []policy.Reason,
) {
	binding := make(map[string]bool)
	for _, r := range reasons {
		if r.Outcome == policy.Binds {
			binding[r.Rule] = true
		}
	}
	for name := range mayBind {
		if !binding[name] {
			t.Fatalf("%s may bind, but does not\n%s", name, s.text())
		}
	}
	if !unknowns && !cmp.Equal(binding, mayBind) {
		t.Fatalf("nothing is unknown: got %v, want %v\n%s", binding, mayBind, s.text())
	}
	least, ticket, console, keys, met := 30*24*60, false, true, true, true
	sessions := []int{60 * 24} // nothing is longer
	if of := s.sessions[s.role]; of > 0 {
		sessions = append(sessions, of)
	}
	for _, r := range s.rules {
		if !binding[r.name] {
			continue
		}
		least = min(least, r.max)
		if r.session > 0 {
			sessions = append(sessions, r.session)
		}
		ticket = ticket || r.ticket
		console = console && (r.give == nil || slices.Contains(r.give, "console"))
		keys = keys && (r.give == nil || slices.Contains(r.give, "keys"))
		met = met && s.filled(r)
	}
	if console == keys && !console != (access.Code(got.Refusal) == "nothing_to_give") {
		t.Fatalf("nothing to give is %v, but the answer is %v", !console, got.Refusal)
	}
	met = met && got.Refusal == nil
	want := []any{time.Duration(least) * time.Minute, ticket, console, keys, met}
	gives := func(kind access.Kind) bool { return slices.Contains(got.Terms.Give, kind) }
	have := []any{got.Terms.Max, got.Ticket, gives(access.Console), gives(access.Keys), got.Terms.Met}
	if shortest := slices.Min(sessions) % (60 * 24); got.Terms.Session != time.Duration(shortest)*time.Minute {
		t.Fatalf("a session acts for %s, want %dm\n%s", got.Terms.Session, shortest, s.text())
	}
	if diff := cmp.Diff(want, have); diff != "" {
		t.Fatalf("max, ticket, console, keys, met (-want +got):\n%s\n%s", diff, s.text())
	}
}

// sorted returns an answer without what only shows the order of the file.
func sorted(a policy.Answer) policy.Answer {
	slices.SortFunc(a.Terms.Requirements, func(x, y access.Requirement) int {
		return strings.Compare(fmt.Sprint(x), fmt.Sprint(y))
	})
	slices.Sort(a.Terms.Channels)
	if a.Refusal != nil {
		a.Refusal = &access.Refusal{Code: access.Code(a.Refusal)}
	}
	if a.Unknown != nil {
		a.Unknown = &access.Refusal{Code: access.Code(a.Unknown)}
	}
	return a
}

func TestLoadedPolicyAnswersLikeCompiledPolicy(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := drawScene(rt)
		p := policytest.Compile(rt, s.text())
		q := s.question()
		q.Asking, q.Reason = rapid.Bool().Draw(rt, "asking"), "why"
		loaded := policytest.Reloaded(rt, p)
		if diff := cmp.Diff(policytest.EveryAnswer(p, q), policytest.EveryAnswer(loaded, q), policytest.Equal); diff != "" {
			rt.Fatalf("answers (-compiled +loaded):\n%s", diff)
		}
	})
}

func TestOrderOfRulesChangesNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := drawScene(rt)
		q := s.question()
		q.Asking = rapid.Bool().Draw(rt, "asking")
		q.Reason = "why"
		before := sorted(policytest.Compile(t, s.text()).Decide(q))
		random := rand.New(rand.NewSource(rapid.Int64().Draw(rt, "order")))
		shuffle(random, s.rules)
		shuffle(random, s.never)
		shuffle(random, s.accounts)
		shuffle(random, q.Approvals)
		after := sorted(policytest.Compile(t, s.text()).Decide(q))
		if diff := cmp.Diff(before, after); diff != "" {
			rt.Fatalf("in another order:\n%s\n%s", diff, s.text())
		}
	})
}

func shuffle[T any](random *rand.Rand, all []T) {
	random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
}

// loosened says in what an answer has become looser, "" for nothing. Somebody whom no rule allowed
// may be allowed by another one: that loosens no rule.
func loosened(before, after policy.Answer) string {
	switch access.Code(before.Refusal) {
	case "not_allowed", "unknown_group", "slack_unreadable", "unproven_address":
		return ""
	case "never":
		if access.Code(after.Refusal) != "never" {
			return "never"
		}
		return ""
	}
	if code := access.Code(after.Refusal); code == "never" || notAllowed(code) {
		return ""
	}
	for _, kind := range after.Terms.Give {
		if !slices.Contains(before.Terms.Give, kind) {
			return "give"
		}
	}
	switch {
	case after.Terms.Max > before.Terms.Max:
		return "max"
	case before.Terms.Session > 0 && (after.Terms.Session == 0 || after.Terms.Session > before.Terms.Session):
		return "session"
	case before.Ticket && !after.Ticket:
		return "ticket"
	case after.Terms.Met && !before.Terms.Met:
		return "approvals"
	}
	return ""
}

func TestAddingARuleLoosensNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := drawScene(rt)
		before := policytest.Compile(t, s.text()).Decide(s.question())
		added := s.drawRule(rt, "added")
		added.insteadOf = nil
		s.rules = append(s.rules, added)
		if what := loosened(before, policytest.Compile(t, s.text()).Decide(s.question())); what != "" {
			rt.Fatalf("%s is looser with\n%s", what, s.text())
		}
	})
}

func TestNeverWinsOverEveryRule(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := drawScene(rt)
		s.never = append(s.never, modelRule{
			name: "added", who: []string{"everyone"}, accounts: []string{"*"}, roles: []string{s.role},
		})
		p := policytest.Compile(t, s.text())
		if code := access.Code(p.Decide(s.question()).Refusal); code != "never" {
			rt.Fatalf("got %q\n%s", code, s.text())
		}
		for _, r := range p.Roles(s.people[s.who], s.question().Directory, policytest.Noon, s.account) {
			if r.Name == s.role {
				rt.Fatalf("the form shows a forbidden role\n%s", s.text())
			}
		}
	})
}

// If a group becomes unknown, that loosens nothing and allows nobody.
func TestUnknownGroupLoosensNothing(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := drawScene(rt)
		p := policytest.Compile(t, s.text())
		before := p.Decide(s.question())
		group := rapid.SampledFrom(sceneGroups).Draw(rt, "group")
		s.groups[group] = nil
		after := p.Decide(s.question())
		allowed := after.Refusal == nil && access.Code(before.Refusal) == "not_allowed"
		if what := loosened(before, after); what != "" || allowed {
			rt.Fatalf("%s is looser (allowed %v) without %s\n%s", what, allowed, group, s.text())
		}
	})
}

func TestFormShowsExactlyWhatMayBeAskedFor(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := drawScene(rt)
		p, q := policytest.Compile(t, s.text()), s.question()
		var want []access.Account
		for _, a := range s.accounts {
			var roles []string
			for _, role := range sceneRoles {
				q.Account, q.Role = a.id, role
				if answer := p.Decide(q); answer.Refusal == nil || access.Code(answer.Refusal) == "nothing_to_give" {
					roles = append(roles, role+" "+access.FormatLength(answer.Terms.Max))
				}
			}
			var got []string
			for _, r := range p.Roles(q.Who, q.Directory, q.At, a.id) {
				got = append(got, r.Name+" "+access.FormatLength(r.Max))
			}
			if !slices.Equal(got, roles) {
				rt.Fatalf("roles of %s: got %q, want %q\n%s", a.name, got, roles, s.text())
			}
			if roles != nil {
				want = append(want, access.Account{ID: a.id, Name: a.name})
			}
		}
		if got, total := p.Accounts(q.Who, q.Directory, q.At, "", 100); !slices.Equal(got, want) || total != len(want) {
			rt.Fatalf("accounts: got %v of %d, want %v\n%s", got, total, want, s.text())
		}
	})
}

// notAllowed reports whether a code says that no rule certainly allows.
func notAllowed(code string) bool {
	return slices.Contains([]string{"not_allowed", "unknown_group", "slack_unreadable", "unproven_address"}, code)
}
