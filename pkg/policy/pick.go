package policy

import (
	"slices"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// Find returns the account of an id or a name. A name counts whole, whatever
// its case. The refusal is unknown_account; it suggests nothing, because it
// does not know who asks.
func (p *Policy) Find(text string) (access.Account, error) {
	text = strings.TrimSpace(text)
	i, ok := p.account(text)
	if !ok {
		i, ok = slices.BinarySearchFunc(p.accounts, strings.ToLower(text), func(a account, folded string) int {
			return strings.Compare(a.folded, folded)
		})
	}
	if !ok {
		return access.Account{}, unknownAccount(text)
	}
	return p.accounts[i].Account, nil
}

// account returns the index of the account that has an id.
func (p *Policy) account(id string) (int, bool) {
	at, ok := slices.BinarySearchFunc(p.byID, id, func(i int32, id string) int {
		return strings.Compare(p.accounts[i].ID, id)
	})
	if !ok {
		return 0, false
	}
	return int(p.byID[at]), true
}

// role returns the index of the role that has a name.
func (p *Policy) role(name string) (int, bool) {
	i := slices.IndexFunc(p.roles, func(r role) bool { return r.name == name })
	return i, i >= 0
}

func unknownAccount(text string) error {
	return access.Refuse("unknown_account", "There is no account "+said(text)+".", "Choose one in the form: /aws-access.")
}

// find returns the indexes of an account and of a role that it has.
func (p *Policy) find(id, name string) (account, role int, ok bool) {
	account, ok = p.account(id)
	if !ok {
		return 0, 0, false
	}
	role, ok = p.role(name)
	return account, role, ok && p.accounts[account].roles.has(role)
}

// Accounts searches the accounts in which somebody may ask for some role by
// what they typed: an id, a name, or parts of names with spaces between. It
// returns the first ones, the likeliest first, and how many there are in all.
func (p *Policy) Accounts(who access.Person, d access.Directory, at time.Time, typed string, most int) (found []access.Account, total int) {
	if who.Refused() != nil {
		return nil, 0
	}
	v := p.view(who, moment{&d, at})
	words := strings.Fields(strings.ToLower(typed))
	var ranked [ranks][]access.Account
	reachable := v.reachable()
	for i := range p.accounts {
		a := &p.accounts[i]
		if !reachable[a.number] {
			continue
		}
		if rank := a.rank(words); rank < ranks {
			total++
			if len(ranked[rank]) < most {
				ranked[rank] = append(ranked[rank], a.Account)
			}
		}
	}
	found = slices.Concat(ranked[:]...)
	return found[:min(len(found), max(0, most))], total
}

// ranks is how many grades of likeness there are; it stands for none at all.
const ranks = 3

// rank says how well an account answers to what was typed, 0 best.
func (a *account) rank(words []string) int {
	switch {
	case len(words) == 0:
		return 0
	case len(words) == 1 && (a.folded == words[0] || a.ID == words[0]):
		return 0
	case strings.HasPrefix(a.folded, words[0]) && a.has(words[1:]):
		return 1
	case a.has(words):
		return 2
	}
	return ranks
}

func (a *account) has(words []string) bool {
	for _, word := range words {
		if !strings.Contains(a.folded, word) && !strings.Contains(a.ID, word) {
			return false
		}
	}
	return true
}

// reachable says of each class whether somebody may ask for some role in its
// accounts. It need not look at instead_of: what a rule sets aside, it allows
// itself.
func (v *view) reachable() []bool {
	allows, forbids := make([]bool, len(v.rules)), make([]bool, len(v.nevers))
	for i := range v.rules {
		one := &v.rules[i]
		allows[i] = !over(one.expires, v.now.at) && v.isAmong(one.who) == yes
	}
	for i := range v.nevers {
		n := &v.nevers[i]
		forbids[i] = !over(n.expires, v.now.at) && v.isAmong(n.who) != no
	}
	found, roles := make([]bool, len(v.classes)), newSet(len(v.roles))
	for i := range v.classes {
		clear(roles)
		for _, r := range v.classes[i].rules {
			if allows[r] {
				roles.addAll(v.rules[r].roles)
			}
		}
		for _, n := range v.classes[i].nevers {
			if forbids[n] {
				roles.drop(v.nevers[n].roles)
			}
		}
		found[i] = roles.meets(v.classes[i].roles)
	}
	return found
}

// Roles lists the roles that somebody may ask for in an account, in the order
// of the catalogue, each with its terms for that person.
func (p *Policy) Roles(who access.Person, d access.Directory, at time.Time, account string) []access.Role {
	i, ok := p.account(account)
	if !ok || who.Refused() != nil {
		return nil
	}
	v := p.view(who, moment{&d, at})
	return v.askable(i)
}

func (v *view) askable(account int) (found []access.Role) {
	for i := range v.roles {
		if !v.accounts[account].roles.has(i) {
			continue
		}
		if n, _ := v.forbids(account, i); n != nil {
			continue
		}
		r := v.ruling(account, i)
		rules, allows := r.binding()
		if allows != yes {
			continue
		}
		one := &v.roles[i]
		found = append(found, access.Role{
			Name: one.name, About: one.about, Max: r.terms(rules).Max, Ticket: r.wantsTicket(rules),
			AssumeRoles: one.assumeRoles, MakeIdentities: one.makeIdentities,
		})
	}
	return found
}
