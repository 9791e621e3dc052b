package policy

import (
	"slices"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy/internal/bitset"
)

// Find returns the account that somebody means by an id or a name. A name counts whole; it is the same whatever its
// case, and, where only one account that this person may ask for answers to it, without spaces, quotes and dashes too.
//
// Refusal: unknown_account, for an account in which this person may ask for nothing too, so that nobody learns which
// accounts there are: neither by the words nor by the place where a form shows them. It offers names that this person
// may ask for.
func (p *Policy) Find(who access.Person, d access.Directory, at time.Time, text string) (access.Account, error) {
	v := p.view(who, moment{&d, at})
	known := v.known()
	may := func(i int) bool { return known[p.accounts[i].Class] }
	i, ok := p.exactly(text)
	switch {
	case ok && may(i):
		return p.accounts[i].Account, nil
	case ok:
		return access.Account{}, v.noAccount(text)
	}
	if found := p.accountsAlike(text, may); len(found) == 1 {
		return p.accounts[found[0]].Account, nil
	}
	return access.Account{}, v.noAccount(text)
}

// Named returns the account and the role that are meant by what somebody typed, as far as that can be said without
// knowing who it is: no account if none or several answer to it, and the role as it was typed. It allows nothing.
func (p *Policy) Named(account, role string) (access.Account, string) {
	all := func(int) bool { return true }
	if _, exact := p.role(role); !exact {
		if found := p.rolesAlike(role, all); len(found) == 1 {
			role = p.roles[found[0]].Name
		}
	}
	i, ok := p.exactly(account)
	if found := p.accountsAlike(account, all); !ok && len(found) == 1 {
		i, ok = found[0], true
	}
	if !ok {
		return access.Account{}, role
	}
	return p.accounts[i].Account, role
}

// exactly returns the index of the account that has an id, or a name in any case.
func (p *Policy) exactly(text string) (int, bool) {
	text = strings.TrimSpace(text)
	if i, ok := p.account(text); ok {
		return i, true
	}
	return p.accountNamed(text)
}

// accountsAlike are the accounts of a name but for case, spaces, quotes and dashes.
func (p *Policy) accountsAlike(text string, may func(account int) bool) (found []int) {
	key := condensed(text)
	for i := range p.accounts {
		if key != "" && may(i) && condensed(p.accounts[i].Name) == key {
			found = append(found, i)
		}
	}
	return found
}

// rolesAlike are the roles of a name but for case, spaces, quotes and dashes.
func (p *Policy) rolesAlike(text string, may func(role int) bool) (found []int) {
	key := condensed(text)
	for i := range p.roles {
		if key != "" && condensed(p.roles[i].Name) == key && may(i) {
			found = append(found, i)
		}
	}
	return found
}

// accountNamed returns the index of the account that has a name, in any case.
func (p *Policy) accountNamed(name string) (int, bool) {
	return slices.BinarySearchFunc(p.names, strings.ToLower(name), func(a accountName, folded string) int {
		return strings.Compare(a.folded, folded)
	})
}

// noAccount refuses an account that there is not, or that somebody may not know of. It must not tell these apart.
func (v *view) noAccount(text string) error {
	next := "Put a name with spaces in quotes, or write the account's 12 digits; the form shows what you " +
		"may ask for: /aws-access."
	if names := v.similarAccounts(text); len(names) > 0 {
		for i := range names {
			names[i] = said(names[i])
		}
		next = "Did you mean " + either(names) + "? Put a name with spaces in quotes, or write the account's 12 digits."
	}
	return access.Refuse("unknown_account", "There is no account "+said(text)+" that you may ask for.", next)
}

// similarAccounts names accounts that somebody may ask for and could mean.
func (v *view) similarAccounts(text string) []string {
	var names []string
	reachable := v.reachable()
	for i := range v.accounts {
		if a := &v.accounts[i]; reachable[a.Class] {
			names = append(names, a.Name)
		}
	}
	return similar(text, names)
}

