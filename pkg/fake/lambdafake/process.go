package lambdafake

import (
	"fmt"
	"net"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// launcher starts every process from one thread that lives as long as the server.
// With Pdeathsig, Linux kills a child when the thread that started it ends, and Go
// can end threads at any time. Only a thread of its own can also enter a cgroup for
// the start of a process.
type launcher struct{ jobs chan func() }

func newLauncher() *launcher {
	l := &launcher{jobs: make(chan func())}
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for job := range l.jobs {
			job()
		}
	}()
	return l
}

func (l *launcher) do(job func() error) (err error) {
	done := make(chan struct{})
	l.jobs <- func() {
		defer close(done)
		err = job()
	}
	<-done
	return err
}

func (l *launcher) close() { close(l.jobs) }

// process is a running bootstrap, in a process group of its own.
type process struct {
	cmd    *exec.Cmd
	began  time.Time
	share  *share
	exited chan struct{} // closed when the process has ended and was waited for
	err    error         // why it ended; valid after exited is closed
	once   sync.Once
}

// run starts the bootstrap of a version.
func (l *launcher) run(v *version, env []string, out *output) (*process, error) {
	share, err := newShare(v.CPU)
	if err != nil {
		return nil, err
	}
	p := &process{share: share, exited: make(chan struct{})}
	p.cmd = exec.Command(v.Bootstrap)
	p.cmd.Dir, p.cmd.Env = v.Dir, env
	p.cmd.Stdout, p.cmd.Stderr = out.file, out.file
	p.cmd.SysProcAttr = attributes()
	err = l.do(func() error {
		return share.start(func() error {
			p.began = time.Now()
			return p.cmd.Start()
		}, p.cmd.SysProcAttr)
	})
	if err != nil {
		share.remove()
		return nil, err
	}
	go p.reap()
	return p, nil
}

// reap waits for the end of the process, and kills its children.
func (p *process) reap() {
	p.err = p.cmd.Wait()
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	p.share.remove()
	close(p.exited)
}

// signal sends a signal to the process and its children, unless it has ended.
func (p *process) signal(s syscall.Signal) {
	select {
	case <-p.exited:
	default:
		_ = syscall.Kill(-p.cmd.Process.Pid, s)
	}
}

// freeze stops the process, and returns when none of its threads runs any more.
func (p *process) freeze() {
	p.signal(syscall.SIGSTOP)
	awaitStop(p.cmd.Process.Pid)
}

func (p *process) thaw() { p.signal(syscall.SIGCONT) }

// kill ends the process, also if it is frozen. It does not wait for the end.
func (p *process) kill() {
	p.once.Do(func() { p.signal(syscall.SIGKILL) })
}

// exitMessage is Lambda's message about the end of a process.
func (p *process) exitMessage() string {
	if p.err == nil {
		return "Runtime exited without providing a reason"
	}
	return fmt.Sprintf("Runtime exited with error: %v", p.err)
}

// listen opens a port for one instance's Runtime API.
func listen() (net.Listener, error) {
	return net.Listen("tcp", "127.0.0.1:0")
}
