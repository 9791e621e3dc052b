package dynamo_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
)

// wire is a transport between the client and DynamoDB Local. before may change a call
// or answer it itself; after may lose the answer. Both may be nil.
type wire struct {
	before func(call *call) *http.Response
	after  func(call *call) error

	mu    sync.Mutex
	calls []*call
}

// call is one request to DynamoDB.
type call struct {
	op   string
	body map[string]any
	nth  int // which call of this operation, from 1
}

func (w *wire) RoundTrip(req *http.Request) (*http.Response, error) {
	text, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	_, op, _ := strings.Cut(req.Header.Get("X-Amz-Target"), ".")
	c := &call{op: op}
	if err := json.Unmarshal(text, &c.body); err != nil {
		return nil, err
	}
	w.record(c)
	if w.before != nil {
		if answer := w.before(c); answer != nil {
			answer.Request = req
			return answer, nil
		}
	}
	if text, err = json.Marshal(c.body); err != nil {
		return nil, err
	}
	sent := req.Clone(req.Context())
	sent.Body, sent.ContentLength = io.NopCloser(bytes.NewReader(text)), int64(len(text))
	resp, err := http.DefaultTransport.RoundTrip(sent)
	if err == nil && w.after != nil {
		if err = w.after(c); err != nil {
			_ = resp.Body.Close()
			return nil, err
		}
	}
	return resp, err
}

func (w *wire) record(c *call) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.calls = append(w.calls, c)
	c.nth = len(w.callsOf(c.op))
}

// callsOf returns the calls of one operation. The caller holds the lock, or no call is
// running.
func (w *wire) callsOf(op string) (found []*call) {
	for _, c := range w.calls {
		if c.op == op {
			found = append(found, c)
		}
	}
	return found
}

var errLost = errors.New("connection lost")

// answer returns an answer of DynamoDB.
func answer(status int, body string) *http.Response {
	return &http.Response{
		StatusCode: status, Header: http.Header{"Content-Type": {"application/x-amz-json-1.0"}},
		Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)),
	}
}

// puts returns the items of a transaction.
func (c *call) puts() []any {
	puts, _ := c.body["TransactItems"].([]any)
	return slices.DeleteFunc(slices.Clone(puts), func(item any) bool { return item.(map[string]any)["Put"] == nil })
}

// put returns the Put of an item of a transaction.
func put(item any) map[string]any { return item.(map[string]any)["Put"].(map[string]any) }

// sortKey returns the sort key of the item that a Put writes.
func sortKey(put map[string]any) string {
	return put["Item"].(map[string]any)["sk"].(map[string]any)["S"].(string)
}

// unconditional removes the condition from a Put.
func unconditional(put map[string]any) {
	for _, name := range []string{"ConditionExpression", "ExpressionAttributeNames", "ExpressionAttributeValues"} {
		delete(put, name)
	}
}
