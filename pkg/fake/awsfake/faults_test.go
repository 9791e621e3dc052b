package awsfake

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
)

// The answer has the format of the service, and the HTTP status that AWS documents
// for the code (docs.aws.amazon.com: API_AssumeRole and CommonErrors for STS and
// IAM, ErrorResponses for S3).
func TestFaultCanAnswerWithAnyErrorCode(t *testing.T) {
	w := newWorld(t)
	session := w.session(t, readOnly)
	calls := map[string]func() error{
		"sts": func() error {
			_, err := w.sts(w.function).AssumeRole(t.Context(), w.validAssume(readOnly))
			return err
		},
		"iam": func() error {
			_, err := w.iam(session).GetRole(t.Context(), &iam.GetRoleInput{RoleName: aws.String("ReadOnly")})
			return err
		},
		"s3": func() error { _, err := w.s3(session).ListBuckets(t.Context(), &s3.ListBucketsInput{}); return err },
	}
	for _, c := range []struct {
		service, code string
		status        int
	}{
		{"sts", "AccessDenied", 403}, {"sts", "RegionDisabledException", 403}, {"sts", "PackedPolicyTooLarge", 400},
		{"sts", "MalformedPolicyDocument", 400}, {"sts", "Throttling", 400}, {"sts", "ServiceUnavailable", 503},
		{"sts", "NeverHeardOf", 400}, {"iam", "NoSuchEntity", 404}, {"iam", "LimitExceeded", 409},
		{"iam", "ServiceFailure", 500},
		{"s3", "AccessDenied", 403}, {"s3", "SlowDown", 503},
	} {
		before := len(w.Sessions())
		w.fault = func(string) Fault { return Fault{How: FaultCode + c.code} }
		err := calls[c.service]()
		w.fault = nil
		var answer *awshttp.ResponseError
		if got := code(t, err); got != c.code || !errors.As(err, &answer) || answer.HTTPStatusCode() != c.status {
			t.Errorf("%s: got %v, want %s with %d", c.service, err, c.code, c.status)
		}
		if len(w.Sessions()) != before {
			t.Errorf("%s %s: a session was begun", c.service, c.code)
		}
	}
	w.fault = func(string) Fault { return Fault{How: FaultCode + "AccessDenied"} }
	if status, _, text := get(t, browser(t), w.url+"/federation?Action=getSigninToken"); status != 403 ||
		!strings.Contains(text, "AccessDenied") {
		t.Errorf("sign-in: got %d, want a page with 403 and AccessDenied\n%s", status, text)
	}
}

func TestDroppedConnectionGivesNoAnswerAndNoSession(t *testing.T) {
	w := newWorld(t)
	w.fault = func(string) Fault { return Fault{How: FaultDropped} }
	_, err := w.sts(w.function).AssumeRole(t.Context(), w.validAssume(readOnly))
	var api smithy.APIError
	if err == nil || errors.As(err, &api) || len(w.Sessions()) != 0 {
		t.Errorf("STS: got %v and %d sessions, want a broken connection and none", err, len(w.Sessions()))
	}
	answer, err := http.PostForm(w.url+"/federation", url.Values{"Action": {"getSigninToken"}})
	if err == nil {
		_ = answer.Body.Close()
		t.Errorf("sign-in: got %s, want a broken connection", answer.Status)
	}
}
