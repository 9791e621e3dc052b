package people

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofrs/flock"

	"github.com/aws-access/aws-access/pkg/home"
)

// A disk is full for one process if it may write no byte (RLIMIT_FSIZE).
func TestFullDiskCostsTheCacheAndNotTheKeys(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the command")
	}
	if runtime.GOOS != "linux" {
		t.Skip("the limit is that of Linux")
	}
	command, _ := programs(t)
	d := granted(t)
	run := func(args string) (out, words string, code int) {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", `trap "" XFSZ; ulimit -f 0; exec `+command+" "+args)
		cmd.Env = []string{home.Variable + "=" + d.dir}
		reader, writer, err := os.Pipe() // a file would be limited too
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _, _ = reader.Close(), writer.Close() }()
		cmd.Stdin = reader
		text := &strings.Builder{}
		cmd.Stderr = text
		data, _ := cmd.Output() // the exit code says it
		return string(data), text.String(), cmd.ProcessState.ExitCode()
	}
	out, words, code := run("credential-process " + prodName + " " + operator)
	if code != ExitDone || !strings.Contains(out, "ASIAEXAMPLE1") || !strings.Contains(words,
		"The keys could not be kept") {
		t.Errorf("credential-process ended with %d, %q, %q", code, out, words)
	}
	if _, words, code = run("devices"); code != ExitDone {
		t.Errorf("devices ended with %d, %q", code, words)
	}
	if left, _ := filepath.Glob(d.path("*.new")); len(left) > 0 {
		t.Errorf("left %v", left)
	}
	d.keysOf() // with space again
	if d.keysOf(); d.vends != 2 {
		t.Errorf("%d vends, want 2", d.vends)
	}
}

// A process that hangs while it vends must not keep others from their keys for ever.
func TestLockThatIsHeldForEverDelaysAndDoesNotStop(t *testing.T) {
	d := granted(t)
	d.keysOf()
	locks, err := filepath.Glob(d.path("cache/*.lock"))
	if err != nil || len(locks) != 2 { // of the account's name and of its id
		t.Fatalf("locks %v, %v", locks, err)
	}
	for _, path := range locks {
		held := flock.New(path)
		if err := held.Lock(); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = held.Unlock() }()
	}
	d.keysOf() // what is in the cache needs no lock
	d.cacheWait = 50 * time.Millisecond
	d.Now = func() time.Time { return time.Now().Add(50 * time.Minute) }
	d.server.Now = d.Now
	if d.want(d.run("credential-process", prodName, operator), ExitDone); d.vends != 2 {
		t.Errorf("%d vends, want 2", d.vends)
	}
	// A grant that is given back must not wait for it either.
	d.want(d.run("done"), ExitDone)
}

func TestProxyOfTheEnvironmentIsUsed(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the command")
	}
	command, _ := programs(t)
	var asked atomic.Value
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.Method + " " + r.Host)
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(canary))
	}))
	t.Cleanup(proxy.Close)
	dir := cachedKeys(t, prodID, operator)
	cmd := exec.CommandContext(t.Context(), command, "list")
	cmd.Env = []string{home.Variable + "=" + dir, "HTTPS_PROXY=" + proxy.URL}
	out, _ := cmd.CombinedOutput() // the exit code says it
	if asked.Load() != "CONNECT access.example.com:443" || cmd.ProcessState.ExitCode() != ExitNotAsked ||
		!strings.HasPrefix(string(out), "aws-access list: the server cannot be reached: check the network and the proxy") ||
		strings.Contains(string(out), canary) {
		t.Errorf("the proxy was asked for %v; ended with %d: %s", asked.Load(), cmd.ProcessState.ExitCode(), out)
	}
}

// Ctrl-C while the code is typed, or while somebody waits, ends the process and leaves no file half
// written.
func TestKilledProcessLeavesEverythingUsable(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the command")
	}
	command, _ := programs(t)
	d := granted(t)
	release := make(chan struct{})
	var once atomic.Bool
	arrived := make(chan struct{})
	d.server.SetBefore(func(_ http.ResponseWriter, r *http.Request, _ []byte) bool {
		if !once.Swap(true) {
			close(arrived)
			select {
			case <-release:
			case <-r.Context().Done():
			}
		}
		return false
	})
	cmd := exec.CommandContext(t.Context(), command, "credential-process", prodName, operator)
	cmd.Env = []string{home.Variable + "=" + d.dir}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-arrived
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	close(release)
	d.keysOf()
}
