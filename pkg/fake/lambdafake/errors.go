package lambdafake

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Why Lambda itself does not run a function.
var (
	ErrNoFunction = errors.New("there is no such function")
	ErrThrottled  = errors.New("the function runs as many times at once as it may")
	ErrTooLarge   = errors.New("the payload is larger than Lambda takes")
	ErrNotJSON    = errors.New("the payload is not JSON")
	ErrClosed     = errors.New("the server is closed")
)

// Types of errors that are not the function's own words.
const (
	typeTimeout    = "Sandbox.Timedout"
	typeExit       = "Runtime.ExitError"
	typeEntrypoint = "Runtime.InvalidEntrypoint"
	typeTooLarge   = "Function.ResponseSizeTooLarge"
)

// FunctionError is an error of a function: one that it answered with, or what
// became of it instead of an answer.
type FunctionError struct {
	Type, Message string
	Payload       []byte // JSON, as Lambda answers with it
	lastLine      string // the last line that the instance wrote, if the instance is gone
}

func (e *FunctionError) Error() string {
	text := e.Type + ": " + e.Message
	if e.lastLine != "" {
		text += " (its last line: " + e.lastLine + ")"
	}
	return text
}

// ended is the error of an invocation whose instance came to an end.
func ended(kind, request, format string, args ...any) *FunctionError {
	e := &FunctionError{Type: kind, Message: "RequestId: " + request + " Error: " + fmt.Sprintf(format, args...)}
	e.Payload = mustJSON(map[string]string{"errorType": e.Type, "errorMessage": e.Message})
	return e
}

// said is the error that a function answered with.
func said(payload []byte) *FunctionError {
	var text struct{ ErrorType, ErrorMessage string }
	_ = json.Unmarshal(payload, &text) // whatever it is, it is passed on
	return &FunctionError{Type: text.ErrorType, Message: text.ErrorMessage, Payload: payload}
}

// mustJSON writes what holds nothing that JSON cannot write.
func mustJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}
