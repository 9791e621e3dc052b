package controls_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
	"github.com/aws-access/aws-access/pkg/slackapi"
)

// An outside client may use Slack's doors, if it signs as Slack does.
func TestOnlySignedRequestsComeThroughSlacksDoors(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	body := b.World().Slack.CommandPayload("U0DEV1", slackfake.Command, "help").Encode()
	large := "payload=" + strings.Repeat("x", 1<<20)
	for name, c := range map[string]struct {
		path, body, secret string
		at                 time.Time
		header             []string
		want               int
	}{
		"signed":                  {"/slack/commands", body, sandboxtest.SigningSecret, sandboxtest.Noon, nil, http.StatusOK},
		"signed four minutes ago": {"/slack/commands", body, sandboxtest.SigningSecret, sandboxtest.Noon.Add(-4 * time.Minute), nil, http.StatusOK},
		"stale":                   {"/slack/commands", body, sandboxtest.SigningSecret, sandboxtest.Noon.Add(-6 * time.Minute), nil, http.StatusUnauthorized},
		"of the future":           {"/slack/commands", body, sandboxtest.SigningSecret, sandboxtest.Noon.Add(6 * time.Minute), nil, http.StatusUnauthorized},
		"another secret":          {"/slack/commands", body, "another", sandboxtest.Noon, nil, http.StatusUnauthorized},
		"no signature":            {"/slack/commands", body, "", sandboxtest.Noon, nil, http.StatusUnauthorized},
		"a large body":            {"/slack/interactions", large, sandboxtest.SigningSecret, sandboxtest.Noon, nil, http.StatusRequestEntityTooLarge},
		"a huge body":             {"/slack/interactions", strings.Repeat(large, 6), sandboxtest.SigningSecret, sandboxtest.Noon, nil, http.StatusRequestEntityTooLarge},
		"no such door":            {"/slack/nothing", body, sandboxtest.SigningSecret, sandboxtest.Noon, nil, http.StatusNotFound},
	} {
		var header []string
		if c.secret != "" {
			stamp, signature := slackapi.Sign(access.NewSecret(c.secret), c.at, []byte(c.body))
			header = []string{slackapi.TimestampHeader, stamp, slackapi.SignatureHeader, signature}
		}
		status, said := b.Send(http.MethodPost, c.path, c.body, append(header, "Content-Type", "application/x-www-form-urlencoded")...)
		if status != c.want {
			t.Errorf("%s: got %d %.200s, want %d", name, status, said, c.want)
		}
	}
	ask := b.World().Slack.CommandPayload("U0DEV1", slackfake.Command, `payments-prod ReadOnly 1h "why"`).Encode()
	stamp, signature := slackapi.Sign(access.NewSecret(sandboxtest.SigningSecret), sandboxtest.Noon, []byte(ask))
	b.Send(http.MethodPost, "/slack/commands", ask, slackapi.TimestampHeader, stamp, slackapi.SignatureHeader, signature, "Content-Type", "application/x-www-form-urlencoded")
	if n := len(b.State().Requests); n != 1 || len(b.Cards("AWS access wanted")) != 1 {
		t.Errorf("asked from outside: %d requests, and what follows is not there yet", n)
	}
	if status, _ := b.Send(http.MethodGet, "/slack/commands", ""); status != http.StatusMethodNotAllowed {
		t.Errorf("GET of a door: got %d, want 405", status)
	}
}

// The text of a command arrives as it was typed, unescaped.
func TestACommandArrivesAsTyped(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	reason := `“5 > 3 & <!channel>” ünïcode 🦊 + %20 end`
	b.Command("U0DEV1", `/aws-access payments-dev ReadOnly 1h '`+reason+`'`)
	if r := b.Request(); r.Reason != reason || r.State != "active" {
		t.Errorf("got %q %s, want %q active", r.Reason, r.State, reason)
	}
}

// A page on the internet must not drive the sandbox through its reader's
// browser.
func TestForeignPagesAreKeptOut(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	here := strings.TrimPrefix(b.URL, "http://")
	for name, c := range map[string]struct {
		method, path string
		header       []string
		want         int
	}{
		"a program":                  {http.MethodPost, "/sandbox/clock", nil, 200},
		"the page itself":            {http.MethodPost, "/sandbox/clock", []string{"Origin", b.URL, "Sec-Fetch-Site", "same-origin"}, 200},
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
		status, said := b.Send(c.method, c.path, `{"advance":"0s"}`, c.header...)
		if status != c.want {
			t.Errorf("%s (%s): got %d %.100s, want %d", name, here, status, said, c.want)
		}
	}
}

func TestThePageMayLoadNothingFromElsewhere(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	answer, err := http.Get(b.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if csp := answer.Header.Get("Content-Security-Policy"); answer.StatusCode != 200 || !strings.HasPrefix(csp, "default-src 'self';") || strings.Contains(csp, "unsafe") {
		t.Errorf("got %d with policy %q", answer.StatusCode, csp)
	}
	if status, said := b.Send(http.MethodGet, "/healthz", ""); status != 200 {
		t.Errorf("healthz: got %d %s", status, said)
	}
	if status, _ := b.Send(http.MethodGet, "/nothing", ""); status != 404 {
		t.Errorf("a page that is not there: got %d", status)
	}
}

func TestSlacksAPIWantsAToken(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	for _, token := range []string{"", "Bearer xoxb-wrong"} {
		_, said := b.Send(http.MethodPost, "/slack-api/users.list", "", "Authorization", token, "Content-Type", "application/x-www-form-urlencoded")
		if !strings.Contains(said, `"ok":false`) || !strings.Contains(said, "auth") {
			t.Errorf("token %q: got %s", token, said)
		}
	}
}
