package policy

import (
	"cmp"
	"slices"

	"github.com/aws-access/aws-access/pkg/access"
)

// Targets are all roles of all accounts, as sessions of them would be made: the
// accounts by name, the roles of each in the order of the catalogue. The same
// policy always has them in the same order.
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

// Target is the role of an account; ok is false when the policy has it not.
func (p *Policy) Target(account, role string) (t access.Target, ok bool) {
	i, j, ok := p.find(account, role)
	if !ok {
		return access.Target{}, false
	}
	return p.target(i, j), true
}

// Channel is a Slack channel that the policy posts to.
type Channel struct {
	ID    string
	Cards bool // cards are posted there, which name people, accounts and reasons; else operators are told there alone
}

// Channels are all channels that the policy posts to, by id. A rule without
// approvals posts its card too.
func (p *Policy) Channels() []Channel {
	byID := map[string]Channel{}
	note := func(id string, cards bool) {
		if id == "" {
			return
		}
		byID[id] = Channel{ID: id, Cards: cards || byID[id].Cards}
	}
	note(p.settings.Operators, false)
	for i := range p.rules {
		for _, id := range p.rules[i].Channels {
			note(id, true)
		}
	}
	list := make([]Channel, 0, len(byID))
	for _, c := range byID {
		list = append(list, c)
	}
	slices.SortFunc(list, func(a, b Channel) int { return cmp.Compare(a.ID, b.ID) })
	return list
}
