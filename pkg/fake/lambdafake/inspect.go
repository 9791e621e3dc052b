package lambdafake

import (
	"slices"
	"time"
)

// maxLines is the limit of lines that Logs returns.
const maxLines = 20000

// Start is the start of one instance: a cold start.
type Start struct {
	Version int // the number of the Deploy call
	Began   time.Time
	// Init is the time from the start of the process until it asked for its first
	// invocation; 0 if it never did.
	Init   time.Duration
	Failed string   // why it did not start; "" if it did
	Log    []string // the last megabyte of its output so far
}

// Instances returns the number of instances of a function, busy and idle.
func (s *Server) Instances(name string) int {
	f, err := s.function(name)
	if err != nil {
		return 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.all)
}

// Starts returns the last 1,000 starts of a function's instances, oldest first.
func (s *Server) Starts(name string) (starts []Start) {
	f, err := s.function(name)
	if err != nil {
		return nil
	}
	f.mu.Lock()
	records := slices.Clone(f.starts)
	f.mu.Unlock()
	for _, r := range records {
		starts = append(starts, r.read())
	}
	return starts
}

// read returns the start with the output so far.
func (r *record) read() Start {
	r.mu.Lock()
	defer r.mu.Unlock()
	start := r.start
	start.Log = r.output.lines()
	return start
}

// Logs returns the last 20,000 lines that a function wrote to its standard output
// and error, instance by instance. When an invocation is answered, everything that
// the function wrote before its answer is there.
func (s *Server) Logs(name string) (lines []string) {
	for _, start := range s.Starts(name) {
		lines = append(lines, start.Log...)
	}
	return lines[max(0, len(lines)-maxLines):]
}

// Kill ends every instance of a function at once, as a failing machine of AWS would.
// Running invocations end with an error. It returns the number of instances after
// they have ended. A fake service may call it while it handles a function's call,
// to end the function between two writes.
func (s *Server) Kill(name string) int {
	f, err := s.function(name)
	if err != nil {
		return 0
	}
	return f.kill()
}

// Crash makes an instance crash while it answers, so that the work is done and the
// caller does not learn its result. when decides for the nth invocation from now
// on; the first one is 1. A nil when ends the crashes.
func (s *Server) Crash(name string, when func(n int) bool) {
	f, err := s.function(name)
	if err != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.invoked, f.crash = 0, when
}
