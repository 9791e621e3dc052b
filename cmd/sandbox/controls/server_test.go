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

const formType = "application/x-www-form-urlencoded"

// signed are the headers of a request that Slack signs.
func signed(secret string, at time.Time, body string) []string {
	stamp, signature := slackapi.Sign(access.NewSecret(secret), at, []byte(body))
	return []string{
		slackapi.TimestampHeader, stamp, slackapi.SignatureHeader, signature, "Content-Type", formType,
	}
}

// An outside client can use the product's endpoints if it signs as Slack does.
func TestProductEndpointsTakeOnlySignedRequests(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	body := b.World().Slack.CommandPayload("U0DEV1", slackfake.Command, "help").Encode()
	large := "payload=" + strings.Repeat("x", 1<<20)
	huge := strings.Repeat(large, 6)
	const secret = sandboxtest.SigningSecret
	now := sandboxtest.Noon
	for name, c := range map[string]struct {
		path, body string
		header     []string
		want       int
	}{
		"signed":           {"/slack/commands", body, signed(secret, now, body), 200},
		"four minutes old": {"/slack/commands", body, signed(secret, now.Add(-4*time.Minute), body), 200},
		"stale":            {"/slack/commands", body, signed(secret, now.Add(-6*time.Minute), body), 401},
		"from the future":  {"/slack/commands", body, signed(secret, now.Add(6*time.Minute), body), 401},
		"another secret":   {"/slack/commands", body, signed("another", now, body), 401},
		"no signature":     {"/slack/commands", body, []string{"Content-Type", formType}, 401},
		"a large body":     {"/slack/interactions", large, signed(secret, now, large), 413},
		"a huge body":      {"/slack/interactions", huge, signed(secret, now, huge), 413},
		"unknown endpoint": {"/slack/nothing", body, signed(secret, now, body), 404},
	} {
		if status, text := b.Send(http.MethodPost, c.path, c.body, c.header...); status != c.want {
			t.Errorf("%s: got %d %.200s, want %d", name, status, text, c.want)
		}
	}
	if status, _ := b.Send(http.MethodGet, "/slack/commands", ""); status != http.StatusMethodNotAllowed {
		t.Errorf("GET of an endpoint: got %d, want 405", status)
	}
}

// When a client reads the state after a signed request, it finds what the request
// led to.
func TestStateShowsWhatARequestLedTo(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	slack := b.World().Slack
	body := slack.CommandPayload("U0DEV1", slackfake.Command, `payments-prod ReadOnly 1h "why"`).Encode()
	b.Send(http.MethodPost, "/slack/commands", body, signed(sandboxtest.SigningSecret, sandboxtest.Noon, body)...)
	if requests, cards := len(b.State().Requests), len(b.Cards("AWS access wanted")); requests != 1 || cards != 1 {
		t.Errorf("got %d requests and %d cards, want one of each", requests, cards)
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

// A page on the internet cannot drive the sandbox through its reader's browser.
func TestForeignPagesAreKeptOut(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	here := strings.TrimPrefix(b.URL, "http://")
	for name, c := range map[string]struct {
		method, path string
		header       []string
		want         int
	}{
		"a program": {http.MethodPost, "/sandbox/clock", nil, 200},
		"the page itself": {
			http.MethodPost, "/sandbox/clock", []string{"Origin", b.URL, "Sec-Fetch-Site", "same-origin"}, 200,
		},
		"another site's form":     {http.MethodPost, "/sandbox/clock", []string{"Origin", "https://evil.example"}, 403},
		"a form with Origin null": {http.MethodPost, "/sandbox/clock", []string{"Origin", "null"}, 403},
		"another port":            {http.MethodPost, "/sandbox/clock", []string{"Origin", "http://127.0.0.1:1"}, 403},
		"a name that points here": {http.MethodPost, "/sandbox/clock", []string{"Host", "evil.example"}, 403},
		"that name, with a port":  {http.MethodGet, "/sandbox/state", []string{"Host", "evil.example:8080"}, 403},
		"a name like an address":  {http.MethodGet, "/sandbox/state", []string{"Host", "127.0.0.1.evil.example"}, 403},
		"localhost":               {http.MethodGet, "/sandbox/state", []string{"Host", "localhost:8080"}, 200},
		"IPv6":                    {http.MethodGet, "/sandbox/state", []string{"Host", "[::1]:8080"}, 200},
		"another site's script": {
			http.MethodGet, "/sandbox/state", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "no-cors"}, 403,
		},
		"a link on another site": {
			http.MethodGet, "/", []string{"Sec-Fetch-Site", "cross-site", "Sec-Fetch-Mode", "navigate"}, 200,
		},
		"the page under that name":    {http.MethodGet, "/", []string{"Host", "evil.example"}, 403},
		"the product under that name": {http.MethodPost, "/slack/commands", []string{"Host", "evil.example"}, 403},
	} {
		status, said := b.Send(c.method, c.path, `{"advance":"0s"}`, c.header...)
		if status != c.want {
			t.Errorf("%s (%s): got %d %.100s, want %d", name, here, status, said, c.want)
		}
	}
}

func TestPageLoadsOnlyFromTheSandbox(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	answer, err := http.Get(b.URL + "/")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	csp := answer.Header.Get("Content-Security-Policy")
	if answer.StatusCode != 200 || !strings.HasPrefix(csp, "default-src 'self';") || strings.Contains(csp, "unsafe") {
		t.Errorf("got %d with policy %q", answer.StatusCode, csp)
	}
	if status, said := b.Send(http.MethodGet, "/healthz", ""); status != 200 {
		t.Errorf("healthz: got %d %s", status, said)
	}
	if status, _ := b.Send(http.MethodGet, "/nothing", ""); status != 404 {
		t.Errorf("an unknown page: got %d", status)
	}
}

func TestSlackAPIRequiresAToken(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	for _, token := range []string{"", "Bearer xoxb-wrong"} {
		_, said := b.Send(http.MethodPost, "/slack-api/users.list", "", "Authorization", token, "Content-Type", formType)
		if !strings.Contains(said, `"ok":false`) || !strings.Contains(said, "auth") {
			t.Errorf("token %q: got %s", token, said)
		}
	}
}
