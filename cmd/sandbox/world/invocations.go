package world

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	smithytime "github.com/aws/smithy-go/time"

	"github.com/aws-access/aws-access/cmd/sandbox/web"
)

// invocations simulates the part of Lambda's API through which the public
// functions reach vend: the asynchronous Invoke of the slack function, and the
// synchronous one of the api function.
type invocations struct {
	orders   string // access key of the slack function
	waits    string // access key of the api function
	function string // ARN of the only function that may be called
	calls    *Calls
	faults   *Faults
	order    func(payload []byte)
	call     func(ctx context.Context, payload []byte) ([]byte, error)
}

const (
	maxPayload = 1 << 20         // of an asynchronous invocation, in bytes; of a synchronous one it is 6 MB
	slowInvoke = 4 * time.Second // how late FaultSlow answers, in real time: later than Slack waits
	faultText  = "a fault of the sandbox"
)

func (i invocations) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	i.calls.Count("invoke:vend")
	payload, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxPayload))
	by := func(key string) bool { return strings.Contains(r.Header.Get("Authorization"), "Credential="+key+"/") }
	kind, waits := r.Header.Get("X-Amz-Invocation-Type"), by(i.waits)
	switch {
	case !by(i.orders) && !waits:
		lambdaError(w, "AccessDeniedException", "User is not authorized to perform: lambda:InvokeFunction")
		return
	case r.PathValue("function") != i.function:
		lambdaError(w, "ResourceNotFoundException", "Function not found: "+r.PathValue("function"))
		return
	case !waits && kind != "Event" || waits && kind != "RequestResponse":
		lambdaError(w, "InvalidParameterValueException", "This function never invokes vend as "+kind+".")
		return
	case err != nil || !json.Valid(payload):
		lambdaError(w, "InvalidRequestContentException", "Could not parse request body into json.")
		return
	}
	how := i.faults.take("invoke:vend")
	if failInvoke(w, r, how) {
		return
	}
	if waits {
		i.answer(w, r, payload, how == FaultLost)
		return
	}
	i.order(payload)
	if how == FaultLost {
		lambdaError(w, "ServiceException", faultText+": the work was done")
		return
	}
	w.WriteHeader(http.StatusAccepted)
}

// answer runs a synchronous invocation. The function does not notice when its caller
// hangs up.
func (i invocations) answer(w http.ResponseWriter, r *http.Request, payload []byte, lost bool) {
	answer, err := i.call(context.WithoutCancel(r.Context()), payload)
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
