package policy

import (
	"slices"

	"github.com/aws-access/aws-access/pkg/access"
)

// view is the policy as it concerns one person at one time.
type view struct {
	*Policy
	who      subject
	now      snapshot
	includes []certainty // by principal, whether it includes the person; filled as needed
}

func (p *Policy) viewOf(who access.Person, now snapshot) view {
	return view{Policy: p, who: subjectOf(who), now: now, includes: make([]certainty, len(p.principals))}
}

// isAmong reports whether the person belongs to any of the principals.
func (v *view) isAmong(principals []int32) certainty {
	best := no
	for _, i := range principals {
		if v.includes[i] == notEvaluated {
			v.includes[i] = v.principals[i].includes(&v.who, v.now)
		}
		if best = max(best, v.includes[i]); best == yes {
			break
		}
	}
	return best
}

// forbids returns the never rule that forbids a role in an account, and whether that is certain; nil
// if there is none. A certain one is preferred.
func (v *view) forbids(account, role int) (*NeverRule, certainty) {
	var found *NeverRule
	for _, i := range v.class(account).NeverRules {
		n := &v.neverRules[i]
		if !n.Roles.Has(role) || expired(n.Expires, v.now.at) {
			continue
		}
		switch v.isAmong(n.Who) {
		case yes, restricts:
			return n, yes
		case unknown:
			if found == nil {
				found = n
			}
		}
	}
	return found, unknown
}

// neverPrincipals returns the principals of all never rules for a role in an account.
func (v *view) neverPrincipals(account, role int) (who []int32) {
	for _, i := range v.class(account).NeverRules {
		if n := &v.neverRules[i]; n.Roles.Has(role) && !expired(n.Expires, v.now.at) {
			who = append(who, n.Who...)
		}
	}
	slices.Sort(who)
	return slices.Compact(who)
}

// evaluation is what the rules say about one role in one account for one person.
//
// If something is unknown, then there are several possible worlds, one for each way in which it
// could be. A rule binds if it binds in some possible world, and it sets other rules aside only if
// it binds in all of them. Something unknown therefore adds conditions and never removes one:
// docs/policy.md#instead-of, docs/policy.md#unknown.
type evaluation struct {
	*view
	account, role int
	states        []ruleState // by rule; filled as needed
}

// ruleState is what is known of a rule.
type ruleState struct {
	matches        certainty // notEvaluated: the state is not known yet
	mayBind        bool      // it binds in some possible world
	certainlyBinds bool      // it binds in every possible world
}

func (v *view) evaluate(account, role int) evaluation {
	return evaluation{view: v, account: account, role: role, states: make([]ruleState, len(v.rules))}
}

// state evaluates a rule, after the rules that could set it aside. It ends, because New has refused
// circles.
func (e *evaluation) state(i int32) ruleState {
	if s := e.states[i]; s.matches != notEvaluated {
		return s
	}
	s := ruleState{matches: e.matches(i)}
	s.mayBind, s.certainlyBinds = s.matches != no, s.matches == yes
	for _, other := range e.rules[i].SetAsideBy {
		if !s.mayBind {
			break
		}
		above := e.state(other)
		s.mayBind = s.mayBind && !above.certainlyBinds
		s.certainlyBinds = s.certainlyBinds && !above.mayBind
	}
	e.states[i] = s
	return s
}

// matches reports whether a rule matches, set aside or not: docs/policy.md#all-matching-rules-bind.
func (e *evaluation) matches(i int32) certainty {
	one := &e.rules[i]
	if expired(one.Expires, e.now.at) || !contains(e.class(e.account).Rules, i) || !one.Roles.Has(e.role) {
		return no
	}
	return e.isAmong(one.Who)
}

// binding returns the rules that bind, in the order of the file, and whether any rule matches. Only
// a certain match allows: a rule that only restricts does not.
func (e *evaluation) binding() (rules []int32, allows certainty) {
	allows = no
	for _, i := range e.class(e.account).Rules {
		if !e.rules[i].Roles.Has(e.role) {
			continue
		}
		s := e.state(i)
		allows = max(allows, s.matches)
		if s.mayBind {
			rules = append(rules, i)
		}
	}
	return rules, allows
}

// contains reports whether an ascending list has an entry.
func contains(list []int32, entry int32) bool {
	_, found := slices.BinarySearch(list, entry)
	return found
}
