package relay

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/awscall"
	"github.com/aws-access/aws-access/pkg/handoff"
	"github.com/aws-access/aws-access/pkg/wire"
)

func TestCallAndAnswerArePassedByteForByte(t *testing.T) {
	w := newWorld(t)
	for name, answer := range map[string]wire.Response{
		"signed": {Status: 403, Signature: "aGVhZA..c2ln", Body: "{\"text\":\"grüße \\u003c \u2028\",\n \"time\": \"x\"}"},
		"sealed": {Status: 200, Body: `{"sealed":"` + strings.Repeat("A", 2<<20) + `"}`},
		"clock":  {Status: 401, Signature: "aGVhZA..c2ln", Body: `{"code":"clock","time":"x"}`},
	} {
		w.respond(answer)
		text := w.list()
		got := w.send(text)
		if sent := w.passed[len(w.passed)-1]; sent != text {
			t.Errorf("%s: vend got %q, want %q", name, sent, text)
		}
		if got.StatusCode != answer.Status || got.Body != answer.Body || got.IsBase64Encoded ||
			got.Headers["aws-access-signature"] != answer.Signature {
			t.Errorf("%s: got %d %v, want the answer of vend", name, got.StatusCode, got.Headers)
		}
		if got.Headers["content-type"] != "application/json; charset=utf-8" || got.Headers["cache-control"] != "no-store" {
			t.Errorf("%s: the headers are %v", name, got.Headers)
		}
	}
	if w.logs.Len() > 0 {
		t.Errorf("calls that were answered are logged: %s", &w.logs)
	}
}

// Vend reads only the bytes of the call. So nothing beside it may decide anything.
func TestHeadersAndCookiesDecideNothing(t *testing.T) {
	w := newWorld(t)
	e := event(t, w.list())
	e.Headers["host"], e.Headers["x-forwarded-host"] = "evil.example", "evil.example"
	e.Headers["authorization"], e.Headers["x-forwarded-for"] = "Bearer x", "203.0.113.9"
	e.Cookies = []string{"a=b"}
	if got := w.handle(e); got.StatusCode != http.StatusOK {
		t.Errorf("got %d %s", got.StatusCode, got.Body)
	}
}

// httpEvent is an event of the HTTP API.
type httpEvent = events.APIGatewayV2HTTPRequest

func TestRequestThatIsNoCallIsRefused(t *testing.T) {
	long := strings.Repeat("A", wire.MaxCall+1)
	method := func(m string) func(*httpEvent) { return func(e *httpEvent) { e.RequestContext.HTTP.Method = m } }
	body := func(text string) func(*httpEvent) {
		return func(e *httpEvent) { e.Body, e.IsBase64Encoded = text, false }
	}
	for name, c := range map[string]struct {
		change func(*httpEvent)
		status int
		code   string
	}{
		"another path":  {func(e *httpEvent) { e.RawPath = "/v2" }, 404, NotFound},
		"a path below":  {func(e *httpEvent) { e.RawPath = "/v1/x" }, 404, NotFound},
		"a slash after": {func(e *httpEvent) { e.RawPath = "/v1/" }, 404, NotFound},
		"dots":          {func(e *httpEvent) { e.RawPath = "/a/../v1" }, 404, NotFound},
		"Slack's route": {func(e *httpEvent) { e.RawPath = "/slack/commands" }, 404, NotFound},
		"a query":       {func(e *httpEvent) { e.RawQueryString = "a=b" }, 404, NotFound},
		"GET":           {method("GET"), 405, OnlyPost},
		"OPTIONS":       {method("OPTIONS"), 405, OnlyPost},
		"no type":       {func(e *httpEvent) { delete(e.Headers, "content-type") }, 415, WrongType},
		"a form": {func(e *httpEvent) {
			e.Headers["content-type"] = "application/x-www-form-urlencoded"
		}, 415, WrongType},
		"nothing":       {body(""), 400, "bad_form"},
		"JSON":          {body("{}"), 400, "bad_form"},
		"over 16 KiB":   {body(long), 413, "too_large"},
		"another host":  {func(e *httpEvent) { e.RequestContext.DomainName = "evil.example" }, 400, "wrong_url"},
		"another stage": {func(e *httpEvent) { e.RawPath = "/prod/v1" }, 400, "wrong_url"},
	} {
		w := newWorld(t)
		e := event(t, w.list())
		c.change(&e)
		got := w.handle(e)
		t.Run(name, func(t *testing.T) { wantRefused(t, got, c.status, c.code) })
		if len(w.passed) > 0 || w.reads > 0 {
			t.Errorf("%s: it read the table %d times and passed %d calls to vend", name, w.reads, len(w.passed))
		}
	}
}

