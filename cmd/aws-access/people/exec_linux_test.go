package people

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What exec removes from the program's environment is still in its own.
func TestAProgramCannotReadTheProcessOfExec(t *testing.T) {
	onlyMine(t)
	dumpable := func(set uintptr, value uintptr) uintptr {
		got, _, failed := syscall.RawSyscall(syscall.SYS_PRCTL, set, value, 0)
		if failed != 0 {
			t.Fatal(failed)
		}
		return got
	}
	dumpable(syscall.PR_SET_DUMPABLE, 1)
	t.Cleanup(func() { dumpable(syscall.PR_SET_DUMPABLE, 1) })
	environ := "/proc/" + strconv.Itoa(os.Getpid()) + "/environ"
	e := localDesk(counted(time.Hour))
	code := runExec(t, e, As{}, "/opt/aws access", "sh", "-c", "cat "+environ+" | wc -c; cat /proc/self/environ | wc -c")
	own, program, _ := strings.Cut(strings.TrimSpace(e.out.String()), "\n")
	if code != 0 || strings.TrimSpace(program) == "0" {
		t.Fatalf("%d %q %q", code, e.out.String(), e.words.String())
	}
	if dumpable(syscall.PR_GET_DUMPABLE, 0) != 0 {
		t.Error("other processes of the user may read this one")
	}
	if os.Geteuid() != 0 && strings.TrimSpace(own) != "0" { // root may read everything
		t.Errorf("the program has read %s bytes of the environment of exec", own)
	}
}
