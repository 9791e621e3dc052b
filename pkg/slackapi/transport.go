package slackapi

import (
	"io"
	"net/http"
	"net/http/httptrace"
	"path"
	"sync/atomic"
	"time"
)

// maxAnswer is how many bytes of one answer are read. A page of a thousand users has about three million.
const maxAnswer = 16 << 20

// keepIdle is how long an unused connection is kept. A function is frozen between its events, for minutes; if the
// network drops the connection meanwhile, only the next call notices.
const keepIdle = 20 * time.Second

// safeClient is a copy of a client for calls to Slack. It follows no redirect, which would send a token to another
// host. It reads at most maxAnswer bytes of an answer. It repeats a call that failed because an idle connection had
// died, if the method may be repeated.
func safeClient(given *http.Client) *http.Client {
	var c http.Client
	if given != nil {
		c = *given
	}
	if c.Transport == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // the standard library's
		transport.IdleConnTimeout = keepIdle
		c.Transport = transport
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.Transport = limitAnswers{repeatOnDeadConnection{c.Transport}}
	return &c
}

// repeatable are the methods for which a second call has no further effect. Methods that post are not repeatable: the
// message would be posted twice. (net/http itself repeats a request if nothing of it was written.)
var repeatable = map[string]bool{
	"auth.test": true, "users.info": true, "users.list": true, "usergroups.users.list": true, "conversations.info": true,
	"conversations.open": true, "chat.update": true,
	"views.open": true, // a trigger opens one form; see OpenView
}

// repeatedKey is the key of a context's value (an *atomic.Bool) that is set when the call was made twice.
type repeatedKey struct{}

// repeatOnDeadConnection makes a repeatable call once more, on a new connection, if a connection that was kept from an
// earlier call ended before the first byte of the answer.
type repeatOnDeadConnection struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t repeatOnDeadConnection) RoundTrip(r *http.Request) (*http.Response, error) {
	var reused, answered atomic.Bool
	trace := &httptrace.ClientTrace{
		GotConn:              func(c httptrace.GotConnInfo) { reused.Store(c.Reused) },
		GotFirstResponseByte: func() { answered.Store(true) },
	}
	answer, err := t.next.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
	died := err != nil && reused.Load() && !answered.Load() && r.Context().Err() == nil
	if !died || !repeatable[path.Base(r.URL.Path)] {
		return answer, err
	}
	second := r.Clone(r.Context())
	if r.Body != nil && r.Body != http.NoBody {
		if r.GetBody == nil {
			return nil, err
		}
		body, bodyErr := r.GetBody()
		if bodyErr != nil {
			return nil, err
		}
		second.Body = body
	}
	if pool, ok := t.next.(interface{ CloseIdleConnections() }); ok {
		pool.CloseIdleConnections() // the other connections are as old
	}
	if twice, ok := r.Context().Value(repeatedKey{}).(*atomic.Bool); ok {
		twice.Store(true)
	}
	return t.next.RoundTrip(second)
}

// limitAnswers ends an answer with ErrTooLarge after maxAnswer bytes.
type limitAnswers struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t limitAnswers) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := t.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	answer.Body = &limitedBody{answer.Body, maxAnswer}
	return answer, nil
}

// limitedBody is a body that fails with ErrTooLarge once more than left bytes were read.
type limitedBody struct {
	io.ReadCloser
	left int64
}

func (b *limitedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, ErrTooLarge
	}
	return n, err
}
