package operators

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/cmd/sandbox/world"
	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// operatorOf is a shell with the keys of the sandbox's operators, as docs/sandbox.md makes one. The result
// runs a command line, and returns its exit code and what it says.
func operatorOf(b *sandboxtest.Sandbox) func(line string) (code int, said string) {
	b.T.Helper()
	var keys struct{ AccessKeyId, SecretAccessKey, SessionToken string }
	answer := b.Do("machines", `{"arn":"arn:aws:iam::640710528431:role/Operators"}`)
	if err := json.Unmarshal([]byte(answer), &keys); err != nil {
		b.T.Fatal(err)
	}
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL": b.URL + "/aws", "AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": keys.AccessKeyId,
		"AWS_SECRET_ACCESS_KEY": keys.SecretAccessKey, "AWS_SESSION_TOKEN": keys.SessionToken,
	} {
		b.T.Setenv(name, value)
	}
	return func(line string) (int, string) {
		var out, words strings.Builder
		code := run(b.T.Context(), strings.Fields(line), &out, &words)
		return code, out.String() + words.String()
	}
}

// The operators' channel tells people to run these commands, so they must work where people try the product.
func TestAHeldSweepIsAnsweredInTheSandbox(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t), func(s *world.Settings) { s.Start = time.Now() })
	command, now := operatorOf(b), b.World().Clock.Now()
	check := func(line, says string, held bool) access.Sweep {
		t.Helper()
		code, said := command(line)
		s, err := b.World().Store.Sweep(t.Context())
		if code != exitOK || !strings.Contains(said, says) || err != nil || s.Held != held {
			t.Errorf("%s: ended with %d, held %v, %v, and said %q; want %q", line, code, s.Held, err, said, says)
		}
		return s
	}
	found := func(s access.Sweep) {
		t.Helper()
		if err := b.World().Store.SaveSweep(t.Context(), s.Found(100, 40, 40, now)); err != nil {
			t.Fatal(err)
		}
	}
	s := check("sweep --table aws-access", "No sweep is held.", false)
	found(s)
	const is = "The last one looked at 100 grants and would revoke or has revoked 40."
	check("sweep --table aws-access", is, true)
	s = check("sweep confirm --yes --table aws-access", "Confirmed: they are revoked within a minute.", false)
	if s.Allowed != 40 || !strings.Contains(s.By.ID, "assumed-role/Operators") {
		t.Errorf("confirmed: %+v", s)
	}
	found(access.Sweep{Version: s.Version})
	s = check("sweep --table aws-access dismiss --yes", "Dismissed: vending goes on", false)
	if !s.Keeps(now, now) {
		t.Errorf("dismissed: %+v", s)
	}
}

// docs/incident.md tells people to try these in the sandbox.
func TestOperatorsFreezeCloseAndThawInTheSandbox(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t), func(s *world.Settings) { s.Start = time.Now() })
	sandboxtest.Granted(b)
	command := operatorOf(b)
	for _, c := range []struct{ line, says string }{
		{"freeze --reason leak", "Everything is frozen: nothing is granted"},
		{"close --all --list", "1 active grant with no live session"},
		{"close --all --reason leak", "Revoked 1 grant."},
		{"close --all --reason leak --wait", "No session is being ended, so there is nothing to wait for."},
		{"close --person U0DEV1 --devices none --list", "No grant can be revoked"},
		{"thaw", "Thawed."},
	} {
		code, said := command(c.line + " --table aws-access" + strings.Repeat(" --yes", 1-strings.Count(c.line, "--list")))
		if code != exitOK || !strings.Contains(said, c.says) || strings.Contains(said, "is not told") {
			t.Errorf("%s: ended with %d, and said %q, want %q", c.line, code, said, c.says)
		}
	}
	b.Advance("2m")
	told := sandboxtest.Messages(b.State(), func(m slackfake.Message) bool {
		return m.Channel == "C0OPS" && strings.Contains(m.Text, "has closed everything by aws-access close")
	})
	if len(told) != 1 {
		t.Errorf("the operators' channel was told %d times that everything was closed, want once", len(told))
	}
}

// The sandbox has no CloudFormation, as other servers that an endpoint may name by mistake.
func TestAnAnswerThatIsNotOfAWSIsExplained(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	code, said := operatorOf(b)("thaw --yes")
	if code != exitUsage || strings.Contains(said, "UnknownError") ||
		!strings.Contains(said, "no error of AWS. Check the endpoint (AWS_ENDPOINT_URL)") ||
		!strings.Contains(said, "With --table no stack is needed") {
		t.Errorf("ended with %d, and said %q", code, said)
	}
}
