package access

import (
	"slices"
	"time"
)

// State is the state of a request. The zero value means that the request does not
// exist yet.
type State string

// The states of a request. All but Pending and Active are final.
const (
	Pending   State = "pending"
	Active    State = "active"
	Denied    State = "denied"
	Cancelled State = "cancelled"
	TimedOut  State = "timed_out"
	Expired   State = "expired"
	Ended     State = "ended"
	Revoked   State = "revoked"
)

// Final reports whether the state is final.
func (s State) Final() bool { return s != "" && s != Pending && s != Active }

// Kind is what a session hands out: a console sign-in link or temporary keys.
type Kind string

// The two kinds.
const (
	Console Kind = "console"
	Keys    Kind = "keys"
)

// Limits of what is recorded.
const (
	// MaxReason is the longest reason, in characters. It is Slack's limit for a
	// text object, so that every card shows the whole reason.
	MaxReason = 3000
	// OrderLife is how long an order to vend is valid (docs/design.md#3).
	OrderLife = 60 * time.Second
	// UsedOrderLife is how long a used order is remembered. A signed click can be
	// replayed for five minutes. A call of the command line can be replayed for ten, if
	// the clock of its device was five minutes fast (wire.Window), and a minute is added
	// for clocks of this software that differ.
	UsedOrderLife = 11 * time.Minute
	// MaxLive is how many unexpired sessions one grant may have, and MaxUsedOrders
	// how many orders it accepts within UsedOrderLife. They limit the size of the
	// stored request, and the effect of a script that clicks.
	MaxLive       = 50
	MaxUsedOrders = 200
)

// Request is a request for a role in an account, with all that has happened to it.
// It is a value: the moves return the next one. A stored request should stay below
// 1 KB, the unit in which DynamoDB bills writes, so fields that are mostly zero are
// left out of the JSON.
type Request struct {
	ID      string // ULID
	Version int    // the number of its events, and the Seq of the last one
	State   State

	Requester   Person
	Account     string // twelve digits
	AccountName string
	Role        string
	Asked       time.Duration // what the requester asked for
	For         time.Duration // what will be granted; it never gets longer
	Reason      string        // as typed, whole
	Ticket      string        `json:",omitzero"`

	AssumeRoles, MakeIdentities bool `json:",omitzero"` // what the role may do, as in Target

	Submitted time.Time
	AnswerBy  time.Time  // the request times out then
	RemindAt  time.Time  `json:",omitzero"` // zero for never
	Reminded  bool       `json:",omitzero"`
	Approvals []Approval `json:",omitzero"`
	// Requirements are those of the policy at the last decision, with the approvals
	// that counted.
	Requirements []Requirement `json:"Needs,omitzero"`
	Channels     []string      // where its card is posted

	Starts, Ends time.Time `json:",omitzero"` // the grant's window, without the instant Ends; zero while pending
	Give         []Kind    `json:",omitzero"` // what the grant may hand out, by the policy when it was last asked
	Review       *Review   `json:",omitzero"` // set if somebody must review the grant afterwards

	Closed     Closing     `json:",omitzero"`     // who ended it; set in the final states
	Sessions   []Session   `json:",omitzero"`     // ordered or unexpired; the events record the others
	UsedOrders []UsedOrder `json:"Seen,omitzero"` // of the last UsedOrderLife
	// RoleARN is the ARN of the IAM role of the last intent to vend. Cuts are written there.
	RoleARN string `json:",omitzero"`
	// Cut says whether the sessions of a revoked or ended grant are denied, CutSince when that
	// was first ordered, and CutAt when the deny was last read back.
	Cut      CutState  `json:",omitzero"`
	CutSince time.Time `json:",omitzero"`
	CutAt    time.Time `json:",omitzero"`
	Lifted   time.Time `json:",omitzero"` // when a responder allowed asking again after a revocation
	// Devices are those that took a session, even if it has expired. Removing one ends the
	// grant.
	Devices []string `json:",omitzero"`
}

// Approval is one recorded approval.
type Approval struct {
	By Person
	At time.Time
}

// Review says who must review a grant after it was used.
type Review struct {
	By     []string // as the policy names them
	Within time.Duration
}

// Closing says who brought a request to its final state, when and why.
type Closing struct {
	By  Person
	At  time.Time
	Why string
}

// Session is one vend under a grant. It holds no secret.
type Session struct {
	Order       string
	Kind        Kind
	Device      string `json:",omitzero"` // that ordered it; "" if it was ordered in Slack or by a machine
	Ordered     time.Time
	AccessKeyID string    `json:",omitzero"` // that was handed out; "" until STS has answered
	Expires     time.Time `json:",omitzero"` // the expiry that STS set; zero until STS has answered
	// NoAnswer means that the order was given up. STS may have made a session all the same, so
	// it counts until Ordered + UnansweredLife.
	NoAnswer bool `json:",omitzero"`
	// The key that STS issued first, if vend narrowed the session; it never left vend.
	WideKeyID   string    `json:",omitzero"`
	WideExpires time.Time `json:",omitzero"`
	// Denied is when its session policy begins to deny every action: the grant's end
	// when the session was ordered, or earlier if the policy limits how long one acts.
	Denied time.Time `json:",omitzero"`
}

