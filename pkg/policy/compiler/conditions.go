package compiler

import (
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"github.com/aws-access/aws-access/pkg/policy/internal/bitset"
)

// conditionIndex finds accounts by their properties. Each condition is looked up once, however many
// rules have it.
type conditionIndex struct {
	accounts []accountDraft
	tags     map[string]map[string][]int // accounts by tag and value
	units    map[string][]int            // accounts by organisational unit
	known    map[condition]matchingAccounts
}

// condition is one entry of a map that describes accounts, such as env: prod.
type condition struct{ key, pattern string }

// matchingAccounts are the accounts for which a condition is true, and those for which it is
// unknown because they do not have the property.
type matchingAccounts struct{ matching, unknown bitset.Set }

func newConditionIndex(accounts []accountDraft) conditionIndex {
	x := conditionIndex{
		accounts: accounts, tags: make(map[string]map[string][]int), units: make(map[string][]int),
		known: make(map[condition]matchingAccounts),
	}
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

func (x *conditionIndex) find(c condition) matchingAccounts {
	if known, ok := x.known[c]; ok {
		return known
	}
	found := matchingAccounts{bitset.New(len(x.accounts)), bitset.New(len(x.accounts))}
	switch c.key {
	case "id":
		x.compare(found.matching, c.pattern, func(a *accountDraft) string { return a.id })
	case "name":
		x.compare(found.matching, c.pattern, func(a *accountDraft) string { return a.name })
	case "ou":
		x.collect(found, x.units, func(unit string) bool { return matchesUnit(c.pattern, unit) })
	default:
		x.collect(found, x.tags[c.key], func(value string) bool { return matches(c.pattern, value) })
	}
	x.known[c] = found
	return found
}

func (x *conditionIndex) compare(matching bitset.Set, pattern string, property func(*accountDraft) string) {
	for i := range x.accounts {
		if matches(pattern, property(&x.accounts[i])) {
			matching.Add(i)
		}
	}
}

func (x *conditionIndex) collect(found matchingAccounts, byValue map[string][]int, fits func(string) bool) {
	for i := range x.accounts {
		found.unknown.Add(i)
	}
	for value, accounts := range byValue {
		fit := fits(value)
		for _, i := range accounts {
			found.unknown.Remove(i)
			if fit {
				found.matching.Add(i)
			}
		}
	}
}

// keys lists the keys that a map of conditions may have.
func (x *conditionIndex) keys() []string {
	keys := slices.Clone(reservedKeys)
	for key := range x.tags {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

func (x *conditionIndex) values(key string) (values []string) {
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

// accountsOf looks up the accounts of a rule: those that some entry describes, and those that an
// entry might describe, because they lack a tag or an organisational unit that it names.
func (c *compiler) accountsOf(nodes []*yaml.Node) (matching, unknown bitset.Set) {
	matching, unknown = bitset.New(len(c.policy.Accounts)), bitset.New(len(c.policy.Accounts))
	for _, n := range nodes {
		n = resolve(n)
		if n.Kind == yaml.MappingNode {
			found := c.accountsWith(n)
			matching.AddAll(found.matching)
			unknown.AddAll(found.unknown)
			continue
		}
		matching.AddAll(c.accountsNamed(n))
	}
	return matching, unknown
}

// accountsNamed looks up an id, a name, or a name with stars.
func (c *compiler) accountsNamed(n *yaml.Node) bitset.Set {
	text, ok := c.accountText(n, "an account")
	if !ok {
		return bitset.New(len(c.policy.Accounts))
	}
	by := condition{"name", text}
	if isAccountID(text) {
		by.key = "id"
	}
	found := c.conditions.find(by).matching
	switch {
	case !found.Empty() || len(c.policy.Accounts) == 0:
	case hasStar(text):
		c.errorf(n, "no account name matches %s; write a pattern that matches one", quoted(text))
	default:
		var names []string
		for i := range c.policy.Accounts {
			names = append(names, c.policy.Accounts[i].Name)
		}
		c.errorf(n, "no account is called %s; %s", quoted(text), instead(text, names))
	}
	return found
}

// accountText reads text that may be an account id without quotes.
func (c *compiler) accountText(n *yaml.Node, what string) (string, bool) {
	n = resolve(n)
	if n.Kind == yaml.ScalarNode && n.Style == 0 && isAccountID(n.Value) {
		return c.accountID(n), true
	}
	return c.text(n, what)
}

// accountsWith looks up a map of conditions, all of which must be true of an account. An account is
// unknown if each condition is true or unknown.
func (c *compiler) accountsWith(n *yaml.Node) matchingAccounts {
	all := matchingAccounts{bitset.New(len(c.policy.Accounts)), bitset.New(len(c.policy.Accounts))}
	if len(n.Content) == 0 || !c.checkTag(n) {
		c.errorf(n, "an account has no conditions; write a tag, ou, name or id, or \"*\" for every account")
		return all
	}
	for i := range c.policy.Accounts {
		all.matching.Add(i)
	}
	all.unknown.AddAll(all.matching)
	c.pairs(n, "an account", func(key, value *yaml.Node) {
		found, ok := c.condition(key, value)
		if !ok {
			return
		}
		all.matching.Intersect(found.matching)
		possible := found.matching.Clone()
		possible.AddAll(found.unknown)
		all.unknown.Intersect(possible)
	})
	if all.matching.Empty() && len(c.policy.Accounts) > 0 {
		c.errorf(n, "no account meets all of these conditions; remove one of them")
	}
	return all
}

// condition looks up one entry of a map; ok is false if it fits no account.
func (c *compiler) condition(key, value *yaml.Node) (found matchingAccounts, ok bool) {
	text, ok := c.accountText(value, quoted(key.Value))
	if !ok {
		return matchingAccounts{}, false
	}
	if key.Value == "ou" {
		text = strings.Trim(text, "/")
	}
	found = c.conditions.find(condition{key.Value, text})
	if !found.matching.Empty() || len(c.policy.Accounts) == 0 {
		return found, true
	}
	isTag := !slices.Contains(reservedKeys, key.Value)
	switch _, has := c.conditions.tags[key.Value]; {
	case isTag && !has:
		c.errorf(key, "no account has a tag %s; %s", quoted(key.Value), instead(key.Value, c.conditions.keys()))
	case key.Value == "id" || key.Value == "name":
		c.errorf(resolve(value), "no account has the %s %s; write one that exists", key.Value, quoted(text))
	default:
		c.errorf(resolve(value), "no account has %s: %s; %s", key.Value, quoted(text),
			instead(text, c.conditions.values(key.Value)))
	}
	return found, false
}
