package lambdafake

import (
	"slices"
	"time"
)

// keptLines is how many lines of a function Logs returns at most.
const keptLines = 20000

// Start is the start of one instance: a cold start.
type Start struct {
	Version int // counts the calls of Deploy
	Began   time.Time
	Init    time.Duration // from the start of the process to its first ask for work; 0 if it never came to that
	Failed  string        // why it did not start, "" if it did
	Log     []string      // what it has written so far: its last megabyte
}

// Instances is how many instances of a function there are, busy or idle.
func (s *Server) Instances(name string) int {
	f, err := s.function(name)
	if err != nil {
		return 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.all)
}

// Starts are the starts of a function's instances, the latest 1,000, oldest
// first.
func (s *Server) Starts(name string) (starts []Start) {
	f, err := s.function(name)
	if err != nil {
		return nil
	}
	f.mu.Lock()
	records := slices.Clone(f.starts)
	f.mu.Unlock()
	for _, r := range records {
		starts = append(starts, r.look())
	}
	return starts
}

func (r *record) look() Start {
	r.mu.Lock()
	defer r.mu.Unlock()
	start := r.start
	start.Log = r.output.lines()
	return start
}

// Logs are the lines that a function wrote to its standard output and error,
// instance by instance: the latest 20,000. Whatever was written before an
// answer is there when the answer is.
func (s *Server) Logs(name string) (lines []string) {
	for _, start := range s.Starts(name) {
		lines = append(lines, start.Log...)
	}
	return lines[max(0, len(lines)-keptLines):]
}

// Kill ends every instance of a function at once, whatever it does, as a
// machine of AWS may: what runs ends with an error. It returns how many there
// were, once they are gone; a player may call it in the middle of a function's
// call, between two writes.
func (s *Server) Kill(name string) int {
	f, err := s.function(name)
	if err != nil {
		return 0
	}
	return f.kill()
}

// Crash has the instance die as it answers, whenever the function says so of
// the nth invocation from now on (1 is the first): the work is done, and
// whoever invoked it does not learn of it. nil ends that.
func (s *Server) Crash(name string, when func(n int) bool) {
	f, err := s.function(name)
	if err != nil {
		return
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.seen, f.crash = 0, when
}
