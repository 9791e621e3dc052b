package policy

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// Codes of refusals because something is not known. Each says the true reason:
// that Slack cannot be read is nobody's fault and passes, the others have to be
// put right by somebody.
const (
	unreadable   = "slack_unreadable" // Slack did not answer for too long
	unknownGroup = "unknown_group"    // Slack has no such group any more
	unproven     = "unproven_address" // the address does not prove who somebody is
	tryLater     = "Try again in a few minutes."
	operatorsDo  = "The operators were told; ask them to put it right."
)

// unread is the refusal because Slack cannot be read; so is what follows from it.
func unread(so string) error {
	return access.Refuse(unreadable, "Slack cannot be read at the moment, so "+so+".", tryLater)
}

// doubt says why it is not known whether somebody belongs to principals, to
// that person.
func (p *Policy) doubt(who *subject, principals []int32, now moment) error {
	var names, away, gone []string
	for _, i := range principals {
		x := &p.principals[i]
		switch _, _, ok := x.members(now); {
		case x.holds(who, now) != maybe:
		case ok:
			names = append(names, x.Name)
		case now.directory.Groups[x.Group].Gone:
			gone = append(gone, x.Name)
		default:
			away = append(away, x.Name)
		}
	}
	for _, list := range []*[]string{&names, &away, &gone} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	switch {
	case who.Membership == "":
		return access.Person{}.Refused()
	case len(away) > 0:
		return unread("it is not known who is in " + listing(away))
	case len(names) > 0:
		return now.addressDoubt(who, names)
	}
	return access.Refuse(unknownGroup, "Slack has no user group "+listing(gone)+" any more, or it is switched off.",
		operatorsDo)
}

// addressDoubt says why an address does not prove that its holder is among
// those whom principals name.
func (m moment) addressDoubt(who *subject, principals []string) error {
	address, folded := cmp.Or(who.Email, who.UnverifiedEmail), cmp.Or(who.email, who.claims)
	so := "so the policy cannot tell whether you are in " + listing(principals) + "."
	add := "Ask the operators to name your Slack id, " + who.ID + ", in the policy."
	if strings.Contains(principals[0], "@") && len(principals) == 1 {
		so = "so the policy cannot take you for " + principals[0] + "."
	}
	known, found := m.directory.People[who.ID]
	switch {
	case !m.directory.KnowsPeople(m.at):
		return unread("it is not known whether " + listing(principals) + " includes you")
	case address == "":
		return access.Refuse(unproven, "Slack shows no address of yours, "+so, add)
	case !access.PlainEmail(address):
		return access.Refuse(unproven, "Your address "+address+" has letters that look like others, "+so, add)
	case slices.Contains(m.directory.Shared, folded):
		return access.Refuse(unproven, "More than one user in Slack has your address "+address+", "+so, add)
	case found && access.FoldEmail(cmp.Or(known.Email, known.UnverifiedEmail)) == folded:
		return access.Refuse(unproven, "Slack has not confirmed your address "+address+", "+so, add)
	}
	says := "Whether your address " + address + " is yours alone has not been looked up in Slack yet, " + so
	return access.Refuse(unproven, says, tryLater)
}

func listing(names []string) string {
	if len(names) > 5 {
		names = append(slices.Clone(names[:5]), "others")
	}
	if last := len(names) - 1; last > 0 {
		return strings.Join(names[:last], ", ") + " and " + names[last]
	}
	return strings.Join(names, "")
}

// Doubt says why it is not known what somebody may ask for, nil when all of it
// is known.
func (p *Policy) Doubt(who access.Person, d access.Directory, at time.Time) error {
	v := p.view(who, moment{&d, at})
	var principals []int32
	for i := range p.rules {
		principals = append(principals, p.rules[i].Who...)
	}
	for i := range p.neverRules {
		principals = append(principals, p.neverRules[i].Who...)
	}
	slices.Sort(principals)
	principals = slices.DeleteFunc(slices.Compact(principals),
		func(i int32) bool { return v.isAmong([]int32{i}) != maybe })
	if len(principals) == 0 {
		return nil
	}
	return p.doubt(&v.who, principals, v.now)
}

// uncounted says why an approval that was given may not count today, nil when
// that is certain. Of several reasons it says one, the same whatever their order.
func (r *ruling) uncounted(rules []int32, approvals []access.Person) (reason error) {
	for _, p := range approvals {
		doubt := r.uncountedOf(rules, p)
		if doubt != nil && (reason == nil || doubt.Error() < reason.Error()) {
			reason = doubt
		}
	}
	return reason
}

func (r *ruling) uncountedOf(rules []int32, p access.Person) error {
	asked, from := r.isAsked(rules, p)
	switch {
	case p.Membership == "":
		return unread("it is not known whether the people who approved may still approve")
	case asked != maybe || p.Membership != access.Member:
		return nil
	}
	s := subjectOf(p)
	refusal := r.doubt(&s, from, r.now)
	switch access.Code(refusal) {
	case unknownGroup: // for certain
		return nil
	case unproven:
		says := "The address of " + nameOf(p) + ", who approved, no longer proves who that is."
		return access.Refuse(unproven, says, "Ask again with /aws-access.")
	}
	return refusal
}

// unfilled says what keeps those whom a requirement asks from being counted, if
// that is not known or can be put right.
func (r *ruling) unfilled(need Requirement) (because string, unknown error) {
	var away, gone []string
	doubtful := 0
	for _, i := range need.Approver {
		x := &r.principals[i]
		switch ids, addresses, ok := x.members(r.now); {
		case x.Kind == Everyone:
		case ok:
			if !r.now.directory.KnowsPeople(r.now.at) || x.Kind != Named && !r.profiles(ids) {
				away = append(away, x.Name)
			}
			doubtful += r.unconfirmed(addresses)
		case r.now.directory.Groups[x.Group].Gone:
			gone = append(gone, x.Name)
		default:
			away = append(away, x.Name)
		}
	}
	switch {
	case len(away) > 0:
		return "", unread("it is not known who in " + listing(away) + " could approve this")
	case len(gone) > 0:
		return "Slack has no user group " + listing(gone) + " any more, or it is switched off.", nil
	case doubtful == 1:
		return "Slack has not confirmed the address of one of them, or another user has the same.", nil
	case doubtful > 1:
		return "Slack has not confirmed the addresses of " + strconv.Itoa(doubtful) +
			" of them, or other users have the same.", nil
	}
	return "", nil
}

// profiles reports whether all members of a group are known.
func (r *ruling) profiles(ids []string) bool {
	return !slices.ContainsFunc(ids, func(id string) bool {
		p, known := r.now.directory.People[id]
		return !strings.Contains(id, "@") && id != r.who.ID && (!known || p.Membership == "")
	})
}

// unconfirmed counts the members who have one of the addresses, and whom it does
// not prove to be themselves.
func (r *ruling) unconfirmed(addresses []string) (count int) {
	for _, p := range r.now.directory.People {
		if p.Membership == access.Member && p.Email == "" && p.ID != r.who.ID && p.UnverifiedEmail != "" &&
			holdsAddress(addresses, access.FoldEmail(p.UnverifiedEmail)) {
			count++
		}
	}
	return count
}
