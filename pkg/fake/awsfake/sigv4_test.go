package awsfake

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/aws-access/aws-access/pkg/access"
)

// The example is from AWS's documentation of Signature Version 4.
func TestSignatureOfAWSDocumentationMatches(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08", nil)
	r.RequestURI = "/?Action=ListUsers&Version=2010-05-08"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	r.Header.Set("X-Amz-Date", "20150830T123600Z")
	s := signature{
		date: "20150830", region: "us-east-1", service: "iam",
		headers: []string{"content-type", "host", "x-amz-date"},
		signed:  time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC),
		sum:     "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
	}
	const secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	if !s.matches(r, secret, nil) {
		t.Errorf("the signature does not match\n%s", s.canonical(r, nil))
	}
	if s.matches(r, secret+"x", nil) || s.matches(r, secret, []byte("x")) {
		t.Error("the signature matches another secret or body")
	}
}

// raw is a call that is signed, changed and sent.
type raw struct {
	service, method, path, body string
	signed                      time.Time // now if zero
}

const identityForm = "Action=GetCallerIdentity&Version=2011-06-15"

// send signs a call, changes it, and returns status and text of the answer.
func (w *world) send(t *testing.T, c raw, keys access.Credentials, change func(*http.Request)) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), c.method, w.url+c.path, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	if c.body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if c.signed.IsZero() {
		c.signed = time.Now()
	}
	if c.service == "s3" {
		r.Header.Set("X-Amz-Content-Sha256", hexSum([]byte(c.body)))
	}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = c.service == "s3" })
	err = signer.SignHTTP(t.Context(), sdkKeys(keys), r, hexSum([]byte(c.body)), c.service, "eu-west-1", c.signed)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(r)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

func codeIn(text string) string {
	_, rest, _ := strings.Cut(text, "<Code>")
	code, _, _ := strings.Cut(rest, "</Code>")
	return code
}

// signatureCase is one signed call that is changed before or after signing.
type signatureCase struct {
	name, source string
	call         raw
	keys         func(*access.Credentials) // changes the keys that sign
	change       func(*http.Request)       // changes the signed request
	status       int
	code         string
}

var (
	identityCall = raw{service: "sts", method: http.MethodPost, path: "/aws", body: identityForm}
	listCall     = raw{service: "s3", method: http.MethodGet, path: "/aws/"}
)

func (c raw) at(path string) raw          { c.path = path; return c }
func (c raw) with(body string) raw        { c.body = body; return c }
func (c raw) to(service string) raw       { c.service = service; return c }
func (c raw) skewed(by time.Duration) raw { c.signed = time.Now().Add(by); return c }
func unsignedRequest(r *http.Request)     { r.Header.Del("Authorization") }
func otherSecret(c *access.Credentials)   { c.SecretKey = access.NewSecret("x") }
func otherToken(c *access.Credentials)    { c.SessionToken = access.NewSecret("x") }
func noToken(c *access.Credentials)       { c.SessionToken = access.Secret{} }
func unknownKey(c *access.Credentials)    { c.AccessKeyID = "ASIAAAAAAAAAAAAAAAAA" }
func setQuery(text string) func(*http.Request) {
	return func(r *http.Request) { r.URL.RawQuery = text }
}
func setMethod(name string) func(*http.Request) { return func(r *http.Request) { r.Method = name } }
func setHost(name string) func(*http.Request)   { return func(r *http.Request) { r.Host = name } }
func setPath(path string) func(*http.Request)   { return func(r *http.Request) { r.URL.Path = path } }

func setHeader(name, value string) func(*http.Request) {
	return func(r *http.Request) { r.Header.Set(name, value) }
}

func setBody(text string) func(*http.Request) {
	return func(r *http.Request) {
		r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
	}
}

// unsigned removes a header from the list of signed ones.
func unsigned(name string) func(*http.Request) {
	return func(r *http.Request) {
		h := strings.Replace(r.Header.Get("Authorization"), ";"+name, "", 1)
		r.Header.Set("Authorization", strings.Replace(h, name+";", "", 1))
	}
}

const (
	errSignature  = "SignatureDoesNotMatch"
	errIncomplete = "IncompleteSignature"
	errUnknownKey = "InvalidClientTokenId"
)

