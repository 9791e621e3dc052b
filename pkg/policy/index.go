package policy

import (
	"slices"
	"time"
)

func lastDay(expires time.Time) string { return expires.Add(-day).Format(time.DateOnly) }

// indexRules gives each account the list of rules and nevers that hold it.
// Accounts that the same ones hold share the lists, so that an answer looks at
// what concerns its account, however many accounts and rules there are.
func (p *Policy) indexRules() {
	sets := make([]set, 0, len(p.rules)+len(p.nevers))
	for i := range p.rules {
		sets = append(sets, p.rules[i].accounts)
	}
	for i := range p.nevers {
		sets = append(sets, p.nevers[i].accounts)
	}
	class, count := classes(sets, len(p.accounts))
	rules, nevers := make([][]int32, count), make([][]int32, count)
	filled := make([]bool, count)
	for i, c := range class {
		if !filled[c] {
			filled[c] = true
			rules[c], nevers[c] = p.holding(i)
		}
		p.accounts[i].rules, p.accounts[i].nevers = rules[c], nevers[c]
	}
}

// holding are the rules and nevers that hold an account.
func (p *Policy) holding(account int) (rules, nevers []int32) {
	for i := range p.rules {
		if p.rules[i].accounts.has(account) {
			rules = append(rules, int32(i))
		}
	}
	for i := range p.nevers {
		if p.nevers[i].accounts.has(account) {
			nevers = append(nevers, int32(i))
		}
	}
	return rules, nevers
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
	s := Sources{Names: make(map[string]string)}
	for i := range p.principals {
		x := &p.principals[i]
		switch x.kind {
		case slackGroup:
			s.Groups = append(s.Groups, x.source)
		case onCall:
			s.OnCall = append(s.OnCall, x.source)
		case named:
			s.People = append(append(s.People, x.ids...), x.addresses...)
		}
		if x.source == "" {
			continue
		}
		if before := s.Names[x.source]; before != "" {
			s.Names[x.source] = before + ", " + x.name
		} else {
			s.Names[x.source] = x.name
		}
	}
	for _, list := range []*[]string{&s.Groups, &s.OnCall, &s.People} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	p.sources = s
}
