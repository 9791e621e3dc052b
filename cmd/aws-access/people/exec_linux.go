package people

import "syscall"

// endWithParent makes SIGKILL pass through too: without this process a machine's keys would not renew.
func endWithParent(a *syscall.SysProcAttr) *syscall.SysProcAttr {
	a.Pdeathsig = syscall.SIGKILL
	return a
}
