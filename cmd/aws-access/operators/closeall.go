package operators

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

Denies every pending request of a table and revokes every active one, each with
its event. Use it after a table was restored from a backup, because requests that
had ended are active again then, and before you remove the product.
Freeze the stack first (Frozen=true), so that nobody asks in the meantime.

Sessions that people already have work until they expire, after at most an hour.
Without -yes it only lists the requests. The shell needs dynamodb:Query on the
table's index "state", and dynamodb:BatchGetItem and dynamodb:PutItem on the table.

`

// requests is the part of a store that close-all uses.
type requests interface {
	InState(ctx context.Context, state access.State, most int) ([]access.Request, error)
	Save(ctx context.Context, next access.Request, event access.Event, once string) error
}

func closeAll(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("aws-access close-all", flag.ContinueOnError)
	table := flags.String("table", "", "`name` of the table; the stack's output Table")
	region := flags.String("region", "", "AWS `region` of the table; the shell's own if empty")
	by := flags.String("by", "", "who ends the requests; the audit trail shows it")
	why := flags.String("why", "", "the reason, which people read")
	yes := flags.Bool("yes", false, "end the requests instead of only listing them")
	if code, ok := parsed(flags, aboutCloseAll, args, stderr); !ok {
		return code
	}
	if flags.NArg() > 0 || *table == "" || strings.TrimSpace(*by) == "" || strings.TrimSpace(*why) == "" {
		printf(stderr, "aws-access close-all: give -table, -by and -why, and no other arguments; "+
			"see aws-access close-all -h\n")
		return exitUsage
	}
	aws, err := loadAWS(ctx, *region)
	if err != nil {
		printf(stderr, "aws-access close-all: %s\n", plainError(err))
		return exitUsage
	}
	store := dynamo.New(dynamodb.NewFromConfig(aws), *table, time.Now)
	c := closer{store: store, now: time.Now, by: *by, why: *why, do: *yes, say: stdout}
	n, err := c.run(ctx)
	if err != nil {
		if missing := new(types.ResourceNotFoundException); errors.As(err, &missing) {
			err = fmt.Errorf("there is no table %s with the indexes of aws-access in %s", *table, aws.Region)
		}
		printf(stderr, "aws-access close-all: after %d requests: %s\n", n, plainError(err))
		return exitProblem
	}
	if !*yes {
		printf(stdout, "%d pending or active requests. None was ended; add -yes to end them.\n", n)
		return exitOK
	}
	printf(stdout, "%d requests ended. Sessions that people already have work until they expire, "+
		"after at most an hour.\n", n)
	return exitOK
}

// closer ends pending and active requests.
type closer struct {
	store requests
	now   func() time.Time
	by    string
	why   string
	do    bool
	say   io.Writer
}

// pageSize is how many requests are read at once.
const pageSize = 100

// run ends requests until the table lists no more. The index is eventually
// consistent, so a request may be listed twice.
func (c closer) run(ctx context.Context) (n int, err error) {
	for _, state := range []access.State{access.Pending, access.Active} {
		for {
			found, err := c.store.InState(ctx, state, c.page())
			if err != nil {
				return n, err
			}
			for _, r := range found {
				if err := c.end(ctx, r); err != nil {
					return n, err
				}
				n++
			}
			if len(found) == 0 || !c.do {
				break
			}
		}
	}
	return n, nil
}

// page is the number of requests to read: all of them when they are only listed.
func (c closer) page() int {
	if c.do {
		return pageSize
	}
	return 1_000_000
}

// end denies or revokes one request. If somebody else changes it at the same time,
// it is listed again.
func (c closer) end(ctx context.Context, r access.Request) error {
	printf(c.say, "%s %s %s %s by %s\n", r.State, r.ID, r.AccountName, r.Role, r.Requester.ID)
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

// move is the request's time-out or expiry if that is due, or else its denial or
// revocation.
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
