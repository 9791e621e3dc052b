package lambdafake

import (
	"errors"
	"net/http"
	"strings"
	"sync"
	"time"
)

// errGone says that an instance ended before it had the invocation: another one
// takes it, as on Lambda.
var errGone = errors.New("the instance is gone")

// invocation is one event on its way through an instance.
type invocation struct {
	id      string // the same for every try of an asynchronous one
	payload []byte
	crash   bool // the instance dies as it answers
	until   time.Time

	answer []byte
	err    error
	done   chan struct{} // closed when answer and err are there
}

// instance is one execution environment: a process, and the Runtime API that it
// alone speaks to. Everything that happens to it happens in live, one thing
// after the other.
type instance struct {
	f       *function
	version *version
	process *process
	api     *http.Server
	record  *record

	work      chan *invocation // given by whoever took the instance
	asks      chan ask         // GET next
	answers   chan answer      // POST response, error
	failed    chan *FunctionError
	dismissed chan struct{} // closed when an idle instance is no longer wanted
	unwanted  bool          // under the function's lock, as is taken
	taken     bool          // somebody has given it an invocation, or will at once
	next      ask           // that waits for an answer
}

// ask is a process that asks for its next invocation.
type ask struct {
	at    time.Time
	reply chan *invocation // nil is refused
}

// answer is what a process says about an invocation.
type answer struct {
	id    string
	body  []byte
	err   *FunctionError
	taken chan bool
}

// record is what is kept of a start.
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
		work: make(chan *invocation, 1), asks: make(chan ask), answers: make(chan answer),
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
		e := ended(typeEntrypoint, "", "%v", err)
		i.record.set(func(s *Start) { s.Failed = e.Error() })
		return nil, e
	}
	i.record.set(func(s *Start) { s.Began = i.process.began })
	i.api = &http.Server{Handler: i.runtimeAPI(), ReadHeaderTimeout: time.Minute}
	f.s.work.Go(func() { _ = i.api.Serve(listener) }) // ends with the instance
	return i, nil
}

// live is the life of an instance, from the start of its process to its end.
func (i *instance) live() {
	defer i.cleanUp()
	var inv *invocation
	if failure := i.begin(); failure != nil {
		i.record.set(func(s *Start) { s.Failed = failure.Error() })
		i.f.s.o.Log.Warn("an instance did not start", "function", i.f.name, "error", failure)
		i.giveBack(failure)
		return
	}
	for {
		i.process.freeze()
		if inv != nil { // answered, and free for the next one
			wanted := i.f.put(i)
			if !wanted {
				i.end()
			}
			close(inv.done)
			if !wanted {
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
		if !i.reach(inv) {
			i.end()
			close(inv.done)
			return
		}
	}
}

// begin waits until the process asks for work for the first time.
func (i *instance) begin() *FunctionError {
	limit := time.NewTimer(i.f.s.o.InitLimit)
	defer limit.Stop()
	var told *FunctionError
	for {
		select {
		case i.next = <-i.asks:
			i.record.set(func(s *Start) { s.Init = i.next.at.Sub(s.Began) })
			return nil
		case told = <-i.failed: // and now it will exit
		case <-limit.C:
			i.kill()
			e := ended(typeTimeout, "", "Initialization timed out after %.2f seconds", i.f.s.o.InitLimit.Seconds())
			e.lastLine = i.record.output.last()
			return e
		case <-i.process.exited:
			if told == nil {
				told = ended(typeExit, "", "%s", i.process.ending())
			}
			told.lastLine = i.record.output.last()
			return told
		}
	}
}

// reach runs one invocation, if the process is still there to take it.
func (i *instance) reach(inv *invocation) bool {
	select {
	case <-i.process.exited:
		inv.err = errGone
		return false
	default:
		return i.serve(inv)
	}
}

// serve runs one invocation; false says that the instance came to its end.
func (i *instance) serve(inv *invocation) bool {
	inv.until = time.Now().Add(i.version.Timeout)
	i.process.thaw()
	limit := time.NewTimer(i.version.Timeout)
	defer limit.Stop()
	i.next.reply <- inv
	answered := false
	for {
		select {
		case a := <-i.answers:
			if answered || a.id != inv.id {
				a.taken <- false
				continue
			}
			if inv.crash { // the work is done, the answer is lost
				i.kill()
				a.taken <- false
				inv.err = i.exit(inv)
				return false
			}
			answered = true
			inv.answer = a.body
			if a.err != nil {
				inv.answer, inv.err = nil, a.err
			}
			a.taken <- true
		case next := <-i.asks:
			if !answered {
				next.reply <- nil
				continue
			}
			i.next = next
			return true
		case <-limit.C:
			i.kill()
			if !answered {
				inv.err = i.timedOut(inv)
			}
			return false
		case <-i.process.exited:
			if !answered {
				inv.err = i.exit(inv)
			}
			return false
		}
	}
}

func (i *instance) exit(inv *invocation) *FunctionError {
	e := ended(typeExit, inv.id, "%s", i.process.ending())
	e.lastLine = i.record.output.last()
	return e
}

func (i *instance) timedOut(inv *invocation) *FunctionError {
	e := ended(typeTimeout, inv.id, "Task timed out after %.2f seconds", i.version.Timeout.Seconds())
	e.lastLine = i.record.output.last()
	return e
}

// kill ends the process and waits until it is gone.
func (i *instance) kill() {
	i.process.kill()
	<-i.process.exited
}

// end ends the instance; true says that an invocation was given to it.
func (i *instance) end() bool {
	i.kill()
	return i.f.drop(i)
}

// giveBack ends an instance that did not get to its invocation, if it was given
// one at all.
func (i *instance) giveBack(why error) {
	if i.end() {
		inv := <-i.work
		inv.err = why
		close(inv.done)
	}
}

func (i *instance) cleanUp() {
	i.kill()
	_ = i.api.Close()
	i.record.output.close()
}
