package slackapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/aws-access/aws-access/pkg/access"
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrNoGroup says that Slack knows no such user group.
	ErrNoGroup = errors.New("no such user group")
	// ErrTooLarge says that an answer was longer than is read.
	ErrTooLarge = errors.New("the answer is too large")
)

// Error is what went wrong with one call. It holds codes and places only:
// nothing of what was sent, nor where a response URL points.
type Error struct {
	Op     string        // Slack's method, or response_url
	Code   string        // Slack's error code; "" when there is none
	Status int           // the HTTP status, when it was not 200
	Wait   time.Duration // how long Slack wants to be left alone (429)
	Where  []string      // JSON pointers to what Slack refused
	cause  error         // one of this package's or context's errors, or nil
}

// Error says which call failed and how.
func (e *Error) Error() string {
	text := "slack " + e.Op + ": "
	switch {
	case e.Code != "" && len(e.Where) > 0:
		return text + e.Code + " at " + strings.Join(e.Where, ", ")
	case e.Code != "":
		return text + e.Code
	case e.Status != 0:
		return text + fmt.Sprintf("status %d", e.Status)
	case e.cause != nil:
		return text + e.cause.Error()
	}
	return text + "no readable answer"
}

// Unwrap gives ErrNoGroup, access.ErrCursor, ErrTooLarge, or the context's error.
func (e *Error) Unwrap() error { return e.cause }

// Code returns Slack's error code in err, such as expired_trigger_id, or "".
func Code(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// RetryAfter returns how long Slack wants to be left alone; ok is false when
// this is not about a rate limit.
func (e *Error) RetryAfter() (wait time.Duration, ok bool) {
	return e.Wait, e.Status == http.StatusTooManyRequests
}

// RetryAfter returns how long Slack wants to be left alone; ok is false when
// err is not about a rate limit.
func RetryAfter(err error) (wait time.Duration, ok bool) {
	var e *Error
	if !errors.As(err, &e) {
		return 0, false
	}
	return e.RetryAfter()
}

// Permanent reports whether trying the same call again cannot help unless
// somebody changes something first.
func Permanent(err error) bool {
	switch Classify(err) {
	case Gone, Ours, Operator:
		return true
	}
	return false
}

// place is how Slack names what it refused. Only this is taken out of its
// messages: the rest may quote what was sent.
var place = regexp.MustCompile(`\[json-pointer:(/[A-Za-z0-9_/]*)\]`)

// failed turns an error of slack-go or of the network into ours. Of those that
// are not known nothing is kept: url.Error holds the address, and slack-go
// quotes answers that it cannot read.
func failed(op string, err error) error {
	if err == nil {
		return nil
	}
	e := &Error{Op: op}
	var said slack.SlackErrorResponse
	var limited *slack.RateLimitedError
	var status slack.StatusCodeError
	switch {
	case errors.As(err, &said):
		e.Code, e.Where = said.Err, places(said.ResponseMetadata.Messages)
		switch e.Code {
		case "no_such_subteam":
			e.cause = ErrNoGroup
		case "invalid_cursor":
			e.cause = access.ErrCursor
		}
	case errors.As(err, &limited):
		e.Status, e.Wait = http.StatusTooManyRequests, limited.RetryAfter
	case errors.As(err, &status):
		e.Status = status.Code
	case errors.Is(err, slack.ErrParametersMissing), errors.Is(err, slack.ErrBlockIDNotUnique):
		e.Code = "invalid_arguments"
	default:
		e.cause = network(err)
	}
	return e
}

func places(messages []string) (found []string) {
	for _, m := range messages {
		for _, match := range place.FindAllStringSubmatch(m, -1) {
			found = append(found, match[1])
		}
	}
	return found
}

// network keeps of a transport's error what names no address.
func network(err error) error {
	for _, known := range []error{context.Canceled, context.DeadlineExceeded, ErrTooLarge} {
		if errors.Is(err, known) {
			return known
		}
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return context.DeadlineExceeded
	}
	var unreachable *url.Error
	if errors.As(err, &unreachable) {
		return errUnreachable
	}
	return nil
}

var errUnreachable = errors.New("cannot be reached")
