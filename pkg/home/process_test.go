package home

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"
)

// The test binary is also the process that the tests below start.
const (
	homeOfChild = "HOME_OF_CHILD" // makes the test binary such a process
	hangInVend  = "HANG_IN_VEND"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(homeOfChild); dir != "" {
		if err := child(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// child gets keys as credential-process does. Its vend appends a line to a file, and takes a while.
func child(dir string) error {
	h, err := Open(dir)
	if err != nil {
		return err
	}
	c, err := h.Cache(time.Now)
	if err != nil {
		return err
	}
	keys, err := c.Keys(context.Background(), prod, 0, func(context.Context) (Keys, error) {
		log, err := os.OpenFile(h.path("vends"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return Keys{}, err
		}
		if _, err := fmt.Fprintln(log, os.Getpid()); err != nil {
			return Keys{}, err
		}
		if os.Getenv(hangInVend) != "" {
			fmt.Println("vending")
			select {}
		}
		time.Sleep(300 * time.Millisecond) // a call to vend
		return keysAt(time.Now(), time.Hour), log.Close()
	})
	if err == nil {
		fmt.Println(keys.Credentials.AccessKeyID, keys.End.Format(time.RFC3339Nano))
	}
	return err
}

func childOf(t *testing.T, dir string, env ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), append(env, homeOfChild+"="+dir)...)
	return cmd
}

func vendsIn(t *testing.T, h *Home) int {
	t.Helper()
	text, err := os.ReadFile(h.path("vends"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(text), "\n")
}

func TestFiftyProcessesAtOnceAreOneVend(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts 50 processes")
	}
	h := newHome(t)
	type ended struct {
		out string
		err error
	}
	all := make(chan ended)
	began := time.Now()
	for range 50 {
		cmd := childOf(t, h.dir)
		go func() {
			out, err := cmd.CombinedOutput()
			all <- ended{string(out), err}
		}()
	}
	answers := map[string]int{}
	for range 50 {
		e := <-all
		if e.err != nil {
			t.Errorf("a process failed: %v\n%s", e.err, e.out)
		}
		answers[e.out]++
	}
	if n := vendsIn(t, h); n != 1 || len(answers) != 1 {
		t.Errorf("%d vends and %d different answers, want 1 and 1", n, len(answers))
	}
	t.Logf("50 processes were served in %v", time.Since(began).Round(time.Millisecond))
}

func TestKilledHolderLeavesNoLockBehind(t *testing.T) {
	if testing.Short() {
		t.Skip("it starts processes")
	}
	h := newHome(t)
	holder := childOf(t, h.dir, hangInVend+"=1")
	out, err := holder.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := holder.Start(); err != nil {
		t.Fatal(err)
	}
	var line string
	if _, err := fmt.Fscanln(out, &line); err != nil || line != "vending" {
		t.Fatalf("the holder says %q: %v", line, err)
	}
	if err := holder.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = holder.Wait() // killed
	next := childOf(t, h.dir)
	text, err := next.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(text), "ASIAEXAMPLE ") || vendsIn(t, h) != 2 {
		t.Errorf("the next process says %q after %d vends: %v", text, vendsIn(t, h), err)
	}
	kept := childOf(t, h.dir)
	if again, err := kept.CombinedOutput(); err != nil || string(again) != string(text) {
		t.Errorf("its keys were not kept: %q, then %q: %v", text, again, err)
	}
}