var signatureCases = []signatureCase{
	{"valid, STS", "docs/facts.md#a7", identityCall, nil, nil, 200, ""},
	{"valid, S3", "docs/facts.md#a7", listCall, nil, nil, 200, ""},
	{"valid, with a slash at the end", "", identityCall.at("/aws/"), nil, nil, 200, ""},
	{"valid, a key with special characters", "",
		listCall.at("/aws/demo-111111111111/a%20b%2Bc"), nil, nil, 404, "NoSuchKey"},
	{"unsigned, STS", "botocore sts", identityCall, nil, unsignedRequest, 403, "MissingAuthenticationToken"},
	{"unsigned, S3", "S3 error responses", listCall, nil, unsignedRequest, 403, "AccessDenied"},
	{"another scheme", "S3 error responses",
		listCall, nil, setHeader("Authorization", "Bearer x"), 400, "AuthorizationHeaderMalformed"},
	{"an incomplete header", "botocore sts",
		identityCall, nil, setHeader("Authorization", "AWS4-HMAC-SHA256 Credential=x"), 400, errIncomplete},
	{"two signatures", "botocore sts",
		identityCall, nil, setQuery("X-Amz-Algorithm=AWS4-HMAC-SHA256"), 400, errIncomplete},
	{"an unknown key", "docs/facts.md#a3", identityCall, unknownKey, nil, 403, errUnknownKey},
	{"an unknown key, S3", "docs/facts.md#a3", listCall, unknownKey, nil, 403, "InvalidAccessKeyId"},
	{"no token", "docs/facts.md#a3", identityCall, noToken, nil, 403, errUnknownKey},
	{"another token", "docs/facts.md#a3", identityCall, otherToken, nil, 403, errUnknownKey},
	{"another secret", "botocore sts", identityCall, otherSecret, nil, 403, errSignature},
	{"another secret, S3", "S3 error responses", listCall, otherSecret, nil, 403, errSignature},
	{"another body", "Signature Version 4", identityCall, nil, setBody(identityForm + "&x=y"), 403, errSignature},
	{"another path", "Signature Version 4", identityCall, nil, setPath("/aws/x"), 403, errSignature},
	{"another query", "Signature Version 4", listCall, nil, setQuery("x=y"), 403, errSignature},
	{"another method", "Signature Version 4", listCall, nil, setMethod(http.MethodDelete), 403, errSignature},
	{"another host", "Signature Version 4", identityCall, nil, setHost("sts.amazonaws.com"), 403, errSignature},
	{"an unsigned token", "botocore auth",
		identityCall, nil, unsigned("x-amz-security-token"), 400, errIncomplete},
	{"an unsigned host", "Signature Version 4", identityCall, nil, unsigned("host"), 400, errIncomplete},
	{"another day in the scope", "Signature Version 4",
		identityCall, nil, setHeader("X-Amz-Date", "20200101T000000Z"), 400, errIncomplete},
	{"a body that does not match its hash", "S3 error responses",
		listCall.with("x"), nil, setBody("y"), 400, "XAmzContentSHA256Mismatch"},
	{"16 minutes old", "botocore sts", identityCall.skewed(-16 * time.Minute), nil, nil, 403, errSignature},
	{"16 minutes early", "botocore sts", identityCall.skewed(16 * time.Minute), nil, nil, 403, errSignature},
	{"16 minutes old, S3", "S3 error responses",
		listCall.skewed(-16 * time.Minute), nil, nil, 403, "RequestTimeTooSkewed"},
	{"a service that is not simulated", "", identityCall.to("ec2"), nil, nil, 501, "NotImplemented"},
	{"a body of more than a megabyte", "",
		identityCall.with(strings.Repeat("x", maxBody+1)), nil, nil, 413, "EntityTooLarge"},
}

func TestCallsNeedAValidSignatureAndCredentials(t *testing.T) {
	for _, c := range signatureCases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			keys := w.session(t, admin)
			if c.keys != nil {
				c.keys(&keys)
			}
			status, text := w.send(t, c.call, keys, c.change)
			if status != c.status || codeIn(text) != c.code {
				t.Errorf("got %d %q, want %d %q (%s)\n%s", status, codeIn(text), c.status, c.code, c.source, text)
			}
		})
	}
}

func TestCredentialsExpireByTheSandboxClock(t *testing.T) {
	w := newWorld(t)
	c := w.session(t, admin)
	w.now = c.Expires.Add(-time.Second)
	if _, err := w.sts(c).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil {
		t.Errorf("one second before: %v", err)
	}
	w.now = c.Expires
	_, err := w.sts(c).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if code(t, err) != "ExpiredToken" { // docs/facts.md#a3
		t.Errorf("at the expiry: got %v, want ExpiredToken", err)
	}
	_, err = w.s3(c).ListBuckets(t.Context(), &s3.ListBucketsInput{})
	if code(t, err) != "ExpiredToken" {
		t.Errorf("S3 at the expiry: got %v, want ExpiredToken", err)
	}
}

