//go:build unix && !linux

package people

import "syscall"

// endWithParent changes nothing: only Linux ends a program with its parent.
func endWithParent(a *syscall.SysProcAttr) *syscall.SysProcAttr { return a }
