// Package gateway turns Lambda's HTTP events (payload format 2.0, which HTTP APIs
// and function URLs deliver) into requests of net/http, and responses back.
//
// It promises that a handler reads exactly the bytes that the caller sent, because
// signatures are checked over them. It never parses a body.
package gateway

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/aws/aws-lambda-go/events"
)

// Handler lets an http.Handler answer Lambda's HTTP events. An event that cannot
// be read is answered with 400. The error that it returns is always nil.
func Handler(
	h http.Handler,
) func(context.Context, events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
	return func(ctx context.Context, e events.APIGatewayV2HTTPRequest) (events.APIGatewayV2HTTPResponse, error) {
		w := &recorder{header: make(http.Header), status: http.StatusOK}
		r, err := request(ctx, e)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
		} else {
			h.ServeHTTP(w, r)
		}
		return w.response(), nil
	}
}

// request returns the event as a request of net/http.
func request(ctx context.Context, e events.APIGatewayV2HTTPRequest) (*http.Request, error) {
	body := []byte(e.Body)
	if e.IsBase64Encoded {
		decoded, err := base64.StdEncoding.DecodeString(e.Body)
		if err != nil {
			return nil, fmt.Errorf("the body is not base64, though the event says so")
		}
		body = decoded
	}
	target := (&url.URL{Path: e.RawPath, RawQuery: e.RawQueryString}).String()
	r, err := http.NewRequestWithContext(ctx, e.RequestContext.HTTP.Method, target, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("the event holds no HTTP request")
	}
	// The gateway has joined headers of the same name with commas. They stay joined.
	for name, value := range e.Headers {
		r.Header.Set(name, value)
	}
	r.Host = e.RequestContext.DomainName
	r.RemoteAddr = e.RequestContext.HTTP.SourceIP
	return r, nil
}

// IsRoute reports whether a path that was asked for is a route. The HTTP API puts the name of a
// stage, or the base path of a custom domain, before the route.
func IsRoute(asked, route string) bool {
	base, ok := strings.CutSuffix(asked, route)
	return ok && isBase(base)
}

// isBase reports whether a text may stand before a route: nothing, or whole segments
// of the characters that API Gateway accepts in a base path. It refuses a path that
// another program could read differently, such as one with "..".
func isBase(base string) bool {
	unusual := func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !letter && !strings.ContainsRune("/$-_.+!*'()", r)
	}
	return base == "" || base[0] == '/' && base != "/" && path.Clean(base) == base && !strings.ContainsFunc(base, unusual)
}

// recorder keeps a response until the handler has finished.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (w *recorder) Header() http.Header         { return w.header }
func (w *recorder) WriteHeader(status int)      { w.status = status }
func (w *recorder) Write(p []byte) (int, error) { return w.body.Write(p) }

func (w *recorder) response() events.APIGatewayV2HTTPResponse {
	out := events.APIGatewayV2HTTPResponse{StatusCode: w.status, Headers: make(map[string]string)}
	for name, values := range w.header {
		out.Headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	if out.Body = w.body.String(); !utf8.ValidString(out.Body) {
		out.Body, out.IsBase64Encoded = base64.StdEncoding.EncodeToString(w.body.Bytes()), true
	}
	return out
}

// Event returns an HTTP request as the event that AWS would deliver: header names
// in lower case, headers of the same name joined with commas, and the body in
// base64 unless its type is text or JSON. Fakes of AWS use it.
func Event(r *http.Request, now time.Time) (events.APIGatewayV2HTTPRequest, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return events.APIGatewayV2HTTPRequest{}, fmt.Errorf("read the body: %w", err)
	}
	e := events.APIGatewayV2HTTPRequest{
		Version: "2.0", RouteKey: r.Method + " " + r.URL.Path, RawPath: r.URL.Path, RawQueryString: r.URL.RawQuery,
		Headers: make(map[string]string, len(r.Header)+1),
	}
	for name, values := range r.Header {
		e.Headers[strings.ToLower(name)] = strings.Join(values, ",")
	}
	e.Headers["host"] = r.Host
	e.RequestContext = events.APIGatewayV2HTTPRequestContext{
		RouteKey: e.RouteKey, Stage: "$default", APIID: "local", AccountID: "000000000000", DomainName: r.Host,
		Time: now.UTC().Format("02/Jan/2006:15:04:05 -0700"), TimeEpoch: now.UnixMilli(),
		HTTP: events.APIGatewayV2HTTPRequestContextHTTPDescription{
			Method: r.Method, Path: r.URL.Path, Protocol: r.Proto, SourceIP: "127.0.0.1", UserAgent: r.UserAgent(),
		},
	}
	kind := r.Header.Get("Content-Type")
	if text := strings.HasPrefix(kind, "text/") || strings.HasPrefix(kind, "application/json"); text && utf8.Valid(body) {
		e.Body = string(body)
		return e, nil
	}
	e.Body, e.IsBase64Encoded = base64.StdEncoding.EncodeToString(body), len(body) > 0
	return e, nil
}
