package access

import (
	"strings"
	"time"
)

// Membership says what somebody is to the workspace that the product serves. The
// zero value is not known, and not known is refused.
type Membership string

// What a person can be. Only a Member may ask, approve or receive anything.
const (
	Member      Membership = "member"
	Guest       Membership = "guest"       // single- or multi-channel guest
	Bot         Membership = "bot"         // an app or a workflow
	Deactivated Membership = "deactivated" // the account was switched off
	Outsider    Membership = "outsider"    // of another workspace or organisation
)

// Person is a Slack user as read at one moment.
type Person struct {
	ID string // Slack user id, U… or W…
	// Email is confirmed, and no other user holds it as far as the policy is concerned; else "".
	Email string `json:",omitzero"`
	// UnverifiedEmail is an address that is unconfirmed, or held by another user too: it proves nothing, and still excludes.
	UnverifiedEmail string     `json:"Claims,omitzero"`
	Name            string     `json:",omitzero"`         // what to show; never compared
	Membership      Membership `json:"Standing,omitzero"` // read from Slack, never from a payload
}

// Same reports whether two values may be one person: the same Slack id, or the
// same address, whatever its case and whether or not it is proven. It is asked
// to exclude somebody, so a doubt counts.
func (p Person) Same(q Person) bool {
	if p.ID != "" && p.ID == q.ID {
		return true
	}
	for _, a := range [...]string{p.Email, p.UnverifiedEmail} {
		for _, b := range [...]string{q.Email, q.UnverifiedEmail} {
			if a != "" && b != "" && AlikeEmails(a, b) {
				return true
			}
		}
	}
	return false
}

// Refused says why this person may not take part at all, or nil for a member.
func (p Person) Refused() error {
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

// The ages past which what was read of Slack's groups and people is no longer
// known. What is not known never helps. Reading everybody in a large workspace
// takes many minutes at the pace that Slack allows, so people are known longer;
// whoever acts is asked for at that moment anyway.
const (
	GroupsStaleAfter = 10 * time.Minute
	PeopleStaleAfter = 30 * time.Minute
)

// RefreshAfter is the age past which a step reads again before it decides.
const RefreshAfter = 2 * time.Minute

// Group is a user group's membership as it was read at one moment.
type Group struct {
	Members []string  // Slack user ids; addresses where the source knows only those
	ReadAt  time.Time // when it was last read; the zero time for never
	Gone    bool      // Slack says there is no such group, or it is disabled
}

// Directory is what was last read of people and groups. It is written whole by
// whoever read it, on the version before.
type Directory struct {
	Version  int
	Groups   map[string]Group  // by the group's id at its source: S0…
	People   map[string]Person // by Slack id: members of those groups and people named by the policy
	PeopleAt time.Time         // when the last whole reading of People and Shared began
	Shared   []string          // addresses of those people that another user holds, or may hold, folded and sorted
	Size     int               // how many users the workspace had then
	Told     []string          // read from items of older versions, and not used any more
}

// Reading is a reading of everybody in the workspace. A large one takes several
// ticks, and is of no use before its last page: what an earlier one has found
// holds meanwhile. It is written by the tick alone, on the version before.
type Reading struct {
	Version int
	Policy  string            // digest of the policy whose people are looked for
	Began   time.Time         // when the first page was read
	Cursor  string            // where Slack goes on; "" when no reading is under way
	Size    int               // users read so far
	People  map[string]Person // by Slack id, as looked for: those without a standing were not met yet
	Late    []string          // addresses that were not looked for from the first page on, or that members share, folded
}

// Group returns a group's members; ok is false when they are not known at now.
func (d Directory) Group(id string, now time.Time) (members []string, ok bool) {
	g, found := d.Groups[id]
	if !found || g.Gone || now.Sub(g.ReadAt) >= GroupsStaleAfter {
		return nil, false
	}
	return g.Members, true
}

// KnowsPeople reports whether the last reading of everybody holds at now.
func (d Directory) KnowsPeople(now time.Time) bool { return now.Sub(d.PeopleAt) < PeopleStaleAfter }

// Person returns somebody's profile; ok is false when it is not known at now.
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

// isSlackID reports whether text is an id that begins with one of the letters. The rest of an id means nothing.
func isSlackID(id, letters string) bool {
	return len(id) >= 3 && strings.IndexByte(letters, id[0]) >= 0 &&
		strings.IndexFunc(id, func(c rune) bool { return (c < 'A' || c > 'Z') && (c < '0' || c > '9') }) < 0
}
