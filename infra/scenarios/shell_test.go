//go:build deployed

package scenarios

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
)

const (
	columns = 100 // of the terminal
	prompt  = "$ "
)

// shell is bash in a terminal of its own. What it shows is what a person would see, with what the person types.
type shell struct {
	t        *testing.T
	terminal *os.File

	mu    sync.Mutex
	shown string // and not taken yet
}

// startShell starts a shell on a computer, with its environment.
func startShell(c *computer) *shell {
	c.t.Helper()
	terminal := sandboxtest.NewTerminal(c.t)
	terminal.Control(syscall.TIOCSWINSZ, unsafe.Pointer(&[4]uint16{50, columns}))
	s := &shell{t: c.t, terminal: terminal.Person}
	bash := exec.Command("bash", "--noprofile", "--norc", "--noediting", "-i")
	bash.Dir, bash.Env = c.dir, slices.Concat(c.env, []string{"TERM=dumb", "HISTFILE=/dev/null", "PS1=" + prompt})
	bash.Stdin, bash.Stdout, bash.Stderr = terminal.Program, terminal.Program, terminal.Program
	bash.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := bash.Start(); err != nil {
		c.t.Fatal(err)
	}
	go s.watch()
	c.t.Cleanup(func() {
		_ = bash.Process.Kill()
		_ = bash.Wait() // killed
	})
	s.waitFor(prompt)
	return s
}

// watch keeps what the terminal shows.
func (s *shell) watch() {
	buffer := make([]byte, 4<<10)
	for {
		n, err := s.terminal.Read(buffer)
		if err != nil {
			return
		}
		s.mu.Lock()
		s.shown += string(buffer[:n])
		s.mu.Unlock()
	}
}

// look returns what is shown and not taken yet.
func (s *shell) look() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown
}

// waitFor waits until what is shown ends with a text. Nothing but spaces is shown after a prompt or a
// question.
func (s *shell) waitFor(end string) {
	s.t.Helper()
	ends := func(text string) bool {
		return strings.HasSuffix(text, end) || strings.HasSuffix(strings.TrimRight(text, " "), end)
	}
	for began := time.Now(); !ends(s.look()); time.Sleep(5 * time.Millisecond) {
		if time.Since(began) > 2*time.Minute {
			s.t.Fatalf("the terminal does not show %q at its end: %q", end, s.look())
		}
	}
}

// types types a line, and waits until what is shown ends with a text.
func (s *shell) types(line, end string) {
	s.t.Helper()
	before := len(s.look())
	if _, err := s.terminal.WriteString(line + "\n"); err != nil {
		s.t.Fatal(err)
	}
	for began := time.Now(); len(s.look()) == before; time.Sleep(time.Millisecond) {
		if time.Since(began) > time.Minute {
			s.t.Fatalf("the terminal shows nothing after %q was typed", line)
		}
	}
	s.waitFor(end)
}

// take returns the lines that are shown and not taken yet. A prompt at the end stays.
func (s *shell) take() (lines []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	lines = strings.Split(strings.ReplaceAll(s.shown, "\r\n", "\n"), "\n")
	s.shown = ""
	if last := len(lines) - 1; lines[last] == prompt {
		lines, s.shown = lines[:last], prompt
	}
	for i, line := range lines {
		lines[i] = overwrite(line)
	}
	return lines
}

// overwrite is what a line shows in which each \r led back to its beginning.
func overwrite(line string) string {
	var cells []rune
	for part := range strings.SplitSeq(line, "\r") {
		now := []rune(part)
		cells = append(now, cells[min(len(now), len(cells)):]...)
	}
	return strings.TrimRight(string(cells), " ")
}
