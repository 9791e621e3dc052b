package client

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/wire"
)

// Limits of one call. The public function waits 25 seconds for vend (relay.VendTimeout).
const (
	oneTry     = 32 * time.Second
	connecting = 10 * time.Second
	maxHeader  = 64 << 10
	maxPause   = 10 * time.Second // as long as a server may ask to wait before this package gives up
)

// pauses are those before a call is sent again.
var pauses = [...]time.Duration{300 * time.Millisecond, time.Second, 3 * time.Second}

// NewHTTP returns the client that calls are sent with. It uses the proxy of the environment for https
// alone, and follows no redirect.
func NewHTTP() *http.Client {
	dialer := &net.Dialer{Timeout: connecting}
	return &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			Proxy: func(r *http.Request) (*url.URL, error) {
				if r.URL.Scheme != "https" {
					return nil, nil
				}
				return http.ProxyFromEnvironment(r)
			},
			DialContext:         dialer.DialContext,
			TLSClientConfig:     &tls.Config{MinVersion: tls.VersionTLS12},
			TLSHandshakeTimeout: connecting, DisableCompression: true, ForceAttemptHTTP2: true,
			MaxResponseHeaderBytes: maxHeader, IdleConnTimeout: time.Minute,
		},
	}
}

// reply is what came back, from the server or from anybody between.
type reply struct {
	status     int
	signature  string
	body       string
	retryAfter time.Duration
}

// deliver sends a call until an answer that the server signed comes, a few times at most. Every time it
// sends the same bytes: whether the call has had its effect is unknown if an answer was lost.
func (c *Client) deliver(ctx context.Context, sent *wire.Sent) (wire.Answer, error) {
	for try := 0; ; try++ {
		answer, failure := c.try(ctx, sent)
		if failure == nil {
			return answer, nil
		}
		if err := ended(ctx); err != nil {
			return wire.Answer{}, err
		}
		if try == len(pauses) || failure.pause < 0 || ctx.Err() != nil {
			return wire.Answer{}, failure.failure
		}
		if err := c.Pause(ctx, max(failure.pause, pauses[try])); err != nil {
			if err := ended(ctx); err != nil {
				return wire.Answer{}, err
			}
			return wire.Answer{}, failure.failure
		}
	}
}

// failedTry is a failure, and how long to wait before the next try; a negative time forbids one.
type failedTry struct {
	failure *Failure
	pause   time.Duration
}

const never = time.Duration(-1)

func (c *Client) try(ctx context.Context, sent *wire.Sent) (wire.Answer, *failedTry) {
	r, err := c.post(ctx, sent)
	if err != nil {
		f := &failedTry{failure: unreachable(c.Server, err)}
		if isCertificate(err) {
			f.pause = never
		}
		return wire.Answer{}, f
	}
	answer, err := sent.Read(wire.Response{Status: r.status, Signature: r.signature, Body: r.body})
	switch {
	case err == nil:
		return answer, nil
	case wire.CodeOf(err) == wire.Unsigned || r.signature == "" && r.status != http.StatusOK:
		return wire.Answer{}, &failedTry{unsigned(r), r.pause()}
	}
	return wire.Answer{}, &failedTry{notTrusted(err), never}
}

// pause is how long to wait before a call that was answered without a signature is sent again.
func (r reply) pause() time.Duration {
	switch r.status {
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return 0
	case http.StatusTooManyRequests:
		if r.retryAfter <= maxPause {
			return r.retryAfter
		}
	}
	return never
}

// post is the only place that reveals a signed call.
func (c *Client) post(ctx context.Context, sent *wire.Sent) (reply, error) {
	ctx, cancel := context.WithTimeout(ctx, cmp.Or(c.oneTry, oneTry))
	defer cancel()
	body := strings.NewReader(sent.Body.Reveal())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Server.Address, body)
	if err != nil {
		return reply{}, errors.New("the address is malformed")
	}
	request.Header.Set("Content-Type", wire.ContentType)
	request.Header.Set("User-Agent", "aws-access")
	response, err := c.HTTP.Do(request)
	if err != nil {
		return reply{}, cause(err)
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(response.Body, wire.MaxAnswer+1))
	if err != nil {
		return reply{}, err
	}
	r := reply{status: response.StatusCode, signature: response.Header.Get(wire.SignatureHeader), body: string(text)}
	if seconds, err := strconv.Atoi(response.Header.Get("Retry-After")); err == nil && seconds > 0 && seconds < 1e6 {
		r.retryAfter = time.Duration(seconds) * time.Second
	}
	return r, nil
}
