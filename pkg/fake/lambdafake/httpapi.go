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

// maxBody is the limit of an HTTP API for the body of a request, in bytes.
const maxBody = 10 << 20

// HTTPAPI is an HTTP API of API Gateway in front of a function, with payload format
// 2.0 and exact routes such as "POST /slack/commands". It answers 404 for all other
// requests.
func (s *Server) HTTPAPI(name string, routes ...string) http.Handler {
	return httpAPI{s: s, name: name, routes: routes}
}

type httpAPI struct {
	s      *Server
	name   string
	routes []string
}

func (h httpAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	route := r.Method + " " + r.URL.Path
	if !slices.Contains(h.routes, route) {
		respond(w, http.StatusNotFound, "Not Found")
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	payload, err := h.event(r)
	if err != nil {
		respond(w, http.StatusRequestEntityTooLarge, "Request Entity Too Large")
		return
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(r.Context()), h.s.o.HTTPLimit)
	defer stop()
	answer, err := h.s.Invoke(ctx, h.name, payload)
	if err == nil {
		err = write(w, answer)
	}
	switch {
	case err == nil:
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, ErrThrottled):
		respond(w, http.StatusServiceUnavailable, "Service Unavailable")
	case errors.Is(err, ErrTooLarge): // a body below 10 MB can make an event above 6 MB
		respond(w, http.StatusRequestEntityTooLarge, "Request Entity Too Large")
	default:
		h.s.o.Log.Warn("function behind an HTTP API failed", "function", h.name, "error", err)
		respond(w, http.StatusInternalServerError, "Internal Server Error")
	}
}

func respond(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(mustJSON(map[string]string{"message": message}))
}

// event converts a request to the event for the function. It returns an error if the
// body cannot be read to its end.
func (h httpAPI) event(r *http.Request) ([]byte, error) {
	e, err := gateway.Event(r, h.s.o.Now())
	if err != nil {
		return nil, err
	}
	source, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		source = r.RemoteAddr
	}
	c := &e.RequestContext
	c.AccountID, c.RequestID, c.HTTP.SourceIP = account, strings.ReplaceAll(newID(), "-", "")[:16], source
	e.Headers["x-forwarded-for"] = source
	e.Headers["x-forwarded-proto"], e.Headers["x-forwarded-port"] = "https", "443"
	for name, values := range r.URL.Query() {
		if e.QueryStringParameters == nil {
			e.QueryStringParameters = make(map[string]string)
		}
		e.QueryStringParameters[name] = strings.Join(values, ",")
	}
	if len(r.Header["Cookie"]) > 0 { // this format has a separate list of cookies
		delete(e.Headers, "cookie")
		for _, c := range r.Cookies() {
			e.Cookies = append(e.Cookies, c.String())
		}
	}
	return json.Marshal(e)
}

// write sends the function's answer. If an HTTP API cannot use the answer, it
// returns an error and writes nothing.
func write(w http.ResponseWriter, payload []byte) error {
	answer, err := parseAnswer(payload)
	if err != nil {
		return err
	}
	body := []byte(answer.Body)
	if answer.IsBase64Encoded {
		if body, err = base64.StdEncoding.DecodeString(answer.Body); err != nil {
			return fmt.Errorf("decode body of answer: %w", err)
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
	_, _ = w.Write(body) // fails only if the client has hung up
	return nil
}

// parseAnswer parses the function's answer. JSON without a status code is the body of
// a response with status 200.
func parseAnswer(payload []byte) (answer events.APIGatewayV2HTTPResponse, err error) {
	if !json.Valid(payload) {
		return answer, errors.New("the answer is not JSON")
	}
	var fields map[string]json.RawMessage
	_ = json.Unmarshal(payload, &fields) // fails for JSON that is not an object
	if _, ok := fields["statusCode"]; !ok {
		answer.StatusCode, answer.Body = http.StatusOK, string(payload)
		answer.Headers = map[string]string{"content-type": "application/json"}
		return answer, nil
	}
	if err := json.Unmarshal(payload, &answer); err != nil {
		return answer, fmt.Errorf("parse answer: %w", err)
	}
	if answer.StatusCode < 200 || answer.StatusCode > 599 {
		return answer, fmt.Errorf("the answer has the invalid status %d", answer.StatusCode)
	}
	return answer, nil
}
