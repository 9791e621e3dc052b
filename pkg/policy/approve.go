package policy

import (
	"slices"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy/internal/matching"
)

// This file says who may approve, deny and revoke, and which approvals count.

// CheckApprover reports whether a person's approval could count for a request now, whatever was
// approved before. The people who may approve are those who may deny.
//
// Refusals: those of Person.Refused, self_approval, not_approver; if something is unknown,
// slack_unreadable, unknown_group, unproven_address.
func (p *Policy) CheckApprover(q Question, by access.Person) error {
	// This check decides. Those in lifecycle.Decide and in access.Request.Approve and Deny are
	// backstops.
	if refusal := by.Refused(); refusal != nil {
		return refusal
	}
	// This check decides that nobody approves their own request. Backstops: countApprovals leaves
	// the requester out, and access.Request.Approve refuses the requester.
	switch {
	case by.Same(q.Who) && by.ID != q.Who.ID:
		return access.RefuseSameAddress()
	case by.Same(q.Who):
		return access.RefuseOwnDecision()
	}
	e, rules := p.bindingRules(&q)
	approvers := e.approversOf(rules)
	switch e.belongs(by, approvers) {
	case yes:
		return nil
	case unknown:
		s := subjectOf(by)
		return e.whyUnknown(&s, approvers)
	}
	return access.RefuseNotApprover()
}

// CheckRevoker reports whether a person may revoke a grant: the people who may approve, those who
// did (q.Approvals), the reviewers, and the responders. The requester gives it back instead.
//
// Refusals: those of Person.Refused, not_approver; if something is unknown, slack_unreadable,
// unknown_group, unproven_address.
func (p *Policy) CheckRevoker(q Question, by access.Person) error {
	// This check decides. Those in lifecycle.Close and in access.Request.Revoke are backstops.
	if refusal := by.Refused(); refusal != nil {
		return refusal
	}
	// An attacker who claims an approver's address must not keep that approver from revoking.
	// Therefore only somebody who certainly is the requester is refused here.
	if certainlySame(by, q.Who) {
		return access.RefuseOwnRevocation()
	}
	e, rules := p.bindingRules(&q)
	approved := slices.ContainsFunc(q.Approvals, func(a access.Person) bool { return certainlySame(a, by) })
	revokers := slices.Concat(e.approversOf(rules), e.reviewersOf(rules), p.responders)
	switch belongs := e.belongs(by, revokers); {
	case approved || belongs == yes:
		return nil
	case belongs == unknown:
		s := subjectOf(by)
		return e.whyUnknown(&s, revokers)
	}
	return access.RefuseNotRevoker()
}

// CheckResponder reports whether a person is one of the responders, who may revoke any grant, and
// stop everything.
//
// Refusals: those of Person.Refused, not_responder; if something is unknown, slack_unreadable,
// unknown_group, unproven_address.
func (p *Policy) CheckResponder(by access.Person, d access.Directory, now time.Time) error {
	if refusal := by.Refused(); refusal != nil {
		return refusal
	}
	v := p.viewOf(by, snapshot{&d, now})
	switch v.isAmong(p.responders) {
	case yes:
		return nil
	case unknown:
		return v.whyUnknown(&v.who, p.responders)
	}
	return access.RefuseNotResponder()
}

// HasResponders reports whether the policy names responders. Without them, nobody can revoke a grant
// that no rule's approvers and reviewers could.
func (p *Policy) HasResponders() bool { return len(p.responders) > 0 }

// certainlySame reports whether two values are certainly one person. access.Person.Same reports
// whether they may be one.
func certainlySame(a, b access.Person) bool {
	if a.ID != "" && a.ID == b.ID {
		return true
	}
	return a.Email != "" && access.FoldEmail(a.Email) == access.FoldEmail(b.Email)
}

// bindingRules returns the rules that bind for a question, none if its account or role is no longer
// in the policy.
func (p *Policy) bindingRules(q *Question) (evaluation, []int32) {
	v := p.viewOf(q.Who, snapshot{&q.Directory, q.At})
	account, role, ok := p.find(q.Account, q.Role)
	if !ok {
		return evaluation{view: &v}, nil
	}
	e := v.evaluate(account, role)
	rules, _ := e.binding()
	return e, rules
}

// approversOf returns the principals who can fill some requirement of the rules.
func (e *evaluation) approversOf(rules []int32) (approvers []int32) {
	for _, i := range rules {
		for _, need := range e.rules[i].Requirements {
			approvers = append(approvers, need.Approver...)
		}
	}
	return approvers
}

func (e *evaluation) reviewersOf(rules []int32) (reviewers []int32) {
	for _, i := range rules {
		reviewers = append(reviewers, e.rules[i].Reviewers...)
	}
	return reviewers
}

