package people

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/aws-access/aws-access/pkg/client"
	"github.com/aws-access/aws-access/pkg/home"
)

// Exit codes. Exec also ends with those of the program that it runs.
const (
	ExitDone     = 0
	ExitRefused  = 1 // also no access, and an unknown or removed device
	ExitWrongUse = 2
	ExitNotAsked = 3 // no network, no server, or an answer that cannot be trusted
)

// Exit is an error without words: the command has already said what there is to say. Its value is the
// exit code.
type Exit int

func (e Exit) Error() string { return fmt.Sprintf("exit with %d", int(e)) }

// usageError is a wrong command line.
type usageError string

func (e usageError) Error() string { return string(e) }

func wrongUse(format string, args ...any) error { return usageError(fmt.Sprintf(format, args...)) }

// report says what went wrong, in one line, and returns the exit code.
func (e *Env) report(c Command, err error) int {
	if err == nil {
		return ExitDone
	}
	if exit, ok := errors.AsType[Exit](err); ok {
		return int(exit)
	}
	text := err.Error()
	if errors.Is(err, context.Canceled) { // Ctrl-C, or a signal that ends a program
		text = strings.ReplaceAll(text, context.Canceled.Error(), "interrupted")
	}
	printf(e.Stderr, "aws-access %s: %s\n", c.Name, plain(text))
	return exitCode(err)
}

func exitCode(err error) int {
	_, wrong := errors.AsType[usageError](err)
	_, refused := errors.AsType[*home.Refused](err)
	failure, failed := errors.AsType[*client.Failure](err)
	switch {
	case wrong:
		return ExitWrongUse
	case refused, errors.Is(err, home.ErrNotPaired), failed && failure.Code == client.UnknownDevice:
		return ExitRefused
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	return ExitNotAsked
}

// exitInterrupted is what shells report for a program that Ctrl-C ended.
const exitInterrupted = 130

// plain returns a text as one line without anything that moves the cursor, colours the terminal, or
// shows other text in another order. Names and reasons in signed answers were typed by people.
func plain(text string) string {
	text = strings.Map(func(c rune) rune {
		switch {
		case unicode.IsSpace(c):
			return ' '
		case moves(c):
			return -1
		}
		return c
	}, strings.ToValidUTF8(text, ""))
	return strings.Join(strings.Fields(text), " ")
}
