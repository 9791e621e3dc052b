package main

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
	"github.com/aws-access/aws-access/pkg/slackapi"
)

// An outside client may use Slack's doors, if it signs as Slack does.
func TestOnlySignedRequestsComeThroughSlacksDoors(t *testing.T) {
	b := start(t, repository(t))
	body := b.world.stage.Load().slack.CommandPayload("U0DEV1", slackfake.Command, "help").Encode()
	large := "payload=" + strings.Repeat("x", 1<<20)
	for name, c := range map[string]struct {
		path, body, secret string
		at                 time.Time
		header             []string
		want               int
	}{
		"signed":                  {"/slack/commands", body, testSecret, noon, nil, http.StatusOK},
		"signed four minutes ago": {"/slack/commands", body, testSecret, noon.Add(-4 * time.Minute), nil, http.StatusOK},
		"stale":                   {"/slack/commands", body, testSecret, noon.Add(-6 * time.Minute), nil, http.StatusUnauthorized},
		"of the future":           {"/slack/commands", body, testSecret, noon.Add(6 * time.Minute), nil, http.StatusUnauthorized},
		"another secret":          {"/slack/commands", body, "another", noon, nil, http.StatusUnauthorized},
		"no signature":            {"/slack/commands", body, "", noon, nil, http.StatusUnauthorized},
		"a large body":            {"/slack/interactions", large, testSecret, noon, nil, http.StatusRequestEntityTooLarge},
		"a huge body":             {"/slack/interactions", strings.Repeat(large, 6), testSecret, noon, nil, http.StatusRequestEntityTooLarge},
		"no such door":            {"/slack/nothing", body, testSecret, noon, nil, http.StatusNotFound},
	} {
		var header []string
		if c.secret != "" {
			stamp, signature := slackapi.Sign(access.NewSecret(c.secret), c.at, []byte(c.body))
			header = []string{slackapi.TimestampHeader, stamp, slackapi.SignatureHeader, signature}
		}
		status, said := b.send(http.MethodPost, c.path, c.body, append(header, "Content-Type", "application/x-www-form-urlencoded")...)
		if status != c.want {
			t.Errorf("%s: got %d %.200s, want %d", name, status, said, c.want)
		}
	}
	ask := b.world.stage.Load().slack.CommandPayload("U0DEV1", slackfake.Command, `payments-prod ReadOnly 1h "why"`).Encode()
	stamp, signature := slackapi.Sign(access.NewSecret(testSecret), noon, []byte(ask))
	b.send(http.MethodPost, "/slack/commands", ask, slackapi.TimestampHeader, stamp, slackapi.SignatureHeader, signature, "Content-Type", "application/x-www-form-urlencoded")
	if n := len(b.state().Requests); n != 1 || len(b.cards("AWS access wanted")) != 1 {
		t.Errorf("asked from outside: %d requests, and what follows is not there yet", n)
	}
	if status, _ := b.send(http.MethodGet, "/slack/commands", ""); status != http.StatusMethodNotAllowed {
		t.Errorf("GET of a door: got %d, want 405", status)
	}
}

// The text of a command arrives as it was typed, unescaped.
func TestACommandArrivesAsTyped(t *testing.T) {
	b := start(t, repository(t))
	reason := `“5 > 3 & <!channel>” ünïcode 🦊 + %20 end`
	b.command("U0DEV1", `/aws-access payments-dev ReadOnly 1h '`+reason+`'`)
	if r := b.request(); r.Reason != reason || r.State != "active" {
		t.Errorf("got %q %s, want %q active", r.Reason, r.State, reason)
	}
}

// A page on the internet must not drive the sandbox through its reader's
// browser.
func TestForeignPagesAreKeptOut(t *testing.T) {
	b := start(t, repository(t))
	here := strings.TrimPrefix(b.url, "http://")
	for name, c := range map[string]struct {
		method, path string
		header       []string
		want         int
	}{
		"a program":                  {http.MethodPost, "/sandbox/clock", nil, 200},
		"the page itself":            {http.MethodPost, "/sandbox/clock", []string{"Origin", b.url, "Sec-Fetch-Site", "same-origin"}, 200},
		"another site's form":        {http.MethodPost, "/sandbox/clock", []string{"Origin", "https://evil.example"}, 403},
		"a form of nowhere":          {http.MethodPost, "/sandbox/clock", []string{"Origin", "null"}, 403},
		"another port":               {http.MethodPost, "/sandbox/clock", []string{"Origin", "http://127.0.0.1:1"}, 403},
		"a name that points here":    {http.MethodPost, "/sandbox/clock", []string{"Host", "evil.example"}, 403},
		"a name with our port":       {http.MethodGet, "/sandbox/state", []string{"Host", "evil.example:8080"}, 403},
		"a name that looks like one": {http.MethodGet, "/sandbox/state", []string{"Host", "127.0.0.1.evil.example"}, 403},
		"localhost":                  {http.MethodGet, "/sandbox/state", []string{"Host", "localhost:8080"}, 200},
		"IPv6":                       {http.MethodGet, "/sandbox/state", []string{"Host", "[::1]:8080"}, 200},
		"another site's script":      {http.MethodGet, "/sandbox/state", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, 403},
		"a link on another site":     {http.MethodGet, "/", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, 200},
		"the page under that name":   {http.MethodGet, "/", []string{"Host", "evil.example"}, 403},
		"the product, that way":      {http.MethodPost, "/slack/commands", []string{"Host", "evil.example"}, 403},
	} {
		status, said := b.send(c.method, c.path, `{"advance":"0s"}`, c.header...)
		if status != c.want {
			t.Errorf("%s (%s): got %d %.100s, want %d", name, here, status, said, c.want)
		}
	}
}

