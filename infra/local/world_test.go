//go:build deployed

package local

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// world is the product as it was deployed, and everything that it reaches.
type world struct {
	t         *testing.T // of the step that is done now
	whole     *testing.T
	settings  settings
	aws       string // address of the emulator
	slack     *slackfake.Server
	signing   access.Secret
	external  string
	outputs   map[string]string // of the stack
	vend      keys              // vend's own, of its second version
	operators keys              // one of them, with doctor's rights
	kept      []string          // log groups of the stack that was removed
}

const botToken = "xoxb-local-bot-token"

// newWorld starts the players and the emulator. Nothing is deployed yet.
func newWorld(t *testing.T) *world {
	w := &world{t: t, whole: t, settings: given(t), signing: access.NewSecret("local-signing-secret"), external: "local-external-id-of-32-characters"}
	mux := http.NewServeMux()
	players := httptest.NewServer(mux)
	t.Cleanup(players.Close)
	w.slack = slackfake.Sandbox(slackfake.Options{Token: access.NewSecret(botToken), Now: time.Now, BaseURL: players.URL + "/slack-api"})
	mux.Handle("/slack-api/", http.StripPrefix("/slack-api", w.slack))
	mux.Handle("/federation", &signIn{world: w, tokens: make(map[string]string)})
	w.aws = startAWS(t, w.settings, players.URL)
	return w
}

// putSecrets puts them where docs/deploy.md says, after the deploy, and under the
// key that it says; an older stack has none, and SSM takes its own.
func (w *world) putSecrets() {
	var key *string
	if own, ok := w.outputs["SecretsKey"]; ok {
		key = &own
	}
	for name, secret := range map[string]string{
		"/jit-access/slack/bot-token": botToken, "/jit-access/slack/signing-secret": w.signing.Reveal(), "/jit-access/external-id": w.external,
	} {
		_, err := w.ssm(rootOf(bastion)).PutParameter(w.t.Context(), &ssm.PutParameterInput{
			Name: &name, Value: &secret, KeyId: key, Type: types.ParameterTypeSecureString, Overwrite: aws.Bool(true),
		})
		w.must(err)
	}
}

// step is a part of the story, with its own line and time in the output. What
// comes after needs it.
func (w *world) step(name string, do func(w *world)) {
	done := w.whole.Run(name, func(t *testing.T) {
		w.t = t
		do(w)
	})
	w.t = w.whole
	if !done {
		w.whole.FailNow()
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// patience is how long the functions, the stream and the emulator together may
// take for one thing.
const patience = 30 * time.Second

// eventually waits until something is so, which other processes see to.
func (w *world) eventually(what string, so func() bool) {
	w.t.Helper()
	if !within(patience, so) {
		w.t.Fatalf("not within %s: %s", patience, what)
	}
}

// public is a client on the internet: whatever it calls, it reaches the
// emulator, which finds the API by the name of its host, as AWS does.
func (w *world) public() *http.Client {
	return &http.Client{
		Timeout: 20 * time.Second,
		Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, w.aws)
		}},
	}
}

// tick is the minute's, now.
func (w *world) tick() {
	w.t.Helper()
	w.invoke(rootOf(bastion), "TickFunction", `{"version":"0","detail-type":"Scheduled Event","source":"aws.events"}`)
}

func text(s *string) string { return aws.ToString(s) }
