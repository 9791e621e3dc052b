package functions

import (
	"encoding/json"
	"net/url"
	"testing"
)

// A payload is of one kind, or it is refused.
func FuzzReadTask(f *testing.F) {
	for _, seed := range []string{
		`{"ID":"01J","Request":"01A","By":"U0DEV1","Kind":"keys","At":"2026-11-21T12:00:00Z"}`, `{"check":{"kind":"stack"}}`,
		`{"check":{"kind":"roles","roles":[{"account":"111111111111","role":"Admin"}]},"ID":"01J"}`, `{"Check":{}}`,
		`{"check":null}`, `{"device":null}`, `[]`, `{}`, `{"check":{"kind":"x"}} {}`, `{"call":{"text":"a.b.c"}}`,
		`{"call":{"text":"a"},"check":{"kind":"stack"}}`, `{"call":null}`, `{"call":{"text":"a","device":"b"}}`,
		`{"device":{"do":"pair","id":"1.2","by":"U0DEV1","at":"2026-11-21T12:00:00Z"}}`, `{"device":{},"call":{}}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		todo, err := readTask(payload)
		parts := 0
		for _, set := range []bool{todo.order != nil, todo.check != nil, todo.call != nil, todo.device != nil} {
			if set {
				parts++
			}
		}
		if err == nil && parts != 1 || err != nil && parts != 0 {
			t.Errorf("%q: %d parts, %v", payload, parts, err)
		}
		if o := todo.order; o != nil && (o.Device != "" || o.Machine != nil) {
			t.Errorf("%q: an order says who called: %+v", payload, o)
		}
		var fields map[string]json.RawMessage
		_ = json.Unmarshal(payload, &fields) // a value that is not an object has no fields
		for name, set := range map[string]bool{
			"check": todo.check != nil, "call": todo.call != nil, "device": todo.device != nil,
		} {
			_, asked := fields[name]
			if err == nil && (!json.Valid(payload) || asked != set || asked && len(fields) > 1) {
				t.Errorf("%q is accepted", payload)
			}
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
