package compiler

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	yaml "go.yaml.in/yaml/v4"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/internal/bitset"
	"github.com/aws-access/aws-access/pkg/policy/packed"
)

// Options is what compiling needs beside the file.
type Options struct {
	Bastion string                            // account id that is never a target; "" is not checked
	Now     time.Time                         // for warnings about what has expired
	Read    func(name string) ([]byte, error) // reads the file of accounts_from, a path beside the policy's; nil: there is none
}

// Compile reads a policy file; file is its name in messages. It reports all
// that is wrong in one run: the error is Problems, and then there is no policy.
// Warnings are worth a second look and never a reason not to start.
func Compile(file string, src []byte, o Options) (*policy.Policy, []Problem, error) {
	c := compiler{reader: reader{file: file}, options: o}
	c.compile(src)
	sortProblems(c.problems)
	sortProblems(c.warnings)
	if len(c.problems) > 0 {
		return nil, c.warnings, Problems(c.problems)
	}
	c.policy.Packed = string(packed.Encode(&c.policy))
	p, err := policy.New(c.policy)
	if err != nil {
		return nil, c.warnings, fmt.Errorf("compile %s, which is a bug in this program: %w", file, err)
	}
	return p, c.warnings, nil
}

// everybody is the word for every full member of the workspace.
const everybody = "everyone"

// compiler looks up the names of a draft, and makes a policy of it.
type compiler struct {
	reader
	options Options
	draft   draft
	policy  policy.Definition
	// accounts are the drafts of policy.Accounts, in the same order.
	accounts []accountDraft

	beside *reader          // of the file of accounts_from, nil if there is none
	groups map[string]int32 // principals by the name of a group
	people map[string]int32 // principals by an address or a Slack id that stands by itself
	ruleAt map[string]int32 // rules by name
	index  accountIndex
}

func (c *compiler) compile(src []byte) {
	root := c.open(src)
	if root == nil {
		return
	}
	c.draft = c.reader.policy(root)
	c.policy.Settings = c.draft.settings
	c.linkRoles()
	c.linkAccounts()
	c.linkGroups()
	c.warnAlike()
	c.linkRules()
	c.linkNevers()
	c.linkInsteadOf()
	c.warnExpiry()
	if c.beside != nil {
		c.problems = append(c.problems, c.beside.problems...)
		c.warnings = append(c.warnings, c.beside.warnings...)
	}
	if len(c.problems) > 0 {
		return
	}
	c.classify()
	c.sortIndexes()
}

func (c *compiler) linkRoles() {
	p := &c.policy
	for _, d := range c.draft.roles {
		p.Roles = append(p.Roles, d.role)
	}
	if c.draft.rolesAt != nil && len(p.Roles) == 0 && len(c.problems) == 0 {
		c.wrong(c.draft.rolesAt, "there are no roles; write at least one: ReadOnly: {about: …}")
	}
}

func (c *compiler) roleNames() []string {
	names := make([]string, len(c.policy.Roles))
	for i, r := range c.policy.Roles {
		names[i] = r.Name
	}
	return names
}

// rolesOf looks up names and patterns of roles.
func (c *compiler) rolesOf(nodes []*yaml.Node, in *reader) bitset.Set {
	all := bitset.New(len(c.policy.Roles))
	if len(c.policy.Roles) == 0 {
		return all
	}
	for _, n := range nodes {
		found := false
		for i, r := range c.policy.Roles {
			if matches(n.Value, r.Name) {
				all.Add(i)
				found = true
			}
		}
		if !found {
			in.wrong(n, "no role is called %s; %s", quoted(n.Value), instead(n.Value, c.roleNames()))
		}
	}
	return all
}

func (c *compiler) linkGroups() {
	c.groups = make(map[string]int32, len(c.draft.groups))
	c.people = make(map[string]int32)
	for _, d := range c.draft.groups {
		c.groups[d.principal.Name] = c.addPrincipal(d.principal)
	}
}

