package sandboxtest

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"unsafe"
)

// Terminal is a pseudo-terminal. What is written to Person is what a person types, and what is read from it
// is what the terminal shows. Program is for the standard streams of a program. Both are closed after the test.
type Terminal struct {
	Person, Program *os.File
	t               *testing.T
}

// NewTerminal opens a pseudo-terminal.
func NewTerminal(t *testing.T) *Terminal {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	x := &Terminal{Person: person, t: t}
	var locked, number int32
	x.Control(syscall.TIOCSPTLCK, unsafe.Pointer(&locked))
	x.Control(syscall.TIOCGPTN, unsafe.Pointer(&number))
	x.Program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = x.Program.Close(), person.Close() })
	return x
}

// Control makes an ioctl call for the terminal, which reads or writes what to points to.
func (x *Terminal) Control(request uintptr, to unsafe.Pointer) {
	x.t.Helper()
	connection, err := x.Person.SyscallConn()
	if err != nil {
		x.t.Fatal(err)
	}
	err = connection.Control(func(fd uintptr) {
		if _, _, failed := syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(to)); failed != 0 {
			x.t.Errorf("ioctl %x: %v", request, failed)
		}
	})
	if err != nil {
		x.t.Fatal(err)
	}
}
