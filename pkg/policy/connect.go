package policy

import (
	"cmp"
	"strings"
)

// connect makes what a compiled policy leaves out, and reports whether an
// answer can rely on the rest: lists that are searched are in order, nothing
// goes in a circle.
func (p *Policy) connect() bool {
	if text := p.settings.TicketPattern; text != "" {
		form, err := wholeTicket(text)
		if err != nil {
			return false
		}
		p.settings.ticket = form
	}
	if !p.settings.fits(p.settings.TicketExample) {
		return false
	}
	for i := range p.accounts {
		p.accounts[i].folded = strings.ToLower(p.accounts[i].Name)
		p.accounts[i].searched = searched(p.accounts[i].Name)
	}
	for i := range p.classes {
		p.classes[i].number = i
	}
	if !p.ordered() || p.circular() {
		return false
	}
	p.listSources()
	return true
}

// ordered reports whether every list that is searched is in order, and holds
// everything once.
func (p *Policy) ordered() bool {
	sources := 0
	for i := range p.principals {
		if p.principals[i].source != "" {
			sources++
		}
	}
	if len(p.byID) != len(p.accounts) || len(p.bySource) != sources {
		return false
	}
	for i := range p.classes {
		if !ascending(p.classes[i].rules, cmp.Compare[int32]) || !ascending(p.classes[i].nevers, cmp.Compare[int32]) {
			return false
		}
	}
	return ascending(p.accounts, compareNames) && ascending(p.byID, p.compareIDs) && ascending(p.bySource, p.compareSources)
}

func compareNames(a, b account) int { return strings.Compare(a.folded, b.folded) }

// ascending reports whether each entry is greater than the one before it.
func ascending[T any](all []T, compare func(a, b T) int) bool {
	for i := 1; i < len(all); i++ {
		if compare(all[i-1], all[i]) >= 0 {
			return false
		}
	}
	return true
}

// circular reports whether a rule sets itself aside, by way of others.
func (p *Policy) circular() bool {
	marks := make([]mark, len(p.rules))
	var follow func(i int32) bool
	follow = func(i int32) bool {
		if marks[i] != fresh {
			return marks[i] == open
		}
		marks[i] = open
		for _, setter := range p.rules[i].setters {
			if follow(setter) {
				return true
			}
		}
		marks[i] = done
		return false
	}
	for i := range p.rules {
		if follow(int32(i)) {
			return true
		}
	}
	return false
}