// docs/facts.md#a3
func TestSessionsEndForGoodWhenTheirRoleIsDeleted(t *testing.T) {
	w := newWorld(t)
	c := w.session(t, admin)
	call := func() error {
		_, err := w.sts(c).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		return err
	}
	w.put(t, Role{Name: "Admin", MaxSession: 2 * time.Hour})
	if err := call(); err != nil {
		t.Errorf("after an edit: %v", err)
	}
	w.RemoveRole(payments, "admin")
	if got := code(t, call()); got != "InvalidClientTokenId" {
		t.Errorf("after the role was removed: got %q, want InvalidClientTokenId", got)
	}
	w.put(t, Role{Name: "Admin"})
	if got := code(t, call()); got != "InvalidClientTokenId" {
		t.Errorf("after it was made again: got %q, want InvalidClientTokenId", got)
	}
	_, err := w.s3(c).ListBuckets(t.Context(), &s3.ListBucketsInput{})
	if got := code(t, err); got != "InvalidAccessKeyId" {
		t.Errorf("S3: got %q, want InvalidAccessKeyId", got)
	}
}

// EKS and Vault use presigned GetCallerIdentity calls for logins
// (docs/facts.md#a7).
func TestPresignedURLsWorkUntilTheyExpire(t *testing.T) {
	w := newWorld(t)
	wall := time.Now()
	w.options.Wall = func() time.Time { return wall }
	c := w.session(t, admin)
	signed, err := sts.NewPresignClient(w.sts(c)).
		PresignGetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil {
		t.Fatal(err)
	}
	object, err := s3.NewPresignClient(w.s3(c)).PresignGetObject(t.Context(),
		&s3.GetObjectInput{Bucket: aws.String("demo-111111111111"), Key: aws.String("reports/2026-11.csv")},
		s3.WithPresignExpires(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	// fetch returns "200" or the error code for a link with some replacements.
	fetch := func(link string, oldNew ...string) string {
		status, _, text := get(t, http.DefaultClient, strings.NewReplacer(oldNew...).Replace(link))
		if status == http.StatusOK {
			return "200"
		}
		return codeIn(text)
	}
	for _, step := range []struct{ name, got, want string }{
		{"identity", fetch(signed.URL), "200"},
		{"object", fetch(object.URL), "200"},
		{"another object", fetch(object.URL, "2026-11", "2026-10"), "SignatureDoesNotMatch"},
		{"a longer time", fetch(object.URL, "Expires=3600", "Expires=7200"), "SignatureDoesNotMatch"},
		{"eight days", fetch(object.URL, "Expires=3600", "Expires=691200"), "AuthorizationHeaderMalformed"},
	} {
		if step.got != step.want {
			t.Errorf("%s: got %s, want %s", step.name, step.got, step.want)
		}
	}
	wall = wall.Add(time.Hour + time.Minute)
	if got := fetch(object.URL); got != "RequestTimeTooSkewed" {
		t.Errorf("object after the URL expired: got %s", got)
	}
	if got := fetch(signed.URL); got != "SignatureDoesNotMatch" {
		t.Errorf("identity after the URL expired: got %s", got)
	}
}

// Parsing any header or query ends, and an accepted signature has all parts.
func FuzzReadSignature(f *testing.F) {
	sum := strings.Repeat("0a", 32)
	f.Add("AWS4-HMAC-SHA256 Credential=ASIAAAAAAAAAAAAAAAAA/20261121/eu-west-1/sts/aws4_request, "+
		"SignedHeaders=host;x-amz-date, Signature="+sum, "", "20261121T120000Z")
	f.Add("", "X-Amz-Algorithm=AWS4-HMAC-SHA256"+
		"&X-Amz-Credential=ASIAAAAAAAAAAAAAAAAA%2F20261121%2Feu-west-1%2Fs3%2Faws4_request"+
		"&X-Amz-Date=20261121T120000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature="+sum, "")
	f.Add("AWS4-HMAC-SHA256 ,,=,", "a=%zz&&=", "x")
	f.Fuzz(func(t *testing.T, header, rawQuery, date string) {
		r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1/aws", bytes.NewReader(nil))
		r.URL.RawQuery = rawQuery
		r.Header = http.Header{"Authorization": {header}, "X-Amz-Date": {date}}
		s, err := readSignature(r)
		if err != nil {
			return
		}
		scope := s.keyID + "/" + s.date + "/" + s.region + "/" + s.service + "/aws4_request"
		if !scopePattern.MatchString(scope) || len(s.sum) != 64 || s.signed.Format("20060102") != s.date {
			t.Errorf("accepted %+v", s)
		}
		if s.matches(r, "secret", nil) {
			t.Error("a signature made without the secret matches")
		}
	})
}

func FuzzReadQuery(f *testing.F) {
	f.Add("b=2&a=1&a=0&c")
	f.Add("a=%2F+&%zz")
	f.Fuzz(func(t *testing.T, text string) {
		q, err := readQuery(text)
		if err != nil {
			return
		}
		again, err := readQuery(q.canonical())
		if err != nil || again.canonical() != q.canonical() {
			t.Errorf("%q: %q is not canonical: %v", text, q.canonical(), err)
		}
		if _, err := url.ParseQuery(q.canonical()); err != nil {
			t.Errorf("%q: %v", q.canonical(), err)
		}
	})
}
