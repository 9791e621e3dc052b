//go:build deployed

package scenarios

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
)

// served are the variables that serve prints for one name.
type served struct{ uri, token string }

var servedLine = regexp.MustCompile(`AWS_CONTAINER_(CREDENTIALS_FULL_URI|AUTHORIZATION_TOKEN_FILE)=(\S+)`)

// serve runs `aws-access serve`, and returns what it prints: for each name two variables.
func (c *computer) serve(names []string, maps ...string) map[string]served {
	c.t.Helper()
	args := []string{"serve"}
	for _, one := range maps {
		args = append(args, "--map", one)
	}
	p := exec.Command(command(c.t), args...)
	p.Dir, p.Env, p.Stderr = c.dir, c.env, os.Stderr
	out, err := p.StdoutPipe()
	if err == nil {
		err = p.Start()
	}
	if err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() {
		_ = p.Process.Signal(syscall.SIGTERM)
		_ = p.Wait()
	})
	var found [][]string
	for lines := bufio.NewScanner(out); len(found) < 2*len(names) && lines.Scan(); {
		found = append(found, servedLine.FindAllStringSubmatch(lines.Text(), -1)...)
	}
	if len(found) != 2*len(names) {
		c.t.Fatalf("serve printed %v", found)
	}
	all := map[string]served{}
	for i, name := range names {
		all[name] = served{uri: found[2*i][2], token: found[2*i+1][2]}
	}
	return all
}

// env are the variables of a process that runs under the role.
func (s served) env() []string {
	return []string{"AWS_CONTAINER_CREDENTIALS_FULL_URI=" + s.uri, "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=" + s.token}
}

// twice asks who it is, waits until the session has ended, and asks again, in one process.
const twice = `
import boto3, sys, time
client = boto3.client("sts")
print(client.get_caller_identity()["Arn"], flush=True)
time.sleep(25)
print(client.get_caller_identity()["Arn"], boto3.client("s3").list_buckets()["Buckets"])
`

func TestTwoProcessesHaveTheirOwnRolesOfOneServer(t *testing.T) {
	t.Parallel()
	p := startPlace(t, sessionLife)
	c := newComputer(t, "AWS_ENDPOINT_URL="+p.engine.url)
	c.pair(p.Sandbox, "U0DEV1")
	c.do("aws-access", "request", "payments-dev", "ReadOnly", "1h", "looking")
	c.do("aws-access", "request", "payments-prod", "ReadOnly", "1h", "stuck payouts", "--no-wait")
	p.Click("U0LEAD1", "Approve", p.Await("card", 0, sandboxtest.IsCard("C0APPROVALS")))
	all := c.serve([]string{"one", "two"}, "one=payments-dev/ReadOnly", "two=payments-prod/ReadOnly")
	script := c.write("twice.py", twice)
	accounts := map[string]string{"one": development, "two": production}
	ended := map[string]chan result{}
	for name, s := range all {
		ended[name] = make(chan result, 1)
		process := c.with(s.env()...)
		go func() {
			r, err := process.try(t.Context(), program(t, "SCENARIOS_PYTHON"), script)
			if err != nil {
				r.code = -1
			}
			ended[name] <- r
		}()
	}
	for name, account := range accounts {
		r := <-ended[name]
		role := "arn:aws:sts::" + account + ":assumed-role/ReadOnly/"
		if r.code != 0 || strings.Count(r.stdout, role) != 2 {
			t.Errorf("%s: exit code %d, want %s twice\n%s%s", name, r.code, role, r.stdout, r.stderr)
		}
	}
	if n := p.sts.sessions(); n < 4 {
		t.Errorf("%d sessions, want two of each role", n)
	}
	other := served{uri: all["two"].uri, token: all["one"].token}
	c.with(other.env()...).refused(255, "", aws2(t), "sts", "get-caller-identity")
	for name, s := range all {
		info, err := os.Stat(s.token)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the token of %s: %v, %v", name, info, err)
		}
		if filepath.Dir(s.token) == c.dir {
			t.Errorf("the token of %s is in the home directory", name)
		}
	}
}