func (c *compiler) addPrincipal(x policy.Principal) int32 {
	c.policy.Principals = append(c.policy.Principals, x)
	return index(len(c.policy.Principals) - 1)
}

// principalsOf looks up who, from and by.
func (c *compiler) principalsOf(nodes []*yaml.Node) (all []int32) {
	for _, n := range nodes {
		if i, ok := c.principal(n.Value); ok {
			all = append(all, i)
			continue
		}
		names := make([]string, 0, len(c.draft.groups)+1)
		for _, g := range c.draft.groups {
			names = append(names, g.principal.Name)
		}
		hint := instead(n.Value, append(names, everybody))
		if strings.Index(n.Value, "@") > 0 {
			hint = whoInstead(n.Value)
		}
		c.wrong(n, "%s is not a group, an e-mail address or a Slack user id; %s", quoted(n.Value), hint)
	}
	return all
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
	case text == everybody:
		x.Kind = policy.Everyone
	case address(text):
		x.Addresses = []string{key}
	case access.IsPerson(text):
		x.IDs = []string{text}
	default:
		return 0, false
	}
	c.people[key] = c.addPrincipal(x)
	return c.people[key], true
}

func values(nodes []*yaml.Node) []string {
	all := make([]string, len(nodes))
	for i, n := range nodes {
		all[i] = n.Value
	}
	return all
}

// linkRules makes rules of their drafts.
func (c *compiler) linkRules() {
	c.ruleAt = make(map[string]int32, len(c.draft.rules))
	names := make(map[string]int)
	for i := range c.draft.rules {
		d := &c.draft.rules[i]
		one := d.rule
		one.Line, one.Col = d.at.Line, d.at.Column
		c.named(d, names)
		one.Who = c.principalsOf(d.who)
		d.holds, _ = c.accountsOf(d.accounts)
		one.Roles = c.rolesOf(d.roles, &c.reader)
		c.reachable(d, one.Roles)
		for _, need := range d.needs {
			one.Requirements = append(one.Requirements, policy.Requirement{
				From: values(need.from), Approver: c.principalsOf(need.from), Required: need.need,
			})
		}
		c.checkRequirements(d, one.Requirements)
		if d.reviewers != nil {
			one.Review = &access.Review{By: values(d.reviewers), Within: d.within}
			one.Reviewers = c.principalsOf(d.reviewers)
		}
		if one.Channels == nil && c.policy.Settings.Channel != "" {
			one.Channels = []string{c.policy.Settings.Channel}
		}
		if one.Channels == nil && !c.draft.channel {
			c.wrong(d.at, "no channel is set for the cards of this rule; write settings: {channel: C…}, or card: [C…] "+
				"in the rule")
		}
		if one.Name != "" {
			c.ruleAt[one.Name] = index(i)
		}
		c.policy.Rules = append(c.policy.Rules, one)
	}
}

// named refuses a name that stands twice, among rules and nevers together.
func (c *compiler) named(d *ruleDraft, seen map[string]int) {
	if d.rule.Name == "" {
		return
	}
	if line, twice := seen[d.rule.Name]; twice {
		c.wrong(d.at, "the name %s is already used in line %d; choose another name", quoted(d.rule.Name), line)
		return
	}
	seen[d.rule.Name] = d.at.Line
}

// reachable refuses a rule whose accounts have none of its roles.
func (c *compiler) reachable(d *ruleDraft, roles bitset.Set) {
	if d.holds.Empty() || roles.Empty() {
		return // said already, with the name that is wrong
	}
	found := false
	d.holds.Each(func(i int) bool {
		found = c.accounts[i].roleSet.Overlaps(roles)
		return !found
	})
	if !found {
		c.wrong(d.at, "this can never match, because none of its accounts has any of its roles; change the accounts or "+
			"the roles, or remove the entry")
	}
}

