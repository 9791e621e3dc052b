package compiler

import (
	"time"

	yaml "go.yaml.in/yaml/v4"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/internal/bitset"
)

func (r *reader) rules(n *yaml.Node, d *draft) {
	for _, entry := range r.ruleList(n, "rules") {
		one := ruleDraft{node: resolve(entry)}
		one.rule.GiveConsole, one.rule.GiveKeys = true, true
		object(r, entry, "a rule", ruleKeys, &one)
		d.rules = append(d.rules, one)
	}
}

func (r *reader) neverRules(n *yaml.Node, d *draft) {
	for _, entry := range r.ruleList(n, "never") {
		one := ruleDraft{node: resolve(entry)}
		object(r, entry, "a never rule", neverRuleKeys, &one)
		d.neverRules = append(d.neverRules, one)
	}
}

// ruleList reads a list that may be empty: [] says explicitly that there are no rules.
func (r *reader) ruleList(n *yaml.Node, what string) []*yaml.Node {
	if n = resolve(n); n.Kind == yaml.SequenceNode && len(n.Content) == 0 {
		return nil
	}
	return r.list(n, what)
}

func (r *reader) ruleName(n *yaml.Node, d *ruleDraft) {
	if d.rule.Name = r.name(n, "the name of a rule"); d.rule.Name != "" {
		d.node = resolve(n)
	}
}

// approvals reads "none", or the requirements of a rule.
func (r *reader) approvals(n *yaml.Node, d *ruleDraft) {
	n = resolve(n)
	if n.Kind == yaml.ScalarNode && n.Value == "none" {
		return
	}
	if n.Kind == yaml.ScalarNode && !isNull(n) {
		r.errorf(n, "approvals cannot be %s; write none, or a list: [{from: [leads], need: 1}]", quoted(n.Value))
		return
	}
	for _, entry := range r.list(n, "approvals") {
		one := requirementDraft{node: resolve(entry)}
		object(r, entry, "an approval", approvalKeys, &one)
		d.requirements = append(d.requirements, one)
	}
}

// ask reads what must be written with a request. A reason is always required, so "reason" changes
// nothing.
func (r *reader) ask(n *yaml.Node, d *ruleDraft) {
	for _, entry := range r.texts(n, "ask") {
		switch entry.Value {
		case "ticket":
			d.rule.Ticket = true
		case "reason":
		default:
			r.errorf(entry, "ask cannot contain %s; %s", quoted(entry.Value),
				instead(entry.Value, []string{"reason", "ticket"}))
		}
	}
}

func (r *reader) give(n *yaml.Node, d *ruleDraft) {
	d.rule.GiveConsole, d.rule.GiveKeys = false, false
	for _, entry := range r.texts(n, "give") {
		switch access.Kind(entry.Value) {
		case access.Console:
			d.rule.GiveConsole = true
		case access.Keys:
			d.rule.GiveKeys = true
		default:
			r.errorf(entry, "give cannot contain %s; %s", quoted(entry.Value),
				instead(entry.Value, []string{"console", "keys"}))
		}
	}
}

func (r *reader) card(n *yaml.Node, d *ruleDraft) {
	for _, entry := range r.texts(n, "card") {
		if id := r.word(entry, "card", access.IsChannel, wantChannel); id != "" {
			d.rule.Channels = append(d.rule.Channels, id)
		}
	}
}

// expiry reads the last day on which a rule applies, and returns the end of that day in UTC.
func (r *reader) expiry(n *yaml.Node) time.Time {
	n = resolve(n)
	date, err := time.Parse(time.DateOnly, n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || date.Year() < 2000 {
		r.errorf(n, "expires is not a date; write the last day on which the rule applies, like 2027-03-31")
		return time.Time{}
	}
	return date.Add(24 * time.Hour)
}

// linkRules makes rules of their drafts.
func (c *compiler) linkRules() {
	c.rules = make(map[string]int32, len(c.draft.rules))
	lines := make(map[string]int)
	for i := range c.draft.rules {
		d := &c.draft.rules[i]
		one := d.rule
		one.Line, one.Col = d.node.Line, d.node.Column
		c.checkName(d, lines)
		one.Who = c.principalsOf(d.who)
		d.accountSet, _ = c.accountsOf(d.accounts)
		one.Roles = c.rolesOf(d.roles, &c.reader)
		c.checkCanMatch(d, one.Roles)
		for _, need := range d.requirements {
			one.Requirements = append(one.Requirements, policy.Requirement{
				From: values(need.from), Approver: c.peopleOf(need.from, "approve"), Required: need.need,
			})
		}
		c.checkRequirements(d, one.Requirements)
		c.checkGivesKeys(d, &one)
		if d.reviewers != nil {
			one.Review = &access.Review{By: values(d.reviewers), Within: d.within}
			one.Reviewers = c.peopleOf(d.reviewers, "review")
		}
		one.Channels = c.channelsOf(d)
		if one.Name != "" {
			c.rules[one.Name] = index(i)
		}
		c.policy.Rules = append(c.policy.Rules, one)
	}
}

func (c *compiler) channelsOf(d *ruleDraft) []string {
	switch {
	case d.rule.Channels != nil:
		return d.rule.Channels
	case c.policy.Settings.Channel != "":
		return []string{c.policy.Settings.Channel}
	case !c.draft.hasChannel:
		c.errorf(d.node, "no channel is set for the cards of this rule; write settings: {channel: C…}, or card: [C…] "+
			"in the rule")
	}
	return nil
}

// checkName refuses a name that is used twice, by rules and never rules together. lines has the line
// of each name so far.
func (c *compiler) checkName(d *ruleDraft, lines map[string]int) {
	if d.rule.Name == "" {
		return
	}
	if line, twice := lines[d.rule.Name]; twice {
		c.errorf(d.node, "the name %s is already used in line %d; choose another name", quoted(d.rule.Name), line)
		return
	}
	lines[d.rule.Name] = d.node.Line
}

// checkCanMatch refuses a rule whose accounts have none of its roles.
func (c *compiler) checkCanMatch(d *ruleDraft, roles bitset.Set) {
	if d.accountSet.Empty() || roles.Empty() {
		return // the wrong name is already reported
	}
	found := false
	d.accountSet.Each(func(i int) bool {
		found = c.accounts[i].roleSet.Overlaps(roles)
		return !found
	})
	if !found {
		c.errorf(d.node, "this can never match, because none of its accounts has any of its roles; change the "+
			"accounts or the roles, or remove the entry")
	}
}

func (c *compiler) linkNeverRules() {
	lines := make(map[string]int)
	for i := range c.draft.rules {
		lines[c.draft.rules[i].rule.Name] = c.draft.rules[i].node.Line
	}
	for i := range c.draft.neverRules {
		d := &c.draft.neverRules[i]
		c.checkName(d, lines)
		matching, unknown := c.accountsOf(d.accounts)
		n := policy.NeverRule{
			Name: d.rule.Name, Line: d.node.Line, Col: d.node.Column, Who: c.principalsOf(d.who), Say: d.say,
			Expires: d.rule.Expires,
		}
		// An account that lacks a tag could be one that is meant, so the never rule holds for it.
		d.accountSet = matching.Clone()
		d.accountSet.AddAll(unknown)
		n.Roles = c.rolesOf(d.roles, &c.reader)
		if !matching.Empty() {
			c.checkCanMatch(d, n.Roles)
		}
		c.policy.NeverRules = append(c.policy.NeverRules, n)
	}
}
