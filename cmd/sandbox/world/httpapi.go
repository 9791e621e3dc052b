package world

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/aws-access/aws-access/pkg/gateway"
)

// maxBody is about the largest body, in bytes, that fits in base64 into an event
// of Lambda's 6 MB. The handlers refuse far smaller ones.
const maxBody = 4 << 20

// httpAPI simulates the HTTP API before a public function: it turns requests into
// events and the function's answers into responses.
type httpAPI struct {
	function string // for the log
	invoke   func(ctx context.Context, event []byte) ([]byte, error)
	now      func() time.Time
	log      *slog.Logger
}

func (a httpAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	answer := a.answer(r)
	for name, value := range answer.Headers {
		w.Header().Set(name, value)
	}
	w.WriteHeader(answer.StatusCode)
	_, _ = io.WriteString(w, answer.Body) // a client that hung up does not read it
}

// answer is the response to a request.
func (a httpAPI) answer(r *http.Request) events.APIGatewayV2HTTPResponse {
	event, err := gateway.Event(r, a.now())
	if err != nil {
		return gatewayError(http.StatusRequestEntityTooLarge, "Request Entity Too Large")
	}
	// A function does not notice when its caller hangs up.
	answer, err := a.call(context.WithoutCancel(r.Context()), event)
	if err != nil {
		a.log.ErrorContext(r.Context(), a.function+" failed", "error", err)
		return gatewayError(http.StatusInternalServerError, "Internal Server Error")
	}
	return answer
}

// gatewayError is an answer that the HTTP API gives without the function.
func gatewayError(status int, message string) events.APIGatewayV2HTTPResponse {
	return events.APIGatewayV2HTTPResponse{
		StatusCode: status, Headers: map[string]string{"content-type": "application/json"},
		Body: `{"message":"` + message + `"}`,
	}
}

// call runs the function on an event.
func (a httpAPI) call(
	ctx context.Context, event events.APIGatewayV2HTTPRequest,
) (answer events.APIGatewayV2HTTPResponse, err error) {
	payload, err := json.Marshal(event)
	if err != nil {
		return answer, fmt.Errorf("write the event: %w", err)
	}
	response, err := a.invoke(ctx, payload)
	if err != nil {
		return answer, err
	}
	if err := json.Unmarshal(response, &answer); err != nil {
		return answer, fmt.Errorf("read the function's answer: %w", err)
	}
	if answer.IsBase64Encoded {
		body, err := base64.StdEncoding.DecodeString(answer.Body)
		if err != nil {
			return answer, fmt.Errorf("decode the function's answer from base64: %w", err)
		}
		answer.Body = string(body)
	}
	return answer, nil
}
