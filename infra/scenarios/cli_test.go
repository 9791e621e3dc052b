//go:build deployed

package scenarios

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
)

// developer is U0DEV1's computer, paired, with a grant of ReadOnly in payments-dev and a profile for it.
func developer(t *testing.T, b *sandboxtest.Sandbox) *computer {
	t.Helper()
	c := newComputer(t, "AWS_ENDPOINT_URL="+b.URL+"/aws")
	c.pair(b, "U0DEV1")
	c.do("aws-access", "request", "payments-dev", "ReadOnly", "1h", "looking")
	c.do("aws-access", "profiles", "--write")
	return c
}

const profile = "payments-dev-ReadOnly"

func TestTheAWSCommandLineFindsKeysByProfile(t *testing.T) {
	t.Parallel()
	b := startSandbox(t)
	c := developer(t, b)
	for _, program := range []string{aws2(t), aws1(t)} {
		out := c.do(program, "--profile", profile, "s3api", "list-buckets")
		if !strings.Contains(out, `"Buckets"`) {
			t.Errorf("%s s3api list-buckets: %s", program, out)
		}
		out = c.do(program, "--profile", profile, "sts", "get-caller-identity")
		if !strings.Contains(out, "arn:aws:sts::"+development+":assumed-role/ReadOnly/aws-access-") {
			t.Errorf("%s sts get-caller-identity: %s", program, out)
		}
	}
	if n := sessions(b); n != 1 {
		t.Errorf("four calls of two programs began %d sessions, want 1", n)
	}
	c.do("aws-access", "done")
	c.refused(255, "aws-access request", aws2(t), "--profile", profile, "s3api", "list-buckets")
}

func TestTwentyCommandsAtOnceAreOneSession(t *testing.T) {
	t.Parallel()
	b := startSandbox(t)
	c := developer(t, b)
	failed := atOnce(c, 20, aws2(t), "--profile", profile, "s3api", "list-buckets")
	if len(failed) > 0 {
		t.Errorf("%d of 20 calls failed, the first: %s", len(failed), failed[0])
	}
	if n := sessions(b); n != 1 {
		t.Errorf("20 calls began %d sessions, want 1", n)
	}
}

func TestTwoHundredProcessesOnAnEmptyCacheAreOneSession(t *testing.T) {
	t.Parallel()
	b := startSandbox(t)
	c := developer(t, b)
	began := time.Now()
	failed := atOnce(c, 200, "aws-access", "credential-process", development, "ReadOnly")
	t.Logf("200 processes took %s", time.Since(began).Round(10*time.Millisecond))
	if len(failed) > 0 {
		t.Errorf("%d of 200 processes failed, the first: %s", len(failed), failed[0])
	}
	if n := sessions(b); n != 1 {
		t.Errorf("200 processes began %d sessions, want 1", n)
	}
}

// atOnce runs a program many times at once, and returns what went wrong. All answers must be the same.
func atOnce(c *computer, times int, name string, args ...string) (failed []string) {
	c.t.Helper()
	results := make([]string, times)
	answers := make([]string, times)
	var group sync.WaitGroup
	for i := range times {
		group.Go(func() {
			r, err := c.try(c.t.Context(), name, args...)
			answers[i] = r.stdout
			if err != nil || r.code != 0 {
				results[i] = fmt.Sprintf("%v, exit code %d: %s", err, r.code, r.stderr)
			}
		})
	}
	group.Wait()
	for i, text := range results {
		if text == "" && answers[i] != answers[0] {
			text = "it answered differently: " + answers[i]
		}
		if text != "" {
			failed = append(failed, text)
		}
	}
	return failed
}

func TestACallAfterTheEndOfASessionRenewsIt(t *testing.T) {
	t.Parallel()
	b := startSandbox(t)
	c := developer(t, b)
	short := c.with("AWS_CONFIG_FILE=" + c.write("short/config", fmt.Sprintf("[profile short]\nregion = %s\n"+
		"credential_process = %s credential-process %s ReadOnly --lifetime 20s\n", region, command(t), development)))
	short.do(aws2(t), "--profile", "short", "s3api", "list-buckets")
	if n := sessions(b); n != 1 {
		t.Fatalf("the first call began %d sessions, want 1", n)
	}
	time.Sleep(21 * time.Second)
	short.do(aws2(t), "--profile", "short", "s3api", "list-buckets")
	if n := sessions(b); n != 2 {
		t.Errorf("after the end there were %d sessions, want 2", n)
	}
	cached, err := filepath.Glob(filepath.Join(c.dir, "aws-access", "cache", "*"))
	if err != nil || len(cached) == 0 {
		t.Errorf("nothing is cached: %v", err)
	}
	for _, file := range cached {
		if info, err := os.Stat(file); err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("others can read %s: %s", file, info.Mode())
		}
	}
}
