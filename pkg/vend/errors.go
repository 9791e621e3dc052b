package vend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/aws-access/aws-access/pkg/access"
)

// callError says why a call failed, for the log. It has the status, the error code and the request id of the answer,
// and no other text of it, which might repeat a secret.
type callError struct {
	call    string // such as sts:AssumeRole
	status  int    // 0 if there was no answer
	code    string
	request string
	action  string // tagSession or setSourceIdentity, if the answer says that this action was refused
	why     string // if there is no code
	err     error  // for errors.Is; never printed
}

func (e *callError) Error() string {
	text := e.call + ":"
	if e.status != 0 {
		text += fmt.Sprintf(" answer %d", e.status)
	}
	if e.code != "" {
		text += " " + e.code
	}
	if e.why != "" {
		text += " " + e.why
	}
	if e.request != "" {
		text += " (request " + e.request + ")"
	}
	return text
}

func (e *callError) Unwrap() error { return e.err }

// plain is the form of error codes and request ids. Any other text might be a part of a secret.
var plain = regexp.MustCompile(`^[A-Za-z0-9.-]{1,64}$`)

// safeText is an error code or a request id that may be logged.
func safeText(text string) string {
	if text != "" && !plain.MatchString(text) {
		return "unreadable"
	}
	return text
}

// callErrorOf reads an error of the SDK.
func callErrorOf(call string, err error) *callError {
	e := &callError{call: call}
	var answer *awshttp.ResponseError
	if errors.As(err, &answer) && answer.HTTPStatusCode() != 0 {
		e.status, e.request = answer.HTTPStatusCode(), safeText(answer.ServiceRequestID())
	}
	var api smithy.APIError
	switch {
	case errors.As(err, &api):
		e.code, e.action = safeText(api.ErrorCode()), actionIn(api.ErrorMessage())
	case e.status != 0:
		e.why = "that cannot be read"
	default:
		e.why, e.err = noAnswerReason(err), contextError(err)
	}
	return e
}

// actionIn finds in a message which action of the call was refused (docs/facts.md#a5). Nothing else of a message is
// read, because AWS does not promise its wording.
func actionIn(message string) string {
	for _, action := range [...]string{tagSession, setSourceIdentity} {
		if strings.Contains(message, action) {
			return action
		}
	}
	return ""
}

// The actions that a call of sts:AssumeRole needs besides its own, because it passes tags and a source identity.
const (
	tagSession        = "sts:TagSession"
	setSourceIdentity = "sts:SetSourceIdentity"
)

// noAnswerReason says why there was no answer. It uses the text of an error only if that cannot contain what was sent
// or received.
func noAnswerReason(err error) string {
	var network *net.OpError
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	case errors.Is(err, context.Canceled):
		return "given up before the answer"
	case errors.As(err, &network):
		return "no answer: " + network.Error()
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection was closed before the answer"
	}
	var request *url.Error
	if errors.As(err, &request) {
		err = request.Err
	}
	return fmt.Sprintf("no answer: %T", err)
}

// contextError is the context's error within err, or nil.
func contextError(err error) error {
	for _, known := range [...]error{context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, known) {
			return known
		}
	}
	return nil
}

// verdict is what a failed call means for the person: the code of a refusal.
type verdict string

const (
	refused     verdict = access.CodeAWSRefused     // the role does not exist or does not trust the product
	unavailable verdict = access.CodeAWSUnavailable // it may work later
	invalid     verdict = access.CodeAWSInvalid     // it will fail until somebody changes the setup
	inexact     verdict = access.CodeInexactExpiry  // the session was not narrowed, and must be
)

// verdicts are the meanings of STS's error codes (docs/facts.md#a5). Any other code is judged by its status.
var verdicts = map[string]verdict{
	"AccessDenied":          refused,
	"AccessDeniedException": refused,

	// The call was not processed, or nobody can tell.
	"Throttling":           unavailable,
	"ThrottlingException":  unavailable,
	"RequestLimitExceeded": unavailable,
	"ServiceUnavailable":   unavailable,
	"InternalFailure":      unavailable,
	"InternalError":        unavailable,
	// The function's own credentials are not valid. Lambda renews them.
	"ExpiredToken":          unavailable,
	"ExpiredTokenException": unavailable,
	"InvalidClientTokenId":  unavailable,
	"SignatureDoesNotMatch": unavailable,
	"RequestExpired":        unavailable,

	"ValidationError":         invalid,
	"MalformedPolicyDocument": invalid,
	"PackedPolicyTooLarge":    invalid,
	"RegionDisabledException": invalid,
}

func (e *callError) verdict() verdict {
	if v, ok := verdicts[e.code]; ok {
		return v
	}
	switch {
	case e.status == 0, e.status >= 500, e.status == http.StatusTooManyRequests, e.status == http.StatusRequestTimeout:
		return unavailable
	case e.status == http.StatusUnauthorized, e.status == http.StatusForbidden:
		return refused
	}
	return invalid
}

// answered reports whether AWS has judged the call, or answered something that cannot be used. It is false if the call
// was throttled or got no answer, which says nothing.
func (e *callError) answered() bool {
	_, throttled := throttling[e.code]
	return e.status != 0 && e.status < 500 && e.status != http.StatusTooManyRequests && !throttled
}

// verdictOf is the verdict on an error of a call, or of the preparation of a call.
func verdictOf(err error) verdict {
	var e *callError
	if errors.As(err, &e) {
		return e.verdict()
	}
	return unavailable
}

// refuse wraps the refusal for the person and the cause for the log.
func refuse(t access.Target, v verdict, cause error) error {
	return fmt.Errorf("%w [%w]", refusal(t, v), cause)
}

// refusal names the account and the role. STS gives the same answer for a role that does not exist and for one that
// does not trust the product (docs/facts.md#a5), so the refusal names both causes.
func refusal(t access.Target, v verdict) error {
	role := t.Role + " in " + t.Account
	if t.AccountName != "" {
		role = t.Role + " in " + t.AccountName + " (" + t.Account + ")"
	}
	role = strings.Map(printable, role)
	switch v {
	case refused:
		return access.RefuseAWSRefused(role)
	case unavailable:
		return access.RefuseAWSUnavailable(role)
	case inexact:
		return access.RefuseInexactExpiry(role)
	}
	return access.RefuseAWSInvalid(role)
}

func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return -1
	}
	return r
}
