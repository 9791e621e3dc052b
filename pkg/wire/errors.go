package wire

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// Code says why a call or an answer was refused. Codes are stable.
type Code string

// Why a call is refused.
const (
	TooLarge       Code = "too_large"
	BadForm        Code = "bad_form"        // not one compact JWS
	BadHeader      Code = "bad_header"      // the protected header is malformed
	UnknownCrit    Code = "unknown_crit"    // the protected header demands an extension
	WrongAlgorithm Code = "wrong_algorithm" // not ES256
	BadKey         Code = "bad_key"         // the key in the header is no public P-256 key
	WrongURL       Code = "wrong_url"       // the call is for another server
	BadPayload     Code = "bad_payload"
	BadSignature   Code = "bad_signature"
	BadProof       Code = "bad_proof" // the pairing code's key did not sign this pairing
	Clock          Code = "clock"     // the time of the call is too far from the server's
)

// Why an answer is refused. TooLarge, BadForm, BadHeader, UnknownCrit, WrongAlgorithm, BadKey and
// BadSignature are used for answers too.
const (
	Unsigned       Code = "unsigned"         // the answer has no signature
	WrongAnswerKey Code = "wrong_answer_key" // another key than the pinned one signed it
	OtherCall      Code = "other_call"       // it answers another call
	NotSealed      Code = "not_sealed"       // keys or a link stand in the open
	CannotOpen     Code = "cannot_open"      // it is not sealed to this call
	BadAnswer      Code = "bad_answer"       // what was signed cannot be read
)

// Why other input is refused.
const (
	BadURL  Code = "bad_url"
	BadCode Code = "bad_code" // not a pairing code
)

// Status is the HTTP status with which a server refuses a call. All refusals of a call that are not
// listed here are 400.
func (c Code) Status() int {
	switch c {
	case TooLarge:
		return http.StatusRequestEntityTooLarge
	case WrongAlgorithm, BadSignature, BadProof, Clock:
		return http.StatusUnauthorized
	}
	return http.StatusBadRequest
}

// Error is why something was refused. Its text names the wrong part, and never contains what was
// sent.
type Error struct {
	Code Code
	What string    // what was read: "call", "answer", "URL", "pairing code", "key"
	Why  string    // the wrong part, and what is wrong with it
	Time time.Time // with Clock, the server's time; the caller may correct its clock by it
}

func (e *Error) Error() string { return "read " + e.What + ": " + e.Why }

// Refusal returns the error as the body of an answer.
func (e *Error) Refusal() Refusal {
	r := Refusal{Code: string(e.Code), Text: "The server does not accept the " + e.What + ": " + e.Why + "."}
	switch e.Code {
	case Clock:
		r.Next = "Set the clock of this computer."
	case BadSignature, BadProof:
		r.Next = "Pair this computer again: type /aws-access login in Slack."
	case WrongURL:
		r.Next = "Use the URL that /aws-access login shows in Slack."
	}
	return r
}

// CodeOf returns the code of the first Error in err, or "" if there is none.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ""
}

// unprintable is embedded in types that hold secrets. They print as "[hidden]" and do not marshal,
// as access.Secret does.
type unprintable struct{}

const hidden = "[hidden]"

// String implements fmt.Stringer.
func (unprintable) String() string { return hidden }

// Format implements fmt.Formatter. Verbs such as %d and %x would otherwise print the fields.
func (unprintable) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, hidden) }

// MarshalText always fails: code that serialises a secret is wrong.
func (unprintable) MarshalText() ([]byte, error) {
	return nil, errors.New("a secret cannot be serialised")
}
