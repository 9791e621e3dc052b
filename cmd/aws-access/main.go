// Command aws-access is for operators of the product: it makes what a deployment
// needs, and checks a deployment. It has no permissions of its own: in AWS it may do
// what the credentials of the shell may do. It never prints a secret.
//
// Exit codes: 0 for success, 1 for a problem that it has reported, 2 for a wrong
// command line. Doctor, manifest and close-all also exit with 2 when they could not
// begin, for example without a region. Doctor exits with 3 when it found no problem
// and could not check everything.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"
)

// Exit codes.
const (
	exitOK      = 0
	exitProblem = 1
	exitUsage   = 2 // also if the command could not begin
)

// command is a subcommand.
type command struct {
	name  string // one word, or two
	about string // one line
	run   func(ctx context.Context, args []string, stdout, stderr io.Writer) int
}

// commands are in the order in which help lists them.
func commands() []command {
	return []command{
		{"policy compile", "compile the policy for the functions", compilePolicy},
		{"manifest", "print the manifest of the Slack app, with the addresses of the stack", manifestMain},
		{"doctor", "check a deployment", doctorMain},
		{"close-all", "end every pending and active request of a table", closeAll},
		{"version", "print the version and commit of this command", versionMain},
	}
}

func main() {
	os.Exit(untilInterrupted())
}

func untilInterrupted() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return run(ctx, os.Args[1:], os.Stdout, os.Stderr)
}

// run finds the command that the arguments begin with.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if c, rest := find(args); c != nil {
		return c.run(ctx, rest, stdout, stderr)
	}
	switch {
	case len(args) == 0:
		help(stderr)
		return exitUsage
	case args[0] == "-version" || args[0] == "--version":
		return versionMain(ctx, args[1:], stdout, stderr)
	case args[0] != "help" && args[0] != "-h" && args[0] != "-help" && args[0] != "--help":
		unknown(args[0], stderr)
		return exitUsage
	case len(args) == 1:
		help(stdout)
		return exitOK
	}
	c, _ := find(args[1:])
	if c == nil {
		unknown(args[1], stderr)
		return exitUsage
	}
	return c.run(ctx, []string{"-h"}, stdout, stdout)
}

// find returns the command that the arguments begin with, and the arguments after it;
// nil if there is none.
func find(args []string) (*command, []string) {
	for _, c := range commands() {
		words := strings.Fields(c.name)
		if len(args) >= len(words) && strings.Join(args[:len(words)], " ") == c.name {
			return &c, args[len(words):]
		}
	}
	return nil, nil
}

// unknown says that there is no such command. For the first word of a command it says
// the whole command.
func unknown(word string, stderr io.Writer) {
	for _, c := range commands() {
		if strings.HasPrefix(c.name, word+" ") {
			printf(stderr, "aws-access: there is no command %q; did you mean aws-access %s?\n", word, c.name)
			return
		}
	}
	printf(stderr, "aws-access: there is no command %q; aws-access help lists them\n", word)
}

// parsed reports whether the flags of a command, whose help is about, were parsed
// without an error. If not, the command ends here with the exit code: the help that was
// requested is printed, or what is wrong. The package flag would print the whole help
// after an error, so it must print nothing itself.
func parsed(flags *flag.FlagSet, about string, err error, stderr io.Writer) (code int, ok bool) {
	flags.SetOutput(stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		printf(stderr, "%s", about)
		flags.PrintDefaults()
		return exitOK, false
	case err != nil:
		printf(stderr, "%s: %v; %s -h lists the flags\n", flags.Name(), err, flags.Name())
		return exitUsage, false
	}
	return exitOK, true
}

// isEmpty reports whether the command line has a flag with an empty value, such as that
// of a shell variable that is not set. It is false if the flag was left out.
func isEmpty(flags *flag.FlagSet, name string) (empty bool) {
	flags.Visit(func(f *flag.Flag) { empty = empty || f.Name == name && f.Value.String() == "" })
	return empty
}

func help(w io.Writer) {
	printf(w, "aws-access COMMAND [-h] …\n\n")
	for _, c := range append(commands(), command{name: "help", about: "this list, or the help of a COMMAND"}) {
		printf(w, "  %-16s %s\n", c.name, c.about)
	}
	printf(w, "\nExit status: 0 when all is well, 1 when something is wrong, 2 when the command line\n"+
		"is wrong or doctor, manifest or close-all could not begin, and 3 when doctor could not\ncheck everything.\n")
}

// printf writes to standard output or error. A failure cannot be reported anywhere.
func printf(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format, args...)
}
