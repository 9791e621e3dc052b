package vend

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
)

var canary = access.Credentials{
	AccessKeyID: "ASIACANARY0000000000", SecretKey: access.NewSecret("canary-secret-key"),
	SessionToken: access.NewSecret("canary-session-token"), Expires: noon.Add(time.Hour),
}

func admin() access.Target { return target("Admin") }

// links are what the sign-in of each region and page must look like (docs/facts.md#b2).
var links = []struct{ region, page, endpoint, destination string }{
	{"us-east-1", "",
		"https://signin.aws.amazon.com/federation",
		"https://us-east-1.console.aws.amazon.com/console/home?region=us-east-1"},
	{"eu-west-1", "/iam/home",
		"https://eu-west-1.signin.aws.amazon.com/federation",
		"https://eu-west-1.console.aws.amazon.com/iam/home?region=eu-west-1"},
	{"eu-west-1", "/iam/home#/roles",
		"https://eu-west-1.signin.aws.amazon.com/federation",
		"https://eu-west-1.console.aws.amazon.com/iam/home?region=eu-west-1#/roles"},
	{"eu-west-1", "/s3/buckets?region=us-east-1",
		"https://eu-west-1.signin.aws.amazon.com/federation",
		"https://eu-west-1.console.aws.amazon.com/s3/buckets?region=us-east-1"},
	{"", "",
		"https://signin.aws.amazon.com/federation",
		"https://console.aws.amazon.com/console/home"},
	{"us-gov-west-1", "",
		"https://signin.amazonaws-us-gov.com/federation",
		"https://console.amazonaws-us-gov.com/console/home?region=us-gov-west-1"},
	{"us-gov-east-1", "",
		"https://us-gov-east-1.signin.amazonaws-us-gov.com/federation",
		"https://console.amazonaws-us-gov.com/console/home?region=us-gov-east-1"},
	{"cn-north-1", "",
		"https://signin.amazonaws.cn/federation",
		"https://console.amazonaws.cn/console/home?region=cn-north-1"},
	{"cn-northwest-1", "",
		"https://cn-northwest-1.signin.amazonaws.cn/federation",
		"https://console.amazonaws.cn/console/home?region=cn-northwest-1"},
	{"eusc-de-east-1", "",
		"https://signin.amazonaws-eusc.eu/federation",
		"https://console.amazonaws-eusc.eu/console/home?region=eusc-de-east-1"},
}

// okAnswer is an answer with status 200.
func okAnswer(body string) *http.Response {
	return &http.Response{StatusCode: 200, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body))}
}

func TestALinkLeadsToTheConsoleOfItsPartitionRegionAndPage(t *testing.T) {
	for _, c := range links {
		var sent *http.Request
		var body string
		client := &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
			sent = r
			b, err := io.ReadAll(r.Body)
			body = string(b)
			return okAnswer(`{"SigninToken":"tok&en"}`), err
		})}
		target := admin()
		target.Region, target.LandsOn = c.region, c.page
		link, _, err := SignIn{HTTP: client, Issuer: "https://slack.com/app?a=b"}.Link(t.Context(), canary, target)
		if err != nil {
			t.Fatal(err)
		}
		u, err := url.Parse(link.Reveal())
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		u.RawQuery = ""
		if sent.URL.String() != c.endpoint || u.String() != c.endpoint || q.Get("Destination") != c.destination {
			t.Errorf("%s%s: asked %s, leads to %s and %s; want %s and %s",
				c.region, c.page, sent.URL, u, q.Get("Destination"), c.endpoint, c.destination)
		}
		if q.Get("Action") != "login" || q.Get("SigninToken") != "tok&en" ||
			q.Get("Issuer") != "https://slack.com/app?a=b" || len(q) != 4 {
			t.Errorf("%s: query %v", c.region, q)
		}
		checkTokenRequest(t, sent, body)
	}
}

