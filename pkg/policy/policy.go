package policy

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// Policy answers questions about a sound policy file. It never changes, so goroutines may share it.
// The zero Policy has no roles and no accounts, and allows nothing.
type Policy struct {
	settings   Settings
	ticket     TicketFormat
	roles      []Role
	principals []Principal
	rules      []Rule
	neverRules []NeverRule
	responders []int32
	classes    []AccountClass
	accounts   []Account     // ascending by their names in lower case
	names      []accountName // of accounts, in the same order
	byID       []int32       // accounts, ascending by id
	byGroup    []int32       // principals that are Slack groups, ascending by the group's id
	sources    Sources
	packed     string
	digest     func() string
}

// accountName is the name of an account in the forms in which it is compared.
type accountName struct {
	folded   string // in lower case
	searched string // as people type it into the search
}

// Packed returns the packed form of the policy, which packed.Load reads. The same policy file
// always has the same packed form.
func (p *Policy) Packed() []byte { return []byte(p.packed) }

// Digest names the policy: the first 12 hexadecimal digits of the SHA-256 of its packed form.
func (p *Policy) Digest() string { return p.digest() }

func digestOf(packed string) func() string {
	return sync.OnceValue(func() string {
		sum := sha256.Sum256([]byte(packed))
		return hex.EncodeToString(sum[:6])
	})
}

// String describes the policy in one line: how much it holds, and its digest.
func (p *Policy) String() string {
	return strings.Join([]string{
		counted(len(p.accounts), "account"), counted(len(p.roles), "role"), counted(len(p.rules), "rule"),
		counted(len(p.neverRules), "never rule"), "digest " + p.Digest(),
	}, ", ")
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// Settings returns the policy's settings.
func (p *Policy) Settings() Settings { return p.settings }

// Link returns the address of a ticket, "" if there is no ticket or the policy has no link.
func (s Settings) Link(ticket string) string {
	ticket = strings.TrimSpace(ticket)
	if ticket == "" || s.TicketLink == "" {
		return ""
	}
	return strings.Replace(s.TicketLink, "{ticket}", url.PathEscape(ticket), 1)
}

// Issuers returns the issuers of tokens that some group names, ascending. No other issuer is ever
// asked for its keys.
func (p *Policy) Issuers() (all []string) {
	for i := range p.principals {
		if p.principals[i].Kind == OIDC {
			all = append(all, p.principals[i].Issuer)
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// HasRoles reports whether some group has sessions of IAM roles in it. If none has, no machine in AWS
// can be anybody, and STS need not be asked who it is.
func (p *Policy) HasRoles() bool {
	return slices.ContainsFunc(p.principals, func(x Principal) bool { return x.Kind == AWSRoles })
}

// Region returns the Region of an account's console page, "" if it has none or is not in the policy.
func (p *Policy) Region(account string) string {
	i, ok := p.account(account)
	if !ok {
		return ""
	}
	return p.class(i).Region
}

// Sources lists what has to be read from Slack before this policy can answer.
type Sources struct {
	Groups []string          // ids of Slack user groups, ascending
	People []string          // addresses (folded) and Slack user ids that the policy names, ascending
	Names  map[string]string // by id of a group: what the policy calls it
}

// Sources returns a copy of the policy's sources.
func (p *Policy) Sources() Sources {
	s := p.sources
	s.Groups, s.People = slices.Clone(s.Groups), slices.Clone(s.People)
	return s
}

func (p *Policy) listSources() Sources {
	s := Sources{Names: make(map[string]string, len(p.byGroup))}
	s.Groups = slices.Grow(s.Groups, len(p.byGroup))
	for _, i := range p.byGroup {
		x := &p.principals[i]
		if before, known := s.Names[x.Group]; known {
			s.Names[x.Group] = before + ", " + x.Name
			continue
		}
		s.Names[x.Group] = x.Name
		s.Groups = append(s.Groups, x.Group)
	}
	for i := range p.principals {
		s.People = append(append(s.People, p.principals[i].IDs...), p.principals[i].Addresses...)
	}
	slices.Sort(s.People)
	s.People = slices.Compact(s.People)
	return s
}

// class returns what the policy says about the class of an account.
func (p *Policy) class(account int) *AccountClass { return &p.classes[p.accounts[account].Class] }

// target describes the role of an account as a session needs it.
func (p *Policy) target(account, role int) access.Target {
	a, r := &p.accounts[account], &p.roles[role]
	return access.Target{
		Account: a.ID, AccountName: a.Name, Region: p.class(account).Region,
		Role: r.Name, Path: r.Path, LandsOn: r.LandsOn,
		AssumeRoles: r.AssumeRoles, MakeIdentities: r.MakeIdentities,
	}
}

// expired reports whether something that expires has ended. A zero time never ends.
func expired(expires, at time.Time) bool { return !expires.IsZero() && !at.Before(expires) }

// lastDay is the date on which something that expires applies for the last time.
func lastDay(expires time.Time) string { return expires.Add(-day).Format(time.DateOnly) }
