package policy

import (
	"slices"

	"github.com/aws-access/aws-access/pkg/access"
)

// MayDecide says whether somebody's approval could count for a request now,
// whatever was approved before; whoever may approve may deny. Refusals: those
// of Person.Refused and of doubts, self_approval, not_approver.
func (p *Policy) MayDecide(q Question, by access.Person) error {
	if refusal := by.Refused(); refusal != nil {
		return refusal
	}
	switch {
	case by.Same(q.Who) && by.ID != q.Who.ID:
		return access.Refuse("self_approval", "You have the same address as the requester, so you count as one person.",
			"Somebody else has to decide this.")
	case by.Same(q.Who):
		return access.Refuse("self_approval", "You cannot decide your own request.",
			"Somebody else has to decide it. Cancel it if you no longer need it.")
	}
	r, rules := p.rulesFor(&q)
	switch asked, from := r.isAsked(rules, by); asked {
	case yes:
		return nil
	case maybe:
		s := subjectOf(by)
		return r.doubt(&s, from, r.now)
	}
	return access.Refuse("not_approver", "You are not among those who are asked to decide this.", "The card says who is.")
}

// MayRevoke says whether somebody may take away what was granted: those who
// may decide, those who did (q.Approvals), and those who are to review it. The
// owner gives it back instead. Refusals: those of Person.Refused, not_approver, those of doubts.
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
	asked, from := r.isAsked(rules, by)
	reviews, reviewers := r.reviews(rules, by)
	switch {
	case did || asked == yes || reviews == yes:
		return nil
	case asked == maybe || reviews == maybe:
		s := subjectOf(by)
		return r.doubt(&s, slices.Concat(from, reviewers), r.now)
	}
	return access.Refuse("not_approver", "You are not among those who may take this access away.",
		"The card says who may.")
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

// isAsked says whether some requirement of the rules could be filled by
// somebody, and by which principals that may be.
func (r *ruling) isAsked(rules []int32, by access.Person) (belief, []int32) {
	var from []int32
	for _, i := range rules {
		for _, need := range r.rules[i].Requirements {
			from = append(from, need.Approver...)
		}
	}
	return r.among(from, by), from
}

// reviews says whether somebody is to review what the rules give.
func (r *ruling) reviews(rules []int32, by access.Person) (belief, []int32) {
	var reviewers []int32
	for _, i := range rules {
		reviewers = append(reviewers, r.rules[i].Reviewers...)
	}
	return r.among(reviewers, by), reviewers
}

// among says whether somebody belongs to any of the principals.
func (r *ruling) among(principals []int32, by access.Person) belief {
	best, s := no, subjectOf(by)
	for _, i := range principals {
		best = max(best, r.principals[i].holds(&s, r.now))
	}
	return best
}
