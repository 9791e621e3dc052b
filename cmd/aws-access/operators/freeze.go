package operators

import (
	"context"
	"flag"
	"io"
	"os"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

const aboutFreeze = `aws-access freeze -reason TEXT [-stack aws-access] [-region R] [-table NAME] [-yes]

Stops everything that gives access, at once and without Slack or a deploy: no request
becomes active, no session is vended and no computer is paired, also if it was ordered
before. What people have goes on: aws-access close ends it. aws-access thaw ends the
freeze. It asks before it acts, unless -yes is given.

The shell needs dynamodb:BatchGetItem and dynamodb:PutItem on the table and, without
-table, cloudformation:DescribeStacks.

`

const aboutThaw = `aws-access thaw [-stack aws-access] [-region R] [-table NAME] [-yes]

Ends a freeze, whoever began it. In Slack two responders are needed for that. Requests
that were refused meanwhile can be made again. It asks before it acts, unless -yes is
given. It needs the same permissions as aws-access freeze.

`

func freezeMain(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var p place
	flags := flag.NewFlagSet("aws-access freeze", flag.ContinueOnError)
	p.flags(flags)
	why := flags.String("reason", "", "why, for everybody who is refused meanwhile to be told by you")
	if code, ok := parsed(flags, aboutFreeze, args, stderr); !ok {
		return code
	}
	wrong := p.wrong(flags)
	if err := access.CheckWhy(*why); err != nil && wrong == "" {
		wrong = "give -reason: " + plainError(err)
	}
	return started(ctx, p, flags, wrong, 0, stdout, stderr, func(o *operation) (bool, error) {
		return o.freeze(ctx, strings.TrimSpace(*why))
	})
}

func thawMain(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var p place
	flags := flag.NewFlagSet("aws-access thaw", flag.ContinueOnError)
	p.flags(flags)
	if code, ok := parsed(flags, aboutThaw, args, stderr); !ok {
		return code
	}
	return started(ctx, p, flags, p.wrong(flags), 0, stdout, stderr, func(o *operation) (bool, error) {
		return o.thaw(ctx)
	})
}

// started runs a command on the tables, unless its command line is wrong. do returns whether it did
// everything.
func started(
	ctx context.Context, p place, flags *flag.FlagSet, wrong string, arguments int, stdout, stderr io.Writer,
	do func(*operation) (bool, error),
) int {
	if flags.NArg() > arguments {
		wrong = "it does not take the argument " + inOneLine(flags.Arg(arguments))
	}
	if wrong != "" {
		printf(stderr, "%s: %s; see %s -h\n", flags.Name(), strings.TrimRight(wrong, "."), flags.Name())
		return exitUsage
	}
	o, err := p.open(ctx, os.Stdin, stdout, stderr)
	if err != nil {
		printf(stderr, "%s: %s\n", flags.Name(), plainError(err))
		return exitUsage
	}
	done, err := do(o)
	if err != nil {
		printf(stderr, "%s: %s\n", flags.Name(), o.explain(err))
	}
	if err != nil || !done {
		return exitProblem
	}
	return exitOK
}

func (o *operation) freeze(ctx context.Context, why string) (bool, error) {
	f, err := o.store.Freeze(ctx)
	if err != nil {
		return false, err
	}
	if f.On {
		printf(o.out, "Everything is frozen already, %s\n", begun(f))
		return true, nil
	}
	if !o.agreed("Nobody gets access, a session or a paired computer until it is thawed. Freeze?") {
		return false, nil
	}
	f, changed, err := o.step.Freeze(ctx, why)
	switch {
	case err != nil:
		return false, err
	case !changed:
		printf(o.out, "Everything is frozen already, %s\n", begun(f))
	default:
		printf(o.out, "Everything is frozen: nothing is granted, vended or paired. Access that people have goes on; "+
			"aws-access close ends it. aws-access thaw ends the freeze.\n")
	}
	return true, nil
}

// begun says who froze everything, when and why.
func begun(f access.Freeze) string {
	return "since " + f.At.UTC().Format(time.RFC3339) + " by " + inOneLine(f.By.Name) + ": " + inOneLine(f.Why)
}

func (o *operation) thaw(ctx context.Context) (bool, error) {
	f, err := o.store.Freeze(ctx)
	if err != nil {
		return false, err
	}
	if !f.On {
		printf(o.out, "Nothing is frozen.\n")
		return true, nil
	}
	if !o.agreed("Everything is frozen " + begun(f) + "\nThaw?") {
		return false, nil
	}
	_, changed, err := o.step.Thaw(ctx)
	switch {
	case err != nil:
		return false, err
	case !changed:
		printf(o.out, "Nothing is frozen any more: somebody else was first.\n")
	default:
		printf(o.out, "Thawed. Requests that were refused meanwhile can be made again.\n")
	}
	return true, nil
}
