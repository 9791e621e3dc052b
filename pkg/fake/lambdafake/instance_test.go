package lambdafake

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestFunctionSeesTheEnvironmentOfLambdaOnly(t *testing.T) {
	t.Setenv("LAMBDAFAKE_CANARY", "leaked")
	dir := t.TempDir()
	s := serve(t, Options{}, func(f *Function) {
		f.Dir, f.MemoryMB, f.Timeout = dir, 256, 7*time.Second
		f.Env = map[string]string{
			"TABLE": "t", "AWS_ACCESS_KEY_ID": "AKIDSLACK", "AWS_SECRET_ACCESS_KEY": "x", "AWS_SESSION_TOKEN": "y",
		}
	})
	got := inspect(t, s)
	var names []string
	for _, pair := range got.Environment {
		name, value, _ := strings.Cut(pair, "=")
		names = append(names, name)
		want, ok := map[string]string{
			"_HANDLER": "bootstrap", "AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "eu-west-1",
			"AWS_LAMBDA_FUNCTION_NAME": "echo", "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
			"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256", "LAMBDA_TASK_ROOT": dir, "TZ": ":UTC",
			"AWS_ACCESS_KEY_ID": "AKIDSLACK", "TABLE": "t",
		}[name]
		if ok && value != want {
			t.Errorf("%s is %q, want %q", name, value, want)
		}
	}
	slices.Sort(names)
	want := "AWS_ACCESS_KEY_ID AWS_DEFAULT_REGION AWS_LAMBDA_FUNCTION_MEMORY_SIZE AWS_LAMBDA_FUNCTION_NAME " +
		"AWS_LAMBDA_FUNCTION_VERSION AWS_LAMBDA_INITIALIZATION_TYPE AWS_LAMBDA_LOG_GROUP_NAME " +
		"AWS_LAMBDA_LOG_STREAM_NAME AWS_LAMBDA_RUNTIME_API AWS_REGION AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN " +
		"LAMBDA_RUNTIME_DIR LAMBDA_TASK_ROOT LANG LD_LIBRARY_PATH PATH TABLE TZ _HANDLER " +
		"_X_AMZN_TRACE_ID" // the library sets this one for each invocation
	if strings.Join(names, " ") != want {
		t.Errorf("the environment is\n%s, want\n%s", strings.Join(names, " "), want)
	}
	if got.Dir != dir || got.ARN != "arn:aws:lambda:eu-west-1:999999999999:function:echo" ||
		len(got.Request) != 36 || !strings.HasPrefix(got.Trace, "Root=1-") {
		t.Errorf("got %+v", got)
	}
	if left := time.Duration(got.Deadline-got.Now) * time.Millisecond; left > 7*time.Second || left < 4*time.Second {
		t.Errorf("%v are left of 7 s", left)
	}
}

