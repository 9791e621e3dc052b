package functions

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/events"
)

// at returns an event of events/ as the HTTP API delivers it below a base path: before
// the route stands the name of a stage, or the base path of a custom domain.
func at(t *testing.T, name, path string) []byte {
	t.Helper()
	var e events.APIGatewayV2HTTPRequest
	if err := json.Unmarshal(file(t, name), &e); err != nil {
		t.Fatal(err)
	}
	e.RawPath, e.RequestContext.HTTP.Path = path, path
	text, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestARouteWorksBelowAStageOrABasePath(t *testing.T) {
	for path, found := range map[string]bool{
		"/slack/commands": true, "/prod/slack/commands": true, "/$default/slack/commands": true,
		"/aws-access/v1.2/slack/commands": true,
		"/slack/slack/commands":           true,

		"/slack/commands/": false, "/slack/commands/x": false, "/slack/command": false, "/xslack/commands": false,
		"x/slack/commands": false,
		"//slack/commands": false, "/prod//slack/commands": false, "/./slack/commands": false, "/../slack/commands": false,
		"/prod/../slack/commands": false, "/prod/slack/../slack/commands": false, "/prod/slack//commands": false,
		"/%2e%2e/slack/commands": false, "/prod%2Fslack/commands": false, "/prod/slack%2Fcommands": false,
		"/pröd/slack/commands": false,
		"/a b/slack/commands":  false, "/a\\b/slack/commands": false, "/a;b/slack/commands": false,
		"/a\x00b/slack/commands": false,
		"/SLACK/commands":        false, "": false, "/": false,
	} {
		w := newWorld(t)
		answer := w.http(at(t, "slack-command-ask.json", path))
		asked := len(w.store.All(context.Background())) == 1
		want := http.StatusNotFound
		if found {
			want = http.StatusOK
		}
		if answer.StatusCode != want || asked != found {
			t.Errorf("%q: status %d, asked: %v, want %d\n%s", path, answer.StatusCode, asked, want, w.logs)
		}
	}
}

func TestEachRouteBelowABasePathHasItsOwnHandler(t *testing.T) {
	w := newWorld(t)
	w.plant("pending")
	w.http(at(t, "slack-click-approve.json", "/prod/slack/interactions"))
	if got := w.request().State; got != "active" {
		t.Errorf("the request is %s, want active", got)
	}
	answer := w.http(at(t, "slack-menu-account.json", "/prod/slack/options"))
	wantText(t, "the menu", answer.Body, "payments-prod (111111111111)")
}

// Slack asks by GET, without a signature, whether the address of a command has a valid
// certificate. The answer holds no details, and nothing else happens.
func TestACertificateCheckByGETIsAnsweredWithoutDetails(t *testing.T) {
	for _, c := range []struct {
		method, path, query string
		status              int
	}{
		{"GET", "/slack/commands", "ssl_check=1", 200},
		{"GET", "/slack/commands", "ssl_check=1&token=x", 200},
		{"GET", "/prod/slack/interactions", "ssl_check=1", 200},
		{"GET", "/slack/options", "ssl_check=1", 200},
		{"GET", "/slack/commands", "", 405},
		{"GET", "/slack/commands", "ssl_check=0", 405},
		{"GET", "/slack/commands", "ssl_check=1&command=/aws-access", 405},
		{"GET", "/slack/commands", "ssl_check=1&payload={}", 405},
		{"GET", "/slack/commands", "ssl_check=1;x=%zz", 405},
		{"GET", "/slack/admin", "ssl_check=1", 404},
		{"PUT", "/slack/commands", "ssl_check=1", 405},
		{"HEAD", "/slack/commands", "ssl_check=1", 405},
		{"POST", "/slack/commands", "ssl_check=1", 401}, // not signed
	} {
		w := newWorld(t)
		e := events.APIGatewayV2HTTPRequest{
			Version: "2.0", RouteKey: c.method + " " + c.path, RawPath: c.path, RawQueryString: c.query,
			Headers: map[string]string{"host": "abcdef1234.execute-api.eu-west-1.amazonaws.com"},
		}
		e.RequestContext.HTTP.Method, e.RequestContext.HTTP.Path = c.method, c.path
		text, err := json.Marshal(e)
		if err != nil {
			t.Fatal(err)
		}
		answer := w.http(text)
		if answer.StatusCode != c.status {
			t.Errorf("%s %s?%s: status %d, want %d", c.method, c.path, c.query, answer.StatusCode, c.status)
		}
		if c.status == http.StatusOK && answer.Body != "ok" || strings.Contains(answer.Body, w.policy.Digest()) {
			t.Errorf("%s %s?%s: the answer is %q", c.method, c.path, c.query, answer.Body)
		}
	}
}
