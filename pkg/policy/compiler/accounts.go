package compiler

import (
	"cmp"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/internal/bitset"
)

// linkAccounts makes accounts of their drafts, sorted by name.
func (c *compiler) linkAccounts() {
	switch d := &c.draft; {
	case d.accountsFrom != nil && d.accountsAt != nil:
		c.wrong(d.accountsFrom, "the policy has both accounts and accounts_from; keep one of them")
	case d.accountsFrom != nil:
		c.accountsFile(d.accountsFrom)
	case d.accountsAt == nil:
		c.wrong(d.rootAt, "the policy has no accounts; write accounts: […] or accounts_from: accounts.yaml")
	}
	c.checkAccounts()
	drafts := c.draft.accounts
	slices.SortStableFunc(drafts, func(a, b accountDraft) int {
		return cmp.Or(cmp.Compare(strings.ToLower(a.name), strings.ToLower(b.name)), cmp.Compare(a.name, b.name))
	})
	p := &c.policy
	p.Accounts = make([]policy.Account, 0, len(drafts))
	for i, d := range drafts {
		p.Accounts = append(p.Accounts, policy.Account{Account: access.Account{ID: d.id, Name: d.name}})
		drafts[i].roleSet = c.rolesIn(d)
	}
	c.accounts = drafts
	c.index = newAccountIndex(drafts)
}

// rolesIn are the roles of the catalogue that an account has.
func (c *compiler) rolesIn(d accountDraft) bitset.Set {
	if d.roles != nil {
		return c.rolesOf(d.roles, d.in)
	}
	all := bitset.New(len(c.policy.Roles))
	for i := range c.policy.Roles {
		all.Add(i)
	}
	return all
}

// judgeAccounts refuses the bastion, and ids and names that stand twice, in
// the order of the file.
func (c *compiler) checkAccounts() {
	ids, names := make(map[string]int), make(map[string]int)
	for _, d := range c.draft.accounts {
		folded := strings.ToLower(d.name)
		if line, twice := ids[d.id]; twice && d.id != "" {
			d.in.wrong(d.idAt, "the account %s is already in line %d; keep one of them", d.id, line)
		}
		if line, twice := names[folded]; twice && folded != "" {
			d.in.wrong(d.nameAt, "the account name %s is already used in line %d; choose another name", quoted(d.name), line)
		}
		if d.id != "" && d.id == c.options.Bastion {
			d.in.wrong(d.idAt, "the account %s is the bastion, which cannot be a target; remove it", d.id)
		}
		ids[d.id], names[folded] = d.idAt.Line, d.nameAt.Line
	}
}

// accountIndex finds accounts by what they have. Conditions are looked up
// once, however many rules have them.
type accountIndex struct {
	accounts []accountDraft
	tags     map[string]map[string][]int // accounts by tag and value
	units    map[string][]int            // accounts by organisational unit
	known    map[condition]answers
}

// condition is one entry of a map that describes accounts.
type condition struct{ key, pattern string }

// answers are the accounts of which a condition is true, and those that have
// nothing to compare it with.
type answers struct{ yes, lacking bitset.Set }

func newAccountIndex(accounts []accountDraft) accountIndex {
	x := accountIndex{accounts: accounts, tags: make(map[string]map[string][]int), units: make(map[string][]int), known: make(map[condition]answers)}
	for i := range accounts {
		if unit := accounts[i].unit; unit != "" {
			x.units[unit] = append(x.units[unit], i)
		}
		for key, value := range accounts[i].tags {
			if x.tags[key] == nil {
				x.tags[key] = make(map[string][]int)
			}
			x.tags[key][value] = append(x.tags[key][value], i)
		}
	}
	return x
}

func (x *accountIndex) answer(c condition) answers {
	if known, ok := x.known[c]; ok {
		return known
	}
	a := answers{bitset.New(len(x.accounts)), bitset.New(len(x.accounts))}
	switch c.key {
	case "id":
		x.compare(a.yes, c.pattern, func(one *accountDraft) string { return one.id })
	case "name":
		x.compare(a.yes, c.pattern, func(one *accountDraft) string { return one.name })
	case "ou":
		x.collect(a, x.units, func(unit string) bool { return matchesUnit(c.pattern, unit) })
	default:
		x.collect(a, x.tags[c.key], func(value string) bool { return matches(c.pattern, value) })
	}
	x.known[c] = a
	return a
}

func (x *accountIndex) compare(yes bitset.Set, pattern string, of func(*accountDraft) string) {
	for i := range x.accounts {
		if matches(pattern, of(&x.accounts[i])) {
			yes.Add(i)
		}
	}
}

