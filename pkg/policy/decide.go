package policy

import (
	"slices"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// Question is what a policy is asked: may a person or a machine have a role in an account? The people
// in it are as known at the time At. A machine is as it has proved to be: with the claims of the proof
// that came with this step, if there is one, and else with those of the request.
type Question struct {
	Who       access.Person // of a machine: access.Machine.Person
	Account   string        // id
	Role      string        // the exact name
	For       time.Duration // 0: the length is not checked
	Reason    string
	Ticket    string
	Asking    bool            // for a request about to be submitted: check reason, ticket, and that somebody could approve
	Approvals []access.Person // the people who approved; only full members count
	Directory access.Directory
	At        time.Time
}

// Answer is what the policy says. If there is a refusal, Terms.Met is false, whatever was approved.
// The caller must not change the lists: they are the policy's own.
type Answer struct {
	// Refusal is nil if the person may have the role as soon as Terms.Met. Its codes are those of
	// Person.RefusedToAsk, target_role, unknown_account, unknown_role, never, not_allowed,
	// nothing_to_give, too_long;
	// if something is unknown, slack_unreadable, unknown_group, unproven_address; and if Asking,
	// no_reason, no_ticket, bad_ticket, no_approver.
	Refusal error
	Terms   access.Terms // zero unless a rule allows
	Target  access.Target
	Ticket  bool // a ticket is mandatory
	// Uncounted says why approvals that were given may not count today. It is nil if Terms.Met, and
	// if it is certain that the approvals are not enough.
	Uncounted error
	// Unknown says what is unknown, if there might be no refusal, or another one, without it. It is
	// nil if the refusal is certain.
	Unknown error
}

// Decide answers a question. It is pure: the same question has the same answer.
func (p *Policy) Decide(q Question) Answer {
	// This check decides whether the requester may take part. The same check in lifecycle.Submit,
	// lifecycle.Vend, access.New, and where functions answer a command or a menu, is a backstop.
	if refusal := q.Who.RefusedToAsk(); refusal != nil {
		a := Answer{Refusal: refusal}
		if q.Who.Membership == "" {
			a.Unknown = refusal
		}
		return a
	}
	if refusal := p.CheckMachine(q.Who.Machine); refusal != nil {
		return Answer{Refusal: refusal}
	}
	v := p.viewOf(q.Who, snapshot{&q.Directory, q.At})
	account, role, refusal := v.lookUp(q.Account, q.Role)
	if refusal != nil {
		return Answer{Refusal: refusal}
	}
	if n, how := v.forbids(account, role); n != nil {
		return v.forbidden(account, role, n, how)
	}
	e := v.evaluate(account, role)
	rules, allows := e.binding()
	if allows != yes {
		return e.notAllowed(allows)
	}
	a := Answer{Terms: e.terms(rules), Target: p.target(account, role), Ticket: e.wantsTicket(rules)}
	a.Refusal = e.checkTerms(&q, &a)
	if q.Asking && access.Code(a.Refusal) != access.CodeNothingToGive {
		a.Refusal = access.Join(a.Refusal, e.checkForm(&q, &a))
	}
	if a.Refusal == nil && q.Asking {
		a.Refusal = e.checkApprovable(rules)
	}
	a.Terms.Requirements, a.Terms.Met = e.countApprovals(rules, q.Approvals)
	if !a.Terms.Met {
		a.Uncounted = e.uncounted(rules, q.Approvals)
	}
	a.Terms.Met = a.Terms.Met && a.Refusal == nil
	return a
}

// CheckMachine refuses a machine that is a session of a target role: otherwise anybody with a grant
// could go on as a machine, with another identity and without its end. The ARN of a session does not
// carry the role's path, so roles are compared by account and name, in any case, as IAM does. The name
// of the session is a backstop for roles that the policy no longer has.
//
// It decides in Decide. functions.Calls asks it for the steps that do not ask the policy.
//
// Refusal: target_role.
func (p *Policy) CheckMachine(m *access.Machine) error {
	if m == nil || m.Role == nil {
		return nil
	}
	isTarget := strings.HasPrefix(m.Role.Session, access.SessionPrefix)
	if i, ok := p.account(m.Role.Account); ok {
		p.class(i).Roles.Each(func(role int) bool {
			isTarget = isTarget || strings.EqualFold(p.roles[role].Name, m.Role.Name)
			return !isTarget
		})
	}
	if isTarget {
		return access.RefuseTargetRole(m.Role.Name, m.Role.Account)
	}
	return nil
}

// lookUp finds an account and a role by their exact names. The refusal names only roles that this
// person may ask for.
func (v *view) lookUp(id, name string) (account, role int, refusal error) {
	account, ok := v.account(id)
	if !ok {
		return 0, 0, access.RefuseUnknownAccountID(id)
	}
	if role, ok = v.role(name); ok && v.class(account).Roles.Has(role) {
		return account, role, nil
	}
	var names []string
	for _, r := range v.askable(account) {
		names = append(names, r.Name)
	}
	return 0, 0, access.RefuseUnknownRole(name, v.placeName(account), similar(name, names))
}

// placeName names an account in a sentence. Only a person who may ask for something there reads its
// name.
func (v *view) placeName(account int) string {
	a := &v.accounts[account]
	if v.reachable()[a.Class] {
		return a.Name
	}
	return "this account"
}

// forbidden is the answer if a never rule forbids. What is unknown is told of all never rules that
// may concern this person, so that the order of the file means nothing.
func (v *view) forbidden(account, role int, n *NeverRule, how certainty) Answer {
	if how == yes {
		return Answer{Refusal: access.RefuseNever(n.Name, n.Say)}
	}
	why := v.whyUnknown(&v.who, v.neverPrincipals(account, role))
	return Answer{Refusal: access.RefusePerhapsNever(n.Name, why), Unknown: why}
}

// notAllowed is the answer if no rule allows for certain.
func (e *evaluation) notAllowed(allows certainty) Answer {
	if !allows.mayAllow() {
		return Answer{Refusal: access.RefuseNotAllowed(e.roles[e.role].Name, e.placeName(e.account))}
	}
	var principals []int32
	for _, i := range e.class(e.account).Rules {
		if e.states[i].matches == unknown {
			principals = append(principals, e.rules[i].Who...)
		}
	}
	slices.Sort(principals)
	why := e.whyUnknown(&e.who, slices.Compact(principals))
	return Answer{Refusal: why, Unknown: why}
}

// terms combines the terms of the rules that bind, except for their requirements.
func (e *evaluation) terms(rules []int32) access.Terms {
	t := access.Terms{
		Max: MaxLength, AnswerWithin: e.settings.AnswerWithin, RemindAfter: e.settings.RemindAfter,
		Session: e.roles[e.role].Session,
	}
	console, keys := true, true
	for _, i := range rules {
		one := &e.rules[i]
		t.Max, t.Session = min(t.Max, one.Max), shorterSession(t.Session, one.Session)
		console, keys = console && one.GiveConsole, keys && one.GiveKeys
		for _, channel := range one.Channels {
			if !slices.Contains(t.Channels, channel) {
				t.Channels = append(t.Channels, channel)
			}
		}
		t.Review = joinReviews(t.Review, one.Review)
	}
	if console && e.who.Machine == nil { // a machine has no browser
		t.Give = append(t.Give, access.Console)
	}
	if keys {
		t.Give = append(t.Give, access.Keys)
	}
	return t
}

// shorterSession returns the shorter of two lengths of a session; 0 is no limit.
func shorterSession(a, b time.Duration) time.Duration {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// joinReviews returns a review by everybody whom two rules name, within the shorter time.
func joinReviews(a, b *access.Review) *access.Review {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	}
	both := access.Review{By: slices.Clone(a.By), Within: min(a.Within, b.Within)}
	for _, name := range b.By {
		if !slices.Contains(both.By, name) {
			both.By = append(both.By, name)
		}
	}
	return &both
}

func (e *evaluation) wantsTicket(rules []int32) bool {
	return slices.ContainsFunc(rules, func(i int32) bool { return e.rules[i].Ticket })
}

// checkTerms refuses what no approval can put right, at any time.
func (e *evaluation) checkTerms(q *Question, a *Answer) error {
	switch {
	case len(a.Terms.Give) == 0 && q.Who.Machine != nil:
		return access.RefuseConsoleForMachine(a.Target.Role, a.Target.AccountName)
	case len(a.Terms.Give) == 0:
		return access.RefuseNothingToGive(a.Target.Role, a.Target.AccountName)
	case q.For > a.Terms.Max:
		return access.RefuseTooLong(a.Terms.Max, q.For)
	}
	return nil
}

// checkForm refuses a request without what the rules ask for, and names everything that is missing.
func (e *evaluation) checkForm(q *Question, a *Answer) error {
	var reason error
	if strings.TrimSpace(q.Reason) == "" {
		reason = access.RefuseNoReason()
	}
	return access.Join(reason, e.checkTicket(q, a))
}

func (e *evaluation) checkTicket(q *Question, a *Answer) error {
	ticket, example := strings.TrimSpace(q.Ticket), e.settings.TicketExample
	switch {
	case ticket == "" && a.Ticket:
		return access.RefuseNoTicket(a.Target.Role, a.Target.AccountName, example)
	case ticket == "":
		return nil
	case !oneShortLine(ticket):
		return access.RefuseTicketText(MaxTicketText, example)
	case !e.ticket.matches(ticket):
		return access.RefuseBadTicket(ticket, example)
	}
	return nil
}
