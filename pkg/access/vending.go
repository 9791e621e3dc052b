package access

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Requirement is one requirement of the policy, and how far it is filled.
type Requirement struct {
	Rule     string   // name of the rule that wants it
	From     []string // as the policy names them
	Required int      `json:"Need"` // how many people
	Approved int      `json:"Have"` // how many of them are there, by the best matching
}

// Account is a member account as people choose it.
type Account struct {
	ID   string // twelve digits
	Name string
}

// Role is a role of the catalogue as people choose it.
type Role struct {
	Name           string
	About          string
	Max            time.Duration // the longest grant for whoever asked
	Ticket         bool          // a ticket is mandatory for whoever asked
	AssumeRoles    bool          // sessions may assume further roles: access can outlast the grant
	MakeIdentities bool          // sessions may make users and keys: access can outlast the grant
}

// Target is a role in a member account, as the policy describes it.
type Target struct {
	Account        string // twelve digits
	AccountName    string
	Region         string // where the console lands; names the partition too
	Role           string
	Path           string // begins and ends with a slash
	LandsOn        string // path of a console page, "" for the home page
	AssumeRoles    bool   // may: [assume_roles]
	MakeIdentities bool   // may: [make_identities]
}

// Vending is all that a session is made from.
type Vending struct {
	Target      Target
	Grant       string    // the request's id: the tag GrantId
	Session     string    // RoleSessionName, Request.Name
	Who         Person    // the source identity
	Ends        time.Time // the end of the grant: every action is denied from then on
	ConsoleOnly bool      // the grant gives the console and no keys
	Now         time.Time
}

// Order asks the vend function for a session. It names no address: the answer
// goes to the requester who is stored in the table.
type Order struct {
	ID      string `json:"id"` // one for each click
	Request string `json:"request"`
	By      string `json:"by"` // Slack id of who clicked
	Kind    Kind   `json:"kind"`
	// Form is how keys are to be written. A vend function of an older version
	// refuses an order that names one; the buttons that do so stand only below
	// keys that a newer one has handed out.
	Form Form      `json:"form,omitempty"`
	At   time.Time `json:"at"`
}

// Form is a way to write keys down.
type Form string

// The forms. An order that names none is for sh.
const (
	Shell      Form = ""           // export NAME=value, for sh, bash and zsh
	PowerShell Form = "powershell" // $Env:NAME = 'value'
	Profile    Form = "file"       // a section of ~/.aws/credentials
	JSON       Form = "json"       // the answer of a credential_process
)

// Known reports whether f is one of the forms.
func (f Form) Known() bool {
	return f == Shell || f == PowerShell || f == Profile || f == JSON
}

// ErrBadOrder says that an order was not made by the public function. Its text
// names the field and never what stands in it.
var ErrBadOrder = errors.New("not an order")

// MaxOrderField is the longest id in an order, in bytes: Slack's trigger ids
// have about 50, its signatures 67, ULIDs 26. An order is kept with its request,
// so its length bounds what orders can make of the stored request.
const MaxOrderField = 100

// Alphabets of ids.
const (
	capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	letters  = "abcdefghijklmnopqrstuvwxyz"
)

// Check refuses an order with a field that is missing, too long or of other
// letters than Slack's ids and ULIDs have. It is asked before anything is read
// or written.
func (o Order) Check() error {
	for _, field := range [...]struct{ name, text, alphabet string }{
		{"id", o.ID, capitals + letters + "._=:-"},
		{"request", o.Request, capitals + letters},
		{"by", o.By, capitals},
		{"form", string(o.Form), letters + "_-"}, // another version may know more of them
	} {
		empty := field.text == "" && field.name != "form"
		if empty || len(field.text) > MaxOrderField || strings.Trim(field.text, field.alphabet) != "" {
			return fmt.Errorf("%w: its %s is missing, too long or of other letters", ErrBadOrder, field.name)
		}
	}
	switch {
	case o.Kind != Console && o.Kind != Keys:
		return fmt.Errorf("%w: its kind is not known", ErrBadOrder)
	case o.At.IsZero():
		return fmt.Errorf("%w: it has no time", ErrBadOrder)
	}
	return nil
}

// Trial is what came of trying whether a target role can be assumed.
type Trial struct {
	Codes []string // of pkg/vend, at least one
	// Token is how full the token of the session was, in per cent of the 4,096
	// bytes that STS gives, session policy and tags included; 0 for no session.
	Token int
}
