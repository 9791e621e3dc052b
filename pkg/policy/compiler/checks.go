package compiler

import (
	"slices"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/internal/matching"
)

// judgeNeeds refuses requirements that the people whom the file names could
// never fill. Groups of Slack are not counted:
// their members change.
func (c *compiler) checkRequirements(d *ruleDraft, needs []policy.Requirement) {
	var people []string
	can := make([][]string, len(needs))
	for k, need := range needs {
		named, known := c.writtenOut(need)
		if !known || len(need.Approver) == 0 || need.Required == 0 {
			continue
		}
		can[k] = named
		for _, one := range named {
			if !slices.Contains(people, one) {
				people = append(people, one)
			}
		}
		who := strings.Join(need.From, ", ")
		switch {
		case len(named) < need.Required:
			c.wrong(d.needs[k].at, "%d people from %s must approve, and there are only %d, so nobody can ever get this; name "+
				"more people, or ask for fewer", need.Required, who, len(named))
			return
		case len(named) == need.Required:
			c.warn(d.needs[k].at, "everybody in %s must approve, so none of them can ask for this; name one more person", who)
		}
	}
	required := make([]int, len(needs))
	for k := range needs {
		if can[k] != nil {
			required[k] = needs[k].Required
		}
	}
	_, all := matching.Assign(required, len(people), func(requirement, person int) bool {
		return slices.Contains(can[requirement], people[person])
	})
	if !all {
		c.wrong(d.needs[0].at, "these approvals need more people than are named, because one person counts for one of "+
			"them only; name more people, or ask for fewer")
	}
}

// writtenOut are the people whom a requirement names, if it names people only.
func (c *compiler) writtenOut(need policy.Requirement) (people []string, known bool) {
	for _, i := range need.Approver {
		x := &c.policy.Principals[i]
		if x.Kind != policy.Named {
			return nil, false
		}
		for _, one := range slices.Concat(x.IDs, x.Addresses) {
			if !slices.Contains(people, one) {
				people = append(people, one)
			}
		}
	}
	return people, true
}

// lastDay is the date on which something that expires applies for the last time.
func lastDay(expires time.Time) string { return expires.Add(-24 * time.Hour).Format(time.DateOnly) }

// warnExpiry warns of what has ended, and of ends that will make the policy
// looser: a never goes, or a condition that another rule does not have.
func (c *compiler) warnExpiry() {
	for i := range c.policy.NeverRules {
		n, at := &c.policy.NeverRules[i], c.draft.nevers[i].at
		switch {
		case n.Expires.IsZero():
		case !c.options.Now.Before(n.Expires):
			c.warn(at, "this never rule ended on %s; remove it, or write a later date", lastDay(n.Expires))
		default:
			c.warn(at, "this never rule ends on %s, and other rules may then allow what it forbids; remove expires if you do "+
				"not want that", lastDay(n.Expires))
		}
	}
	for i := range c.policy.Rules {
		one, at := &c.policy.Rules[i], c.draft.rules[i].at
		switch {
		case one.Expires.IsZero():
		case !c.options.Now.Before(one.Expires):
			c.warn(at, "this rule ended on %s; remove it, or write a later date", lastDay(one.Expires))
		default:
			if other := c.loosened(i); other != nil {
				c.warn(at, "when this rule ends on %s, what %s allows has one condition less; add the condition there if it "+
					"should stay", lastDay(one.Expires), quoted(other.Name))
			}
		}
	}
}

// loosened is a rule that allows some of the same with fewer conditions, and
// goes on when a rule has ended.
func (c *compiler) loosened(ending int) *policy.Rule {
	one := &c.policy.Rules[ending]
	for i := range c.policy.Rules {
		other := &c.policy.Rules[i]
		stays := other.Expires.IsZero() || other.Expires.After(one.Expires)
		if i != ending && stays && stricter(one, other) && one.Roles.Overlaps(other.Roles) && c.draft.rules[ending].holds.Overlaps(c.draft.rules[i].holds) {
			return other
		}
	}
	return nil
}

// stricter reports whether a rule has a condition that another has not.
func stricter(r, other *policy.Rule) bool {
	if other.GiveConsole && !r.GiveConsole || other.GiveKeys && !r.GiveKeys {
		return true
	}
	for _, need := range r.Requirements {
		if !slices.ContainsFunc(other.Requirements, func(o policy.Requirement) bool {
			return o.Required >= need.Required && slices.Equal(o.Approver, need.Approver)
		}) {
			return true
		}
	}
	return r.Max < other.Max || r.Ticket && !other.Ticket || r.Review != nil && other.Review == nil
}