func TestBasePathBelongsToTheAddress(t *testing.T) {
	w := newWorld(t)
	w.caller.Server.Address = "https://access.example.com/prod/v1"
	e := event(t, w.list())
	e.RequestContext.DomainName, e.RawPath = "access.example.com", "/prod/v1"
	if got := w.handle(e); got.StatusCode != http.StatusOK {
		t.Errorf("got %d %s", got.StatusCode, got.Body)
	}
}

// Only what can never leave the computer may be served without TLS.
func TestOnlyLoopbackIsServedOverHTTP(t *testing.T) {
	for host, loopback := range map[string]bool{
		"localhost": true, "localhost:8080": true, "127.0.0.1": true, "127.0.0.1:8080": true, "[::1]:8080": true,
		"[::1]": true, "localhost.evil.example": false, "127.0.0.1.evil.example": false, "10.0.0.1": false,
		"evil.example:80": false, "": false, "0.0.0.0:8080": false,
	} {
		want := "https://" + host + "/v1"
		if loopback {
			want = "http://" + host + "/v1"
		}
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "/v1", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Host = host
		if got := address(r); got != want {
			t.Errorf("%q: the address is %s, want %s", host, got, want)
		}
	}
}

func TestOnlyADeviceThatIsPairedReachesVend(t *testing.T) {
	other := newKey(t)
	for name, c := range map[string]struct {
		change func(*world, *access.Device)
		status int
		code   string
	}{
		"paired":          {func(*world, *access.Device) {}, 200, ""},
		"removed":         {func(_ *world, d *access.Device) { d.Removed = noon.Add(-time.Hour) }, 401, UnknownDevice},
		"expired":         {func(_ *world, d *access.Device) { d.Expires = noon }, 401, UnknownDevice},
		"without an end":  {func(_ *world, d *access.Device) { d.Expires = time.Time{} }, 401, UnknownDevice},
		"unknown":         {func(w *world, _ *access.Device) { w.devices = nil }, 401, UnknownDevice},
		"another item":    {func(_ *world, d *access.Device) { d.ID = other.Public().Thumbprint() }, 401, UnknownDevice},
		"nothing":         {func(_ *world, d *access.Device) { *d = access.Device{} }, 401, UnknownDevice},
		"a malformed key": {func(_ *world, d *access.Device) { d.Key = "{}" }, 503, Unavailable},
		"no table":        {func(w *world, _ *access.Device) { w.broken = errors.New("away") }, 503, Unavailable},
		"another key": {func(_ *world, d *access.Device) {
			text, err := other.Public().MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			d.Key = string(text)
		}, 401, "bad_signature"},
	} {
		w := newWorld(t)
		id := w.caller.Key.Public().Thumbprint()
		d := w.devices[id]
		c.change(w, &d)
		if w.devices != nil {
			w.devices[id] = d
		}
		got := w.send(w.list())
		if c.code == "" {
			if got.StatusCode != c.status || len(w.passed) != 1 {
				t.Errorf("%s: got %d, and vend got %d calls", name, got.StatusCode, len(w.passed))
			}
			continue
		}
		t.Run(name, func(t *testing.T) { wantRefused(t, got, c.status, c.code) })
		if len(w.passed) > 0 {
			t.Errorf("%s: it was passed to vend", name)
		}
	}
}

func TestForgedSignatureNeverReachesVend(t *testing.T) {
	w := newWorld(t)
	one, two := w.list(), w.list()
	embedded := w.caller
	embedded.Key = newKey(t)
	machine, err := embedded.Sign(wire.Payload{Op: wire.Status, OIDC: access.NewSecret("a.b.c")}, noon)
	if err != nil {
		t.Fatal(err)
	}
	cut := func(s string) (head, tail string) { i := strings.LastIndex(s, "."); return s[:i], s[i:] }
	head, _ := cut(one)
	machineHead, _ := cut(machine.Body.Reveal())
	_, tail := cut(two)
	for name, forged := range map[string]string{
		"another call's": head + tail, "a device's, of a machine": machineHead + tail,
	} {
		got := w.send(forged)
		t.Run(name, func(t *testing.T) { wantRefused(t, got, 401, "bad_signature") })
	}
	if len(w.passed) > 0 {
		t.Errorf("vend got %d forged calls", len(w.passed))
	}
}

