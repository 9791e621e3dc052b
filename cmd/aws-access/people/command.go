// Package people has the commands for everybody who needs access, and for machines: they ask for it,
// use it and give it back. docs/cli.md, which is generated from the table of this package, describes
// them.
//
// It promises that words go to standard error and data to standard output, that nothing of an answer is
// printed which the server did not sign, and no control character of one that it did; and that no
// device's key, pairing code or session key stands in an argument, an error or a log. Commands end with
// 0 when it is done, 1 for a refusal, 2 for a wrong command line, and 3 if the server could not be asked.
package people

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/aws-access/aws-access/pkg/spelling"
)

// Command is a row of the table.
type Command struct {
	Name     string // one word
	Args     string // the arguments without flags, as help shows them
	About    string // one line
	Details  string // paragraphs
	Examples []Example
	min, max int  // how many words it takes; max < 0 for any number
	child    bool // what stands after -- is the command line of another program
	new      func() action
}

// Example is a line that can be pasted, and what it does.
type Example struct{ Line, Does string }

// action is one run of a command. Its fields hold the values of its flags.
type action interface {
	flags(*flag.FlagSet)
	// run gets the words that are no flags. With Command.child, they hold -- and everything after it.
	run(ctx context.Context, e *Env, words []string) error
}

// Commands are in the order in which help lists them.
func Commands() []Command {
	return []Command{
		loginCommand(), logoutCommand(), devicesCommand(), whoamiCommand(),
		requestCommand(), listCommand(), statusCommand(), cancelCommand(), doneCommand(),
		credentialProcessCommand(), envCommand(), execCommand(), consoleCommand(), profilesCommand(), serveCommand(),
		completionCommand(), versionCommand(),
	}
}

// Hidden are commands that only this program runs.
func Hidden() []Command { return []Command{execKeysCommand()} }

// Run runs the command and returns the exit code.
func (c Command) Run(ctx context.Context, e *Env, args []string) int {
	a := c.new()
	flags := c.flagSet(a)
	words, err := c.parse(flags, args)
	if errors.Is(err, flag.ErrHelp) {
		c.Help(e.Stdout)
		return ExitDone
	}
	if err == nil {
		err = a.run(ctx, e, words)
	}
	return e.report(c, err)
}

func (c Command) flagSet(a action) *flag.FlagSet {
	flags := flag.NewFlagSet(c.Name, flag.ContinueOnError)
	flags.SetOutput(io.Discard) // it would print the whole help after an error
	a.flags(flags)
	return flags
}

// parse reads flags wherever they stand before a --, and returns the other words.
func (c Command) parse(flags *flag.FlagSet, args []string) (words []string, err error) {
	var after []string
	if at := slices.Index(args, "--"); at >= 0 {
		args, after = args[:at], args[at:]
	}
	for len(args) > 0 {
		if err := flags.Parse(args); err != nil {
			if errors.Is(err, flag.ErrHelp) {
				return nil, err
			}
			return nil, wrongUse("%v;%s aws-access %s -h lists the flags", err, meantFlag(flags, err), c.Name)
		}
		if args = flags.Args(); len(args) > 0 {
			words, args = append(words, args[0]), args[1:]
		}
	}
	if n := len(words); c.child && (n < c.min || n > c.max) {
		return nil, c.wrongNumber(words)
	}
	if len(after) > 0 && !c.child {
		after = after[1:]
	}
	words = append(words, after...)
	if n := len(words); !c.child && (n < c.min || c.max >= 0 && n > c.max) {
		return nil, c.wrongNumber(words)
	}
	return words, nil
}

func (c Command) wrongNumber(words []string) error {
	if c.Args == "" && len(words) > 0 {
		return wrongUse("%q is not a known argument; aws-access %s -h says what it takes", words[0], c.Name)
	}
	missing := ""
	if args := strings.Fields(c.Args); len(words) < c.min && len(words) < len(args) {
		missing = args[len(words)] + " is missing; "
	}
	return wrongUse("%sit takes %s; aws-access %s -h explains them", missing, c.Args, c.Name)
}

// meantFlag names the flag that was probably meant by one that is not defined.
func meantFlag(flags *flag.FlagSet, err error) string {
	_, typed, found := strings.Cut(err.Error(), "not defined: -")
	if !found {
		return ""
	}
	var names []string
	flags.VisitAll(func(f *flag.Flag) { names = append(names, f.Name) })
	if near := spelling.Nearest(typed, names); near != "" {
		return " did you mean --" + near + "?"
	}
	return ""
}

// Help prints the help of the command.
func (c Command) Help(w io.Writer) {
	printf(w, "%s\n\n%s\n", c.synopsis(), strings.TrimSpace(c.Details))
	if flags := c.flagRows(); len(flags) > 0 {
		printf(w, "\n")
		for _, f := range flags {
			printf(w, "  %-22s %s\n", strings.TrimSpace(f.form), f.usage)
		}
	}
	for i, e := range c.Examples {
		if i == 0 {
			printf(w, "\nExamples\n")
		}
		printf(w, "  %s\n      %s\n", e.Line, e.Does)
	}
}

// synopsis is the command line with the flags.
func (c Command) synopsis() string {
	parts := []string{"aws-access", c.Name}
	before, child, hasChild := strings.Cut(c.Args, " -- ")
	if before != "" {
		parts = append(parts, before)
	}
	for _, f := range c.flagRows() {
		parts = append(parts, "["+f.form+"]")
	}
	if hasChild {
		parts = append(parts, "--", child)
	}
	return strings.Join(parts, " ")
}

// flagRow describes a flag.
type flagRow struct{ name, form, usage string }

func (c Command) flagRows() (rows []flagRow) {
	c.flagSet(c.new()).VisitAll(func(f *flag.Flag) {
		value, usage := flag.UnquoteUsage(f)
		rows = append(rows, flagRow{f.Name, strings.TrimSpace("--" + f.Name + " " + value), usage})
	})
	return rows
}

// noFlags is embedded in actions without flags.
type noFlags struct{}

func (noFlags) flags(*flag.FlagSet) {}

// printf writes to standard output or error. A failure cannot be reported anywhere.
func printf(w io.Writer, format string, args ...any) {
	_, _ = fmt.Fprintf(w, format, args...)
}
