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

// reportReading tells log and operators what keeps the policy's groups and people
// from being known. A bad token is an error of the tick as well: nothing can be
// posted with it, so the alarm on the function has to say so.
func (h Tick) reportReading(ctx context.Context, read lifecycle.Refreshed) error {
	groups := errors.Join(slices.Collect(maps.Values(read.Groups))...)
	people := errors.Join(read.People, read.Profiles)
	var failed []error
	for what, err := range map[string]error{"groups cannot be read": groups, "people cannot be read": people} {
		if err != nil {
			h.Operators.Log.WarnContext(ctx, what, "error", err)
		}
		if slackapi.Classify(err) == slackapi.Token && !errors.Is(err, lifecycle.ErrSlow) {
			failed = append(failed, err)
		}
	}
	failed = append(failed, h.reportGroups(ctx, read), h.reportPeople(ctx, read.Directory, people))
	return errors.Join(append(failed, h.reportUnproven(ctx, read.Directory))...)
}

// reportGroups tells which groups are not known. A group that was never read, and
// did not fail, is still to be read for the first time: it is not told.
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

// reportPeople tells when people cannot be read, and when they are not known. A
// rate limit is not told as long as the last reading holds.
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
	return nil // the first reading is under way, or Slack limits the calls
}

// reportUnproven tells which people whom the policy names by address it cannot
// recognise by that address.
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
	says := func(text func(string) string) func(string, []string) string {
		return func(listed string, _ []string) string { return text(listed) }
	}
	return errors.Join(
		h.reportEach(ctx, "unconfirmed:", unconfirmed, says(slackui.AddressesUnconfirmed), slackui.AddressesRecognised, names),
		h.reportEach(ctx, "shared:", shared, says(slackui.AddressesShared), slackui.AddressesRecognised, names))
}

// maxReported is how many ids one message is about. The next tick tells the rest.
const maxReported = 100

// reportEach tells the operators once of each thing that is wrong now, by its id,
// and once when it is over. Things that begin at the same time are one message,
// and one cause, which is over when none of them is wrong any more.
func (h Tick) reportEach(
	ctx context.Context, kind string, wrong map[string]string, text func(listed string, ids []string) string,
	over func(listed string) string, names map[string]string,
) error {
	known, err := h.Operators.Store.Problems(ctx)
	if err != nil {
		return fmt.Errorf("load the operators' problems: %w", err)
	}
	told := make(map[string]bool)
	var failed []error
	for cause, problem := range known.Open {
		list, ours := strings.CutPrefix(cause, kind)
		if !ours || problem.Over {
			continue
		}
		ids := strings.Fields(list)
		if !slices.ContainsFunc(ids, func(id string) bool { return wrong[id] != "" }) {
			failed = append(failed, h.Operators.Resolved(ctx, cause, over(slackui.NameList(ids, names))))
		}
		for _, id := range ids {
			told[id] = true
		}
	}
	fresh := slices.DeleteFunc(slices.Sorted(maps.Keys(wrong)), func(id string) bool { return told[id] })
	if fresh = fresh[:min(len(fresh), maxReported)]; len(fresh) > 0 {
		failed = append(failed, h.Operators.Report(ctx, kind+strings.Join(fresh, " "), text(slackui.NameList(fresh, wrong), fresh)))
	}
	return errors.Join(failed...)
}
