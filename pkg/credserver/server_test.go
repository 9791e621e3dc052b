package credserver

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/home"
	"github.com/aws-access/aws-access/pkg/wire"
)

var loopback = netip.MustParseAddrPort("127.0.0.1:0")

// keysOf returns keys that tell which source made them.
func keysOf(account, secret string, end time.Time) home.Keys {
	return home.Keys{End: end, SessionKeys: wire.SessionKeys{Account: account, Credentials: access.Credentials{
		AccessKeyID: "ASIA" + account, SecretKey: access.NewSecret(secret), SessionToken: access.NewSecret("token of " +
			secret),
	}}}
}

// fixed is a source that always returns the same keys.
func fixed(k home.Keys) Source { return func(context.Context) (home.Keys, error) { return k, nil } }

var testEnd = time.Now().Add(time.Hour).Truncate(time.Second)

// serve starts a server with two roles, and stops it at the end of the test.
func serve(t *testing.T, sources map[string]Source) *Server {
	t.Helper()
	s := New()
	for name, source := range sources {
		if err := s.Add(name, source); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Listen(t.Context(), loopback); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("Serve ended with %v", err)
		}
	})
	return s
}

func twoRoles(t *testing.T) *Server {
	return serve(t, map[string]Source{
		"one": fixed(keysOf("111111111111", "hush one", testEnd)), "two": fixed(keysOf("222222222222", "hush two", testEnd)),
	})
}

// ask sends a request that change has made wrong, and returns status, headers and body.
func ask(t *testing.T, s *Server, name string, change func(*http.Request)) (int, http.Header, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL(name), nil)
	if err != nil {
		t.Fatal(err)
	}
	if role := s.roles[name]; role != nil {
		r.Header.Set("Authorization", role.token.Reveal())
	}
	change(r)
	answer, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.StatusCode, answer.Header, string(body)
}

func TestEachTokenGetsTheKeysOfItsRole(t *testing.T) {
	s := twoRoles(t)
	for name, account := range map[string]string{"one": "111111111111", "two": "222222222222"} {
		status, header, body := ask(t, s, name, func(*http.Request) {})
		var got map[string]string
		if err := json.Unmarshal([]byte(body), &got); err != nil || status != 200 {
			t.Fatalf("%s: %d %s", name, status, body)
		}
		want := map[string]string{"AccessKeyId": "ASIA" + account, "SecretAccessKey": "hush " + name,
			"Token": "token of hush " + name, "Expiration": testEnd.UTC().Format("2006-01-02T15:04:05Z"), "AccountId": account}
		for key, value := range want {
			if got[key] != value {
				t.Errorf("%s: %s is %q, want %q", name, key, got[key], value)
			}
		}
		if len(got) != len(want) || header.Get("Content-Type") != "application/json" ||
			header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %v, %v", name, got, header)
		}
	}
}

