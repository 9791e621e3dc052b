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

// startAWS starts the emulator. Functions get its environment and on top of it
// what the template gives them: this is how they find the players without a
// word of them in the template.
func startAWS(t *testing.T, s settings, players string) (address string) {
	t.Helper()
	port := freePort(t)
	address = "127.0.0.1:" + port
	log, err := os.Create(s.logs)
	if err != nil {
		t.Fatal(err)
	}
	aws := exec.Command(s.ministack)
	aws.Env = s.environment(
		"AUTH=true", "BIND_HOST=127.0.0.1", "GATEWAY_PORT="+port, "MINISTACK_REGION="+region, "MINISTACK_ACCOUNT_ID="+bastion,
		"IOT_MTLS_ENABLED=0", "SFTP_ENABLED=0", "STATE_DIR="+s.scratch+"/state", "S3_DATA_DIR="+s.scratch+"/s3",
		"DOCKER_HOST=unix:///nonexistent", // it would clear away containers that are not ours
		"AWS_ENDPOINT_URL=http://"+address, "SLACK_API_URL="+players+"/slack-api", "SIGNIN_URL="+players+"/federation",
	)
	aws.Stdout, aws.Stderr = log, log
	// A group of its own, so that its functions end with it however this ends.
	aws.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := aws.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-aws.Process.Pid, syscall.SIGKILL)
		_ = aws.Wait()
		_ = log.Close()
		if t.Failed() {
			said, _ := os.ReadFile(s.logs)
			t.Logf("the emulator said:\n%s", lastLines(string(said), 60))
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

// within waits until something is so. Other processes do it, at their own pace,
// which nobody here can turn by hand.
func within(limit time.Duration, so func() bool) bool {
	last := time.After(limit)
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for !so() {
		select {
		case <-again.C:
		case <-last:
			return so()
		}
	}
	return true
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}

// run runs a program to its end; what it said is in the error too.
func run(ctx context.Context, env []string, dir, name string, args ...string) (string, error) {
	program := exec.CommandContext(ctx, name, args...)
	program.Env, program.Dir = env, dir
	said, err := program.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, said)
	}
	return string(said), nil
}
