package policy

import (
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy/internal/bitset"
)

// Outcome is what became of a rule in an answer.
type Outcome string

// The outcomes.
const (
	Binds    Outcome = "binds"     // the rule matches, or may, and its conditions hold
	Forbids  Outcome = "forbids"   // a never that matches, or may
	SetAside Outcome = "set aside" // it matches, and another rule says instead_of
	NoMatch  Outcome = "no match"
	Expired  Outcome = "expired"
)

// Reason says what became of one rule, and why. It is for those who keep the
// policy: it names people and groups.
type Reason struct {
	Rule      string
	Never     bool
	Line, Col int // of its name in the policy file
	Outcome   Outcome
	Says      string
}

// Explain says of each rule and each never why it binds or does not, in the
// order of the file. It says nothing of accounts and roles that do not exist.
func (p *Policy) Explain(q Question) []Reason {
	account, role, ok := p.find(q.Account, q.Role)
	if !ok {
		return nil
	}
	v := p.view(q.Who, moment{&q.Directory, q.At})
	r := v.ruling(account, role)
	var all []Reason
	for i := range p.rules {
		all = append(all, r.explain(int32(i)))
	}
	for i := range p.neverRules {
		all = append(all, r.explainNever(int32(i)))
	}
	return all
}

func (r *ruling) explain(i int32) Reason {
	one, s := &r.rules[i], r.state(i)
	out := Reason{Rule: one.Name, Line: one.Line, Col: one.Col}
	switch {
	case s.matches == no:
		out.Outcome, out.Says = r.unmatched(one.Expires, contains(r.class(r.account).Rules, i), one.Roles)
	case !s.binds:
		out.Outcome, out.Says = SetAside, "Set aside by "+strings.Join(r.setBy(one), " and ")+"."
	case s.matches == maybe:
		out.Outcome = Binds
		out.Says = "It may match, so it binds and allows nothing. " + r.doubt(&r.who, one.Who, r.now).Error()
	default:
		out.Outcome, out.Says = Binds, "It matches."
	}
	return out
}

// setBy names the rules that set one aside for certain.
func (r *ruling) setBy(one *Rule) (names []string) {
	for _, setter := range one.SetAsideBy {
		if r.state(setter).sure {
			names = append(names, "“"+r.rules[setter].Name+"”")
		}
	}
	return names
}

func (r *ruling) explainNever(i int32) Reason {
	n, here := &r.neverRules[i], contains(r.class(r.account).NeverRules, i)
	out := Reason{Rule: n.Name, Never: true, Line: n.Line, Col: n.Col}
	how := r.isAmong(n.Who)
	if expired(n.Expires, r.now.at) || !here || !n.Roles.Has(r.role) || how == no {
		out.Outcome, out.Says = r.unmatched(n.Expires, here, n.Roles)
		return out
	}
	out.Outcome, out.Says = Forbids, "It matches."
	if how == maybe {
		out.Says = "It may match. " + r.doubt(&r.who, n.Who, r.now).Error()
	}
	return out
}

// unmatched says why a rule does not match: the first of when, where and what,
// else who.
func (r *ruling) unmatched(expires time.Time, here bool, roles bitset.Set) (Outcome, string) {
	a := r.accounts[r.account].Name
	switch {
	case expired(expires, r.now.at):
		return Expired, "It ended on " + lastDay(expires) + "."
	case !here:
		return NoMatch, a + " is not among its accounts."
	case !roles.Has(r.role):
		return NoMatch, r.roles[r.role].Name + " is not among its roles."
	}
	return NoMatch, nameOf(r.who.Person) + " is not in its who."
}

func nameOf(p access.Person) string {
	for _, name := range []string{p.Name, p.Email, p.ID} {
		if name != "" {
			return name
		}
	}
	return "This person"
}
