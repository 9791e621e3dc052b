package access

import (
	"strings"
	"time"
)

// Membership is a person's status in the workspace. The zero value means that it
// is unknown, and such a person is refused.
type Membership string

// The kinds of membership. Only a Member can approve or receive a message, and only a
// Member or a machine can ask.
const (
	Member      Membership = "member"
	Guest       Membership = "guest"       // single- or multi-channel guest
	Bot         Membership = "bot"         // an app or a workflow
	Deactivated Membership = "deactivated" // the account was switched off
	Outsider    Membership = "outsider"    // of another workspace or organisation
	// MachineMembership is that of a machine, which is no user of Slack and has proved
	// who it is.
	MachineMembership Membership = "machine"
)

// Person is a Slack user as Slack described them at some time, or a machine.
type Person struct {
	ID string // Slack user id, U… or W…; M… for a machine
	// Email is a confirmed address that no other user has; else "".
	Email string `json:",omitzero"`
	// UnverifiedEmail is an address that is unconfirmed, or that another user has
	// too. It never gives a right, and can only exclude a person.
	UnverifiedEmail string     `json:"Claims,omitzero"`
	Name            string     `json:",omitzero"`         // what to show; never compared
	Membership      Membership `json:"Standing,omitzero"` // read from Slack, never from a payload
	Machine         *Machine   `json:",omitzero"`         // nil for a person
}

// Same reports whether two values may be the same person: they have the same
// Slack id or the same address, in any case and verified or not. A machine may be the
// person whose address it carries: that person may have started it. Callers use Same
// to exclude people, so it errs on the side of true.
func (p Person) Same(q Person) bool {
	if p.ID != "" && p.ID == q.ID {
		return true
	}
	if p.Machine != nil && q.Machine != nil {
		return false
	}
	if p.started(q) || q.started(p) {
		return true
	}
	for _, a := range p.addresses() {
		for _, b := range q.addresses() {
			if a != "" && b != "" && AlikeEmails(a, b) {
				return true
			}
		}
	}
	return false
}

// started reports whether this person is known as the one who started a machine, even if
// their address has changed since.
func (p Person) started(q Person) bool {
	return p.ID != "" && q.Machine != nil && q.Machine.Starter == p.ID
}

func (p Person) addresses() []string {
	return append(p.Machine.addresses(), p.Email, p.UnverifiedEmail)
}

// owns reports whether a person is the requester of something. A machine must be the
// same one exactly: the person who started it, and another run of the same pipeline, are
// not it.
func (p Person) owns(requester Person) bool {
	if p.isMachine() || requester.isMachine() {
		return p.ID != "" && p.ID == requester.ID && p.isMachine() && requester.isMachine()
	}
	return p.Same(requester)
}

func (p Person) isMachine() bool { return p.Machine != nil || p.Membership == MachineMembership }

// Refused returns the refusal for a person who is not a full member of the
// workspace, and nil for a member.
//
// Refusals: guest, bot, deactivated, other_workspace, machine, unknown_person.
//
// The following decide by it. They ask it about a person whom lifecycle.Roster has read
// from Slack:
//   - lifecycle.Submit.Do, before the policy is asked,
//   - lifecycle.Decide, before anybody approves or denies,
//   - lifecycle.Close.Revoke,
//   - lifecycle.Vend.Do, which asks Slack again each time,
//   - functions.Slack, before it opens the form.
//
// Everywhere else it is a backstop, in case a caller forgets to ask: in Decide,
// CheckApprover, CheckRevoker and the menus of pkg/policy, and in the moves New,
// Approve, Deny, Cancel, Order and Revoke. Cancel is given the requester as stored in the
// request, and End does not ask: people who have left the workspace can still give
// access back.
//
// A machine is always refused: what only a person may do asks Refused, and what a machine
// may do too (policy.Decide, New, Cancel, Order) asks RefusedToAsk.
func (p Person) Refused() error {
	if p.isMachine() {
		return RefuseMachine()
	}
	switch p.Membership {
	case Member:
		return nil
	case Guest:
		return RefuseGuest()
	case Bot:
		return RefuseBot()
	case Deactivated:
		return RefuseDeactivated()
	case Outsider:
		return RefuseOutsider()
	}
	return RefuseUnknownPerson()
}

