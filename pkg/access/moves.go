package access

import (
	"errors"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Verb is an action on a request.
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
	Cut     Verb = "cut"  // the sessions of a closed grant are denied, or to be denied again
	Lift    Verb = "lift" // after a revocation, the requester may ask again
)

// moves is the whole life of a request: each move that is allowed. Anything else is
// refused. The Request methods below make the moves; move reads this table.
var moves = [...]struct {
	verb     Verb
	from, to State
}{
	{Submit, "", Pending},
	{Submit, "", Active}, // nothing is required
	{Approve, Pending, Pending},
	{Approve, Pending, Active}, // every requirement is filled
	{Deny, Pending, Denied},
	{Cancel, Pending, Cancelled},
	{Vend, Active, Active},
	{Vend, Expired, Expired}, // STS answered after the grant had ended: the
	{Vend, Ended, Ended},     // session exists, so it is recorded, but it is
	{Vend, Revoked, Revoked}, // not handed out
	{End, Active, Ended},
	{Revoke, Active, Revoked},
	{Tick, Pending, Pending}, // reminder
	{Tick, Pending, TimedOut},
	{Tick, Active, Active}, // an order to vend was not answered
	{Tick, Active, Expired},
	{Cut, Ended, Ended},
	{Cut, Revoked, Revoked},
	{Cut, Expired, Expired}, // a revocation lost against the end of the grant
	{Lift, Revoked, Revoked},
}

// Outcome distinguishes the events of one vend.
type Outcome string

// The outcomes of a vend.
const (
	Ordered Outcome = "ordered" // the intent, written before STS is called
	Issued  Outcome = "issued"  // STS answered: a session exists
	Failed  Outcome = "failed"  // nothing was handed out; Why says what happened
)

// Event records one move of a request. It is written in the same transaction as the
// moved request, and holds no secret.
type Event struct {
	Request   string
	Seq       int // the request's Version after the move: 1 for submit, 2 for the next
	At        time.Time
	Actor     Person // Clock for tick
	Verb      Verb
	From, To  State  `json:",omitzero"`
	Requester string // Person.ID
	Account   string
	Role      string
	Why       string `json:",omitzero"` // the reason as typed, for submit, deny and revoke; else what happened
	Device    string `json:",omitzero"` // through which a person acted, or for which a session was; "" for none

	// Set for a vend, and for a tick that ends an unanswered order.
	Order       string    `json:",omitzero"`
	Outcome     Outcome   `json:",omitzero"`
	Kind        Kind      `json:",omitzero"`
	AccessKeyID string    `json:",omitzero"`
	Expires     time.Time `json:",omitzero"`
	WideKeyID   string    `json:",omitzero"` // as in Session
	WideExpires time.Time `json:",omitzero"`

	// Cut is set if the move ordered the cut of the grant's sessions, or found it done. With the
	// order, RoleARN is that of their role.
	Cut     CutState `json:",omitzero"`
	RoleARN string   `json:",omitzero"`
}

// Clock is the actor of the moves that time makes.
var Clock = Person{ID: "tick", Name: "the clock"}

// Terms are what the policy says about a request when it is asked.
type Terms struct {
	Max          time.Duration // the longest grant
	Met          bool          // the approvals that count fill every requirement
	Requirements []Requirement
	Channels     []string // where the card goes, each once
	Give         []Kind
	Review       *Review
	AnswerWithin time.Duration
	RemindAfter  time.Duration // 0 for no reminder
	Session      time.Duration // how long one session may act; 0 if only the grant's end limits it
}

// MinFor is the shortest grant. The policy file has the same lower limit.
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

	AssumeRoles, MakeIdentities bool // what the role may do, as in Target
}

// New makes the request of an ask. It is pending, or active if the terms are met.
//
// Every check here is a backstop: Person.RefusedToAsk, and policy.Decide, lifecycle.Submit
// and slackui for reason and length, have decided before.
//
// Refusals: those of Person.RefusedToAsk, no_reason, reason_too_long, too_short, too_long.
func New(ask Ask, terms Terms, now time.Time) (Request, Event, error) {
	if refusal := ask.Requester.RefusedToAsk(); refusal != nil {
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
		Submitted: now, AnswerBy: now.Add(terms.AnswerWithin),
		Give: terms.Give, Review: terms.Review, Requirements: terms.Requirements, Channels: terms.Channels,
	}
	if terms.RemindAfter > 0 {
		r.RemindAt = now.Add(terms.RemindAfter)
	}
	to := Pending
	if terms.Met {
		to = Active
		r = r.grant(terms, now)
	}
	return r.move(Submit, to, ask.Requester, ask.Reason, now)
}

