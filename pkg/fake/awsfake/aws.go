package awsfake

import (
	"context"
	"crypto/subtle"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// maxBody is the largest body that is read, in bytes. No simulated call has a
// larger one.
const maxBody = 1 << 20

// request is one call to AWS as it came over the wire.
type request struct {
	http      *http.Request
	body      []byte
	form      url.Values // parameters of a query API
	signature signature
	unsigned  error  // why there is no signature that can be read
	service   string // sts, iam, s3 or dynamodb; otherwise as the signature names it
	operation string // such as AssumeRole
	bucket    string // S3 only
	object    string // S3 only
	late      time.Duration
}

// AWS serves STS, IAM and S3 at one address. The signature says which service a
// request is for. Mount the handler with its path stripped, both with and without
// a slash at the end of the path: signatures cover the path that the client sent,
// and that one is read from RequestURI.
func (s *Server) AWS() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil {
			s3Failure(fail(http.StatusRequestEntityTooLarge, "EntityTooLarge", "The body is too large.")).write(w)
			return
		}
		q := readRequest(r, body)
		op := q.service + ":" + q.operation
		s.withFault(r.Context(), op, func(f Fault) answer {
			q.late = f.Late
			return s.serve(q)
		}, q.failed).write(w)
	})
}

func readRequest(r *http.Request, body []byte) request {
	q := request{http: r, body: body}
	q.signature, q.unsigned = readSignature(r)
	raw := r.URL.RawQuery
	const formType = "application/x-www-form-urlencoded"
	if r.Method == http.MethodPost && strings.HasPrefix(r.Header.Get("Content-Type"), formType) {
		raw = string(body)
	}
	form, err := url.ParseQuery(raw)
	if err == nil {
		q.form = form
	}
	q.service = q.signature.service
	if q.service == "" { // without a signature: the API version tells which error format fits
		q.service = map[string]string{"2011-06-15": "sts", "2010-05-08": "iam", "": "s3"}[q.form.Get("Version")]
	}
	q.operation = q.form.Get("Action")
	switch q.service {
	case "s3":
		q.operation, q.bucket, q.object = readS3(r)
	case tables:
		_, q.operation, _ = strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	}
	if !operationName.MatchString(q.operation) {
		q.operation = "Unknown"
	}
	return q
}

// withFault answers with do, unless the test ordered a fault for this operation.
// failed writes an error in the format of the service that was called.
func (s *Server) withFault(
	ctx context.Context, op string, do func(Fault) answer, failed func(*failure) answer,
) answer {
	if s.options.OnCall != nil {
		s.options.OnCall(op)
	}
	var fault Fault
	if s.options.Fault != nil {
		fault = s.options.Fault(op)
	}
	if code, ok := strings.CutPrefix(fault.How, FaultCode); ok {
		return failed(fail(statusOf(code), code, "The sandbox was told to refuse this call."))
	}
	switch fault.How {
	case FaultDropped:
		panic(http.ErrAbortHandler) // closes the connection without an answer
	case FaultError:
		return failed(broken)
	case FaultThrottled:
		return failed(throttled)
	case FaultSlow:
		s.options.Slow(ctx)
	case FaultLost:
		do(fault)
		return failed(broken)
	}
	return do(fault)
}

// The errors that faults answer with, as the query APIs write them.
var (
	broken = fail(http.StatusInternalServerError, "InternalFailure",
		"The request processing has failed because of an unknown error.")
	throttled = fail(http.StatusBadRequest, "Throttling", "Rate exceeded")
)

// statuses lists the error codes whose HTTP status is not 400, by status: the
// common errors of STS and IAM and the errors of S3, as their API references list
// them (docs.aws.amazon.com, pages CommonErrors and ErrorResponses).
var statuses = map[int]string{
	http.StatusForbidden: `AccessDenied AccountProblem AllAccessDisabled ExpiredToken IDPRejectedClaim InvalidAccessKeyId
		InvalidClientTokenId InvalidSecurity MissingAuthenticationToken NotSignedUp OptInRequired RegionDisabledException
		RequestExpired RequestTimeTooSkewed SignatureDoesNotMatch`,
	http.StatusNotFound: `NoSuchBucket NoSuchEntity NoSuchKey`,
	http.StatusConflict: `ConcurrentModification DeleteConflict EntityAlreadyExists LimitExceeded
		OperationAborted`,
	http.StatusInternalServerError: `InternalError InternalFailure ServiceFailure`,
	http.StatusServiceUnavailable:  `RequestLimitExceeded ServiceUnavailable SlowDown`,
}

// statusOf returns the HTTP status that AWS sends with an error code.
func statusOf(code string) int {
	for status, codes := range statuses {
		if slices.Contains(strings.Fields(codes), code) {
			return status
		}
	}
	return http.StatusBadRequest
}

// failed writes an error in the format of the service that was called.
func (q request) failed(f *failure) answer {
	switch q.service {
	case "sts":
		return queryFailure(stsSpace, f)
	case "iam":
		return queryFailure(iamSpace, f)
	case tables:
		return tableFailure(f)
	}
	a := s3Failure(s3Error(f))
	if q.http.Method == http.MethodHead {
		a.body, a.headOnly = nil, true
	}
	return a
}

