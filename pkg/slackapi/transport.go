package slackapi

import (
	"io"
	"net/http"
)

// maxAnswer bounds what is read of one answer, in bytes. A page of a thousand
// users takes about three million.
const maxAnswer = 16 << 20

// guarded is the client as it may be used with Slack: redirects are answers
// (a token or a response URL must not follow one elsewhere), and answers end.
func guarded(given *http.Client) *http.Client {
	var c http.Client
	if given != nil {
		c = *given
	}
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.Transport = bounded{c.Transport}
	return &c
}

// bounded cuts answers off after maxAnswer bytes.
type bounded struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	next := b.next
	if next == nil {
		next = http.DefaultTransport
	}
	answer, err := next.RoundTrip(r)
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
