package policy

import (
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy/internal/bitset"
)

// Definition is a policy as plain data: package compiler makes one of policy.yaml, and package
// packed writes one into a file and reads it again. New checks it and makes a Policy of it.
//
// An entry refers to another one by its index. A change here needs another layout of the packed
// form, see pkg/policy/packed/layout.go.
type Definition struct {
	Settings   Settings
	Roles      []Role // the catalogue, in the order of the file
	Principals []Principal
	Rules      []Rule // in the order of the file
	NeverRules []NeverRule
	Responders []int32 // principals who may revoke any grant, as Settings.Responders names them
	Classes    []AccountClass
	Accounts   []Account // ascending by their names in lower case, which are unique

	AccountsByID      []int32 // all accounts, ascending by id; ids are unique
	PrincipalsByGroup []int32 // the Slack groups, ascending by the group's id, then by index

	Packed string // the packed form of all of the above, which names the policy (Policy.Digest)
}

// Settings is what the policy file says about the system itself.
type Settings struct {
	Channel       string        // where cards are posted, unless a rule names other channels
	Operators     string        // where operators are told; the same as Channel if the file names none
	AnswerWithin  time.Duration // an hour if the file says nothing
	RemindAfter   time.Duration // 0: no reminder
	TicketPattern string        // a regular expression that a whole ticket must match; "": any ticket will do
	TicketExample string        // the ticket that people are shown as an example; it matches the pattern
	TicketLink    string        // an https address with {ticket} in it once; "": no link
	PendingAtMost int           // limit of the requests of one person that wait for an answer
	AsksPerHour   int           // limit of the requests that one person makes within an hour
	Devices       Devices
	Responders    []string      // as the file names them; nil if there are none
	CheckEvery    time.Duration // how often the product asks whether people may still have their grants
}

// Devices limits the devices that people pair. The zero value switches them off.
type Devices struct {
	For   time.Duration // how long a device stays paired
	Limit int           // of one person
}

// Role is an entry of the catalogue of roles.
type Role struct {
	Name    string // of the IAM role
	About   string
	Path    string // of the IAM role, such as /aws-access/
	LandsOn string // path of the console page that a session opens; "": the console's home

	AssumeRoles    bool // sessions may assume further roles
	MakeIdentities bool // sessions may make users, access keys and identity providers

	Session time.Duration // how long one session may act; 0: only the grant limits it
}

// PrincipalKind tells whom a principal stands for.
type PrincipalKind uint8

// The kinds of principals.
const (
	Named      PrincipalKind = iota // people who are written out
	Everyone                        // every full member of the workspace
	SlackGroup                      // the members of a Slack user group
	AWSRoles                        // machines: sessions of IAM roles
	OIDC                            // machines: runs whose token has certain claims
)

// HasMachines reports whether a principal of this kind has machines in it, and no people.
func (k PrincipalKind) HasMachines() bool { return k == AWSRoles || k == OIDC }

// Principal is whom an entry of who, from or by stands for: a group, one person, or everyone.
type Principal struct {
	Name      string // as the file has it
	Kind      PrincipalKind
	Group     string   // id of the Slack user group; "" for other kinds
	IDs       []string // Slack user ids of named people
	Addresses []string // e-mail addresses of named people, folded by access.FoldEmail

	Roles  []MachineRole // of AWSRoles: the session belongs to any of them
	Issuer string        // of OIDC
	Claims []Claim       // of OIDC: the token has all of them; ascending by name
}

// MachineRole is an IAM role whose sessions are machines. It is compared whole, with its case.
type MachineRole struct {
	Partition, Account, Name string
	ID                       string // AROA…; "": any role with this name
}

// Claim is a claim that a token must have, as text. It is compared whole.
type Claim struct{ Name, Value string }

// Rule is an entry of rules. The accounts of a rule are in the classes that list it.
type Rule struct {
	Name         string
	Line, Col    int     // of its name in the policy file
	Who          []int32 // principals
	Roles        bitset.Set
	Max          time.Duration
	Requirements []Requirement // none for approvals: none
	Ticket       bool          // a ticket is mandatory
	GiveConsole  bool
	GiveKeys     bool
	Review       *access.Review // nil: no review
	Reviewers    []int32        // principals, as Review names them
	Channels     []string       // where the card is posted
	SetAsideBy   []int32        // rules that name this one in instead_of
	Expires      time.Time      // the first instant at which the rule no longer applies; zero: never
	Session      time.Duration  // as of Role
}

// Requirement is how many people of whom have to approve.
type Requirement struct {
	From     []string // as the file has it
	Approver []int32  // the principals of From
	Required int
}

// NeverRule is an entry of never. Its accounts are in the classes that list it.
type NeverRule struct {
	Name      string
	Line, Col int     // of its name in the policy file
	Who       []int32 // principals
	Roles     bitset.Set
	Say       string    // what people are told, in the author's words; "": the rule's name
	Expires   time.Time // as of Rule
}

// AccountClass is a set of accounts that the policy treats alike: they have the same Region and
// roles, and the same rules hold for them. Evaluation therefore looks only at the rules of one
// class, however many accounts and rules there are.
type AccountClass struct {
	Region     string
	Roles      bitset.Set // of the catalogue, that these accounts have
	Rules      []int32    // rules for these accounts, ascending
	NeverRules []int32    // ascending; includes those that hold because an account lacks a tag
}

// Account is a member account.
type Account struct {
	access.Account
	Class int32
}

// Limits of what a policy can say. The compiler words them for the author of the file, and New
// checks them again.
const (
	MinLength     = access.MinFor       // of max
	MaxLength     = 30 * 24 * time.Hour // of max and of all other lengths of time
	MaxRequired   = 20                  // people in one requirement
	MaxPending    = 50                  // of Settings.PendingAtMost
	MaxAsks       = 1000                // of Settings.AsksPerHour: the table keeps them in one item of each person
	MaxTicketText = 100                 // characters of a ticket
	MinDevices    = time.Hour           // of Devices.For
	MaxDevices    = 20                  // of Devices.Limit
	MinSession    = time.Minute         // of session
	MaxSession    = time.Hour           // of session: STS gives no chained session more
	MinCheckEvery = time.Minute         // of Settings.CheckEvery
	MaxCheckEvery = time.Hour           // of Settings.CheckEvery
)
