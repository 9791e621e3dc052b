package awsfake

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// sessionOf is the Session parameter of getSigninToken.
func sessionOf(t *testing.T, c access.Credentials) string {
	t.Helper()
	b, err := json.Marshal(map[string]string{
		"sessionId": c.AccessKeyID, "sessionKey": c.SecretKey.Reveal(), "sessionToken": c.SessionToken.Reveal(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// browser is a client that keeps cookies and follows redirects.
func browser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar}
}

// get returns status, headers and text of a page.
func get(t *testing.T, b *http.Client, link string) (int, http.Header, string) {
	t.Helper()
	answer, err := b.Get(link)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(text)
}

const home = "https://eu-west-1.console.aws.amazon.com/iam/home?region=eu-west-1"

// link gets a sign-in token, and returns the link that signs in with it.
func (w *world) link(t *testing.T, c access.Credentials, destination string) string {
	t.Helper()
	form := url.Values{"Action": {"getSigninToken"}, "Session": {sessionOf(t, c)}}
	answer, err := http.PostForm(w.url+"/federation", form)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	var got struct{ SigninToken string }
	if err := json.NewDecoder(answer.Body).Decode(&got); err != nil {
		t.Fatal(err)
	}
	return w.url + "/federation?" + url.Values{
		"Action": {"login"}, "SigninToken": {got.SigninToken},
		"Destination": {destination}, "Issuer": {"https://example.com/<b>"},
	}.Encode()
}

var signinCases = []struct {
	name, source string
	change       func(*testing.T, *world, url.Values)
	status       int
}{
	{"a valid call", "docs/facts.md#b", nil, 200},
	{"a SessionDuration", "docs/facts.md#0.3", setField("SessionDuration", "3600"), 400},
	{"no session", "docs/facts.md#b", func(_ *testing.T, _ *world, f url.Values) { f.Del("Session") }, 400},
	{"a session that is not JSON", "docs/facts.md#b", setField("Session", "x"), 400},
	{"an unknown key", "docs/facts.md#b",
		setField("Session", `{"sessionId":"ASIA","sessionKey":"x","sessionToken":"y"}`), 400},
	{"another secret", "docs/facts.md#b",
		changeKeys(func(c *access.Credentials) { c.SecretKey = access.NewSecret("x") }), 400},
	{"another token", "docs/facts.md#b",
		changeKeys(func(c *access.Credentials) { c.SessionToken = access.NewSecret("x") }), 400},
	{"expired credentials", "docs/facts.md#b",
		func(_ *testing.T, w *world, _ url.Values) { w.now = w.now.Add(time.Hour) }, 400},
	{"an unknown action", "docs/facts.md#b", setField("Action", "getToken"), 400},
}

func setField(name, value string) func(*testing.T, *world, url.Values) {
	return func(_ *testing.T, _ *world, f url.Values) { f.Set(name, value) }
}

// changeKeys sends changed credentials of the session that the test has put into
// the world.
func changeKeys(change func(*access.Credentials)) func(*testing.T, *world, url.Values) {
	return func(t *testing.T, w *world, f url.Values) {
		c := w.function
		change(&c)
		f.Set("Session", sessionOf(t, c))
	}
}

func TestGetSigninTokenRefusesInvalidSessions(t *testing.T) {
	for _, c := range signinCases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.function = w.session(t, admin)
			form := url.Values{"Action": {"getSigninToken"}, "Session": {sessionOf(t, w.function)}}
			if c.change != nil {
				c.change(t, w, form)
			}
			byGet, header, text := get(t, browser(t), w.url+"/federation?"+form.Encode())
			answer, err := http.PostForm(w.url+"/federation", form)
			if err != nil {
				t.Fatal(err)
			}
			_ = answer.Body.Close()
			if byGet != c.status || answer.StatusCode != c.status {
				t.Errorf("got %d by GET and %d by POST, want %d (%s)", byGet, answer.StatusCode, c.status, c.source)
			}
			kind := "application/json"
			if c.status != 200 {
				kind = "text/html; charset=utf-8"
			}
			if header.Get("Content-Type") != kind || c.status != 200 && strings.Contains(text, "ASIA") {
				t.Errorf("answered %s: %s", header.Get("Content-Type"), text)
			}
		})
	}
}

func TestFaultOfSignInIsAPage(t *testing.T) {
	w := newWorld(t)
	for how, want := range map[string]int{FaultError: 500, FaultThrottled: 429, FaultLost: 500} {
		w.fault = func(string) Fault { return Fault{How: how} }
		w.calls = nil
		status, header, _ := get(t, browser(t), w.url+"/federation?Action=getSigninToken")
		kind := header.Get("Content-Type")
		if status != want || !strings.HasPrefix(kind, "text/html") || w.calls[0] != "signin:getSigninToken" {
			t.Errorf("%s: got %d %s, OnCall was called with %v", how, status, kind, w.calls)
		}
	}
}