// FindRole returns the name of the role that somebody means in an account: the one of that name, else the only one
// that they may ask for whose name is the same but for case, spaces, quotes and dashes, else what they typed.
func (p *Policy) FindRole(who access.Person, d access.Directory, at time.Time, account, text string) string {
	i, ok := p.account(account)
	if _, exact := p.role(text); exact || !ok {
		return text
	}
	v := p.view(who, moment{&d, at})
	found := p.rolesAlike(text, func(n int) bool {
		r := v.ruling(i, n)
		_, allows := r.binding()
		return allows != no && p.class(i).Roles.Has(n)
	})
	if len(found) != 1 {
		return text
	}
	return p.roles[found[0]].Name
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
	i := slices.IndexFunc(p.roles, func(r Role) bool { return r.Name == name })
	return i, i >= 0
}

func unknownAccount(id string) error {
	return access.Refuse("unknown_account", "There is no account "+said(id)+".", "Choose one in the form: /aws-access.")
}

// find returns the indexes of an account and of a role that it has.
func (p *Policy) find(id, name string) (account, role int, ok bool) {
	account, ok = p.account(id)
	if !ok {
		return 0, 0, false
	}
	role, ok = p.role(name)
	return account, role, ok && p.class(account).Roles.Has(role)
}

// Accounts searches the accounts in which somebody may ask for some role by
// what they typed: an id, a name, or parts of names with spaces between. It
// returns the first ones, the likeliest first, and how many there are in all.
func (p *Policy) Accounts(who access.Person, d access.Directory, at time.Time, typed string, most int) (found []access.Account, total int) {
	if who.Refused() != nil {
		return nil, 0
	}
	v := p.view(who, moment{&d, at})
	words := strings.Fields(searchForm(typed))
	var ranked [ranks][]access.Account
	reachable := v.reachable()
	for i := range p.accounts {
		a := &p.accounts[i]
		if !reachable[a.Class] {
			continue
		}
		if rank := rank(words, a.ID, p.names[i].searched); rank < ranks {
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
func rank(words []string, id, name string) int {
	switch {
	case len(words) == 0:
		return 0
	case strings.Join(words, " ") == name || len(words) == 1 && id == words[0]:
		return 0
	case strings.HasPrefix(name, words[0]) && hasWords(words[1:], id, name):
		return 1
	case hasWords(words, id, name):
		return 2
	}
	return ranks
}

func hasWords(words []string, id, name string) bool {
	for _, word := range words {
		if !strings.Contains(name, word) && !strings.Contains(id, word) {
			return false
		}
	}
	return true
}

// known says of each class whether some rule names somebody, or may name them, for its accounts. Of other accounts
// they are told nothing, unless a never that names them has words for it.
func (v *view) known() []bool {
	found := make([]bool, len(v.classes))
	for i := range v.classes {
		for _, r := range v.classes[i].Rules {
			one := &v.rules[r]
			if !expired(one.Expires, v.now.at) && one.Roles.Overlaps(v.classes[i].Roles) && v.isAmong(one.Who) != no {
				found[i] = true
				break
			}
		}
		for _, n := range v.classes[i].NeverRules {
			one := &v.neverRules[n]
			if one.Say != "" && !expired(one.Expires, v.now.at) && v.isAmong(one.Who) != no {
				found[i] = true
			}
		}
	}
	return found
}

// reachable says of each class whether somebody may ask for some role in its
// accounts. It need not look at instead_of: what a rule sets aside, it allows
// itself.
func (v *view) reachable() []bool {
	allows, forbids := make([]bool, len(v.rules)), make([]bool, len(v.neverRules))
	for i := range v.rules {
		one := &v.rules[i]
		allows[i] = !expired(one.Expires, v.now.at) && v.isAmong(one.Who) == yes
	}
	for i := range v.neverRules {
		n := &v.neverRules[i]
		forbids[i] = !expired(n.Expires, v.now.at) && v.isAmong(n.Who) != no
	}
	found, roles := make([]bool, len(v.classes)), bitset.New(len(v.roles))
	for i := range v.classes {
		clear(roles)
		for _, r := range v.classes[i].Rules {
			if allows[r] {
				roles.AddAll(v.rules[r].Roles)
			}
		}
		for _, n := range v.classes[i].NeverRules {
			if forbids[n] {
				roles.RemoveAll(v.neverRules[n].Roles)
			}
		}
		found[i] = roles.Overlaps(v.classes[i].Roles)
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
		if !v.class(account).Roles.Has(i) {
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
			Name: one.Name, About: one.About, Max: r.terms(rules).Max, Ticket: r.wantsTicket(rules),
			AssumeRoles: one.AssumeRoles, MakeIdentities: one.MakeIdentities,
		})
	}
	return found
}
