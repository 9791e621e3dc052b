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

// accountLimit is the limit of instances of a function without reserved concurrency.
// AWS begins with 1,000 for a whole account, which is too many for a test machine.
const accountLimit = 50

// maxStarts is the number of starts that are kept for each function.
const maxStarts = 1000

// Function describes one version of a function.
type Function struct {
	Name      string
	Bootstrap string // path of the binary, which must not change until the next Deploy
	Dir       string // working directory and LAMBDA_TASK_ROOT; "" means the directory of the binary
	// Env has the variables of the template and the credentials of the role. Deploy
	// refuses names that Lambda itself sets.
	Env         map[string]string
	Timeout     time.Duration // whole seconds, 1 to 900; 0 means 3 s
	MemoryMB    int           // 128 to 10,240; 0 means 128. The function sees it; it is not enforced.
	Concurrency int           // limit of instances; 0 means 50
	// CPU is the share of one CPU that an instance gets, by a cgroup quota. 0 means
	// no limit. Lambda gives 1 for 1,769 MB, and more only while an instance starts.
	CPU float64
}

// function is a deployed function with all its versions.
type function struct {
	s    *Server
	name string

	mu      sync.Mutex
	current *version
	closed  bool
	idle    []*instance // of the current version, longest idle first
	all     map[*instance]bool
	running int // instances that run an invocation or start for one
	starts  []*record
	async   Async
	invoked int // invocations since crash was set
	crash   func(n int) bool
}

type version struct {
	Function
	number int
}

var functionName = regexp.MustCompile(`^[a-zA-Z0-9-_]{1,64}$`)

// Deploy adds a function, or a new version of it. Instances of the old version
// finish their invocation and end; new invocations use the new version. The error
// lists everything that Lambda would refuse; it is ErrClosed after Close.
func (s *Server) Deploy(f Function) error {
	if err := f.complete(); err != nil {
		return fmt.Errorf("deploy %q: %w", f.Name, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	deployed, ok := s.functions[f.Name]
	if !ok {
		deployed = &function{s: s, name: f.Name, all: make(map[*instance]bool), async: defaultAsync}
		s.functions[f.Name] = deployed
	}
	deployed.deploy(f)
	return nil
}

// complete sets Lambda's defaults, and refuses what Lambda refuses.
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
	check(functionName.MatchString(f.Name), "the name must have 1 to 64 letters, digits, - and _")
	check(f.Timeout%time.Second == 0 && f.Timeout >= time.Second && f.Timeout <= 900*time.Second,
		"the timeout must be 1 to 900 whole seconds")
	check(f.MemoryMB >= 128 && f.MemoryMB <= 10240, "the memory must be 128 to 10,240 MB")
	check(f.Concurrency > 0, "the concurrency must not be negative")
	wrong = append(wrong, checkEnvironment(f.Env), f.findFiles())
	if f.CPU != 0 {
		wrong = append(wrong, checkShare(f.CPU))
	}
	return errors.Join(wrong...)
}

// findFiles makes the paths absolute, because the binary runs in another directory.
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

// dismiss ends the idle instances. The caller holds the lock.
func (f *function) dismiss() {
	for _, i := range f.idle {
		close(i.dismissed)
	}
	f.idle = nil
}

// acquire returns an instance for an invocation: the one that ran last, or a new
// one. It counts as running until release or drop. The error is ErrClosed,
// ErrThrottled, or the reason why a new instance cannot start.
func (f *function) acquire() (*instance, error) {
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
		i.acquired = true
		f.mu.Unlock()
		return i, nil
	}
	f.mu.Unlock()
	return f.start(v)
}

// start starts an instance of a version.
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
	i.acquired = true
	f.all[i] = true
	f.s.work.Go(i.run)
	return i, nil
}

// remember keeps the record of a start, and forgets the oldest ones.
func (f *function) remember(r *record) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.starts = append(f.starts, r)
	if extra := len(f.starts) - maxStarts; extra > 0 {
		f.starts = slices.Delete(f.starts, 0, extra)
	}
}

// release makes an instance idle again. It returns false if the instance must end.
func (f *function) release(i *instance) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed || f.current != i.version || i.unwanted {
		return false
	}
	f.running--
	i.acquired = false
	f.idle = append(f.idle, i)
	return true
}

// drop forgets an instance that has ended, and reports whether it was acquired.
func (f *function) drop(i *instance) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.all, i)
	f.idle = slices.DeleteFunc(f.idle, func(other *instance) bool { return other == i })
	if i.acquired {
		f.running--
	}
	return i.acquired
}

// shouldCrash counts an invocation, and reports whether its instance must crash.
func (f *function) shouldCrash() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.invoked++
	return f.crash != nil && f.crash(f.invoked)
}

func (f *function) close() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.kill()
}

// kill ends every instance at once, waits until all have ended, and returns their
// number.
func (f *function) kill() int {
	f.mu.Lock()
	var instances []*instance
	for i := range f.all {
		i.unwanted = true
		instances = append(instances, i)
	}
	f.idle = nil
	f.mu.Unlock()
	for _, i := range instances {
		i.process.kill()
	}
	for _, i := range instances {
		<-i.process.exited
	}
	return len(instances)
}
