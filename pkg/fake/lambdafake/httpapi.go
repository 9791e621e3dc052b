package lambdafake

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"

	"github.com/aws/aws-lambda-go/events"

	"github.com/aws-access/aws-access/pkg/gateway"
)

// maxBody is the largest body that an HTTP API takes, in bytes.
const maxBody = 10 << 20

// HTTPAPI is an HTTP API (payload format 2.0) before a function, with exact routes
// such as "POST /slack/commands". Whatever is not a route is not found.
func (s *Server) HTTPAPI(name string, routes ...string) http.Handler {
	return front{s: s, name: name, routes: routes}
}

type front struct {
	s      *Server
	name   string
	routes []string
}

func (f front) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	route := r.Method + " " + r.URL.Path
	if !slices.Contains(f.routes, route) {
		say(w, http.StatusNotFound, "Not Found")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	payload, err := f.event(r)
	if err != nil {
		say(w, http.StatusRequestEntityTooLarge, "Request Entity Too Large")
		return
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(r.Context()), f.s.o.HTTPLimit)
	defer stop()
	answer, err := f.s.Invoke(ctx, f.name, payload)
	if err == nil {
		err = write(w, answer)
	}
	switch {
	case err == nil:
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, ErrThrottled):
		say(w, http.StatusServiceUnavailable, "Service Unavailable")
	case errors.Is(err, ErrTooLarge): // a body below 10 MB may well make an event above 6
		say(w, http.StatusRequestEntityTooLarge, "Request Entity Too Large")
	default:
		f.s.o.Log.Warn("a function behind an HTTP API failed", "function", f.name, "error", err)
		say(w, http.StatusInternalServerError, "Internal Server Error")
	}
}

func say(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(mustJSON(map[string]string{"message": message}))
}

// event is the request as the function sees it. An error means that the body
// could not be read to its end.
func (f front) event(r *http.Request) ([]byte, error) {
	e, err := gateway.Event(r, f.s.o.Now())
	if err != nil {
		return nil, err
	}
	source, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		source = r.RemoteAddr
	}
	c := &e.RequestContext
	c.AccountID, c.RequestID, c.HTTP.SourceIP = account, strings.ReplaceAll(newID(), "-", "")[:16], source
	e.Headers["x-forwarded-for"], e.Headers["x-forwarded-proto"], e.Headers["x-forwarded-port"] = source, "https", "443"
	for name, values := range r.URL.Query() {
		if e.QueryStringParameters == nil {
			e.QueryStringParameters = make(map[string]string)
		}
		e.QueryStringParameters[name] = strings.Join(values, ",")
	}
	if len(r.Header["Cookie"]) > 0 { // cookies stand apart in this format
		delete(e.Headers, "cookie")
		for _, c := range r.Cookies() {
			e.Cookies = append(e.Cookies, c.String())
		}
	}
	return json.Marshal(e)
}

// write answers as the function said. An error means that it said nothing that
// an HTTP API can use; nothing was written then.
func write(w http.ResponseWriter, said []byte) error {
	answer, err := read(said)
	if err != nil {
		return err
	}
	body := []byte(answer.Body)
	if answer.IsBase64Encoded {
		if body, err = base64.StdEncoding.DecodeString(answer.Body); err != nil {
			return fmt.Errorf("the answer's body is not base64: %w", err)
		}
	}
	for name, value := range answer.Headers {
		w.Header().Set(name, value)
	}
	for _, cookie := range answer.Cookies {
		w.Header().Add("Set-Cookie", cookie)
	}
	if w.Header().Get("Content-Type") == "" {
		w.Header().Set("Content-Type", "text/plain;charset=UTF-8")
	}
	w.WriteHeader(answer.StatusCode)
	_, _ = w.Write(body) // whoever hung up does not read it
	return nil
}

// read is the function's answer; JSON without a status is a body by itself.
func read(said []byte) (answer events.APIGatewayV2HTTPResponse, err error) {
	if !json.Valid(said) {
		return answer, errors.New("the answer is not JSON")
	}
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(said, &fields) // what is no object has no fields
	if _, formed := fields["statusCode"]; !formed {
		answer.StatusCode, answer.Body = http.StatusOK, string(said)
		answer.Headers = map[string]string{"content-type": "application/json"}
		return answer, nil
	}
	if err := json.Unmarshal(said, &answer); err != nil {
		return answer, fmt.Errorf("the answer cannot be read: %w", err)
	}
	if answer.StatusCode < 200 || answer.StatusCode > 599 {
		return answer, fmt.Errorf("the answer's status is %d", answer.StatusCode)
	}
	return answer, nil
}
