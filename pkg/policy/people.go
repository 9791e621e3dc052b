package policy

import (
	"slices"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// belief is what can be said of somebody and a principal.
type belief uint8

const (
	unasked belief = iota
	no
	maybe // not known: it must not help, and it must not be ruled out
	yes
)

// moment is what is known of people at one time.
type moment struct {
	directory *access.Directory
	at        time.Time
}

// subject is a person with addresses as they are compared.
type subject struct {
	access.Person
	email, claims string
}

func subjectOf(p access.Person) subject {
	if p.Email != "" && !access.PlainEmail(p.Email) {
		p.Email, p.UnverifiedEmail = "", p.Email
	}
	return subject{p, access.FoldEmail(p.Email), access.FoldEmail(p.UnverifiedEmail)}
}

// members are the people of a principal, as Slack ids and as addresses; ok is
// false when they are not known.
func (x *Principal) members(m moment) (ids, addresses []string, ok bool) {
	if x.Kind == SlackGroup {
		ids, ok = m.directory.Group(x.Group, m.at)
		return ids, nil, ok
	}
	return x.IDs, x.Addresses, true
}

// holds says whether somebody belongs to a principal. Only a Slack id or a
// proven address of one's own is a yes. An address that is unconfirmed or
// shared proves nothing, and does not clear anybody either.
func (x *Principal) holds(s *subject, m moment) belief {
	if x.Kind == Everyone {
		switch s.Membership {
		case access.Member:
			return yes
		case "":
			return maybe
		}
		return no
	}
	ids, addresses, ok := x.members(m)
	switch {
	case !ok:
		return maybe
	case s.ID != "" && slices.Contains(ids, s.ID):
		return yes
	case s.email != "" && holdsAddress(addresses, s.email):
		return yes
	case x.mayHold(s, ids, addresses, m):
		return maybe
	}
	return no
}

// mayHold reports whether somebody could be one of the members under another
// identity: they claim a member's address, or no address of theirs is known.
func (x *Principal) mayHold(s *subject, ids, addresses []string, m moment) bool {
	if s.email == "" && s.claims == "" {
		return slices.ContainsFunc(addresses, func(a string) bool { return strings.Contains(a, "@") })
	}
	if s.claims == "" {
		return false
	}
	alike := func(a string) bool { return access.AlikeEmails(a, s.claims) }
	return slices.ContainsFunc(addresses, alike) || slices.ContainsFunc(ids, func(id string) bool {
		member, ok := m.directory.Person(id, m.at)
		return ok && member.Same(s.Person)
	})
}

func holdsAddress(addresses []string, folded string) bool {
	return slices.ContainsFunc(addresses, func(a string) bool { return access.FoldEmail(a) == folded })
}

// candidates calls visit for the people of a principal who are known to be full
// members, until it returns false. Everyone is nobody here: the directory does
// not hold the workspace.
func (x *Principal) candidates(m moment, visit func(access.Person) bool) {
	ids, addresses, _ := x.members(m)
	for _, id := range ids {
		if p, ok := m.directory.Person(id, m.at); ok && p.Membership == access.Member && !visit(p) {
			return
		}
	}
	for _, a := range addresses {
		if p, ok := m.holder(access.FoldEmail(a)); ok && p.Membership == access.Member && !visit(p) {
			return
		}
	}
}

// holder is the person whose proven address this is. An address that two
// people hold is nobody's.
func (m moment) holder(folded string) (holder access.Person, ok bool) {
	if !m.directory.KnowsPeople(m.at) || !strings.Contains(folded, "@") {
		return access.Person{}, false
	}
	for _, p := range m.directory.People {
		if p.Email == "" || access.FoldEmail(p.Email) != folded {
			continue
		}
		if ok {
			return access.Person{}, false
		}
		holder, ok = p, true
	}
	return holder, ok
}
