package awsfake

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/aws-access/aws-access/pkg/access"
)

const (
	bastion  = "999999999999"
	payments = "111111111111"
	vendRole = "arn:aws:iam::999999999999:role/aws-access/vend"
	org      = "o-sandbox"
	external = "external-4711"
	admin    = "arn:aws:iam::111111111111:role/aws-access/Admin"
	readOnly = "arn:aws:iam::111111111111:role/aws-access/ReadOnly"
)

// world is a server on loopback, with a clock that tests set.
type world struct {
	*Server
	url      string
	now      time.Time
	fault    func(op string) Fault
	calls    []string
	function access.Credentials
	policy   string // the session policy of the next sessions
}

func newWorld(t *testing.T, change ...func(*Options)) *world {
	t.Helper()
	w := &world{now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	o := Options{
		Now: func() time.Time { return w.now }, Org: org,
		OnCall: func(op string) { w.calls = append(w.calls, op) },
		Fault: func(op string) Fault {
			if w.fault == nil {
				return Fault{}
			}
			return w.fault(op)
		},
	}
	for _, c := range change {
		c(&o)
	}
	w.Server = New(o)
	for _, name := range []string{"ReadOnly", "Operator", "Admin"} {
		w.put(t, Role{Name: name})
	}
	function, err := w.FunctionCredentials(vendRole)
	if err != nil {
		t.Fatal(err)
	}
	w.function = function
	mux := http.NewServeMux()
	for path, h := range map[string]http.Handler{
		"/aws": w.AWS(), "/federation": w.Federation(), "/console": w.Console(),
	} {
		mux.Handle(path, http.StripPrefix(path, h))
		mux.Handle(path+"/", http.StripPrefix(path, h))
	}
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	w.url = server.URL
	return w
}

// put puts a role into the member account, with default path and trust policy.
func (w *world) put(t *testing.T, r Role) {
	t.Helper()
	if r.Path == "" {
		r.Path = "/aws-access/"
	}
	if r.Trust == "" {
		r.Trust = DefaultTrust(vendRole, external, org)
	}
	if err := w.PutRole(payments, r); err != nil {
		t.Fatal(err)
	}
}

func (w *world) config(c access.Credentials) aws.Config {
	return aws.Config{
		Region: "eu-west-1", BaseEndpoint: aws.String(w.url + "/aws"),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return sdkKeys(c), nil
		}),
		Retryer:    func() aws.Retryer { return aws.NopRetryer{} },
		HTTPClient: plainBody{},
	}
}

func sdkKeys(c access.Credentials) aws.Credentials {
	return aws.Credentials{
		AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretKey.Reveal(), SessionToken: c.SessionToken.Reveal(),
	}
}

// plainBody hides the WriteTo method of the SDK's bodies. With it, a connection can
// break if a long answer arrives before the whole body is sent.
type plainBody struct{}

func (plainBody) Do(r *http.Request) (*http.Response, error) {
	if r.Body != nil {
		r.Body = struct{ io.ReadCloser }{r.Body}
	}
	return http.DefaultClient.Do(r)
}

func (w *world) sts(c access.Credentials) *sts.Client { return sts.NewFromConfig(w.config(c)) }
func (w *world) iam(c access.Credentials) *iam.Client { return iam.NewFromConfig(w.config(c)) }
func (w *world) s3(c access.Credentials) *s3.Client {
	return s3.NewFromConfig(w.config(c), func(o *s3.Options) { o.UsePathStyle = true })
}

// validAssume is an AssumeRole call that is allowed.
func (w *world) validAssume(role string) *sts.AssumeRoleInput {
	in := &sts.AssumeRoleInput{
		RoleArn: aws.String(role), RoleSessionName: aws.String("aws-access-01K"),
		ExternalId: aws.String(external), SourceIdentity: aws.String("dev1@example.com"),
		DurationSeconds: aws.Int32(3600), Tags: tagged("GrantId", "01K"),
	}
	if w.policy != "" {
		in.Policy = aws.String(w.policy)
	}
	return in
}

// session begins a session of a role.
func (w *world) session(t *testing.T, role string) access.Credentials {
	t.Helper()
	out, err := w.sts(w.function).AssumeRole(t.Context(), w.validAssume(role))
	if err != nil {
		t.Fatalf("assume %s: %v", role, err)
	}
	return keysOf(out)
}

func keysOf(out *sts.AssumeRoleOutput) access.Credentials {
	return access.Credentials{
		AccessKeyID: *out.Credentials.AccessKeyId, SecretKey: access.NewSecret(*out.Credentials.SecretAccessKey),
		SessionToken: access.NewSecret(*out.Credentials.SessionToken), Expires: *out.Credentials.Expiration,
	}
}

// code is the error code of an answer of AWS, "" for a success.
func code(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		t.Fatalf("not an answer of AWS: %v", err)
	}
	return api.ErrorCode()
}

func message(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorMessage()
	}
	return ""
}
