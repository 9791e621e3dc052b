package functions

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/slackapi"
	"github.com/aws-access/aws-access/pkg/slackui"
)

type problemStore interface {
	Problems(ctx context.Context) (access.Problems, error)
	SaveProblems(ctx context.Context, next access.Problems) error
}

// Operators reports problems to the people who run the system, in their Slack
// channel: each cause once when it begins and once when it is over, however many
// requests and functions meet it. A report that Slack does not accept is kept, and
// the tick sends it later.
type Operators struct {
	Store   problemStore
	Slack   *slackapi.Client
	Channel string
	Now     func() time.Time
	Log     *slog.Logger
}

// Report reports that a problem has begun. The cause identifies it, such as
// "slack:C0APPROVALS:not_in_channel". The text is what the operators read, and holds
// no secret. Further reports of the same cause do nothing until it is resolved.
func (o Operators) Report(ctx context.Context, cause, text string) error {
	return o.report(ctx, cause, access.Problem{Text: text, Since: o.Now()})
}

// Once reports a problem that has no end. It is reported again only after the
// period.
func (o Operators) Once(ctx context.Context, cause, text string, period time.Duration) error {
	now := o.Now()
	return o.report(ctx, cause, access.Problem{Text: text, Since: now, Forget: now.Add(period)})
}

func (o Operators) report(ctx context.Context, cause string, problem access.Problem) error {
	changed, err := o.change(ctx, func(p access.Problems) (access.Problems, bool) { return p.Report(cause, problem) })
	if err != nil || !changed {
		return err
	}
	o.Log.WarnContext(ctx, "a problem began", "cause", cause, "text", problem.Text)
	return o.post(ctx, cause)
}

// Resolved reports that a problem is over. It does nothing when the cause was not
// reported, or is resolved already.
func (o Operators) Resolved(ctx context.Context, cause, text string) error {
	changed, err := o.change(ctx,
		func(p access.Problems) (access.Problems, bool) { return p.Resolve(cause, text, o.Now()) })
	if err != nil || !changed {
		return err
	}
	o.Log.InfoContext(ctx, "a problem is over", "cause", cause)
	return o.post(ctx, cause)
}

// Deliver sends the reports that Slack did not accept before, and forgets problems
// without an end when their period is over. The tick calls it each minute.
func (o Operators) Deliver(ctx context.Context) error {
	now := o.Now()
	if _, err := o.change(ctx, func(p access.Problems) (access.Problems, bool) { return p.Prune(now) }); err != nil {
		return err
	}
	p, err := o.Store.Problems(ctx)
	if err != nil {
		return fmt.Errorf("load the operators' problems: %w", err)
	}
	var owed []string
	for cause := range p.Current {
		if _, free := p.Claim(cause, "", now); free {
			owed = append(owed, cause)
		}
	}
	slices.Sort(owed)
	var failed []error
	for _, cause := range owed {
		failed = append(failed, o.post(ctx, cause))
	}
	return errors.Join(failed...)
}

// post sends one report. It saves a claim first, so that two functions that meet the
// same cause at the same time send one report.
func (o Operators) post(ctx context.Context, cause string) error {
	text, mark := "", rand.Text()
	claimed, err := o.change(ctx, func(p access.Problems) (access.Problems, bool) {
		text = p.Current[cause].Text
		return p.Claim(cause, mark, o.Now())
	})
	if err != nil || !claimed {
		return err
	}
	m := slackui.Operators(text)
	if _, _, err := o.Slack.Post(ctx, o.Channel, slackapi.Message{Text: m.Text, Blocks: m.Blocks}); err != nil {
		// The report stays owed, so the caller has not failed.
		o.Log.ErrorContext(ctx, "the operators cannot be told", "cause", cause, "error", err)
		return nil
	}
	_, err = o.change(ctx, func(p access.Problems) (access.Problems, bool) { return p.Tell(cause, o.Now()), true })
	return err
}

// change applies a change to the stored problems. changed is false when edit changes
// nothing.
func (o Operators) change(
	ctx context.Context, edit func(access.Problems) (access.Problems, bool),
) (changed bool, err error) {
	for range maxSaveTries {
		p, err := o.Store.Problems(ctx)
		if err != nil {
			return false, fmt.Errorf("load the operators' problems: %w", err)
		}
		next, edited := edit(p)
		if !edited {
			return false, nil
		}
		next.Version++
		err = o.Store.SaveProblems(ctx, next)
		if err == nil {
			return true, nil
		}
		if !errors.Is(err, access.ErrStale) {
			return false, fmt.Errorf("save the operators' problems: %w", err)
		}
	}
	return false, fmt.Errorf("save the operators' problems: %w", access.ErrStale)
}