// checkTokenRequest checks a request for a sign-in token (docs/facts.md#0.3, docs/facts.md#0.5).
func checkTokenRequest(t *testing.T, sent *http.Request, body string) {
	t.Helper()
	const session = `{"sessionId":"ASIACANARY0000000000","sessionKey":"canary-secret-key",` +
		`"sessionToken":"canary-session-token"}`
	form, err := url.ParseQuery(body)
	if err != nil || sent.Method != http.MethodPost || form.Get("Action") != "getSigninToken" ||
		form.Get("Session") != session || len(form) != 2 {
		t.Errorf("%s: sent %s %v", sent.URL, sent.Method, form)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// The link has its full length, and opens the console of the fake over HTTP.
func TestALinkOpensTheConsoleUntilTheGrantEnds(t *testing.T) {
	c := newCloud(t)
	k := c.session(t, vending("Admin", noon, noon.Add(30*time.Minute)))
	link, _, err := SignIn{Endpoint: c.url + "/federation"}.Link(t.Context(), k, admin())
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, link.Reveal(), nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	if to := answer.Header.Get("Location"); answer.StatusCode != http.StatusFound ||
		!strings.HasPrefix(to, "/console?") || len(answer.Cookies()) != 1 {
		t.Fatalf("got %d to %q", answer.StatusCode, to)
	}
	for after, want := range map[time.Duration]int{
		0: 200, 30*time.Minute - time.Second: 200, 30 * time.Minute: 403, time.Hour: 403,
	} {
		c.now = noon.Add(after)
		page, err := http.NewRequestWithContext(t.Context(), http.MethodGet, c.url+"/console", nil)
		if err != nil {
			t.Fatal(err)
		}
		page.AddCookie(answer.Cookies()[0])
		shown, err := http.DefaultClient.Do(page)
		if err != nil {
			t.Fatal(err)
		}
		_ = shown.Body.Close()
		if shown.StatusCode != want {
			t.Errorf("the console after %s: got %d, want %d", after, shown.StatusCode, want)
		}
	}
}

func TestAnAnswerOfSignInBecomesARefusal(t *testing.T) {
	echo := `<html>canary {{all that was sent}}</html>`
	tooLong := `{"x":"` + strings.Repeat("canary", maxAnswer) + `","SigninToken":"canary"}`
	for name, c := range map[string]struct {
		status     int
		body       string
		code, logs string
	}{
		"refused (docs/facts.md#b)":  {400, echo, "aws_invalid", "signin:getSigninToken: answer 400"},
		"forbidden":                  {403, echo, "aws_refused", "answer 403"},
		"throttled":                  {429, echo, "aws_unavailable", "answer 429"},
		"broken":                     {500, echo, "aws_unavailable", "answer 500"},
		"a redirect":                 {302, echo, "aws_invalid", "answer 302"},
		"a redirect with the body":   {307, echo, "aws_invalid", "answer 307"},
		"HTML instead of JSON":       {200, echo, "aws_unavailable", "200 without a token"},
		"JSON without a token":       {200, `{"Token":"canary"}`, "aws_unavailable", "200 without a token"},
		"an answer that is too long": {200, tooLong, "aws_unavailable", "200 without a token"},
		"a token of the wrong type":  {200, `{"SigninToken":["canary"]}`, "aws_unavailable", "200 without a token"},
		"no body, with status 204":   {204, "", "aws_invalid", "answer 204"},
	} {
		t.Run(name, func(t *testing.T) {
			calls := 0
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				calls++
				_, _ = io.Copy(io.Discard, r.Body)
				w.Header().Set("Location", "/elsewhere")
				w.Header().Set("X-Amzn-Requestid", "canary request id")
				w.WriteHeader(c.status)
				_, _ = io.WriteString(w, c.body)
			}))
			defer server.Close()
			link, _, err := SignIn{Endpoint: server.URL}.Link(t.Context(), canary, admin())
			checkRefusal(t, err, c.code, c.logs)
			if !link.Empty() || calls != 1 {
				t.Errorf("a link came with the error, or there were %d calls and not one", calls)
			}
		})
	}
}

