package people

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

const awsLink = "https://signin.aws.amazon.com/federation?Action=login&Destination=https%3A%2F%2Fx&SigninToken=hush"

// runConsole runs console with a link and a browser.
func runConsole(t *testing.T, link string, sandbox bool, open func(context.Context, string) error,
	args ...string) (*localEnv, int) {
	t.Helper()
	e, c := localDesk(noAccess), consoleCommand()
	c.new = func() action {
		return &console{open: open, wait: 20 * time.Second, stay: 300 * time.Millisecond,
			link: func(context.Context, *Env, string, string) (access.Secret, bool, error) {
				return access.NewSecret(link), sandbox, nil
			}}
	}
	return e, c.Run(t.Context(), e.Env, append([]string{"payments-prod", "Operator"}, args...))
}

// fetch gets an address without following where it leads.
func fetch(address, host string) (status int, location string, err error) {
	r, err := http.NewRequest(http.MethodGet, address, nil)
	if err != nil {
		return 0, "", err
	}
	if host != "" {
		r.Host = host
	}
	answer, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		return 0, "", err
	}
	_ = answer.Body.Close()
	return answer.StatusCode, answer.Header.Get("Location"), nil
}

func TestTheBrowserGetsTheLinkOnceFromThisComputer(t *testing.T) {
	var address string
	e, code := runConsole(t, awsLink, false, func(_ context.Context, a string) error {
		address = a
		if strings.Contains(a, "hush") || !strings.HasPrefix(a, "http://127.0.0.1:") || len(a) < 60 {
			t.Errorf("the browser was started with %s", a)
		}
		for _, wrong := range []struct{ address, host string }{
			{a + "x", ""}, {a[:len(a)-1], ""}, {a, "rebind.example"}, {strings.TrimSuffix(a, a[strings.LastIndex(a, "/")+1:]),
				""},
		} {
			if status, location, err := fetch(wrong.address, wrong.host); status != 404 || location != "" || err != nil {
				t.Errorf("%v: %d %s, %v", wrong, status, location, err)
			}
		}
		status, location, err := fetch(a, "")
		if status != 303 || location != awsLink || err != nil {
			t.Errorf("%d %s, %v", status, location, err)
		}
		return nil
	})
	if code != 0 || e.out.String() != "" || e.words.String() != "" {
		t.Errorf("%d %q %q", code, e.out.String(), e.words.String())
	}
	if _, _, err := fetch(address, ""); err == nil {
		t.Error("the address still answers")
	}
}

func TestASecondFetchIsRefusedAndSaid(t *testing.T) {
	e, code := runConsole(t, awsLink, false, func(_ context.Context, a string) error {
		_, _, _ = fetch(a, "")
		if status, location, err := fetch(a, ""); status != 410 || location != "" || err != nil {
			t.Errorf("%d %s, %v", status, location, err)
		}
		return nil
	})
	if code != 0 || !strings.Contains(e.words.String(), "fetched a second time") || strings.Contains(e.words.String(),
		"hush") {
		t.Errorf("%d %q", code, e.words.String())
	}
}

// The address stands in the list of processes, where other users of the computer can read it.
func TestAnotherUserDoesNotGetTheLink(t *testing.T) {
	other := otherUser(t)
	e, code := runConsole(t, awsLink, false, func(_ context.Context, a string) error {
		cmd := exec.Command("python3", "-c", "import http.client,sys,urllib.parse\nu=urllib.parse.urlparse(sys.argv[1])\n"+
			"c=http.client.HTTPConnection(u.netloc)\nc.request('GET',u.path)\nr=c.getresponse()\n"+
			"print(r.status,r.getheader('Location'))", a)
		other(cmd)
		if out, err := cmd.CombinedOutput(); err != nil || string(out) != "403 None\n" {
			t.Errorf("the other user got %s, %v", out, err)
		}
		if status, location, err := fetch(a, ""); status != 303 || location != awsLink || err != nil {
			t.Errorf("the browser got %d %s, %v", status, location, err)
		}
		return nil
	})
	if code != 0 || !strings.Contains(e.words.String(), "Another user of this computer") {
		t.Errorf("%d %q", code, e.words.String())
	}
}

func TestABrowserThatDoesNotComeIsSaid(t *testing.T) {
	e, code := runConsole(t, awsLink, false, func(context.Context,
		string) error {
		return errors.New("open the browser: no display")
	})
	if code != 3 || e.words.String() != "aws-access console: open the browser: no display\n" {
		t.Errorf("%d %q", code, e.words.String())
	}
	c := consoleCommand()
	e = localDesk(noAccess)
	c.new = func() action {
		return &console{open: func(context.Context, string) error { return nil }, wait: 50 * time.Millisecond,
			link: func(context.Context, *Env, string, string) (access.Secret, bool, error) {
				return access.NewSecret(awsLink), false, nil
			}}
	}
	if code := c.Run(t.Context(), e.Env, []string{"a", "b"}); code != 3 || !strings.Contains(e.words.String(),
		"use --print") {
		t.Errorf("%d %q", code, e.words.String())
	}
}

