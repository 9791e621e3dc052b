package policy

import (
	"slices"

	"github.com/aws-access/aws-access/pkg/access"
)

// view is the policy as it concerns one person at one moment.
type view struct {
	*Policy
	who     subject
	now     moment
	beliefs []belief // of each principal, as far as it was asked
}

func (p *Policy) view(who access.Person, now moment) view {
	return view{Policy: p, who: subjectOf(who), now: now, beliefs: make([]belief, len(p.principals))}
}

// isAmong says whether the person belongs to any of the principals.
func (v *view) isAmong(principals []int32) belief {
	best := no
	for _, i := range principals {
		if v.beliefs[i] == unasked {
			v.beliefs[i] = v.principals[i].holds(&v.who, v.now)
		}
		if best = max(best, v.beliefs[i]); best == yes {
			break
		}
	}
	return best
}

// forbids returns the never that stands against a role in an account, and how
// sure that is; nil for none. One that is sure is named before one that is not.
func (v *view) forbids(account, role int) (*NeverRule, belief) {
	var found *NeverRule
	for _, i := range v.class(account).NeverRules {
		n := &v.neverRules[i]
		if !n.Roles.Has(role) || expired(n.Expires, v.now.at) {
			continue
		}
		switch v.isAmong(n.Who) {
		case yes:
			return n, yes
		case maybe:
			if found == nil {
				found = n
			}
		}
	}
	return found, maybe
}

// mayForbid are the principals of the nevers that stand against a role in an account, if they hold somebody.
func (v *view) mayForbid(account, role int) (who []int32) {
	for _, i := range v.class(account).NeverRules {
		if n := &v.neverRules[i]; n.Roles.Has(role) && !expired(n.Expires, v.now.at) {
			who = append(who, n.Who...)
		}
	}
	slices.Sort(who)
	return slices.Compact(who)
}

// ruling is what the rules say about one role in one account for one person.
//
// When something is not known there are several worlds, one for each way it
// could be. A rule binds when it would bind in any of them, and sets others
// aside only when it would bind in all of them: so what is not known adds
// conditions and never takes one away (POLICY 3 and 6).
type ruling struct {
	*view
	account, role int
	states        []ruleState // by rule, as far as they were asked
}

// ruleState is what is known of a rule.
type ruleState struct {
	matches belief // unasked until it was asked
	binds   bool   // it is in force in some world
	sure    bool   // it is in force in every world
}

func (v *view) ruling(account, role int) ruling {
	return ruling{view: v, account: account, role: role, states: make([]ruleState, len(v.rules))}
}

// state judges a rule, and before it those that could set it aside. The
// compiler has refused circles.
func (r *ruling) state(i int32) ruleState {
	if s := r.states[i]; s.matches != unasked {
		return s
	}
	s := ruleState{matches: r.matches(i)}
	s.binds, s.sure = s.matches != no, s.matches == yes
	for _, setter := range r.rules[i].SetAsideBy {
		if !s.binds {
			break
		}
		above := r.state(setter)
		s.binds = s.binds && !above.sure
		s.sure = s.sure && !above.binds
	}
	r.states[i] = s
	return s
}

// matches says whether a rule matches, set aside or not (POLICY 2).
func (r *ruling) matches(i int32) belief {
	one := &r.rules[i]
	if expired(one.Expires, r.now.at) || !contains(r.class(r.account).Rules, i) || !one.Roles.Has(r.role) {
		return no
	}
	return r.isAmong(one.Who)
}

// binding returns the rules that bind, in the order of the file, and the best
// that is known of any rule that matches: only a yes allows.
func (r *ruling) binding() (rules []int32, allows belief) {
	allows = no
	for _, i := range r.class(r.account).Rules {
		if !r.rules[i].Roles.Has(r.role) {
			continue
		}
		s := r.state(i)
		allows = max(allows, s.matches)
		if s.binds {
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
