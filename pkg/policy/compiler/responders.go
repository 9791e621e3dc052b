package compiler

import (
	"strconv"
	"strings"
)

// linkResponders looks up the people who may revoke any grant. It warns if there are none.
func (c *compiler) linkResponders() {
	if !c.draft.hasResponders {
		c.warnNoResponders()
		return
	}
	if nodes := c.draft.responders; nodes != nil {
		c.policy.Responders = c.peopleOf(nodes, "revoke")
		c.policy.Settings.Responders = values(nodes)
	}
}

// warnNoResponders names the rules whose grants nobody could revoke: nobody approves them, and
// nobody reviews them.
func (c *compiler) warnNoResponders() {
	var rules []string
	for i := range c.policy.Rules {
		if one := &c.policy.Rules[i]; len(one.Requirements) == 0 && one.Review == nil {
			rules = append(rules, quoted(one.Name))
		}
	}
	at := c.draft.settingsNode
	if at == nil {
		at = c.draft.root
	}
	const write = "; write settings: {responders: [leads]}, with your own group"
	switch {
	case len(c.policy.Rules) == 0: // nothing is ever granted
	case len(rules) == 0:
		c.warnf(at, "there are no responders, so nobody can stop all access from Slack%s", write)
	default:
		c.warnf(at, "there are no responders, so nobody can stop all access from Slack, and nobody can revoke what these "+
			"rules grant: %s%s", listed(rules), write)
	}
}

// maxListed is how many names a warning lists.
const maxListed = 10

func listed(names []string) string {
	if more := len(names) - maxListed; more > 0 {
		return strings.Join(names[:maxListed], ", ") + " and " + strconv.Itoa(more) + " more"
	}
	return strings.Join(names, ", ")
}
