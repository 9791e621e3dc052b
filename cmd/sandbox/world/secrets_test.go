package world_test

import (
	"context"
	"encoding/base64"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/aws/aws-lambda-go/lambda"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/cmd/sandbox/world"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
	"github.com/aws-access/aws-access/pkg/store"
	"github.com/aws-access/aws-access/pkg/vend"
)

// requester is who asks. Only this person may be given a secret.
const requester = "U0DEV1"

// otherForms is the number of buttons below keys.
const otherForms = 3

// leakCase is one way in which calls fail while keys and a link are vended.
type leakCase struct {
	faults  []world.Fault
	echo    string // the service that answers with a page that repeats the request: sts, signin or ""
	tokens  int    // length of a session token, in bytes
	answers int    // private answers with a secret; -1 for any number
}

const postPrivately = "slack:chat.postEphemeral"

var leakCases = map[string]leakCase{
	"nothing fails":         {answers: 2 + otherForms},
	"tokens of full length": {tokens: world.MaxTokenBytes, answers: 2 + 2*otherForms},
	"half of the keys is lost": {
		tokens: world.MaxTokenBytes,
		faults: []world.Fault{
			{At: postPrivately, How: sandboxtest.NoFault, Times: 1},
			{At: postPrivately, How: world.FaultError},
		},
		answers: 1,
	},
	"no answer can be posted": {
		faults: []world.Fault{{At: postPrivately, How: world.FaultError}},
	},
	"posting an answer loses Slack's response": {
		faults:  []world.Fault{{At: postPrivately, How: world.FaultLost, Times: 2}},
		answers: 4 + otherForms,
	},
	"sign-in fails": {
		faults:  []world.Fault{{At: "signin:getSigninToken", How: world.FaultError}},
		answers: 1 + otherForms,
	},
	"sign-in repeats the request": {echo: "signin", answers: 1 + otherForms},
	"STS fails": {
		faults: []world.Fault{{At: "sts:AssumeRole", How: world.FaultError}},
	},
	"STS loses its answer": {
		faults: []world.Fault{{At: "sts:AssumeRole", How: world.FaultLost}},
	},
	"STS repeats the request": {echo: "sts"},
	"the table fails after the session was made": {
		faults: []world.Fault{
			{At: "store:save", How: sandboxtest.NoFault, Times: 1},
			{At: "store:save", How: world.FaultError, Times: 3},
		},
		answers: 1,
	},
	"all answers are lost": {
		faults:  []world.Fault{{At: "*", How: world.FaultLost, Times: 40}},
		answers: -1,
	},
}

// Whatever fails, secrets appear in nothing that is logged, stored, queued or
// counted, and in no message but the requester's own.
func TestSecretsReachOnlyTheRequester(t *testing.T) {
	for name, c := range leakCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLeakTest(t, c.echo, func(s *world.Settings) { s.TokenBytes = c.tokens })
			l.vend(c.faults)
			if got := len(l.privateAnswers()); got != c.answers && c.answers >= 0 {
				t.Errorf("%d private answers carry a secret, want %d", got, c.answers)
			}
			if c.answers > 0 && len(l.secrets) < 8 {
				t.Errorf("only %d secrets were collected", len(l.secrets))
			}
			for _, leak := range l.search() {
				t.Error(leak)
			}
		})
	}
}

// The search of TestSecretsReachOnlyTheRequester finds a secret in every place
// that it searches, also when the secret was cut or encoded.
func TestTheSearchFindsPlantedSecrets(t *testing.T) {
	l := newLeakTest(t, "")
	l.vend(nil)
	var key string
	for name, secret := range l.secrets {
		if strings.HasPrefix(name, "a secret key") {
			key = secret
		}
	}
	w := l.World()
	logged := func(text string) func() {
		return func() { slog.New(slog.NewJSONHandler(l.Logs, nil)).Info("x", "y", text) }
	}
	for place, plant := range map[string]func(){
		"the log":             logged(key),
		"the log, half of it": logged(key[:30]),
		"the log, in base64":  logged(base64.StdEncoding.EncodeToString([]byte(key))),
		"the log, as a query": logged(url.QueryEscape(key)),
		"the table": func() {
			w.Store.Put(store.Item{PK: "x", SK: "y", Format: store.Format, Body: `"` + key + `"`})
		},
		"an event or its answer": func() {
			_, _ = w.Invoke(context.Background(), "tick", []byte(`{"id":"`+key+`"}`)) // only the event matters
		},
		"the state":               func() { w.Calls.Count(key) },
		"the state, as a message": func() { w.Slack.PostAs("U0LEAD1", "C0OPS", key) },
		"the state, for another person": func() {
			w.Slack.ShowCommandResponse("U0LEAD1", slackfake.CommandChannel, []byte(key))
		},
	} {
		before := len(l.search())
		plant()
		if after := len(l.search()); after == before {
			t.Errorf("%s: the search does not find the planted secret", place)
		}
	}
}

