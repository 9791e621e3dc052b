package lambdafake

import (
	"syscall"
	"unsafe"
)

// attributes puts a process into a group of its own. The kernel ends it together
// with this process, also after a panic, a timeout of the tests or a kill.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// awaitStop waits until a child that got SIGSTOP has stopped with all its threads,
// or has ended. It does not reap the child. Package syscall has no waitid.
func awaitStop(pid int) {
	const byPID, stopped = 1, syscall.WSTOPPED
	var info [128]byte // siginfo_t, which is not used
	for {
		_, _, errno := syscall.Syscall6(
			syscall.SYS_WAITID, byPID, uintptr(pid), uintptr(unsafe.Pointer(&info)), stopped, 0, 0)
		if errno != syscall.EINTR {
			return
		}
	}
}
