package operators

import (
	"context"
	"io"
	"strings"
	"testing"
)

// run runs a command line as the program does, once it has found the command.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	for _, c := range Commands() {
		words := strings.Fields(c.Name)
		if len(args) >= len(words) && strings.Join(args[:len(words)], " ") == c.Name {
			return c.Run(ctx, args[len(words):], stdout, stderr)
		}
	}
	panic("there is no command " + strings.Join(args, " "))
}

func TestHelpOfACommandBeginsWithItsName(t *testing.T) {
	s := inDirectory(t, nil)
	for _, c := range Commands() {
		s.run(c.Name+" -h", exitOK)
		if !strings.HasPrefix(s.stderr, "aws-access "+c.Name) {
			t.Errorf("%s: %q", c.Name, s.stderr)
		}
	}
	s.run("doctor -h", exitOK)
	if !strings.Contains(s.stderr, "--rest duration") {
		t.Errorf("the form of --rest is missing in:\n%s", s.stderr)
	}
}

// The whole help after the error would hide it.
func TestWrongFlagIsOneLine(t *testing.T) {
	s := inDirectory(t, nil)
	for _, c := range Commands() {
		s.run(c.Name+" -x", exitUsage)
		s.wantText(c.Name, s.stderr,
			"aws-access "+c.Name+": flag provided but not defined: -x; aws-access "+c.Name+" -h lists the flags\n")
	}
}
