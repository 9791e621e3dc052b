package slackapi

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// No error may contain one of these.
const (
	goodToken = "xoxb-canary-token"
	oldToken  = "xoxb-canary-old"
	canary    = "canary-text"
)

// fixture is a client and the fake workspace that it calls over HTTP.
type fixture struct {
	*slackfake.Server
	client *Client
	now    time.Time
	tokens []string // the first is the token; the last is the token after it was read again
	fresh  int      // how often the token was read again
	fault  string   // how every call fails, "" for none
	calls  map[string]int
	bodies []string
}

func newFixture(t *testing.T) *fixture {
	f := &fixture{now: noon, tokens: []string{goodToken}, calls: make(map[string]int)}
	f.Server = slackfake.NewSandbox(slackfake.Options{
		Token: access.NewSecret(goodToken), Now: func() time.Time { return f.now },
		Fault: func(string) slackfake.Fault { return slackfake.Fault{How: f.fault} },
		Count: func(op string) { f.calls[op]++ },
	})
	record := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		f.bodies = append(f.bodies, string(body))
		r.Body = io.NopCloser(bytes.NewReader(body))
		f.ServeHTTP(w, r)
	})
	server := httptest.NewServer(http.StripPrefix("/slack-api", record))
	t.Cleanup(server.Close)
	f.SetBaseURL(server.URL + "/slack-api")
	f.client = f.clientFor(server.URL+"/slack-api", "T0SANDBOX", "")
	return f
}

func (f *fixture) clientFor(base, team, enterprise string) *Client {
	return New(Options{BaseURL: base, Team: team, Enterprise: enterprise, Token: f.token})
}

func (f *fixture) token(_ context.Context, fresh bool) (access.Secret, error) {
	if fresh {
		f.fresh++
		return access.NewSecret(f.tokens[len(f.tokens)-1]), nil
	}
	return access.NewSecret(f.tokens[0]), nil
}

// clientOf is a client of a test server, with a token that Slack accepts.
func clientOf(server *httptest.Server) *Client {
	return (&fixture{tokens: []string{goodToken}}).clientFor(server.URL, "T0SANDBOX", "")
}

func section(text string) []slack.Block {
	object := slack.NewTextBlockObject(slack.MarkdownType, text, false, false)
	return []slack.Block{slack.NewSectionBlock(object, nil, nil)}
}

func form() slack.ModalViewRequest {
	return slack.ModalViewRequest{
		Type: slack.VTModal, Title: slack.NewTextBlockObject(slack.PlainTextType, "Form", false, false),
		Blocks: slack.Blocks{BlockSet: section("x")},
	}
}

var ctx = context.Background()

// transport is a network that calls a function for each request, and never answers.
type transport func(*http.Request)

func (f transport) RoundTrip(r *http.Request) (*http.Response, error) {
	f(r)
	return nil, errors.New("no route")
}

// unreachable is a client that reaches no host. seen is called with each request; it may be nil.
func unreachable(host string, seen func(*http.Request)) *Client {
	if seen == nil {
		seen = func(*http.Request) {}
	}
	token := (&fixture{tokens: []string{goodToken}}).token
	return New(Options{Host: host, Token: token, HTTP: &http.Client{Transport: transport(seen)}})
}

// A workspace of GovSlack has its own host, and shares nothing with slack.com.
func TestCallsGoToTheHostOfTheWorkspace(t *testing.T) {
	for host, want := range map[string]string{
		"": "slack.com/api/auth.test", "slack.com": "slack.com/api/auth.test",
		"slack-gov.com": "slack-gov.com/api/auth.test",
	} {
		called := ""
		client := unreachable(host, func(r *http.Request) { called = r.URL.Host + r.URL.Path })
		if _, err := client.Bot(ctx); err == nil || called != want {
			t.Errorf("host %q: called %q (%v), want %s", host, called, err, want)
		}
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	called := 0
	target := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called++ }))
	defer target.Close()
	server := httptest.NewServer(http.RedirectHandler(target.URL, http.StatusTemporaryRedirect))
	defer server.Close()
	client := clientOf(server)
	if _, err := client.OpenDM(ctx, "U0DEV1"); err == nil {
		t.Error("OpenDM took a redirect for an answer")
	}
	if err := client.Respond(ctx, server.URL+"/response/x", Message{Text: "x"}); err == nil {
		t.Error("Respond took a redirect for an answer")
	}
	if called != 0 {
		t.Errorf("%d redirects were followed, want none", called)
	}
}

func TestARotatedTokenIsReadAgainOnce(t *testing.T) {
	for _, c := range []struct {
		name   string
		tokens []string
		fresh  int
		calls  int
		code   string
	}{
		{"accepted", []string{goodToken}, 0, 1, ""},
		{"rotated", []string{oldToken, goodToken}, 1, 2, ""},
		{"refused, and not rotated", []string{oldToken}, 1, 1, "invalid_auth"},
		{"refused, and the next one too", []string{oldToken, oldToken + "er"}, 1, 2, "invalid_auth"},
	} {
		f := newFixture(t)
		f.tokens = c.tokens
		_, err := f.client.OpenDM(ctx, "U0DEV1")
		calls := f.calls["slack:conversations.open"]
		if Code(err) != c.code || f.fresh != c.fresh || calls != c.calls {
			t.Errorf("%s: got %v, read again %d times, %d calls; want %q, %d, %d",
				c.name, err, f.fresh, calls, c.code, c.fresh, c.calls)
		}
	}
	broken := errors.New("no such parameter")
	c := New(Options{Token: func(context.Context, bool) (access.Secret, error) { return access.Secret{}, broken }})
	if _, err := c.OpenDM(ctx, "U0DEV1"); !errors.Is(err, broken) {
		t.Errorf("a token that cannot be read: got %v, want %v", err, broken)
	}
}

func TestACallEndsWithItsContext(t *testing.T) {
	f := newFixture(t)
	f.fault = "slow"
	late, stop := context.WithTimeout(ctx, time.Millisecond)
	defer stop()
	if _, err := f.client.OpenDM(late, "U0DEV1"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
	cancelled, cancel := context.WithCancel(ctx)
	cancel()
	address := f.NewResponseURL("U0DEV1", "C0OPS", "")
	if err := f.client.Respond(cancelled, address, Message{Text: "x"}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
}