func TestThePageMayLoadNothingFromElsewhere(t *testing.T) {
	b := start(t, repository(t))
	answer, err := http.Get(b.url + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if csp := answer.Header.Get("Content-Security-Policy"); answer.StatusCode != 200 || !strings.HasPrefix(csp, "default-src 'self';") || strings.Contains(csp, "unsafe") {
		t.Errorf("got %d with policy %q", answer.StatusCode, csp)
	}
	if status, said := b.send(http.MethodGet, "/healthz", ""); status != 200 {
		t.Errorf("healthz: got %d %s", status, said)
	}
	if status, _ := b.send(http.MethodGet, "/nothing", ""); status != 404 {
		t.Errorf("a page that is not there: got %d", status)
	}
}

func TestSlacksAPIWantsAToken(t *testing.T) {
	b := start(t, repository(t))
	for _, token := range []string{"", "Bearer xoxb-wrong"} {
		_, said := b.send(http.MethodPost, "/slack-api/users.list", "", "Authorization", token, "Content-Type", "application/x-www-form-urlencoded")
		if !strings.Contains(said, `"ok":false`) || !strings.Contains(said, "auth") {
			t.Errorf("token %q: got %s", token, said)
		}
	}
}

// Only the slack function can order a vend.
func TestOrdersTakeTheFunctionsKey(t *testing.T) {
	b := start(t, repository(t))
	st := b.world.stage.Load()
	for name, c := range map[string]struct {
		key, function, kind string
		want                int
	}{
		"the function":       {st.slackKeys.AccessKeyID, functionARN("vend"), "Event", http.StatusAccepted},
		"somebody":           {"AKIASOMEBODY", functionARN("vend"), "Event", http.StatusForbidden},
		"another function":   {st.slackKeys.AccessKeyID, functionARN("tick"), "Event", http.StatusNotFound},
		"waiting for answer": {st.slackKeys.AccessKeyID, functionARN("vend"), "RequestResponse", http.StatusBadRequest},
	} {
		r, err := http.NewRequest(http.MethodPost, b.world.places.inside+"/lambda/2015-03-31/functions/"+url.PathEscape(c.function)+"/invocations", strings.NewReader(`{}`))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "AWS4-HMAC-SHA256 Credential="+c.key+"/20261121/eu-west-1/lambda/aws4_request, x")
		r.Header.Set("X-Amz-Invocation-Type", c.kind)
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != c.want {
			t.Errorf("%s: got %d, want %d", name, answer.StatusCode, c.want)
		}
	}
	if status, _ := b.send(http.MethodPost, "/lambda/2015-03-31/functions/x/invocations", "{}"); status != http.StatusNotFound && status != http.StatusMethodNotAllowed {
		t.Errorf("from outside: got %d", status)
	}
}

func TestTheEnvironmentIsCheckedWhole(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(file, []byte("version: 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	from := func(env map[string]string) func(string) string { return func(name string) string { return env[name] } }
	s, err := readSettings(from(map[string]string{"POLICY": file}))
	if err != nil || s.Addr != "127.0.0.1:8080" || s.SigningSecret.Reveal() != "sandbox-signing-secret" || !s.Start.IsZero() {
		t.Errorf("nothing set: got %+v, %v", s, err)
	}
	_, err = readSettings(from(map[string]string{"ADDR": "0.0.0.0:80", "POLICY": file + "x", "SANDBOX_START": "noon",
		"SANDBOX_TOKEN_BYTES": "4097", "SANDBOX_DYNAMODB": "http://127.0.0.1:8000"}))
	for _, name := range []string{"ADDR", "SANDBOX_EXPOSE=1", "POLICY", "SANDBOX_START", "SANDBOX_TOKEN_BYTES",
		"SANDBOX_DYNAMODB"} {
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("all wrong: %v does not name %s", err, name)
		}
	}
	for addr, ok := range map[string]bool{"127.0.0.1:0": true, "localhost:80": true, "[::1]:80": true, ":8080": false, "0.0.0.0:1": false, "192.168.1.2:1": false, "nonsense": false} {
		if _, err := readSettings(from(map[string]string{"POLICY": file, "ADDR": addr})); (err == nil) != ok {
			t.Errorf("ADDR %s: got %v, want accepted: %v", addr, err, ok)
		}
	}
	if s, err := readSettings(from(map[string]string{"POLICY": file, "ADDR": "0.0.0.0:80", "SANDBOX_EXPOSE": "1"})); err != nil || !s.Exposed {
		t.Errorf("exposed: got %v", err)
	}
}
