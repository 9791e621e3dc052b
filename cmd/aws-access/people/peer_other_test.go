//go:build !linux

package people

import (
	"os/exec"
	"testing"
)

// otherUser skips the test: the system is not asked whose connection it is.
func otherUser(t *testing.T) func(*exec.Cmd) {
	t.Helper()
	t.Skip("NOT RUN: only Linux is asked")
	return nil
}
