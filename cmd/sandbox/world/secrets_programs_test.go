package world_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/wire"
)

// collectPEM collects the lines of a private key.
func (l *leakTest) collectPEM(description string, key access.Secret) {
	for line := range strings.Lines(key.Reveal()) {
		if line = strings.TrimSpace(line); len(line) > 40 && !strings.HasPrefix(line, "-") {
			l.collect(description, line)
		}
	}
}

// What a program is given is in no log, table, event, answer or state, and neither are the keys with
// which programs and vend sign, or a pairing code. Keys and links are in the answers, sealed.
func TestSecretsOfProgramsReachOnlyThem(t *testing.T) {
	l := newLeakTest(t, "")
	code := l.Code(requester)
	l.collect("the pairing code", code.Text().Reveal())
	l.collect("the pairing code, without hyphens", strings.ReplaceAll(code.Text().Reveal(), "-", ""))
	laptop := sandboxtest.NewProgram(l.Sandbox)
	key, err := laptop.Caller.Key.PEM()
	if err != nil {
		t.Fatal(err)
	}
	l.collectPEM("the device's key", key)
	if status, refused := laptop.Pair(code); status != http.StatusOK {
		t.Fatalf("pair: got %d %+v", status, refused)
	}
	known := len(l.secrets)
	laptop.Asks("payments-dev", "ReadOnly", "1h")
	if _, status, refused := laptop.Keys("payments-dev", "ReadOnly"); status != http.StatusOK {
		t.Fatalf("keys: got %d %+v", status, refused)
	}
	link, err := laptop.Do(wire.Payload{Op: wire.Console, Account: "payments-dev", Role: "ReadOnly"}).Link()
	if err != nil {
		t.Fatal(err)
	}
	l.collect("the link", link.Address.Reveal())
	if got := len(l.secrets) - known; got < 5 { // two sessions, and a link
		t.Errorf("only %d secrets were collected", got)
	}
	for _, leak := range l.search() {
		t.Error(leak)
	}
}

// The proofs of machines are in their calls, which the public function passes on. They are in no log,
// table or state.
func TestProofsOfMachinesAreKeptNowhere(t *testing.T) {
	l := newLeakTest(t, "")
	build := sandboxtest.NewMachine(l.Sandbox, `{"arn":"arn:aws:iam::332000000000:role/Build"}`)
	pipeline := sandboxtest.NewPipeline(l.Sandbox, map[string]any{
		"iss": "https://token.actions.githubusercontent.com", "environment": "production",
	})
	fork := sandboxtest.NewPipeline(l.Sandbox, map[string]any{"repository_id": "1"})
	var tokens []string
	for _, p := range []*sandboxtest.Program{build, pipeline, fork} {
		prove := p.Prove
		p.Prove = func(payload *wire.Payload) {
			prove(payload)
			tokens = append(tokens, payload.OIDC.Reveal())
		}
		p.Asks("payments-dev", "Deploy", "1h")
		p.Keys("payments-dev", "Deploy")
	}
	l.mu.Lock()
	l.events.Reset()
	l.mu.Unlock()
	l.Advance("3m")
	l.collect("the machine's token", build.Credentials.SessionToken)
	l.collect("the machine's key", build.Credentials.SecretAccessKey)
	for _, token := range tokens {
		if token != "" {
			l.collect("a pipeline's token", token)
		}
	}
	for _, leak := range l.search() {
		t.Error(leak)
	}
}