func TestAMissingAnswerOfSignInIsNamed(t *testing.T) {
	_, _, err := SignIn{Endpoint: "http://127.0.0.1:1/federation"}.Link(t.Context(), canary, admin())
	checkRefusal(t, err, "aws_unavailable", "connection refused")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, _, err = SignIn{Endpoint: "http://127.0.0.1:1/federation"}.Link(ctx, canary, admin())
	checkRefusal(t, err, "aws_unavailable", "given up before the answer")
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	quoting := &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
		return nil, errors.New("canary: the body was …")
	})}
	_, _, err = SignIn{HTTP: quoting}.Link(t.Context(), canary, admin())
	checkRefusal(t, err, "aws_unavailable", "no answer: *errors.errorString")
}

// Credentials are sent to AWS or to a loopback address only.
func TestOnlyALoopbackEndpointReplacesAWS(t *testing.T) {
	for endpoint, ok := range map[string]bool{
		"http://127.0.0.1:8080/federation": true, "http://localhost/federation": true,
		"http://[::1]:80/federation": true, "https://127.9.9.9/federation": true,
		"http://10.0.0.1/federation": false, "https://signin.aws.amazon.com/federation": false,
		"http://127.0.0.1.evil.example/": false, "http://127.0.0.1@evil.example/": false,
		"http://localhost.evil.example/": false, "ftp://127.0.0.1/": false, "127.0.0.1:80": false,
		"//127.0.0.1/": false, "http://127.0.0.1/?a=b": false, "http://2130706433/": false, "%": false,
	} {
		sent := 0
		client := &http.Client{Transport: roundTrip(func(*http.Request) (*http.Response, error) {
			sent++
			return okAnswer(`{"SigninToken":"t"}`), nil
		})}
		_, _, err := SignIn{HTTP: client, Endpoint: endpoint}.Link(t.Context(), canary, admin())
		if (err == nil) != ok || (sent == 1) != ok || !ok && access.Code(err) != "aws_invalid" {
			t.Errorf("%s: %v after %d calls, want it accepted: %v", endpoint, err, sent, ok)
		}
	}
}

func TestALandingPageMustBeAPath(t *testing.T) {
	for _, page := range []string{
		"https://evil.example/", "//evil.example/", "evil", "@evil.example", `/\evil.example`, "javascript:x", "/%zz", "\x00",
	} {
		target := admin()
		target.LandsOn = page
		c := newCloud(t)
		_, _, err := SignIn{Endpoint: c.url + "/federation"}.Link(t.Context(), canary, target)
		if access.Code(err) != "aws_invalid" || c.counts["signin:getSigninToken"] != 0 {
			t.Errorf("%q: %v, want aws_invalid and no call", page, err)
		}
	}
	target := admin()
	target.Region = "evil.example/"
	if _, _, err := (SignIn{}).Link(t.Context(), canary, target); access.Code(err) != "aws_invalid" {
		t.Errorf("a region that is none: %v, want aws_invalid", err)
	}
}

func TestSignInRefusesAnExpiredSession(t *testing.T) {
	c := newCloud(t)
	k := c.session(t, vending("Admin", noon, noon.Add(time.Hour)))
	c.now = k.Expires
	_, _, err := SignIn{Endpoint: c.url + "/federation"}.Link(t.Context(), k, admin())
	checkRefusal(t, err, "aws_invalid", "answer 400")
	c.now = noon
	c.fault = func(string) awsfake.Fault { return awsfake.Fault{How: awsfake.FaultLost} }
	_, _, err = SignIn{Endpoint: c.url + "/federation"}.Link(t.Context(), k, admin())
	checkRefusal(t, err, "aws_unavailable", "answer 500")
}

