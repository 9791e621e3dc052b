package packed

import (
	"math"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
)

// layout is the order in which the values of a definition stand in the packed form. A change here
// needs another formNumber.
type layout struct {
	*coder
	policy *policy.Definition
}

func (l *layout) whole() {
	p := l.policy
	l.settings(&p.Settings)
	list(l.coder, &p.Roles, nil, l.role)
	list(l.coder, &p.Principals, nil, l.principal)
	l.indexes(&p.PrincipalsByGroup)
	list(l.coder, &p.Rules, nil, l.rule)
	list(l.coder, &p.NeverRules, nil, l.neverRule)
	l.indexes(&p.Responders)
	list(l.coder, &p.Classes, nil, l.class)
	list(l.coder, &p.Accounts, nil, l.account)
	l.indexes(&p.AccountsByID)
}

func (l *layout) settings(s *policy.Settings) {
	l.text(&s.Channel)
	l.text(&s.Operators)
	l.length(&s.AnswerWithin)
	l.length(&s.RemindAfter)
	l.text(&s.TicketPattern)
	l.text(&s.TicketExample)
	l.text(&s.TicketLink)
	number(l.coder, &s.PendingAtMost, math.MaxInt32)
	number(l.coder, &s.AsksPerHour, math.MaxInt32)
	l.length(&s.Devices.For)
	number(l.coder, &s.Devices.Limit, math.MaxInt32)
	l.texts(&s.Responders)
	l.length(&s.CheckEvery)
}

func (l *layout) role(r *policy.Role) {
	l.text(&r.Name)
	l.text(&r.About)
	l.text(&r.Path)
	l.text(&r.LandsOn)
	l.flag(&r.AssumeRoles)
	l.flag(&r.MakeIdentities)
	l.length(&r.Session)
}

func (l *layout) principal(x *policy.Principal) {
	l.text(&x.Name)
	number(l.coder, &x.Kind, math.MaxUint8)
	l.text(&x.Group)
	l.texts(&x.IDs)
	l.texts(&x.Addresses)
	list(l.coder, &x.Roles, nil, l.machineRole)
	l.text(&x.Issuer)
	list(l.coder, &x.Claims, nil, l.claim)
}

func (l *layout) machineRole(r *policy.MachineRole) {
	l.text(&r.Partition)
	l.text(&r.Account)
	l.text(&r.Name)
	l.text(&r.ID)
}

func (l *layout) claim(c *policy.Claim) {
	l.text(&c.Name)
	l.text(&c.Value)
}

func (l *layout) rule(r *policy.Rule) {
	l.text(&r.Name)
	number(l.coder, &r.Line, math.MaxInt32)
	number(l.coder, &r.Col, math.MaxInt32)
	l.indexes(&r.Who)
	l.set(&r.Roles, len(l.policy.Roles))
	l.length(&r.Max)
	list(l.coder, &r.Requirements, &l.requirements, l.requirement)
	l.flag(&r.Ticket)
	l.flag(&r.GiveConsole)
	l.flag(&r.GiveKeys)
	l.review(r)
	l.texts(&r.Channels)
	l.indexes(&r.SetAsideBy)
	l.date(&r.Expires)
	l.length(&r.Session)
}

func (l *layout) requirement(r *policy.Requirement) {
	l.texts(&r.From)
	l.indexes(&r.Approver)
	number(l.coder, &r.Required, math.MaxInt32)
}

func (l *layout) review(r *policy.Rule) {
	present := r.Review != nil
	l.flag(&present)
	if !present {
		return
	}
	if l.reading {
		r.Review = new(access.Review)
	}
	l.texts(&r.Review.By)
	l.length(&r.Review.Within)
	l.indexes(&r.Reviewers)
}

func (l *layout) neverRule(n *policy.NeverRule) {
	l.text(&n.Name)
	number(l.coder, &n.Line, math.MaxInt32)
	number(l.coder, &n.Col, math.MaxInt32)
	l.indexes(&n.Who)
	l.set(&n.Roles, len(l.policy.Roles))
	l.text(&n.Say)
	l.date(&n.Expires)
}

func (l *layout) class(c *policy.AccountClass) {
	l.text(&c.Region)
	l.set(&c.Roles, len(l.policy.Roles))
	l.indexes(&c.Rules)
	l.indexes(&c.NeverRules)
}

func (l *layout) account(a *policy.Account) {
	l.text(&a.ID)
	l.text(&a.Name)
	number(l.coder, &a.Class, math.MaxInt32)
}
