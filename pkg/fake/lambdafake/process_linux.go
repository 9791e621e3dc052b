package lambdafake

import (
	"syscall"
	"unsafe"
)

// attributes put a process into a group of its own, and end it with us however
// we end: also by a panic, a time-out of the tests, a kill.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// awaitStop returns once a child that was told to stop has stopped, with all
// its threads, or is gone. It leaves its end to be reaped by whoever waits for
// that. (Package syscall has no waitid.)
func awaitStop(pid int) {
	const byPID, stopped = 1, syscall.WSTOPPED
	var info [128]byte // siginfo_t, which nobody reads
	for {
		_, _, errno := syscall.Syscall6(syscall.SYS_WAITID, byPID, uintptr(pid), uintptr(unsafe.Pointer(&info)), stopped, 0, 0)
		if errno != syscall.EINTR {
			return
		}
	}
}
