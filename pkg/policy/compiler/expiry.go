package compiler

import (
	"slices"
	"time"

	"github.com/aws-access/aws-access/pkg/policy"
)

// warnExpiry warns about entries that have ended, and about ends that will make the policy looser:
// a never rule ends, or a condition that another rule does not have.
func (c *compiler) warnExpiry() {
	for i := range c.policy.NeverRules {
		n, node := &c.policy.NeverRules[i], c.draft.neverRules[i].node
		switch {
		case n.Expires.IsZero():
		case c.hasEnded(n.Expires):
			c.warnf(node, "this never rule ended on %s; remove it, or write a later date", lastDay(n.Expires))
		default:
			c.warnf(node, "this never rule ends on %s, and other rules may then allow what it forbids; remove expires "+
				"if you do not want that", lastDay(n.Expires))
		}
	}
	for i := range c.policy.Rules {
		one, node := &c.policy.Rules[i], c.draft.rules[i].node
		switch {
		case one.Expires.IsZero():
		case c.hasEnded(one.Expires):
			c.warnf(node, "this rule ended on %s; remove it, or write a later date", lastDay(one.Expires))
		default:
			if other := c.loosened(i); other != nil {
				c.warnf(node, "when this rule ends on %s, what %s allows has one condition less; add the condition there "+
					"if it should stay", lastDay(one.Expires), quoted(other.Name))
			}
		}
	}
}

func (c *compiler) hasEnded(expires time.Time) bool { return !c.options.Now.Before(expires) }

// lastDay returns the date of the last day before an expiry.
func lastDay(expires time.Time) string { return expires.Add(-24 * time.Hour).Format(time.DateOnly) }

// loosened returns a rule that allows some of the same as an ending rule, with fewer conditions, and
// that goes on after its end; nil if there is none.
func (c *compiler) loosened(ending int) *policy.Rule {
	one, accounts := &c.policy.Rules[ending], c.draft.rules[ending].accountSet
	for i := range c.policy.Rules {
		other := &c.policy.Rules[i]
		goesOn := other.Expires.IsZero() || other.Expires.After(one.Expires)
		if i != ending && goesOn && stricter(one, other) && one.Roles.Overlaps(other.Roles) &&
			accounts.Overlaps(c.draft.rules[i].accountSet) {
			return other
		}
	}
	return nil
}

// stricter reports whether a rule has a condition that another rule does not have.
func stricter(one, other *policy.Rule) bool {
	switch {
	case other.GiveConsole && !one.GiveConsole, other.GiveKeys && !one.GiveKeys:
		return true
	case one.Max < other.Max, one.Ticket && !other.Ticket, one.Review != nil && other.Review == nil:
		return true
	}
	return slices.ContainsFunc(one.Requirements, func(need policy.Requirement) bool {
		return !slices.ContainsFunc(other.Requirements, func(o policy.Requirement) bool {
			return o.Required >= need.Required && slices.Equal(o.Approver, need.Approver)
		})
	})
}
