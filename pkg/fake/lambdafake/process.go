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

// launcher starts every process from one thread that lives as long as the
// server: Linux kills a child with the thread that made it, and Go ends threads
// when it likes. A thread of its own can also enter a cgroup for a moment.
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
	exited chan struct{} // closed when it was reaped
	how    error         // why it ended; to be read after exited
	once   sync.Once
}

// run starts a bootstrap.
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

// reap waits for the end, and leaves nothing of the group behind.
func (p *process) reap() {
	p.how = p.cmd.Wait()
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL) // children, if it had any
	p.share.remove()
	close(p.exited)
}

// signal reaches the whole group, unless it has ended.
func (p *process) signal(s syscall.Signal) {
	select {
	case <-p.exited:
	default:
		_ = syscall.Kill(-p.cmd.Process.Pid, s)
	}
}

// freeze returns when nothing of it runs any more.
func (p *process) freeze() {
	p.signal(syscall.SIGSTOP)
	awaitStop(p.cmd.Process.Pid)
}

func (p *process) thaw() { p.signal(syscall.SIGCONT) }

// kill ends it, frozen or not. The caller waits for exited.
func (p *process) kill() {
	p.once.Do(func() { p.signal(syscall.SIGKILL) })
}

// ending is how Lambda puts the end of a process.
func (p *process) ending() string {
	if p.how == nil {
		return "Runtime exited without providing a reason"
	}
	return fmt.Sprintf("Runtime exited with error: %v", p.how)
}

// listen opens a port for one instance's Runtime API.
func listen() (net.Listener, error) {
	return net.Listen("tcp", "127.0.0.1:0")
}
