//go:build deployed

package local

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// startAWS starts the emulator. Functions get its environment in addition to that of the
// template. So they find the fakes, which the template does not mention.
func startAWS(t *testing.T, s settings, fakes string) (address string) {
	t.Helper()
	port := freePort(t)
	address = "127.0.0.1:" + port
	log, err := os.Create(s.logs)
	if err != nil {
		t.Fatal(err)
	}
	aws := exec.Command(s.ministack)
	aws.Env = s.environment(
		"AUTH=true", "BIND_HOST=127.0.0.1", "GATEWAY_PORT="+port,
		"MINISTACK_REGION="+region, "MINISTACK_ACCOUNT_ID="+bastion,
		"IOT_MTLS_ENABLED=0", "SFTP_ENABLED=0", "STATE_DIR="+s.scratch+"/state", "S3_DATA_DIR="+s.scratch+"/s3",
		"DOCKER_HOST=unix:///nonexistent", // otherwise it would remove containers of other programs
		"AWS_ENDPOINT_URL=http://"+address, "SLACK_API_URL="+fakes+"/slack-api", "SIGNIN_URL="+fakes+"/federation",
	)
	aws.Stdout, aws.Stderr = log, log
	// The emulator gets its own process group, so that its functions always end with it.
	aws.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := aws.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-aws.Process.Pid, syscall.SIGKILL)
		_ = aws.Wait()
		_ = log.Close()
		if t.Failed() {
			output, _ := os.ReadFile(s.logs)
			t.Logf("output of the emulator:\n%s", lastLines(string(output), 60))
		}
	})
	if !within(30*time.Second, func() bool { return answers("http://" + address + "/_ministack/health") }) {
		t.Fatal("the emulator does not answer")
	}
	return address
}

func answers(address string) bool {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, address, nil)
	if err != nil {
		return false
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	return answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// within waits in real time until done is true, because other processes do the work.
// It returns false after the limit.
func within(limit time.Duration, done func() bool) bool {
	last := time.After(limit)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for !done() {
		select {
		case <-again.C:
		case <-last:
			return done()
		}
	}
	return true
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// run runs a program and returns its output. The error has the output too.
func run(ctx context.Context, env []string, dir, name string, args ...string) (string, error) {
	program := exec.CommandContext(ctx, name, args...)
	program.Env, program.Dir = env, dir
	output, err := program.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, output)
	}
	return string(output), nil
}
