// Command aws-access is for those who run the product: it makes what a deploy
// needs, and tells whether a deploy is right. It holds no rights of its own:
// what it may do in AWS is what the shell that it runs in may do.
//
// It ends with 0 when all is well, with 1 when something is wrong that it has
// said, and with 2 when it was called in a way that it does not know. Doctor ends
// with 3 when it found nothing wrong and could not look at everything.
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

// How the command ends.
const (
	fine  = 0
	wrong = 1
	usage = 2
)

// command is something that aws-access can do.
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
		{"close-all", "end every open request of a table", closeAll},
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
	case args[0] == "help" || args[0] == "-h" || args[0] == "-help" || args[0] == "--help":
		help(stdout)
		return fine
	default:
		say(stderr, "aws-access: there is no command %q; aws-access help lists them\n", args[0])
	}
	return usage
}

func help(w io.Writer) {
	say(w, "aws-access COMMAND [-h] …\n\n")
	for _, c := range append(commands(), command{name: "help", about: "this list"}) {
		say(w, "  %-16s %s\n", c.name, c.about)
	}
	say(w, "\nExit status: 0 when all is well, 1 when something is wrong, 2 when the command line\nis wrong, and 3 "+
		"when doctor could not check everything.\n")
}

// say writes for people. When that fails there is nobody to tell.
func say(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format, args...)
}
