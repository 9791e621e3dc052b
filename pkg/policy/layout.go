package policy

import "github.com/aws-access/aws-access/pkg/access"

// layout is what stands where in a compiled policy. A change here wants another
// formByte.
type layout struct {
	*coder
	policy *Policy
}

func (l *layout) whole() {
	p := l.policy
	l.settings(&p.settings)
	list(l.coder, &p.roles, nil, l.role)
	list(l.coder, &p.principals, nil, l.principal)
	l.indexes(&p.bySource, len(p.principals))
	list(l.coder, &p.rules, nil, l.rule)
	list(l.coder, &p.nevers, nil, l.never)
	list(l.coder, &p.classes, nil, l.class)
	list(l.coder, &p.accounts, nil, l.account)
	l.indexes(&p.byID, len(p.accounts))
}

func (l *layout) settings(s *Settings) {
	l.text(&s.Channel)
	l.text(&s.Operators)
	l.length(&s.AnswerWithin)
	l.length(&s.RemindAfter)
	l.text(&s.TicketPattern)
	l.text(&s.TicketExample)
	l.text(&s.TicketLink)
	l.atLeastOne(&s.PendingAtMost, maxPending)
	l.atLeastOne(&s.AsksPerHour, maxAsks)
}

// atLeastOne is a whole number from 1 to most.
func (l *layout) atLeastOne(n *int, most int) {
	if number(l.coder, n, most+1); *n == 0 {
		l.fail()
	}
}

func (l *layout) role(r *role) {
	l.text(&r.name)
	l.text(&r.about)
	l.text(&r.path)
	l.text(&r.landsOn)
	l.flag(&r.assumeRoles)
	l.flag(&r.makeIdentities)
}

func (l *layout) principal(x *principal) {
	l.text(&x.name)
	number(l.coder, &x.kind, int(slackGroup)+1)
	l.text(&x.source)
	l.textList(&x.ids)
	l.textList(&x.addresses)
}

func (l *layout) rule(r *rule) {
	l.text(&r.name)
	l.place(&r.line, &r.col)
	l.people(&r.who)
	l.set(&r.roles, len(l.policy.roles))
	l.length(&r.max)
	list(l.coder, &r.needs, &l.needs, l.requirement)
	l.flag(&r.ticket)
	for k := range r.gives {
		l.flag(&r.gives[k])
	}
	l.review(r)
	l.textList(&r.channels)
	l.indexes(&r.setters, len(l.policy.rules))
	l.moment(&r.expires)
}

// place is a line and a column of the policy file.
func (l *layout) place(line, col *int) {
	const most = 1 << 30
	number(l.coder, line, most)
	number(l.coder, col, most)
}

func (l *layout) people(who *[]int32) { l.indexes(who, len(l.policy.principals)) }

func (l *layout) requirement(need *requirement) {
	l.textList(&need.names)
	l.people(&need.from)
	l.atLeastOne(&need.need, maxNeed) // nothing is met because nobody is wanted
}

func (l *layout) review(r *rule) {
	there := r.review != nil
	l.flag(&there)
	if !there {
		return
	}
	if l.reading {
		r.review = new(access.Review)
	}
	l.textList(&r.review.By)
	l.length(&r.review.Within)
	l.people(&r.reviewers)
}

func (l *layout) never(n *never) {
	l.text(&n.name)
	l.place(&n.line, &n.col)
	l.people(&n.who)
	l.set(&n.roles, len(l.policy.roles))
	l.text(&n.say)
	l.moment(&n.expires)
}

func (l *layout) class(one *class) {
	l.text(&one.region)
	l.set(&one.roles, len(l.policy.roles))
	l.indexes(&one.rules, len(l.policy.rules))
	l.indexes(&one.nevers, len(l.policy.nevers))
}

func (l *layout) account(a *account) {
	l.text(&a.ID)
	l.text(&a.Name)
	at := 0
	if !l.reading {
		at = a.number
	}
	number(l.coder, &at, len(l.policy.classes))
	if l.reading && !l.bad {
		a.class = &l.policy.classes[at]
	}
}
