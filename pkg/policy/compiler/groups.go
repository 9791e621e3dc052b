package compiler

import (
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
)

// everyone is the word for every full member of the workspace.
const everyone = "everyone"

func (r *reader) groups(n *yaml.Node, d *draft) {
	r.entries(n, "groups", func(name string, key, value *yaml.Node) {
		if name == everyone || strings.Contains(name, "@") || access.IsPerson(name) {
			r.errorf(key, "a group cannot be called %s, because rules read that as the people themselves; choose "+
				"another name", quoted(name))
		}
		g := groupDraft{node: key, principal: policy.Principal{Name: name, Kind: policy.Named}}
		isMap := object(r, value, "the group "+quoted(name), groupKeys, &g)
		if isMap && g.sources != 1 {
			r.errorf(key, "the group %s has %d sources; write exactly one of slack, people, aws_roles and oidc", quoted(name),
				g.sources)
		}
		d.groups = append(d.groups, g)
	})
}

func (r *reader) slackGroup(n *yaml.Node, g *groupDraft) {
	g.sources++
	g.principal.Kind = policy.SlackGroup
	g.principal.Group = r.word(n, "slack", access.IsUserGroup, "the id of a Slack user group, like S0PAYMENTS")
}

func (r *reader) pagerdutyGroup(n *yaml.Node, g *groupDraft) {
	g.sources++
	r.errorf(resolve(n), "groups of the kind pagerduty are not supported; write slack: with the id of a Slack user "+
		"group, or people: with a list of people")
}

// peopleGroup reads the members of a group that are written out.
func (r *reader) peopleGroup(n *yaml.Node, g *groupDraft) {
	g.sources++
	seen := make(map[string]bool)
	for _, entry := range r.list(n, "people") {
		text, ok := r.text(entry, "an entry of people")
		entry = resolve(entry)
		folded := access.FoldEmail(text)
		switch {
		case !ok:
		case seen[folded]:
			r.errorf(entry, "%s is in the group %s twice; remove one of them", quoted(text), quoted(g.principal.Name))
		case isAddress(text):
			g.principal.Addresses = append(g.principal.Addresses, folded)
		case access.IsPerson(text):
			g.principal.IDs = append(g.principal.IDs, text)
		default:
			r.errorf(entry, "%s does not name a person; %s", quoted(text), personInstead(text))
		}
		seen[folded] = true
	}
}

func (c *compiler) linkGroups() {
	c.groups = make(map[string]int32, len(c.draft.groups))
	c.people = make(map[string]int32)
	for _, d := range c.draft.groups {
		c.checkNoTargets(&d)
		c.groups[d.principal.Name] = c.addPrincipal(d.principal)
	}
}

func (c *compiler) addPrincipal(x policy.Principal) int32 {
	c.policy.Principals = append(c.policy.Principals, x)
	return index(len(c.policy.Principals) - 1)
}

// principalsOf looks up the entries of who, from or by.
func (c *compiler) principalsOf(nodes []*yaml.Node) (all []int32) {
	for _, n := range nodes {
		if i, ok := c.principal(n.Value); ok {
			all = append(all, i)
			continue
		}
		hint := personInstead(n.Value)
		if strings.Index(n.Value, "@") <= 0 {
			names := make([]string, 0, len(c.draft.groups)+1)
			for _, g := range c.draft.groups {
				names = append(names, g.principal.Name)
			}
			hint = instead(n.Value, append(names, everyone))
		}
		c.errorf(n, "%s is not a group, an e-mail address or a Slack user id; %s", quoted(n.Value), hint)
	}
	return all
}

// peopleOf looks up the entries of from or by, which people alone can be: machines never approve and
// never review.
func (c *compiler) peopleOf(nodes []*yaml.Node, what string) []int32 {
	for _, n := range nodes {
		if i, ok := c.groups[n.Value]; ok && c.policy.Principals[i].Kind.HasMachines() {
			c.errorf(n, "%s has machines, and machines never %s; name people", quoted(n.Value), what)
		}
	}
	return c.principalsOf(nodes)
}

func (c *compiler) principal(text string) (int32, bool) {
	if i, ok := c.groups[text]; ok {
		return i, true
	}
	key := access.FoldEmail(text)
	if i, ok := c.people[key]; ok {
		return i, true
	}
	x := policy.Principal{Name: text, Kind: policy.Named}
	switch {
	case text == everyone:
		x.Kind = policy.Everyone
	case isAddress(text):
		x.Addresses = []string{key}
	case access.IsPerson(text):
		x.IDs = []string{text}
	default:
		return 0, false
	}
	c.people[key] = c.addPrincipal(x)
	return c.people[key], true
}
