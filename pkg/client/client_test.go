package client

import (
	"context"
	"errors"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/client/clienttest"
	"github.com/aws-access/aws-access/pkg/home"
	"github.com/aws-access/aws-access/pkg/wire"
)

// canary stands in everything that nobody may print.
const canary = "CANARY\x1b[31m"

// fixture is a client of a server. It does not wait.
type fixture struct {
	*Client
	server *clienttest.Server
	said   []string
	waited []time.Duration
}

func fixtureOf(t *testing.T, s *clienttest.Server) *fixture {
	t.Helper()
	key, err := wire.NewPrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	s.Pair(key.Public())
	f := &fixture{server: s}
	f.Client = &Client{
		Server: s.URL, Key: key, HTTP: NewHTTP(), Now: time.Now,
		Pause: func(_ context.Context, d time.Duration) error { f.waited = append(f.waited, d); return nil },
		Say:   func(text string) { f.said = append(f.said, text) },
	}
	return f
}

func newFixture(t *testing.T) *fixture { return fixtureOf(t, clienttest.New(t)) }

// overTLS is a fixture whose server is elsewhere: its address is not of this computer.
func overTLS(t *testing.T) *fixture {
	t.Helper()
	f := fixtureOf(t, clienttest.NewTLS(t))
	transport := f.HTTP.Transport.(*http.Transport)
	transport.TLSClientConfig.RootCAs = f.server.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	to := f.server.Listener.Addr().String()
	transport.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, to)
	}
	return f
}

var askKeys = wire.Payload{Op: wire.Keys, Account: "111111111111", Role: "Operator"}

// sessionKeys end an hour after now.
func sessionKeys(now time.Time) *wire.SessionKeys {
	return &wire.SessionKeys{Account: "111111111111", Role: "Operator", Credentials: access.Credentials{
		AccessKeyID: "ASIAEXAMPLE", SecretKey: access.NewSecret("secret"), SessionToken: access.NewSecret("token"),
		Expires: now.Add(time.Hour),
	}}
}

func TestKeysArriveSealed(t *testing.T) {
	for name, f := range map[string]*fixture{"plain": newFixture(t), "https": overTLS(t)} {
		f.server.Answer = func(wire.Call) clienttest.Reply { return clienttest.Reply{Keys: sessionKeys(time.Now())} }
		answer, err := f.Do(t.Context(), askKeys)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		keys, err := answer.Keys()
		if err != nil || keys.Credentials.AccessKeyID != "ASIAEXAMPLE" || time.Since(answer.Sent) > time.Minute {
			t.Errorf("%s: got %v, %v", name, keys.Credentials.AccessKeyID, err)
		}
	}
}

func TestSignedRefusalIsARefusal(t *testing.T) {
	f := newFixture(t)
	want := wire.Refusal{Code: "no_grant", Text: "You have no access.", Next: "Ask."}
	f.server.Answer = func(wire.Call) clienttest.Reply { return clienttest.Refuse(want.Code, want.Text, want.Next) }
	_, err := f.Do(t.Context(), askKeys)
	refused, ok := errors.AsType[*home.Refused](err)
	if !ok || refused.Refusal != want || len(f.server.Bodies()) != 1 {
		t.Errorf("got %v after %d requests", err, len(f.server.Bodies()))
	}
}

// A fault of the server is no refusal: asking again may help, and nothing is kept.
func TestSignedFaultOfTheServerIsNoRefusal(t *testing.T) {
	for status, want := range map[int]Code{500: Unavailable, 503: Unavailable, 400: NotUnderstood} {
		f := newFixture(t)
		f.server.Answer = func(wire.Call) clienttest.Reply {
			return clienttest.Reply{Status: status, Body: wire.Refusal{Code: "error", Text: "It failed (01ABC).", Next: "Wait."}}
		}
		_, err := f.Do(t.Context(), askKeys)
		failure, _ := errors.AsType[*Failure](err)
		if failure == nil || failure.Code != want || failure.Text != "It failed (01ABC). Wait." {
			t.Errorf("%d: got %v, want %s", status, err, want)
		}
	}
}

