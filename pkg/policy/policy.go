package policy

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// Policy is a sound policy file. It never changes, so it may be used by many
// at once.
type Policy struct {
	settings   Settings
	roles      []role
	accounts   []account // by folded name
	byID       []int32   // accounts by their id
	classes    []class
	principals []principal
	bySource   []int32 // principals that have a source, in its order
	rules      []rule
	nevers     []never
	sources    Sources
	encoded    string // what it was loaded from, "" if it was compiled
}

// Settings is what the policy says about the system itself.
type Settings struct {
	Channel       string        // where cards go, unless a rule names another
	Operators     string        // channel; the same as Channel if the policy names none
	AnswerWithin  time.Duration // an hour if the policy says nothing
	RemindAfter   time.Duration // 0 for no reminder
	TicketPattern string        // of a whole ticket; "" if any will do
	TicketExample string        // a ticket as people know them, which fits the pattern
	TicketLink    string        // holds {ticket} once; "" if there is none
	PendingAtMost int           // requests of one person that may wait at once
	AsksPerHour   int           // requests that one person may make within an hour

	ticket *regexp.Regexp
}

// Link is the address of a ticket, "" if there is no ticket or the policy says
// no link.
func (s Settings) Link(ticket string) string {
	ticket = strings.TrimSpace(ticket)
	if ticket == "" || s.TicketLink == "" {
		return ""
	}
	return strings.Replace(s.TicketLink, "{ticket}", url.PathEscape(ticket), 1)
}

// Settings returns the policy's settings.
func (p *Policy) Settings() Settings { return p.settings }

// Sources is what has to be known of people for this policy to answer.
type Sources struct {
	Groups []string          // ids of Slack user groups, sorted
	People []string          // addresses, folded, and Slack ids that the policy names, sorted
	Names  map[string]string // of groups, as the policy calls them, by their ids
}

// Sources returns a copy of the policy's sources.
func (p *Policy) Sources() Sources {
	s := p.sources
	s.Groups, s.People = slices.Clone(s.Groups), slices.Clone(s.People)
	return s
}

// role is a role of the catalogue.
type role struct {
	name, about, path, landsOn  string
	assumeRoles, makeIdentities bool
}

// account is a member account.
type account struct {
	access.Account
	folded   string // its name in small letters: accounts stand in this order
	searched string // its name as people type it into the search
	*class
}

// class is what accounts have in common that the policy does not tell apart. It
// is how the policy knows which accounts a rule holds, so that an answer looks
// at what concerns its account, however many accounts and rules there are.
type class struct {
	number int // its index
	region string
	roles  set     // of the catalogue, that exist there
	rules  []int32 // that hold these accounts, in the order of the file
	nevers []int32 // those that hold them because a tag is missing included
}

// rule is an entry of rules.
type rule struct {
	name      string
	line, col int
	who       []int32 // principals
	roles     set
	max       time.Duration
	needs     []requirement
	ticket    bool
	gives     [len(kinds)]bool
	review    *access.Review
	reviewers []int32
	channels  []string
	setters   []int32 // rules that set this one aside
	expires   time.Time
}

// requirement is how many people of whom have to say yes.
type requirement struct {
	names []string // as the file has them
	from  []int32
	need  int
}

// never is an entry of never.
type never struct {
	name      string
	line, col int
	who       []int32
	roles     set
	say       string
	expires   time.Time
}

// over reports whether something that expires is no more at a moment.
func over(expires, at time.Time) bool { return !expires.IsZero() && !at.Before(expires) }
