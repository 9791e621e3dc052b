//go:build !linux

package lambdafake

import (
	"errors"
	"syscall"
)

// attributes puts a process into a group of its own. If this process ends without
// Close, the kernel sends SIGHUP to stopped groups without a parent, and a running
// bootstrap ends when its Runtime API no longer answers.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}

// awaitStop does not wait: the process may continue to run for a short time.
func awaitStop(int) {}

type share struct{}

func checkShare(float64) error { return errors.New("shares of a CPU need Linux") }

func newShare(cpu float64) (*share, error) {
	if cpu != 0 {
		return nil, checkShare(cpu)
	}
	return nil, nil
}

func (*share) start(start func() error, _ *syscall.SysProcAttr) error { return start() }
func (*share) remove()                                                {}