// A machine and a pairing bring their key, so the table has nothing to say.
func TestEmbeddedKeyNeedsNoTable(t *testing.T) {
	w := newWorld(t)
	w.broken = errors.New("must not be asked")
	w.caller.Key = newKey(t)
	got := w.send(w.sign(wire.Payload{Op: wire.Status, OIDC: access.NewSecret("a.b.c")}))
	code, err := wire.NewPairingCode()
	if err != nil {
		t.Fatal(err)
	}
	pair, err := w.caller.Pair(code, "laptop", noon)
	if err != nil {
		t.Fatal(err)
	}
	paired := w.send(pair.Body.Reveal())
	if got.StatusCode != 200 || paired.StatusCode != 200 || len(w.passed) != 2 {
		t.Errorf("a machine got %d, a pairing %d: %s", got.StatusCode, paired.StatusCode, &w.logs)
	}
}

// The refusal of a wrong clock must be signed, because callers follow its time.
func TestVendAndNotTheRelayJudgesTheClock(t *testing.T) {
	w := newWorld(t)
	for _, off := range []time.Duration{-time.Hour, time.Hour} {
		sent, err := w.caller.Sign(wire.Payload{Op: wire.List}, noon.Add(off))
		if err != nil {
			t.Fatal(err)
		}
		if got := w.send(sent.Body.Reveal()); got.StatusCode != http.StatusOK {
			t.Errorf("%s: got %d %s, want it passed to vend", off, got.StatusCode, got.Body)
		}
	}
}

func TestVendThatDoesNotAnswerHasAFixedCode(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		fails  error
		status int
		code   string
	}{
		"it failed":             {`{"errorMessage":"canary"}`, handoff.ErrVendFailed, 502, VendFailed},
		"another failure":       {"", errors.New("connection reset"), 502, VendFailed},
		"it was too slow":       {"", fmt.Errorf("invoke vend: %w", context.DeadlineExceeded), 504, Timeout},
		"the stack is frozen":   {"", &awscall.Error{Status: 429, Code: "TooManyRequestsException"}, 503, Unavailable},
		"it may not be invoked": {"", &awscall.Error{Status: 403, Code: "AccessDeniedException"}, 502, VendFailed},
		"no JSON":               {"canary", nil, 502, VendFailed},
		"null":                  {"null", nil, 502, VendFailed},
		"no status":             {`{"body":"{}"}`, nil, 502, VendFailed},
		"a wrong status":        {`{"status":99,"body":"{}"}`, nil, 502, VendFailed},
		"no body":               {`{"status":200}`, nil, 502, VendFailed},
	} {
		w := newWorld(t)
		w.answer, w.fails = c.answer, c.fails
		got := w.send(w.list())
		t.Run(name, func(t *testing.T) { wantRefused(t, got, c.status, c.code) })
		if again := got.Headers["retry-after"]; (again == "1") != (c.status > 502) {
			t.Errorf("%s: Retry-After is %q", name, again)
		}
		if len(w.passed) != 1 || strings.Contains(w.logs.String(), "canary") {
			t.Errorf("%s: vend was called %d times; the log is %s", name, len(w.passed), &w.logs)
		}
	}
}

// slow answers when its context ends.
type slow struct{ left time.Duration }

func (s *slow) Call(ctx context.Context, _ string) ([]byte, error) {
	until, ok := ctx.Deadline()
	if !ok {
		return nil, errors.New("there is no deadline")
	}
	s.left = time.Until(until)
	return nil, context.DeadlineExceeded
}

func TestRelayDoesNotWaitForEver(t *testing.T) {
	w, s := newWorld(t), new(slow)
	w.api.vend = s
	wantRefused(t, w.send(w.list()), 504, Timeout)
	if s.left <= 0 || s.left > VendTimeout {
		t.Errorf("vend had %s, want at most %s", s.left, VendTimeout)
	}
}

