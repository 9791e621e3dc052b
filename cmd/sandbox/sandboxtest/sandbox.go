// Package sandboxtest starts sandboxes for tests and drives them as an outside
// client does: over HTTP, through the controls. Only tests may import it.
package sandboxtest

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/cmd/sandbox/controls"
	"github.com/aws-access/aws-access/cmd/sandbox/world"
	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// Noon is where the clock of a test's sandbox starts and is held.
var Noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// SigningSecret is the one of every test's sandbox.
const SigningSecret = "test-signing-secret"

// Sandbox is a sandbox over HTTP, with its clock held at Noon.
type Sandbox struct {
	T      *testing.T
	URL    string
	Logs   *Logs
	server *controls.Server
}

// Start starts a sandbox with a policy, and closes it at the end of the test.
func Start(t *testing.T, policy string, change ...func(*world.Settings)) *Sandbox {
	t.Helper()
	logs, log := NewLogs()
	settings := world.Settings{
		PolicyDir: ".", Policy: []byte(policy), SigningSecret: access.NewSecret(SigningSecret), Start: Noon,
	}
	for _, one := range change {
		one(&settings)
	}
	server := httptest.NewUnstartedServer(nil)
	url := "http://" + server.Listener.Addr().String()
	sandbox, err := controls.New(t.Context(), controls.Options{World: settings, PublicURL: url, Log: log})
	if err != nil {
		t.Fatalf("start: %v", err)
	}
	server.Config.Handler = sandbox
	server.Start()
	t.Cleanup(func() { server.Close(); sandbox.Close() })
	b := &Sandbox{T: t, URL: url, Logs: logs, server: sandbox}
	b.Do("clock", `{"stop":true}`)
	return b
}

// World is the present World, for what no control tells.
func (b *Sandbox) World() *world.World { return b.server.World() }

// Policy is the policy.yaml of the repository.
func Policy(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(Repository(t), "policy.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// Repository is the directory of the repository's go.mod.
func Repository(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		if dir == filepath.Dir(dir) {
			t.Fatal("no directory above the test holds a go.mod")
		}
		dir = filepath.Dir(dir)
	}
}

// Send sends a request and returns status and body. The header is a list of
// names and values.
func (b *Sandbox) Send(method, path, body string, header ...string) (int, string) {
	b.T.Helper()
	r, err := http.NewRequest(method, b.URL+path, strings.NewReader(body))
	if err != nil {
		b.T.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	if host := r.Header.Get("Host"); host != "" {
		r.Host = host
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		b.T.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		b.T.Fatal(err)
	}
	return answer.StatusCode, string(text)
}

// CallSlack calls a method of the fake Slack's Web API with the bot's token.
func (b *Sandbox) CallSlack(method, query string) (status int, body string) {
	b.T.Helper()
	return b.Send(http.MethodPost, "/slack-api/"+method+"?"+query, "",
		"Authorization", "Bearer "+b.World().Secrets.BotToken.Reveal())
}

// Control posts a body to a control.
func (b *Sandbox) Control(name, body string) (int, string) {
	b.T.Helper()
	return b.Send(http.MethodPost, "/sandbox/"+name, body)
}

// Do posts a body to a control that must accept it.
func (b *Sandbox) Do(name, body string) string {
	b.T.Helper()
	status, text := b.Control(name, body)
	if status != http.StatusOK {
		b.T.Fatalf("%s %s: got %d %s", name, body, status, text)
	}
	return text
}

// Act is a user action that must be possible.
func (b *Sandbox) Act(action map[string]any) slackfake.Outcome {
	b.T.Helper()
	body, err := json.Marshal(action)
	if err != nil {
		b.T.Fatal(err)
	}
	var out slackfake.Outcome
	if err := json.Unmarshal([]byte(b.Do("act", string(body))), &out); err != nil {
		b.T.Fatal(err)
	}
	return out
}

// Command types a command.
func (b *Sandbox) Command(as, line string) slackfake.Outcome {
	b.T.Helper()
	return b.Act(map[string]any{"as": as, "command": line})
}

// Click clicks a button of a message.
func (b *Sandbox) Click(as, label string, on slackfake.Message) slackfake.Outcome {
	b.T.Helper()
	return b.Act(map[string]any{"as": as, "click": label, "on": on.Channel + "/" + on.TS})
}

// Advance lets time pass.
func (b *Sandbox) Advance(length string) {
	b.T.Helper()
	b.Do("clock", `{"advance":"`+length+`"}`)
}

// State reads the state. A field that State does not have fails the test.
func (b *Sandbox) State() controls.State {
	b.T.Helper()
	status, text := b.Send(http.MethodGet, "/sandbox/state", "")
	if status != http.StatusOK {
		b.T.Fatalf("state: got %d %s", status, text)
	}
	var s controls.State
	in := json.NewDecoder(bytes.NewReader([]byte(text)))
	in.DisallowUnknownFields()
	if err := in.Decode(&s); err != nil {
		b.T.Fatalf("state: %v", err)
	}
	return s
}

// Request is the newest request.
func (b *Sandbox) Request() controls.Request {
	b.T.Helper()
	all := b.State().Requests
	if len(all) == 0 {
		b.T.Fatal("there is no request")
	}
	return all[len(all)-1]
}
