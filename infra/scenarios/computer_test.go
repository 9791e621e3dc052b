//go:build deployed

package scenarios

import (
	"bytes"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
)

// computer is where somebody works: a home directory, and the environment of a shell in which nothing of
// AWS is set.
type computer struct {
	t   *testing.T
	dir string
	env []string
}

func newComputer(t *testing.T, env ...string) *computer {
	t.Helper()
	dir := t.TempDir()
	all := []string{
		"PATH=" + filepath.Dir(command(t)) + ":" + filepath.Dir(aws2(t)) + ":" + os.Getenv("PATH"),
		"HOME=" + dir, "TMPDIR=" + dir, "LANG=C.UTF-8", "NO_PROXY=*",
		"AWS_ACCESS_HOME=" + filepath.Join(dir, "aws-access"),
		"AWS_DEFAULT_REGION=" + region, "AWS_REGION=" + region, "AWS_EC2_METADATA_DISABLED=true",
		"CHECKPOINT_DISABLE=1", "TF_CLI_ARGS=-no-color", //nolint:misspell // a flag of Terraform
	}
	return &computer{t: t, dir: dir, env: append(all, env...)}
}

// with returns the same computer with more variables in the environment.
func (c *computer) with(env ...string) *computer {
	return &computer{t: c.t, dir: c.dir, env: append(slices.Clone(c.env), env...)}
}

// result is how a program ended.
type result struct {
	code           int
	stdout, stderr string
	took           time.Duration
}

// run runs a program to its end, at most two minutes and a half.
func (c *computer) run(name string, args ...string) result {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 150*time.Second)
	defer cancel()
	r, err := c.try(ctx, name, args...)
	if err != nil {
		c.t.Fatal(err)
	}
	return r
}

// try is run for several goroutines: it does not end the test. The error says that the program did not
// run.
func (c *computer) try(ctx context.Context, name string, args ...string) (r result, err error) {
	p := exec.CommandContext(ctx, c.find(name), args...)
	p.Dir, p.Env, p.WaitDelay = c.dir, c.env, 5*time.Second
	var stdout, stderr bytes.Buffer
	p.Stdout, p.Stderr = &stdout, &stderr
	began := time.Now()
	err = p.Run()
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && ctx.Err() == nil {
		r.code, err = exit.ExitCode(), nil
	}
	r.stdout, r.stderr, r.took = stdout.String(), stderr.String(), time.Since(began)
	return r, err
}

// find finds a program on the PATH of the computer.
func (c *computer) find(name string) string {
	if strings.Contains(name, "/") {
		return name
	}
	for _, dir := range filepath.SplitList(strings.TrimPrefix(c.env[0], "PATH=")) {
		if path := filepath.Join(dir, name); isProgram(path) {
			return path
		}
	}
	return name
}

func isProgram(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// do runs a program that must succeed, and returns its standard output.
func (c *computer) do(name string, args ...string) string {
	c.t.Helper()
	r := c.run(name, args...)
	if r.code != 0 {
		c.t.Fatalf("%s %s: exit code %d\n%s%s", name, strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// refused runs a program that must fail with an exit code, and with words in what it says.
func (c *computer) refused(code int, words, name string, args ...string) {
	c.t.Helper()
	r := c.run(name, args...)
	if r.code != code || !strings.Contains(r.stdout+r.stderr, words) {
		c.t.Fatalf("%s %s: exit code %d, want %d and %q\n%s%s",
			name, strings.Join(args, " "), r.code, code, words, r.stdout, r.stderr)
	}
}

// write writes a file below the home directory, readable only by its owner.
func (c *computer) write(name, text string) string {
	c.t.Helper()
	path := filepath.Join(c.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return path
}

// pairing is what Slack shows for the command: the URL, and the code.
var pairing = regexp.MustCompile(
	`aws-access login (http\S+/v1#[\w-]{43})[\s\S]*?\b([0-9A-Z]{1,5}(?:-[0-9A-Z]{1,5}){4,6})\b`)

// pair pairs the computer with the person's Slack account, as the person does.
func (c *computer) pair(b *sandboxtest.Sandbox, user string) {
	c.t.Helper()
	hasCode := sandboxtest.IsPrivate(user, pairing)
	seen := sandboxtest.Count(b.State().Messages, hasCode)
	b.Command(user, "/aws-access login")
	m := pairing.FindStringSubmatch(b.Await("message with a code for "+user, seen, hasCode).Text)
	c.do("aws-access", "login", m[1], m[2])
}
