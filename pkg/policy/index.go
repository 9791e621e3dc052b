package policy

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

func lastDay(expires time.Time) string { return expires.Add(-day).Format(time.DateOnly) }

// listed reports whether a list in order has an entry.
func listed(list []int32, entry int32) bool {
	_, found := slices.BinarySearch(list, entry)
	return found
}

// classify puts the accounts into classes.
func (c *compiler) classify() {
	type likeness struct {
		held          int
		region, roles string
	}
	p := c.policy
	held, _ := classes(c.holdings(), len(p.accounts))
	known, at := make(map[likeness]int), make([]int, len(p.accounts))
	for i := range p.accounts {
		one := p.accounts[i].class
		like := likeness{held[i], one.region, one.roles.key()}
		n, found := known[like]
		if !found {
			n = len(p.classes)
			known[like] = n
			one.number, one.rules, one.nevers = n, holding(c.draft.rules, i), holding(c.draft.nevers, i)
			p.classes = append(p.classes, *one)
		}
		at[i] = n
	}
	for i, n := range at {
		p.accounts[i].class = &p.classes[n]
	}
}

// holdings are the accounts of each rule and each never.
func (c *compiler) holdings() (all []set) {
	for i := range c.draft.rules {
		all = append(all, c.draft.rules[i].holds)
	}
	for i := range c.draft.nevers {
		all = append(all, c.draft.nevers[i].holds)
	}
	return all
}

// holding are those of the rules that hold an account.
func holding(rules []ruleDraft, account int) (found []int32) {
	for i := range rules {
		if rules[i].holds.has(account) {
			found = append(found, int32(i))
		}
	}
	return found
}

// sortIndexes lists accounts in the order of their ids, and principals in the
// order of their sources.
func (p *Policy) sortIndexes() {
	for i := range p.accounts {
		p.byID = append(p.byID, int32(i))
	}
	for i := range p.principals {
		if p.principals[i].source != "" {
			p.bySource = append(p.bySource, int32(i))
		}
	}
	slices.SortFunc(p.byID, p.compareIDs)
	slices.SortFunc(p.bySource, p.compareSources)
}

func (p *Policy) compareIDs(a, b int32) int {
	return strings.Compare(p.accounts[a].ID, p.accounts[b].ID)
}

// compareSources leaves principals of one source in the order of the file.
func (p *Policy) compareSources(a, b int32) int {
	return cmp.Or(strings.Compare(p.principals[a].source, p.principals[b].source), cmp.Compare(a, b))
}

// classes sorts members into classes: two are in one class when every set holds
// both or neither. Each set splits the classes that it holds a part of.
func classes(sets []set, size int) (class []int, count int) {
	class, sizes := make([]int, size), []int{size}
	for _, s := range sets {
		held, into := make([]int, len(sizes)), make([]int, len(sizes))
		s.each(func(i int) bool { held[class[i]]++; return true })
		s.each(func(i int) bool {
			c := class[i]
			if held[c] == sizes[c] && into[c] == 0 {
				return true // held whole: nothing to split
			}
			if into[c] == 0 {
				into[c] = len(sizes)
				sizes = append(sizes, held[c])
				held[c] = 0
			}
			class[i] = into[c]
			return true
		})
		for c, to := range into {
			if to != 0 {
				sizes[c] -= sizes[to]
			}
		}
	}
	return class, len(sizes)
}

// listSources lists what has to be known of people.
func (p *Policy) listSources() {
	s := Sources{Names: make(map[string]string, len(p.bySource))}
	s.Groups = slices.Grow(s.Groups, len(p.bySource))
	for _, i := range p.bySource {
		x := &p.principals[i]
		if before, known := s.Names[x.source]; known {
			s.Names[x.source] = before + ", " + x.name
			continue
		}
		s.Names[x.source] = x.name
		s.Groups = append(s.Groups, x.source)
	}
	for i := range p.principals {
		s.People = append(append(s.People, p.principals[i].ids...), p.principals[i].addresses...)
	}
	slices.Sort(s.People)
	s.People = slices.Compact(s.People)
	p.sources = s
}
