package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/store/dynamo"
)

const aboutCloseAll = `aws-access close-all -table NAME -by PERSON -why TEXT [-yes]

Ends every open request of a table: it denies the pending ones and revokes the
active ones, each with its event. Use it after a table was restored from a backup,
because ended requests are then open again, and before you remove the product.
Freeze the stack first (Frozen=true), so that nobody asks in the meantime.

Sessions that people already have work until they expire, after at most an hour.
Without -yes it only lists the requests. The shell needs dynamodb:Query on the
table's index "state", and dynamodb:BatchGetItem and dynamodb:PutItem on the table.

`

// requests is what close-all needs of a table.
type requests interface {
	InState(ctx context.Context, state access.State, most int) ([]access.Request, error)
	Save(ctx context.Context, next access.Request, event access.Event, once string) error
}

func closeAll(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("close-all", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { say(stderr, aboutCloseAll); flags.PrintDefaults() }
	table := flags.String("table", "", "`name` of the table; the stack's output Table")
	region := flags.String("region", "", "AWS `region` of the table; the shell's own if empty")
	by := flags.String("by", "", "who ends the requests; the audit trail shows it")
	why := flags.String("why", "", "the reason, which people read")
	yes := flags.Bool("yes", false, "end the requests instead of only listing them")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return fine
	case err != nil:
		return usage
	case flags.NArg() > 0 || *table == "" || strings.TrimSpace(*by) == "" || strings.TrimSpace(*why) == "":
		say(stderr, "aws-access close-all: give -table, -by and -why, and no other arguments; see aws-access close-all -h\n")
		return usage
	}
	aws, err := intoAWS(ctx, *region)
	if err != nil {
		say(stderr, "aws-access close-all: %s\n", plainError(err))
		return wrong
	}
	c := closer{store: dynamo.New(dynamodb.NewFromConfig(aws), *table, time.Now), now: time.Now, by: *by, why: *why, do: *yes, say: stdout}
	n, err := c.run(ctx)
	if err != nil {
		if missing := new(types.ResourceNotFoundException); errors.As(err, &missing) {
			err = fmt.Errorf("there is no table %s with the indexes of aws-access in %s", *table, aws.Region)
		}
		say(stderr, "aws-access close-all: after %d requests: %s\n", n, plainError(err))
		return wrong
	}
	if !*yes {
		say(stdout, "%d open requests. None was ended; add -yes to end them.\n", n)
		return fine
	}
	say(stdout, "%d requests ended. Sessions that people already have work until they expire, after at most an hour.\n", n)
	return fine
}

// closer ends what is open.
type closer struct {
	store requests
	now   func() time.Time
	by    string
	why   string
	do    bool
	say   io.Writer
}

// most is how many requests are read at a time.
const most = 100

// run ends requests until the table lists no more. An index may be behind by
// moments, so what it lists again is read again.
func (c closer) run(ctx context.Context) (n int, err error) {
	for _, state := range []access.State{access.Pending, access.Active} {
		for {
			open, err := c.store.InState(ctx, state, c.page())
			if err != nil {
				return n, err
			}
			for _, r := range open {
				if err := c.end(ctx, r); err != nil {
					return n, err
				}
				n++
			}
			if len(open) == 0 || !c.do {
				break
			}
		}
	}
	return n, nil
}

// page is everything when it is only listed: nothing moves on by itself then.
func (c closer) page() int {
	if c.do {
		return most
	}
	return 1_000_000
}

// end takes one request to its end, as its state allows. One that somebody else
// moves at this moment is listed again.
func (c closer) end(ctx context.Context, r access.Request) error {
	say(c.say, "%s %s %s %s by %s\n", r.State, r.ID, r.AccountName, r.Role, r.Requester.ID)
	if !c.do {
		return nil
	}
	next, event, err := c.move(r)
	if err != nil {
		return fmt.Errorf("end request %s: %w", r.ID, err)
	}
	if err := c.store.Save(ctx, next, event, ""); err != nil && !errors.Is(err, access.ErrStale) {
		return err
	}
	return nil
}

// move is what time would do to the request, if that is due, or its end.
func (c closer) move(r access.Request) (access.Request, access.Event, error) {
	if next, event, err := r.Tick(c.now()); !errors.Is(err, access.ErrNotDue) {
		return next, event, err
	}
	operator := access.Person{ID: "operator", Name: c.by, Membership: access.Member}
	if r.State == access.Pending {
		return r.Deny(operator, c.why, c.now())
	}
	return r.Revoke(operator, c.why, c.now())
}