func TestNothingElseGetsKeys(t *testing.T) {
	s := twoRoles(t)
	other, port := s.roles["two"].token.Reveal(), s.listener.Addr().(*net.TCPAddr).Port
	set := func(key, value string) func(*http.Request) {
		return func(r *http.Request) { r.Header.Set(key, value) }
	}
	for name, c := range map[string]struct {
		change func(*http.Request)
		status int
		code   string
	}{
		"no token":        {func(r *http.Request) { r.Header.Del("Authorization") }, 401, "WrongToken"},
		"an empty token":  {set("Authorization", ""), 401, "WrongToken"},
		"the other token": {set("Authorization", other), 401, "WrongToken"},
		"a token with Bearer": {func(r *http.Request) {
			r.Header.Set("Authorization",
				"Bearer "+r.Header.Get("Authorization"))
		}, 401, "WrongToken"},
		"a shorter token": {func(r *http.Request) {
			r.Header.Set("Authorization", r.Header.Get("Authorization")[1:])
		}, 401, "WrongToken"},
		"two tokens":             {func(r *http.Request) { r.Header.Add("Authorization", other) }, 401, "WrongToken"},
		"a rebound name":         {func(r *http.Request) { r.Host = "rebind.example" }, 403, "WrongHost"},
		"a rebound name, port":   {func(r *http.Request) { r.Host = "rebind.example:" + itoa(port) }, 403, "WrongHost"},
		"localhost":              {func(r *http.Request) { r.Host = "localhost:" + itoa(port) }, 403, "WrongHost"},
		"another port":           {func(r *http.Request) { r.Host = "127.0.0.1:1" }, 403, "WrongHost"},
		"no port":                {func(r *http.Request) { r.Host = "127.0.0.1" }, 403, "WrongHost"},
		"a page":                 {set("Origin", "http://127.0.0.1:"+itoa(port)), 403, "NotAProgram"},
		"a page without origin":  {set("Origin", "null"), 403, "NotAProgram"},
		"a browser's navigation": {set("Sec-Fetch-Site", "none"), 403, "NotAProgram"},
		"a proxy":                {set("X-Forwarded-For", "10.0.0.1"), 403, "NotAProgram"},
		"another proxy":          {set("Via", "1.1 proxy"), 403, "NotAProgram"},
		"POST":                   {func(r *http.Request) { r.Method = http.MethodPost }, 405, "WrongMethod"},
		"OPTIONS":                {func(r *http.Request) { r.Method = http.MethodOptions }, 405, "WrongMethod"},
		"PUT":                    {func(r *http.Request) { r.Method = http.MethodPut }, 405, "WrongMethod"},
		"an unknown name":        {func(r *http.Request) { r.URL.Path = "/three" }, 404, "UnknownName"},
		"no name":                {func(r *http.Request) { r.URL.Path = "/" }, 404, "UnknownName"},
		"a path through another": {func(r *http.Request) { r.URL.Path = "/two/../one" }, 404, "UnknownName"},
		"an escaped path": {func(r *http.Request) { r.URL.Path, r.URL.RawPath = "/one", "/%6fne" }, 404,
			"UnknownName"},
		"two slashes": {func(r *http.Request) { r.URL.Path = "//one/" }, 404, "UnknownName"},
	} {
		status, _, body := ask(t, s, "one", c.change)
		var got struct{ Code, Message string }
		if err := json.Unmarshal([]byte(body), &got); err != nil || status != c.status || got.Code != c.code ||
			got.Message == "" {
			t.Errorf("%s: %d %s", name, status, body)
		}
		if strings.Contains(body, "hush") || strings.Contains(body, "ASIA") {
			t.Errorf("%s: keys are in %s", name, body)
		}
	}
	if status, _, body := ask(t, s, "one", func(r *http.Request) { r.Method = http.MethodHead }); status != 405 ||
		body != "" {
		t.Errorf("HEAD: %d %s", status, body)
	}
}

func itoa(n int) string {
	return strings.TrimPrefix(netip.AddrPortFrom(loopback.Addr(), uint16(n)).String(), "127.0.0.1:")
}

func TestOnlyAddressesOfThisComputerAreListenedOn(t *testing.T) {
	for _, address := range []string{"0.0.0.0", "::", "10.0.0.1", "192.168.1.1", "169.254.170.3", "169.254.169.254",
		"8.8.8.8",
		"fe80::1%lo", "::ffff:127.0.0.1", "::ffff:0.0.0.0", "fd00:ec2::23", "255.255.255.255"} {
		err := New().Listen(t.Context(), netip.AddrPortFrom(netip.MustParseAddr(address), 0))
		if err == nil || !strings.Contains(err.Error(), "only loopback addresses") {
			t.Errorf("%s: %v", address, err)
		}
	}
	for _, address := range []string{"127.0.0.1", "127.1.2.3", "::1", "169.254.170.2"} {
		if err := CheckAddress(netip.MustParseAddr(address)); err != nil {
			t.Errorf("%s: %v", address, err)
		}
	}
}

func TestANameIsNoPath(t *testing.T) {
	s := New()
	for _, name := range []string{"", ".", "..", "../x", "a/b", `a\b`, ".hidden", "-x", "a b", "a\x00", "é", "a\n", "a%2f",
		strings.Repeat("a", 65)} {
		if err := s.Add(name, nil); err == nil || !strings.Contains(err.Error(), "a name has 1 to 64") {
			t.Errorf("%q: %v", name, err)
		}
	}
	if err := errors.Join(s.Add("a", nil), s.Add("a.b-c_D1", nil)); err != nil {
		t.Error(err)
	}
	if err := s.Add("A", nil); err == nil || !strings.Contains(err.Error(), "twice") {
		t.Error(err)
	}
}

// SDKs hang up after two seconds. The keys that were asked for must be there when they ask again.
func TestAProgramThatHangsUpDoesNotStopTheCall(t *testing.T) {
	begun, goOn, ended := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	s := serve(t, map[string]Source{"one": func(ctx context.Context) (home.Keys, error) {
		close(begun)
		<-goOn
		ended <- ctx.Err()
		return keysOf("111111111111", "hush", testEnd), ctx.Err()
	}})
	ctx, hangUp := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() {
		r, _ := http.NewRequestWithContext(ctx, http.MethodGet, s.URL("one"), nil)
		r.Header.Set("Authorization", s.Token("one").Reveal())
		answer, err := http.DefaultClient.Do(r)
		if err == nil {
			_ = answer.Body.Close()
		}
		gone <- err
	}()
	<-begun
	hangUp()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	for s.roles["one"].shared.waiting() > 0 { // until the server knows that nobody listens any more
		time.Sleep(time.Millisecond)
	}
	close(goOn)
	if err := <-ended; err != nil {
		t.Errorf("the call was stopped: %v", err)
	}
}

