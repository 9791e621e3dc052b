package functions

import (
	"encoding/json"
	"net/url"
	"testing"

	"github.com/aws-access/aws-access/pkg/access"
)

// A payload is an order, a check or a call, or it is refused. It is never two of them.
func FuzzReadTask(f *testing.F) {
	for _, seed := range []string{
		`{"ID":"01J","Request":"01A","By":"U0DEV1","Kind":"keys","At":"2026-11-21T12:00:00Z"}`, `{"check":{"kind":"stack"}}`,
		`{"check":{"kind":"roles","roles":[{"account":"111111111111","role":"Admin"}]},"ID":"01J"}`, `{"Check":{}}`,
		`{"check":null}`, `[]`, `{}`, `{"check":{"kind":"x"}} {}`, `{"call":{"text":"a.b.c"}}`,
		`{"call":{"text":"a"},"check":{"kind":"stack"}}`, `{"call":null}`, `{"call":{"text":"a","device":"b"}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		is, err := readTask(payload)
		if (is.check != nil || is.call != nil) && err == nil && is.order != (access.Order{}) ||
			is.check != nil && is.call != nil {
			t.Errorf("%q: two tasks: %+v", payload, is)
		}
		if is.order.Device != "" || is.order.Machine != nil {
			t.Errorf("%q: an order says who called: %+v", payload, is.order)
		}
		var fields map[string]json.RawMessage
		_ = json.Unmarshal(payload, &fields) // a value that is not an object has no fields
		_, check := fields["check"]
		_, call := fields["call"]
		if err == nil && (!json.Valid(payload) || check != (is.check != nil) || call != (is.call != nil) ||
			(check || call) && len(fields) > 1) {
			t.Errorf("%q is accepted", payload)
		}
	})
}

// A ping is a form that asks for nothing else.
func FuzzIsPing(f *testing.F) {
	for _, seed := range []string{
		"ssl_check=1", "ssl_check=1&token=x", "ssl_check=1&command=%2Faws-access", "payload=%7B%7D&ssl_check=1",
		"ssl_check=1;payload=x",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if form, err := url.ParseQuery(string(body)); isPing(string(body)) &&
			(err != nil || form.Has("command") || form.Has("payload")) {
			t.Errorf("%q is a ping", body)
		}
	})
}