func TestOnlyLinksToAWSAreOpenedOrPrinted(t *testing.T) {
	query := "/federation?Action=login&SigninToken=hush"
	for link, want := range map[string]struct{ aws, sandbox bool }{
		"https://signin.aws.amazon.com" + query:                  {true, true},
		"https://eu-central-1.signin.aws.amazon.com" + query:     {true, true},
		"https://signin.amazonaws-us-gov.com" + query:            {true, true},
		"https://signin.amazonaws.cn" + query:                    {true, true},
		"https://cn-northwest-1.signin.amazonaws.cn" + query:     {true, true},
		"https://signin.amazonaws-eusc.eu" + query:               {true, true},
		"http://127.0.0.1:8080" + query:                          {false, true},
		"http://localhost:8080" + query:                          {false, true},
		"http://[::1]:8080" + query:                              {false, true},
		"http://signin.aws.amazon.com" + query:                   {},
		"https://signin.aws.amazon.com:444" + query:              {},
		"https://signin.aws.amazon.com.example.com" + query:      {},
		"https://evil-signin.aws.amazon.com" + query:             {},
		"https://a.b.signin.aws.amazon.com" + query:              {},
		"https://signin.aws.amazon.com@example.com" + query:      {},
		"https://user@signin.aws.amazon.com" + query:             {},
		"https://example.com" + query:                            {},
		"http://10.0.0.1" + query:                                {},
		"https://signin.aws.amazon.com/other?Action=login":       {},
		"https://signin.aws.amazon.com/federation?Action=logout": {},
		"https://signin.aws.amazon.com" + query + "#x":           {},
		"https://signin.aws.amazon.com" + query + "\x1b[2J":      {},
		"https://signin.aws.amazon.com" + query + "\nx":          {},
		"javascript:alert(1)//federation?Action=login":           {},
		"file:///federation?Action=login":                        {}, "": {}, "--help": {},
	} {
		for sandbox, good := range map[bool]bool{false: want.aws, true: want.sandbox} {
			e, code := runConsole(t, link, sandbox, nil, "--print")
			wantCode, wantOut := 3, ""
			if good {
				wantCode, wantOut = 0, link+"\n"
			}
			refused := strings.Contains(e.words.String(), "is not one to AWS's sign-in; it was not opened\n") ||
				strings.Contains(e.words.String(), "leads to another host than AWS's sign-in; it was not opened\n")
			if code != wantCode || e.out.String() != wantOut || refused == good || strings.Contains(e.words.String(), "hush") {
				t.Errorf("%q, sandbox %v: %d %q %q", link, sandbox, code, e.out.String(), e.words.String())
			}
		}
	}
}

func TestTheBrowserOfTheSystemIsUsed(t *testing.T) {
	for name, c := range map[string]struct {
		goos, there string
		want        []string
	}{
		"Linux":            {"linux", "xdg-open", []string{"/bin/xdg-open"}},
		"Linux of Windows": {"linux", "wslview xdg-open", []string{"/bin/wslview"}},
		"macOS":            {"darwin", "open", []string{"/bin/open"}},
		"Windows":          {"windows", "rundll32", []string{"/bin/rundll32", "url.dll,FileProtocolHandler"}},
		"none":             {"linux", "", nil},
	} {
		got, err := browserCommand(c.goos, func(name string) (string, error) {
			if slices.Contains(strings.Fields(c.there), name) {
				return "/bin/" + name, nil
			}
			return "", exec.ErrNotFound
		})
		if !slices.Equal(got, c.want) || (err == nil) != (c.want != nil) {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
	if _, err := browserCommand("linux", func(string) (string, error) { return "", os.ErrNotExist }); err == nil ||
		!strings.Contains(err.Error(), "use --print") {
		t.Error(err)
	}
}

func TestASystemThatDoesNotTellTheUserLeavesThePath(t *testing.T) {
	for _, c := range []struct {
		mine bool
		err  error
		want int
	}{{true, nil, 303}, {false, nil, 403}, {false, fmt.Errorf("x"), 403}, {false, errors.ErrUnsupported, 303}} {
		r := newRedirect("127.0.0.1:80", access.NewSecret(awsLink), func(string) {})
		r.sameUser = func(netip.AddrPort, netip.AddrPort) (bool, error) { return c.mine, c.err }
		w := &statusWriter{header: http.Header{}}
		q, _ := http.NewRequest(http.MethodGet, "http://127.0.0.1:80"+r.path, nil)
		q.RemoteAddr = "127.0.0.1:4000"
		if r.ServeHTTP(w, q); w.status != c.want {
			t.Errorf("%+v: %d", c, w.status)
		}
	}
}

// statusWriter keeps the status.
type statusWriter struct {
	header http.Header
	status int
}

func (s *statusWriter) Header() http.Header         { return s.header }
func (s *statusWriter) Write(p []byte) (int, error) { return len(p), nil }
func (s *statusWriter) WriteHeader(status int)      { s.status = status }
