package people

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
	"github.com/aws-access/aws-access/pkg/home"
)

// computer runs the built command, as somebody with a sandbox does.
type computer struct {
	*testing.T
	command string
	env     []string
	said    bytes.Buffer // everything that all commands wrote to standard error
}

func (c *computer) start(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(c.Context(), c.command, args...)
	cmd.Env = c.env
	return cmd
}

// run runs a command line and checks its exit code.
func (c *computer) run(want int, stdin string, args ...string) (out, words string) {
	c.Helper()
	var stdout, stderr bytes.Buffer
	cmd := c.start(args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	_ = cmd.Run() // the exit code says it
	c.said.Write(stderr.Bytes())
	if got := cmd.ProcessState.ExitCode(); got != want {
		c.Fatalf("aws-access %s: ended with %d, want %d\n%s", strings.Join(args, " "), got, want, stderr.String())
	}
	return stdout.String(), stderr.String()
}

// The whole way of the command: paired through Slack, asked on the terminal, approved by a click, used,
// given back, refused.
func TestCommandThroughTheWholeProduct(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the command and starts a sandbox")
	}
	command, _ := programs(t)
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	dir := filepath.Join(t.TempDir(), "a home")
	c := &computer{T: t, command: command, env: []string{home.Variable + "=" + dir, "PATH=" + os.Getenv("PATH")}}
	text := b.Code("U0DEV1").Text()
	_, words := c.run(ExitDone, text.Reveal()+"\n", "login", b.State().URL)
	if !strings.Contains(words, "This computer becomes a device of ") {
		t.Errorf("login says %q", words)
	}
	if _, words = c.run(ExitRefused, "", "credential-process", "payments-prod", "Operator"); !strings.Contains(words,
		"aws-access request payments-prod Operator 1h REASON") {
		t.Errorf("without a grant it says %q", words)
	}
	asked := c.start("request", "payments-prod", "Operator", "1h", "stuck payouts")
	var said bytes.Buffer
	asked.Stdout, asked.Stderr = &said, &said
	if err := asked.Start(); err != nil {
		t.Fatal(err)
	}
	b.Click("U0LEAD1", "Approve", waitForCard(b, "C0PAYMENTS"))
	if err := asked.Wait(); err != nil {
		t.Fatalf("request: %v\n%s", err, said.String())
	}
	c.manyAtOnce(200)
	out, _ := c.run(ExitDone, "", "credential-process", "payments-prod", "Operator")
	var keys printed
	if err := json.Unmarshal([]byte(out), &keys); err != nil || keys.AccountId != "111111111111" ||
		time.Until(keys.Expiration) > time.Hour || time.Until(keys.Expiration) < 50*time.Minute {
		t.Errorf("printed keys until %v by this computer's clock, %v", keys.Expiration, err)
	}
	if n := len(b.State().Sessions); n != 1 {
		t.Errorf("200 processes on an empty cache were %d sessions, want 1", n)
	}
	c.run(ExitDone, "", "done")
	c.run(ExitRefused, "", "credential-process", "payments-prod", "Operator")
	key, err := os.ReadFile(filepath.Join(dir, "device.pem"))
	if err != nil {
		t.Fatal(err)
	}
	c.run(ExitDone, "", "logout")
	c.run(ExitRefused, "", "list")
	for name, secret := range map[string]string{"a code": text.Reveal(), "the device's key": string(key),
		"a secret key": keys.SecretAccessKey, "a session token": keys.SessionToken} {
		if strings.Contains(c.said.String(), secret) || strings.Contains(strings.Join(b.Logs.All(), ""), secret) ||
			strings.Contains(said.String(), secret) {
			t.Errorf("%s stands in what the command said, or in a log", name)
		}
	}
}

// waitForCard waits until a request is made.
func waitForCard(b *sandboxtest.Sandbox, channel string) slackfake.Message {
	b.T.Helper()
	for {
		for _, m := range b.State().Messages {
			if sandboxtest.IsCard(channel)(m) {
				return m
			}
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-b.T.Context().Done():
			b.T.Fatal("no card comes")
		}
	}
}

