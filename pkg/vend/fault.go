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

// fault is why a call came to nothing, for the log: the status, the error code
// and the request id of the answer, and never what else the answer said.
type fault struct {
	call    string // as in sts:AssumeRole
	status  int    // 0 when there was no answer
	code    string
	request string
	action  string // what was refused, where the answer names one of two
	why     string // when no answer explains it
	err     error  // what errors.Is finds, never printed
}

func (f *fault) Error() string {
	text := f.call + ":"
	if f.status != 0 {
		text += fmt.Sprintf(" answer %d", f.status)
	}
	if f.code != "" {
		text += " " + f.code
	}
	if f.why != "" {
		text += " " + f.why
	}
	if f.request != "" {
		text += " (request " + f.request + ")"
	}
	return text
}

func (f *fault) Unwrap() error { return f.err }

// plain is what an answer may have in an error code or a request id. Anything
// longer or stranger might be a piece of something secret.
var plain = regexp.MustCompile(`^[A-Za-z0-9.-]{1,64}$`)

func plainly(text string) string {
	if text != "" && !plain.MatchString(text) {
		return "unreadable"
	}
	return text
}

// faultOf reads an error of the SDK.
func faultOf(call string, err error) *fault {
	f := &fault{call: call}
	var answer *awshttp.ResponseError
	if errors.As(err, &answer) && answer.HTTPStatusCode() != 0 {
		f.status, f.request = answer.HTTPStatusCode(), plainly(answer.ServiceRequestID())
	}
	var api smithy.APIError
	switch {
	case errors.As(err, &api):
		f.code, f.action = plainly(api.ErrorCode()), actionIn(api.ErrorMessage())
	case f.status != 0:
		f.why = "that cannot be read"
	default:
		f.why, f.err = silence(err), silent(err)
	}
	return f
}

// actionIn finds which of the three actions of a call was refused (docs/facts.md#a5).
// Nothing else of a message is read: its wording is nobody's promise.
func actionIn(message string) string {
	for _, action := range [...]string{tagging, naming} {
		if strings.Contains(message, action) {
			return action
		}
	}
	return ""
}

// What AssumeRole stands for beside itself when it passes tags and an identity.
const (
	tagging = "sts:TagSession"
	naming  = "sts:SetSourceIdentity"
)

// silence says why there was no answer. The text of an error is used only
// where it cannot hold what was sent or received.
func silence(err error) string {
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

// silent keeps of an error what callers may ask for.
func silent(err error) error {
	for _, known := range [...]error{context.DeadlineExceeded, context.Canceled} {
		if errors.Is(err, known) {
			return known
		}
	}
	return nil
}

// verdict is what an answer means for a person.
type verdict string

const (
	refused     verdict = access.CodeAWSRefused     // access is not there
	unavailable verdict = access.CodeAWSUnavailable // it may work in a moment
	invalid     verdict = access.CodeAWSInvalid     // it will never work like this
)

// verdicts says what STS's error codes mean (docs/facts.md#a5). A code that is not here
// is judged by its status.
var verdicts = map[string]verdict{
	"AccessDenied":          refused,
	"AccessDeniedException": refused,

	// Nothing was done, or we cannot tell.
	"Throttling":           unavailable,
	"ThrottlingException":  unavailable,
	"RequestLimitExceeded": unavailable,
	"ServiceUnavailable":   unavailable,
	"InternalFailure":      unavailable,
	"InternalError":        unavailable,
	// Our own credentials are renewed by Lambda; until then nobody is served.
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

func (f *fault) verdict() verdict {
	if v, ok := verdicts[f.code]; ok {
		return v
	}
	switch {
	case f.status == 0, f.status >= 500, f.status == http.StatusTooManyRequests, f.status == http.StatusRequestTimeout:
		return unavailable
	case f.status == http.StatusUnauthorized, f.status == http.StatusForbidden:
		return refused
	}
	return invalid
}

// verdictOf judges an error of a call, or of what has to come before it.
func verdictOf(err error) verdict {
	var f *fault
	if errors.As(err, &f) {
		return f.verdict()
	}
	return unavailable
}

// refuse is the answer for a person, and the fault for the log.
func refuse(t access.Target, v verdict, cause error) error {
	return fmt.Errorf("%w [%w]", words(t, v), cause)
}

// words name the account and the role. STS does not tell a role that is
// missing from one that does not trust us (docs/facts.md#a5), so neither do we.
func words(t access.Target, v verdict) error {
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
	}
	return access.RefuseAWSInvalid(role)
}

func printable(r rune) rune {
	if r < ' ' || r == 0x7f {
		return -1
	}
	return r
}
