package deployed_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"path"
	"strings"
	"sync"
)

// wire is a proxy between the functions and all that they call. It makes calls fail by
// rules. Operations are named like dynamodb:PutItem, ssm:GetParameter, lambda:Invoke,
// sts:AssumeRole, slack:chat.postMessage.
type wire struct {
	callers map[string]string // function by access key

	mu    sync.Mutex
	rules []*rule
	sent  strings.Builder
}

// rule makes calls fail.
type rule struct {
	op    string                                   // prefix of the operation
	by    string                                   // function, "" for any; Slack does not know who calls
	skip  int                                      // how many calls succeed first
	limit int                                      // how many calls fail then; 0 for all
	how   func(w http.ResponseWriter, sent []byte) // answers instead; nil does the work
	then  func()                                   // after the work, before its answer
	lost  bool                                     // the work is done, and its answer is lost
	hit   int
}

func newWire() *wire { return &wire{callers: make(map[string]string)} }

// breaks adds a rule.
func (w *wire) breaks(r rule) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rules = append(w.rules, &r)
}

// recovers removes all rules.
func (w *wire) recovers() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rules = nil
}

// bodies is everything that functions have sent to DynamoDB and Lambda.
func (w *wire) bodies() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.sent.String()
}

// take returns the rule for a call; nil for none.
func (w *wire) take(op, by string, body []byte) *rule {
	w.mu.Lock()
	defer w.mu.Unlock()
	if strings.HasPrefix(op, "dynamodb:") || strings.HasPrefix(op, "lambda:") {
		w.sent.Write(body)
		w.sent.WriteByte('\n')
	}
	for _, r := range w.rules {
		if !strings.HasPrefix(op, r.op) || r.by != "" && r.by != by {
			continue
		}
		r.hit++
		if r.hit > r.skip && (r.limit == 0 || r.hit <= r.skip+r.limit) {
			return r
		}
	}
	return nil
}

func (w *wire) before(next http.Handler) http.Handler {
	return http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return // the caller has gone
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
		r := w.take(operation(req, body), w.caller(req), body)
		switch {
		case r == nil:
			next.ServeHTTP(rw, req)
			return
		case r.how != nil:
			r.how(rw, body)
			return
		}
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, req)
		if r.then != nil {
			r.then()
		}
		if r.lost {
			panic(http.ErrAbortHandler) // the connection is cut
		}
		for name, values := range answer.Header() {
			rw.Header()[name] = values
		}
		rw.WriteHeader(answer.Code)
		_, _ = rw.Write(answer.Body.Bytes())
	})
}

// caller is the function that signed a call, "" if none did.
func (w *wire) caller(r *http.Request) string {
	_, key, _ := strings.Cut(r.Header.Get("Authorization"), "Credential=")
	key, _, _ = strings.Cut(key, "/")
	return w.callers[key]
}

// operation names the called operation.
func operation(r *http.Request, body []byte) string {
	place, _, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	_, target, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch place {
	case "dynamodb", "ssm":
		return place + ":" + target
	case "lambda":
		return "lambda:Invoke"
	case "aws":
		form, _ := url.ParseQuery(string(body))
		return "sts:" + form.Get("Action")
	case "slack-api":
		if strings.Contains(r.URL.Path, "/response/") {
			return "slack:response"
		}
		return "slack:" + path.Base(r.URL.Path)
	}
	return place
}

// answers fails with an AWS error in JSON.
func answers(status int, code string) func(http.ResponseWriter, []byte) {
	return func(w http.ResponseWriter, _ []byte) {
		w.Header().Set("Content-Type", "application/x-amz-json-1.0")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, `{"__type":"com.amazonaws.dynamodb.v20120810#`+code+`","message":"simulated"}`)
	}
}

// repeats fails with a page that repeats what was sent.
func repeats(w http.ResponseWriter, sent []byte) {
	readable, _ := url.QueryUnescape(string(sent))
	http.Error(w, "<html>"+readable+string(sent)+"</html>", http.StatusForbidden)
}

// forward forwards calls to DynamoDB Local.
func forward(endpoint string) http.Handler {
	to, err := url.Parse(endpoint)
	if err != nil {
		panic(err) // it is an address of this computer
	}
	return &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Host = r.In.Host }}
}