func TestDeployRefusesWhatLambdaRefuses(t *testing.T) {
	s := serve(t, Options{}, nil)
	text := filepath.Join(t.TempDir(), "bootstrap")
	if err := os.WriteFile(text, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*Function){
		"the name must have 1 to 64":       func(f *Function) { f.Name = "a b" },
		"the timeout must be 1 to 900":     func(f *Function) { f.Timeout = 1500 * time.Millisecond },
		"the memory must be 128":           func(f *Function) { f.MemoryMB = 64 },
		"concurrency must not be negative": func(f *Function) { f.Concurrency = -1 },
		"must not set AWS_REGION":          func(f *Function) { f.Env = map[string]string{"AWS_REGION": "x"} },
		"\"A B\" is not a valid name":      func(f *Function) { f.Env = map[string]string{"A B": "x"} },
		"the limit is 4,096": func(f *Function) {
			f.Env = map[string]string{"AA": strings.Repeat("x", 4<<10)}
		},
		"no such file":                                 func(f *Function) { f.Bootstrap = "/nowhere/bootstrap" },
		"is not an executable file":                    func(f *Function) { f.Bootstrap = text },
		"is not a directory":                           func(f *Function) { f.Dir = bootstrap },
		"a share of a CPU must be 0.05 to 1, not 0.01": func(f *Function) { f.CPU = 0.01 },
	} {
		f := Function{Name: "other", Bootstrap: bootstrap}
		change(&f)
		if err := s.Deploy(f); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestInstanceRunsOneInvocationAtATimeAndIsReused(t *testing.T) {
	const many = 8
	relay := newRelay(t)
	s := serve(t, Options{}, func(f *Function) {
		f.Env, f.Concurrency = map[string]string{"RELAY": relay.URL}, many
	})
	var running sync.WaitGroup
	for range many {
		running.Go(func() { do(t, s, map[string]any{}) })
	}
	var calls []relayCall
	for range many {
		calls = append(calls, relay.next(t)) // after the loop, all of them run
	}
	if n := s.Instances("echo"); n != many {
		t.Errorf("%d instances run %d invocations", n, many)
	}
	if _, err := s.Invoke(t.Context(), "echo", []byte("{}")); !errors.Is(err, ErrThrottled) {
		t.Errorf("one more: got %v, want %v", err, ErrThrottled)
	}
	for _, c := range calls {
		c.answer("1")
	}
	running.Wait()
	pids := make(map[int]bool)
	for range 5 {
		pids[inspect(t, s).PID] = true
	}
	if s.Instances("echo") != many || len(s.Starts("echo")) != many || len(pids) != 1 {
		t.Errorf("%d instances after %d starts; %d instances ran the sequential invocations",
			s.Instances("echo"), len(s.Starts("echo")), len(pids))
	}
}

func TestInstanceIsFrozenBetweenInvocations(t *testing.T) {
	s := serve(t, Options{}, nil)
	if err := s.Deploy(Function{Name: "other", Bootstrap: bootstrap}); err != nil {
		t.Fatal(err)
	}
	do(t, s, map[string]any{"do": "tick"})
	before := len(s.Logs("echo"))
	// Meanwhile another function works for many ticks.
	for begin := time.Now(); time.Since(begin) < 100*time.Millisecond; {
		if _, err := s.Invoke(t.Context(), "other", []byte("{}")); err != nil {
			t.Fatal(err)
		}
	}
	if after := len(s.Logs("echo")); after != before {
		t.Errorf("%d ticks before, %d after", before, after)
	}
	// The instance continues where it was frozen.
	for begin := time.Now(); len(s.Logs("echo")) <= before; {
		do(t, s, map[string]any{})
		if time.Since(begin) > 10*time.Second {
			t.Fatal("it does not tick again")
		}
	}
	if n := len(s.Starts("echo")); n != 1 {
		t.Errorf("%d starts", n)
	}
}

func TestAllThreadsOfAnInstanceStopAfterItsAnswer(t *testing.T) {
	s := serve(t, Options{}, nil)
	pid := inspect(t, s).PID
	do(t, s, map[string]any{"do": "tick"})
	for range 200 {
		do(t, s, map[string]any{})
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", pid))
		if err != nil || len(threads) == 0 && runtime.GOOS == "linux" {
			t.Fatalf("no threads: %v", err)
		}
		for _, thread := range threads {
			stat, err := os.ReadFile(thread)
			if _, state, _ := strings.Cut(string(stat), ") "); err != nil || state[0] != 'T' {
				t.Fatalf("a thread is in state %.1s, not stopped (%v)", state, err)
			}
		}
	}
}

func TestTimeoutEndsTheInstance(t *testing.T) {
	s := serve(t, Options{}, func(f *Function) { f.Timeout = time.Second })
	pid := inspect(t, s).PID
	began := time.Now()
	failed := fails(t, s, map[string]any{"do": "hang"})
	if took := time.Since(began); took < time.Second {
		t.Errorf("it was ended after %v", took)
	}
	if failed.Type != "Sandbox.Timedout" ||
		!strings.HasSuffix(failed.Message, "Error: Task timed out after 1.00 seconds") {
		t.Errorf("got %v", failed)
	}
	if !gone(pid) || s.Instances("echo") != 0 {
		t.Errorf("process %d is still there; %d instances", pid, s.Instances("echo"))
	}
	if again := inspect(t, s).PID; again == pid {
		t.Error("the next invocation ran in the same process")
	}
}

func TestInvocationFailsWhenItsProcessEnds(t *testing.T) {
	s := serve(t, Options{}, nil)
	for _, c := range []struct {
		order               map[string]any
		kind, message, line string
	}{
		{
			map[string]any{"do": "exit", "count": 3, "text": "disk full"},
			typeExit, "Error: Runtime exited with error: exit status 3", "disk full",
		},
		{map[string]any{"do": "exit"}, typeExit, "Error: Runtime exited without providing a reason", ""},
		{map[string]any{"do": "panic", "text": "oh"}, "string", "oh", ""},
		{map[string]any{"do": "fail", "text": "no"}, "errorString", "no", ""},
	} {
		failed := fails(t, s, c.order)
		if failed.Type != c.kind || !strings.HasSuffix(failed.Message, c.message) || failed.lastLine != c.line {
			t.Errorf("%v: got %q %q %q", c.order, failed.Type, failed.Message, failed.lastLine)
		}
		do(t, s, map[string]any{"do": "inspect"}) // another instance
	}
	// One start at first, and one after each process that ended. A plain error ends no process.
	if n := len(s.Starts("echo")); n != 4 {
		t.Errorf("%d starts", n)
	}
}

func start(how string) func(*Function) {
	return func(f *Function) { f.Env = map[string]string{"START": how} }
}

func TestFailedStartIsTheErrorOfItsInvocation(t *testing.T) {
	broken := filepath.Join(t.TempDir(), "bootstrap")
	if err := os.WriteFile(broken, []byte("not for this processor"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*Function)
		limit  time.Duration // 0 for the default, which is enough on a slow machine too
		want   string
	}{
		"exits": {start("exit"), 0, "Runtime.ExitError: RequestId:  Error: Runtime exited with error: " +
			"exit status 1 (its last line: configuration: TABLE is missing)"},
		"takes too long": {start("hang"), 500 * time.Millisecond, "Sandbox.Timedout: RequestId:  Error: " +
			"Initialization timed out after 0.50 seconds (its last line: hanging)"},
		"reports an error": {start("report"), 0, "Init.Broken: no table"},
		"is not a program": {func(f *Function) { f.Bootstrap = broken }, 0,
			"Runtime.InvalidEntrypoint: RequestId:  Error: fork/exec " + broken + ": exec format error"},
	} {
		t.Run(name, func(t *testing.T) {
			s := serve(t, Options{InitLimit: c.limit}, c.change)
			for try := 1; try <= 2; try++ {
				if failed := fails(t, s, map[string]any{}); failed.Error() != c.want {
					t.Errorf("got %q, want %q", failed, c.want)
				}
				starts := s.Starts("echo")
				if len(starts) != try || starts[try-1].Failed != c.want || starts[try-1].Init != 0 ||
					s.Instances("echo") != 0 {
					t.Errorf("try %d: starts %+v, %d instances", try, starts, s.Instances("echo"))
				}
			}
		})
	}
}

func TestRuntimeThatBreaksTheRulesIsRefused(t *testing.T) {
	s := serve(t, Options{}, nil)
	got := string(do(t, s, map[string]any{"do": "early"}))
	if !strings.Contains(got, "InvalidStateTransition") || !strings.Contains(got, "403") {
		t.Errorf("next before an answer: got %s", got)
	}
	if failed := fails(t, s, map[string]any{"do": "large", "count": maxSync + 1000}); failed.Type != typeTooLarge {
		t.Errorf("an answer that is too large: got %v", failed)
	}
	if got := do(t, s, map[string]any{"do": "large", "count": maxSync - 2}); len(got) != maxSync {
		t.Errorf("the largest answer: got %d bytes", len(got))
	}
}

// Running invocations end on the old version. Later ones run on the new version.
func TestNewVersionTakesOverWithoutLoss(t *testing.T) {
	relay := newRelay(t)
	s := serve(t, Options{}, withRelay(relay))
	begin := func(id int) <-chan string {
		answer := make(chan string, 1)
		go func() {
			text, err := s.Invoke(t.Context(), "echo", fmt.Appendf(nil, `{"id":%d}`, id))
			answer <- fmt.Sprint(string(text), err)
		}()
		return answer
	}
	busy := begin(1)
	running := relay.next(t)
	idle := begin(2)
	relay.next(t).answer(`"idle"`)
	if got := <-idle; got != `"idle"<nil>` || s.Instances("echo") != 2 {
		t.Fatalf("got %s from %d instances", got, s.Instances("echo"))
	}
	env := map[string]string{"RELAY": relay.URL, "NEW": "1"}
	if err := s.Deploy(Function{Name: "echo", Bootstrap: bootstrap, Env: env}); err != nil {
		t.Fatal(err)
	}
	after := begin(3)
	relay.next(t).answer(`"new"`)
	if got := <-after; got != `"new"<nil>` {
		t.Errorf("after the deploy: %s", got)
	}
	running.answer(`"old"`)
	if got := <-busy; got != `"old"<nil>` {
		t.Errorf("the invocation that ran during the deploy: %s", got)
	}
	waitIdle(t, s)
	starts := s.Starts("echo")
	if len(starts) != 3 || starts[0].Version != 1 || starts[1].Version != 1 || starts[2].Version != 2 ||
		s.Instances("echo") != 1 {
		t.Errorf("starts %+v, %d instances", starts, s.Instances("echo"))
	}
}

func TestKillEndsARunningInvocation(t *testing.T) {
	relay := newRelay(t)
	s := serve(t, Options{}, withRelay(relay))
	answer := make(chan error, 1)
	go func() {
		_, err := s.Invoke(t.Context(), "echo", []byte("{}"))
		answer <- err
	}()
	relay.next(t) // for example between two writes
	if n := s.Kill("echo"); n != 1 {
		t.Errorf("%d instances were ended", n)
	}
	failed, _ := errors.AsType[*FunctionError](<-answer)
	if failed == nil || failed.Type != typeExit ||
		!strings.HasSuffix(failed.Message, "Runtime exited with error: signal: killed") {
		t.Errorf("got %v", failed)
	}
	do(t, s, map[string]any{"do": "inspect"})
}

// The work is done, but the caller does not get the answer.
func TestCrashLosesTheAnswer(t *testing.T) {
	relay := newRelay(t)
	s := serve(t, Options{}, withRelay(relay))
	done := 0
	relay.answerAll(t, func([]byte) (string, bool) { done++; return `"done"`, true })
	s.Crash("echo", func(n int) bool { return n == 2 })
	do(t, s, map[string]any{})
	if failed := fails(t, s, map[string]any{}); failed.Type != typeExit {
		t.Errorf("got %v", failed)
	}
	do(t, s, map[string]any{})
	if done != 3 || len(s.Starts("echo")) != 2 {
		t.Errorf("the work was done %d times, with %d starts", done, len(s.Starts("echo")))
	}
}

func TestLogsAreCompleteWhenTheAnswerArrives(t *testing.T) {
	s := serve(t, Options{}, nil)
	for want := 1; want <= 50; want++ {
		do(t, s, map[string]any{"do": "print", "count": 1, "text": "line"})
		if got := len(s.Logs("echo")); got != want {
			t.Fatalf("%d lines after %d", got, want)
		}
	}
	do(t, s, map[string]any{"do": "print", "count": 40000, "text": strings.Repeat("x", 60)})
	if lines := s.Logs("echo"); len(lines) > maxLines || lines[len(lines)-1] != strings.Repeat("x", 60) {
		t.Errorf("got %d lines, the last is %q", len(lines), lines[len(lines)-1])
	}
}
