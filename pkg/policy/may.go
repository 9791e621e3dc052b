package policy

import (
	"slices"

	"github.com/aws-access/aws-access/pkg/access"
)

// MayDecide says whether somebody's approval could count for a request now,
// whatever was approved before; whoever may approve may deny. Refusals: those
// of Person.Refused, self_approval, not_approver.
func (p *Policy) MayDecide(q Question, by access.Person) error {
	if refusal := by.Refused(); refusal != nil {
		return refusal
	}
	if by.Same(q.Who) {
		return access.Refuse("self_approval", "You cannot decide your own request.", "Somebody else has to; cancel it if it is not needed any more.")
	}
	r, rules := p.rulesFor(&q)
	if !r.isAsked(rules, by) {
		return access.Refuse("not_approver", "You are not among those who are asked to decide this.", "The card says who is.")
	}
	return nil
}

// MayRevoke says whether somebody may take away what was granted: those who
// may decide, those who did (q.Approvals), and those who are to review it. The
// owner gives it back instead. Refusals: those of Person.Refused, not_approver.
func (p *Policy) MayRevoke(q Question, by access.Person) error {
	if refusal := by.Refused(); refusal != nil {
		return refusal
	}
	// A doubt about who somebody is keeps nobody from taking access away.
	if proven(by, q.Who) {
		return access.Refuse("not_approver", "This access is your own.", "Press I'm done to give it back.")
	}
	r, rules := p.rulesFor(&q)
	did := slices.ContainsFunc(q.Approvals, func(a access.Person) bool { return proven(a, by) })
	if did || r.isAsked(rules, by) || r.reviews(rules, by) {
		return nil
	}
	return access.Refuse("not_approver", "You are not among those who may take this access away.", "Its card says who is asked; they can.")
}

// proven reports whether two values are certainly one person.
func proven(a, b access.Person) bool {
	if a.ID != "" && a.ID == b.ID {
		return true
	}
	return a.Email != "" && access.FoldEmail(a.Email) == access.FoldEmail(b.Email)
}

// rulesFor returns the rules that bind a question, none if its account or role
// is not in the policy any more.
func (p *Policy) rulesFor(q *Question) (ruling, []int32) {
	v := p.view(q.Who, moment{&q.Directory, q.At})
	account, role, ok := p.find(q.Account, q.Role)
	if !ok {
		return ruling{view: &v}, nil
	}
	r := v.ruling(account, role)
	rules, _ := r.binding()
	return r, rules
}

// isAsked reports whether some requirement of the rules could be filled by
// somebody.
func (r *ruling) isAsked(rules []int32, by access.Person) bool {
	return slices.ContainsFunc(rules, func(i int32) bool {
		return slices.ContainsFunc(r.rules[i].needs, func(need requirement) bool { return r.asks(need.from, by) })
	})
}

func (r *ruling) reviews(rules []int32, by access.Person) bool {
	return slices.ContainsFunc(rules, func(i int32) bool { return r.asks(r.rules[i].reviewers, by) })
}