func FuzzALandingPageStaysOnTheConsole(f *testing.F) {
	for _, page := range []string{
		"", "/iam/home#/roles", "/x?region=a", "//evil", `/\evil`, "/%2f%2fevil", "/..//evil", "/\t/evil",
	} {
		f.Add(page, "eu-west-1")
	}
	f.Add("/", "cn-north-1")
	f.Fuzz(func(t *testing.T, page, region string) {
		p, err := partitionOf(region)
		if err != nil {
			return
		}
		text, err := destination(p, access.Target{LandsOn: page, Region: region})
		if err != nil {
			return
		}
		u, err := url.Parse(text)
		if err != nil || u.Scheme != "https" || u.Host != p.consoleHost(region) || u.User != nil ||
			!strings.HasPrefix(text, "https://"+u.Host+"/") {
			t.Errorf("%q leads to %q (%v)", page, text, err)
		}
	})
}

// In an account with console authorization, a deny of the session that covers the console would close it.
func TestLinksWorkInBothStatesOfConsoleAuthorization(t *testing.T) {
	for partition, region := range regions {
		for _, on := range []bool{false, true} {
			c := newCloud(t, func(o *awsfake.Options) { o.ConsoleAuthorization = on })
			c.putAdmin(t, partition, "")
			status, text := c.openConsole(t, region)
			if status != http.StatusOK || !strings.Contains(text, "List the buckets") {
				t.Errorf("%s, console authorization %t: status %d, want the console: %s", partition, on, status, text)
			}
			refused := regexp.MustCompile(`(?s)Sign in with aws login.{0,300}explicit deny in a session policy`)
			if !refused.MatchString(text) {
				t.Errorf("%s, console authorization %t: aws login is not refused by the session policy", partition, on)
			}
		}
	}
}

// This shows that the test above can fail: the fake refuses what AWS refuses.
func TestADenyOfTheConsoleClosesItIfConsoleAuthorizationIsOn(t *testing.T) {
	const deny = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},` +
		`{"Effect":"Deny","Action":"signin:CreateOAuth2Token","Resource":"*"}]}`
	for on, want := range map[bool]int{false: http.StatusOK, true: http.StatusForbidden} {
		c := newCloud(t, func(o *awsfake.Options) { o.ConsoleAuthorization = on })
		c.putAdmin(t, "aws", deny)
		if status, text := c.openConsole(t, "eu-west-1"); status != want {
			t.Errorf("console authorization %t: status %d, want %d: %s", on, status, want, text)
		}
	}
}

// putAdmin puts the role Admin of a partition into the target account. boundary is its permissions boundary, "" for
// none.
func (c *cloud) putAdmin(t *testing.T, partition, boundary string) {
	t.Helper()
	trust := strings.ReplaceAll(awsfake.DefaultTrust(vendRole, external, "o-sandbox"), "arn:aws:", "arn:"+partition+":")
	role := awsfake.Role{Name: "Admin", Path: "/aws-access/", Partition: partition, Trust: trust, Boundary: boundary}
	if err := c.PutRole("111111111111", role); err != nil {
		t.Fatal(err)
	}
	caller := strings.Replace(vendRole, "arn:aws:", "arn:"+partition+":", 1)
	var err error
	c.vend, err = c.FunctionCredentials(caller,
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:*","Resource":"*"}]}`)
	if err != nil {
		t.Fatal(err)
	}
}

// openConsole opens the console as a person does, and returns the page.
func (c *cloud) openConsole(t *testing.T, region string) (int, string) {
	t.Helper()
	v := vending("Admin", noon, noon.Add(time.Hour))
	v.Target.Region = region
	link, _, err := SignIn{Endpoint: c.url + "/federation"}.Link(t.Context(), c.session(t, v), v.Target)
	if err != nil {
		t.Fatal(err)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := (&http.Client{Jar: jar}).Get(link.Reveal())
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
