package lambdafake

import (
	"encoding/base64"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Limits of Lambda, in bytes.
const (
	maxSync   = 6 << 20       // event of a synchronous invocation
	maxAsync  = 1 << 20       // event of an asynchronous invocation
	maxAnswer = maxSync + 100 // answer of a function
)

const runtimeVersion = "/2018-06-01/runtime"

// runtimeAPI is the Runtime API that the process calls.
func (i *instance) runtimeAPI() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+runtimeVersion+"/invocation/next", i.serveNext)
	mux.HandleFunc("POST "+runtimeVersion+"/invocation/{id}/response", i.serveResponse)
	mux.HandleFunc("POST "+runtimeVersion+"/invocation/{id}/error", i.serveError)
	mux.HandleFunc("POST "+runtimeVersion+"/init/error", i.serveInitError)
	return mux
}

func (i *instance) serveNext(w http.ResponseWriter, r *http.Request) {
	p := poll{at: time.Now(), reply: make(chan *invocation, 1)}
	select {
	case i.polls <- p:
	case <-i.process.exited:
		return
	}
	var inv *invocation
	select {
	case inv = <-p.reply:
	case <-i.process.exited:
		return
	}
	if inv == nil {
		refuseRuntime(w, http.StatusForbidden, "InvalidStateTransition", "the last invocation was not answered")
		return
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Lambda-Runtime-Aws-Request-Id", inv.id)
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(inv.deadline.UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", i.f.s.ARN(i.f.name))
	h.Set("Lambda-Runtime-Trace-Id", traceHeader(inv.deadline))
	_, _ = w.Write(inv.payload) // if the process has ended, serve notices it
}

// traceHeader is an X-Ray header of a trace that is not recorded.
func traceHeader(at time.Time) string {
	id := strings.ReplaceAll(newID(), "-", "")
	return fmt.Sprintf("Root=1-%08x-%s;Parent=%s;Sampled=0", at.Unix(), id[:24], id[16:])
}

func (i *instance) serveResponse(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxAnswer+1))
	if err != nil {
		return // the process has ended
	}
	a := answer{id: r.PathValue("id"), body: body}
	large := len(body) > maxAnswer
	if large {
		a.err = instanceError(typeTooLarge, a.id,
			"Response payload size exceeded maximum allowed payload size (%d bytes).", maxAnswer)
	}
	// A trailer means that the function failed while it was writing the answer.
	if kind := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); kind != "" {
		text, _ := base64.StdEncoding.DecodeString(r.Trailer.Get("Lambda-Runtime-Function-Error-Body"))
		a.err = answeredError(text)
		a.err.Type = kind
	}
	i.acceptAnswer(w, a, large)
}

func (i *instance) serveError(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxSync))
	if err != nil {
		return
	}
	i.acceptAnswer(w, answer{id: r.PathValue("id"), err: answeredError(body)}, false)
}

// acceptAnswer gives an answer to the invocation, and responds to the process.
func (i *instance) acceptAnswer(w http.ResponseWriter, a answer, large bool) {
	a.accepted = make(chan bool, 1)
	select {
	case i.answers <- a:
	case <-i.process.exited:
		return
	}
	switch accepted := <-a.accepted; {
	case !accepted:
		refuseRuntime(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
	case large:
		refuseRuntime(w, http.StatusRequestEntityTooLarge, a.err.Type, a.err.Message)
	default:
		respondOK(w)
	}
}

func (i *instance) serveInitError(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxSync))
	if err != nil {
		return
	}
	select {
	case i.failed <- answeredError(body):
		respondOK(w)
	case <-i.process.exited:
	}
}

func respondOK(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`)
}

func refuseRuntime(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(mustJSON(map[string]string{"errorType": kind, "errorMessage": message}))
}
