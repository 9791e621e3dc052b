package wire

import "time"

// The bodies of answers without secrets, by operation. Times are RFC 3339 in UTC and by the server's
// clock; a time that is not known is left out. A caller ignores members that it does not know.

// Grant is the body of the answers to request, cancel and end, and to status with an id: a request as
// its requester sees it. The status is 202 while it is pending, and else 200.
type Grant struct {
	ID          string `json:"id"`
	State       string `json:"state"`   // as in access.State
	Account     string `json:"account"` // twelve digits
	AccountName string `json:"account_name"`
	Role        string `json:"role"`
	Length      string `json:"length"` // what was granted, or else asked for, such as 1h30m
	Reason      string `json:"reason"`
	Ticket      string `json:"ticket,omitempty"`

	// Earlier is set in the answer to request, if the caller has asked for the role before: this is that request
	// or grant, and nothing of the call was used.
	Earlier bool `json:"earlier,omitempty"`

	// Frozen is set while the request is pending and nothing is granted to anybody. Text says since when and by whom.
	Frozen bool `json:"frozen,omitempty"`

	Submitted time.Time  `json:"submitted"`
	AnswerBy  *time.Time `json:"answer_by,omitempty"` // while pending: it times out then
	Starts    *time.Time `json:"starts,omitempty"`
	Ends      *time.Time `json:"ends,omitempty"`
	Gives     []string   `json:"gives,omitempty"` // keys, console

	Missing []Missing `json:"missing,omitempty"` // while pending: the approvals that are needed
	Closed  *Closed   `json:"closed,omitempty"`  // in the final states

	// Sessions says what becomes of the sessions of a grant that is over; nil if none is left.
	Sessions *Sessions `json:"sessions,omitempty"`

	// Text says in one sentence how the request stands, and Next what the requester can do; both are
	// for people.
	Text string `json:"text"`
	Next string `json:"next,omitempty"`
}

// Missing is one requirement of the policy that is not met yet.
type Missing struct {
	From     []string `json:"from"` // as the policy names them
	Required int      `json:"required"`
	Approved int      `json:"approved"`
}

// Closed says who brought a request to its final state, when and why.
type Closed struct {
	By  string    `json:"by,omitempty"` // a name to show
	At  time.Time `json:"at"`
	Why string    `json:"why,omitempty"`
}

// Sessions are those of a grant that is over. A time is left out once it has passed.
type Sessions struct {
	State SessionsState `json:"state"`
	Since *time.Time    `json:"since,omitempty"` // ending: the deny was ordered; deny_written: it was read back
	// ActUntil is when no session can act any more, even if no deny is ever written or enforced.
	ActUntil *time.Time `json:"act_until,omitempty"`
	// IdentityUntil is until when sts:GetCallerIdentity works, which no policy can deny.
	IdentityUntil *time.Time `json:"identity_until,omitempty"`
}

// SessionsState says whether the sessions of a grant that is over can still act.
type SessionsState string

// The states of sessions (docs/ending.md).
const (
	SessionsEnding      SessionsState = "ending"       // a deny is ordered, and not known to be there: they can act
	SessionsDenyWritten SessionsState = "deny_written" // it was read back; AWS may take minutes to enforce it
	SessionsActing      SessionsState = "acting"       // no deny is ordered, and they can act
	SessionsDenied      SessionsState = "denied"       // their own policy denies every action
)

// CanAct reports whether sessions of a closed grant can act, and no deny of them is known to be written. A state that
// is not known comes from a newer server, and counts as such a one.
func (g Grant) CanAct() bool {
	return g.Sessions != nil && g.Sessions.State != SessionsDenyWritten && g.Sessions.State != SessionsDenied
}

// Grants is the body of the answers to list and to status without an id. Those that are not over come
// first, then the newest.
type Grants struct {
	Requests []Grant `json:"requests"`
	More     bool    `json:"more,omitempty"` // older ones were left out
}

// Choices is the body of the answer to options: what the caller may ask for.
type Choices struct {
	Accounts []AccountChoice `json:"accounts"`
}

// AccountChoice is an account that the caller may ask for.
type AccountChoice struct {
	ID     string       `json:"id"`
	Name   string       `json:"name"`
	Region string       `json:"region,omitempty"` // of the console page
	Roles  []RoleChoice `json:"roles"`
}

// RoleChoice is a role that the caller may ask for.
type RoleChoice struct {
	Name    string `json:"name"`
	About   string `json:"about,omitempty"`
	Max     string `json:"max"`              // the longest grant, such as 4h
	Ticket  bool   `json:"ticket,omitempty"` // a ticket is mandatory
	Asks    bool   `json:"asks"`             // somebody must approve
	Console bool   `json:"console"`
	Keys    bool   `json:"keys"`
}

// Paired is the body of the answer to pair.
type Paired struct {
	Person  Owner     `json:"person"`
	Device  string    `json:"device"` // thumbprint of the key
	Expires time.Time `json:"expires"`
}

// Owner is the person whose device it is.
type Owner struct {
	ID   string `json:"id"`
	Name string `json:"name"`
}

// DeviceList is the body of the answers to devices and unpair.
type DeviceList struct {
	Person  Owner        `json:"person"`
	Devices []DeviceBody `json:"devices"`
}

// DeviceBody is one device of the caller.
type DeviceBody struct {
	ID      string    `json:"id"`
	Name    string    `json:"name,omitempty"`
	Paired  time.Time `json:"paired"`
	Expires time.Time `json:"expires"`
	This    bool      `json:"this,omitempty"` // the one that asks
}
