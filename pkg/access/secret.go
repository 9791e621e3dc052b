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
}
