package operators

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

const aboutSweep = `aws-access sweep [--stack aws-access] [--region R] [--table NAME] [--yes] [confirm|dismiss]

Every few minutes aws-access asks the policy about each open grant, and revokes those that it
no longer gives. If that would be unusually many at once, it revokes none, vends nothing, and
asks in the operators' channel. This command answers, and without an argument it says how
things are. It asks before it acts, unless --yes is given.

confirm: what was found is right; the grants are revoked within a minute.
dismiss: what was found is wrong; vending goes on, and no grant that is open now is revoked
by a sweep for an hour. aws-access close and the responders can revoke them.

It needs the same permissions as aws-access freeze.

`

func sweepMain(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	c := newTableCommand("aws-access sweep", new(place), stdout, stderr)
	c.arguments = 1
	wrong := func() string {
		if answer := c.Arg(0); c.NArg() > 0 && answer != "confirm" && answer != "dismiss" {
			return "it takes confirm or dismiss, and not " + inOneLine(answer)
		}
		return ""
	}
	return c.run(ctx, aboutSweep, args, wrong, func(o *operation) (bool, error) { return o.sweep(ctx, c.Arg(0)) })
}

// sweep answers a held sweep, or says how things are if answer is "".
func (o *operation) sweep(ctx context.Context, answer string) (bool, error) {
	for asked := false; ; asked = true {
		s, err := o.store.Sweep(ctx)
		switch {
		case err != nil:
			return false, err
		case !s.Held:
			printf(o.out, "No sweep is held. %s\n", lastSweep(s))
			return true, nil
		}
		held := fmt.Sprintf("A sweep is held since %s. %s", s.Since.UTC().Format(time.RFC3339), lastSweep(s))
		if answer == "" {
			printf(o.out, "%s Nobody gets a session until it is confirmed or dismissed.\n", held)
			return true, nil
		}
		question, done, change := "Revoke them?", "Confirmed: they are revoked within a minute.", access.Sweep.Confirm
		if answer == "dismiss" {
			question, change = "Keep them?", access.Sweep.Dismiss
			done = "Dismissed: vending goes on, and no sweep revokes a grant that is open now for an hour."
		}
		if !asked && !o.agreed(held+" "+question) {
			return false, nil
		}
		next, _ := change(s, o.step.By, o.step.Now())
		if err = o.store.SaveSweep(ctx, next); errors.Is(err, access.ErrStale) {
			continue // the tick has swept meanwhile
		} else if err != nil {
			return false, err
		}
		printf(o.out, "%s\n", done)
		return true, nil
	}
}

// lastSweep says what the last sweep has found.
func lastSweep(s access.Sweep) string {
	if s.Version == 0 {
		return "None has been made yet."
	}
	return fmt.Sprintf("The last one looked at %s and would revoke or has revoked %d.", number(s.Looked, "grant"), s.Lost)
}
