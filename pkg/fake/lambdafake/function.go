package lambdafake

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"
)

// accountLimit is how many instances of a function run at once when nothing is
// reserved for it. AWS begins with 1,000 for a whole account; this machine
// could not.
const accountLimit = 50

// keptStarts is how many starts a function remembers.
const keptStarts = 1000

// Function is one version of a function.
type Function struct {
	Name      string
	Bootstrap string // path of the binary; it must stay as it is until the next Deploy
	Dir       string // its package: working directory and LAMBDA_TASK_ROOT; "" is the binary's
	// Env is what the template sets, and the role's credentials. Names that
	// Lambda sets itself are refused.
	Env         map[string]string
	Timeout     time.Duration // whole seconds, 1 to 900; 0 is 3 s
	MemoryMB    int           // 128 to 10,240; 0 is 128. It is told to the function, not enforced.
	Concurrency int           // instances at once; 0 is 50
	// CPU is the share of one CPU that an instance gets by cgroup quota; 0 is no
	// limit. Lambda gives 1 for 1,769 MB, and more only while an instance starts.
	CPU float64
}

// function is what stands behind a name, through all its versions.
type function struct {
	s    *Server
	name string

	mu      sync.Mutex
	current *version
	closed  bool
	idle    []*instance // of the current version, longest idle first
	all     map[*instance]bool
	running int // slots taken: instances that run an invocation or start for one
	starts  []*record
	async   Async
	seen    int // invocations since crash was set
	crash   func(n int) bool
}

type version struct {
	Function
	number int
}

var functionName = regexp.MustCompile(`^[a-zA-Z0-9-_]{1,64}$`)

// Deploy puts up a function or a new version of it: instances of the old
// version finish what they run and are ended, new invocations go to the new.
func (s *Server) Deploy(f Function) error {
	if err := f.complete(); err != nil {
		return fmt.Errorf("deploy %q: %w", f.Name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	there, ok := s.functions[f.Name]
	if !ok {
		there = &function{s: s, name: f.Name, all: make(map[*instance]bool), async: defaultAsync}
		s.functions[f.Name] = there
	}
	there.deploy(f)
	return nil
}

// complete fills in Lambda's defaults, and refuses what Lambda refuses.
func (f *Function) complete() error {
	f.Timeout = cmp.Or(f.Timeout, 3*time.Second)
	f.MemoryMB = cmp.Or(f.MemoryMB, 128)
	f.Concurrency = cmp.Or(f.Concurrency, accountLimit)
	f.Dir = cmp.Or(f.Dir, filepath.Dir(f.Bootstrap))
	f.Env = maps.Clone(f.Env)
	var wrong []error
	check := func(ok bool, what string) {
		if !ok {
			wrong = append(wrong, errors.New(what))
		}
	}
	check(functionName.MatchString(f.Name), "a name is 1 to 64 letters, digits, - and _")
	check(f.Timeout%time.Second == 0 && f.Timeout >= time.Second && f.Timeout <= 900*time.Second, "a timeout is 1 to 900 whole seconds")
	check(f.MemoryMB >= 128 && f.MemoryMB <= 10240, "memory is 128 to 10,240 MB")
	check(f.Concurrency > 0, "concurrency is not negative")
	wrong = append(wrong, checkEnvironment(f.Env), f.findFiles())
	if f.CPU != 0 {
		wrong = append(wrong, checkShare(f.CPU))
	}
	return errors.Join(wrong...)
}

// findFiles makes the paths absolute: the binary runs in its own directory.
func (f *Function) findFiles() (err error) {
	if f.Bootstrap, err = filepath.Abs(f.Bootstrap); err != nil {
		return err
	}
	if f.Dir, err = filepath.Abs(f.Dir); err != nil {
		return err
	}
	binary, err := os.Stat(f.Bootstrap)
	if err != nil {
		return err
	}
	if !binary.Mode().IsRegular() || binary.Mode()&0o111 == 0 {
		return fmt.Errorf("%s is not an executable file", f.Bootstrap)
	}
	dir, err := os.Stat(f.Dir)
	if err == nil && !dir.IsDir() {
		err = fmt.Errorf("%s is not a directory", f.Dir)
	}
	return err
}

func (f *function) deploy(next Function) {
	f.mu.Lock()
	defer f.mu.Unlock()
	number := 1
	if f.current != nil {
		number = f.current.number + 1
	}
	f.current = &version{Function: next, number: number}
	f.dismiss()
}

// dismiss ends the instances that wait. The caller holds the lock.
func (f *function) dismiss() {
	for _, i := range f.idle {
		close(i.dismissed)
	}
	f.idle = nil
}

// take gives out an instance: the one that ran last, or a new one. The caller
// owns a slot until put or drop.
func (f *function) take() (*instance, error) {
	f.mu.Lock()
	if f.closed {
		f.mu.Unlock()
		return nil, ErrClosed
	}
	v := f.current
	if f.running >= v.Concurrency {
		f.mu.Unlock()
		return nil, ErrThrottled
	}
	f.running++
	if last := len(f.idle) - 1; last >= 0 {
		i := f.idle[last]
		f.idle = f.idle[:last]
		i.taken = true
		f.mu.Unlock()
		return i, nil
	}
	f.mu.Unlock()
	return f.start(v)
}

// start adds an instance of a version. A process that cannot even be made is an
// instance that ended.
func (f *function) start(v *version) (*instance, error) {
	i, err := newInstance(f, v)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil && f.closed {
		i.process.kill()
		i.cleanUp()
		err = ErrClosed
	}
	if err != nil {
		f.running--
		return nil, err
	}
	i.taken = true
	f.all[i] = true
	f.s.work.Go(i.live)
	return i, nil
}

// remember keeps what is known of a start.
func (f *function) remember(r *record) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.starts = append(f.starts, r)
	if extra := len(f.starts) - keptStarts; extra > 0 {
		f.starts = slices.Delete(f.starts, 0, extra)
	}
}

// put takes an instance back; false says that it is no longer wanted.
func (f *function) put(i *instance) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || f.current != i.version || i.unwanted {
		return false
	}
	f.running--
	i.taken = false
	f.idle = append(f.idle, i)
	return true
}

// drop forgets an instance that has ended, and says whether it was taken.
func (f *function) drop(i *instance) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.all, i)
	f.idle = slices.DeleteFunc(f.idle, func(other *instance) bool { return other == i })
	if i.taken {
		f.running--
	}
	return i.taken
}

// mark counts an invocation, and says whether its instance is to crash.
func (f *function) mark() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen++
	return f.crash != nil && f.crash(f.seen)
}

func (f *function) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.kill()
}

// kill ends every instance, whatever it does, and waits until it is gone.
func (f *function) kill() int {
	f.mu.Lock()
	var doomed []*instance
	for i := range f.all {
		i.unwanted = true
		doomed = append(doomed, i)
	}
	f.idle = nil
	f.mu.Unlock()
	for _, i := range doomed {
		i.process.kill()
	}
	for _, i := range doomed {
		<-i.process.exited
	}
	return len(doomed)
}