func TestSourceAndKeyAreLimited(t *testing.T) {
	w := newWorld(t)
	junk := event(t, "junk")
	for range sourceBurst {
		wantRefused(t, w.handle(junk), 400, "bad_form")
	}
	got := w.handle(junk)
	wantRefused(t, got, 429, TooMany)
	if got.Headers["retry-after"] != "1" {
		t.Errorf("Retry-After is %q, want 1", got.Headers["retry-after"])
	}
	junk.RequestContext.HTTP.SourceIP = "192.0.2.2"
	wantRefused(t, w.handle(junk), 400, "bad_form")
	w.now = w.now.Add(time.Minute)
	for range keyBurst {
		if got := w.send(w.list()); got.StatusCode != http.StatusOK {
			t.Fatalf("got %d %s", got.StatusCode, got.Body)
		}
	}
	wantRefused(t, w.send(w.list()), 429, TooMany)
	if len(w.passed) != keyBurst {
		t.Errorf("vend got %d calls, want %d", len(w.passed), keyBurst)
	}
	w.now = w.now.Add(time.Second / keysPerSecond)
	if got := w.send(w.list()); got.StatusCode != http.StatusOK {
		t.Errorf("half a second later: got %d", got.StatusCode)
	}
	wantRefused(t, w.send(w.list()), 429, TooMany)
	w.caller.Key = w.pair()
	if got := w.send(w.list()); got.StatusCode != http.StatusOK {
		t.Errorf("another key got %d", got.StatusCode)
	}
}

// A farm of pipelines may have one network address, and one instance may get all of its calls.
func TestFiftyJobsBehindOneAddressAreNotLimited(t *testing.T) {
	w := newWorld(t)
	for range 50 {
		w.caller.Key = newKey(t)
		token := access.NewSecret("a.b.c")
		for _, p := range []wire.Payload{
			{Op: wire.Request, Account: "payments", Role: "Deploy", Length: "1h", Reason: "release", OIDC: token},
			{Op: wire.Keys, Account: "payments", Role: "Deploy", OIDC: token},
		} {
			if got := w.send(w.sign(p)); got.StatusCode != http.StatusOK {
				t.Fatalf("%s: got %d %s", p.Op, got.StatusCode, got.Body)
			}
		}
	}
	for range 30 { // and then five a second
		w.now = w.now.Add(200 * time.Millisecond)
		w.caller.Key = newKey(t)
		p := wire.Payload{Op: wire.Status, OIDC: access.NewSecret("a.b.c")}
		if got := w.send(w.sign(p)); got.StatusCode != http.StatusOK {
			t.Fatalf("later: got %d %s", got.StatusCode, got.Body)
		}
	}
}

// Otherwise anyone who knows a thumbprint could lock its owner out.
func TestForgedCallsDoNotUseUpTheLimitOfADevice(t *testing.T) {
	w := newWorld(t)
	text := w.list()
	cut := strings.LastIndex(text, ".") + 1
	forged := text[:cut] + base64.RawURLEncoding.EncodeToString(make([]byte, 64))
	for range keyBurst + 1 {
		wantRefused(t, w.send(forged), 401, "bad_signature")
	}
	if got := w.send(text); got.StatusCode != http.StatusOK {
		t.Errorf("the device got %d %s", got.StatusCode, got.Body)
	}
}

// Everything in a call and in an answer that is secret or private has the word canary.
func TestNothingOfACallOrAnAnswerIsLogged(t *testing.T) {
	w := newWorld(t)
	w.respond(wire.Response{Status: 200, Signature: "canary..canary", Body: `{"secret_access_key":"canary"}`})
	asked := wire.Payload{
		Op: wire.Request, Account: "canary-account", Role: "CanaryRole", Length: "1h", Reason: "canary reason",
		Ticket: "canary-1",
	}
	device := w.sign(asked)
	w.caller.Key = newKey(t)
	asked.OIDC = access.NewSecret("canary.canary.canary")
	token := w.sign(asked)
	asked.OIDC, asked.AWS = access.Secret{}, &wire.AWSProof{
		Region: "eu-west-1", Date: "20261126T120000Z", Token: access.NewSecret("canarytoken"), KeyID: "ASIACANARY1234567890",
		Signature: strings.Repeat("ca", 32),
	}
	role := w.sign(asked)
	for _, text := range []string{device, token, role} {
		for _, change := range []func(){
			func() {}, func() { w.fails = handoff.ErrVendFailed }, func() { w.answer = "canary" },
			func() { w.broken = errors.New("broken") },
		} {
			change()
			w.send(text)
			w.send(text + "canary")
			w.send(text[:len(text)-4] + "AAAA")
			w.send("canary" + text[6:])
			w.fails, w.broken = nil, nil
		}
		logged := strings.ToLower(w.logs.String())
		for i := 0; i+12 <= len(text); i += 12 {
			if part := strings.ToLower(text[i : i+12]); strings.Contains(logged, part) {
				t.Errorf("the log has a part of a call: %s", part)
			}
		}
	}
	if logged := strings.ToLower(w.logs.String()); strings.Contains(logged, "canary") || len(logged) < 1000 {
		t.Errorf("the log has something of a call, or nothing at all: %s", logged)
	}
}
