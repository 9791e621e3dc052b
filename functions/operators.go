package functions

import (
	"context"
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

// Operators tells the people who run the system what is wrong: each cause once
// when it begins and once when it is over, however many requests and functions
// meet it. What Slack does not take is kept, and the tick tries it again.
type Operators struct {
	Store   problemStore
	Slack   *slackapi.Client
	Channel string
	Now     func() time.Time
	Log     *slog.Logger
}

// Report says that something is wrong. Cause names it for machines, such as
// "slack:chat.postMessage:C0APPROVALS:not_in_channel"; text is what the
// operators read, and holds no secret. Later reports of the same cause are
// silent until it is resolved.
func (o Operators) Report(ctx context.Context, cause, text string) error {
	return o.report(ctx, cause, access.Problem{Text: text, Since: o.Now()})
}

// Once is Report for something that has no end: it is told again only when it
// is reported after the period.
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

// Resolved says that a cause is over. It does nothing when the cause was not
// reported, or was resolved before.
func (o Operators) Resolved(ctx context.Context, cause, text string) error {
	changed, err := o.change(ctx,
		func(p access.Problems) (access.Problems, bool) { return p.Resolve(cause, text, o.Now()) })
	if err != nil || !changed {
		return err
	}
	o.Log.InfoContext(ctx, "a problem is over", "cause", cause)
	return o.post(ctx, cause)
}

// Deliver tells the operators what Slack did not take before, and forgets what
// has no end. The tick calls it each minute.
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
	for cause := range p.Open {
		if _, free := p.Claim(cause, now); free {
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

// post posts one message to the operators. The claim is written before, so that
// two functions that meet the same cause at once post it once.
func (o Operators) post(ctx context.Context, cause string) error {
	text := ""
	claimed, err := o.change(ctx, func(p access.Problems) (access.Problems, bool) {
		text = p.Open[cause].Text
		return p.Claim(cause, o.Now())
	})
	if err != nil || !claimed {
		return err
	}
	m := slackui.Operators(text)
	if _, _, err := o.Slack.Post(ctx, o.Channel, slackapi.Message{Text: m.Text, Blocks: m.Blocks}); err != nil {
		// The message stays owed: this is no failure of what the caller does.
		o.Log.ErrorContext(ctx, "the operators cannot be told", "cause", cause, "error", err)
		return nil
	}
	_, err = o.change(ctx, func(p access.Problems) (access.Problems, bool) { return p.Tell(cause, o.Now()), true })
	return err
}

// change saves what turn makes of the problems; changed is false when turn
// changes nothing.
func (o Operators) change(
	ctx context.Context, turn func(access.Problems) (access.Problems, bool),
) (changed bool, err error) {
	for range maxSaveTries {
		p, err := o.Store.Problems(ctx)
		if err != nil {
			return false, fmt.Errorf("load the operators' problems: %w", err)
		}
		next, moved := turn(p)
		if !moved {
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