// Approve records an approval, and makes the request active if the terms are met.
// The caller has asked policy.CheckApprover, and made the terms with this approval
// counted. A positive upTo shortens the grant; nothing lengthens it.
//
// It decides approved_before and too_short. policy.CheckApprover decides self_approval
// and lifecycle.Decide the approver's membership; both checks here are backstops.
//
// Refusals: those of Person.Refused, self_approval, approved_before, too_short, and
// those of StateRefusal if the request is not pending.
func (r Request) Approve(by Person, upTo time.Duration, terms Terms, now time.Time) (Request, Event, error) {
	if err := r.checkPending(by.Refused(), now); err != nil {
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
	return next.grant(terms, now).move(Approve, Active, by, "", now)
}

// grant sets the window of the grant, and what it gives. The caller moves the
// request.
func (r Request) grant(terms Terms, now time.Time) Request {
	r.For = min(r.For, terms.Max)
	r.Starts, r.Ends = now, now.Add(r.For)
	r.Give, r.Review = terms.Give, terms.Review
	return r
}

// Deny ends a pending request. policy.CheckApprover decides who may deny; self_denial
// is a backstop.
//
// Refusals: those of Person.Refused, self_denial, and those of StateRefusal if the
// request is not pending.
func (r Request) Deny(by Person, why string, now time.Time) (Request, Event, error) {
	if err := r.checkPending(by.Refused(), now); err != nil {
		return r, Event{}, err
	}
	if by.Same(r.Requester) {
		return r, Event{}, RefuseSelfDenial()
	}
	return r.close(Deny, Denied, by, why, now)
}

// Cancel withdraws a pending request. It decides that only the requester may do so.
//
// Refusals: not_yours, those of Person.RefusedToAsk, and those of StateRefusal if the
// request is not pending.
func (r Request) Cancel(by Person, now time.Time) (Request, Event, error) {
	if !by.owns(r.Requester) {
		return r, Event{}, RefuseNotYourRequest(r.Requester.Name)
	}
	if err := r.checkPending(by.RefusedToAsk(), now); err != nil {
		return r, Event{}, err
	}
	return r.close(Cancel, Cancelled, by, "", now)
}

// End gives an active grant back. It decides that only the requester may do so.
//
// Refusals: not_yours, and those of CheckUsable.
func (r Request) End(by Person, now time.Time) (Request, Event, error) {
	if !by.owns(r.Requester) {
		return r, Event{}, RefuseNotYourGrant(r.Requester.Name)
	}
	if err := r.CheckUsable(now); err != nil {
		return r, Event{}, err
	}
	return r.cut(End, Ended, by, "", now)
}

// EndForDevice gives an active grant back because a device that took a session from it is
// no longer one. The caller has found out that it is so; the requester is the actor.
//
// Refusals: those of CheckUsable.
func (r Request) EndForDevice(now time.Time) (Request, Event, error) {
	if err := r.CheckUsable(now); err != nil {
		return r, Event{}, err
	}
	return r.cut(End, Ended, r.Requester, "A computer that had used this access was removed.", now)
}

// Revoke ends an active grant of somebody else. policy.CheckRevoker decides who may
// revoke it.
//
// Refusals: those of Person.Refused and CheckUsable.
func (r Request) Revoke(by Person, why string, now time.Time) (Request, Event, error) {
	if refusal := by.Refused(); refusal != nil {
		return r, Event{}, refusal
	}
	if err := r.CheckUsable(now); err != nil {
		return r, Event{}, ToOthers(err)
	}
	return r.cut(Revoke, Revoked, by, why, now)
}

// CheckWhy refuses a reason for a revocation or a freeze that is missing or too long.
//
// Refusals: no_reason, reason_too_long.
func CheckWhy(why string) error {
	switch n := utf8.RuneCountInString(why); {
	case strings.TrimSpace(why) == "":
		return RefuseNoWhy()
	case n > MaxReason:
		return RefuseReasonTooLong(n)
	}
	return nil
}

// RevokeLost ends an active grant because today's policy no longer gives it. The caller has asked
// the policy.
//
// Refusals: those of CheckUsable.
func (r Request) RevokeLost(why string, now time.Time) (Request, Event, error) {
	if err := r.CheckUsable(now); err != nil {
		return r, Event{}, err
	}
	return r.cut(Revoke, Revoked, System, why, now)
}

// RevokeByOperator ends an active grant for somebody with rights on the table, whom the policy
// is not asked about.
//
// Refusals: those of CheckUsable.
func (r Request) RevokeByOperator(by Person, why string, now time.Time) (Request, Event, error) {
	if err := r.CheckUsable(now); err != nil {
		return r, Event{}, err
	}
	return r.cut(Revoke, Revoked, by, why, now)
}

// cut closes the grant, and orders the cut of its sessions if there are any.
func (r Request) cut(verb Verb, to State, by Person, why string, now time.Time) (Request, Event, error) {
	next, event, err := r.cutting(now).close(verb, to, by, why, now)
	return next, event.ordering(next), err
}

// ordering returns the event of a move that may have ordered a cut.
func (e Event) ordering(r Request) Event {
	if r.Cut == CutEnding {
		e.Cut, e.RoleARN = r.Cut, r.RoleARN
	}
	return e
}

// Order records the intent to vend one session, before STS is called. The terms are
// those of today's policy. They may shorten the grant and the session, and reduce what it
// gives.
//
// It decides that only the requester vends, that an order is used once and within
// OrderLife, that the grant is usable, and the limits on clicks and sessions. The
// click handler and lifecycle.Vend check some of it before, to save calls.
//
// Refusals: not_yours, those of Person.RefusedToAsk, order_repeated, order_late,
// not_given, too_many_clicks, too_many_sessions, and those of CheckUsable.
func (r Request) Order(by Person, o Order, terms Terms, now time.Time) (Request, Event, error) {
	if !by.owns(r.Requester) {
		return r, Event{}, RefuseNotYours(r.Requester.Name)
	}
	if refusal := by.RefusedToAsk(); refusal != nil {
		return r, Event{}, refusal
	}
	next := r.pruned(now)
	next.Give = inBoth(r.Give, terms.Give)
	if end := r.Starts.Add(terms.Max); r.State == Active && end.Before(r.Ends) {
		next.Ends, next.For = end, terms.Max
	}
	switch age := now.Sub(o.At); {
	case next.CheckRepeated(o.ID) != nil:
		return r, Event{}, next.CheckRepeated(o.ID)
	case age >= OrderLife || age <= -OrderLife:
		return r, Event{}, RefuseOrderLate()
	case next.CheckUsable(now) != nil:
		return r, Event{}, next.CheckUsable(now)
	case !next.Gives(o.Kind):
		return r, Event{}, RefuseNotGiven(o.Kind)
	case len(next.UsedOrders) >= MaxUsedOrders:
		return r, Event{}, RefuseTooManyClicks()
	case len(next.Sessions) >= MaxLive:
		return r, Event{}, RefuseTooManySessions()
	}
	next.UsedOrders = append(next.UsedOrders, UsedOrder{Order: o.ID, At: now})
	next.Sessions = append(next.Sessions, Session{
		Order: o.ID, Kind: o.Kind, Device: o.Device, Ordered: now, Denied: next.deniedFrom(terms.Session, now),
	})
	if o.Device != "" && !slices.Contains(next.Devices, o.Device) {
		next.Devices = append(slices.Clone(next.Devices), o.Device)
	}
	next, event, err := next.move(Vend, Active, by, "", now)
	return next, event.about(Session{Order: o.ID, Kind: o.Kind, Device: o.Device}, Ordered), err
}

// deniedFrom returns when a session that is ordered now must be denied every action: at the
// end of the grant, or after as long as the policy lets one session act.
func (r Request) deniedFrom(session time.Duration, now time.Time) time.Time {
	if end := now.Add(session); session > 0 && end.Before(r.Ends) {
		return end
	}
	return r.Ends
}

// inBoth returns the kinds that were given before and still are. If the policy has
// become looser, a grant that people approved under the stricter one gains nothing.
func inBoth(before, now []Kind) (both []Kind) {
	for _, k := range before {
		if slices.Contains(now, k) {
			both = append(both, k)
		}
	}
	return both
}

// Issue records that STS has answered an order. It works in final states too, because
// the session exists. The caller must ask CheckUsable before it hands out anything.
//
// Refusals: unknown_order.
func (r Request) Issue(order string, key, wide IssuedKey, now time.Time) (Request, Event, error) {
	i := r.session(order)
	if i < 0 || r.Sessions[i].Issued() {
		return r, Event{}, RefuseUnknownOrder()
	}
	next := r
	next.Sessions = slices.Clone(r.Sessions)
	s := &next.Sessions[i]
	s.AccessKeyID, s.Expires, s.WideKeyID, s.WideExpires = key.AccessKeyID, key.Expires, wide.AccessKeyID, wide.Expires
	s.NoAnswer = false
	if r.State == Ended || r.State == Revoked || r.State == Expired && next.outlives(now) { // while STS was asked
		next = next.cutting(now)
	}
	next, event, err := next.move(Vend, r.State, r.Requester, "", now)
	return next, event.ordering(next).about(*s, Issued), err
}

// about returns the event with what it says of a session.
func (e Event) about(s Session, o Outcome) Event {
	e.Order, e.Outcome, e.Kind, e.Device = s.Order, o, s.Kind, s.Device
	e.AccessKeyID, e.Expires, e.WideKeyID, e.WideExpires = s.AccessKeyID, s.Expires, s.WideKeyID, s.WideExpires
	return e
}

// Fail records that an order made no session, or that its session could not be
// handed out. why is the code of the failure. A session that STS has issued stays recorded
// until it expires, and so does one that STS may have issued although nobody knows. Only a
// code that says that STS made none removes it.
//
// Refusals: unknown_order.
func (r Request) Fail(order, why string, now time.Time) (Request, Event, error) {
	return r.fail(Vend, r.Requester, order, why, now)
}

// noSession are the codes with which no session can exist: STS was not asked, or refused.
var noSession = []string{CodeAWSRefused, CodeAWSInvalid, CodeExpired, CodeFrozen}

func (r Request) fail(verb Verb, by Person, order, why string, now time.Time) (Request, Event, error) {
	i := r.session(order)
	if i < 0 {
		return r, Event{}, RefuseUnknownOrder()
	}
	failed := r.Sessions[i]
	if failed.NoAnswer {
		return r, Event{}, RefuseUnknownOrder()
	}
	next := r
	next.Sessions = slices.Clone(r.Sessions)
	switch {
	case slices.Contains(noSession, why) && !failed.Issued():
		next.Sessions = slices.Delete(next.Sessions, i, i+1)
	case !failed.Issued():
		// All sessions of a grant have one name, so the last one without an answer stands for
		// the others, and an outage of STS does not fill the list.
		next.Sessions[i].NoAnswer = true
		next.Sessions = slices.DeleteFunc(next.Sessions, func(s Session) bool {
			return s.NoAnswer && s.Order != order && !s.Ordered.After(failed.Ordered)
		})
	}
	next, event, err := next.move(verb, r.State, by, why, now)
	return next, event.about(failed, Failed), err
}

// ErrNotDue says that Tick has nothing to do yet.
var ErrNotDue = errors.New("nothing is due")

// Tick makes the next move that time requires: a reminder, a time-out, the end of an
// unanswered order, or the end of the grant. The caller calls it until it returns
// ErrNotDue.
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
		return r.expire(now)
	}
	i := slices.IndexFunc(r.Sessions, func(s Session) bool {
		return !s.Issued() && !s.NoAnswer && !now.Before(s.Ordered.Add(OrderLife))
	})
	return r.fail(Tick, Clock, r.Sessions[i].Order, "The order to vend was not answered.", now)
}

