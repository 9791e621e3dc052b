package lambdafake

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
)

// Invoke runs a function and waits for what it answers: an error is a
// *FunctionError if it is the function's, else one of this package's. A
// function does not notice that its caller went away.
func (s *Server) Invoke(ctx context.Context, name string, payload []byte) (answer []byte, err error) {
	f, err := s.function(name)
	if err != nil {
		return nil, err
	}
	if err := check(payload, maxSync); err != nil {
		return nil, err
	}
	return s.invoke(ctx, f, newID(), payload)
}

// check refuses a payload that Lambda would.
func check(payload []byte, most int) error {
	switch {
	case len(payload) > most:
		return fmt.Errorf("%w: %d bytes, at most %d", ErrTooLarge, len(payload), most)
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

// run finds an instance for an event, and another one if the first ended
// before it had it.
func (f *function) run(id string, payload []byte) (answer []byte, err error) {
	crash := false
	for try := 0; ; try++ {
		i, err := f.take()
		if err != nil {
			return nil, err
		}
		if try == 0 {
			crash = f.mark()
		}
		inv := &invocation{id: id, payload: payload, crash: crash, done: make(chan struct{})}
		i.work <- inv
		<-inv.done
		if !errors.Is(inv.err, errGone) {
			return inv.answer, inv.err
		}
	}
}

// newID is a request id, as AWS writes them.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}
