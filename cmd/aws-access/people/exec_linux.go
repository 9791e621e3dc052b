package people

import "syscall"

// hideProcess keeps other processes of the user from reading this one's memory and environment, which the program
// does not get. It ends with this process: a program that is started can be read again.
func hideProcess() { _, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, syscall.PR_SET_DUMPABLE, 0, 0) }

// endWithParent makes SIGKILL pass through too: without this process a machine's keys would not renew.
func endWithParent(a *syscall.SysProcAttr) *syscall.SysProcAttr {
	a.Pdeathsig = syscall.SIGKILL
	return a
}
