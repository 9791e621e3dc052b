package lambdafake

import (
	"context"
	"encoding/json"
	"errors"
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

// bootstrap is the built testdata/echo.
var bootstrap string

func TestMain(m *testing.M) {
	if bootstrap = os.Getenv("LAMBDAFAKE_PANICS"); bootstrap != "" {
		panics()
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

// at once, for tests that do not wait for retries.
func soon(int) time.Duration { return time.Millisecond }

// serve is a server with one function, "echo".
func serve(t *testing.T, o Options, change func(*Function)) *Server {
	t.Helper()
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

func do(t *testing.T, s *Server, o map[string]any) []byte {
	t.Helper()
	answer, err := s.Invoke(t.Context(), "echo", mustJSON(o))
	if err != nil {
		t.Fatalf("%v: %v", o, err)
	}
	return answer
}

func fails(t *testing.T, s *Server, o map[string]any) *FunctionError {
	t.Helper()
	answer, err := s.Invoke(t.Context(), "echo", mustJSON(o))
	failed, ok := errors.AsType[*FunctionError](err)
	if !ok {
		t.Fatalf("%v: got %s, %v, want an error of the function", o, answer, err)
	}
	return failed
}

func quiet(t *testing.T, s *Server) {
	t.Helper()
	if err := s.WaitIdle(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// seen is the answer to "look".
type seen struct {
	Environment         []string
	Dir                 string
	Deadline, Now       int64
	Request, ARN, Trace string
	PID                 int
}

func look(t *testing.T, s *Server) (got seen) {
	t.Helper()
	if err := json.Unmarshal(do(t, s, map[string]any{"do": "look"}), &got); err != nil {
		t.Fatal(err)
	}
	return got
}

// gone waits until a process is no more: at most ten seconds, for one that was
// not ours to wait for.
func gone(pid int) bool {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) {
			return true
		}
	}
	return false
}

// desk is where functions leave it to the test what they do: they wait until the
// test answers.
type desk struct {
	*httptest.Server
	calls chan deskCall
}

type deskCall struct {
	event []byte
	reply chan deskAnswer
}

type deskAnswer struct {
	status int
	body   string
}

func newDesk(t *testing.T) *desk {
	d := &desk{calls: make(chan deskCall, 1000)}
	d.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		event, err := io.ReadAll(r.Body)
		if err != nil {
			return
		}
		c := deskCall{event: event, reply: make(chan deskAnswer, 1)}
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

// next is the next call that a function makes.
func (d *desk) next(t *testing.T) deskCall {
	t.Helper()
	select {
	case c := <-d.calls:
		return c
	case <-time.After(time.Minute):
		t.Fatal("no function called")
		return deskCall{}
	}
}

func (c deskCall) answer(body string) { c.reply <- deskAnswer{http.StatusOK, body} }
func (c deskCall) fail(text string)   { c.reply <- deskAnswer{http.StatusTeapot, text} }

// attend answers every call by a function of the event.
func (d *desk) attend(t *testing.T, how func(event []byte) (string, bool)) {
	stop := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		for {
			select {
			case c := <-d.calls:
				if body, ok := how(c.event); ok {
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
