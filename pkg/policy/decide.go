package policy

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// Question is what a policy is asked. Everybody in it is as known at the
// moment At.
type Question struct {
	Who       access.Person
	Account   string        // id
	Role      string        // name, exactly
	For       time.Duration // 0: the length is not judged
	Reason    string
	Ticket    string
	Asking    bool            // it is about to be submitted: judge reason, ticket, and whether anybody could approve
	Approvals []access.Person // who said yes; whoever is no full member today does not count
	Directory access.Directory
	At        time.Time
}

// Answer is what the policy says. With a refusal, Terms.Met is false whatever
// was approved. Its lists are the policy's own: they are to be read, not
// changed.
type Answer struct {
	// Refusal is nil when the person may have it once Terms.Met. Its codes
	// are those of Person.Refused and of doubts (slack_unreadable, unknown_group,
	// unproven_address), unknown_account, unknown_role, never,
	// not_allowed, nothing_to_give, too_long and, when Asking,
	// no_reason, no_ticket, bad_ticket, no_approver.
	Refusal error
	Terms   access.Terms // zero unless some rule allows
	Target  access.Target
	Ticket  bool // a ticket is mandatory
	// Uncounted is why approvals that were given may not count today: nil when
	// Terms.Met, and when it is certain that they are not enough.
	Uncounted error
	// Doubt is what is not known, without which there might be no refusal, or
	// another one; nil when the refusal is certain.
	Doubt error
}

// Decide answers a question. It is pure: the same question has the same
// answer.
func (p *Policy) Decide(q Question) Answer {
	if refusal := q.Who.Refused(); refusal != nil {
		a := Answer{Refusal: refusal}
		if q.Who.Membership == "" {
			a.Doubt = refusal
		}
		return a
	}
	now := moment{&q.Directory, q.At}
	v := p.view(q.Who, now)
	account, role, refusal := p.lookUp(&v, q.Account, q.Role)
	if refusal != nil {
		return Answer{Refusal: refusal}
	}
	if n, how := v.forbids(account, role); n != nil {
		return v.forbidden(account, role, n, how)
	}
	r := v.ruling(account, role)
	rules, allows := r.binding()
	if allows != yes {
		return r.notAllowed(allows)
	}
	a := Answer{Terms: r.terms(rules), Target: p.target(account, role), Ticket: r.wantsTicket(rules)}
	a.Refusal = r.unfit(&q, &a)
	if q.Asking && access.Code(a.Refusal) != "nothing_to_give" {
		a.Refusal = access.All(a.Refusal, r.incomplete(&q, &a))
	}
	if a.Refusal == nil && q.Asking {
		a.Refusal = r.noApprover(rules)
	}
	a.Terms.Requirements, a.Terms.Met = r.needs(rules, q.Approvals)
	if !a.Terms.Met {
		a.Uncounted = r.uncounted(rules, q.Approvals)
	}
	a.Terms.Met = a.Terms.Met && a.Refusal == nil
	return a
}

// lookUp finds account and role. Roles that somebody may not ask for are not
// told.
func (p *Policy) lookUp(v *view, id, name string) (account, role int, refusal error) {
	account, ok := p.account(id)
	if !ok {
		return 0, 0, unknownAccount(id)
	}
	if role, ok = p.role(name); ok && p.class(account).Roles.Has(role) {
		return account, role, nil
	}
	var names []string
	for _, r := range v.askable(account) {
		names = append(names, r.Name)
	}
	next := "Choose one in the form: /aws-access."
	if names = similar(name, names); len(names) > 0 {
		next = "Did you mean " + either(names) + "?"
	}
	return 0, 0, access.Refuse("unknown_role", "There is no role "+said(name)+" in "+v.placed(account)+".", next)
}

// said puts what somebody typed into a sentence.
func said(text string) string {
	const most = 80
	if runes := []rune(strings.ToValidUTF8(text, "?")); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return "“" + text + "”"
}

// placed names an account in a sentence: by its name for those who may ask for something there.
func (v *view) placed(account int) string {
	a := &v.accounts[account]
	if v.reachable()[a.Class] {
		return a.Name
	}
	return "this account"
}