// newLeakTest starts a sandbox whose secrets are collected. echo names a service
// that answers with a page that repeats the request.
func newLeakTest(t *testing.T, echo string, change ...func(*world.Settings)) *leakTest {
	l := &leakTest{
		Sandbox: sandboxtest.Start(t, sandboxtest.Policy(t), change...), secrets: make(map[string]string),
	}
	w := l.World()
	l.collect("the signing secret", sandboxtest.SigningSecret)
	l.collect("the bot token", w.Secrets.BotToken.Reveal())
	l.collect("the external id", w.Secrets.ExternalID.Reveal())
	l.collect("the vend function's key", w.Secrets.VendKeys.SecretKey.Reveal())
	l.collect("the vend function's token", w.Secrets.VendKeys.SessionToken.Reveal())
	l.collect("the slack function's key", w.Secrets.SlackKeys.SecretKey.Reveal())
	l.collect("the api function's key", w.Secrets.APIKeys.SecretKey.Reveal())
	l.collect("the tick function's key", w.Secrets.TickKeys.SecretKey.Reveal())
	l.collect("the cut function's key", w.Secrets.CutKeys.SecretKey.Reveal())
	l.collect("the cut function's token", w.Secrets.CutKeys.SessionToken.Reveal())
	l.collectPEM("the answer key", w.Secrets.AnswerKey)

	v := w.VendFunction()
	if echo == "signin" {
		v.SignIn = vend.SignIn{HTTP: &http.Client{Transport: echoing{}}, Endpoint: w.PublicURL() + "/federation"}
	}
	if echo == "sts" {
		v.Step.STS = w.Assumer(echoing{})
	}
	v.Step.STS, v.SignIn = collectingSTS{l, v.Step.STS.Assume}, collectingSignIn{l, v.SignIn.Link}
	v.Calls.Vend.STS, v.Calls.SignIn = v.Step.STS, v.SignIn
	w.ReplaceFunctions(func(name string, instance func() lambda.Handler) func() lambda.Handler {
		if name == "vend" {
			instance = func() lambda.Handler { return lambda.NewHandler(v.Handle) }
		}
		return func() lambda.Handler { return collectingFunction{l, instance()} }
	})
	return l
}

// vend gives the requester keys and a link while calls fail.
func (l *leakTest) vend(faults []world.Fault) {
	l.T.Helper()
	sandboxtest.Ask(l.Sandbox)
	l.Click("U0LEAD1", "Approve", l.Card("C0APPROVALS"))
	grant := l.Direct(requester)
	for _, f := range faults {
		l.World().Faults.Add(f)
	}
	l.Click(requester, "Get temporary keys", grant)
	l.Click(requester, "Open AWS console", grant)
	l.Click("U0DEV2", "Get temporary keys", grant) // a tampered client
	withForms := sandboxtest.Messages(l.State(), func(m slackfake.Message) bool {
		return strings.Contains(string(m.Blocks), `"JSON"`)
	})
	if len(withForms) > 0 {
		for _, label := range []string{"PowerShell", "Credentials file", "JSON"} {
			l.Click(requester, label, withForms[0])
		}
	}
	l.Advance("3m")
	l.World().Faults.Clear()
	l.Click(requester, "I'm done", grant)
	l.Advance("3m")
}

// echoing is a network in which every answer is an HTML page that repeats the
// request.
type echoing struct{}

func (echoing) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	text, err := url.QueryUnescape(string(body))
	page := "<html><title>" + text + "</title>" + html.EscapeString(text) + string(body) + r.URL.String() + "</html>"
	return &http.Response{
		StatusCode: http.StatusForbidden, Status: "403 " + text,
		Header: http.Header{"Content-Type": {"text/html"}, "X-Amzn-Requestid": {text}},
		Body:   io.NopCloser(strings.NewReader(page)), Request: r,
	}, err
}
