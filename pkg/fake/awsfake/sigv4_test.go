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

// The example of AWS's own description of Signature Version 4.
func TestTheSignatureOfTheDocumentationHolds(t *testing.T) {
	r := httptest.NewRequest(http.MethodGet, "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08", nil)
	r.RequestURI = "/?Action=ListUsers&Version=2010-05-08"
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	r.Header.Set("X-Amz-Date", "20150830T123600Z")
	s := signature{
		date: "20150830", region: "us-east-1", service: "iam", headers: []string{"content-type", "host", "x-amz-date"},
		signed: time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC), sum: "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7",
	}
	const secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	if !s.holds(r, secret, nil) {
		t.Errorf("the signature does not hold over\n%s", s.canonical(r, nil))
	}
	if s.holds(r, secret+"x", nil) || s.holds(r, secret, []byte("x")) {
		t.Error("the signature holds with another secret or body")
	}
}

// raw is a call that is signed, spoilt and sent.
type raw struct {
	service, method, path, body string
	at                          time.Time // real time if zero
}

const identityForm = "Action=GetCallerIdentity&Version=2011-06-15"

func (w *world) send(t *testing.T, c raw, keys access.Credentials, spoil func(*http.Request)) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), c.method, w.url+c.path, strings.NewReader(c.body))
	if err != nil {
		t.Fatal(err)
	}
	if c.body != "" {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	if c.at.IsZero() {
		c.at = time.Now()
	}
	if c.service == "s3" {
		r.Header.Set("X-Amz-Content-Sha256", hexSum([]byte(c.body)))
	}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = c.service == "s3" })
	err = signer.SignHTTP(t.Context(), aws.Credentials{AccessKeyID: keys.AccessKeyID, SecretAccessKey: keys.SecretKey.Reveal(), SessionToken: keys.SessionToken.Reveal()},
		r, hexSum([]byte(c.body)), c.service, "eu-west-1", c.at)
	if err != nil {
		t.Fatal(err)
	}
	if spoil != nil {
		spoil(r)
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

func TestACallIsRefusedUnlessItsSignatureAndCredentialsHold(t *testing.T) {
	caller := raw{service: "sts", method: http.MethodPost, path: "/aws", body: identityForm}
	list := raw{service: "s3", method: http.MethodGet, path: "/aws/"}
	with := func(c raw, change func(*raw)) raw { change(&c); return c }
	late := func(c *raw) { c.at = time.Now().Add(-16 * time.Minute) }
	early := func(c *raw) { c.at = time.Now().Add(16 * time.Minute) }
	header := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(name, value) }
	}
	body := func(text string) func(*http.Request) {
		return func(r *http.Request) {
			r.Body, r.ContentLength = io.NopCloser(strings.NewReader(text)), int64(len(text))
		}
	}
	for name, c := range map[string]struct {
		source string
		call   raw
		before func(*world)
		spoil  func(*http.Request)
		status int
		code   string
	}{
		"whole, STS":                     {"docs/facts.md#a7", caller, nil, nil, 200, ""},
		"whole, S3":                      {"docs/facts.md#a7", list, nil, nil, 200, ""},
		"whole, with a slash at the end": {"", with(caller, func(c *raw) { c.path = "/aws/" }), nil, nil, 200, ""},
		"whole, a key with odd letters":  {"", with(list, func(c *raw) { c.path = "/aws/demo-111111111111/a%20b%2Bc" }), nil, nil, 404, "NoSuchKey"},
		"unsigned, STS":                  {"botocore sts", caller, nil, func(r *http.Request) { r.Header.Del("Authorization") }, 403, "MissingAuthenticationToken"},
		"unsigned, S3":                   {"S3 error responses", list, nil, func(r *http.Request) { r.Header.Del("Authorization") }, 403, "AccessDenied"},
		"another scheme":                 {"S3 error responses", list, nil, header("Authorization", "Bearer x"), 400, "AuthorizationHeaderMalformed"},
		"a header that is cut":           {"botocore sts", caller, nil, header("Authorization", "AWS4-HMAC-SHA256 Credential=x"), 400, "IncompleteSignature"},
		"two signatures":                 {"botocore sts", caller, nil, func(r *http.Request) { r.URL.RawQuery = "X-Amz-Algorithm=AWS4-HMAC-SHA256" }, 400, "IncompleteSignature"},
		"an unknown key":                 {"docs/facts.md#a3", caller, func(w *world) { w.function.AccessKeyID = "ASIAAAAAAAAAAAAAAAAA" }, nil, 403, "InvalidClientTokenId"},
		"an unknown key, S3":             {"docs/facts.md#a3", list, func(w *world) { w.function.AccessKeyID = "ASIAAAAAAAAAAAAAAAAA" }, nil, 403, "InvalidAccessKeyId"},
		"no token":                       {"docs/facts.md#a3", caller, func(w *world) { w.function.SessionToken = access.Secret{} }, nil, 403, "InvalidClientTokenId"},
		"another token":                  {"docs/facts.md#a3", caller, func(w *world) { w.function.SessionToken = access.NewSecret("x") }, nil, 403, "InvalidClientTokenId"},
		"another secret":                 {"botocore sts", caller, func(w *world) { w.function.SecretKey = access.NewSecret("x") }, nil, 403, "SignatureDoesNotMatch"},
		"another secret, S3":             {"S3 error responses", list, func(w *world) { w.function.SecretKey = access.NewSecret("x") }, nil, 403, "SignatureDoesNotMatch"},
		"another body":                   {"Signature Version 4", caller, nil, body(identityForm + "&x=y"), 403, "SignatureDoesNotMatch"},
		"another path":                   {"Signature Version 4", caller, nil, func(r *http.Request) { r.URL.Path = "/aws/x" }, 403, "SignatureDoesNotMatch"},
		"another query":                  {"Signature Version 4", list, nil, func(r *http.Request) { r.URL.RawQuery = "x=y" }, 403, "SignatureDoesNotMatch"},
		"another method":                 {"Signature Version 4", list, nil, func(r *http.Request) { r.Method = http.MethodDelete }, 403, "SignatureDoesNotMatch"},
		"another host":                   {"Signature Version 4", caller, nil, func(r *http.Request) { r.Host = "sts.amazonaws.com" }, 403, "SignatureDoesNotMatch"},
		"an unsigned token":              {"botocore auth", caller, nil, func(r *http.Request) { unsign(r, "x-amz-security-token") }, 400, "IncompleteSignature"},
		"an unsigned host":               {"Signature Version 4", caller, nil, func(r *http.Request) { unsign(r, "host") }, 400, "IncompleteSignature"},
		"another day in the scope":       {"Signature Version 4", caller, nil, header("X-Amz-Date", "20200101T000000Z"), 400, "IncompleteSignature"},
		"a body that the hash is not of": {"S3 error responses", with(list, func(c *raw) { c.body = "x" }), nil, body("y"), 400, "XAmzContentSHA256Mismatch"},
		"sixteen minutes old":            {"SANDBOX clock; botocore sts", with(caller, late), nil, nil, 403, "SignatureDoesNotMatch"},
		"sixteen minutes early":          {"SANDBOX clock; botocore sts", with(caller, early), nil, nil, 403, "SignatureDoesNotMatch"},
		"sixteen minutes old, S3":        {"SANDBOX clock; S3 error responses", with(list, late), nil, nil, 403, "RequestTimeTooSkewed"},
		"a service that is not played":   {"", with(caller, func(c *raw) { c.service = "ec2" }), nil, nil, 501, "NotImplemented"},
		"a body of more than a megabyte": {"", with(caller, func(c *raw) { c.body = strings.Repeat("x", maxBody+1) }), nil, nil, 413, "EntityTooLarge"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.function = w.session(t, admin)
			if c.before != nil {
				c.before(w)
			}
			status, text := w.send(t, c.call, w.function, c.spoil)
			if status != c.status || codeIn(text) != c.code {
				t.Errorf("got %d %q, want %d %q (%s)\n%s", status, codeIn(text), c.status, c.code, c.source, text)
			}
		})
	}
}

