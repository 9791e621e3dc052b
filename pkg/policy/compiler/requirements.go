package compiler

import (
	"slices"
	"strings"

	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/internal/matching"
)

// checkRequirements refuses requirements that the people in the file could never fill. Slack groups
// are not counted, because their members change.
func (c *compiler) checkRequirements(d *ruleDraft, needs []policy.Requirement) {
	var people []string
	can := make([][]string, len(needs)) // by requirement: the people who can fill it; nil: not counted
	for k, need := range needs {
		named, known := c.namedIn(need)
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
			c.errorf(d.requirements[k].node, "%d people from %s must approve, and there are only %d, so nobody can ever "+
				"get this; name more people, or ask for fewer", need.Required, who, len(named))
			return
		case len(named) == need.Required:
			c.warnf(d.requirements[k].node, "everybody in %s must approve, so none of them can ask for this; name one "+
				"more person", who)
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
		c.errorf(d.requirements[0].node, "these approvals need more people than are named, because one person counts "+
			"for one of them only; name more people, or ask for fewer")
	}
}

// namedIn returns the people whom a requirement names; known is false if it also names a group whose
// members Slack knows, or everyone.
func (c *compiler) namedIn(need policy.Requirement) (people []string, known bool) {
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
