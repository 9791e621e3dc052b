package compiler

import (
	"cmp"
	"slices"
	"strings"

	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/internal/bitset"
)

// classify puts the accounts into classes: accounts of one class have the same Region and roles,
// and the same rules hold for them.
func (c *compiler) classify() {
	type likeness struct {
		sameRules     int
		region, roles string
	}
	p := &c.policy
	byRules, _ := partition(c.accountSets(), len(p.Accounts))
	known := make(map[likeness]int)
	for i := range p.Accounts {
		one := &c.accounts[i]
		like := likeness{byRules[i], one.region, one.roleSet.Key()}
		n, found := known[like]
		if !found {
			n = len(p.Classes)
			known[like] = n
			p.Classes = append(p.Classes, policy.AccountClass{
				Region: one.region, Roles: one.roleSet,
				Rules: holding(c.draft.rules, i), NeverRules: holding(c.draft.neverRules, i),
			})
		}
		p.Accounts[i].Class = index(n)
	}
}

// accountSets returns the accounts of each rule and of each never rule.
func (c *compiler) accountSets() (all []bitset.Set) {
	for i := range c.draft.rules {
		all = append(all, c.draft.rules[i].accountSet)
	}
	for i := range c.draft.neverRules {
		all = append(all, c.draft.neverRules[i].accountSet)
	}
	return all
}

// holding returns those of the rules that hold for an account.
func holding(rules []ruleDraft, account int) (found []int32) {
	for i := range rules {
		if rules[i].accountSet.Has(account) {
			found = append(found, index(i))
		}
	}
	return found
}

// partition groups the numbers below size: two are in one group when every set has both or neither.
// Each set in turn splits the groups of which it has only a part.
func partition(sets []bitset.Set, size int) (group []int, count int) {
	group, sizes := make([]int, size), []int{size}
	for _, s := range sets {
		inSet, splitInto := make([]int, len(sizes)), make([]int, len(sizes))
		s.Each(func(i int) bool { inSet[group[i]]++; return true })
		s.Each(func(i int) bool {
			g := group[i]
			if inSet[g] == sizes[g] && splitInto[g] == 0 {
				return true // the set has the whole group: there is nothing to split
			}
			if splitInto[g] == 0 {
				splitInto[g] = len(sizes)
				sizes = append(sizes, inSet[g])
				inSet[g] = 0
			}
			group[i] = splitInto[g]
			return true
		})
		for g, to := range splitInto {
			if to != 0 {
				sizes[g] -= sizes[to]
			}
		}
	}
	return group, len(sizes)
}

// sortIndexes lists the accounts by id and the principals that are Slack groups by group.
func (c *compiler) sortIndexes() {
	p := &c.policy
	for i := range p.Accounts {
		p.AccountsByID = append(p.AccountsByID, index(i))
	}
	for i := range p.Principals {
		if p.Principals[i].Group != "" {
			p.PrincipalsByGroup = append(p.PrincipalsByGroup, index(i))
		}
	}
	slices.SortFunc(p.AccountsByID, func(a, b int32) int {
		return strings.Compare(p.Accounts[a].ID, p.Accounts[b].ID)
	})
	slices.SortFunc(p.PrincipalsByGroup, func(a, b int32) int {
		return cmp.Or(strings.Compare(p.Principals[a].Group, p.Principals[b].Group), cmp.Compare(a, b))
	})
}

// index is an index as a policy.Definition has it.
func index(i int) int32 { return int32(i) } //nolint:gosec // a file cannot hold 2^31 entries