func (c *compiler) linkNevers() {
	names := make(map[string]int)
	for i := range c.draft.rules {
		names[c.draft.rules[i].rule.Name] = c.draft.rules[i].at.Line
	}
	for i := range c.draft.nevers {
		d := &c.draft.nevers[i]
		c.named(d, names)
		yes, may := c.accountsOf(d.accounts)
		n := policy.NeverRule{
			Name: d.rule.Name, Line: d.at.Line, Col: d.at.Column, Who: c.principalsOf(d.who), Say: d.say,
			Expires: d.rule.Expires,
		}
		d.holds = yes.Clone()
		d.holds.AddAll(may)
		n.Roles = c.rolesOf(d.roles, &c.reader)
		if !yes.Empty() {
			c.reachable(d, n.Roles)
		}
		c.policy.NeverRules = append(c.policy.NeverRules, n)
	}
}

// linkInsteadOf looks up what each rule sets aside, and refuses circles.
func (c *compiler) linkInsteadOf() {
	var names []string
	for i := range c.policy.Rules {
		names = append(names, c.policy.Rules[i].Name)
	}
	for i := range c.draft.rules {
		for _, n := range c.draft.rules[i].insteadOf {
			target, ok := c.ruleAt[n.Value]
			if !ok {
				c.wrong(n, "no rule is called %s; %s", quoted(n.Value), instead(n.Value, names))
				continue
			}
			set := &c.policy.Rules[target].SetAsideBy
			*set = append(*set, index(i))
		}
	}
	circles{compiler: c, marks: make([]mark, len(c.draft.rules))}.find()
}

// mark says how far a rule was followed.
type mark uint8

const (
	fresh mark = iota
	open
	done
)

// circles walks along instead_of.
type circles struct {
	*compiler
	marks []mark
	path  []int32
}

func (s circles) find() {
	for i := range s.marks {
		s.follow(index(i))
	}
}

func (s *circles) follow(i int32) {
	if s.marks[i] == done {
		return
	}
	s.marks[i] = open
	s.path = append(s.path, i)
	for _, n := range s.draft.rules[i].insteadOf {
		target, ok := s.ruleAt[n.Value]
		switch {
		case !ok:
		case s.marks[target] == open:
			s.wrong(n, "the instead_of references form a circle: %s; remove one of them", s.circle(target))
		default:
			s.follow(target)
		}
	}
	s.path = s.path[:len(s.path)-1]
	s.marks[i] = done
}

// circle is the way from a rule back to itself.
func (s *circles) circle(from int32) string {
	var names []string
	for i := len(s.path) - 1; i >= 0; i-- {
		names = append([]string{quoted(s.policy.Rules[s.path[i]].Name)}, names...)
		if s.path[i] == from {
			break
		}
	}
	return strings.Join(append(names, names[0]), " → ")
}

// accountsFile reads the accounts of another file, beside the policy.
func (c *compiler) accountsFile(n *yaml.Node) {
	name, ok := c.text(n, "accounts_from")
	n = resolve(n)
	switch {
	case !ok:
		return
	case !filepath.IsLocal(name):
		c.wrong(n, "accounts_from cannot be %s; write the path of a file next to the policy", quoted(name))
		return
	case c.options.Read == nil:
		c.wrong(n, "accounts_from cannot be used here, because no other file can be read; write accounts: […] in the policy")
		return
	}
	path := filepath.Join(filepath.Dir(c.file), name)
	src, err := c.options.Read(path)
	if err != nil {
		c.wrong(n, "the file in accounts_from cannot be read (%v); write the path of a file next to the policy", err)
		return
	}
	c.beside = &reader{file: path}
	c.draft.accounts = c.beside.accountsOnly(src)
}

// accountsOnly reads a file that is a list of accounts, or a map with accounts
// as its one key.
func (r *reader) accountsOnly(src []byte) (all []accountDraft) {
	root := r.open(src)
	if root == nil {
		return nil
	}
	if resolve(root).Kind == yaml.SequenceNode {
		return r.accounts(root)
	}
	r.object(root, "the file of accounts", field{"accounts", true, func(n *yaml.Node) { all = r.accounts(n) }})
	return all
}
