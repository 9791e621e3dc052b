package access

import (
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Verb is what an actor does to a request.
type Verb string

// The verbs.
const (
	Submit  Verb = "submit"
	Approve Verb = "approve"
	Deny    Verb = "deny"
	Cancel  Verb = "cancel"
	Vend    Verb = "vend"
	End     Verb = "end"
	Revoke  Verb = "revoke"
	Tick    Verb = "tick"
)

// moves is the life of a request. What is not in it does not happen.
var moves = [...]struct {
	verb     Verb
	from, to State
}{
	{Submit, "", Pending},
	{Submit, "", Active}, // nothing is required
	{Approve, Pending, Pending},
	{Approve, Pending, Active}, // nothing is missing any more
	{Deny, Pending, Denied},
	{Cancel, Pending, Cancelled},
	{Vend, Active, Active},
	{Vend, Expired, Expired}, // STS answered after the grant was over: the
	{Vend, Ended, Ended},     // session is recorded, because it exists, and
	{Vend, Revoked, Revoked}, // not handed out
	{End, Active, Ended},
	{Revoke, Active, Revoked},
	{Tick, Pending, Pending}, // reminder
	{Tick, Pending, TimedOut},
	{Tick, Active, Active}, // an order to vend came to nothing
	{Tick, Active, Expired},
}

// Outcome tells the three events of one vend apart.
type Outcome string

// The outcomes of a vend.
const (
	Ordered Outcome = "ordered" // the intent, written before STS is called
	Issued  Outcome = "issued"  // STS answered: a session exists
	Failed  Outcome = "failed"  // nothing was handed out; Why says what happened
)

// Event is the fact that a request moved, written in the same transaction as
// the move. It holds no secret.
type Event struct {
	Request   string
	Seq       int // 1 for submit, then one more each; equal to the request's Version after it
	At        time.Time
	Actor     Person // Clock for tick
	Verb      Verb
	From, To  State  `json:",omitzero"`
	Requester string // Slack id
	Account   string
	Role      string
	Why       string `json:",omitzero"` // as typed, whole: the reason of submit, deny and revoke; else what happened

	// Of a vend, and of a tick that gave an order up.
	Order       string    `json:",omitzero"`
	Outcome     Outcome   `json:",omitzero"`
	Kind        Kind      `json:",omitzero"`
	AccessKeyID string    `json:",omitzero"`
	Expires     time.Time `json:",omitzero"`
}

// Clock is the actor of what time does by itself.
var Clock = Person{ID: "tick", Name: "the clock"}

// Terms is what the policy says about a request at one moment.
type Terms struct {
	Max          time.Duration // the longest grant
	Met          bool          // every requirement is filled by the approvals that count
	Requirements []Requirement
	Channels     []string // where the card goes, each once
	Give         []Kind
	Review       *Review
	AnswerWithin time.Duration
	RemindAfter  time.Duration // 0 for no reminder
}

// MinFor is the shortest grant, the policy file's own lower bound.
const MinFor = 5 * time.Minute

// Ask is what a person submits.
type Ask struct {
	ID          string // ULID, made by the caller
	Requester   Person
	Account     string
	AccountName string
	Role        string
	For         time.Duration
	Reason      string
	Ticket      string

	AssumeRoles, MakeIdentities bool // what the role may, as in Target
}

// New submits an ask. It is pending, or active at once when the terms are met.
//
// Refusals: the requester's standing, no_reason, reason_too_long, too_short,
// too_long.
func New(ask Ask, terms Terms, now time.Time) (Request, Event, error) {
	if refusal := ask.Requester.Refused(); refusal != nil {
		return Request{}, Event{}, refusal
	}
	switch n := utf8.RuneCountInString(ask.Reason); {
	case strings.TrimSpace(ask.Reason) == "":
		return Request{}, Event{}, RefuseNoReason()
	case n > MaxReason:
		return Request{}, Event{}, RefuseReasonTooLong(n)
	}
	switch {
	case ask.For < MinFor:
		return Request{}, Event{}, RefuseTooShort(ask.For)
	case ask.For > terms.Max:
		return Request{}, Event{}, RefuseTooLong(terms.Max, ask.For)
	}
	r := Request{
		ID: ask.ID, Requester: ask.Requester, Account: ask.Account, AccountName: ask.AccountName, Role: ask.Role,
		Asked: ask.For, For: ask.For, Reason: ask.Reason, Ticket: ask.Ticket,
		AssumeRoles: ask.AssumeRoles, MakeIdentities: ask.MakeIdentities,
		Submitted: now, AnswerBy: now.Add(terms.AnswerWithin), Give: terms.Give, Review: terms.Review, Requirements: terms.Requirements, Channels: terms.Channels,
	}
	if terms.RemindAfter > 0 {
		r.RemindAt = now.Add(terms.RemindAfter)
	}
	to := Pending
	if terms.Met {
		to = Active
		r = r.open(terms, now)
	}
	return r.move(Submit, to, ask.Requester, ask.Reason, now)
}

// Approve records a yes that the policy says can count, and opens the grant
// when terms, which must have been made with this yes counted, are met. A
// positive upTo shortens the grant; nothing lengthens it.
//
// Refusals: the approver's standing, self_approval, approved_before,
// too_short, and those of a request that is not pending any more.
func (r Request) Approve(by Person, upTo time.Duration, terms Terms, now time.Time) (Request, Event, error) {
	if err := r.pending(by, now); err != nil {
		return r, Event{}, err
	}
	switch {
	case by.Same(r.Requester):
		return r, Event{}, RefuseSelfApproval()
	case r.Approved(by):
		return r, Event{}, RefuseApprovedBefore()
	case upTo != 0 && upTo < MinFor:
		return r, Event{}, RefuseShortening()
	}
	next := r
	next.Approvals = append(slices.Clone(r.Approvals), Approval{By: by, At: now})
	if upTo != 0 {
		next.For = min(next.For, upTo)
	}
	next.Requirements = terms.Requirements
	if !terms.Met {
		return next.move(Approve, Pending, by, "", now)
	}
	return next.open(terms, now).move(Approve, Active, by, "", now)
}

// open sets the window of the grant. The caller moves the request.
func (r Request) open(terms Terms, now time.Time) Request {
	r.For = min(r.For, terms.Max)
	r.Starts, r.Ends = now, now.Add(r.For)
	r.Give, r.Review = terms.Give, terms.Review
	return r
}

// Deny ends a pending request. Whether by may deny is the policy's to say.
func (r Request) Deny(by Person, why string, now time.Time) (Request, Event, error) {
	if err := r.pending(by, now); err != nil {
		return r, Event{}, err
	}
	if by.Same(r.Requester) {
		return r, Event{}, RefuseSelfDenial()
	}
	return r.close(Deny, Denied, by, why, now)
}

// Cancel takes a pending request back; only its requester may.
func (r Request) Cancel(by Person, now time.Time) (Request, Event, error) {
	if !by.Same(r.Requester) {
		return r, Event{}, RefuseNotYourRequest(r.Requester.Name)
	}
	if err := r.pending(by, now); err != nil {
		return r, Event{}, err
	}
	return r.close(Cancel, Cancelled, by, "", now)
}

// End gives an active grant back; only its owner may.
func (r Request) End(by Person, now time.Time) (Request, Event, error) {
	if !by.Same(r.Requester) {
		return r, Event{}, RefuseNotYourGrant(r.Requester.Name)
	}
	if err := r.active(now); err != nil {
		return r, Event{}, err
	}
	return r.close(End, Ended, by, "", now)
}

// Revoke takes an active grant away. Whether by may revoke is the policy's to
// say.
func (r Request) Revoke(by Person, why string, now time.Time) (Request, Event, error) {
	if refusal := by.Refused(); refusal != nil {
		return r, Event{}, refusal
	}
	if err := r.active(now); err != nil {
		return r, Event{}, err
	}
	return r.close(Revoke, Revoked, by, why, now)
}

// Order records the intent to vend, before STS is called: one session for one
// order. The terms of this moment bind: they may shorten the grant and narrow
// what it gives.
//
// Refusals: not_yours, order_repeated, order_late, not_given,
// too_many_clicks, too_many_sessions, and those of a grant that is not open.
func (r Request) Order(by Person, order string, kind Kind, orderedAt time.Time, terms Terms, now time.Time) (Request, Event, error) {
	if !by.Same(r.Requester) {
		return r, Event{}, RefuseNotYours(r.Requester.Name)
	}
	if refusal := by.Refused(); refusal != nil {
		return r, Event{}, refusal
	}
	next := r.live(now)
	next.Give = narrowed(r.Give, terms.Give)
	if end := r.Starts.Add(terms.Max); r.State == Active && end.Before(r.Ends) {
		next.Ends, next.For = end, terms.Max
	}
	switch age := now.Sub(orderedAt); {
	case next.CheckRepeated(order) != nil:
		return r, Event{}, next.CheckRepeated(order)
	case age >= OrderLife || age <= -OrderLife:
		return r, Event{}, RefuseOrderLate()
	case next.active(now) != nil:
		return r, Event{}, next.active(now)
	case !next.Gives(kind):
		return r, Event{}, RefuseNotGiven(kind)
	case len(next.Seen) >= MaxSeen:
		return r, Event{}, RefuseTooManyClicks()
	case len(next.Sessions) >= MaxLive:
		return r, Event{}, RefuseTooManySessions()
	}
	next.Seen = append(next.Seen, Seen{Order: order, At: now})
	next.Sessions = append(next.Sessions, Session{Order: order, Kind: kind, Ordered: now, Denied: next.Ends})
	next, event, err := next.move(Vend, Active, by, "", now)
	event.Order, event.Outcome, event.Kind = order, Ordered, kind
	return next, event, err
}

// narrowed is what was given before and still may be: a policy that got looser
// widens nothing that people agreed to under a stricter one.
func narrowed(before, now []Kind) (both []Kind) {
	for _, k := range before {
		if slices.Contains(now, k) {
			both = append(both, k)
		}
	}
	return both
}

// Issue records that STS answered an order. It works in final states too: the
// session exists, so it has to be known; whether it may be handed out is for
// the caller to read from the state.
func (r Request) Issue(order, accessKeyID string, expires, now time.Time) (Request, Event, error) {
	i := r.session(order)
	if i < 0 || r.Sessions[i].Issued() {
		return r, Event{}, RefuseUnknownOrder()
	}
	next := r
	next.Sessions = slices.Clone(r.Sessions)
	next.Sessions[i].AccessKeyID, next.Sessions[i].Expires = accessKeyID, expires
	next, event, err := next.move(Vend, r.State, r.Requester, "", now)
	event.Order, event.Outcome, event.Kind = order, Issued, r.Sessions[i].Kind
	event.AccessKeyID, event.Expires = accessKeyID, expires
	return next, event, err
}

// Fail records that an order came to nothing, or that what it made could not
// be handed out. A session that STS issued stays recorded as long as it lives.
func (r Request) Fail(order, why string, now time.Time) (Request, Event, error) {
	return r.fail(Vend, r.Requester, order, why, now)
}

func (r Request) fail(verb Verb, by Person, order, why string, now time.Time) (Request, Event, error) {
	i := r.session(order)
	if i < 0 {
		return r, Event{}, RefuseUnknownOrder()
	}
	failed := r.Sessions[i]
	next := r
	if !failed.Issued() {
		next.Sessions = slices.Delete(slices.Clone(r.Sessions), i, i+1)
	}
	next, event, err := next.move(verb, r.State, by, why, now)
	event.Order, event.Outcome, event.Kind = order, Failed, failed.Kind
	event.AccessKeyID, event.Expires = failed.AccessKeyID, failed.Expires
	return next, event, err
}

// ErrNotDue says that time does not move a request yet.
var ErrNotDue = errors.New("nothing is due")

// Tick is what time does to a request that is due: one move. The caller ticks
// again until nothing is due, which is ErrNotDue.
func (r Request) Tick(now time.Time) (next Request, event Event, err error) {
	due, ok := r.Due()
	if !ok || now.Before(due) {
		return r, Event{}, ErrNotDue
	}
	switch {
	case r.State == Pending && !now.Before(r.AnswerBy):
		return r.close(Tick, TimedOut, Clock, "Nobody decided in time.", now)
	case r.State == Pending:
		next = r
		next.Reminded = true
		return next.move(Tick, Pending, Clock, "", now)
	case !now.Before(r.Ends):
		return r.close(Tick, Expired, Clock, "", now)
	}
	i := slices.IndexFunc(r.Sessions, func(s Session) bool {
		return !s.Issued() && !now.Before(s.Ordered.Add(OrderLife))
	})
	return r.fail(Tick, Clock, r.Sessions[i].Order, "The order to vend was not answered.", now)
}

// pending refuses unless the request can still be decided.
func (r Request) pending(by Person, now time.Time) error {
	if refusal := by.Refused(); refusal != nil {
		return refusal
	}
	if r.State == Pending && !now.Before(r.AnswerBy) {
		r.State = TimedOut // the tick is late
	}
	if r.State != Pending {
		return r.Standing()
	}
	return nil
}

// active refuses unless the grant's window is open.
func (r Request) active(now time.Time) error {
	if r.State == Active && !now.Before(r.Ends) {
		r.State = Expired // the tick is late
	}
	switch {
	case r.State != Active:
		return r.Standing()
	case now.Before(r.Starts):
		return RefuseNotYet(r.Starts)
	}
	return nil
}

// Standing says how a request stands, for somebody who came too late or too
// early to move it: who won, and when.
func (r Request) Standing() error {
	switch r.State {
	case Pending:
		return RefuseStillPending()
	case Active:
		if n := len(r.Approvals); n > 0 {
			return RefuseAlreadyApproved(r.Approvals[n-1])
		}
		return RefuseAlreadyActive(r.Starts)
	case Denied:
		return RefuseAlreadyDenied(r.Closed)
	case Cancelled:
		return RefuseCancelled(r.Closed)
	case TimedOut:
		return RefuseTimedOut(r.AnswerBy)
	case Expired:
		return RefuseExpired(r.Ends)
	case Ended:
		return RefuseEnded(r.Closed)
	case Revoked:
		return RefuseRevoked(r.Closed)
	}
	return RefuseUnknownState()
}

// session is the index of an order's session, -1 if there is none.
func (r Request) session(order string) int {
	return slices.IndexFunc(r.Sessions, func(s Session) bool { return s.Order == order })
}

// live drops what no longer matters: sessions that have expired, and orders
// too old to be repeated.
func (r Request) live(now time.Time) Request {
	r.Sessions = slices.DeleteFunc(slices.Clone(r.Sessions), func(s Session) bool {
		return s.Issued() && !s.Expires.After(now)
	})
	r.Seen = slices.DeleteFunc(slices.Clone(r.Seen), func(s Seen) bool { return now.Sub(s.At) >= SeenLife })
	return r
}

// close moves to a final state.
func (r Request) close(verb Verb, to State, by Person, why string, now time.Time) (Request, Event, error) {
	next := r
	next.Closed = Closing{By: by, At: now, Why: why}
	return next.move(verb, to, by, why, now)
}

// move is the only place that sets the state of a request that is saved. It refuses what the table does not
// hold.
func (r Request) move(verb Verb, to State, by Person, why string, now time.Time) (Request, Event, error) {
	from := r.State
	for _, m := range moves {
		if m.verb == verb && m.from == from && m.to == to {
			r.State = to
			r.Version++
			return r, Event{
				Request: r.ID, Seq: r.Version, At: now, Actor: by, Verb: verb, From: from, To: to,
				Requester: r.Requester.ID, Account: r.Account, Role: r.Role, Why: why,
			}, nil
		}
	}
	return r, Event{}, r.Standing()
}
