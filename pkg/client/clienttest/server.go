// Package clienttest has a server of docs/wire.md for tests of those who call one. It checks each call as
// the real one does, signs and seals its answers by the same code, and can answer wrongly.
package clienttest

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/wire"
)

// Server is a server. Answer decides what it says to calls that are valid.
type Server struct {
	*httptest.Server
	URL  wire.URL
	Keys wire.AnswerKeys

	// Answer answers a call. It may be changed while no call is under way.
	Answer func(wire.Call) Reply
	// Before sees each request first, with its body; true means that it has answered. Nil for none.
	Before func(w http.ResponseWriter, r *http.Request, body []byte) bool
	// Now is the server's clock.
	Now func() time.Time

	mu      sync.Mutex
	devices map[string]wire.PublicKey
	seen    map[string]wire.Response // by id of the call
	bodies  []string                 // of all requests
	calls   []wire.Call              // those that had an effect
}

// SetBefore sets Before for calls of another process, whose start orders nothing for the race
// detector.
func (s *Server) SetBefore(before func(w http.ResponseWriter, r *http.Request, body []byte) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Before = before
}

// Reply is what a server says: a body, or keys or a link that are sealed.
type Reply struct {
	Status int // 0 for 200
	Body   any
	Keys   *wire.SessionKeys
	Link   *wire.Link
}

// Refuse is a refusal.
func Refuse(code, text, next string) Reply {
	return Reply{Status: http.StatusForbidden, Body: wire.Refusal{Code: code, Text: text, Next: next}}
}

// NewKeys makes answer keys, one of them if next is false.
func NewKeys(t testing.TB, next bool) wire.AnswerKeys {
	t.Helper()
	n := 1
	if next {
		n = 2
	}
	return keysOf(t, privateKeys(t, n)...)
}

func privateKeys(t testing.TB, n int) (all []wire.PrivateKey) {
	t.Helper()
	for range n {
		key, err := wire.NewPrivateKey()
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, key)
	}
	return all
}

func keysOf(t testing.TB, keys ...wire.PrivateKey) wire.AnswerKeys {
	t.Helper()
	var text strings.Builder
	for _, key := range keys {
		pem, err := key.PEM()
		if err != nil {
			t.Fatal(err)
		}
		text.WriteString(pem.Reveal())
	}
	all, err := wire.ParseAnswerKeys(access.NewSecret(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// Rotation returns answer keys before, during and after the key is changed.
func Rotation(t testing.TB) (before, during, after wire.AnswerKeys) {
	t.Helper()
	keys := privateKeys(t, 2)
	return keysOf(t, keys[0]), keysOf(t, keys...), keysOf(t, keys[1])
}

// New starts a server on a loopback address, which speaks plain http.
func New(t testing.TB) *Server {
	t.Helper()
	s := newServer(t)
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	s.URL = wire.URL{Address: s.Server.URL + "/v1", AnswerKey: s.Keys.Thumbprint()}
	return s
}

// NewTLS starts a server whose address is https://example.com/v1. Transport leads there.
func NewTLS(t testing.TB) *Server {
	t.Helper()
	s := newServer(t)
	s.Server = httptest.NewTLSServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	s.URL = wire.URL{Address: "https://example.com/v1", AnswerKey: s.Keys.Thumbprint()}
	return s
}

func newServer(t testing.TB) *Server {
	return &Server{
		Keys: NewKeys(t, false), Now: time.Now, devices: make(map[string]wire.PublicKey),
		seen:   make(map[string]wire.Response),
		Answer: func(wire.Call) Reply { return Refuse("not_asked", "This test has no answer.", "") },
	}
}

// Pair makes a key a device.
func (s *Server) Pair(key wire.PublicKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.devices[key.Thumbprint()] = key
}

// Remove removes a device.
func (s *Server) Remove(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.devices, id)
}

// Bodies are the bodies of all requests.
func (s *Server) Bodies() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.bodies...)
}

// Calls are the calls that had an effect, in the order in which they came.
func (s *Server) Calls() []wire.Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]wire.Call(nil), s.calls...)
}

// Ops are the operations of Calls.
func (s *Server) Ops() (all []string) {
	for _, c := range s.Calls() {
		all = append(all, string(c.Payload.Op))
	}
	return all
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, wire.MaxCall+1))
	if err != nil {
		return
	}
	s.mu.Lock()
	s.bodies = append(s.bodies, string(body))
	before := s.Before
	s.mu.Unlock()
	if before != nil && before(w, r, body) {
		return
	}
	Write(w, s.Respond(body))
}

// Write writes a response as the public function does.
func Write(w http.ResponseWriter, r wire.Response) {
	if r.Signature != "" {
		w.Header().Set(wire.SignatureHeader, r.Signature)
	}
	w.WriteHeader(r.Status)
	_, _ = io.WriteString(w, r.Body)
}

// Respond answers the body of a request. A call that comes again is not answered anew.
func (s *Server) Respond(body []byte) wire.Response {
	u, err := wire.Parse(body, s.URL.Address)
	if err != nil {
		return unsigned(wire.CodeOf(err).Status(), string(wire.CodeOf(err)))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key, embedded := u.Embedded()
	if !embedded {
		if key = s.devices[u.Thumbprint()]; key.Thumbprint() == "" {
			return unsigned(http.StatusUnauthorized, "unknown_device")
		}
	}
	call, err := u.Verify(key, s.Now())
	switch wire.CodeOf(err) {
	case "":
	case wire.Clock:
		return s.sign(u.Ref(), Reply{Status: http.StatusUnauthorized, Body: wire.Refusal{Code: string(wire.Clock)}})
	default:
		return unsigned(http.StatusUnauthorized, string(wire.CodeOf(err)))
	}
	if r, again := s.seen[call.ID()]; again {
		return r
	}
	s.calls = append(s.calls, call)
	reply := s.Answer(call)
	if call.Payload.Op == wire.Pair && (reply.Status == 0 || reply.Status == http.StatusOK) {
		s.devices[call.Key.Thumbprint()] = call.Key
	}
	r := s.sign(call.Ref, reply)
	s.seen[call.ID()] = r
	return r
}

func (s *Server) sign(to wire.Ref, reply Reply) (r wire.Response) {
	var err error
	if reply.Status == 0 {
		reply.Status = http.StatusOK
	}
	switch {
	case reply.Keys != nil:
		r, err = s.Keys.SealKeys(to, *reply.Keys, s.Now())
	case reply.Link != nil:
		r, err = s.Keys.SealLink(to, *reply.Link, s.Now())
	default:
		r, err = s.Keys.Answer(to, reply.Status, reply.Body, s.Now())
	}
	if err != nil {
		return unsigned(http.StatusBadGateway, err.Error())
	}
	return r
}

func unsigned(status int, code string) wire.Response {
	return wire.Response{Status: status, Body: `{"code":"` + code + `"}`}
}
