package policy

import (
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/policy/internal/bitset"
)

// Outcome is what happened to a rule in an answer.
type Outcome string

// The outcomes.
const (
	Binds    Outcome = "binds"     // the rule matches or may match, and its conditions hold
	Forbids  Outcome = "forbids"   // a never rule that matches or may match
	SetAside Outcome = "set aside" // the rule matches, and another rule names it in instead_of
	NoMatch  Outcome = "no match"
	Expired  Outcome = "expired"
)

// Reason says what happened to one rule, and why. It is for the people who maintain the policy,
// because it names people and groups.
type Reason struct {
	Rule      string
	Never     bool // it is a never rule
	Line, Col int  // of its name in the policy file
	Outcome   Outcome
	Says      string // a sentence or two
}

// Explain says for each rule and each never rule why it binds or does not, in the order of the file.
// It returns nil for an account or a role that the policy does not have.
func (p *Policy) Explain(q Question) []Reason {
	account, role, ok := p.find(q.Account, q.Role)
	if !ok {
		return nil
	}
	v := p.viewOf(q.Who, snapshot{&q.Directory, q.At})
	e := v.evaluate(account, role)
	var all []Reason
	for i := range p.rules {
		all = append(all, e.explain(int32(i)))
	}
	for i := range p.neverRules {
		all = append(all, e.explainNever(int32(i)))
	}
	return all
}

func (e *evaluation) explain(i int32) Reason {
	one, s := &e.rules[i], e.state(i)
	out := Reason{Rule: one.Name, Line: one.Line, Col: one.Col}
	switch {
	case s.matches == no:
		out.Outcome, out.Says = e.whyNoMatch(one.Expires, contains(e.class(e.account).Rules, i), one.Roles)
	case !s.mayBind:
		out.Outcome, out.Says = SetAside, "Set aside by "+strings.Join(e.setAsideBy(one), " and ")+"."
	case s.matches == restricts:
		out.Outcome = Binds
		out.Says = "It names everyone, so its conditions bind a machine too. It allows no machine anything."
	case s.matches == unknown:
		out.Outcome = Binds
		out.Says = "It may match, so it binds and allows nothing. " + e.whyUnknown(&e.who, one.Who).Error()
	default:
		out.Outcome, out.Says = Binds, "It matches."
	}
	return out
}

// setAsideBy names the rules that certainly set a rule aside.
func (e *evaluation) setAsideBy(one *Rule) (names []string) {
	for _, other := range one.SetAsideBy {
		if e.state(other).certainlyBinds {
			names = append(names, "“"+e.rules[other].Name+"”")
		}
	}
	return names
}

func (e *evaluation) explainNever(i int32) Reason {
	n, here := &e.neverRules[i], contains(e.class(e.account).NeverRules, i)
	out := Reason{Rule: n.Name, Never: true, Line: n.Line, Col: n.Col}
	how := e.isAmong(n.Who)
	if expired(n.Expires, e.now.at) || !here || !n.Roles.Has(e.role) || how == no {
		out.Outcome, out.Says = e.whyNoMatch(n.Expires, here, n.Roles)
		return out
	}
	out.Outcome, out.Says = Forbids, "It matches."
	if how == unknown {
		out.Says = "It may match. " + e.whyUnknown(&e.who, n.Who).Error()
	}
	return out
}

// whyNoMatch returns the first reason why a rule does not match: its end, its accounts, its roles,
// or its who.
func (e *evaluation) whyNoMatch(expires time.Time, here bool, roles bitset.Set) (Outcome, string) {
	account := e.accounts[e.account].Name
	switch {
	case expired(expires, e.now.at):
		return Expired, "It ended on " + lastDay(expires) + "."
	case !here:
		return NoMatch, account + " is not among its accounts."
	case !roles.Has(e.role):
		return NoMatch, e.roles[e.role].Name + " is not among its roles."
	}
	return NoMatch, displayName(e.who.Person) + " is not in its who."
}
