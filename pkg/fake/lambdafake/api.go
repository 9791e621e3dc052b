package lambdafake

import (
	"cmp"
	"errors"
	"io"
	"net/http"
	"regexp"
	"strings"
)

// API is Lambda's own API, as far as invoking goes: for AWS_ENDPOINT_URL_LAMBDA.
// Signatures must be there, for the service and region; they are not computed.
func (s *Server) API() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /2015-03-31/functions/{name}/invocations", s.serveInvoke)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) {
		refuse(w, http.StatusNotFound, "UnknownOperationException", "Only invocations are played.")
	})
	return mux
}

func (s *Server) serveInvoke(w http.ResponseWriter, r *http.Request) {
	id := newID()
	w.Header().Set("X-Amzn-RequestId", id)
	key, ok := signer(r, "lambda")
	if !ok {
		refuse(w, http.StatusForbidden, "MissingAuthenticationTokenException", "Missing Authentication Token")
		return
	}
	name := s.nameOf(r.PathValue("name"))
	if s.o.MayInvoke != nil && !s.o.MayInvoke(key, name) {
		refuse(w, http.StatusForbidden, "AccessDeniedException", "User is not authorized to perform: lambda:InvokeFunction on resource: "+
			r.PathValue("name")+" because no identity-based policy allows the lambda:InvokeFunction action")
		return
	}
	f, err := s.function(name)
	if err != nil {
		refuse(w, http.StatusNotFound, "ResourceNotFoundException", "Function not found: "+s.ARN(r.PathValue("name")))
		return
	}
	most := maxSync
	kind := cmp.Or(r.Header.Get("X-Amz-Invocation-Type"), "RequestResponse")
	if kind == "Event" {
		most = maxAsync
	}
	payload, err := io.ReadAll(io.LimitReader(r.Body, int64(most)+1))
	if err != nil {
		return // whoever called is gone
	}
	if len(payload) == 0 {
		payload = []byte("{}") // what a function sees of no payload at all
	}
	if err := check(payload, most); err != nil {
		refuseCall(w, err)
		return
	}
	s.serveKind(w, r, f, call{kind: kind, id: id, payload: payload})
}

// call is an invocation that is in order.
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
		refuse(w, http.StatusBadRequest, "InvalidParameterValueException", "InvocationType is Event, RequestResponse or DryRun.")
	}
}

// answerCall answers a synchronous call: with 200, also when the function
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

// refuseCall turns a reason not to run a function into Lambda's words.
func refuseCall(w http.ResponseWriter, err error) {
	switch {
	case errors.Is(err, ErrTooLarge):
		refuse(w, http.StatusRequestEntityTooLarge, "RequestTooLargeException", "Request must be smaller than the quota for the InvokeFunction operation")
	case errors.Is(err, ErrNotJSON):
		refuse(w, http.StatusBadRequest, "InvalidRequestContentException", "Could not parse request body into json.")
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

// nameOf is the name in what a caller calls a function: its name, its ARN, or
// ACCOUNT:function:NAME, each with or without :$LATEST. What is in another
// account or region is no function of ours.
func (s *Server) nameOf(called string) string {
	called = strings.TrimSuffix(called, ":$LATEST")
	if name, ok := strings.CutPrefix(called, s.ARN("")); ok {
		return name
	}
	if name, ok := strings.CutPrefix(called, account+":function:"); ok {
		return name
	}
	return called
}

var signed = regexp.MustCompile(`^AWS4-HMAC-SHA256 Credential=([A-Z0-9a-z]+)/\d{8}/([a-z0-9-]+)/([a-z]+)/aws4_request, ?SignedHeaders=[a-z0-9;-]+, ?Signature=[0-9a-f]{64}$`)

// signer is the access key id that a call is signed with, for a service.
func signer(r *http.Request, service string) (key string, ok bool) {
	parts := signed.FindStringSubmatch(r.Header.Get("Authorization"))
	if parts == nil || parts[2] != region || parts[3] != service {
		return "", false
	}
	return parts[1], true
}
