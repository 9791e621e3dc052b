// Package operators has the commands for operators of the product: they make what a deployment needs,
// and check a deployment. They have no permissions of their own: in AWS they may do what the
// credentials of the shell may do. They never print a secret.
//
// Exit codes: 0 for success, 1 for a problem that was reported, 2 for a wrong command line. Doctor,
// manifest, close, freeze, thaw and sweep also exit with 2 when they could not begin, for example
// without a region.
// Doctor exits with 3 when it found no problem and could not check everything.
package operators

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
)

// Exit codes.
const (
	exitOK      = 0
	exitProblem = 1
	exitUsage   = 2 // also if the command could not begin
)

// Command is a subcommand.
type Command struct {
	Name  string // one word, or two
	About string // one line
	Run   func(ctx context.Context, args []string, stdout, stderr io.Writer) int
}

// Commands are in the order in which help lists them.
func Commands() []Command {
	return []Command{
		{"policy compile", "compile the policy for the functions", compilePolicy},
		{"manifest", "print the manifest of the Slack app, with the addresses of the stack", manifestMain},
		{"doctor", "check a deployment", doctorMain},
		{"close", "end access when Slack does not work: a grant, a person's, an account's, all", closeMain},
		{"freeze", "stop everything that gives access", freezeMain},
		{"thaw", "end a freeze", thawMain},
		{"sweep", "answer when many grants would be revoked at once", sweepMain},
		{"close-all", "end every pending and active request: close --all", closeAll},
	}
}

// ExitCodes says in which way the exit codes of these commands are special.
const ExitCodes = "doctor, manifest, close, freeze, thaw and sweep exit with 2 also when they could not begin, and\n" +
	"doctor with 3 when it found no problem and could not check everything.\n"

// parsed parses the flags of a command, whose help is about. If ok is false, the command
// ends here with the exit code: the help that was requested is printed, or what is wrong.
// Flags may stand anywhere before a --, as in the commands of people. The package flag would print the
// whole help after an error, so it prints nothing itself.
func parsed(flags *flag.FlagSet, about string, args []string, stderr io.Writer) (code int, ok bool) {
	flags.SetOutput(io.Discard)
	err := parseAnywhere(flags, args)
	flags.SetOutput(stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		printf(stderr, "%s", about)
		printFlags(stderr, flags)
		return exitOK, false
	case err != nil:
		printf(stderr, "%s: %v; %s -h lists the flags\n", flags.Name(), err, flags.Name())
		return exitUsage, false
	}
	return exitOK, true
}

var oneDash = regexp.MustCompile(`(?m)^  -(\w\w)`)

// printFlags lists flags as the package flag does, but with two dashes, as everywhere else.
func printFlags(w io.Writer, flags *flag.FlagSet) {
	var list strings.Builder
	flags.SetOutput(&list)
	flags.PrintDefaults()
	printf(w, "%s", oneDash.ReplaceAllString(list.String(), "  --$1"))
}

// parseAnywhere reads the flags between and after the other arguments too. These are the arguments of
// flags then.
func parseAnywhere(flags *flag.FlagSet, args []string) error {
	var after []string
	if at := slices.Index(args, "--"); at >= 0 {
		args, after = args[:at], args[at+1:]
	}
	others := []string{"--"}
	for len(args) > 0 {
		if err := flags.Parse(args); err != nil {
			return err
		}
		if args = flags.Args(); len(args) > 0 {
			others, args = append(others, args[0]), args[1:]
		}
	}
	return flags.Parse(append(others, after...))
}

// isEmpty reports whether the command line has a flag with an empty value, such as that
// of a shell variable that is not set. It is false if the flag was left out.
func isEmpty(flags *flag.FlagSet, name string) (empty bool) {
	flags.Visit(func(f *flag.Flag) { empty = empty || f.Name == name && f.Value.String() == "" })
	return empty
}

// printf writes to standard output or error. A failure cannot be reported anywhere.
func printf(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format, args...)
}
