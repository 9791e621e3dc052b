package operators

import (
	"context"
	"io"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

const aboutFreeze = `aws-access freeze --reason TEXT [--stack aws-access] [--region R] [--table NAME] [--yes]

Stops everything that gives access, at once and without Slack or a deploy: no request
becomes active, no session is vended and no computer is paired, also if it was ordered
before. What people have goes on: aws-access close ends it. aws-access thaw ends the
freeze. It asks before it acts, unless --yes is given.

The shell needs dynamodb:BatchGetItem and dynamodb:PutItem on the table and, without
--table, cloudformation:DescribeStacks.

`

const aboutThaw = `aws-access thaw [--stack aws-access] [--region R] [--table NAME] [--yes]

Ends a freeze, no matter who began it. In Slack two responders are needed for that. Requests
that were refused meanwhile can be made again. It asks before it acts, unless --yes is
given. It needs the same permissions as aws-access freeze.

`

func freezeMain(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c := newTableCommand("aws-access freeze", new(place), stdout, stderr)
	why := c.String("reason", "", "the `reason`, which the operators' channel and the people who answer incidents read")
	return c.run(ctx, aboutFreeze, args, func() string { return wrongReason("--reason", *why) },
		func(o *operation) (bool, error) { return o.freeze(ctx, strings.TrimSpace(*why)) })
}

func thawMain(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c := newTableCommand("aws-access thaw", new(place), stdout, stderr)
	return c.run(ctx, aboutThaw, args, func() string { return "" },
		func(o *operation) (bool, error) { return o.thaw(ctx) })
}

func (o *operation) freeze(ctx context.Context, why string) (bool, error) {
	f, err := o.store.Freeze(ctx)
	if err != nil {
		return false, err
	}
	changed := false
	if !f.On {
		if !o.agreed("Nobody gets access, a session or a paired computer until it is thawed. Freeze?") {
			return false, nil
		}
		if f, changed, err = o.step.Freeze(ctx, why); err != nil {
			return false, err
		}
	}
	if changed {
		printf(o.out, "Everything is frozen: nothing is granted, vended or paired. Access that people have goes on; "+
			"aws-access close ends it. aws-access thaw ends the freeze.\n")
	} else {
		printf(o.out, "Everything is frozen already, %s\n", begun(f))
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