// expire ends the grant. Sessions that deny everything by themselves from then on need no cut, but
// those that were handed out before the policy shortened the grant do.
func (r Request) expire(now time.Time) (Request, Event, error) {
	next := r
	if r.outlives(now) {
		next = r.cutting(now)
	}
	next, event, err := next.close(Tick, Expired, Clock, "", now)
	return next, event.ordering(next), err
}

// checkPending returns the refusal for the person who acts, if there is one, and refuses
// unless the request can still be decided.
func (r Request) checkPending(refusal error, now time.Time) error {
	if refusal != nil {
		return refusal
	}
	if r.State == Pending && !now.Before(r.AnswerBy) {
		r.State = TimedOut // the tick is late
	}
	if r.State != Pending {
		return r.StateRefusal()
	}
	return nil
}

// StateRefusal returns the refusal for somebody whom the state of the request
// prevents from moving it. It says who was first, and when.
func (r Request) StateRefusal() error {
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
		return RefuseRevoked(r)
	}
	return RefuseUnknownState()
}

// session returns the index of an order's session, -1 if there is none.
func (r Request) session(order string) int {
	return slices.IndexFunc(r.Sessions, func(s Session) bool { return s.Order == order })
}

// pruned returns the request without expired sessions, and without used orders that
// are too old to be repeated.
func (r Request) pruned(now time.Time) Request {
	r.Sessions = slices.DeleteFunc(slices.Clone(r.Sessions), func(s Session) bool {
		return !s.liveUntil().After(now)
	})
	r.UsedOrders = slices.DeleteFunc(slices.Clone(r.UsedOrders), func(o UsedOrder) bool {
		return now.Sub(o.At) >= UsedOrderLife
	})
	return r
}

// close moves the request to a final state.
func (r Request) close(verb Verb, to State, by Person, why string, now time.Time) (Request, Event, error) {
	next := r
	next.Closed = Closing{By: by, At: now, Why: why}
	return next.move(verb, to, by, why, now)
}

// move is the only function that sets the state of a request that is saved. It
// refuses a move that is not in the table.
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
	return r, Event{}, r.StateRefusal()
}
