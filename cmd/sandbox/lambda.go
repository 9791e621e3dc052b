package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-lambda-go/lambdacontext"
	smithytime "github.com/aws/smithy-go/time"
	"github.com/oklog/ulid/v2"

	"github.com/aws-access/aws-access/pkg/gateway"
)

// timeouts are how long the functions may run, in real time, as in the
// template.
var timeouts = map[string]time.Duration{
	"slack": 10 * time.Second, "notify": time.Minute, "vend": 30 * time.Second, "tick": 55 * time.Second,
}

// deployed makes instances of the functions of one deployment, by name. As on
// Lambda, an instance runs one event at a time: it keeps a buffer of its own.
type deployed map[string]func() lambda.Handler

// instances makes them of what a main hands to lambda.Start.
func instances(handler any) func() lambda.Handler {
	return func() lambda.Handler { return lambda.NewHandler(handler) }
}

// invoke runs a function on one serialised event, as Lambda does: with a
// request id, a deadline, and a panic that is an error.
func (d deployed) invoke(ctx context.Context, function string, event []byte) (answer []byte, err error) {
	instance, ok := d[function]
	if !ok {
		return nil, fmt.Errorf("there is no function %q", function)
	}
	ctx, stop := context.WithTimeout(ctx, timeouts[function])
	defer stop()
	ctx = lambdacontext.NewContext(ctx, &lambdacontext.LambdaContext{
		AwsRequestID: ulid.Make().String(), InvokedFunctionArn: functionARN(function),
	})
	defer func() {
		if panicked := recover(); panicked != nil {
			answer, err = nil, fmt.Errorf("function %s panicked: %v", function, panicked)
		}
	}()
	return instance().Invoke(ctx, event)
}

func functionARN(function string) string {
	return "arn:aws:lambda:" + region + ":" + bastion + ":function:aws-access-" + function
}

// scheduled is the event of the schedule that runs every minute.
func scheduled(at time.Time) []byte {
	event, err := json.Marshal(events.EventBridgeEvent{
		Version: "0", ID: ulid.Make().String(), DetailType: "Scheduled Event", Source: "aws.events", AccountID: bastion,
		Time: at.UTC().Truncate(time.Second), Region: region,
		Resources: []string{"arn:aws:events:" + region + ":" + bastion + ":rule/aws-access-tick"}, Detail: json.RawMessage("{}"),
	})
	if err != nil {
		panic(err) // it holds nothing that JSON cannot write
	}
	return event
}

// maxBody is about the most that fits into an event of Lambda's 6 MB in base64.
// What a handler itself refuses is far smaller.
const maxBody = 4 << 20

// endpoint is an HTTP API before a function: requests become events, and the
// answers' events become answers.
type endpoint struct {
	invoke func(ctx context.Context, event []byte) ([]byte, error)
	now    func() time.Time
	log    *slog.Logger
}

func (e endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	answer := e.answer(r)
	for name, value := range answer.Headers {
		w.Header().Set(name, value)
	}
	w.WriteHeader(answer.StatusCode)
	_, _ = io.WriteString(w, answer.Body) // whoever hung up does not read it
}

// answer is what the API says to a request.
func (e endpoint) answer(r *http.Request) events.APIGatewayV2HTTPResponse {
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

func (e endpoint) ask(ctx context.Context, event events.APIGatewayV2HTTPRequest) (answer events.APIGatewayV2HTTPResponse, err error) {
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
		answer.Body, err = decodeBase64(answer.Body)
	}
	return answer, err
}

// invocations plays the part of Lambda's API that orders go through: the
// asynchronous Invoke.
type invocations struct {
	accessKey string // who may call
	function  string // ARN
	calls     *calls
	faults    *faults
	order     func(payload []byte)
}

func (l invocations) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	refuse := func(status int, code, message string) {
		w.Header().Set("X-Amzn-Errortype", code)
		respond(w, status, map[string]string{"Message": message})
	}
	l.calls.count("invoke:vend")
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	switch {
	case !strings.Contains(r.Header.Get("Authorization"), "Credential="+l.accessKey+"/"):
		refuse(http.StatusForbidden, "AccessDeniedException", "User is not authorized to perform: lambda:InvokeFunction")
		return
	case r.PathValue("function") != l.function:
		refuse(http.StatusNotFound, "ResourceNotFoundException", "Function not found: "+r.PathValue("function"))
		return
	case r.Header.Get("X-Amz-Invocation-Type") != "Event":
		refuse(http.StatusBadRequest, "InvalidParameterValueException", "Only asynchronous invocations are played.")
		return
	case err != nil || !json.Valid(payload):
		refuse(http.StatusBadRequest, "InvalidRequestContentException", "Could not parse request body into json.")
		return
	}
	how := l.faults.take("invoke:vend")
	if code, ok := strings.CutPrefix(how, howCode); ok {
		refuse(lambdaStatus(code), code, "a fault of the sandbox")
		return
	}
	switch how {
	case howDead:
		panic(http.ErrAbortHandler) // closes the connection without an answer
	case howError:
		refuse(http.StatusInternalServerError, "ServiceException", "a fault of the sandbox")
		return
	case howThrottled:
		refuse(http.StatusTooManyRequests, "TooManyRequestsException", "Rate Exceeded.")
		return
	case howSlow:
		if smithytime.SleepWithContext(r.Context(), slowInvoke) != nil {
			return
		}
	}
	l.order(payload)
	if how == howLost {
		refuse(http.StatusInternalServerError, "ServiceException", "a fault of the sandbox: the work was done")
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// lambdaStatus is the HTTP status of an error of Lambda's Invoke, as its
// reference lists them (docs.aws.amazon.com/lambda, API_Invoke).
func lambdaStatus(code string) int {
	switch code {
	case "AccessDeniedException", "KMSAccessDeniedException":
		return http.StatusForbidden
	case "ResourceNotFoundException":
		return http.StatusNotFound
	case "ResourceConflictException":
		return http.StatusConflict
	case "TooManyRequestsException":
		return http.StatusTooManyRequests
	case "ServiceException":
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

// slowInvoke is how much later a slow invocation is accepted, in real time:
// later than Slack waits.
const slowInvoke = 4 * time.Second
