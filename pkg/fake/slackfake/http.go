package slackfake

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// object is a JSON object.
type object = map[string]any

// encode writes JSON as Slack does: < and & are not escaped.
func encode(v any) json.RawMessage {
	var text bytes.Buffer
	e := json.NewEncoder(&text)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("slackfake: " + err.Error()) // cannot happen: all values here come from JSON
	}
	return bytes.TrimSpace(text.Bytes())
}

// decode reads exactly one JSON value. Numbers stay json.Number.
func decode(text []byte) (v any, ok bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if d.Decode(&v) != nil {
		return nil, false
	}
	_, err := d.Token()
	return v, errors.Is(err, io.EOF)
}

// args are the arguments of a call. Values of a JSON body that are not strings
// are kept as JSON text, as forms would carry them.
type args map[string]string

func (a args) get(name string) string       { return a[name] }
func (a args) has(name string) bool         { _, ok := a[name]; return ok }
func (a args) flag(name string) bool        { return a[name] == "true" || a[name] == "1" }
func (a args) json(name string) (any, bool) { return decode([]byte(a[name])) }

// maxBody is larger than any call that Slack accepts, in bytes.
const maxBody = 4 << 20

// arguments reads the arguments of a call from the query and the form, or from
// a JSON body. The token comes from them or from the Authorization header.
func arguments(r *http.Request) (args, *refusal) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil || len(body) > maxBody {
		return nil, refuse("request_too_large")
	}
	a := make(args)
	a.form(r.URL.Query())
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case len(body) == 0:
	case kind == "application/json":
		v, ok := decode(body)
		if !ok {
			return nil, refuse("invalid_json")
		}
		fields, ok := v.(object)
		if !ok {
			return nil, refuse("json_not_object")
		}
		delete(fields, "token") // with JSON, Slack reads the token from the header only
		a.fields(fields)
	case kind == "application/x-www-form-urlencoded":
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, refuse("invalid_form_data")
		}
		a.form(form)
	default:
		return nil, refuse("invalid_post_type")
	}
	if token, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		a["token"] = token
	}
	return a, nil
}

func (a args) form(values url.Values) {
	for name := range values {
		a[name] = values.Get(name)
	}
}

func (a args) fields(fields object) {
	for name, v := range fields {
		switch v := v.(type) {
		case nil:
		case string:
			a[name] = v
		default:
			a[name] = string(encode(v))
		}
	}
}

// refusal is an answer of Slack with "ok": false.
type refusal struct {
	code     string
	messages []string // response_metadata.messages: what is wrong, and where
}

func refuse(code string, messages ...string) *refusal { return &refusal{code, messages} }

func (r *refusal) answer() object {
	a := object{"ok": false, "error": r.code}
	if len(r.messages) > 0 {
		var marked []string
		for _, m := range r.messages {
			marked = append(marked, "[ERROR] "+m)
		}
		a["errors"] = r.messages
		a["response_metadata"] = object{"messages": marked}
	}
	return a
}

// statusOf returns the HTTP status of a refusal. Methods refuse with 200.
// Response URLs refuse with an error status, as incoming webhooks do
// (api.slack.com/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks).
func statusOf(method, code string) int {
	if method != "response" {
		return http.StatusOK
	}
	switch code {
	case "expired_url", "used_url", "channel_not_found", "no_service", "no_team":
		return http.StatusNotFound
	case "action_prohibited", "invalid_token", "posting_to_general_channel_denied":
		return http.StatusForbidden
	case "channel_is_archived":
		return http.StatusGone
	case "rollup_error":
		return http.StatusInternalServerError
	}
	return http.StatusBadRequest
}

// writeRateLimited answers a call that came too early.
func writeRateLimited(w http.ResponseWriter, after string) {
	w.Header().Set("Retry-After", after)
	write(w, http.StatusTooManyRequests, object{"ok": false, "error": "ratelimited"})
}

func write(w http.ResponseWriter, status int, answer any) {
	if text, ok := answer.(string); ok {
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
		return
	}
	text, ok := answer.(json.RawMessage) // already encoded
	if !ok {
		text = encode(answer)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(text)
}

// writeOutage answers as Slack does when it is down: with HTML.
func writeOutage(w http.ResponseWriter) {
	write(w, http.StatusServiceUnavailable, "<!doctype html><title>Slack</title><p>Something went wrong.</p>")
}
