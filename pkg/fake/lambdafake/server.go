package lambdafake

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"
)

// Where the played Lambda stands.
const region, account = "eu-west-1", "999999999999"

// Options are how it is played. The zero value is usable.
type Options struct {
	Log *slog.Logger

	// Now is the clock for ages and time stamps; nil is time.Now. Deadlines and
	// waits are in real time always: the binaries know no other.
	Now func() time.Time
	// RetryWait is the wait after so many failed tries of an asynchronous
	// invocation; nil is one minute, then two, as on Lambda.
	RetryWait func(tries int) time.Duration
	// ThrottleWait is the wait after an event or a batch was throttled so many
	// times; nil is 1 s, doubling to 30 s.
	ThrottleWait func(times int) time.Duration
	// Duplicate is asked before each asynchronous and each stream delivery whether
	// to make it twice: Lambda promises at least once, and no more.
	Duplicate func(function string) bool
	// MayInvoke says who may call a function through API; nil is whoever signs.
	MayInvoke func(accessKey, function string) bool
	// HTTPLimit is how long Front waits; 0 is 30 s, the most that HTTP APIs do.
	HTTPLimit time.Duration
	// InitLimit is how long an instance may take to start; 0 is Lambda's 10 s.
	InitLimit time.Duration
	// Poll is the pause between two reads of an idle shard; 0 is 50 ms. (Lambda
	// reads four times a second.)
	Poll time.Duration
}

// Server plays Lambda in one account and region.
type Server struct {
	o        Options
	launcher *launcher
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	work     sync.WaitGroup // everything that runs beside the caller

	mu        sync.Mutex
	functions map[string]*function
	mappings  []*mapping
	closed    bool
	busy      int           // invocations that run, and events that wait for theirs
	moves     int           // counts whatever began
	changed   chan struct{} // closed and replaced whenever something ended
}

// New starts nothing yet; Close must be called all the same.
func New(o Options) *Server {
	o.HTTPLimit = cmp.Or(o.HTTPLimit, 30*time.Second)
	o.InitLimit = cmp.Or(o.InitLimit, 10*time.Second)
	o.Poll = cmp.Or(o.Poll, 50*time.Millisecond)
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.RetryWait == nil {
		o.RetryWait = func(tries int) time.Duration { return time.Duration(tries) * time.Minute }
	}
	if o.ThrottleWait == nil {
		o.ThrottleWait = backoff
	}
	if o.Duplicate == nil {
		o.Duplicate = func(string) bool { return false }
	}
	s := &Server{o: o, launcher: newLauncher(), functions: make(map[string]*function), changed: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// backoff is the wait after so many failures: 1 s, 2 s, 4 s, up to 30 s.
func backoff(times int) time.Duration {
	return min(time.Second<<min(times-1, 10), 30*time.Second)
}

// ARN is the function's, whether it is there or not.
func (s *Server) ARN(name string) string {
	return "arn:aws:lambda:" + region + ":" + account + ":function:" + name
}

func (s *Server) function(name string) (*function, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f, ok := s.functions[name]
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrNoFunction, s.ARN(name))
	}
	return f, nil
}

// begin runs work beside everything else. Quiet waits for it.
func (s *Server) begin(work func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	s.busy++
	s.moves++
	s.work.Go(func() {
		work()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.busy--
		close(s.changed)
		s.changed = make(chan struct{})
	})
	return nil
}

// moved notes that something is no longer as Quiet saw it.
func (s *Server) moved() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.moves++
}

// WaitIdle returns when nothing is queued, running or unread in the streams. What
// waits to be tried again is queued, so a retry for ever is never quiet.
func (s *Server) WaitIdle(ctx context.Context) error {
	for {
		s.mu.Lock()
		busy, moves, changed, mappings := s.busy, s.moves, s.changed, slices.Clone(s.mappings)
		s.mu.Unlock()
		if busy > 0 {
			select {
			case <-changed:
				continue
			case <-ctx.Done():
				return fmt.Errorf("%d invocations or events are not done: %w", busy, ctx.Err())
			}
		}
		for _, m := range mappings {
			if err := m.readToEnd(ctx); err != nil {
				return err
			}
		}
		if s.stillQuiet(moves) {
			return nil
		}
	}
}

func (s *Server) stillQuiet(moves int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busy == 0 && s.moves == moves
}

// wait lets real time pass; it is false when the context ended first.
func wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// Close ends every process and waits until nothing runs any more. What was
// queued is dropped.
func (s *Server) Close() {
	s.mu.Lock()
	already := s.closed
	s.closed = true
	functions := make([]*function, 0, len(s.functions))
	for _, f := range s.functions {
		functions = append(functions, f)
	}
	s.mu.Unlock()
	if already {
		return
	}
	s.cancel()
	for _, f := range functions {
		f.close()
	}
	s.work.Wait()
	s.launcher.close()
}