// unsign takes a header out of the list of signed ones.
func unsign(r *http.Request, name string) {
	h := strings.Replace(r.Header.Get("Authorization"), ";"+name, "", 1)
	r.Header.Set("Authorization", strings.Replace(h, name+";", "", 1))
}

func TestCredentialsDieAtTheirExpiryByTheSandboxClock(t *testing.T) {
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

// docs/facts.md#a3: deleting the role kills its sessions, and one of the same name does
// not revive them. Editing it does neither.
func TestSessionsDieWithTheirRole(t *testing.T) {
	w := newWorld(t)
	c := w.session(t, admin)
	who := func() error {
		_, err := w.sts(c).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		return err
	}
	w.put(t, Role{Name: "Admin", MaxSession: 2 * time.Hour})
	if err := who(); err != nil {
		t.Errorf("after an edit: %v", err)
	}
	w.RemoveRole(payments, "admin")
	if got := code(t, who()); got != "InvalidClientTokenId" {
		t.Errorf("after the role was removed: got %q, want InvalidClientTokenId", got)
	}
	w.put(t, Role{Name: "Admin"})
	if got := code(t, who()); got != "InvalidClientTokenId" {
		t.Errorf("after it was made again: got %q, want InvalidClientTokenId", got)
	}
	_, err := w.s3(c).ListBuckets(t.Context(), &s3.ListBucketsInput{})
	if got := code(t, err); got != "InvalidAccessKeyId" {
		t.Errorf("S3: got %q, want InvalidAccessKeyId", got)
	}
}

// EKS and Vault logins are presigned GetCallerIdentity calls (docs/facts.md#a7).
func TestPresignedAddressesHoldForTheirLife(t *testing.T) {
	w := newWorld(t)
	wall := time.Now()
	w.options.Wall = func() time.Time { return wall }
	c := w.session(t, admin)
	signed, err := sts.NewPresignClient(w.sts(c)).PresignGetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil {
		t.Fatal(err)
	}
	object, err := s3.NewPresignClient(w.s3(c)).PresignGetObject(t.Context(),
		&s3.GetObjectInput{Bucket: aws.String("demo-111111111111"), Key: aws.String("reports/2026-11.csv")}, s3.WithPresignExpires(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	get := func(link string, spoil ...string) string {
		answer, err := http.Get(strings.NewReplacer(spoil...).Replace(link))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = answer.Body.Close() }()
		text, _ := io.ReadAll(answer.Body)
		if answer.StatusCode == http.StatusOK {
			return "200"
		}
		return codeIn(string(text))
	}
	for _, step := range []struct{ name, got, want string }{
		{"identity", get(signed.URL), "200"},
		{"object", get(object.URL), "200"},
		{"another object", get(object.URL, "2026-11", "2026-10"), "SignatureDoesNotMatch"},
		{"a longer life", get(object.URL, "Expires=3600", "Expires=7200"), "SignatureDoesNotMatch"},
		{"a life of eight days", get(object.URL, "Expires=3600", "Expires=691200"), "AuthorizationHeaderMalformed"},
	} {
		if step.got != step.want {
			t.Errorf("%s: got %s, want %s", step.name, step.got, step.want)
		}
	}
	wall = wall.Add(time.Hour + time.Minute)
	if got := get(object.URL); got != "RequestTimeTooSkewed" {
		t.Errorf("object after its life: got %s", got)
	}
	if got := get(signed.URL); got != "SignatureDoesNotMatch" {
		t.Errorf("identity after its life: got %s", got)
	}
}

// Whatever stands in a header or a query, reading it ends, and what is accepted
// has the parts that the rest relies on.
func FuzzReadSignature(f *testing.F) {
	sum := strings.Repeat("0a", 32)
	f.Add("AWS4-HMAC-SHA256 Credential=ASIAAAAAAAAAAAAAAAAA/20261121/eu-west-1/sts/aws4_request, SignedHeaders=host;x-amz-date, Signature="+sum, "", "20261121T120000Z")
	f.Add("", "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=ASIAAAAAAAAAAAAAAAAA%2F20261121%2Feu-west-1%2Fs3%2Faws4_request&X-Amz-Date=20261121T120000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host&X-Amz-Signature="+sum, "")
	f.Add("AWS4-HMAC-SHA256 ,,=,", "a=%zz&&=", "x")
	f.Fuzz(func(t *testing.T, header, rawQuery, date string) {
		r := httptest.NewRequest(http.MethodPost, "http://127.0.0.1/aws", bytes.NewReader(nil))
		r.URL.RawQuery = rawQuery
		r.Header = http.Header{"Authorization": {header}, "X-Amz-Date": {date}}
		s, err := readSignature(r)
		if err != nil {
			return
		}
		if !scopePattern.MatchString(s.keyID+"/"+s.date+"/"+s.region+"/"+s.service+"/aws4_request") || len(s.sum) != 64 || s.signed.Format("20060102") != s.date {
			t.Errorf("accepted %+v", s)
		}
		if s.holds(r, "secret", nil) {
			t.Error("a signature was guessed")
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
