package policy

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// New checks a definition and makes a Policy of it. The policy keeps the definition's slices: the
// caller must not change them afterwards.
//
// It checks everything that an answer relies on: indexes and numbers are within their limits, lists
// that are searched are in order, no rule sets itself aside. It does not check what only reads
// badly, such as an address that is none; the compiler does.
func New(d Definition) (*Policy, error) {
	ticket, err := NewTicketFormat(d.Settings.TicketPattern)
	if err != nil {
		return nil, fmt.Errorf("check the policy: ticket pattern: %w", err)
	}
	if !ticket.Accepts(d.Settings.TicketExample) {
		return nil, errors.New("check the policy: the ticket example is not a ticket")
	}
	p := &Policy{
		settings: d.Settings, ticket: ticket, roles: d.Roles, principals: d.Principals, rules: d.Rules,
		neverRules: d.NeverRules, responders: d.Responders, classes: d.Classes, accounts: d.Accounts, byID: d.AccountsByID,
		byGroup: d.PrincipalsByGroup, packed: d.Packed, digest: digestOf(d.Packed),
	}
	p.names = make([]accountName, len(p.accounts))
	for i := range p.accounts {
		folded := strings.ToLower(p.accounts[i].Name)
		p.names[i] = accountName{folded: folded, searched: folded}
		if !isASCII(folded) {
			p.names[i].searched = searchForm(folded)
		}
	}
	if err := p.check(); err != nil {
		return nil, fmt.Errorf("check the policy: %w", err)
	}
	p.sources = p.listSources()
	return p, nil
}

