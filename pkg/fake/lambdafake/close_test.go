package lambdafake

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestNoProcessRemainsAfterClose(t *testing.T) {
	relay := newRelay(t)
	s := serve(t, Options{}, withRelay(relay))
	pids := []int{inspect(t, s).PID} // frozen
	answer := make(chan error, 1)
	go func() { _, err := s.Invoke(t.Context(), "echo", []byte("{}")); answer <- err }()
	relay.next(t) // this instance is busy now, so the next call starts another one
	pids = append(pids, inspect(t, s).PID)
	if s.Instances("echo") != 2 {
		t.Fatalf("%d instances", s.Instances("echo"))
	}
	s.Close()
	for _, pid := range pids {
		if _, err := os.Stat("/proc/" + strconv.Itoa(pid)); runtime.GOOS == "linux" && !errors.Is(err, os.ErrNotExist) {
			t.Errorf("process %d is still there: %v", pid, err)
		}
	}
	if failed, ok := errors.AsType[*FunctionError](<-answer); !ok || failed.Type != typeExit {
		t.Errorf("the invocation that ran: got %v", failed)
	}
	if _, err := s.Invoke(t.Context(), "echo", []byte("{}")); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: got %v", err)
	}
	if err := s.Deploy(Function{Name: "echo", Bootstrap: bootstrap}); !errors.Is(err, ErrClosed) {
		t.Errorf("after Close: got %v", err)
	}
	s.Close() // twice is harmless
}

// panicWithInstances panics while one instance runs and one is frozen. TestMain calls
// it in a process of its own, for the next test.
func panicWithInstances() {
	s := New(Options{})
	if err := s.Deploy(Function{Name: "echo", Bootstrap: bootstrap, Timeout: time.Minute}); err != nil {
		panic(err)
	}
	go func() { _, _ = s.Invoke(context.Background(), "echo", []byte(`{"do":"hang"}`)) }()
	for len(s.Logs("echo")) == 0 { // wait until it runs
		runtime.Gosched()
	}
	text, err := s.Invoke(context.Background(), "echo", []byte(`{"do":"inspect"}`))
	var frozen inspection
	if err == nil {
		err = json.Unmarshal(text, &frozen)
	}
	if err != nil {
		panic(err)
	}
	fmt.Println(s.Logs("echo")[0])
	fmt.Println("frozen", frozen.PID)
	go panic("no Close")
	select {}
}

func TestNoProcessRemainsAfterAPanic(t *testing.T) {
	needsProcesses(t)
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.SysProcAttr = attributes() // so that this process does not remain either
	cmd.Env = append(os.Environ(), "LAMBDAFAKE_PANICS="+bootstrap)
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if state, text, ok := strings.Cut(lines.Text(), " "); ok && (state == "hanging" || state == "frozen") {
			pid, _ := strconv.Atoi(text)
			pids = append(pids, pid)
		}
	}
	if err := cmd.Wait(); err == nil || len(pids) != 2 {
		t.Fatalf("got error %v and processes %v, want a panic and two processes", err, pids)
	}
	for _, pid := range pids {
		if !gone(pid) {
			t.Errorf("process %d is still there", pid)
		}
	}
}

// Without permission to write cgroups, the test checks only the error.
func TestFunctionGetsItsShareOfACPU(t *testing.T) {
	needsProcesses(t)
	s := New(Options{})
	defer s.Close()
	err := s.Deploy(Function{Name: "echo", Bootstrap: bootstrap, CPU: 0.1, Timeout: time.Minute})
	if err != nil {
		if !strings.Contains(err.Error(), "a share of a CPU needs permission to write") {
			t.Errorf("got %v", err)
		}
		return
	}
	burnt, err := strconv.Atoi(string(do(t, s, map[string]any{"do": "burn", "count": 50})))
	if took := time.Duration(burnt); err != nil || took < 350*time.Millisecond {
		t.Errorf("50 ms of CPU time took %v (%v), want about 500 ms", took, err)
	}
	s.Close()
	left, err := filepath.Glob("/sys/fs/cgroup/cpu/lambdafake-" + strconv.Itoa(os.Getpid()) + "-*")
	if err != nil || len(left) > 0 {
		t.Errorf("cgroups are left: %v, %v", left, err)
	}
}

func TestWaitIdleWaitsForQueuedAndRunningInvocations(t *testing.T) {
	relay := newRelay(t)
	s := serve(t, Options{}, withRelay(relay))
	waitIdle(t, s)
	f, err := s.function("echo")
	if err != nil {
		t.Fatal(err)
	}
	if err := s.queue(f, newID(), []byte("{}")); err != nil {
		t.Fatal(err)
	}
	call := relay.next(t)
	ctx, stop := contextFor(t, 20*time.Millisecond)
	defer stop()
	if err := s.WaitIdle(ctx); err == nil || !strings.Contains(err.Error(), "1 invocations or events are not done") {
		t.Errorf("got %v", err)
	}
	call.answer("1")
	waitIdle(t, s)
}

// BenchmarkWarm measures the overhead of this package for an invocation.
func BenchmarkWarm(b *testing.B) {
	s := New(Options{})
	defer s.Close()
	if err := s.Deploy(Function{Name: "echo", Bootstrap: bootstrap}); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := s.Invoke(b.Context(), "echo", []byte("{}")); err != nil {
			b.Fatal(err)
		}
	}
}
