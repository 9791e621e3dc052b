package lambdafake

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"
)

// bootstrap is the path of the binary of testdata/echo. It is not built in short mode.
var bootstrap string

func TestMain(m *testing.M) {
	if bootstrap = os.Getenv("LAMBDAFAKE_PANICS"); bootstrap != "" {
		panicWithInstances()
	}
	flag.Parse()
	if testing.Short() {
		os.Exit(m.Run())
	}
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "lambdafake-test-")
		if err != nil {
			panic(err)
		}
		defer func() { _ = os.RemoveAll(dir) }()
		bootstrap = filepath.Join(dir, "bootstrap")
		build := exec.Command("go", "build", "-tags", "lambda.norpc", "-o", bootstrap, "./testdata/echo")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build testdata/echo: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// soon is a very short wait, for tests that do not test the length of waits.
func soon(int) time.Duration { return time.Millisecond }

// needsProcesses skips a test in short mode.
func needsProcesses(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("builds and starts bootstrap binaries")
	}
}

// serve makes a server with one function, echo. It skips the test in short mode.
func serve(t *testing.T, o Options, change func(*Function)) *Server {
	t.Helper()
	needsProcesses(t)
	s := New(o)
	t.Cleanup(s.Close)
	f := Function{Name: "echo", Bootstrap: bootstrap, Timeout: 30 * time.Second}
	if change != nil {
		change(&f)
	}
	if err := s.Deploy(f); err != nil {
		t.Fatal(err)
	}
	return s
}

// do invokes echo and returns its answer.
func do(t *testing.T, s *Server, o map[string]any) []byte {
	t.Helper()
	answer, err := s.Invoke(t.Context(), "echo", mustJSON(o))
	if err != nil {
		t.Fatalf("%v: %v", o, err)
	}
	return answer
}

// fails invokes echo and returns its error.
func fails(t *testing.T, s *Server, o map[string]any) *FunctionError {
	t.Helper()
	answer, err := s.Invoke(t.Context(), "echo", mustJSON(o))
	failed, ok := errors.AsType[*FunctionError](err)
	if !ok {
		t.Fatalf("%v: got %s, %v, want an error of the function", o, answer, err)
	}
	return failed
}

func waitIdle(t *testing.T, s *Server) {
	t.Helper()
	if err := s.WaitIdle(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// inspection is what an instance of echo sees around it.
type inspection struct {
	Environment         []string
	Dir                 string
	Deadline, Now       int64
	Request, ARN, Trace string
	PID                 int
}

func inspect(t *testing.T, s *Server) (got inspection) {
	t.Helper()
	if err := json.Unmarshal(do(t, s, map[string]any{"do": "inspect"}), &got); err != nil {
		t.Fatal(err)
	}
	return got
}

// gone waits up to ten seconds until a process has ended. It need not be a child of
// this process.
func gone(pid int) bool {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return true
		}
	}
	return false
}

// relayServer lets the test decide what a function does. An echo function with its
// URL in RELAY sends it each event, and waits for the answer of the test.
type relayServer struct {
	*httptest.Server
	calls chan relayCall
}

type relayCall struct {
	event []byte
	reply chan relayAnswer
}

type relayAnswer struct {
	status int
	body   string
}

func newRelay(t *testing.T) *relayServer {
	d := &relayServer{calls: make(chan relayCall, 1000)}
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		event, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		c := relayCall{event: event, reply: make(chan relayAnswer, 1)}
		d.calls <- c
		select {
		case a := <-c.reply:
			w.WriteHeader(a.status)
			_, _ = io.WriteString(w, a.body)
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(func() {
		d.CloseClientConnections()
		d.Close()
	})
	return d
}

// next waits for the next call of a function.
func (r *relayServer) next(t *testing.T) relayCall {
	t.Helper()
	select {
	case c := <-r.calls:
		return c
	case <-time.After(time.Minute):
		t.Fatal("no function called")
		return relayCall{}
	}
}

func (c relayCall) answer(body string) { c.reply <- relayAnswer{http.StatusOK, body} }
func (c relayCall) fail(text string)   { c.reply <- relayAnswer{http.StatusTeapot, text} }

// answerAll answers every call with reply. ok is false for an error of the function.
func (r *relayServer) answerAll(t *testing.T, reply func(event []byte) (body string, ok bool)) {
	stop := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		for {
			select {
			case c := <-r.calls:
				if body, ok := reply(c.event); ok {
					c.answer(body)
				} else {
					c.fail(body)
				}
			case <-stop:
				return
			}
		}
	})
	t.Cleanup(func() { close(stop); done.Wait() })
}

func contextFor(t *testing.T, d time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), d)
}
