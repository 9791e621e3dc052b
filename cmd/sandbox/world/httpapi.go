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

	"github.com/aws-access/aws-access/pkg/gateway"
	"github.com/aws/aws-lambda-go/events"
)

// maxBody is about the most that fits into an event of Lambda's 6 MB in base64.
// What a handler itself refuses is far smaller.
const maxBody = 4 << 20

// endpoint is an HTTP API before a function: requests become events, and the
// answers' events become answers.
type httpAPI struct {
	invoke func(ctx context.Context, event []byte) ([]byte, error)
	now    func() time.Time
	log    *slog.Logger
}

func (e httpAPI) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	answer := e.answer(r)
	for name, value := range answer.Headers {
		w.Header().Set(name, value)
	}
	w.WriteHeader(answer.StatusCode)
	_, _ = io.WriteString(w, answer.Body) // whoever hung up does not read it
}

// answer is what the API says to a request.
func (e httpAPI) answer(r *http.Request) events.APIGatewayV2HTTPResponse {
	event, err := gateway.Event(r, e.now())
	if err != nil {
		return failed(http.StatusRequestEntityTooLarge, "Request Entity Too Large")
	}
	// A function does not notice that its caller hung up.
	answer, err := e.ask(context.WithoutCancel(r.Context()), event)
	if err != nil {
		e.log.ErrorContext(r.Context(), "slack failed", "error", err)
		return failed(http.StatusInternalServerError, "Internal Server Error")
	}
	return answer
}

// failed is an answer of the API's own.
func failed(status int, message string) events.APIGatewayV2HTTPResponse {
	return events.APIGatewayV2HTTPResponse{
		StatusCode: status, Headers: map[string]string{"content-type": "application/json"}, Body: `{"message":"` + message + `"}`,
	}
}

func (e httpAPI) ask(ctx context.Context, event events.APIGatewayV2HTTPRequest) (answer events.APIGatewayV2HTTPResponse, err error) {
	payload, err := json.Marshal(event)
	if err != nil {
		return answer, fmt.Errorf("write the event: %w", err)
	}
	said, err := e.invoke(ctx, payload)
	if err != nil {
		return answer, err
	}
	if err := json.Unmarshal(said, &answer); err != nil {
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