// A build role and a workflow get keys by what they are, and keep none.
func TestMachinesGetKeysThroughTheWholeProduct(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the command and starts a sandbox")
	}
	command, _ := programs(t)
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	var role struct{ AccessKeyId, SecretAccessKey, SessionToken string }
	if err := json.Unmarshal([]byte(b.Do("machines", `{"arn":"arn:aws:iam::332000000000:role/Build"}`)),
		&role); err != nil {
		t.Fatal(err)
	}
	aws := []string{"AWS_ACCESS_KEY_ID=" + role.AccessKeyId, "AWS_SECRET_ACCESS_KEY=" + role.SecretAccessKey,
		"AWS_SESSION_TOKEN=" + role.SessionToken, "AWS_REGION=eu-west-1", "AWS_ENDPOINT_URL=" + b.URL + "/aws"}
	// The sandbox's issuer answers {"token": …}; a pipeline's own tool prints the token alone.
	oidc := []string{tokenCommand + `=curl -sf ` + b.URL +
		`/sandbox/oidc -d '{"aud":"'"$AWS_ACCESS_AUDIENCE"'","claims":{` +
		`"iss":"https://token.actions.githubusercontent.com","environment":"production"}}' | ` +
		`sed 's/.*"token": *"\([^"]*\)".*/\1/'`}
	github := []string{"ACTIONS_ID_TOKEN_REQUEST_TOKEN=bearer", "ACTIONS_ID_TOKEN_REQUEST_URL=" + b.URL +
		"/sandbox/oidc?environment=production&run_id=77&iss=https%3A%2F%2Ftoken.actions.githubusercontent.com"}
	for as, env := range map[string][]string{"aws": aws, "oidc": oidc, "github": github} {
		nowhere := filepath.Join(t.TempDir(), "home")
		c := &computer{T: t, command: command, env: append(env, home.Variable+"="+nowhere, "PATH="+os.Getenv("PATH"),
			urlVariable+"="+b.State().URL)}
		line := []string{"credential-process", "payments-dev", "Deploy", "--as", as}
		c.run(ExitRefused, "", line...)
		out, _ := c.run(ExitDone, "", append(line, "--reason", "release 42")...)
		var keys printed
		if err := json.Unmarshal([]byte(out), &keys); err != nil || keys.AccountId != "222222222222" {
			t.Errorf("%s: printed %q, %v", as, out, err)
		}
		c.run(ExitDone, "", "status", "--as", as)
		c.run(ExitDone, "", "done", "--as", as)
		if _, err := os.Stat(nowhere); !os.IsNotExist(err) {
			t.Errorf("%s: a machine left a home: %v", as, err)
		}
		for _, secret := range []string{role.SecretAccessKey, role.SessionToken, keys.SecretAccessKey, keys.SessionToken} {
			if strings.Contains(c.said.String(), secret) || strings.Contains(strings.Join(b.Logs.All(), ""), secret) {
				t.Errorf("%s: a secret stands in what the command said, or in a log", as)
			}
		}
	}
}

// manyAtOnce runs processes at once on an empty cache.
func (c *computer) manyAtOnce(n int) {
	c.Helper()
	type ended struct {
		out []byte
		err error
	}
	all := make(chan ended)
	began := time.Now()
	for range n {
		go func() {
			out, err := c.start("credential-process", "payments-prod", "Operator").Output()
			all <- ended{out, err}
		}()
	}
	var outs []string
	for range n {
		e := <-all
		if e.err != nil {
			c.Errorf("a process failed: %v", e.err)
		}
		outs = append(outs, string(e.out))
	}
	slices.Sort(outs)
	if different := len(slices.Compact(outs)); different != 1 {
		c.Errorf("%d processes got %d different keys", n, different)
	}
	c.Logf("%d processes on an empty cache were served in %v", n, time.Since(began).Round(time.Millisecond))
}
