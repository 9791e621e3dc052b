package lambdafake

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
)

// API serves the Invoke operation of Lambda's API, for AWS_ENDPOINT_URL_LAMBDA. A
// call must be signed for this service and region. The signature is not verified.
func (s *Server) API() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /2015-03-31/functions/{name}/invocations", s.serveInvoke)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, "UnknownOperationException", "Only Invoke is simulated.")
	})
	return mux
}

func (s *Server) serveInvoke(w http.ResponseWriter, r *http.Request) {
	id := newID()
	w.Header().Set("X-Amzn-RequestId", id)
	key, ok := signingKey(r, "lambda")
	if !ok {
		refuse(w, http.StatusForbidden, "MissingAuthenticationTokenException", "Missing Authentication Token")
		return
	}
	name := s.nameOf(r.PathValue("name"))
	if s.o.MayInvoke != nil && !s.o.MayInvoke(key, name) {
		refuse(w, http.StatusForbidden, "AccessDeniedException",
			"User is not authorized to perform: lambda:InvokeFunction on resource: "+r.PathValue("name")+
				" because no identity-based policy allows the lambda:InvokeFunction action")
		return
	}
	f, err := s.function(name)
	if err != nil {
		refuse(w, http.StatusNotFound, "ResourceNotFoundException", "Function not found: "+s.ARN(r.PathValue("name")))
		return
	}
	limit := maxSync
	kind := cmp.Or(r.Header.Get("X-Amz-Invocation-Type"), "RequestResponse")
	if kind == "Event" {
		limit = maxAsync
	}
	payload, err := io.ReadAll(io.LimitReader(r.Body, int64(limit)+1))
	if err != nil {
		return // the caller has hung up
	}
	if len(payload) == 0 {
		payload = []byte("{}") // the event that a function gets for an empty payload
	}
	if err := checkPayload(payload, limit); err != nil {
		refuseCall(w, err)
		return
	}
	s.serveKind(w, r, f, call{kind: kind, id: id, payload: payload})
}

// call is an Invoke call that was checked.
type call struct {
	kind, id string
	payload  []byte
}

func (s *Server) serveKind(w http.ResponseWriter, r *http.Request, f *function, c call) {
	switch c.kind {
	case "DryRun":
		w.WriteHeader(http.StatusNoContent)
	case "Event":
		if err := s.queue(f, c.id, c.payload); err != nil {
			refuseCall(w, err)
			return
		}
		w.WriteHeader(http.StatusAccepted)
	case "RequestResponse":
		answer, err := s.invoke(r.Context(), f, c.id, c.payload)
		s.answerCall(w, answer, err)
	default:
		refuse(w, http.StatusBadRequest, "InvalidParameterValueException",
			"InvocationType must be Event, RequestResponse or DryRun.")
	}
}

// answerCall answers a synchronous call. The status is 200 also if the function
// failed.
func (s *Server) answerCall(w http.ResponseWriter, answer []byte, err error) {
	failed, isFunction := errors.AsType[*FunctionError](err)
	if err != nil && !isFunction {
		refuseCall(w, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amz-Executed-Version", "$LATEST")
	if isFunction {
		w.Header().Set("X-Amz-Function-Error", "Unhandled")
		answer = failed.Payload
	}
	_, _ = w.Write(answer)
}

// refuseCall answers with the error of Lambda for a reason not to run a function.
func refuseCall(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, ErrTooLarge):
		refuse(w, http.StatusRequestEntityTooLarge, "RequestTooLargeException",
			"Request must be smaller than the quota for the InvokeFunction operation")
	case errors.Is(err, ErrNotJSON):
		refuse(w, http.StatusBadRequest, "InvalidRequestContentException",
			"Could not parse request body into json.")
	case errors.Is(err, ErrThrottled):
		refuse(w, http.StatusTooManyRequests, "TooManyRequestsException", "Rate Exceeded.")
	default:
		refuse(w, http.StatusInternalServerError, "ServiceException", "An internal error occurred.")
	}
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Amzn-Errortype", code)
	w.WriteHeader(status)
	_, _ = w.Write(mustJSON(map[string]string{"Type": "User", "message": message, "Message": message}))
}

// nameOf returns the name of a function. A caller may name a function by its name,
// its ARN or ACCOUNT:function:NAME, each with or without :$LATEST. An ARN of another
// account or region is returned unchanged: no function has such a name.
func (s *Server) nameOf(reference string) string {
	reference = strings.TrimSuffix(reference, ":$LATEST")
	if name, ok := strings.CutPrefix(reference, s.ARN("")); ok {
		return name
	}
	if name, ok := strings.CutPrefix(reference, account+":function:"); ok {
		return name
	}
	return reference
}

var authorization = regexp.MustCompile(
	`^AWS4-HMAC-SHA256 Credential=([A-Z0-9a-z]+)/\d{8}/([a-z0-9-]+)/([a-z]+)/aws4_request, ?` +
		`SignedHeaders=[a-z0-9;-]+, ?Signature=[0-9a-f]{64}$`)

// signingKey returns the access key id that signed a call. ok is false if the call
// is not signed for this service and region.
func signingKey(r *http.Request, service string) (key string, ok bool) {
	parts := authorization.FindStringSubmatch(r.Header.Get("Authorization"))
	if parts == nil || parts[2] != region || parts[3] != service {
		return "", false
	}
	return parts[1], true
}
