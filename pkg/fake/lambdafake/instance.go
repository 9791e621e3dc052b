package lambdafake

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"
)

// errGone means that an instance ended before it received the invocation. As on
// Lambda, another instance runs the invocation then.
var errGone = errors.New("the instance is gone")

// invocation is one invocation of a function by an instance.
type invocation struct {
	id       string // request id; each try of an asynchronous invocation has the same one
	payload  []byte
	crash    bool // the instance crashes while it answers
	deadline time.Time

	answer []byte
	err    error
	done   chan struct{} // closed when answer and err are set
}

// instance is one execution environment: a process with a Runtime API of its own.
// One goroutine, run, handles everything that happens to it, in sequence.
type instance struct {
	f       *function
	version *version
	process *process
	api     *http.Server
	record  *record

	work      chan *invocation    // from the goroutine that acquired the instance
	polls     chan poll           // from GET invocation/next
	answers   chan answer         // from POST response and POST error
	failed    chan *FunctionError // from POST init/error
	dismissed chan struct{}       // closed when an idle instance must end
	next      poll                // the poll that waits for an invocation

	// Under the function's lock:
	unwanted bool // the instance must end after its invocation
	acquired bool // a goroutine has sent it an invocation, or is about to
}

// poll is the process's request for its next invocation.
type poll struct {
	at    time.Time
	reply chan *invocation // nil refuses the request
}

// answer is the process's answer to an invocation.
type answer struct {
	id       string
	body     []byte
	err      *FunctionError
	accepted chan bool // false if the id is not that of the current invocation
}

// record is what is kept about the start of an instance.
type record struct {
	mu     sync.Mutex
	start  Start
	output *output
}

func (r *record) set(change func(*Start)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	change(&r.start)
}

// newInstance starts a process.
func newInstance(f *function, v *version) (*instance, error) {
	out, err := newOutput()
	if err != nil {
		return nil, err
	}
	i := &instance{
		f: f, version: v, record: &record{output: out, start: Start{Version: v.number, Began: time.Now()}},
		work: make(chan *invocation, 1), polls: make(chan poll), answers: make(chan answer),
		failed: make(chan *FunctionError), dismissed: make(chan struct{}),
	}
	listener, err := listen()
	if err != nil {
		out.close()
		return nil, err
	}
	stream := f.s.o.Now().UTC().Format("2006/01/02") + "/[$LATEST]" + strings.ReplaceAll(newID(), "-", "")
	f.remember(i.record)
	i.process, err = f.s.launcher.run(v, v.environment(listener.Addr().String(), stream), out)
	if err != nil {
		_ = listener.Close()
		out.close()
		e := instanceError(typeEntrypoint, "", "%v", err)
		i.record.set(func(s *Start) { s.Failed = e.Error() })
		return nil, e
	}
	i.record.set(func(s *Start) { s.Began = i.process.began })
	i.api = &http.Server{Handler: i.runtimeAPI(), ReadHeaderTimeout: time.Minute}
	f.s.work.Go(func() { _ = i.api.Serve(listener) }) // ends with the instance
	return i, nil
}

// run handles an instance from the start of its process to its end.
func (i *instance) run() {
	defer i.cleanUp()
	var inv *invocation
	if failure := i.awaitInit(); failure != nil {
		i.record.set(func(s *Start) { s.Failed = failure.Error() })
		i.f.s.o.Log.Warn("instance did not start", "function", i.f.name, "error", failure)
		i.giveBack(failure)
		return
	}
	for {
		i.process.freeze()
		if inv != nil { // it is answered, and the instance is free for the next one
			idle := i.f.release(i)
			if !idle {
				i.end()
			}
			close(inv.done)
			if !idle {
				return
			}
		}
		select {
		case inv = <-i.work:
		case <-i.dismissed:
			i.giveBack(errGone)
			return
		case <-i.process.exited:
			i.giveBack(errGone)
			return
		}
		if !i.tryServe(inv) {
			i.end()
			close(inv.done)
			return
		}
	}
}

// awaitInit waits until the process asks for its first invocation.
func (i *instance) awaitInit() *FunctionError {
	limit := time.NewTimer(i.f.s.o.InitLimit)
	defer limit.Stop()
	var reported *FunctionError
	for {
		select {
		case i.next = <-i.polls:
			i.record.set(func(s *Start) { s.Init = i.next.at.Sub(s.Began) })
			return nil
		case reported = <-i.failed: // the process will exit now
		case <-limit.C:
			i.kill()
			e := instanceError(typeTimeout, "", "Initialization timed out after %.2f seconds", i.f.s.o.InitLimit.Seconds())
			e.lastLine = i.record.output.last()
			return e
		case <-i.process.exited:
			if reported == nil {
				reported = instanceError(typeExit, "", "%s", i.process.exitMessage())
			}
			reported.lastLine = i.record.output.last()
			return reported
		}
	}
}

// tryServe runs one invocation, unless the process has ended. It returns false if
// the instance has ended.
func (i *instance) tryServe(inv *invocation) bool {
	select {
	case <-i.process.exited:
		inv.err = errGone
		return false
	default:
		return i.serve(inv)
	}
}

// serve runs one invocation. It returns false if the instance has ended.
func (i *instance) serve(inv *invocation) bool {
	inv.deadline = time.Now().Add(i.version.Timeout)
	i.process.thaw()
	limit := time.NewTimer(i.version.Timeout)
	defer limit.Stop()
	i.next.reply <- inv
	answered := false
	for {
		select {
		case a := <-i.answers:
			if answered || a.id != inv.id {
				a.accepted <- false
				continue
			}
			if inv.crash { // the work is done, but the answer is lost
				i.kill()
				a.accepted <- false
				inv.err = i.exitError(inv)
				return false
			}
			answered = true
			inv.answer = a.body
			if a.err != nil {
				inv.answer, inv.err = nil, a.err
			}
			a.accepted <- true
		case next := <-i.polls:
			if !answered {
				next.reply <- nil
				continue
			}
			i.next = next
			return true
		case <-limit.C:
			i.kill()
			if !answered {
				inv.err = i.timeoutError(inv)
			}
			return false
		case <-i.process.exited:
			if !answered {
				inv.err = i.exitError(inv)
			}
			return false
		}
	}
}

// exitError is the error of an invocation whose process ended.
func (i *instance) exitError(inv *invocation) *FunctionError {
	e := instanceError(typeExit, inv.id, "%s", i.process.exitMessage())
	e.lastLine = i.record.output.last()
	return e
}

// timeoutError is the error of an invocation that took too long.
func (i *instance) timeoutError(inv *invocation) *FunctionError {
	e := instanceError(typeTimeout, inv.id, "Task timed out after %.2f seconds", i.version.Timeout.Seconds())
	e.lastLine = i.record.output.last()
	return e
}

// kill ends the process and waits for its end.
func (i *instance) kill() {
	i.process.kill()
	<-i.process.exited
}

// end ends the instance, and reports whether it was acquired for an invocation.
func (i *instance) end() bool {
	i.kill()
	return i.f.drop(i)
}

// giveBack ends the instance. If it was acquired, its invocation fails with err
// without having run.
func (i *instance) giveBack(err error) {
	if i.end() {
		inv := <-i.work
		inv.err = err
		close(inv.done)
	}
}

func (i *instance) cleanUp() {
	i.kill()
	_ = i.api.Close()
	i.record.output.close()
}
