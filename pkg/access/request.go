package access

import (
	"slices"
	"time"
)

// State is where a request stands. The zero value is a request that does not
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

// Kind is what is handed out: a console sign-in link or temporary keys.
type Kind string

// The two kinds.
const (
	Console Kind = "console"
	Keys    Kind = "keys"
)

// Limits of what is recorded.
const (
	// MaxReason is the longest reason, in characters: Slack's own limit of a
	// text object, so that no card cuts what was asked.
	MaxReason = 3000
	// OrderLife is how long an order to vend is good (docs/design.md#3).
	OrderLife = 60 * time.Second
	// SeenLife is how long a taken order is remembered: longer than a signed
	// click can be replayed, which is five minutes.
	SeenLife = 10 * time.Minute
	// MaxLive is how many sessions of one grant may live at once, and MaxSeen
	// how many orders are taken within SeenLife. They bound the stored request,
	// and what a click that repeats itself can do.
	MaxLive = 50
	MaxSeen = 200
)

// Request is somebody's wish for a role in an account, and all that became of
// it. It is a value: the moves return the next one. Stored, it should stay below
// 1 KB, which is what DynamoDB counts in: what is mostly zero is left out.
type Request struct {
	ID      string // ULID
	Version int    // number of its events; the sequence number of the last one
	State   State

	Requester   Person
	Account     string // twelve digits
	AccountName string
	Role        string
	Asked       time.Duration // what the requester asked for
	For         time.Duration // what will be granted; only ever gets shorter
	Reason      string        // as typed, whole
	Ticket      string        `json:",omitzero"`

	AssumeRoles, MakeIdentities bool `json:",omitzero"` // what the role may, as in Target

	Submitted    time.Time
	AnswerBy     time.Time     // nobody decides from then on
	RemindAt     time.Time     `json:",omitzero"` // zero for never
	Reminded     bool          `json:",omitzero"`
	Approvals    []Approval    `json:",omitzero"`
	Requirements []Requirement `json:"Needs,omitzero"` // what the policy wanted at the last decision, and how far it was filled
	Channels     []string      // where its card stands

	Starts, Ends time.Time `json:",omitzero"` // the grant's window, Ends excluded; zero while pending
	Give         []Kind    `json:",omitzero"` // what the policy let this grant hand out when it was last asked
	Review       *Review   `json:",omitzero"` // used first, looked at afterwards

	Closed   Closing   `json:",omitzero"` // who ended it, set in the final states
	Sessions []Session `json:",omitzero"` // ordered or live; those that have expired are in the events
	Seen     []Seen    `json:",omitzero"` // orders that were taken in the last SeenLife
}

// Approval is one recorded yes.
type Approval struct {
	By Person
	At time.Time
}

// Review is the duty to look at a grant after it was used.
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
	Ordered     time.Time
	AccessKeyID string    `json:",omitzero"` // "" until STS answered
	Expires     time.Time `json:",omitzero"` // STS's own expiry; the zero time until STS answered
	Denied      time.Time `json:",omitzero"` // from when its own policy denies every action: the grant's end when it was ordered
}

// Seen is an order that was taken.
type Seen struct {
	Order string
	At    time.Time
}

// CheckRepeated refuses an order that was taken before, with order_repeated.
func (r Request) CheckRepeated(order string) error {
	if slices.ContainsFunc(r.Seen, func(s Seen) bool { return s.Order == order }) {
		return RefuseOrderRepeated()
	}
	return nil
}

// Issued reports whether credentials exist for the session.
func (s Session) Issued() bool { return s.AccessKeyID != "" }

// SessionName is the session name of every session of this grant (docs/design.md#4.3.3).
func (r Request) SessionName() string { return "aws-access-" + r.ID }

// Usable reports whether the grant's window contains now. The state is not
// enough: the tick that closes the window may be late.
func (r Request) Usable(now time.Time) bool {
	return r.State == Active && !now.Before(r.Starts) && now.Before(r.Ends)
}

// UsefulUntil is when a session that expires at STS then stops being of use: at
// its own expiry, or at the end of the grant if that comes first.
func (r Request) UsefulUntil(expires time.Time) time.Time {
	if r.Ends.Before(expires) {
		return r.Ends
	}
	return expires
}

// LiveUntil is when the last session that may live expires by itself at STS,
// the zero time if none lives at now.
func (r Request) LiveUntil(now time.Time) time.Time {
	var last time.Time
	for _, s := range r.Sessions {
		if s.Issued() && s.Expires.After(now) && s.Expires.After(last) {
			last = s.Expires
		}
	}
	return last
}

// ActsUntil is when the last session that may live can no longer act: it has
// expired, or its own policy denies every action. The zero time if none can
// act at now. It may be later than Ends: a stricter policy ends a grant sooner
// than sessions that were handed out before.
func (r Request) ActsUntil(now time.Time) time.Time {
	var last time.Time
	for _, s := range r.Sessions {
		end := s.Expires
		if s.Denied.Before(end) {
			end = s.Denied
		}
		if s.Issued() && end.After(now) && end.After(last) {
			last = end
		}
	}
	return last
}

// Gives reports whether this grant may hand out kind.
func (r Request) Gives(kind Kind) bool { return slices.Contains(r.Give, kind) }

// Approved reports whether by has approved already, under any identity.
func (r Request) Approved(by Person) bool {
	return slices.ContainsFunc(r.Approvals, func(a Approval) bool { return a.By.Same(by) })
}

// Due is when time alone will next matter to the request; ok is false when it
// never will.
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
		if end := s.Ordered.Add(OrderLife); !s.Issued() && end.Before(at) {
			at = end
		}
	}
	return at, true
}

// CheckUsable says why a grant cannot be used now, or nil when it can.
func (r Request) CheckUsable(now time.Time) error { return r.active(now) }
