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
	"github.com/aws-access/aws-access/pkg/client"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
	"github.com/aws-access/aws-access/pkg/wire"
)

// world is the deployed product, with everything that it uses.
type world struct {
	t         *testing.T // of the current step
	whole     *testing.T // of all steps
	settings  settings
	aws       string // address of the emulator
	slack     *slackfake.Server
	signing   access.Secret
	external  string
	answers   string            // PEM of the key that signs answers to the command line
	outputs   map[string]string // of the stack
	vend      keys              // of the vend function, in its second version
	computer  *client.Client    // paired with the stack
	operators keys              // of a user with the permissions of doctor
	canaries  map[string]string // secrets of the command line, by their description
	kept      []string          // log groups of the deleted stack
}

const botToken = "xoxb-local-bot-token"

// newWorld starts the fakes and the emulator. Nothing is deployed yet.
func newWorld(t *testing.T) *world {
	w := &world{
		t: t, whole: t, settings: readSettings(t),
		signing: access.NewSecret("local-signing-secret"), external: "local-external-id-of-32-characters",
		canaries: make(map[string]string),
	}
	key, err := wire.NewPrivateKey()
	w.must(err)
	pem, err := key.PEM()
	w.must(err)
	w.answers = pem.Reveal()
	mux := http.NewServeMux()
	fakes := httptest.NewServer(mux)
	t.Cleanup(fakes.Close)
	w.slack = slackfake.NewSandbox(slackfake.Options{
		Token: access.NewSecret(botToken), Now: time.Now, BaseURL: fakes.URL + "/slack-api",
	})
	mux.Handle("/slack-api/", http.StripPrefix("/slack-api", w.slack))
	mux.Handle("/federation", &signIn{world: w, tokens: make(map[string]string)})
	w.aws = startAWS(t, w.settings, fakes.URL)
	return w
}

// putSecrets stores the secrets as docs/deploy.md describes it, encrypted with the key
// of the stack. An older stack has neither this key, so SSM uses its own, nor an answer key.
func (w *world) putSecrets() {
	secrets := map[string]string{
		"/jit-access/slack/bot-token":      botToken,
		"/jit-access/slack/signing-secret": w.signing.Reveal(),
		"/jit-access/external-id":          w.external,
	}
	var key *string
	if stackKey, ok := w.outputs["SecretsKey"]; ok {
		key, secrets[answerKey] = &stackKey, w.answers
	}
	for name, secret := range secrets {
		w.putSecret(name, secret, key)
	}
}

// putSecret stores one secret, encrypted with a key; nil is SSM's own.
func (w *world) putSecret(name, secret string, key *string) {
	w.t.Helper()
	_, err := w.ssm(rootOf(bastion)).PutParameter(w.t.Context(), &ssm.PutParameterInput{
		Name: &name, Value: &secret, KeyId: key, Type: types.ParameterTypeSecureString, Overwrite: aws.Bool(true),
	})
	w.must(err)
}

// step runs one step of the test, with its own line and time in the output. If it fails,
// the later steps do not run.
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

// timeout is the limit for one result of the functions, the stream and the emulator. The emulator
// reads the stream for one function at a time, so a cut that is tried again keeps the others waiting.
const timeout = 90 * time.Second

// eventually waits until done is true, because other processes do the work.
func (w *world) eventually(what string, done func() bool) {
	w.t.Helper()
	if !within(timeout, done) {
		w.t.Fatalf("not within %s: %s", timeout, what)
	}
}

// public is a client on the internet. All its connections go to the emulator, which
// finds the API by the host name, like AWS.
func (w *world) public() *http.Client {
	return &http.Client{
		Timeout: 20 * time.Second,
		Transport: &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, w.aws)
		}},
	}
}

// tick invokes the tick function, as the schedule does every minute.
func (w *world) tick() {
	w.t.Helper()
	w.invoke(rootOf(bastion), "TickFunction", `{"version":"0","detail-type":"Scheduled Event","source":"aws.events"}`)
}

func text(s *string) string { return aws.ToString(s) }
