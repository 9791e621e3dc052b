package people

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/pkg/home"
)

// terminal is a pseudo-terminal: what a program on it shows, and what a person types.
type terminal struct {
	*testing.T
	*sandboxtest.Terminal
	shown lockedBuffer
}

func newTerminal(t *testing.T) *terminal {
	t.Helper()
	x := &terminal{T: t, Terminal: sandboxtest.NewTerminal(t)}
	go func() {
		buffer := make([]byte, 4<<10)
		for {
			n, err := x.Person.Read(buffer)
			if err != nil {
				return
			}
			_, _ = x.shown.Write(buffer[:n]) // never fails
		}
	}()
	return x
}

// echoes reports whether the terminal shows what is typed.
func (x *terminal) echoes() bool {
	x.Helper()
	var state syscall.Termios
	x.Control(syscall.TCGETS, unsafe.Pointer(&state))
	return state.Lflag&syscall.ECHO != 0
}

// start starts a program whose terminal this is.
func (x *terminal) start(cmd *exec.Cmd) {
	x.Helper()
	cmd.Stdin, cmd.Stdout, cmd.Stderr = x.Program, x.Program, x.Program
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		x.Fatal(err)
	}
	x.Cleanup(func() { _ = cmd.Process.Kill() })
}

func (x *terminal) waitFor(text string) {
	x.Helper()
	for began := time.Now(); !strings.Contains(x.shown.String(), text); time.Sleep(time.Millisecond) {
		if time.Since(began) > time.Minute {
			x.Fatalf("the terminal does not show %q: %q", text, x.shown.String())
		}
	}
}

func (x *terminal) types(text string) {
	x.Helper()
	if _, err := x.Person.WriteString(text); err != nil {
		x.Fatal(err)
	}
}

const codePrompt = "The code from Slack (it is not shown): "

// A code that is pasted the moment it is asked for is not shown, and the terminal shows afterwards again what
// is typed.
func TestTheCodeIsNotShownOnATerminal(t *testing.T) {
	command := built(t)
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	for range 5 { // prompt and paste race
		x := newTerminal(t)
		cmd := exec.Command(command, "login", b.State().URL)
		cmd.Env = []string{home.Variable + "=" + filepath.Join(t.TempDir(), "home")}
		x.start(cmd)
		x.waitFor(codePrompt)
		code := b.Code("U0DEV1").Text().Reveal()
		x.types(code + "\n")
		err := cmd.Wait()
		x.waitFor("This computer becomes a device of ")
		shown := x.shown.String()
		if err != nil || strings.Contains(shown, code[:8]) || !strings.HasPrefix(shown, codePrompt+"\r\n") {
			t.Errorf("%v: the terminal shows %q", err, shown)
		}
		if !x.echoes() {
			t.Error("the terminal does not show any more what is typed")
		}
	}
}

// watched is a writer that looks at each write whether the terminal shows what is typed. At the first one, a
// person types.
type watched struct {
	x      *terminal
	echoes []bool
}

func (w *watched) Write(p []byte) (int, error) {
	w.echoes = append(w.echoes, w.x.echoes())
	if len(w.echoes) == 1 {
		w.x.types("hidden\n")
	}
	return len(p), nil
}

// What is typed right behind the prompt is hidden: the terminal hides before it asks.
func TestTheTerminalHidesBeforeItAsks(t *testing.T) {
	for range 20 {
		x := newTerminal(t)
		w := &watched{x: x}
		e := NewEnv(x.Program, w, w)
		typed, err := e.readSecret(t.Context(), codePrompt)
		if err != nil || typed.Reveal() != "hidden" || len(w.echoes) != 2 || w.echoes[0] {
			t.Fatalf("read %q, %v; the terminal showed what is typed: %v", typed.Reveal(), err, w.echoes)
		}
	}
}

// However the question for the code is broken off, the terminal shows afterwards what is typed, and nothing
// is kept.
func TestATerminalIsLeftAsItWasWhenLoginIsBrokenOff(t *testing.T) {
	command := built(t)
	for name, end := range map[string]func(x *terminal, p *os.Process){
		"Ctrl-C":        func(x *terminal, _ *os.Process) { x.types("ABCDE\x03") },
		"SIGTERM":       func(_ *terminal, p *os.Process) { _ = p.Signal(syscall.SIGTERM) },
		"an empty line": func(x *terminal, _ *os.Process) { x.types("\n") },
	} {
		x := newTerminal(t)
		dir := filepath.Join(t.TempDir(), "home")
		cmd := exec.Command(command, "login", "http://127.0.0.1:9/v1#"+strings.Repeat("A", 43))
		cmd.Env = []string{home.Variable + "=" + dir}
		if !x.echoes() {
			t.Fatal("the terminal of the test shows nothing from the beginning")
		}
		x.start(cmd)
		x.waitFor(codePrompt)
		if x.echoes() {
			t.Errorf("%s: the terminal shows what is typed", name)
		}
		end(x, cmd.Process)
		_ = cmd.Wait()
		want := 130
		if name == "an empty line" {
			want = ExitWrongUse
		}
		if code := cmd.ProcessState.ExitCode(); code != want || !x.echoes() || strings.Contains(x.shown.String(), "ABCDE") {
			t.Errorf("%s: ended with %d, echo %v: %q", name, code, x.echoes(), x.shown.String())
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("%s: left %v, %v", name, left, err)
		}
	}
}
