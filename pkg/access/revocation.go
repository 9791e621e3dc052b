package access

import (
	"fmt"
	"strings"
	"time"
)

// ScopeKind says by what a revocation of several grants chooses them. The zero value chooses
// nothing.
type ScopeKind string

// The kinds of scopes.
const (
	OfPerson  ScopeKind = "person"  // all grants of a person
	InAccount ScopeKind = "account" // all grants in an account
	OfAll     ScopeKind = "all"     // all grants
)

// Scope says which grants a responder revokes together.
type Scope struct {
	Kind ScopeKind `json:"kind"`
	ID   string    `json:"id,omitempty"` // Slack id of the person, or the account's twelve digits
}

// Check returns ErrBadOrder for a scope that this software does not write.
func (s Scope) Check() error {
	switch {
	case s.Kind == OfPerson && len(s.ID) <= MaxOrderField && IsPerson(s.ID),
		s.Kind == InAccount && len(s.ID) == 12 && strings.Trim(s.ID, "0123456789") == "",
		s.Kind == OfAll && s.ID == "":
		return nil
	}
	return fmt.Errorf("%w: it does not say which grants", ErrBadOrder)
}

// String writes the scope in the form that ScopeOf reads.
func (s Scope) String() string {
	if s.ID == "" {
		return string(s.Kind)
	}
	return string(s.Kind) + ":" + s.ID
}

// ScopeOf reads what Scope.String wrote.
func ScopeOf(text string) (Scope, error) {
	kind, id, _ := strings.Cut(text, ":")
	s := Scope{Kind: ScopeKind(kind), ID: id}
	if s.String() != text {
		return Scope{}, fmt.Errorf("%w: it does not say which grants", ErrBadOrder)
	}
	return s, s.Check()
}

// Covers reports whether a grant belongs to the scope.
func (s Scope) Covers(r Request) bool {
	switch s.Kind {
	case OfPerson: // and of the machines that this person has started
		if m := r.Requester.Machine; m != nil {
			return m.Starter == s.ID
		}
		return r.Requester.ID == s.ID
	case InAccount:
		return r.Account == s.ID
	case OfAll:
		return true
	}
	return false
}

// Revocation is the order of a responder to revoke several grants together. The vend function
// carries it out, because it takes longer than Slack waits for an answer. The answer goes to
// that responder in Slack.
type Revocation struct {
	ID  string    `json:"id"` // one for each form that was sent
	By  string    `json:"by"` // Slack id
	Of  Scope     `json:"of"`
	Why string    `json:"why"`
	At  time.Time `json:"at"`
}

// Check returns ErrBadOrder if the slack function cannot have made this order. Its text never
// contains the value of a field.
func (o Revocation) Check() error {
	switch {
	case o.ID == "" || len(o.ID) > MaxOrderField || strings.Trim(o.ID, capitals+letters+"._=:-") != "":
		return fmt.Errorf("%w: its id is missing, too long or malformed", ErrBadOrder)
	case len(o.By) > MaxOrderField || !IsPerson(o.By):
		return fmt.Errorf("%w: it does not say who made it", ErrBadOrder)
	case CheckWhy(o.Why) != nil:
		return fmt.Errorf("%w: its reason is missing or too long", ErrBadOrder)
	case o.At.IsZero():
		return fmt.Errorf("%w: it has no time", ErrBadOrder)
	}
	return o.Of.Check()
}

// CheckAge refuses an order that is too old, or from the future.
//
// Refusals: order_late.
func (o Revocation) CheckAge(now time.Time) error {
	if age := now.Sub(o.At); age >= OrderLife || age <= -OrderLife {
		return RefuseOrderLate()
	}
	return nil
}
