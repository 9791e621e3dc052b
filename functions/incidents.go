package functions

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/slackui"
)

// This file tells the operators of what responders and the product itself do in an incident. The
// tick calls ReportIncidents each minute, so that they are told of a freeze by the command line too.

type incidentStore interface {
	Freeze(ctx context.Context) (access.Freeze, error)
	DueCuts(ctx context.Context, now time.Time, limit int) ([]access.CutKey, error)
	CutList(ctx context.Context, k access.CutKey) (access.CutList, error)
	InState(ctx context.Context, state access.State, limit int) ([]access.Request, error)
	SaveNotice(ctx context.Context, next access.Notice) error
}

const (
	causeFrozen = "frozen"
	causeCut    = "cut:" // and the role
	// thawTold is how long after a thaw the operators are told of it, even if they were not told of the
	// freeze: an operator with rights on the table may freeze and thaw within a minute.
	thawTold = time.Hour
	// maxReportedCuts is how many roles whose sessions are being ended one tick looks at.
	maxReportedCuts = 200
	// maxHolders is how many open grants are looked at when a whole role was cut.
	maxHolders = 10_000
	// triesBeforeReport is how often a cut fails before the operators are told: after about 35
	// seconds. IAM throttles now and then, which the next try survives.
	triesBeforeReport = 4
)

// ReportIncidents tells the operators of the freeze, and of sessions that cannot be ended.
func (o Operators) ReportIncidents(ctx context.Context, s incidentStore) error {
	f, err := s.Freeze(ctx)
	if err != nil {
		return fmt.Errorf("load the freeze: %w", err)
	}
	if err := o.ReportFreeze(ctx, f); err != nil {
		return err
	}
	keys, err := s.DueCuts(ctx, o.Now().Add(access.MaxCutRetry), maxReportedCuts)
	if err != nil {
		return fmt.Errorf("list the cuts: %w", err)
	}
	reported, err := o.reportedCuts(ctx)
	if err != nil {
		return err
	}
	for _, k := range append(keys, reported...) { // a role without due cuts may have been reported
		l, err := s.CutList(ctx, k)
		if err != nil {
			return fmt.Errorf("load the cut list of %s: %w", k, err)
		}
		if err := o.reportCut(ctx, k, l); err != nil {
			return err
		}
		if err := o.reportWhole(ctx, s, k, l); err != nil {
			return err
		}
	}
	return nil
}

// reportWhole tells the operators that a whole role was cut, and everybody who goes on having
// access to it that their sessions were ended, each once.
func (o Operators) reportWhole(ctx context.Context, s incidentStore, k access.CutKey, l access.CutList) error {
	now := o.Now()
	if l.Whole.IsZero() || !now.Before(l.WholeUntil) {
		return nil
	}
	cause := fmt.Sprintf("cut_whole:%s:%d", k, l.Whole.Unix())
	if err := o.Once(ctx, cause, slackui.WholeRoleCut(l), 24*time.Hour); err != nil {
		return err
	}
	active, err := s.InState(ctx, access.Active, maxHolders)
	if err != nil {
		return fmt.Errorf("list the grants of %s: %w", k, err)
	}
	for _, r := range active {
		n, ok := r.ToldOfRoleCut(l.Whole, now)
		if !ok || r.CutKey() != k {
			continue
		}
		if err := s.SaveNotice(ctx, n); err != nil && !errors.Is(err, access.ErrStale) { // stale: told before
			return fmt.Errorf("tell %s of the sessions of %s that were ended: %w", n.To, k, err)
		}
	}
	return nil
}

// ReportFreeze tells the operators that everything is frozen, who wants to thaw it, and that it
// is thawed, each once.
func (o Operators) ReportFreeze(ctx context.Context, f access.Freeze) error {
	switch now := o.Now(); {
	case !f.On && now.Sub(f.ThawAt) < thawTold:
		cause := fmt.Sprintf("thawed:%d", f.Version)
		end := access.Problem{Text: slackui.Thawed(f), Since: now, Forget: now.Add(2 * thawTold)}
		changed, err := o.change(ctx, func(p access.Problems) (access.Problems, bool) {
			return p.ReportEnd(causeFrozen, cause, end)
		})
		if err != nil || !changed {
			return err
		}
		return o.post(ctx, cause)
	case !f.On:
		return o.Resolved(ctx, causeFrozen, slackui.Thawed(f))
	}
	if err := o.Report(ctx, causeFrozen, slackui.Frozen(f)); err != nil || len(f.Thaw) == 0 {
		return err
	}
	return o.Once(ctx, fmt.Sprintf("thaw:%d", f.Version), slackui.ThawWanted(f), 24*time.Hour)
}

// reportedCuts returns the roles of which the operators were told that their sessions cannot be
// ended.
func (o Operators) reportedCuts(ctx context.Context) (keys []access.CutKey, err error) {
	p, err := o.Store.Problems(ctx)
	if err != nil {
		return nil, fmt.Errorf("load the operators' problems: %w", err)
	}
	for cause, problem := range p.Current {
		text, ok := strings.CutPrefix(cause, causeCut)
		if k, known := access.CutKeyOf(text); ok && known && !problem.Over {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// reportCut tells the operators of a role whose sessions cannot be ended, once, and when none is
// left to end.
func (o Operators) reportCut(ctx context.Context, k access.CutKey, l access.CutList) error {
	_, due := l.Due()
	switch {
	case due && l.Tries >= triesBeforeReport:
		return o.Report(ctx, causeCut+k.String(), slackui.CutFails(l))
	case !due || l.Tries == 0:
		return o.Resolved(ctx, causeCut+k.String(), slackui.CutWorks(k))
	}
	return nil
}
