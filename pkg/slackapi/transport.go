package slackapi

import (
	"io"
	"net/http"
	"net/http/httptrace"
	"path"
	"sync/atomic"
	"time"
)

// maxAnswer bounds what is read of one answer, in bytes. A page of a thousand
// users takes about three million.
const maxAnswer = 16 << 20

// keepIdle is how long a connection is kept that nobody uses. A function is frozen
// between its events, for minutes, and what the network forgets meanwhile is
// noticed only by the next call.
const keepIdle = 20 * time.Second

// guarded is the client as it may be used with Slack: redirects are answers
// (a token or a response URL must not follow one elsewhere), answers end, and a
// kept connection that has died costs no call that may be repeated.
func guarded(given *http.Client) *http.Client {
	var c http.Client
	if given != nil {
		c = *given
	}
	if c.Transport == nil {
		kept := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // the standard library's own
		kept.IdleConnTimeout = keepIdle
		c.Transport = kept
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.Transport = bounded{again{c.Transport}}
	return &c
}

// repeatable are the methods that do nothing, or the same, when they are done
// twice. A message would be posted twice. (net/http itself repeats a request of
// which nothing was written.)
var repeatable = map[string]bool{
	"auth.test": true, "users.info": true, "users.list": true, "usergroups.users.list": true, "conversations.info": true,
	"conversations.open": true, "chat.update": true,
	"views.open": true, // a trigger opens one form; see OpenView
}

// repeated is where a call's context says whether it was made twice.
type repeated struct{}

// again makes a call once more, on a fresh connection, if the one that was kept
// from an earlier call ended without one byte of an answer.
type again struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (a again) RoundTrip(r *http.Request) (*http.Response, error) {
	var kept, answered atomic.Bool
	trace := &httptrace.ClientTrace{
		GotConn:              func(c httptrace.GotConnInfo) { kept.Store(c.Reused) },
		GotFirstResponseByte: func() { answered.Store(true) },
	}
	answer, err := a.next.RoundTrip(r.WithContext(httptrace.WithClientTrace(r.Context(), trace)))
	if err == nil || !kept.Load() || answered.Load() || r.Context().Err() != nil || !repeatable[path.Base(r.URL.Path)] {
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
	if pool, ok := a.next.(interface{ CloseIdleConnections() }); ok {
		pool.CloseIdleConnections() // the others were kept as long
	}
	if twice, ok := r.Context().Value(repeated{}).(*atomic.Bool); ok {
		twice.Store(true)
	}
	return a.next.RoundTrip(second)
}

// bounded cuts answers off after maxAnswer bytes.
type bounded struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := b.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	answer.Body = &cut{answer.Body, maxAnswer}
	return answer, nil
}

// cut is a body that fails with ErrTooLarge once more than left was read.
type cut struct {
	io.ReadCloser
	left int64
}

func (c *cut) Read(p []byte) (int, error) {
	n, err := c.ReadCloser.Read(p)
	if c.left -= int64(n); c.left < 0 {
		return 0, ErrTooLarge
	}
	return n, err
}
