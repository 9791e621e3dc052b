package functions

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/lifecycle"
	"github.com/aws-access/aws-access/pkg/slackapi"
	"github.com/aws-access/aws-access/pkg/slackui"
)

// reportReading tells the log and the operators why groups and people of the policy
// are not known. A bad token is also an error of the tick: no message can be posted
// with it, so only the alarm on the function can tell anybody.
func (h Tick) reportReading(ctx context.Context, read lifecycle.Refreshed) error {
	groups := errors.Join(slices.Collect(maps.Values(read.Groups))...)
	people := errors.Join(read.People, read.Profiles)
	var failed []error
	for problem, err := range map[string]error{"groups cannot be read": groups, "people cannot be read": people} {
		if err != nil {
			h.Operators.Log.WarnContext(ctx, problem, "error", err)
		}
		if slackapi.Classify(err) == slackapi.Token && !errors.Is(err, lifecycle.ErrSlow) {
			failed = append(failed, err)
		}
	}
	failed = append(failed, h.reportGroups(ctx, read), h.reportPeople(ctx, read.Directory, people))
	return errors.Join(append(failed, h.reportUnproven(ctx, read.Directory))...)
}

// reportGroups reports the groups that are not known. A group that was never read
// without an error is only waiting for its first reading, and is not reported.
func (h Tick) reportGroups(ctx context.Context, read lifecycle.Refreshed) error {
	names := h.Step.Policy.Sources().Names
	groups := make(map[string]string)
	for _, id := range read.Unknown {
		if g := read.Directory.Groups[id]; !g.ReadAt.IsZero() || read.Groups[id] != nil {
			groups[id] = names[id] + " (" + id + ")"
		}
	}
	text := func(listed string, ids []string) string {
		return slackui.GroupsUnknown(listed, read.Directory.Groups[ids[0]].Gone, read.Groups[ids[0]])
	}
	return h.reportEach(ctx, "groups:", groups, text, slackui.GroupsKnown, names)
}

// reportPeople reports that people cannot be read or are not known. A rate limit is
// not reported as long as the last reading is recent enough.
func (h Tick) reportPeople(ctx context.Context, d access.Directory, err error) error {
	const cause = "people"
	known := d.KnowsPeople(h.Operators.Now())
	switch {
	case err != nil && (!known || slackapi.Classify(err) != slackapi.Wait):
		return h.Operators.Report(ctx, cause, slackui.PeopleUnreadable(err, d.PeopleAt))
	case !known && !d.PeopleAt.IsZero():
		return h.Operators.Report(ctx, cause, slackui.PeopleLate(d.PeopleAt))
	case known && err == nil:
		return h.Operators.Resolved(ctx, cause, slackui.PeopleReadable())
	}
	return nil // the first reading is in progress, or Slack limits the calls
}

// reportUnproven reports the people whom the policy names by an address that is not
// proven to be theirs.
func (h Tick) reportUnproven(ctx context.Context, d access.Directory) error {
	if !d.KnowsPeople(h.Operators.Now()) {
		return nil
	}
	unconfirmed, shared, names := make(map[string]string), make(map[string]string), make(map[string]string)
	for _, u := range lifecycle.Unproven(h.Step.Policy, d) {
		name := u.Name + " (" + u.ID + ")"
		switch names[u.ID] = u.Name; u.Why {
		case lifecycle.Unconfirmed:
			unconfirmed[u.ID] = name
		case lifecycle.Shared:
			shared[u.ID] = name
		}
	}
	unconfirmedText := func(listed string, _ []string) string { return slackui.AddressesUnconfirmed(listed) }
	sharedText := func(listed string, _ []string) string { return slackui.AddressesShared(listed) }
	return errors.Join(
		h.reportEach(ctx, "unconfirmed:", unconfirmed, unconfirmedText, slackui.AddressesRecognised, names),
		h.reportEach(ctx, "shared:", shared, sharedText, slackui.AddressesRecognised, names))
}

// maxReported is how many ids one report names. The next tick reports the others.
const maxReported = 100

// reportEach reports each id of wrong once, and once more when it is no longer wrong.
// Ids that become wrong at the same time share one report and one cause, which is over
// when none of them is wrong any more. wrong and names hold the text for each id.
func (h Tick) reportEach(
	ctx context.Context, kind string, wrong map[string]string, text func(listed string, ids []string) string,
	over func(listed string) string, names map[string]string,
) error {
	known, err := h.Operators.Store.Problems(ctx)
	if err != nil {
		return fmt.Errorf("load the operators' problems: %w", err)
	}
	reported := make(map[string]bool)
	var failed []error
	for cause, problem := range known.Current {
		list, ofKind := strings.CutPrefix(cause, kind)
		if !ofKind || problem.Over {
			continue
		}
		ids := strings.Fields(list)
		if !slices.ContainsFunc(ids, func(id string) bool { return wrong[id] != "" }) {
			failed = append(failed, h.Operators.Resolved(ctx, cause, over(slackui.NameList(ids, names))))
		}
		for _, id := range ids {
			reported[id] = true
		}
	}
	fresh := slices.DeleteFunc(slices.Sorted(maps.Keys(wrong)), func(id string) bool { return reported[id] })
	if fresh = fresh[:min(len(fresh), maxReported)]; len(fresh) > 0 {
		cause := kind + strings.Join(fresh, " ")
		failed = append(failed, h.Operators.Report(ctx, cause, text(slackui.NameList(fresh, wrong), fresh)))
	}
	return errors.Join(failed...)
}
