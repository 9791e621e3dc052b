package lambdafake

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Reasons why Lambda itself does not run a function.
var (
	ErrNoFunction = errors.New("the function does not exist")
	ErrThrottled  = errors.New("the function has reached its concurrency limit")
	ErrTooLarge   = errors.New("the payload is too large for Lambda")
	ErrNotJSON    = errors.New("the payload is not JSON")
	ErrClosed     = errors.New("the server is closed")
)

// Types of errors that Lambda reports, not the function.
const (
	typeTimeout    = "Sandbox.Timedout"
	typeExit       = "Runtime.ExitError"
	typeEntrypoint = "Runtime.InvalidEntrypoint"
	typeTooLarge   = "Function.ResponseSizeTooLarge"
)

// FunctionError is an error of a function: the error that it answered with, or the
// reason why there is no answer, such as a timeout.
type FunctionError struct {
	Type, Message string
	Payload       []byte // the JSON that Lambda answers with
	lastLine      string // the last line that the instance wrote, if the instance is gone
}

func (e *FunctionError) Error() string {
	text := e.Type + ": " + e.Message
	if e.lastLine != "" {
		text += " (its last line: " + e.lastLine + ")"
	}
	return text
}

// instanceError is the error of an invocation whose instance has ended.
func instanceError(kind, request, format string, args ...any) *FunctionError {
	e := &FunctionError{Type: kind, Message: "RequestId: " + request + " Error: " + fmt.Sprintf(format, args...)}
	e.Payload = mustJSON(map[string]string{"errorType": e.Type, "errorMessage": e.Message})
	return e
}

// answeredError is the error that a function answered with.
func answeredError(payload []byte) *FunctionError {
	var text struct{ ErrorType, ErrorMessage string }
	_ = json.Unmarshal(payload, &text) // an unreadable payload is passed on without type and message
	return &FunctionError{Type: text.ErrorType, Message: text.ErrorMessage, Payload: payload}
}

// mustJSON marshals a value whose types can always be marshalled.
func mustJSON(v any) []byte {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return text
}