// UsedOrder is the id of an order, which cannot be used again.
type UsedOrder struct {
	Order string
	At    time.Time
}

// CheckRepeated refuses an order that was used before. Order decides by it;
// lifecycle.Vend asks it first to save calls. The conditional write of the intent is
// the backstop against two deliveries at once.
//
// Refusals: order_repeated.
func (r Request) CheckRepeated(order string) error {
	if slices.ContainsFunc(r.UsedOrders, func(s UsedOrder) bool { return s.Order == order }) {
		return RefuseOrderRepeated()
	}
	return nil
}

// LiveUntil returns when the last key of the session expires at STS, the zero time for a
// session without one. A wide key was never handed out, but it counts until it expires.
func (s Session) LiveUntil() time.Time {
	if s.WideExpires.After(s.Expires) {
		return s.WideExpires
	}
	return s.Expires
}

// Exact reports whether the key that was handed out expires no later than the session's
// policy begins to deny. Otherwise sts:GetCallerIdentity works until it expires.
func (s Session) Exact() bool { return s.Issued() && !s.Expires.After(s.Denied) }

// SessionOf returns the session of an order, the zero value if the grant has none.
func (r Request) SessionOf(order string) Session {
	if i := r.session(order); i >= 0 {
		return r.Sessions[i]
	}
	return Session{}
}

// UsefulUntil returns when the session can no longer act: it has expired at STS, or its policy
// denies every action.
func (s Session) UsefulUntil() time.Time {
	if s.Denied.Before(s.Expires) {
		return s.Denied
	}
	return s.Expires
}

// Issued reports whether credentials exist for the session.
func (s Session) Issued() bool { return s.AccessKeyID != "" }

// SessionName returns the role session name of every session of this grant
// (docs/design.md#4.3.3).
func (r Request) SessionName() string { return SessionPrefix + r.ID }

// SessionPrefix begins the name of every session that vend starts. The trust policies of
// target roles require it (docs/design.md#4.3.3).
const SessionPrefix = "aws-access-"

// Usable reports whether the grant can be used at now: the request is active, and
// its window contains now. The state alone is not enough, because the tick that
// ends the grant may be late.
func (r Request) Usable(now time.Time) bool {
	return r.State == Active && !now.Before(r.Starts) && now.Before(r.Ends)
}

// At returns the request as it stands at now, even if the tick that ends it is late. It is
// for showing: a move has its own checks.
func (r Request) At(now time.Time) Request {
	switch {
	case r.State == Active && !now.Before(r.Ends):
		r.State = Expired
	case r.State == Pending && !now.Before(r.AnswerBy):
		r.State = TimedOut
	}
	return r
}

// LiveUntil returns when the last of the issued sessions expires at STS, the zero
// time if all have expired at now.
func (r Request) LiveUntil(now time.Time) time.Time {
	var last time.Time
	for _, s := range r.Sessions {
		if s.Issued() && s.Expires.After(now) && s.Expires.After(last) {
			last = s.Expires
		}
	}
	return last
}

// ActsUntil returns when the last of the issued sessions can no longer act: it has
// expired, or its session policy denies every action. It is the zero time if none
// can act at now. It may be later than Ends: a policy that became stricter ends a
// grant earlier, but not the sessions that were handed out before.
func (r Request) ActsUntil(now time.Time) time.Time {
	var last time.Time
	for _, s := range r.Sessions {
		if end := s.UsefulUntil(); s.Issued() && end.After(now) && end.After(last) {
			last = end
		}
	}
	return last
}

// Gives reports whether this grant may hand out kind.
func (r Request) Gives(kind Kind) bool { return slices.Contains(r.Give, kind) }

// Approved reports whether by has already approved, under any identity.
func (r Request) Approved(by Person) bool {
	return slices.ContainsFunc(r.Approvals, func(a Approval) bool { return a.By.Same(by) })
}

// Due returns when Tick will next change the request; ok is false if it never
// will.
func (r Request) Due() (at time.Time, ok bool) {
	switch r.State {
	case Pending:
		if !r.Reminded && !r.RemindAt.IsZero() && r.RemindAt.Before(r.AnswerBy) {
			return r.RemindAt, true
		}
		return r.AnswerBy, true
	case Active:
		at = r.Ends
	default:
		return time.Time{}, false
	}
	for _, s := range r.Sessions {
		if end := s.Ordered.Add(OrderLife); !s.Issued() && !s.NoAnswer && end.Before(at) {
			at = end
		}
	}
	return at, true
}

// CheckUsable refuses a grant that is not Usable at now, with the reason. It decides
// in Order, End and Revoke. The click handler asks it before it sends an order, and
// lifecycle.Vend again after STS has answered, because the grant may have ended
// meanwhile.
//
// Refusals: not_yet, and those of StateRefusal.
func (r Request) CheckUsable(now time.Time) error {
	if r.State == Active && !now.Before(r.Ends) {
		r.State = Expired // the tick is late
	}
	switch {
	case r.State != Active:
		return r.StateRefusal()
	case now.Before(r.Starts):
		return RefuseNotYet(r.Starts)
	}
	return nil
}
