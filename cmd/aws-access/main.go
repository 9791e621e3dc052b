// Command aws-access is for everybody who needs access, for machines, and for operators of the product.
// Package people has the commands of the first two, package operators those of the last. The build tag
// people leaves the operators' commands out: an SDK starts this program again and again, and a small one
// starts faster.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/aws-access/aws-access/cmd/aws-access/people"
	"github.com/aws-access/aws-access/pkg/spelling"
)

// command is a subcommand of either kind.
type command struct {
	name  string // one word, or two
	about string // one line
	run   func(ctx context.Context, args []string, e *people.Env) int
}

// commands are in the order in which help lists them: those of people first.
func commands() []command {
	var all []command
	for _, c := range append(people.Commands(), people.Hidden()...) {
		all = append(all, command{c.Name, c.About, func(ctx context.Context, args []string, e *people.Env) int {
			return c.Run(ctx, e, args)
		}})
	}
	return append(all, operatorsCommands()...)
}

func main() {
	os.Exit(untilInterrupted())
}

func untilInterrupted() int {
	e := people.NewEnv(os.Stdin, os.Stdout, os.Stderr)
	if len(os.Args) > 1 && people.EndsAnywhere(os.Args[1]) {
		return run(context.Background(), os.Args[1:], e)
	}
	// An interrupt that the caller ignores, as a shell does for a job in the background, stays ignored, also for
	// a program that is run.
	all := slices.DeleteFunc([]os.Signal{os.Interrupt, syscall.SIGTERM}, signal.Ignored)
	ctx, stop := signal.NotifyContext(context.Background(), all...)
	defer stop()
	return run(ctx, os.Args[1:], e)
}

// run finds the command that the arguments begin with.
func run(ctx context.Context, args []string, e *people.Env) int {
	if c, rest := find(args); c != nil {
		return c.run(ctx, rest, e)
	}
	switch {
	case len(args) == 0:
		help(e.Stderr)
		return people.ExitWrongUse
	case args[0] == "-v" || args[0] == "-version" || args[0] == "--version":
		return run(ctx, append([]string{"version"}, args[1:]...), e)
	case args[0] != "help" && args[0] != "-h" && args[0] != "-help" && args[0] != "--help":
		unknown(args[0], e.Stderr)
		return people.ExitWrongUse
	case len(args) == 1:
		help(e.Stdout)
		return people.ExitDone
	}
	c, _ := find(args[1:])
	if c == nil {
		unknown(args[1], e.Stderr)
		return people.ExitWrongUse
	}
	return c.run(ctx, []string{"-h"}, people.NewEnv(e.Stdin, e.Stdout, e.Stdout))
}

// find returns the command that the arguments begin with, and the arguments after it; nil if there is
// none.
func find(args []string) (*command, []string) {
	for _, c := range commands() {
		words := strings.Fields(c.name)
		if len(args) >= len(words) && strings.Join(args[:len(words)], " ") == c.name {
			return &c, args[len(words):]
		}
	}
	return nil, nil
}

// leftOut are the first words of the operators' commands.
var leftOut = [...]string{"policy", "manifest", "doctor", "close", "freeze", "thaw", "sweep", "close-all"}

// unknown says that there is no such command. For the first word of a command it says the whole command,
// and for an operators' command that was left out, which program has it.
func unknown(word string, stderr io.Writer) {
	for _, c := range commands() {
		if strings.HasPrefix(c.name, word+" ") {
			printf(stderr, "aws-access: there is no command %q; did you mean aws-access %s?\n", word, c.name)
			return
		}
	}
	for _, name := range leftOut {
		if name == word && len(operatorsCommands()) == 0 {
			printf(stderr, "aws-access: %s is for operators; the program aws-access-operators of the same release has it\n",
				word)
			return
		}
	}
	var names []string
	for _, c := range people.Commands() {
		names = append(names, c.Name)
	}
	for _, c := range operatorsCommands() {
		names = append(names, strings.Fields(c.name)[0])
	}
	near := ""
	if name := spelling.Nearest(word, append(names, "help")); name != "" {
		near = " did you mean aws-access " + name + "?"
	}
	printf(stderr, "aws-access: there is no command %q;%s aws-access help lists them\n", word, near)
}

func help(w io.Writer) {
	printf(w, "aws-access COMMAND [-h] …\n\n")
	for _, c := range people.Commands() {
		printf(w, "  %-18s  %s\n", c.Name, c.About)
	}
	printf(w, "  %-18s  %s\n", "help", "this list, or the help of a COMMAND")
	others := operatorsCommands()
	if len(others) > 0 {
		printf(w, "\nFor operators:\n")
	}
	for _, c := range others {
		printf(w, "  %-18s  %s\n", c.name, c.about)
	}
	printf(w, "\nExit status: 0 when it is done, 1 when it was refused or something is wrong, 2 when the command\n"+
		"line is wrong, and 3 when the server could not be asked. exec ends with that of its program.\n")
	if len(others) > 0 {
		printf(w, "%s", operatorsExitCodes)
	}
}

// printf writes to standard output or error. A failure cannot be reported anywhere.
func printf(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format, args...)
}
