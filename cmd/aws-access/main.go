// Command aws-access is for operators of the product: it makes what a deployment
// needs, and checks a deployment. It has no permissions of its own: in AWS it may do
// what the credentials of the shell may do. It never prints a secret.
//
// Exit codes: 0 for success, 1 for a problem that it has reported, 2 for a wrong
// command line. Doctor exits with 3 when it found no problem and could not check
// everything.
package main

import (
	"context"
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
	exitUsage   = 2
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
	for _, c := range commands() {
		words := strings.Fields(c.name)
		if len(args) >= len(words) && strings.Join(args[:len(words)], " ") == c.name {
			return c.run(ctx, args[len(words):], stdout, stderr)
		}
	}
	switch {
	case len(args) == 0:
		help(stderr)
	case args[0] == "-version" || args[0] == "--version":
		return versionMain(ctx, args[1:], stdout, stderr)
	case args[0] == "help" || args[0] == "-h" || args[0] == "-help" || args[0] == "--help":
		help(stdout)
		return exitOK
	default:
		printf(stderr, "aws-access: there is no command %q; aws-access help lists them\n", args[0])
	}
	return exitUsage
}

func help(w io.Writer) {
	printf(w, "aws-access COMMAND [-h] …\n\n")
	for _, c := range append(commands(), command{name: "help", about: "this list"}) {
		printf(w, "  %-16s %s\n", c.name, c.about)
	}
	printf(w, "\nExit status: 0 when all is well, 1 when something is wrong, 2 when the command line\nis wrong, and 3 "+
		"when doctor could not check everything.\n")
}

// printf writes to standard output or error. A failure cannot be reported anywhere.
func printf(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format, args...)
}
