package lambdafake

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
)

// Invoke runs a function and waits for its answer. The error is a *FunctionError if
// the function failed; otherwise it wraps ErrNoFunction, ErrThrottled, ErrTooLarge,
// ErrNotJSON, ErrClosed or the error of ctx. A function continues to run when the
// context of its caller ends.
func (s *Server) Invoke(ctx context.Context, name string, payload []byte) (answer []byte, err error) {
	f, err := s.function(name)
	if err != nil {
		return nil, err
	}
	if err := checkPayload(payload, maxSync); err != nil {
		return nil, err
	}
	return s.invoke(ctx, f, newID(), payload)
}

// checkPayload refuses a payload that Lambda would refuse. limit is in bytes.
func checkPayload(payload []byte, limit int) error {
	switch {
	case len(payload) > limit:
		return fmt.Errorf("%w: it has %d bytes, the limit is %d", ErrTooLarge, len(payload), limit)
	case !json.Valid(payload):
		return ErrNotJSON
	}
	return nil
}

// invoke runs a function once.
func (s *Server) invoke(ctx context.Context, f *function, id string, payload []byte) (answer []byte, err error) {
	done := make(chan struct{})
	run := func() {
		defer close(done)
		answer, err = f.run(id, payload)
	}
	if err := s.begin(run); err != nil {
		return nil, err
	}
	select {
	case <-done:
		return answer, err
	case <-ctx.Done():
		return nil, fmt.Errorf("wait for %s: %w", f.name, ctx.Err())
	}
}

// run runs an event in an instance. If an instance ends before it has received the
// event, another one runs it.
func (f *function) run(id string, payload []byte) (answer []byte, err error) {
	crash := false
	for try := 0; ; try++ {
		i, err := f.acquire()
		if err != nil {
			return nil, err
		}
		if try == 0 {
			crash = f.shouldCrash()
		}
		inv := &invocation{id: id, payload: payload, crash: crash, done: make(chan struct{})}
		i.work <- inv
		<-inv.done
		if !errors.Is(inv.err, errGone) {
			return inv.answer, inv.err
		}
	}
}

// newID returns a random request id in AWS's format.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // crypto/rand never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