// docs/facts.md#0.4
func TestSignInLinkWorksManyTimesForFifteenMinutes(t *testing.T) {
	w := newWorld(t)
	link := w.link(t, w.session(t, admin), home)
	start := w.now
	for after, want := range map[time.Duration]int{
		0: 200, 15*time.Minute - time.Second: 200, 15 * time.Minute: 400,
	} {
		w.now = start.Add(after)
		if status, _, text := get(t, browser(t), link); status != want {
			t.Errorf("after %s: got %d, want %d\n%s", after, status, want, text)
		}
	}
	guessed := w.url + "/federation?Action=login&SigninToken=guessed&Destination=" + url.QueryEscape(home)
	if status, _, _ := get(t, browser(t), guessed); status != 400 {
		t.Errorf("a guessed token: got %d, want 400", status)
	}
}

func TestDestinationMustBeAPageOfTheConsole(t *testing.T) {
	w := newWorld(t)
	c := w.session(t, admin)
	for destination, want := range map[string]int{
		home:                              200,
		"https://console.aws.amazon.com/": 200,
		"https://111111111111-abc.eu-west-1.console.aws.amazon.com/x": 200, // docs/facts.md#b3
		"":                     400,
		"https://example.com/": 400,
		"https://console.aws.amazon.com.evil.example/": 400,
		"https://console.aws.amazon.com@evil.example/": 400,
		"http://console.aws.amazon.com/":               400,
		"https://console.amazonaws.cn/":                400, // another partition
		"javascript:alert(1)":                          400,
	} {
		if status, _, _ := get(t, browser(t), w.link(t, c, destination)); status != want {
			t.Errorf("%q: got %d, want %d", destination, status, want)
		}
	}
}

func TestConsoleShowsTheSessionAndItsEnd(t *testing.T) {
	w := newWorld(t)
	w.policy = untilHalfPast
	b := browser(t)
	status, header, text := get(t, b, w.link(t, w.session(t, admin), home))
	if status != http.StatusOK {
		t.Fatalf("got %d\n%s", status, text)
	}
	for _, want := range []string{
		payments, "Admin", "aws-access-01K", "dev1@example.com",
		"21 Nov 12:30 UTC", "21 Nov 13:00 UTC", "demo-111111111111", "/iam/home", "30m",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the page does not say %q", want)
		}
	}
	policy := header.Get("Content-Security-Policy")
	if !strings.Contains(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") ||
		strings.Contains(text, "<script") {
		t.Errorf("content security policy %q", policy)
	}
	_, inline, _ := strings.Cut(text, "<style>")
	if inline, _, _ = strings.Cut(inline, "</style>"); inline != style {
		t.Error("the content security policy does not allow the style in the page")
	}
}

func TestConsoleRefusesAfterTheEnd(t *testing.T) {
	w := newWorld(t)
	w.policy = untilHalfPast
	b := browser(t)
	get(t, b, w.link(t, w.session(t, admin), home))
	for _, step := range []struct {
		after  time.Duration
		status int
		says   string
	}{
		{30*time.Minute - time.Second, 200, "demo-111111111111"},
		{30 * time.Minute, 403, "Your access has ended"},
		{59 * time.Minute, 403, "now denies every call"},
		{60 * time.Minute, 403, "Your session has expired"},
	} {
		w.now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC).Add(step.after)
		status, _, text := get(t, b, w.url+"/console")
		if status != step.status || !strings.Contains(text, step.says) {
			t.Errorf("after %s: got %d, want %d and %q\n%s", step.after, status, step.status, step.says, text)
		}
		if status != 200 && strings.Contains(text, "demo-111111111111") {
			t.Errorf("after %s: the buckets are still shown", step.after)
		}
	}
	status, _, text := get(t, browser(t), w.url+"/console")
	if status != http.StatusUnauthorized || !strings.Contains(text, "not signed in") {
		t.Errorf("without signing in: got %d", status)
	}
}

// The page makes the same checks as calls: it shows a deny also if the deny has no
// end time.
func TestConsoleShowsNothingThatIsDenied(t *testing.T) {
	w := newWorld(t)
	b := browser(t)
	get(t, b, w.link(t, w.session(t, admin), home))
	w.put(t, Role{Name: "Admin", Inline: map[string]string{"cut": denyAll}})
	status, _, text := get(t, b, w.url+"/console")
	if status != http.StatusOK || strings.Contains(text, ">demo-111111111111<") ||
		!strings.Contains(text, "explicit deny in an identity-based policy") {
		t.Errorf("got %d\n%s", status, text)
	}
	w.RemoveRole(payments, "Admin")
	if status, _, _ := get(t, b, w.url+"/console"); status != http.StatusForbidden {
		t.Errorf("after the role was removed: got %d, want 403", status)
	}
}

func TestPagesEscapeWhatTheyShow(t *testing.T) {
	w := newWorld(t)
	b := browser(t)
	get(t, b, w.link(t, w.session(t, admin), home))
	_, _, text := get(t, b, w.url+"/console?page=%3Cscript%3Ealert(1)%3C/script%3E&region=%22%3E%3Cimg%3E")
	if strings.Contains(text, "<script") || strings.Contains(text, "<img") {
		t.Errorf("not escaped:\n%s", text)
	}
	w.now = w.now.Add(2 * time.Hour)
	_, _, text = get(t, b, w.url+"/console")
	if !strings.Contains(text, `href="https://example.com/%3cb%3e"`) {
		t.Errorf("the issuer's link is missing or not escaped:\n%s", text)
	}
	if webAddress("javascript:alert(1)") != "" || webAddress("//evil") != "" {
		t.Error("a link that could run a script was accepted")
	}
}