func (x *accountIndex) collect(a answers, by map[string][]int, fits func(string) bool) {
	for i := range x.accounts {
		a.lacking.Add(i)
	}
	for value, accounts := range by {
		fit := fits(value)
		for _, i := range accounts {
			a.lacking.Remove(i)
			if fit {
				a.yes.Add(i)
			}
		}
	}
}

// keys are what a map may ask of accounts.
func (x *accountIndex) keys() []string {
	keys := slices.Clone(reserved)
	for key := range x.tags {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func (x *accountIndex) values(key string) (values []string) {
	for value := range x.tags[key] {
		values = append(values, value)
	}
	if key == "ou" {
		for unit := range x.units {
			values = append(values, unit)
		}
	}
	slices.Sort(values)
	return values
}

// accountsOf looks up the accounts of a rule: those that some entry describes,
// and with them those that one may describe, because they lack a tag that it
// asks for.
func (c *compiler) accountsOf(nodes []*yaml.Node) (yes, may bitset.Set) {
	yes, may = bitset.New(len(c.policy.Accounts)), bitset.New(len(c.policy.Accounts))
	for _, n := range nodes {
		n = resolve(n)
		if n.Kind == yaml.MappingNode {
			a := c.described(n)
			yes.AddAll(a.yes)
			may.AddAll(a.lacking)
			continue
		}
		yes.AddAll(c.called(n))
	}
	return yes, may
}

// called looks up an id, a name, or a name with stars.
func (c *compiler) called(n *yaml.Node) bitset.Set {
	none := bitset.New(len(c.policy.Accounts))
	text, ok := c.accountText(n, "an account")
	if !ok {
		return none
	}
	by := condition{"name", text}
	if accountID(text) {
		by.key = "id"
	}
	found := c.index.answer(by).yes
	switch {
	case !found.Empty() || len(c.policy.Accounts) == 0:
	case wild(text):
		c.wrong(n, "no account name matches %s; write a pattern that matches one", quoted(text))
	default:
		var names []string
		for i := range c.policy.Accounts {
			names = append(names, c.policy.Accounts[i].Name)
		}
		c.wrong(n, "no account is called %s; %s", quoted(text), instead(text, names))
	}
	return found
}

// accountText reads text that may be an account id without quotes.
func (c *compiler) accountText(n *yaml.Node, what string) (string, bool) {
	n = resolve(n)
	if n.Kind == yaml.ScalarNode && n.Style == 0 && accountID(n.Value) {
		return c.accountID(n), true
	}
	return c.text(n, what)
}

// described looks up a map, all of which must be true of an account. Lacking
// are here those of which all is true or not known.
func (c *compiler) described(n *yaml.Node) answers {
	all := answers{bitset.New(len(c.policy.Accounts)), bitset.New(len(c.policy.Accounts))}
	if len(n.Content) == 0 || !c.plainTag(n) {
		c.wrong(n, "an account has no conditions; write a tag, ou, name or id, or \"*\" for every account")
		return all
	}
	for i := range c.policy.Accounts {
		all.yes.Add(i)
	}
	all.lacking.AddAll(all.yes)
	c.pairs(n, "an account", func(key, value *yaml.Node) {
		a, ok := c.condition(key, value)
		if !ok {
			return
		}
		all.yes.Intersect(a.yes)
		may := a.yes.Clone()
		may.AddAll(a.lacking)
		all.lacking.Intersect(may)
	})
	if all.yes.Empty() && len(c.policy.Accounts) > 0 {
		c.wrong(n, "no account meets all of these conditions; remove one of them")
	}
	return all
}

// condition looks up one entry of a map; ok is false when it fits no account.
func (c *compiler) condition(key, value *yaml.Node) (answers, bool) {
	text, ok := c.accountText(value, quoted(key.Value))
	if !ok {
		return answers{}, false
	}
	if key.Value == "ou" {
		text = strings.Trim(text, "/")
	}
	a := c.index.answer(condition{key.Value, text})
	if !a.yes.Empty() || len(c.policy.Accounts) == 0 {
		return a, true
	}
	isTag := !slices.Contains(reserved, key.Value)
	switch _, has := c.index.tags[key.Value]; {
	case isTag && !has:
		c.wrong(key, "no account has a tag %s; %s", quoted(key.Value), instead(key.Value, c.index.keys()))
	case key.Value == "id" || key.Value == "name":
		c.wrong(resolve(value), "no account has the %s %s; write one that exists", key.Value, quoted(text))
	default:
		c.wrong(resolve(value), "no account has %s: %s; %s", key.Value, quoted(text), instead(text, c.index.values(key.Value)))
	}
	return a, false
}