// s3Error translates an error that S3 names differently from STS and IAM.
func s3Error(f *failure) *failure {
	switch f.code {
	case "InternalFailure":
		return fail(f.status, "InternalError", "We encountered an internal error. Please try again.")
	case "Throttling":
		return fail(http.StatusServiceUnavailable, "SlowDown", "Please reduce your request rate.")
	case "InvalidClientTokenId":
		return fail(f.status, "InvalidAccessKeyId",
			"The AWS Access Key Id you provided does not exist in our records.")
	case "ExpiredToken":
		return fail(http.StatusBadRequest, "ExpiredToken", "The provided token has expired.")
	case "MissingAuthenticationToken":
		return fail(f.status, "AccessDenied", "Access Denied")
	case "IncompleteSignature":
		return fail(f.status, "AuthorizationHeaderMalformed", f.message)
	}
	return f
}

// serve authenticates the caller and lets the service answer.
func (s *Server) serve(q request) answer {
	if q.service == tables && s.options.Tables != nil {
		return s.serveTables(q)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	c, f := s.authenticate(q)
	if f != nil {
		return q.failed(f)
	}
	if s.options.Limit != nil && s.options.Limit(q.service+":"+q.operation, c.account) {
		return q.failed(throttled)
	}
	var a answer
	switch q.service {
	case "sts":
		a, f = s.serveSTS(c, q)
	case "iam":
		a, f = s.serveIAM(c, q)
	case "s3":
		a, f = s.serveS3(c, q)
	default:
		f = notSimulated(q.service)
	}
	if f != nil {
		return q.failed(f)
	}
	return a
}

// notSimulated refuses a service or an operation that this fake does not have.
func notSimulated(name string) *failure {
	return fail(http.StatusNotImplemented, "NotImplemented", "The sandbox does not simulate "+name+".")
}

// authenticate finds the holder of the key that signed the request, and checks
// the signature. Credentials of a deleted role are unknown (docs/facts.md#a3).
func (s *Server) authenticate(q request) (*caller, *failure) {
	switch {
	case errors.Is(q.unsigned, errUnsigned):
		return nil, fail(http.StatusForbidden, "MissingAuthenticationToken",
			"Request is missing Authentication Token")
	case q.unsigned != nil:
		return nil, fail(http.StatusBadRequest, "IncompleteSignature", q.unsigned.Error())
	}
	if err := q.signature.fresh(s.options.Wall()); err != nil {
		if q.service == "s3" {
			return nil, fail(http.StatusForbidden, "RequestTimeTooSkewed",
				"The difference between the request time and the current time is too large.")
		}
		return nil, fail(http.StatusForbidden, "SignatureDoesNotMatch", err.Error()) // the code of STS and IAM
	}
	c := s.findCaller(q.signature.keyID, q.signature.token)
	if c == nil {
		return nil, fail(http.StatusForbidden, "InvalidClientTokenId",
			"The security token included in the request is invalid.")
	}
	if !q.signature.matches(q.http, c.SecretKey.Reveal(), q.body) {
		return nil, fail(http.StatusForbidden, "SignatureDoesNotMatch",
			"The request signature we calculated does not match the signature you provided. "+
				"Check your AWS Secret Access Key and signing method.")
	}
	if s.expired(c) {
		return nil, fail(http.StatusForbidden, "ExpiredToken",
			"The security token included in the request is expired")
	}
	return c, q.checkBody()
}

// checkBody returns an error if the body is not the one that was signed.
func (q request) checkBody() *failure {
	hash := q.http.Header.Get("X-Amz-Content-Sha256")
	streamed := q.service == "s3" && (hash == unsignedPayload || strings.HasPrefix(hash, "STREAMING-"))
	if hash == "" || streamed || hash == hexSum(q.body) {
		return nil
	}
	return fail(http.StatusBadRequest, "XAmzContentSHA256Mismatch",
		"The provided 'x-amz-content-sha256' header does not match what was computed.")
}

// findCaller returns the holder of an access key and its session token, nil if
// there is none.
func (s *Server) findCaller(keyID, token string) *caller {
	c, ok := s.callers[keyID]
	if !ok || subtle.ConstantTimeCompare([]byte(c.SessionToken.Reveal()), []byte(token)) != 1 {
		return nil
	}
	if c.role != nil && s.currentRole(c) == nil {
		return nil
	}
	return c
}

// currentRole returns the role of a session as it is now, nil if it was deleted.
func (s *Server) currentRole(c *caller) *role {
	r, ok := s.roles[c.role.arn]
	if !ok || r.id != c.role.id {
		return nil
	}
	return r
}

// expired compares with the sandbox's clock. Credentials of functions never
// expire.
func (s *Server) expired(c *caller) bool {
	return !c.Expires.IsZero() && !s.options.Now().Before(c.Expires)
}

// equalSecret compares two secrets in constant time.
func equalSecret(a access.Secret, b string) bool {
	return subtle.ConstantTimeCompare([]byte(a.Reveal()), []byte(b)) == 1
}
