package world

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/aws-access/aws-access/cmd/sandbox/web"
	smithytime "github.com/aws/smithy-go/time"
)

// invocations plays the part of Lambda's API that orders go through: the
// asynchronous Invoke.
type invocations struct {
	accessKey string // who may call
	function  string // ARN
	calls     *Calls
	faults    *Faults
	order     func(payload []byte)
}

func (l invocations) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	refuse := func(status int, code, message string) {
		w.Header().Set("X-Amzn-Errortype", code)
		web.JSON(w, status, map[string]string{"Message": message})
	}
	l.calls.Count("invoke:vend")
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
	if code, ok := strings.CutPrefix(how, FaultCode); ok {
		refuse(lambdaStatus(code), code, "a fault of the sandbox")
		return
	}
	switch how {
	case FaultDead:
		panic(http.ErrAbortHandler) // closes the connection without an answer
	case FaultError:
		refuse(http.StatusInternalServerError, "ServiceException", "a fault of the sandbox")
		return
	case FaultThrottled:
		refuse(http.StatusTooManyRequests, "TooManyRequestsException", "Rate Exceeded.")
		return
	case FaultSlow:
		if smithytime.SleepWithContext(r.Context(), slowInvoke) != nil {
			return
		}
	}
	l.order(payload)
	if how == FaultLost {
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
