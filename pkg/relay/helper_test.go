package relay

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/gateway"
	"github.com/aws-access/aws-access/pkg/wire"
)

var noon = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

const host = "abc123.execute-api.eu-west-1.amazonaws.com"

// world is the relay with one device, and a vend that answers what the test wants.
type world struct {
	t       *testing.T
	api     *API
	devices map[string]access.Device
	broken  error // of the table
	reads   int

	passed []string // what vend got
	answer string   // of vend, JSON of a wire.Response
	fails  error    // of vend

	caller wire.Caller
	now    time.Time
	logs   bytes.Buffer
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{t: t, devices: make(map[string]access.Device), now: noon}
	w.respond(wire.Response{Status: 200, Signature: "aGVhZA..c2ln", Body: `{"requests":[],"time":"x"}`})
	w.caller.Server = wire.URL{Address: "https://" + host + "/v1", AnswerKey: newKey(t).Public().Thumbprint()}
	w.caller.Key = w.pair()
	w.api = NewAPI(w, w, func() time.Time { return w.now }, slog.New(slog.NewJSONHandler(&w.logs, nil)))
	return w
}

func (w *world) Device(_ context.Context, id string) (access.Device, error) {
	w.reads++
	if w.broken != nil {
		return access.Device{}, w.broken
	}
	d, ok := w.devices[id]
	if !ok {
		return d, access.ErrNotFound
	}
	return d, nil
}

func (w *world) Call(_ context.Context, text string) ([]byte, error) {
	w.passed = append(w.passed, text)
	return []byte(w.answer), w.fails
}

// respond sets vend's answer.
func (w *world) respond(r wire.Response) {
	w.t.Helper()
	text, err := json.Marshal(r)
	if err != nil {
		w.t.Fatal(err)
	}
	w.answer = string(text)
}

func newKey(t *testing.T) wire.PrivateKey {
	t.Helper()
	key, err := wire.NewPrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// pair makes a device.
func (w *world) pair() wire.PrivateKey {
	w.t.Helper()
	key := newKey(w.t)
	text, err := json.Marshal(key.Public())
	if err != nil {
		w.t.Fatal(err)
	}
	id := key.Public().Thumbprint()
	w.devices[id] = access.Device{Version: 1, ID: id, Key: string(text), Owner: "U0DEV1", Expires: noon.Add(time.Hour)}
	return key
}

// sign makes a call of the device.
func (w *world) sign(p wire.Payload) string {
	w.t.Helper()
	sent, err := w.caller.Sign(p, w.now)
	if err != nil {
		w.t.Fatal(err)
	}
	return sent.Body.Reveal()
}

// list is a call that asks for the caller's requests.
func (w *world) list() string { return w.sign(wire.Payload{Op: wire.List}) }

// event is a request as the HTTP API delivers it.
func event(t *testing.T, body string) events.APIGatewayV2HTTPRequest {
	t.Helper()
	r := httptest.NewRequest(http.MethodPost, "https://"+host+"/v1", strings.NewReader(body))
	r.Header.Set("Content-Type", wire.ContentType)
	e, err := gateway.Event(r, noon)
	if err != nil {
		t.Fatal(err)
	}
	e.RequestContext.HTTP.SourceIP = "192.0.2.1"
	return e
}

// handle sends an event through the handler.
func (w *world) handle(e events.APIGatewayV2HTTPRequest) events.APIGatewayV2HTTPResponse {
	w.t.Helper()
	out, err := w.api.Handle(w.t.Context(), e)
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// send sends a call.
func (w *world) send(body string) events.APIGatewayV2HTTPResponse {
	w.t.Helper()
	return w.handle(event(w.t, body))
}

// wantRefused checks an answer of the relay's own: its status, its code and that it says
// nothing else.
func wantRefused(t *testing.T, got events.APIGatewayV2HTTPResponse, status int, code string) {
	t.Helper()
	if got.StatusCode != status || got.Body != `{"code":"`+code+`"}` {
		t.Errorf("got %d %s, want %d and only the code %s", got.StatusCode, got.Body, status, code)
	}
	if got.Headers["content-type"] != "application/json; charset=utf-8" || got.Headers["cache-control"] != "no-store" ||
		got.Headers["aws-access-signature"] != "" {
		t.Errorf("%s: the headers are %v", code, got.Headers)
	}
}
