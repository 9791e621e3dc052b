package client

import (
	"crypto/tls"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/client/clienttest"
	"github.com/aws-access/aws-access/pkg/wire"
)

// forgery answers a request for keys, as somebody between the client and the server can.
type forgery func(t *testing.T, f *fixture, body []byte) wire.Response

// stranger is a server with other answer keys that knows the device.
func stranger(t *testing.T, f *fixture) *clienttest.Server {
	other := clienttest.New(t)
	other.URL = f.server.URL
	other.Pair(f.Key.Public())
	other.Answer = func(wire.Call) clienttest.Reply { return clienttest.Reply{Keys: sessionKeys(time.Now())} }
	return other
}

func unsignedOf(status int) forgery {
	return func(*testing.T, *fixture, []byte) wire.Response {
		return wire.Response{Status: status, Body: `{"code":"` + canary + `"}`}
	}
}

// altered changes an answer of the true server.
func altered(change func(*wire.Response)) forgery {
	return func(_ *testing.T, f *fixture, body []byte) wire.Response {
		r := f.server.Respond(body)
		change(&r)
		return r
	}
}

// another answers with what the server says to another call.
func another(p wire.Payload) forgery {
	return func(t *testing.T, f *fixture, _ []byte) wire.Response {
		sent, err := f.caller().Sign(p, time.Now())
		if err != nil {
			t.Fatal(err)
		}
		return f.server.Respond([]byte(sent.Body.Reveal()))
	}
}

var forgeries = map[string]struct {
	forge forgery
	code  Code
	text  string
}{
	"signed and sealed by another key": {
		func(t *testing.T, f *fixture, body []byte) wire.Response { return stranger(t, f).Respond(body) },
		NotTrusted, "not signed by the key that the URL names",
	},
	"a refusal signed by another key": {
		func(t *testing.T, f *fixture, body []byte) wire.Response {
			other := stranger(t, f)
			other.Answer = func(wire.Call) clienttest.Reply { return clienttest.Refuse(canary, canary, canary) }
			return other.Respond(body)
		}, NotTrusted, "not signed by the key that the URL names",
	},
	"sealed to another call":    {another(askKeys), NotTrusted, "not sealed to this call"},
	"an answer to another call": {another(wire.Payload{Op: wire.Options}), NotTrusted, "it answers another call"},
	"keys in the open": {
		func(*testing.T, *fixture, []byte) wire.Response {
			return wire.Response{Status: 200, Body: `{"access_key_id":"` + canary + `"}`}
		}, Unsigned, "not signed by the server",
	},
	"a damaged seal": {
		altered(func(r *wire.Response) { r.Body = strings.Replace(r.Body, "A", "B", 1) }), NotTrusted,
		"not sealed to this call",
	},
	"a signature that is none": {altered(func(r *wire.Response) { r.Signature = "CANARY" }), NotTrusted,
		"damaged or forged"},
	"a captive portal": {
		func(*testing.T, *fixture, []byte) wire.Response {
			return wire.Response{Status: 200, Body: "<html>" + canary + "</html>"}
		}, Unsigned, "the sign-in page of a network",
	},
	"nothing": {func(*testing.T, *fixture, []byte) wire.Response { return wire.Response{Status: 200} }, Unsigned,
		"not signed by the server"},
	"a huge answer": {
		func(*testing.T, *fixture, []byte) wire.Response {
			return wire.Response{Status: 200, Body: strings.Repeat(" ", wire.MaxAnswer+2)}
		}, NotTrusted, "too large",
	},
	"unsigned 400": {unsignedOf(400), NotUnderstood, "does not accept the call"},
	"unsigned 401": {unsignedOf(401), UnknownDevice, "type /aws-access login in Slack"},
	"unsigned 403": {unsignedOf(403), Unsigned, "not signed by the server"},
	"unsigned 404": {unsignedOf(404), Unsigned, "not signed by the server"},
	"unsigned 407": {unsignedOf(407), Unreachable, "the proxy wants a user"},
	"unsigned 413": {unsignedOf(413), NotUnderstood, "too large for the server"},
	"unsigned 429": {unsignedOf(429), Busy, "too many calls"},
	"unsigned 500": {unsignedOf(500), Unavailable, "HTTP 500"},
	"unsigned 502": {unsignedOf(502), Unavailable, "HTTP 502"},
}