// belongs reports whether a person belongs to any of the principals.
func (e *evaluation) belongs(p access.Person, principals []int32) certainty {
	best, s := no, subjectOf(p)
	for _, i := range principals {
		if best = max(best, e.principals[i].includes(&s, e.now)); best == yes {
			break
		}
	}
	return best
}

// countApprovals returns how many approvals each requirement of the rules has, and whether all have
// enough. An approval counts if it is by another person than the requester, who is a full member
// and certainly belongs to the approvers. One person counts once in each rule.
func (e *evaluation) countApprovals(
	rules []int32, approvals []access.Person,
) (counts []access.Requirement, met bool) {
	var approvers distinctPeople
	for _, p := range approvals {
		if p.Membership == access.Member && !p.Same(e.who.Person) {
			approvers = approvers.add(p)
		}
	}
	met = true
	for _, i := range rules {
		one := &e.rules[i]
		filled, all := assign(one.Requirements, len(approvers), func(requirement, person int) bool {
			return slices.ContainsFunc(approvers[person], func(p access.Person) bool {
				return e.belongs(p, one.Requirements[requirement].Approver) == yes
			})
		})
		met = met && all
		for k, need := range one.Requirements {
			counts = append(counts, access.Requirement{
				Rule: one.Name, From: need.From, Required: need.Required, Approved: filled[k],
			})
		}
	}
	return counts, met
}

// assign fills the requirements of a rule with different people, as matching.Assign does.
func assign(needs []Requirement, people int, can func(requirement, person int) bool) (filled []int, all bool) {
	if len(needs) == 0 {
		return nil, true
	}
	required := make([]int, len(needs))
	for i, need := range needs {
		required[i] = need.Required
	}
	return matching.Assign(required, people, can)
}

// checkApprovable refuses a request that nobody could approve, as far as people are known.
func (e *evaluation) checkApprovable(rules []int32) error {
	for _, i := range rules {
		one := &e.rules[i]
		short, others, ok := e.couldBeFilled(one)
		if ok {
			continue
		}
		need := one.Requirements[short]
		gone, unconfirmed, refusal := e.whyUnfilled(need)
		if refusal != nil {
			return refusal
		}
		return access.RefuseNoApprover(access.TooFewApprovers{
			Rule: one.Name, Required: need.Required, From: need.From, Others: others,
			GoneGroups: gone, UnprovenAddresses: unconfirmed,
		})
	}
	return nil
}

// couldBeFilled reports whether different people, other than the requester, could fill the
// requirements of a rule. If not, it says which requirement stays short, and how many people could
// fill it.
func (e *evaluation) couldBeFilled(one *Rule) (short, others int, ok bool) {
	total := 0
	for _, need := range one.Requirements {
		total += need.Required
	}
	var people distinctPeople
	candidates := make([][]access.Person, len(one.Requirements))
	for k, need := range one.Requirements {
		candidates[k] = e.candidatesFor(need, total)
		for _, p := range candidates[k] {
			people = people.add(p)
		}
	}
	filled, ok := assign(one.Requirements, len(people)+total, func(requirement, person int) bool {
		if person >= len(people) { // somebody else of the workspace, for a requirement of everyone
			return e.asksEveryone(one.Requirements[requirement])
		}
		return slices.ContainsFunc(people[person], func(p access.Person) bool {
			return slices.ContainsFunc(candidates[requirement], func(c access.Person) bool { return c.ID == p.ID })
		})
	})
	for k, need := range one.Requirements {
		if filled[k] < need.Required {
			return k, filled[k], false
		}
	}
	return 0, 0, ok
}

// candidatesFor lists people who could fill a requirement. It stops at total different people, the
// number that the whole rule requires: among so many there is always somebody left for this
// requirement.
func (e *evaluation) candidatesFor(need Requirement, total int) []access.Person {
	var found []access.Person
	var different distinctPeople
	for _, i := range need.Approver {
		e.principals[i].candidates(e.now, func(p access.Person) bool {
			if !p.Same(e.who.Person) {
				found, different = append(found, p), different.add(p)
			}
			return len(different) < total
		})
		if len(different) >= total {
			break
		}
	}
	return found
}

func (e *evaluation) asksEveryone(need Requirement) bool {
	return slices.ContainsFunc(need.Approver, func(i int32) bool { return e.principals[i].Kind == Everyone })
}

// distinctPeople holds different people, each with all the identities that may be this person: two
// Slack users who share an address count as one person.
type distinctPeople [][]access.Person

// add adds an identity, and merges the people whom it turns out to be.
func (d distinctPeople) add(p access.Person) distinctPeople {
	merged := []access.Person{p}
	d = slices.DeleteFunc(d, func(identities []access.Person) bool {
		same := slices.ContainsFunc(identities, p.Same)
		if same {
			merged = append(merged, identities...)
		}
		return same
	})
	return append(d, merged)
}