// forbidden words a never. What is not known is told of all nevers that may concern somebody, so that their order
// in the file means nothing.
func (v *view) forbidden(account, role int, n *NeverRule, how belief) Answer {
	switch {
	case how != yes:
		doubt := v.doubt(&v.who, v.mayForbid(account, role), v.now)
		return Answer{Refusal: access.Refuse("never", "“"+n.Name+"” may concern you.", doubt.Error()), Doubt: doubt}
	case n.Say != "":
		return Answer{Refusal: access.Refuse("never", n.Say, "")}
	}
	return Answer{Refusal: access.Refuse("never", "The policy never allows this: “"+n.Name+"”.", "")}
}

// notAllowed refuses without a word about who could.
func (r *ruling) notAllowed(allows belief) Answer {
	what, where := r.roles[r.role].Name, r.placed(r.account)
	if allows == no {
		return Answer{Refusal: access.Refuse("not_allowed", "You may not ask for "+what+" in "+where+".",
			"The form shows what you may ask for: /aws-access.")}
	}
	var unknown []int32
	for _, i := range r.class(r.account).Rules {
		if r.states[i].matches == maybe {
			unknown = append(unknown, r.rules[i].Who...)
		}
	}
	slices.Sort(unknown)
	doubt := r.doubt(&r.who, slices.Compact(unknown), r.now)
	return Answer{Refusal: doubt, Doubt: doubt}
}

// terms puts the rules that bind together, all but what they require.
func (r *ruling) terms(rules []int32) access.Terms {
	t := access.Terms{Max: MaxLength, AnswerWithin: r.settings.AnswerWithin, RemindAfter: r.settings.RemindAfter}
	console, keys := true, true
	for _, i := range rules {
		one := &r.rules[i]
		t.Max = min(t.Max, one.Max)
		console, keys = console && one.GiveConsole, keys && one.GiveKeys
		for _, channel := range one.Channels {
			if !slices.Contains(t.Channels, channel) {
				t.Channels = append(t.Channels, channel)
			}
		}
		t.Review = joined(t.Review, one.Review)
	}
	if console {
		t.Give = append(t.Give, access.Console)
	}
	if keys {
		t.Give = append(t.Give, access.Keys)
	}
	return t
}

