package access

import (
	"errors"
	"fmt"
	"io"
	"time"
	"unique"
)

// Secret is text that does not print, marshal or log. Only Reveal returns it, so
// a search for Reveal finds every place where a secret leaves memory.
//
// The text is behind a handle: package fmt does not call Format for an unexported
// field, nor behind a pointer that a verb such as %s does not fit. It then prints the
// fields of a Secret, and so an address. Secrets of the same text are equal.
type Secret struct{ text unique.Handle[string] }

// NewSecret hides text.
func NewSecret(text string) Secret {
	if text == "" {
		return Secret{}
	}
	return Secret{unique.Make(text)}
}

// Reveal returns the text.
func (s Secret) Reveal() string {
	if s.Empty() {
		return ""
	}
	return s.text.Value()
}

// Empty reports whether there is no text.
func (s Secret) Empty() bool { return s == Secret{} }

const hidden = "[hidden]"

// String implements fmt.Stringer.
func (s Secret) String() string { return hidden }

// Format implements fmt.Formatter, so that no verb prints the text: %d and %x
// would otherwise reach into the struct.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// MarshalText always fails: code that serialises a secret is wrong.
func (s Secret) MarshalText() ([]byte, error) {
	return nil, errors.New("a secret cannot be serialised")
}

// Credentials are what STS issued for one session.
type Credentials struct {
	AccessKeyID  string
	SecretKey    Secret
	SessionToken Secret
	Expires      time.Time
	// Wide are the credentials that STS issued first, if vend had the session narrowed so
	// that it expires at the end of the grant; nil if these are the first ones. Vend hands
	// them to nobody: at most it makes a console link of them.
	Wide *Credentials
}

// Key returns the access key of the credentials, for the record.
func (c Credentials) Key() IssuedKey { return IssuedKey{c.AccessKeyID, c.Expires} }

// WideKey returns the access key of the wide credentials, zero if there are none.
func (c Credentials) WideKey() IssuedKey {
	if c.Wide == nil {
		return IssuedKey{}
	}
	return c.Wide.Key()
}

// IssuedKey is one access key of a session, without its secret.
type IssuedKey struct {
	AccessKeyID string
	Expires     time.Time // the expiry that STS set
}

// ExactExpiry says what vend does about credentials that STS would let live past the end
// of a grant (docs/facts.md#a8).
type ExactExpiry string

// The values of ExactExpiry.
const (
	ExactPreferred ExactExpiry = "preferred" // narrow them; hand out the wide ones if that fails
	ExactRequired  ExactExpiry = "required"  // narrow them; refuse if that fails
	ExactOff       ExactExpiry = "off"       // hand out the wide ones
)
