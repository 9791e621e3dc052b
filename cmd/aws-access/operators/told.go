package operators

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/slackui"
)

const (
	tellTries   = 10
	tellTimeout = 10 * time.Second
	// toldUntil is how long a report waits for Slack to accept it.
	toldUntil = 24 * time.Hour
)

// tellClosing leaves a report for the operators' channel about what was ended here. The tick posts
// it. Nothing depends on that, so a failure is only shown.
func (c *closer) tellClosing(ctx context.Context) {
	did := slackui.Closing{
		By: c.step.By, Why: c.why, Request: c.id, Person: c.person, Account: c.accountInWords(),
		Grants: c.ended, Sessions: c.sessions, Requests: c.denied, Devices: c.unpaired, Failed: len(c.failed),
	}
	if did.Grants+did.Requests+did.Devices+did.Failed == 0 {
		return
	}
	if err := c.tell(ctx, slackui.ClosedByOperator(did)); err != nil {
		printf(c.words, "The operators' channel is not told of this: %s\n", c.explain(err))
	}
}

// accountInWords is the account that was given, with its name and id if they are known.
func (c *closer) accountInWords() string {
	for _, r := range c.meant {
		if c.account != "" {
			return r.AccountName + " (" + r.Account + ")"
		}
	}
	return c.account
}

// errManyReports says that the table keeps no more reports for the operators' channel.
var errManyReports = errors.New("many reports wait for Slack already")

// tell leaves a report that is posted once.
func (o *operation) tell(ctx context.Context, text string) error {
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), tellTimeout)
	defer stop()
	now := o.step.Now()
	cause := "operator:" + rand.Text()
	report := access.Problem{Text: text, Since: now, Over: true, Forget: now.Add(toldUntil)}
	for range tellTries {
		p, err := o.store.Problems(ctx)
		if err != nil {
			return err
		}
		if _, kept := p.Current[cause]; kept { // an earlier try has written it
			return nil
		}
		next, added := p.Report(cause, report)
		if !added {
			return errManyReports
		}
		next.Version++
		if err = o.store.SaveProblems(ctx, next); !errors.Is(err, access.ErrStale) {
			return err
		}
	}
	return access.ErrStale
}
