package lambdafake

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Async says what becomes of asynchronous invocations that fail.
type Async struct {
	Retries int           // after the first try: 0 to 2
	MaxAge  time.Duration // 60 s to 6 h; 0 is 6 h
	// OnFailure takes the record that a destination gets of an event that was
	// given up.
	OnFailure func(record []byte)
}

// defaultAsync holds for functions that nothing else was said of.
var defaultAsync = Async{Retries: 2, MaxAge: 6 * time.Hour}

// Async sets it for a function that is deployed.
func (s *Server) Async(name string, a Async) error {
	f, err := s.function(name)
	if err != nil {
		return err
	}
	a.MaxAge = cmp.Or(a.MaxAge, defaultAsync.MaxAge)
	if a.Retries < 0 || a.Retries > 2 || a.MaxAge < time.Minute || a.MaxAge > defaultAsync.MaxAge {
		return fmt.Errorf("asynchronous invocations of %s: 0 to 2 retries and an age of 60 s to 6 h, not %d and %v", name, a.Retries, a.MaxAge)
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
	at      time.Time
	invoked int
	failed  *FunctionError // the last time
}

// queue takes an event; its function runs some time later.
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

// deliver tries until the function has taken the event, or it is given up.
func (s *Server) deliver(e *event) {
	for throttled := 0; ; {
		a := e.f.asyncNow()
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
		default: // it was not run, which is no try
			throttled++
			pause = s.o.ThrottleWait
			if !errors.Is(err, ErrThrottled) {
				s.o.Log.Error("a function cannot be run", "function", e.f.name, "error", err)
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

func (f *function) asyncNow() Async {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.async
}

// timestamp is how AWS writes times in these records.
const timestamp = "2006-01-02T15:04:05.000Z"

// giveUp hands the event to the destination.
func (s *Server) giveUp(e *event, a Async, condition string) {
	s.o.Log.Warn("an event was given up", "function", e.f.name, "request", e.id, "condition", condition, "tries", e.invoked)
	if a.OnFailure == nil {
		return
	}
	record := map[string]any{
		"version": "1.0", "timestamp": s.o.Now().UTC().Format(timestamp),
		"requestContext": map[string]any{
			"requestId": e.id, "functionArn": s.ARN(e.f.name) + ":$LATEST", "condition": condition, "approximateInvokeCount": e.invoked,
		},
		"requestPayload": json.RawMessage(e.payload),
	}
	if e.failed != nil {
		record["responseContext"] = responseContext()
		record["responsePayload"] = payloadOf(e.failed)
	}
	a.OnFailure(mustJSON(record))
}

// responseContext says that the function was run, and failed.
func responseContext() map[string]any {
	return map[string]any{"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"}
}

// payloadOf is what a function answered with, as JSON whatever it was.
func payloadOf(e *FunctionError) any {
	if json.Valid(e.Payload) {
		return json.RawMessage(e.Payload)
	}
	return string(e.Payload)
}
