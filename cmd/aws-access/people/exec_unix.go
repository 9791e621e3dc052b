//go:build unix

package people

import (
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"syscall"
	"unsafe"
)

// passedSignals are those that a program may wait for. Ctrl-Z and the like stop both processes by themselves.
// A signal that the caller ignores, as nohup does, stays ignored.
func passedSignals() []os.Signal {
	all := []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGTERM, syscall.SIGUSR1, syscall.SIGUSR2}
	return slices.DeleteFunc(all, signal.Ignored)
}

// prepareChild gives the program a process group of its own where no terminal is. There, a signal to the whole
// group, as timeout sends it, would otherwise reach it twice, and Terraform gives up its work at the second one.
// With a terminal the group must stay, or the program could not read from it.
func prepareChild(cmd *exec.Cmd) {
	cmd.SysProcAttr = endWithParent(&syscall.SysProcAttr{Setpgid: !hasTerminal()})
}

func hasTerminal() bool {
	terminal, err := os.Open("/dev/tty")
	if err == nil {
		_ = terminal.Close()
	}
	return err == nil
}

// passSignal passes a signal on, unless the terminal has sent it to both processes: Ctrl-C and Ctrl-\ reach the
// whole group in the foreground.
func passSignal(p *os.Process, s os.Signal) {
	if (s == syscall.SIGINT || s == syscall.SIGQUIT) && inForeground() {
		return
	}
	_ = p.Signal(s) // it may have ended
}

// inForeground reports whether the terminal sends its signals to this process's group.
func inForeground() bool {
	terminal, err := os.Open("/dev/tty")
	if err != nil {
		return false
	}
	defer func() { _ = terminal.Close() }()
	var group int32
	_, _, failed := syscall.Syscall(syscall.SYS_IOCTL, terminal.Fd(), syscall.TIOCGPGRP,
		uintptr(unsafe.Pointer(&group))) // the ioctl writes a pid_t there
	return failed == 0 && int(group) == syscall.Getpgrp()
}

// childCode is the exit code of a program, as shells report it.
func childCode(state *os.ProcessState) int {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() { //nolint:misspell // a name of Go
		return 128 + int(status.Signal())
	}
	return state.ExitCode()
}
