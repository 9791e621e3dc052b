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
	"github.com/aws-access/aws-access/pkg/wire"
)

const awsLink = "https://signin.aws.amazon.com/federation?Action=login&Destination=https%3A%2F%2Fx&SigninToken=hush"

// runConsole runs console with a link and a browser.
func runConsole(t *testing.T, link string, sandbox bool, open func(context.Context, string) error,
	args ...string) (*localEnv, int) {
	t.Helper()
	c := testConsole(link, open)
	c.link = func(context.Context, *Env, string, string) (wire.Link, bool, error) {
		return linkOf(link), sandbox, nil
	}
	return c.runTest(t, args...)
}

func linkOf(address string) wire.Link {
	return wire.Link{Account: prodID, Role: operator, Address: access.NewSecret(address)}
}

func testConsole(link string, open func(context.Context, string) error) *console {
	return &console{open: open, wait: 20 * time.Second, stay: 300 * time.Millisecond, sameUser: sameUser,
		stayUnchecked: 20 * time.Second,
		link: func(context.Context, *Env, string, string) (wire.Link, bool, error) {
			return linkOf(link), false, nil
		},
		end: func(context.Context, *Env, wire.Link) error { return errors.New("nothing had to be ended") }}
}

func (c *console) runTest(t *testing.T, args ...string) (*localEnv, int) {
	t.Helper()
	e, command := localDesk(noAccess), consoleCommand()
	command.new = func() action { return c }
	return e, command.Run(t.Context(), e.Env, append([]string{"payments-prod", "Operator"}, args...))
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

// Where the system does not tell who fetches, somebody else may come first, and the browser much later.
func TestASecondFetchEndsTheAccess(t *testing.T) {
	unknown := func(netip.AddrPort, netip.AddrPort) (bool, error) { return false, errors.ErrUnsupported }
	for name, c := range map[string]struct {
		sameUser func(netip.AddrPort, netip.AddrPort) (bool, error)
		pause    time.Duration
		fails    error
		code     int
		words    string
	}{
		"of the same user":        {sameUser, 0, nil, 1, "The access was ended."},
		"where it is not known":   {unknown, 500 * time.Millisecond, nil, 1, "The access was ended."},
		"without a server to ask": {unknown, 0, errors.New("no network"), 3, "could not be ended: no network. End it now"},
	} {
		t.Run(name, func(t *testing.T) {
			second := make(chan error, 1)
			x := testConsole(awsLink, func(_ context.Context, a string) error {
				if status, location, err := fetch(a, ""); status != 303 || location != awsLink || err != nil {
					return fmt.Errorf("the first fetch: %d %s, %w", status, location, err)
				}
				go func() {
					time.Sleep(c.pause)
					status, location, err := fetch(a, "")
					if status != 410 || location != "" || err != nil {
						err = fmt.Errorf("%d %s, %w", status, location, err)
					}
					second <- err
				}()
				return nil
			})
			x.sameUser = c.sameUser
			var ended []wire.Link
			x.end = func(_ context.Context, _ *Env, link wire.Link) error {
				ended = append(ended, link)
				return c.fails
			}
			e, code := x.runTest(t)
			if err := <-second; err != nil {
				t.Errorf("the second fetch: %v", err)
			}
			if code != c.code || !slices.Equal(ended, []wire.Link{linkOf(awsLink)}) {
				t.Errorf("ended with %d, and ended %d grants", code, len(ended))
			}
			if words := e.words.String(); !strings.Contains(words, "was fetched twice") || !strings.Contains(words, c.words) ||
				strings.Contains(words, "hush") {
				t.Errorf("%q", words)
			}
		})
	}
}

// The program that opens the browser may take longer than somebody who fetches at once.
func TestTheWatchLastsUntilTheBrowserWasOpened(t *testing.T) {
	x := testConsole(awsLink, func(_ context.Context, a string) error {
		_, _, _ = fetch(a, "")
		time.Sleep(300 * time.Millisecond)
		_, _, _ = fetch(a, "")
		return nil
	})
	x.sameUser = func(netip.AddrPort, netip.AddrPort) (bool, error) { return false, errors.ErrUnsupported }
	x.stayUnchecked = 10 * time.Millisecond
	x.end = func(context.Context, *Env, wire.Link) error { return nil }
	if e, code := x.runTest(t); code != 1 || !strings.Contains(e.words.String(), "was fetched twice") {
		t.Errorf("%d %q", code, e.words.String())
	}
	// One fetch ends nothing.
	x.open = func(_ context.Context, a string) error {
		_, _, err := fetch(a, "")
		return err
	}
	x.end = func(context.Context, *Env, wire.Link) error { return errors.New("it was not asked to") }
	if e, code := x.runTest(t); code != 0 || !strings.Contains(e.words.String(), "a second fetch ends the access") {
		t.Errorf("%d %q", code, e.words.String())
	}
}

func TestTheGrantOfALinkIsEndedAndNoOther(t *testing.T) {
	d := granted(t)
	d.grants = append(d.grants, d.grants[0], d.grants[0])
	d.grants[1].ID, d.grants[1].Role = "REQROLE", "Viewer"
	d.grants[2].ID, d.grants[2].Account = "REQACCOUNT", "222222222222"
	d.keysOf()
	if err := endAccess(t.Context(), d.Env, linkOf(awsLink)); err != nil {
		t.Fatal(err)
	}
	for i, want := range []access.State{access.Ended, access.Active, access.Active} {
		if d.grants[i].State != string(want) {
			t.Errorf("%s is %s, want %s", d.grants[i].ID, d.grants[i].State, want)
		}
	}
	for _, name := range d.files() {
		if strings.Contains(name, "cache") {
			t.Errorf("%s is still there", name)
		}
	}
	d.offline()
	if err := endAccess(t.Context(), d.Env, linkOf(awsLink)); err == nil {
		t.Error("without a server, the access counts as ended")
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
	x := testConsole(awsLink, func(context.Context, string) error { return nil })
	x.wait = 50 * time.Millisecond
	if e, code := x.runTest(t); code != 3 || !strings.Contains(e.words.String(), "use --print") {
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