// RefusedToAsk returns the refusal for somebody who may neither ask for access nor use
// it: as Refused, but a machine is not refused if it is whole.
//
// Refusals: those of Refused for a person; unknown_machine.
func (p Person) RefusedToAsk() error {
	if !p.isMachine() {
		return p.Refused()
	}
	// A value that was put together from two of them is nobody.
	if p.Membership != MachineMembership || p.Machine == nil || p.Machine.Check() != nil || p.ID != p.Machine.ID() {
		return RefuseUnknownMachine()
	}
	return nil
}

// The ages from which groups and people count as unknown. An unknown group or person
// gives no right. Because of Slack's rate limits, a full reading of a large workspace
// takes many minutes, so people stay known for longer than groups. The profile of a
// person who acts is read at that time anyway.
const (
	GroupsStaleAfter = 10 * time.Minute
	PeopleStaleAfter = 30 * time.Minute
)

// RefreshAfter is the age from which a step reads groups and people again before it
// decides.
const RefreshAfter = 2 * time.Minute

// Group holds the members of a user group as they were last read.
type Group struct {
	Members []string  // Slack user ids; addresses if the source knows only those
	ReadAt  time.Time // when it was last read; the zero time for never
	Gone    bool      // Slack says there is no such group, or it is disabled
}

// Directory holds the people and groups as they were last read from Slack. A writer
// stores the whole directory, on condition of the version that it loaded.
type Directory struct {
	Version  int
	Groups   map[string]Group  // by the group's id at its source: S0…
	People   map[string]Person // by Slack id: members of those groups and people named by the policy
	PeopleAt time.Time         // when the last complete reading of People and Shared began
	Shared   []string          // addresses of those people that another user has or may have, folded and sorted
	Size     int               // how many users the workspace had then
	Told     []string          // read from items of older versions, and not used any more
}

// Reading is the progress of one pass over everybody in the workspace. In a large
// workspace it takes several ticks. Until its last page has been read, the result of
// the previous reading stays valid. Only the tick writes it, on condition of the
// version that it loaded.
type Reading struct {
	Version int
	Policy  string            // digest of the policy whose people it looks for
	Began   time.Time         // when the first page was read
	Cursor  string            // of Slack's next page; "" if no reading is in progress
	Size    int               // users read so far
	People  map[string]Person // by Slack id; entries without a membership were not found yet
	Late    []string          // folded addresses that prove nothing: looked for too late, or shared by members

	// Open has the requesters of the grants that were open at the last sweep, by grant. Readings
	// look for these people too, because the policy need not name them: it may let everyone ask.
	// They are not in the directory, which every click loads, and which would grow with them.
	Open map[string]string     `json:",omitzero"`
	Seen map[string]Membership `json:",omitzero"` // those of them whom this reading has found so far
	// Known are those whom the last complete reading found, and KnownAt when it began.
	Known   map[string]Membership `json:",omitzero"`
	KnownAt time.Time             `json:",omitzero"`
}

// Membership returns what the last complete reading said about a person with an open grant, ""
// if that is not known at now.
func (r Reading) Membership(id string, now time.Time) Membership {
	if now.Sub(r.KnownAt) >= PeopleStaleAfter {
		return ""
	}
	return r.Known[id]
}

// Group returns a group's members; ok is false if they are unknown at now.
func (d Directory) Group(id string, now time.Time) (members []string, ok bool) {
	g, found := d.Groups[id]
	if !found || g.Gone || now.Sub(g.ReadAt) >= GroupsStaleAfter {
		return nil, false
	}
	return g.Members, true
}

// KnowsPeople reports whether the last complete reading is recent enough at now.
func (d Directory) KnowsPeople(now time.Time) bool { return now.Sub(d.PeopleAt) < PeopleStaleAfter }

// Person returns a profile; ok is false if it is unknown at now.
func (d Directory) Person(id string, now time.Time) (p Person, ok bool) {
	if !d.KnowsPeople(now) {
		return Person{}, false
	}
	p, ok = d.People[id]
	return p, ok
}

// IsPerson reports whether text is the id of a Slack user.
func IsPerson(id string) bool { return isSlackID(id, "UW") }

// IsChannel reports whether text is the id of a Slack channel, public or private.
func IsChannel(id string) bool { return isSlackID(id, "CG") }

// IsUserGroup reports whether text is the id of a Slack user group.
func IsUserGroup(id string) bool { return isSlackID(id, "S") }

// isSlackID reports whether id has the form of a Slack id that begins with one of
// the letters.
func isSlackID(id, letters string) bool {
	return len(id) >= 3 && strings.IndexByte(letters, id[0]) >= 0 &&
		strings.IndexFunc(id, func(c rune) bool { return (c < 'A' || c > 'Z') && (c < '0' || c > '9') }) < 0
}