// check returns the first thing that is wrong. Later checks rely on the indexes that earlier ones
// have checked.
func (p *Policy) check() error {
	for _, check := range []func() error{
		p.checkSettings, p.checkRoles, p.checkRules, p.checkNeverRules, p.checkClasses, p.checkAccounts, p.checkPrincipals,
		p.checkCircles,
	} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

func (p *Policy) checkSettings() error {
	s := &p.settings
	switch {
	case !indexes(p.responders, len(p.principals)) || len(p.responders) != len(s.Responders):
		return errors.New("the settings have an unknown responder")
	case !within(s.CheckEvery, MinCheckEvery, MaxCheckEvery):
		return errors.New("the time between two checks of the people with grants is not within the limits")
	case !within(s.PendingAtMost, 1, MaxPending):
		return fmt.Errorf("%d pending requests are not within the limits", s.PendingAtMost)
	case !within(s.AsksPerHour, 1, MaxAsks):
		return fmt.Errorf("%d requests per hour are not within the limits", s.AsksPerHour)
	case !within(s.AnswerWithin, 0, MaxLength) || !within(s.RemindAfter, 0, MaxLength):
		return errors.New("a length of time in the settings is not within the limits")
	case s.Devices == Devices{}: // none
	case !within(s.Devices.For, MinDevices, MaxLength) || !within(s.Devices.Limit, 1, MaxDevices):
		return errors.New("the settings of devices are not within the limits")
	}
	return nil
}

func (p *Policy) checkRoles() error {
	for i := range p.roles {
		if s := p.roles[i].Session; s != 0 && !within(s, MinSession, MaxSession) {
			return fmt.Errorf("role %d has a length of sessions that is not within the limits", i)
		}
	}
	return nil
}

func (p *Policy) checkRules() error {
	for i := range p.rules {
		r := &p.rules[i]
		switch {
		case !r.Roles.Fits(len(p.roles)):
			return fmt.Errorf("rule %d has an unknown role", i)
		case !indexes(r.Who, len(p.principals)) || !indexes(r.Reviewers, len(p.principals)):
			return fmt.Errorf("rule %d has an unknown principal", i)
		case !indexes(r.SetAsideBy, len(p.rules)):
			return fmt.Errorf("rule %d is set aside by an unknown rule", i)
		case !within(r.Max, 0, MaxLength) || r.Review != nil && !within(r.Review.Within, 0, MaxLength):
			return fmt.Errorf("rule %d has a length of time that is not within the limits", i)
		case r.Session != 0 && !within(r.Session, MinSession, MaxSession):
			return fmt.Errorf("rule %d has a length of sessions that is not within the limits", i)
		}
		for _, need := range r.Requirements {
			// A requirement of nobody would be met by nobody's approval.
			if !within(need.Required, 1, MaxRequired) || !indexes(need.Approver, len(p.principals)) {
				return fmt.Errorf("rule %d has a requirement that is not within the limits", i)
			}
		}
	}
	return nil
}

func (p *Policy) checkNeverRules() error {
	for i := range p.neverRules {
		if n := &p.neverRules[i]; !n.Roles.Fits(len(p.roles)) || !indexes(n.Who, len(p.principals)) {
			return fmt.Errorf("never rule %d has an unknown role or principal", i)
		}
	}
	return nil
}

func (p *Policy) checkClasses() error {
	for i := range p.classes {
		c := &p.classes[i]
		switch {
		case !c.Roles.Fits(len(p.roles)):
			return fmt.Errorf("class %d has an unknown role", i)
		case !ascendingIndexes(c.Rules, len(p.rules)) || !ascendingIndexes(c.NeverRules, len(p.neverRules)):
			return fmt.Errorf("the rules of class %d are unknown or not in order", i)
		}
	}
	return nil
}

func (p *Policy) checkAccounts() error {
	if len(p.byID) != len(p.accounts) || !indexes(p.byID, len(p.accounts)) {
		return errors.New("the accounts by id are not all accounts")
	}
	for i := range p.accounts {
		if c := p.accounts[i].Class; c < 0 || int(c) >= len(p.classes) {
			return fmt.Errorf("account %d has an unknown class", i)
		}
	}
	byID := func(a, b int32) int { return strings.Compare(p.accounts[a].ID, p.accounts[b].ID) }
	byName := func(a, b accountName) int { return strings.Compare(a.folded, b.folded) }
	if !ascending(p.names, byName) || !ascending(p.byID, byID) {
		return errors.New("the accounts are not in order")
	}
	return nil
}

func (p *Policy) checkPrincipals() error {
	groups := 0
	for i := range p.principals {
		if err := checkKind(&p.principals[i]); err != nil {
			return fmt.Errorf("principal %d: %w", i, err)
		}
		if p.principals[i].Group != "" {
			groups++
		}
	}
	if len(p.byGroup) != groups || !indexes(p.byGroup, len(p.principals)) {
		return errors.New("the principals by group are not all groups")
	}
	inOrder := func(a, b int32) int {
		return cmp.Or(strings.Compare(p.principals[a].Group, p.principals[b].Group), cmp.Compare(a, b))
	}
	if !ascending(p.byGroup, inOrder) {
		return errors.New("the groups are not in order")
	}
	return nil
}

// checkKind refuses a principal that has what belongs to another kind, and one of machines that names
// none: a token has every claim of an empty list.
func checkKind(x *Principal) error {
	people := x.Group != "" || len(x.IDs) > 0 || len(x.Addresses) > 0
	roles, tokens := len(x.Roles) > 0, x.Issuer != "" || len(x.Claims) > 0
	switch {
	case x.Kind > OIDC:
		return errors.New("its kind is unknown")
	case x.Kind.HasMachines() && people, x.Kind != AWSRoles && roles, x.Kind != OIDC && tokens:
		return errors.New("it has members of another kind")
	case x.Kind == AWSRoles && !roles, x.Kind == OIDC && (x.Issuer == "" || len(x.Claims) == 0):
		return errors.New("it names no machine")
	}
	byName := func(a, b Claim) int { return strings.Compare(a.Name, b.Name) }
	if !ascending(x.Claims, byName) {
		return errors.New("its claims are not in order")
	}
	return nil
}

// checkCircles refuses a rule that sets itself aside by way of others: evaluating it would never
// end.
func (p *Policy) checkCircles() error {
	const following, done = 1, 2
	state := make([]uint8, len(p.rules))
	var circular func(i int32) bool
	circular = func(i int32) bool {
		if state[i] != 0 {
			return state[i] == following
		}
		state[i] = following
		if slices.ContainsFunc(p.rules[i].SetAsideBy, circular) {
			return true
		}
		state[i] = done
		return false
	}
	for i := range p.rules {
		if circular(int32(i)) {
			return fmt.Errorf("rule %d sets itself aside", i)
		}
	}
	return nil
}

// within reports whether n is a number from low to high.
func within[T cmp.Ordered](n, low, high T) bool { return low <= n && n <= high }

// indexes reports whether every entry of a list is an index below limit.
func indexes(list []int32, limit int) bool {
	for _, i := range list {
		if i < 0 || int(i) >= limit {
			return false
		}
	}
	return true
}

// ascendingIndexes reports whether a list is ascending, and every entry an index below limit.
func ascendingIndexes(list []int32, limit int) bool {
	last := int32(-1)
	for _, i := range list {
		if i <= last {
			return false
		}
		last = i
	}
	return int(last) < limit
}

// ascending reports whether each entry is greater than the one before it.
func ascending[T any](all []T, compare func(a, b T) int) bool {
	for i := 1; i < len(all); i++ {
		if compare(all[i-1], all[i]) >= 0 {
			return false
		}
	}
	return true
}
