package policy

import (
	"slices"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy/internal/bitset"
)

// This file finds accounts and roles for what people type, and lists what they may ask for. None of
// it allows anything: Decide does.

// Find returns the account that a person means by an id or a name. The whole name counts, in any
// case. If only one account in which this person may ask for something has the name apart from
// spaces, quotes and dashes, then it is found too.
//
// Refusal: unknown_account. It is the same for an account that does not exist and for one in which
// this person may ask for nothing, so that nobody learns which accounts there are. It offers names
// of accounts in which this person may ask for something.
func (p *Policy) Find(who access.Person, d access.Directory, at time.Time, text string) (access.Account, error) {
	v := p.viewOf(who, snapshot{&d, at})
	visible := v.visible()
	isVisible := func(i int) bool { return visible[p.accounts[i].Class] }
	i, exact := p.exactAccount(text)
	if !exact {
		if found := p.accountsSpelledLike(text, isVisible); len(found) == 1 {
			i, exact = found[0], true
		}
	}
	if !exact || !isVisible(i) {
		return access.Account{}, access.RefuseUnknownAccount(text, v.similarAccounts(text))
	}
	return p.accounts[i].Account, nil
}

// Named returns the account and the role that a text most likely means, for any person: for a
// form that was not checked yet. The account is zero if none or several have the name; the role
// stays as it was typed if none or several have it.
func (p *Policy) Named(account, role string) (access.Account, string) {
	all := func(int) bool { return true }
	if _, exact := p.role(role); !exact {
		if found := p.rolesSpelledLike(role, all); len(found) == 1 {
			role = p.roles[found[0]].Name
		}
	}
	i, ok := p.exactAccount(account)
	if found := p.accountsSpelledLike(account, all); !ok && len(found) == 1 {
		i, ok = found[0], true
	}
	if !ok {
		return access.Account{}, role
	}
	return p.accounts[i].Account, role
}

// FindRole returns the name of the role that a person means in an account: the role with exactly
// this name; or else the only role that this person may ask for whose name is the same apart from
// case, spaces, quotes and dashes; or else the text as it was typed.
func (p *Policy) FindRole(who access.Person, d access.Directory, at time.Time, account, text string) string {
	i, ok := p.account(account)
	if _, exact := p.role(text); exact || !ok {
		return text
	}
	v := p.viewOf(who, snapshot{&d, at})
	found := p.rolesSpelledLike(text, func(n int) bool {
		e := v.evaluate(i, n)
		_, allows := e.binding()
		return allows.mayAllow() && p.class(i).Roles.Has(n)
	})
	if len(found) != 1 {
		return text
	}
	return p.roles[found[0]].Name
}

// account returns the index of the account with an id.
func (p *Policy) account(id string) (int, bool) {
	at, ok := slices.BinarySearchFunc(p.byID, id, func(i int32, id string) int {
		return strings.Compare(p.accounts[i].ID, id)
	})
	if !ok {
		return 0, false
	}
	return int(p.byID[at]), true
}

// role returns the index of the role with a name.
func (p *Policy) role(name string) (int, bool) {
	i := slices.IndexFunc(p.roles, func(r Role) bool { return r.Name == name })
	return i, i >= 0
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

// exactAccount returns the index of the account with an id, or with a name in any case.
func (p *Policy) exactAccount(text string) (int, bool) {
	text = strings.TrimSpace(text)
	if i, ok := p.account(text); ok {
		return i, true
	}
	return slices.BinarySearchFunc(p.names, strings.ToLower(text), func(a accountName, folded string) int {
		return strings.Compare(a.folded, folded)
	})
}

// accountsSpelledLike returns the accounts with a name, apart from case, spaces, quotes and dashes.
func (p *Policy) accountsSpelledLike(text string, among func(account int) bool) (found []int) {
	key := spellingForm(text)
	for i := range p.accounts {
		if key != "" && among(i) && spellingForm(p.accounts[i].Name) == key {
			found = append(found, i)
		}
	}
	return found
}

// rolesSpelledLike returns the roles with a name, apart from case, spaces, quotes and dashes.
func (p *Policy) rolesSpelledLike(text string, among func(role int) bool) (found []int) {
	key := spellingForm(text)
	for i := range p.roles {
		if key != "" && spellingForm(p.roles[i].Name) == key && among(i) {
			found = append(found, i)
		}
	}
	return found
}

// similarAccounts names the accounts that a person may mean and ask for.
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

// Accounts searches the accounts in which a person may ask for some role. The text is an id, a name,
// or parts of names with spaces between them. It returns at most limit accounts, the best matches
// first, and how many match in all.
func (p *Policy) Accounts(
	who access.Person, d access.Directory, at time.Time, text string, limit int,
) (found []access.Account, total int) {
	if who.Refused() != nil { // for the list only; Decide decides
		return nil, 0
	}
	v := p.viewOf(who, snapshot{&d, at})
	words := strings.Fields(searchForm(text))
	var ranked [ranks][]access.Account
	reachable := v.reachable()
	for i := range p.accounts {
		a := &p.accounts[i]
		if !reachable[a.Class] {
			continue
		}
		if rank := rankOf(words, a.ID, p.names[i].searched); rank < ranks {
			total++
			if len(ranked[rank]) < limit {
				ranked[rank] = append(ranked[rank], a.Account)
			}
		}
	}
	found = slices.Concat(ranked[:]...)
	return found[:min(len(found), max(0, limit))], total
}

// ranks is the number of ranks, and the rank of an account that does not match.
const ranks = 3

// rankOf says how well an account matches the words that were typed: 0 for the whole name or id, 1
// for the beginning of the name, 2 for any other part.
func rankOf(words []string, id, name string) int {
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

// visible reports for each class of accounts whether this person may learn that they exist: because
// some rule includes them or may include them, or because a never rule has words for them.
func (v *view) visible() []bool {
	found := make([]bool, len(v.classes))
	for i := range v.classes {
		for _, r := range v.classes[i].Rules {
			one := &v.rules[r]
			here := !expired(one.Expires, v.now.at) && one.Roles.Overlaps(v.classes[i].Roles)
			if here && v.isAmong(one.Who).mayAllow() {
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

// reachable reports for each class of accounts whether this person may ask for some role there. It
// can ignore instead_of: a rule that sets another one aside matches, so it allows the role itself.
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

// Roles lists the roles that a person may ask for in an account, in the order of the catalogue, each
// with its terms for that person.
func (p *Policy) Roles(who access.Person, d access.Directory, at time.Time, account string) []access.Role {
	i, ok := p.account(account)
	if !ok || who.Refused() != nil { // for the list only; Decide decides
		return nil
	}
	v := p.viewOf(who, snapshot{&d, at})
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
		e := v.evaluate(account, i)
		rules, allows := e.binding()
		if allows != yes {
			continue
		}
		one, terms := &v.roles[i], e.terms(rules)
		_, nobody := e.countApprovals(rules, nil)
		found = append(found, access.Role{
			Name: one.Name, About: one.About, Max: terms.Max, Ticket: e.wantsTicket(rules), Asks: !nobody, Give: terms.Give,
			AssumeRoles: one.AssumeRoles, MakeIdentities: one.MakeIdentities,
		})
	}
	return found
}