// lose answers a request n times as if its answer was lost: the server has acted.
func lose(f *fixture, n int, how func(w http.ResponseWriter)) {
	f.server.Before = func(w http.ResponseWriter, _ *http.Request, body []byte) bool {
		if n--; n < 0 {
			return false
		}
		f.server.Respond(body)
		how(w)
		return true
	}
}

func hangUp(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

func status(code int) func(http.ResponseWriter) {
	return func(w http.ResponseWriter) {
		w.WriteHeader(code)
		_, _ = w.Write([]byte(`{"code":"` + canary + `"}`))
	}
}

func TestLostAnswerIsAskedForWithTheSameBytes(t *testing.T) {
	for name, how := range map[string]func(http.ResponseWriter){
		"hung up": hangUp, "502": status(502), "503": status(503), "504": status(504),
		"cut off": func(w http.ResponseWriter) {
			w.Header().Set("Content-Length", "1000")
			_, _ = w.Write([]byte("{"))
		},
	} {
		f := newFixture(t)
		f.server.Answer = func(wire.Call) clienttest.Reply { return clienttest.Reply{Keys: sessionKeys(time.Now())} }
		lose(f, 2, how)
		answer, err := f.Do(t.Context(), askKeys)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := answer.Keys(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		bodies := f.server.Bodies()
		if len(slices.Compact(bodies)) != 1 || len(f.server.Bodies()) != 3 || len(f.server.Calls()) != 1 {
			t.Errorf("%s: %d requests, %d calls", name, len(f.server.Bodies()), len(f.server.Calls()))
		}
	}
}

func TestTooManyCallsWaitsBriefly(t *testing.T) {
	for after, want := range map[string]struct {
		requests int
		text     string
	}{
		"2":   {len(pauses) + 1, "too many calls; try again in 2 seconds"},
		"600": {1, "too many calls; try again in 600 seconds"},
		"x":   {len(pauses) + 1, "too many calls; try again in a minute"},
	} {
		f := newFixture(t)
		lose(f, 100, func(w http.ResponseWriter) { w.Header().Set("Retry-After", after); status(429)(w) })
		_, err := f.Do(t.Context(), askKeys)
		failure, _ := errors.AsType[*Failure](err)
		if failure == nil || failure.Code != Busy || failure.Text != want.text || len(f.server.Bodies()) != want.requests {
			t.Errorf("after %s: got %v and %d requests, want %+v", after, err, len(f.server.Bodies()), want)
		}
		for _, d := range f.waited {
			if d > maxPause || after == "2" && d < 2*time.Second {
				t.Errorf("after %s it waited %v", after, d)
			}
		}
	}
}

func TestWrongClockIsFollowedOnce(t *testing.T) {
	f := overTLS(t)
	f.server.Answer = func(wire.Call) clienttest.Reply { return clienttest.Reply{Body: wire.Choices{}} }
	f.Now = func() time.Time { return time.Now().Add(-24 * time.Hour) }
	for range 2 {
		answer, err := f.Do(t.Context(), wire.Payload{Op: wire.Options})
		if err != nil {
			t.Fatal(err)
		}
		if gap := time.Since(answer.Sent); gap < 23*time.Hour {
			t.Errorf("the answer says that it was sent %v ago, by another clock than the computer's", gap)
		}
	}
	want := "This computer's clock is wrong by 24h0m0s; the server's time is used."
	if len(f.server.Bodies()) != 3 || !slices.Equal(f.said, []string{want}) {
		t.Errorf("%d requests, said %q", len(f.server.Bodies()), f.said)
	}
}

func TestClockThatIsFarWrongIsRefusedExceptOnThisComputer(t *testing.T) {
	far := func() time.Time { return time.Now().Add(30 * time.Hour) }
	f := overTLS(t)
	f.Now = far
	_, err := f.Do(t.Context(), askKeys)
	failure, _ := errors.AsType[*Failure](err)
	if failure == nil || failure.Code != WrongClock || !strings.Contains(failure.Text, "more than 25 hours") ||
		len(f.server.Bodies()) != 1 {
		t.Errorf("elsewhere: got %v after %d requests", err, len(f.server.Bodies()))
	}
	f = newFixture(t)
	f.server.Answer = func(wire.Call) clienttest.Reply { return clienttest.Reply{Body: wire.Choices{}} }
	f.Now = far
	if _, err := f.Do(t.Context(), wire.Payload{Op: wire.Options}); err != nil || len(f.said) != 1 {
		t.Errorf("on this computer: %v, said %q", err, f.said)
	}
}

// A server whose clock jumps must not make the client ask for ever.
func TestClockIsNotFollowedTwice(t *testing.T) {
	f := newFixture(t)
	hours := 0
	f.server.Now = func() time.Time { hours++; return time.Now().Add(time.Duration(hours) * time.Hour) }
	_, err := f.Do(t.Context(), askKeys)
	failure, _ := errors.AsType[*Failure](err)
	if failure == nil || failure.Code != WrongClock || len(f.server.Bodies()) != 2 {
		t.Errorf("got %v after %d requests", err, len(f.server.Bodies()))
	}
}

func TestNextAnswerKeyIsFollowed(t *testing.T) {
	f := newFixture(t)
	before, during, after := clienttest.Rotation(t)
	f.server.Answer = func(wire.Call) clienttest.Reply { return clienttest.Reply{Body: wire.Choices{}} }
	f.server.Keys, f.Server.AnswerKey = before, before.Thumbprint()
	var kept [][2]string
	f.Renamed = func(answerKey, next string) { kept = append(kept, [2]string{answerKey, next}) }
	ask := func(what string) {
		t.Helper()
		if _, err := f.Do(t.Context(), wire.Payload{Op: wire.Options}); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
	}
	ask("before")
	f.server.Keys = during
	ask("during")
	ask("during, again")
	f.server.Keys = after
	ask("after")
	ask("after, again")
	old, next := before.Thumbprint(), after.Thumbprint()
	if want := [][2]string{{old, next}, {next, ""}}; !slices.Equal(kept, want) {
		t.Errorf("kept %v, want %v", kept, want)
	}
	_, _, stranger := clienttest.Rotation(t)
	f.server.Keys = stranger
	_, err := f.Do(t.Context(), wire.Payload{Op: wire.Options})
	if failure, _ := errors.AsType[*Failure](err); failure == nil || failure.Code != NotTrusted {
		t.Errorf("a key that nobody named: %v", err)
	}
}

func TestMalformedCallIsNotSent(t *testing.T) {
	f := newFixture(t)
	_, err := f.Do(t.Context(), wire.Payload{Op: wire.Keys, Account: "a\nb", Role: "Operator"})
	if wire.CodeOf(err) != wire.BadPayload || len(f.server.Bodies()) != 0 {
		t.Errorf("got %v after %d requests", err, len(f.server.Bodies()))
	}
}

func TestInterruptStopsAtOnce(t *testing.T) {
	f := newFixture(t)
	ctx, cancel := context.WithCancel(t.Context())
	f.server.Before = func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
		cancel()
		<-r.Context().Done()
		return true
	}
	if _, err := f.Do(ctx, askKeys); !errors.Is(err, context.Canceled) || len(f.server.Bodies()) != 1 {
		t.Errorf("got %v after %d requests", err, len(f.server.Bodies()))
	}
}

// The answer with the keys was lost, and the server does not seal a second time: another call gets keys.
func TestKeysWhoseAnswerWasLostAreAskedForByAnotherCall(t *testing.T) {
	f := newFixture(t)
	calls := 0
	f.server.Answer = func(wire.Call) clienttest.Reply {
		if calls++; calls == 1 {
			return clienttest.Refuse(access.CodeOrderRepeated, "This call has already been answered.", "")
		}
		return clienttest.Reply{Body: wire.Choices{}}
	}
	if _, err := f.Do(t.Context(), wire.Payload{Op: wire.Options}); err != nil || calls != 2 {
		t.Errorf("got %v after %d calls", err, calls)
	}
	f.server.Answer = func(wire.Call) clienttest.Reply {
		calls++
		return clienttest.Refuse(access.CodeOrderRepeated, "This call has already been answered.", "")
	}
	_, err := f.Do(t.Context(), wire.Payload{Op: wire.Options})
	if refused, _ := errors.AsType[*home.Refused](err); refused == nil || calls != 4 {
		t.Errorf("a server that says so for ever: %v after %d calls", err, calls)
	}
}