func TestNothingOfAnAnswerThatIsNotTheServersIsUsed(t *testing.T) {
	for name, c := range forgeries {
		f := newFixture(t)
		f.server.Answer = func(call wire.Call) clienttest.Reply {
			if call.Payload.Op == wire.Keys {
				return clienttest.Reply{Keys: sessionKeys(time.Now())}
			}
			return clienttest.Reply{Body: map[string]string{"x": canary}}
		}
		f.server.Before = func(w http.ResponseWriter, _ *http.Request, body []byte) bool {
			clienttest.Write(w, c.forge(t, f, body))
			return true
		}
		answer, err := f.Do(t.Context(), askKeys)
		failure, ok := errors.AsType[*Failure](err)
		if !ok || failure.Code != c.code || !strings.Contains(failure.Text, c.text) {
			t.Errorf("%s: got %v, want %s with %q", name, err, c.code, c.text)
			continue
		}
		if strings.Contains(err.Error(), "CANARY") || answer.Status != 0 {
			t.Errorf("%s: something of the answer was used: %v", name, err)
		}
	}
}

// The status of HTTP is not signed, so a relay can change it without effect.
func TestStatusOfHTTPDoesNotCount(t *testing.T) {
	f := newFixture(t)
	f.server.Answer = func(wire.Call) clienttest.Reply { return clienttest.Refuse("no_grant", "No.", "") }
	f.server.Before = func(w http.ResponseWriter, _ *http.Request, body []byte) bool {
		r := f.server.Respond(body)
		r.Status = 200
		clienttest.Write(w, r)
		return true
	}
	if _, err := f.Do(t.Context(), askKeys); err == nil || err.Error() != "No." {
		t.Errorf("got %v, want the refusal", err)
	}
}

func TestRedirectIsNotFollowed(t *testing.T) {
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		t.Error("the redirect was followed")
	}))
	t.Cleanup(elsewhere.Close)
	for _, code := range []int{301, 302, 303, 307, 308} {
		f := newFixture(t)
		f.server.Before = func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
			http.Redirect(w, r, elsewhere.URL, code)
			return true
		}
		_, err := f.Do(t.Context(), askKeys)
		if failure, _ := errors.AsType[*Failure](err); failure == nil || failure.Code != Unsigned ||
			!strings.Contains(failure.Text, "redirect") {
			t.Errorf("%d: got %v", code, err)
		}
	}
}

func TestEachWayToGetNoAnswerHasItsWords(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := "http://" + listener.Addr().String() + "/v1"
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	plain := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(plain.Close)
	old := httptest.NewUnstartedServer(http.NotFoundHandler())
	old.Config.ErrorLog = log.New(io.Discard, "", 0)
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11}
	old.StartTLS()
	t.Cleanup(old.Close)
	self := httptest.NewUnstartedServer(http.NotFoundHandler())
	self.Config.ErrorLog = log.New(io.Discard, "", 0)
	self.StartTLS()
	t.Cleanup(self.Close)
	for name, c := range map[string]struct{ address, text string }{
		"nobody listens":            {nobody, "nothing accepts connections there; is the sandbox running? (" + nobody + ")"},
		"no such name":              {"https://no-such-name.invalid/v1", "its name cannot be found"},
		"plain http where TLS is":   {strings.Replace(plain.URL, "http:", "https:", 1) + "/v1", "does not speak https"},
		"an old TLS":                {old.URL + "/v1", "the server cannot be reached"},
		"a certificate of somebody": {self.URL + "/v1", "its certificate is not valid here"},
	} {
		f := newFixture(t)
		f.Server.Address = c.address
		f.HTTP.Transport.(*http.Transport).Proxy = nil
		_, err := f.Do(t.Context(), askKeys)
		failure, _ := errors.AsType[*Failure](err)
		if failure == nil || failure.Code != Unreachable || !strings.Contains(failure.Text, c.text) {
			t.Errorf("%s: got %v, want %q", name, err, c.text)
		}
	}
}

// A server that sends one byte a second must not keep the client for ever.
func TestSlowAnswerEndsInTime(t *testing.T) {
	f := newFixture(t)
	f.oneTry = 50 * time.Millisecond
	f.server.Before = func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, " ")
			_ = http.NewResponseController(w).Flush()
			time.Sleep(5 * time.Millisecond)
		}
		return true
	}
	_, err := f.Do(t.Context(), askKeys)
	failure, _ := errors.AsType[*Failure](err)
	if failure == nil || failure.Code != Unreachable || !strings.Contains(failure.Text, "no answer came in time") {
		t.Errorf("got %v", err)
	}
}

func TestProxyIsUsedForHTTPSAlone(t *testing.T) {
	transport := NewHTTP().Transport.(*http.Transport)
	plain := &http.Request{URL: &url.URL{Scheme: "http", Host: "192.0.2.1"}}
	t.Setenv("HTTP_PROXY", "http://192.0.2.2:3128")
	if proxy, err := transport.Proxy(plain); proxy != nil || err != nil {
		t.Errorf("plain http goes to %v, %v", proxy, err)
	}
}