func TestProgramsAtOnceShareACall(t *testing.T) {
	var f flight
	var calls atomic.Int32
	goOn := make(chan struct{})
	source := func(context.Context) (home.Keys, error) {
		calls.Add(1)
		<-goOn
		return keysOf("111111111111", "hush", testEnd), nil
	}
	results := make(chan string, 50)
	for range cap(results) {
		go func() {
			k, _ := f.do(t.Context(), t.Context(), source)
			results <- k.Account
		}()
	}
	for f.waiting() < cap(results) {
		time.Sleep(time.Millisecond)
	}
	close(goOn)
	for range cap(results) {
		if account := <-results; account != "111111111111" {
			t.Errorf("got %q", account)
		}
	}
	if n := calls.Load(); n != 1 {
		t.Errorf("%d calls for %d programs", n, cap(results))
	}
}

// A refusal is for the program, in words; another failure is for the person, because it may name addresses.
func TestFailuresAreAnsweredAsSDKsExpect(t *testing.T) {
	refused := &home.Refused{Refusal: wire.Refusal{Code: "no_grant", Text: "You have no access.", Next: "Ask for it."}}
	broken := errors.New("dial tcp: secret-host.example: no route")
	s := serve(t, map[string]Source{
		"refused": func(context.Context) (home.Keys, error) { return home.Keys{}, refused },
		"broken":  func(context.Context) (home.Keys, error) { return home.Keys{}, broken },
	})
	reports := make(chan error, 2)
	s.Report = func(_ string, err error) { reports <- err }
	for name, c := range map[string]struct {
		status int
		body   string
		err    error
	}{
		"refused": {400, `{"code":"no_grant","message":"You have no access. Ask for it."}`, refused},
		"broken":  {500, `{"code":"Unavailable","message":"The keys could not be had. aws-access says why."}`, broken},
	} {
		status, _, body := ask(t, s, name, func(*http.Request) {})
		if status != c.status || strings.TrimSpace(body) != c.body {
			t.Errorf("%s: %d %s", name, status, body)
		}
		if err := <-reports; !errors.Is(err, c.err) {
			t.Errorf("%s: reported %v", name, err)
		}
	}
}

func TestTokensStandInPrivateFilesOnly(t *testing.T) {
	dir, s := t.TempDir(), twoRoles(t)
	paths, remove, err := s.WriteTokens(dir)
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for _, name := range []string{"one", "two"} {
		text, err := os.ReadFile(paths[name])
		info, _ := os.Stat(paths[name])
		if err != nil || string(text) != s.Token(name).Reveal() || len(text) != 43 || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %d bytes, %v, %v", paths[name], len(text), info, err)
		}
		if paths[name] != filepath.Join(dir, name) || seen[string(text)] || strings.Contains(s.URL(name), string(text)) {
			t.Errorf("%s has %v", name, paths)
		}
		seen[string(text)] = true
	}
	remove()
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

func TestTokensReplaceOnlyTokens(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(t.TempDir(), "precious")
	if err := os.WriteFile(target, []byte(strings.Repeat("x", 43)), 0o600); err != nil {
		t.Fatal(err)
	}
	one := filepath.Join(dir, "one")
	for name, make := range map[string]func() error{
		"a link":        func() error { return os.Symlink(target, one) },
		"another file":  func() error { return os.WriteFile(one, []byte("notes"), 0o600) },
		"a directory":   func() error { return os.Mkdir(one, 0o700) },
		"a link to nil": func() error { return os.Symlink(filepath.Join(dir, "nothing"), one) },
	} {
		if err := make(); err != nil {
			t.Fatal(err)
		}
		s := twoRoles(t)
		if _, _, err := s.WriteTokens(dir); err == nil || !strings.Contains(err.Error(), "is not a token") {
			t.Errorf("%s: %v", name, err)
		}
		if err := os.Remove(one); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s: left %v", name, left)
		}
	}
	if text, _ := os.ReadFile(target); string(text) != strings.Repeat("x", 43) {
		t.Errorf("the file behind the link is %q", text)
	}
	first, second := twoRoles(t), twoRoles(t)
	_, removeFirst, err := first.WriteTokens(dir) // and is killed
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := second.WriteTokens(dir); err != nil {
		t.Fatal(err)
	}
	removeFirst() // removes nothing of the second
	if text, _ := os.ReadFile(one); string(text) != second.Token("one").Reveal() {
		t.Error("the token of the second server is gone")
	}
}
