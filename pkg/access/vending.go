package access

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Requirement is one requirement of the policy, with the number of approvals so far.
type Requirement struct {
	Rule     string   // name of the rule that demands it
	From     []string // as the policy names them
	Required int      `json:"Need"` // how many people must approve
	Approved int      `json:"Have"` // how many have approved, if approvals are assigned to requirements in the best way
}

// Account is a member account, as people choose it in the form.
type Account struct {
	ID   string // twelve digits
	Name string
}

// Role is a role of the catalogue, as people choose it in the form.
type Role struct {
	Name           string
	About          string
	Max            time.Duration // the longest grant for this requester
	Ticket         bool          // a ticket is mandatory for this requester
	AssumeRoles    bool          // sessions may assume other roles, so access can outlast the grant
	MakeIdentities bool          // sessions may make users and keys, so access can outlast the grant
	Asks           bool          // somebody must approve
	Give           []Kind        // what a grant hands out
}

// DefaultPath is the path of target roles, unless the policy names another one.
const DefaultPath = "/aws-access/"

// Target is a role in a member account, as the policy describes it.
type Target struct {
	Account        string // twelve digits
	AccountName    string
	Region         string // of the console page; it determines the partition too
	Role           string
	Path           string // begins and ends with a slash
	LandsOn        string // path of a console page, "" for the home page
	AssumeRoles    bool   // the policy has may: [assume_roles]
	MakeIdentities bool   // the policy has may: [make_identities]
}

// RoleARN is the ARN of the IAM role, with its path.
func (t Target) RoleARN() string {
	return "arn:" + Partition(t.Region) + ":iam::" + t.Account + ":role" + t.Path + t.Role
}

// Vending is everything that vend.Assume needs to make a session.
type Vending struct {
	Target      Target
	Grant       string    // the request's id, which becomes the session tag GrantId
	Session     string    // the RoleSessionName, from Request.SessionName
	Who         Person    // becomes the source identity
	Ends        time.Time // the end of the grant
	Until       time.Time // from then on the session is denied every action; zero for the end of the grant
	ConsoleOnly bool      // the grant gives the console and no keys
	Now         time.Time
}

// DeniedFrom returns when the session must be denied every action: at Until, but never after
// the end of the grant.
func (v Vending) DeniedFrom() time.Time {
	if v.Until.IsZero() || v.Until.After(v.Ends) {
		return v.Ends
	}
	return v.Until
}

// Order asks the vend function for a session. It does not say where to send the
// answer: that always goes to the requester who is stored in the table.
type Order struct {
	ID      string `json:"id"` // one for each click
	Request string `json:"request"`
	By      string `json:"by"` // Slack id of the person who clicked
	Kind    Kind   `json:"kind"`
	// Form is the format in which to write keys. A vend function of an older version
	// refuses an order with a form. Only messages with keys have buttons that set it,
	// and only newer versions of vend post those.
	Form Form      `json:"form,omitempty"`
	At   time.Time `json:"at"`

	// Device and Machine are never part of an order that another function sends. Vend
	// sets one of them for a call whose signature or proof it has checked itself.
	Device  string  `json:"-"` // thumbprint of the device of By that calls; "" for none
	Paired  Device  `json:"-"` // that device, as vend has just read it
	Machine *Person `json:"-"` // the machine that calls, as its proof describes it; nil for a person
}

// Form is a format in which keys are written.
type Form string

// The forms. An order without a form asks for Shell.
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

// ErrBadOrder says that the slack function cannot have made this order. Its text
// names the wrong field, and never contains the field's value.
var ErrBadOrder = errors.New("not an order")

// MaxOrderField is the length limit of an id in an order, in bytes. Slack's trigger ids
// have about 50 bytes, its signatures 67, and ULIDs 26. The stored request contains
// the ids of orders, so this limits its size.
const MaxOrderField = 100

// The characters that ids consist of.
const (
	capitals = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
	letters  = "abcdefghijklmnopqrstuvwxyz"
)

// Check returns ErrBadOrder if a field is missing, too long, or has characters that
// Slack's ids and ULIDs do not have. The caller checks an order before it reads or
// writes anything.
func (o Order) Check() error {
	for _, field := range [...]struct{ name, text, alphabet string }{
		{"id", o.ID, capitals + letters + "._=:-"},
		{"request", o.Request, capitals + letters},
		{"by", o.By, capitals},
		{"form", string(o.Form), letters + "_-"}, // another version may have other forms
	} {
		empty := field.text == "" && field.name != "form"
		if empty || len(field.text) > MaxOrderField || strings.Trim(field.text, field.alphabet) != "" {
			return fmt.Errorf("%w: its %s is missing, too long or malformed", ErrBadOrder, field.name)
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

// Trial is the result of trying to assume a target role.
type Trial struct {
	Codes []string // codes of pkg/vend, at least one
	// Token is the size of the session token, with session policy and tags, in per cent
	// of the 4,096 bytes that STS allows; 0 if there is no session.
	Token int
	// NotExact says that STS does not narrow a session of the role, so its credentials may
	// outlive the end of the grant. It is false if that was not tried.
	NotExact bool
}
