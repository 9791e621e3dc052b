package world

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	smithytime "github.com/aws/smithy-go/time"

	"github.com/aws-access/aws-access/cmd/sandbox/web"
)

// invocations simulates the part of Lambda's API through which functions reach
// each other.
type invocations struct {
	invokers []invoker
	calls    *Calls
	faults   *Faults
	order    func(function string, payload []byte)
	call     func(ctx context.Context, function string, payload []byte) ([]byte, error)
}

// invoker is a function that may invoke one other function.
type invoker struct {
	key      string // access key of its role
	function string // name of the only function that it may invoke
	waits    bool   // it waits for the answer, and never orders
}

// invokersOf are the functions that may invoke others, as template.yaml allows it.
func invokersOf(s Secrets) []invoker {
	return []invoker{
		{key: s.SlackKeys.AccessKeyID, function: "vend"},
		{key: s.APIKeys.AccessKeyID, function: "vend", waits: true},
		{key: s.TickKeys.AccessKeyID, function: "cut"},
	}
}

const (
	maxPayload = 1 << 20         // of an asynchronous invocation, in bytes; of a synchronous one it is 6 MB
	slowInvoke = 4 * time.Second // how late FaultSlow answers, in real time: later than Slack waits
	faultText  = "a fault of the sandbox"
)

func (i invocations) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPayload))
	kind, known := r.Header.Get("X-Amz-Invocation-Type"), slices.IndexFunc(i.invokers, func(by invoker) bool {
		return strings.Contains(r.Header.Get("Authorization"), "Credential="+by.key+"/")
	})
	if known < 0 {
		lambdaError(w, "AccessDeniedException", "User is not authorized to perform: lambda:InvokeFunction")
		return
	}
	by := i.invokers[known]
	i.calls.Count("invoke:" + by.function)
	switch {
	case r.PathValue("function") != functionARN(by.function):
		lambdaError(w, "ResourceNotFoundException", "Function not found: "+r.PathValue("function"))
		return
	case !by.waits && kind != "Event" || by.waits && kind != "RequestResponse":
		lambdaError(w, "InvalidParameterValueException", "This function never invokes "+by.function+" as "+kind+".")
		return
	case err != nil || !json.Valid(payload):
		lambdaError(w, "InvalidRequestContentException", "Could not parse request body into json.")
		return
	}
	how := i.faults.take("invoke:" + by.function)
	if failInvoke(w, r, how) {
		return
	}
	if by.waits {
		i.answer(w, r, by.function, payload, how == FaultLost)
		return
	}
	i.order(by.function, payload)
	if how == FaultLost {
		lambdaError(w, "ServiceException", faultText+": the work was done")
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// answer runs a synchronous invocation. The function does not notice when its caller
// hangs up.
func (i invocations) answer(w http.ResponseWriter, r *http.Request, function string, payload []byte, lost bool) {
	answer, err := i.call(context.WithoutCancel(r.Context()), function, payload)
	switch {
	case lost:
		lambdaError(w, "ServiceException", faultText+": the work was done")
	case err != nil:
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		web.JSON(w, http.StatusOK, map[string]string{"errorType": "errorString", "errorMessage": err.Error()})
	default:
		_, _ = w.Write(answer) // a client that hung up does not read it
	}
}

// failInvoke makes an invocation fail before its work is done. It reports
// whether it has.
func failInvoke(w http.ResponseWriter, r *http.Request, how string) (failed bool) {
	if code, ok := strings.CutPrefix(how, FaultCode); ok {
		lambdaError(w, code, faultText)
		return true
	}
	switch how {
	case FaultDead:
		panic(http.ErrAbortHandler) // closes the connection without an answer
	case FaultError:
		lambdaError(w, "ServiceException", faultText)
		return true
	case FaultThrottled:
		lambdaError(w, "TooManyRequestsException", "Rate Exceeded.")
		return true
	case FaultSlow:
		return smithytime.SleepWithContext(r.Context(), slowInvoke) != nil
	}
	return false
}

// lambdaError answers with an error code of Lambda.
func lambdaError(w http.ResponseWriter, code, message string) {
	w.Header().Set("X-Amzn-Errortype", code)
	web.JSON(w, lambdaStatus(code), map[string]string{"Message": message})
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
