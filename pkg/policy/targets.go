package policy

import (
	"cmp"
	"slices"

	"github.com/aws-access/aws-access/pkg/access"
)

// Targets returns all roles of all accounts as a session needs them: the accounts by name, the roles
// of each in the order of the catalogue.
func (p *Policy) Targets() []access.Target {
	var all []access.Target
	for i := range p.accounts {
		for j := range p.roles {
			if p.class(i).Roles.Has(j) {
				all = append(all, p.target(i, j))
			}
		}
	}
	return all
}

// Target returns the role of an account, both by their exact id and name; ok is false if the policy
// does not have it.
func (p *Policy) Target(account, role string) (t access.Target, ok bool) {
	i, j, ok := p.find(account, role)
	if !ok {
		return access.Target{}, false
	}
	return p.target(i, j), true
}

// Channel is a Slack channel that the policy posts to.
type Channel struct {
	ID string
	// Cards are posted there, which name people, accounts and reasons. Other channels are only for
	// operators.
	Cards bool
}

// Channels returns all channels that the policy posts to, ascending by id. A rule without approvals
// posts its card too.
func (p *Policy) Channels() []Channel {
	byID := map[string]Channel{}
	add := func(id string, cards bool) {
		if id != "" {
			byID[id] = Channel{ID: id, Cards: cards || byID[id].Cards}
		}
	}
	add(p.settings.Operators, false)
	for i := range p.rules {
		for _, id := range p.rules[i].Channels {
			add(id, true)
		}
	}
	list := make([]Channel, 0, len(byID))
	for _, c := range byID {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b Channel) int { return cmp.Compare(a.ID, b.ID) })
	return list
}
