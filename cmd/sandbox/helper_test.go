package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// noon is when the clocks of tests begin.
var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

const testSecret = "test-signing-secret"

// keysBegin is how the private message begins that carries keys.
const keysBegin = "```\nexport AWS_ACCESS_KEY_ID="

// sandbox is a world over HTTP, with its clock held at noon.
type sandbox struct {
	t     *testing.T
	world *world
	logs  *logs
	url   string
}

func start(t *testing.T, policy string, change ...func(*settings)) *sandbox {
	t.Helper()
	l, log := newLogs(nil)
	s := settings{PolicyDir: ".", Policy: []byte(policy), SigningSecret: access.NewSecret(testSecret), Start: noon}
	for _, one := range change {
		one(&s)
	}
	server := httptest.NewUnstartedServer(nil)
	url := "http://" + server.Listener.Addr().String()
	w, err := newWorld(s, url, log)
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	server.Config.Handler = w
	server.Start()
	t.Cleanup(func() { server.Close(); w.Close() })
	b := &sandbox{t: t, world: w, logs: l, url: url}
	b.do("clock", `{"stop":true}`)
	return b
}

// repository is the policy of the repository.
func repository(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// send sends a request and returns status and body.
func (b *sandbox) send(method, path, body string, header ...string) (int, string) {
	b.t.Helper()
	r, err := http.NewRequest(method, b.url+path, strings.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		b.t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// lever pulls a lever.
func (b *sandbox) lever(name, body string) (int, string) {
	b.t.Helper()
	return b.send(http.MethodPost, "/sandbox/"+name, body)
}

// do pulls a lever that has to work.
func (b *sandbox) do(name, body string) string {
	b.t.Helper()
	status, text := b.lever(name, body)
	if status != http.StatusOK {
		b.t.Fatalf("%s %s: got %d %s", name, body, status, text)
	}
	return text
}

// act does something in Slack that has to be done.
func (b *sandbox) act(what map[string]any) slackfake.Outcome {
	b.t.Helper()
	body, err := json.Marshal(what)
	if err != nil {
		b.t.Fatal(err)
	}
	var out slackfake.Outcome
	if err := json.Unmarshal([]byte(b.do("act", string(body))), &out); err != nil {
		b.t.Fatal(err)
	}
	return out
}

func (b *sandbox) command(as, line string) slackfake.Outcome {
	b.t.Helper()
	return b.act(map[string]any{"as": as, "command": line})
}

func (b *sandbox) click(as, label string, on slackfake.Message) slackfake.Outcome {
	b.t.Helper()
	return b.act(map[string]any{"as": as, "click": label, "on": on.Channel + "/" + on.TS})
}

func (b *sandbox) advance(d string) { b.t.Helper(); b.do("clock", `{"advance":"`+d+`"}`) }

// state reads the state.
func (b *sandbox) state() state {
	b.t.Helper()
	status, text := b.send(http.MethodGet, "/sandbox/state", "")
	if status != http.StatusOK {
		b.t.Fatalf("state: got %d %s", status, text)
	}
	var s state
	in := json.NewDecoder(bytes.NewReader([]byte(text)))
	in.DisallowUnknownFields()
	if err := in.Decode(&s); err != nil {
		b.t.Fatalf("state: %v", err)
	}
	return s
}

// request is the newest request.
func (b *sandbox) request() requestState {
	b.t.Helper()
	all := b.state().Requests
	if len(all) == 0 {
		b.t.Fatal("there is no request")
	}
	return all[len(all)-1]
}

// card is the newest message in a channel that everybody sees.
func (b *sandbox) card(channel string) slackfake.Message {
	b.t.Helper()
	return b.last("card in "+channel, func(m slackfake.Message) bool { return m.Channel == channel && m.To == "" && m.ThreadTS == "" })
}

// direct is the newest message with buttons in somebody's direct channel.
func (b *sandbox) direct(user string) slackfake.Message {
	b.t.Helper()
	return b.last("direct message to "+user, func(m slackfake.Message) bool {
		return m.DMWith == user && m.To == "" && strings.Contains(string(m.Blocks), `"button"`)
	})
}

// private is what only this person sees, the newest.
func (b *sandbox) private(user string) slackfake.Message {
	b.t.Helper()
	return b.last("private message to "+user, func(m slackfake.Message) bool { return m.To == user })
}

func (b *sandbox) last(what string, is func(slackfake.Message) bool) slackfake.Message {
	b.t.Helper()
	all := b.state().Messages
	slices.Reverse(all)
	if i := slices.IndexFunc(all, is); i >= 0 {
		return all[i]
	}
	b.t.Fatalf("there is no %s", what)
	return slackfake.Message{}
}

func count[T any](of []T, is func(T) bool) (n int) {
	for _, one := range of {
		if is(one) {
			n++
		}
	}
	return n
}

// grantOf is the message that the buttons of a grant stand in.
func grantOf(user string) func(slackfake.Message) bool {
	return func(m slackfake.Message) bool {
		return m.DMWith == user && m.To == "" && strings.HasPrefix(m.Text, "AWS access")
	}
}

// privates counts what only one person sees, by how it begins.
func privates(b *sandbox, beginning string) int {
	return count(b.state().Messages, func(m slackfake.Message) bool { return m.To != "" && strings.HasPrefix(m.Text, beginning) })
}

// cards are the messages in channels whose text begins with title.
func (b *sandbox) cards(title string) []slackfake.Message {
	return messages(b.state(), func(m slackfake.Message) bool {
		return m.DMWith == "" && m.To == "" && strings.HasPrefix(m.Text, title)
	})
}

func messages(s state, is func(slackfake.Message) bool) (found []slackfake.Message) {
	for _, m := range s.Messages {
		if is(m) {
			found = append(found, m)
		}
	}
	return found
}

// quoted is a text as JSON.
func quoted(text string) json.RawMessage {
	out, _ := json.Marshal(text) // a text can be written
	return out
}
