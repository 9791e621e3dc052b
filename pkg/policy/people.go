package policy

import (
	"slices"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// certainty is what is known about a question with a yes or no answer. A greater value is closer to
// yes.
type certainty uint8

const (
	notEvaluated certainty = iota
	no
	unknown // must not help anybody, and must not be ruled out: docs/policy.md#unknown
	// restricts is what "everyone" says of a machine: a never rule forbids, a rule binds with its
	// conditions, and nothing is allowed or set aside: docs/policy.md#machines.
	restricts
	yes
)

// mayAllow reports whether an answer allows something, or would if it were known.
func (c certainty) mayAllow() bool { return c == unknown || c == yes }

// snapshot is what is known of people and groups at a time.
type snapshot struct {
	directory *access.Directory
	at        time.Time
}

// subject is a person with addresses in the form in which they are compared.
type subject struct {
	access.Person
	email, unverified string
}

func subjectOf(p access.Person) subject {
	// An address that is not plain ASCII can look like another one, so it proves nothing.
	if p.Email != "" && !access.PlainEmail(p.Email) {
		p.Email, p.UnverifiedEmail = "", p.Email
	}
	return subject{p, access.FoldEmail(p.Email), access.FoldEmail(p.UnverifiedEmail)}
}

// includes reports whether a person belongs to a principal. Only a Slack id or a proven address is a
// yes. An address that is unconfirmed or shared proves nothing, but rules nothing out either.
//
// Whether a machine belongs to a principal is always known, because its identity is proved: the
// answer is never unknown.
func (x *Principal) includes(s *subject, now snapshot) certainty {
	if s.Machine != nil {
		return x.includesMachine(s.Machine)
	}
	if x.Kind == Everyone {
		switch s.Membership {
		case access.Member:
			return yes
		case "":
			return unknown
		}
		return no
	}
	ids, addresses, ok := x.members(now)
	switch {
	case !ok:
		return unknown
	case s.ID != "" && slices.Contains(ids, s.ID):
		return yes
	case s.email != "" && hasAddress(addresses, s.email):
		return yes
	case mayInclude(s, ids, addresses, now):
		return unknown
	}
	return no
}

// includesMachine reports whether a machine belongs to a principal. The person who started a run does
// not bring it into the groups of that person.
func (x *Principal) includesMachine(m *access.Machine) certainty {
	switch {
	case x.Kind == Everyone:
		return restricts
	case x.Kind == AWSRoles && m.Role != nil && slices.ContainsFunc(x.Roles, func(r MachineRole) bool {
		return r.Partition == m.Role.Partition && r.Account == m.Role.Account && r.Name == m.Role.Name &&
			(r.ID == "" || r.ID == m.Role.ID)
	}):
		return yes
	case x.Kind == OIDC && m.Run != nil && x.Issuer == m.Run.Issuer && x.hasClaims(m.Run.Claims):
		return yes
	}
	return no
}

// hasClaims reports whether a token has every claim of the principal. New has refused a principal
// without claims, which every token of the issuer would have.
func (x *Principal) hasClaims(claims map[string]string) bool {
	return len(x.Claims) > 0 && !slices.ContainsFunc(x.Claims, func(c Claim) bool {
		value, has := claims[c.Name]
		return !has || value != c.Value
	})
}

// members returns the members of a principal, as Slack ids and as addresses; ok is false if they
// are unknown.
func (x *Principal) members(now snapshot) (ids, addresses []string, ok bool) {
	if x.Kind == SlackGroup {
		ids, ok = now.directory.Group(x.Group, now.at)
		return ids, nil, ok
	}
	return x.IDs, x.Addresses, true
}

// mayInclude reports whether a person could be one of the members under another identity: because
// they claim a member's address, or because no address of theirs is known.
func mayInclude(s *subject, ids, addresses []string, now snapshot) bool {
	if s.email == "" && s.unverified == "" {
		return slices.ContainsFunc(addresses, func(a string) bool { return strings.Contains(a, "@") })
	}
	if s.unverified == "" {
		return false
	}
	alike := func(a string) bool { return access.AlikeEmails(a, s.unverified) }
	return slices.ContainsFunc(addresses, alike) || slices.ContainsFunc(ids, func(id string) bool {
		member, ok := now.directory.Person(id, now.at)
		return ok && member.Same(s.Person)
	})
}

func hasAddress(addresses []string, folded string) bool {
	return slices.ContainsFunc(addresses, func(a string) bool { return access.FoldEmail(a) == folded })
}

// candidates calls visit for the people of a principal who are known to be full members, until visit
// returns false. It finds nobody for everyone, because the directory does not have the whole
// workspace.
func (x *Principal) candidates(now snapshot, visit func(access.Person) bool) {
	ids, addresses, _ := x.members(now)
	for _, id := range ids {
		if p, ok := now.directory.Person(id, now.at); ok && p.Membership == access.Member && !visit(p) {
			return
		}
	}
	for _, a := range addresses {
		if p, ok := now.owner(access.FoldEmail(a)); ok && p.Membership == access.Member && !visit(p) {
			return
		}
	}
}

// owner returns the person with a proven address. An address that two people have belongs to nobody.
func (now snapshot) owner(folded string) (owner access.Person, ok bool) {
	if !now.directory.KnowsPeople(now.at) || !strings.Contains(folded, "@") {
		return access.Person{}, false
	}
	for _, p := range now.directory.People {
		if p.Email == "" || access.FoldEmail(p.Email) != folded {
			continue
		}
		if ok {
			return access.Person{}, false
		}
		owner, ok = p, true
	}
	return owner, ok
}

// displayName returns what to call a person in a sentence.
func displayName(p access.Person) string {
	for _, name := range []string{p.Name, p.Email, p.ID} {
		if name != "" {
			return name
		}
	}
	return "This person"
}