// joined is a review by everybody whom two rules name, within the shorter time.
func joined(a, b *access.Review) *access.Review {
	if a == nil || b == nil {
		if a == nil {
			return b
		}
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

func (r *ruling) wantsTicket(rules []int32) bool {
	return slices.ContainsFunc(rules, func(i int32) bool { return r.rules[i].Ticket })
}

// unfit refuses what no approval could mend, at any time.
func (r *ruling) unfit(q *Question, a *Answer) error {
	switch {
	case len(a.Terms.Give) == 0:
		return access.Refuse("nothing_to_give", "The rules for "+a.Target.Role+" in "+a.Target.AccountName+
			" contradict each other: one allows only the console, another only keys.",
			"Tell the people who maintain the policy.")
	case q.For > a.Terms.Max:
		return access.TooLong(a.Terms.Max, q.For)
	}
	return nil
}

// incomplete refuses what was asked for without what the rules ask: all that is missing at once.
func (r *ruling) incomplete(q *Question, a *Answer) error {
	var reason error
	if strings.TrimSpace(q.Reason) == "" {
		reason = access.Refuse("no_reason", "A reason is needed.", "Say in a few words what you are going to do.")
	}
	return access.All(reason, r.wrongTicket(q, a))
}

func (r *ruling) wrongTicket(q *Question, a *Answer) error {
	ticket := strings.TrimSpace(q.Ticket)
	switch {
	case ticket == "" && a.Ticket:
		return access.Refuse("no_ticket", "A ticket is needed for "+a.Target.Role+" in "+a.Target.AccountName+".", r.ticketForm())
	case ticket == "":
		return nil
	case !oneShortLine(ticket):
		return access.Refuse("bad_ticket", "A ticket is one line of at most "+strconv.Itoa(MaxTicketText)+" characters.", r.ticketForm())
	case !r.ticket.matches(ticket):
		return access.Refuse("bad_ticket", said(ticket)+" is not a ticket.", r.ticketForm())
	}
	return nil
}

func (r *ruling) ticketForm() string {
	return "Write it like " + r.settings.TicketExample + "."
}

// needs counts who said yes: what each requirement of the rules that bind has,
// and whether nothing is missing. The requester never counts, nor does anybody
// who is no full member or not known to be asked.
func (r *ruling) needs(rules []int32, approvals []access.Person) (needs []access.Requirement, met bool) {
	var said voices
	for _, p := range approvals {
		if p.Membership == access.Member && !p.Same(r.who.Person) {
			said = said.add(p)
		}
	}
	met = true
	for _, i := range rules {
		one := &r.rules[i]
		if len(one.Requirements) == 0 {
			continue
		}
		filled, all := assign(one.Requirements, len(said), func(requirement, voice int) bool {
			return slices.ContainsFunc(said[voice], func(p access.Person) bool {
				return r.asks(one.Requirements[requirement].Approver, p)
			})
		})
		met = met && all
		for k, need := range one.Requirements {
			needs = append(needs, access.Requirement{Rule: one.Name, From: need.From, Required: need.Required, Approved: filled[k]})
		}
	}
	return needs, met
}

// asks reports whether somebody is known to be among those who are asked.
func (r *ruling) asks(from []int32, p access.Person) bool {
	s := subjectOf(p)
	return slices.ContainsFunc(from, func(i int32) bool {
		return r.principals[i].holds(&s, r.now) == yes
	})
}

// noApprover refuses what nobody could approve, as far as people are known.
func (r *ruling) noApprover(rules []int32) error {
	for _, i := range rules {
		one := &r.rules[i]
		if short, have, ok := r.fillable(one); !ok {
			return r.nobody(one, short, have)
		}
	}
	return nil
}

// fillable reports whether a rule's requirements could be filled with
// different people other than the requester; if not, which one stays short,
// and how many people it could have.
func (r *ruling) fillable(one *Rule) (short, have int, ok bool) {
	total := 0
	for _, need := range one.Requirements {
		total += need.Required
	}
	var people voices
	can := make([][]access.Person, len(one.Requirements))
	for k, need := range one.Requirements {
		can[k] = r.couldFill(need, total)
		for _, p := range can[k] {
			people = people.add(p)
		}
	}
	filled, ok := assign(one.Requirements, len(people)+total, func(requirement, voice int) bool {
		if voice >= len(people) { // somebody out of the whole workspace
			return r.anybody(one.Requirements[requirement])
		}
		return slices.ContainsFunc(people[voice], func(p access.Person) bool {
			return slices.ContainsFunc(can[requirement], func(q access.Person) bool { return q.ID == p.ID })
		})
	})
	for k, need := range one.Requirements {
		if filled[k] < need.Required {
			return k, filled[k], false
		}
	}
	return 0, 0, ok
}

// couldFill lists people who could fill a requirement, as many as make the
// rule's total at the most: with so many there is always one left for it.
func (r *ruling) couldFill(need Requirement, total int) []access.Person {
	var found []access.Person
	var distinct voices
	for _, i := range need.Approver {
		r.principals[i].candidates(r.now, func(p access.Person) bool {
			if !p.Same(r.who.Person) {
				found, distinct = append(found, p), distinct.add(p)
			}
			return len(distinct) < total
		})
		if len(distinct) >= total {
			break
		}
	}
	return found
}

func (r *ruling) anybody(need Requirement) bool {
	return slices.ContainsFunc(need.Approver, func(i int32) bool { return r.principals[i].Kind == Everyone })
}

// nobody words that a requirement cannot be filled.
func (r *ruling) nobody(one *Rule, short, have int) error {
	need := one.Requirements[short]
	because, unknown := r.unfilled(need)
	if unknown != nil {
		return unknown
	}
	says := "Too few people could approve this: “" + one.Name + "” needs " + strconv.Itoa(need.Required) + " of " +
		strings.Join(need.From, ", ")
	switch {
	case have == 0 && because != "":
		says += "."
	case have == 0:
		says += ", and there is nobody but you."
	case have == 1:
		says += ", and there is 1 besides you."
	default:
		says += ", and there are " + strconv.Itoa(have) + " besides you."
	}
	if because != "" {
		return access.Refuse("no_approver", says+" "+because, operatorsDo)
	}
	return access.Refuse("no_approver", says, "Tell the people who maintain the policy.")
}
