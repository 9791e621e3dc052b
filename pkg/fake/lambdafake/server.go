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

// The region and account of the fake.
const region, account = "eu-west-1", "999999999999"

// Options configure a Server. The zero value works.
type Options struct {
	Log *slog.Logger // nil for no log

	// Now is the clock for ages and time stamps; nil means time.Now. Deadlines and
	// waits always use real time, because the binaries do.
	Now func() time.Time
	// RetryWait returns how long to wait after a number of failed tries of an
	// asynchronous invocation. nil means one minute, then two, as on Lambda.
	RetryWait func(tries int) time.Duration
	// ThrottleWait returns how long to wait after an event or a batch was throttled
	// a number of times. nil means 1 s, doubling up to 30 s.
	ThrottleWait func(times int) time.Duration
	// Duplicate decides for each asynchronous delivery and each stream delivery
	// whether to make it twice, because Lambda promises at least one delivery. nil
	// means never.
	Duplicate func(function string) bool
	// MayInvoke decides whether the holder of an access key may invoke a function
	// through API. nil means that every signed call may.
	MayInvoke func(accessKey, function string) bool
	// HTTPLimit is the timeout of HTTPAPI. 0 means 30 s, the limit of HTTP APIs.
	HTTPLimit time.Duration
	// InitLimit is the timeout for the start of an instance. 0 means 10 s, as on
	// Lambda.
	InitLimit time.Duration
	// Poll is the pause between two reads of an idle shard. 0 means 50 ms; Lambda
	// reads four times a second.
	Poll time.Duration
}

// Server is a fake of Lambda in one account and region. It is safe for concurrent
// use.
type Server struct {
	o        Options
	launcher *launcher
	ctx      context.Context // ends with Close
	cancel   context.CancelFunc
	work     sync.WaitGroup // all background goroutines

	mu        sync.Mutex
	functions map[string]*function
	mappings  []*mapping
	closed    bool
	busy      int           // invocations that run, and events that wait for their invocation
	started   int           // counts everything that has begun
	changed   chan struct{} // closed and replaced each time something ends
}

// New makes a server without functions. Call Close at the end, also if no function
// was deployed.
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

// backoff returns how long to wait after a number of failures: 1 s, 2 s, 4 s, up to
// 30 s.
func backoff(times int) time.Duration {
	return min(time.Second<<min(times-1, 10), 30*time.Second)
}

// ARN returns the ARN of a function, which need not exist.
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

// begin runs work in the background. WaitIdle waits for its end.
func (s *Server) begin(work func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return ErrClosed
	}
	s.busy++
	s.started++
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

// notIdle tells WaitIdle that it must check everything again.
func (s *Server) notIdle() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started++
}

// WaitIdle returns when nothing is queued or running, and no record of the streams
// is unread. An event that waits for a retry counts as queued, so WaitIdle does not
// return while an event is retried for ever.
func (s *Server) WaitIdle(ctx context.Context) error {
	for {
		s.mu.Lock()
		busy, started, changed, mappings := s.busy, s.started, s.changed, slices.Clone(s.mappings)
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
		if s.stillIdle(started) {
			return nil
		}
	}
}

func (s *Server) stillIdle(started int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busy == 0 && s.started == started
}

// wait waits in real time. It returns false if the context ended first.
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

// Close ends every process and waits until nothing runs any more. It drops queued
// events.
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
