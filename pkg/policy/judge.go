package policy

import (
	"slices"
	"strings"
)

// judgeNeeds refuses requirements that the people whom the file names could
// never fill. Groups of Slack are not counted:
// their members change.
func (c *compiler) judgeNeeds(d *ruleDraft, needs []requirement) {
	var people []string
	can := make([][]string, len(needs))
	for k, need := range needs {
		named, known := c.writtenOut(need)
		if !known || len(need.from) == 0 || need.need == 0 {
			continue
		}
		can[k] = named
		for _, one := range named {
			if !slices.Contains(people, one) {
				people = append(people, one)
			}
		}
		who := strings.Join(need.names, ", ")
		switch {
		case len(named) < need.need:
			c.wrong(d.needs[k].at, "%d people from %s must approve, and there are only %d, so nobody can ever get this; name "+
				"more people, or ask for fewer", need.need, who, len(named))
			return
		case len(named) == need.need:
			c.warn(d.needs[k].at, "everybody in %s must approve, so none of them can ask for this; name one more person", who)
		}
	}
	counted := make([]requirement, len(needs))
	for k := range needs {
		if can[k] != nil {
			counted[k].need = needs[k].need
		}
	}
	_, all := match(counted, len(people), func(requirement, voice int) bool { return slices.Contains(can[requirement], people[voice]) })
	if !all {
		c.wrong(d.needs[0].at, "these approvals need more people than are named, because one person counts for one of "+
			"them only; name more people, or ask for fewer")
	}
}

// writtenOut are the people whom a requirement names, if it names people only.
func (c *compiler) writtenOut(need requirement) (people []string, known bool) {
	for _, i := range need.from {
		x := &c.policy.principals[i]
		if x.kind != named {
			return nil, false
		}
		for _, one := range slices.Concat(x.ids, x.addresses) {
			if !slices.Contains(people, one) {
				people = append(people, one)
			}
		}
	}
	return people, true
}

// warnExpiry warns of what has ended, and of ends that will make the policy
// looser: a never goes, or a condition that another rule does not have.
func (c *compiler) warnExpiry() {
	for i := range c.policy.nevers {
		n, at := &c.policy.nevers[i], c.draft.nevers[i].at
		switch {
		case n.expires.IsZero():
		case over(n.expires, c.options.Now):
			c.warn(at, "this never rule ended on %s; remove it, or write a later date", lastDay(n.expires))
		default:
			c.warn(at, "this never rule ends on %s, and other rules may then allow what it forbids; remove expires if you do "+
				"not want that", lastDay(n.expires))
		}
	}
	for i := range c.policy.rules {
		one, at := &c.policy.rules[i], c.draft.rules[i].at
		switch {
		case one.expires.IsZero():
		case over(one.expires, c.options.Now):
			c.warn(at, "this rule ended on %s; remove it, or write a later date", lastDay(one.expires))
		default:
			if other := c.loosened(i); other != nil {
				c.warn(at, "when this rule ends on %s, what %s allows has one condition less; add the condition there if it "+
					"should stay", lastDay(one.expires), quoted(other.name))
			}
		}
	}
}

// loosened is a rule that allows some of the same with fewer conditions, and
// goes on when a rule has ended.
func (c *compiler) loosened(ending int) *rule {
	one := &c.policy.rules[ending]
	for i := range c.policy.rules {
		other := &c.policy.rules[i]
		stays := other.expires.IsZero() || other.expires.After(one.expires)
		if i != ending && stays && one.stricter(other) && one.roles.meets(other.roles) && c.draft.rules[ending].holds.meets(c.draft.rules[i].holds) {
			return other
		}
	}
	return nil
}

// stricter reports whether a rule has a condition that another has not.
func (r *rule) stricter(other *rule) bool {
	for k := range kinds {
		if other.gives[k] && !r.gives[k] {
			return true
		}
	}
	for _, need := range r.needs {
		if !slices.ContainsFunc(other.needs, func(o requirement) bool { return o.need >= need.need && slices.Equal(o.from, need.from) }) {
			return true
		}
	}
	return r.max < other.max || r.ticket && !other.ticket || r.review != nil && other.review == nil
}
