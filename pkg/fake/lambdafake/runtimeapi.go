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

// Sizes that Lambda takes, in bytes.
const (
	maxSync   = 6 << 20 // event and answer of a synchronous invocation
	maxAsync  = 1 << 20 // event of an asynchronous one
	overshoot = 100     // an answer may be that much larger
)

const runtimeVersion = "/2018-06-01/runtime"

// runtimeAPI is what the process speaks to.
func (i *instance) runtimeAPI() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+runtimeVersion+"/invocation/next", i.serveNext)
	mux.HandleFunc("POST "+runtimeVersion+"/invocation/{id}/response", i.serveResponse)
	mux.HandleFunc("POST "+runtimeVersion+"/invocation/{id}/error", i.serveError)
	mux.HandleFunc("POST "+runtimeVersion+"/init/error", i.serveInitError)
	return mux
}

func (i *instance) serveNext(w http.ResponseWriter, r *http.Request) {
	mine := ask{at: time.Now(), reply: make(chan *invocation, 1)}
	select {
	case i.asks <- mine:
	case <-i.process.exited:
		return
	}
	var inv *invocation
	select {
	case inv = <-mine.reply:
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
	h.Set("Lambda-Runtime-Deadline-Ms", strconv.FormatInt(inv.until.UnixMilli(), 10))
	h.Set("Lambda-Runtime-Invoked-Function-Arn", i.f.s.ARN(i.f.name))
	h.Set("Lambda-Runtime-Trace-Id", trace(inv.until))
	_, _ = w.Write(inv.payload) // a process that is gone is noticed elsewhere
}

// trace is a header of X-Ray that says that nothing is recorded.
func trace(at time.Time) string {
	id := strings.ReplaceAll(newID(), "-", "")
	return fmt.Sprintf("Root=1-%08x-%s;Parent=%s;Sampled=0", at.Unix(), id[:24], id[16:])
}

func (i *instance) serveResponse(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxSync+overshoot+1))
	if err != nil {
		return // the process is gone
	}
	a := answer{id: r.PathValue("id"), body: body}
	large := len(body) > maxSync+overshoot
	if large {
		a.err = ended(typeTooLarge, a.id, "Response payload size exceeded maximum allowed payload size (%d bytes).", maxSync+overshoot)
	}
	// What was read is not all: the function failed while it wrote.
	if kind := r.Trailer.Get("Lambda-Runtime-Function-Error-Type"); kind != "" {
		text, _ := base64.StdEncoding.DecodeString(r.Trailer.Get("Lambda-Runtime-Function-Error-Body"))
		a.err = said(text)
		a.err.Type = kind
	}
	i.take(w, a, large)
}

func (i *instance) serveError(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxSync))
	if err != nil {
		return
	}
	i.take(w, answer{id: r.PathValue("id"), err: said(body)}, false)
}

// take hands an answer over.
func (i *instance) take(w http.ResponseWriter, a answer, large bool) {
	a.taken = make(chan bool, 1)
	select {
	case i.answers <- a:
	case <-i.process.exited:
		return
	}
	switch taken := <-a.taken; {
	case !taken:
		refuseRuntime(w, http.StatusBadRequest, "InvalidRequestID", "Invalid request ID")
	case large:
		refuseRuntime(w, http.StatusRequestEntityTooLarge, a.err.Type, a.err.Message)
	default:
		accepted(w)
	}
}

func (i *instance) serveInitError(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxSync))
	if err != nil {
		return
	}
	select {
	case i.failed <- said(body):
		accepted(w)
	case <-i.process.exited:
	}
}

func accepted(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"status":"OK"}`)
}

func refuseRuntime(w http.ResponseWriter, status int, kind, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(mustJSON(map[string]string{"errorType": kind, "errorMessage": message}))
}
