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

// Errors that callers distinguish with errors.Is.
var (
	// ErrNoGroup means that the user group does not exist.
	ErrNoGroup = errors.New("no such user group")
	// ErrTooLarge means that an answer was larger than this package reads.
	ErrTooLarge = errors.New("the answer is too large")
)

// Error says what went wrong with one call. It holds codes and positions only: nothing that was sent, and no address of
// a response URL.
type Error struct {
	Op     string        // Slack's method, or response_url
	Code   string        // Slack's error code; "" when there is none
	Status int           // the HTTP status, when it was not 200
	Wait   time.Duration // how long Slack asks to wait before the next call, with status 429
	Where  []string      // JSON pointers to what Slack refused
	cause  error         // an error of this package or of package context, or nil
}

// Error says which call failed, and how.
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

// Unwrap returns ErrNoGroup, access.ErrCursor, ErrTooLarge, the context's error, or nil.
func (e *Error) Unwrap() error { return e.cause }

// Code returns Slack's error code in err, such as expired_trigger_id, or "".
func Code(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return ""
}

// RetryAfter returns how long Slack asks to wait; ok is false unless the error is a rate limit.
func (e *Error) RetryAfter() (wait time.Duration, ok bool) {
	return e.Wait, e.Status == http.StatusTooManyRequests
}

// RetryAfter returns how long Slack asks to wait; ok is false unless err is a rate limit.
func RetryAfter(err error) (wait time.Duration, ok bool) {
	var e *Error
	if !errors.As(err, &e) {
		return 0, false
	}
	return e.RetryAfter()
}

// Permanent reports whether the same call fails again until somebody changes something.
func Permanent(err error) bool {
	switch Classify(err) {
	case Gone, Invalid, Operator:
		return true
	}
	return false
}

// pointer is how Slack's messages name the part that it refused. Nothing else is kept of the messages, because they may
// quote what was sent.
var pointer = regexp.MustCompile(`\[json-pointer:(/[A-Za-z0-9_/]*)\]`)

// errorOf turns an error of slack-go or of the network into an Error. Nothing is kept of an error that it does not
// know: url.Error contains the address, and slack-go quotes answers that it cannot read.
func errorOf(op string, err error) error {
	if err == nil {
		return nil
	}
	e := &Error{Op: op}
	var refusal slack.SlackErrorResponse
	var limited *slack.RateLimitedError
	var status slack.StatusCodeError
	switch {
	case errors.As(err, &refusal):
		e.Code, e.Where = refusal.Err, pointers(refusal.ResponseMetadata.Messages)
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
		e.cause = networkCause(err)
	}
	return e
}

// pointers are the parts of the call that Slack's messages name.
func pointers(messages []string) (found []string) {
	for _, m := range messages {
		for _, match := range pointer.FindAllStringSubmatch(m, -1) {
			found = append(found, match[1])
		}
	}
	return found
}

// networkCause is the part of a transport's error that contains no address.
func networkCause(err error) error {
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
