package policy

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// This file finds the reason why something is unknown, so that people read the true one: that Slack
// cannot be read is nobody's fault and passes, while somebody has to put the other reasons right.

// CheckKnown reports whether it is known what a person may ask for: nil, or the reason.
//
// Refusals: unknown_person, slack_unreadable, unknown_group, unproven_address.
func (p *Policy) CheckKnown(who access.Person, d access.Directory, at time.Time) error {
	v := p.viewOf(who, snapshot{&d, at})
	var principals []int32
	for i := range p.rules {
		principals = append(principals, p.rules[i].Who...)
	}
	for i := range p.neverRules {
		principals = append(principals, p.neverRules[i].Who...)
	}
	slices.Sort(principals)
	principals = slices.DeleteFunc(slices.Compact(principals),
		func(i int32) bool { return v.isAmong([]int32{i}) != unknown })
	if len(principals) == 0 {
		return nil
	}
	return v.whyUnknown(&v.who, principals)
}

// whyUnknown returns the reason why it is unknown whether a person belongs to principals, in words
// for that person.
func (v *view) whyUnknown(who *subject, principals []int32) error {
	var people, unread, gone []string // names of principals
	for _, i := range principals {
		x := &v.principals[i]
		switch _, _, ok := x.members(v.now); {
		case x.includes(who, v.now) != unknown:
		case ok:
			people = append(people, x.Name)
		case v.now.directory.Groups[x.Group].Gone:
			gone = append(gone, x.Name)
		default:
			unread = append(unread, x.Name)
		}
	}
	for _, list := range []*[]string{&people, &unread, &gone} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	switch {
	case who.Membership == "":
		return access.Person{}.Refused()
	case len(unread) > 0:
		return access.RefuseGroupsUnreadable(unread)
	case len(people) > 0:
		return v.now.addressProblem(who, people)
	}
	return access.RefuseUnknownGroup(gone)
}

// addressProblem returns the reason why an address does not prove that its owner belongs to
// principals.
func (now snapshot) addressProblem(who *subject, names []string) error {
	address, folded := cmp.Or(who.Email, who.UnverifiedEmail), cmp.Or(who.email, who.unverified)
	known, found := now.directory.People[who.ID]
	problem := access.AddressNotLookedUp
	switch {
	case !now.directory.KnowsPeople(now.at):
		return access.RefusePeopleUnreadable(names)
	case address == "":
		problem = access.NoAddress
	case !access.PlainEmail(address):
		problem = access.NotPlainAddress
	case slices.Contains(now.directory.Shared, folded):
		problem = access.SharedAddress
	case found && access.FoldEmail(cmp.Or(known.Email, known.UnverifiedEmail)) == folded:
		problem = access.UnconfirmedAddress
	}
	return access.RefuseUnprovenAddress(problem, who.ID, address, names)
}

// uncounted returns the reason why an approval that was given may not count today, nil if that is
// certain. Of several reasons it returns one, the same in any order of the approvals.
func (e *evaluation) uncounted(rules []int32, approvals []access.Person) (reason error) {
	for _, p := range approvals {
		why := e.whyUncounted(rules, p)
		if why != nil && (reason == nil || why.Error() < reason.Error()) {
			reason = why
		}
	}
	return reason
}

func (e *evaluation) whyUncounted(rules []int32, p access.Person) error {
	approvers := e.approversOf(rules)
	switch {
	case p.Membership == "":
		return access.RefuseApprovalsUnreadable()
	case p.Membership != access.Member || e.belongs(p, approvers) != unknown:
		return nil
	}
	s := subjectOf(p)
	refusal := e.whyUnknown(&s, approvers)
	switch access.Code(refusal) {
	case access.CodeUnknownGroup: // it will not come back by itself, so this is certain
		return nil
	case access.CodeUnprovenAddress: // the words are for the approver alone
		return access.RefuseUnprovenApprover(displayName(p))
	}
	return refusal
}

// whyUnfilled returns what keeps people from filling a requirement and can be put right: groups that
// are gone, and the number of addresses that prove nothing. It refuses if it is unknown who the
// people are.
func (e *evaluation) whyUnfilled(need Requirement) (gone []string, unconfirmed int, refusal error) {
	var unread []string // names of groups
	for _, i := range need.Approver {
		x := &e.principals[i]
		switch ids, addresses, ok := x.members(e.now); {
		case x.Kind == Everyone:
		case ok:
			if !e.now.directory.KnowsPeople(e.now.at) || x.Kind != Named && !e.profilesKnown(ids) {
				unread = append(unread, x.Name)
			}
			unconfirmed += e.countUnconfirmed(addresses)
		case e.now.directory.Groups[x.Group].Gone:
			gone = append(gone, x.Name)
		default:
			unread = append(unread, x.Name)
		}
	}
	if len(unread) > 0 {
		return nil, 0, access.RefuseApproversUnreadable(unread)
	}
	return gone, unconfirmed, nil
}

// profilesKnown reports whether the profiles of all members of a group are known, except for the
// requester's.
func (e *evaluation) profilesKnown(ids []string) bool {
	return !slices.ContainsFunc(ids, func(id string) bool {
		p, known := e.now.directory.People[id]
		return !strings.Contains(id, "@") && id != e.who.ID && (!known || p.Membership == "")
	})
}

// countUnconfirmed counts the members of the workspace with one of the addresses, if it does not
// prove who they are.
func (e *evaluation) countUnconfirmed(addresses []string) (count int) {
	for _, p := range e.now.directory.People {
		if p.Membership == access.Member && p.Email == "" && p.ID != e.who.ID && p.UnverifiedEmail != "" &&
			hasAddress(addresses, access.FoldEmail(p.UnverifiedEmail)) {
			count++
		}
	}
	return count
}
