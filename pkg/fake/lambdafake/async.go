package lambdafake

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Async configures what happens to asynchronous invocations that fail.
type Async struct {
	Retries int           // tries after the first one: 0 to 2
	MaxAge  time.Duration // 60 s to 6 h; 0 means 6 h
	// OnFailure receives the record about an event that was given up, as an
	// on-failure destination does. nil drops it.
	OnFailure func(record []byte)
}

// defaultAsync is the configuration of a function without a call of Async.
var defaultAsync = Async{Retries: 2, MaxAge: 6 * time.Hour}

// Async configures the asynchronous invocations of a deployed function. The error
// wraps ErrNoFunction, or names the limits of Lambda.
func (s *Server) Async(name string, a Async) error {
	f, err := s.function(name)
	if err != nil {
		return err
	}
	a.MaxAge = cmp.Or(a.MaxAge, defaultAsync.MaxAge)
	if a.Retries < 0 || a.Retries > 2 || a.MaxAge < time.Minute || a.MaxAge > defaultAsync.MaxAge {
		return fmt.Errorf("configure asynchronous invocations of %s: retries must be 0 to 2, not %d; "+
			"the age must be 60 s to 6 h, not %v", name, a.Retries, a.MaxAge)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.async = a
	return nil
}

// event is an asynchronous invocation that waits or runs.
type event struct {
	f       *function
	id      string
	payload []byte
	at      time.Time      // when it was queued
	invoked int            // tries so far, without throttled ones
	failed  *FunctionError // error of the last try
}

// queue accepts an event, and runs its function in the background.
func (s *Server) queue(f *function, id string, payload []byte) error {
	times := 1
	if s.o.Duplicate(f.name) {
		times = 2
	}
	for range times {
		e := &event{f: f, id: id, payload: payload, at: s.o.Now()}
		if err := s.begin(func() { s.deliver(e) }); err != nil {
			return err
		}
	}
	return nil
}

// deliver tries until the function has handled the event, or gives the event up.
func (s *Server) deliver(e *event) {
	for throttled := 0; ; {
		a := e.f.asyncConfig()
		if s.o.Now().Sub(e.at) > a.MaxAge {
			s.giveUp(e, a, "EventAgeExceeded")
			return
		}
		_, err := e.f.run(e.id, e.payload)
		failed, isFunction := errors.AsType[*FunctionError](err)
		pause := s.o.RetryWait
		switch {
		case err == nil || s.ctx.Err() != nil:
			return
		case isFunction:
			e.invoked++
			e.failed = failed
			if e.invoked > a.Retries {
				s.giveUp(e, a, "RetriesExhausted")
				return
			}
		default: // the function did not run, so this does not count as a try
			throttled++
			pause = s.o.ThrottleWait
			if !errors.Is(err, ErrThrottled) {
				s.o.Log.Error("function cannot run", "function", e.f.name, "error", err)
			}
		}
		tries := e.invoked
		if !isFunction {
			tries = throttled
		}
		if !wait(s.ctx, pause(tries)) {
			return
		}
	}
}

func (f *function) asyncConfig() Async {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.async
}

// timeFormat is the format of times in failure records.
const timeFormat = "2006-01-02T15:04:05.000Z"

// giveUp sends the event to the failure destination.
func (s *Server) giveUp(e *event, a Async, condition string) {
	s.o.Log.Warn("event was given up",
		"function", e.f.name, "request", e.id, "condition", condition, "tries", e.invoked)
	if a.OnFailure == nil {
		return
	}
	record := map[string]any{
		"version": "1.0", "timestamp": s.o.Now().UTC().Format(timeFormat),
		"requestContext": map[string]any{
			"requestId": e.id, "functionArn": s.ARN(e.f.name) + ":$LATEST",
			"condition": condition, "approximateInvokeCount": e.invoked,
		},
		"requestPayload": json.RawMessage(e.payload),
	}
	if e.failed != nil {
		record["responseContext"] = responseContext()
		record["responsePayload"] = payloadOf(e.failed)
	}
	a.OnFailure(mustJSON(record))
}

// responseContext is the part of a failure record about a function that ran and
// failed.
func responseContext() map[string]any {
	return map[string]any{"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}
}

// payloadOf is the payload of an error as a JSON value: a string if it is not JSON.
func payloadOf(e *FunctionError) any {
	if json.Valid(e.Payload) {
		return json.RawMessage(e.Payload)
	}
	return string(e.Payload)
}
