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
)

// tellRead tells log and operators what keeps the policy's groups and people
// from being known. A bad token is an error of the tick as well: nothing can be
// posted with it, so the alarm on the function has to say so.
func (h Tick) tellRead(ctx context.Context, read lifecycle.Refreshed) error {
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
	failed = append(failed, h.tellGroups(ctx, read), h.tellPeople(ctx, read.Directory, people))
	return errors.Join(append(failed, h.tellUnproven(ctx, read.Directory))...)
}

// tellGroups tells which groups are not known. A group that was never read, and
// did not fail, is still to be read for the first time: it is not told.
func (h Tick) tellGroups(ctx context.Context, read lifecycle.Refreshed) error {
	names := h.Step.Policy.Sources().Names
	groups := make(map[string]string)
	for _, id := range read.Unknown {
		if g := read.Directory.Groups[id]; !g.ReadAt.IsZero() || read.Groups[id] != nil {
			groups[id] = names[id] + " (" + id + ")"
		}
	}
	text := func(listed string, ids []string) string {
		says := "The members of these groups in the policy are not known at the moment: " + listed +
			". They allow nobody and approve nothing until they can be read again."
		if err := read.Groups[ids[0]]; err != nil {
			return says + fmt.Sprintf(" The error is: %v. %s", err, slackapi.Advice(err))
		}
		if read.Directory.Groups[ids[0]].Gone {
			return says + " Slack has no such group, or the group is disabled: enable it again, or write another group into " +
				"policy.yaml."
		}
		return says
	}
	return h.tellEach(ctx, "groups:", groups, text, "These groups of the policy are known again: ", names)
}

// tellPeople tells when people cannot be read, and when they are not known. A
// rate limit is not told as long as the last reading holds.
func (h Tick) tellPeople(ctx context.Context, d access.Directory, err error) error {
	const cause = "people"
	known := d.KnowsPeople(h.Operators.Now())
	switch {
	case err != nil && (!known || slackapi.Classify(err) != slackapi.Wait):
		text := fmt.Sprintf("People cannot be read from Slack: %v. %s %s", err, slackapi.Advice(err), lastRead(d))
		return h.Operators.Report(ctx, cause, text)
	case !known && !d.PeopleAt.IsZero():
		return h.Operators.Report(ctx, cause, "People could not be read from Slack in time. "+lastRead(d))
	case known && err == nil:
		return h.Operators.Resolved(ctx, cause, "People can be read from Slack again.")
	}
	return nil // the first reading is under way, or Slack limits the calls
}

// lastRead says what the last reading of people is still good for.
func lastRead(d access.Directory) string {
	after := "neither approvers nor addresses are known, and people are told that Slack cannot be read."
	if d.PeopleAt.IsZero() {
		return "Until then " + after
	}
	until := d.PeopleAt.Add(access.PeopleStaleAfter).UTC().Format("15:04")
	at := d.PeopleAt.UTC().Format("15:04")
	return "What was read at " + at + " UTC holds until " + until + " UTC; after that " + after
}

// tellUnproven tells which people whom the policy names by address it cannot
// recognise by that address.
func (h Tick) tellUnproven(ctx context.Context, d access.Directory) error {
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
	const advice = " The policy does not recognise these people by their addresses, so by these they can neither ask " +
		"nor approve. Write their Slack ids into policy.yaml instead, or have the addresses corrected in Slack."
	says := func(what string) func(string, []string) string {
		return func(listed string, _ []string) string { return what + listed + "." + advice }
	}
	over := "The policy recognises these people again, or no longer names them: "
	return errors.Join(
		h.tellEach(ctx, "unconfirmed:", unconfirmed,
			says("Slack has not confirmed these addresses, which the policy names: "), over, names),
		h.tellEach(ctx, "shared:", shared,
			says("More than one user in Slack has these addresses, which the policy names: "), over, names))
}

// How many ids one message is about, and how many of them it names. The next tick
// tells the rest, and aws-access doctor lists all.
const (
	mostTold   = 100
	mostListed = 20
)

// tellEach tells the operators once of each thing that is wrong now, by its id,
// and once when it is over. Things that begin at the same time are one message,
// and one cause, which is over when none of them is wrong any more.
func (h Tick) tellEach(
	ctx context.Context, kind string, wrong map[string]string, text func(listed string, ids []string) string,
	over string, names map[string]string,
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
			failed = append(failed, h.Operators.Resolved(ctx, cause, over+named(ids, names)+"."))
		}
		for _, id := range ids {
			told[id] = true
		}
	}
	fresh := slices.DeleteFunc(slices.Sorted(maps.Keys(wrong)), func(id string) bool { return told[id] })
	if fresh = fresh[:min(len(fresh), mostTold)]; len(fresh) > 0 {
		failed = append(failed, h.Operators.Report(ctx, kind+strings.Join(fresh, " "), text(named(fresh, wrong), fresh)))
	}
	return errors.Join(failed...)
}

// named lists things by their names, the first of many.
func named(ids []string, names map[string]string) string {
	var listed []string
	for _, id := range ids[:min(len(ids), mostListed)] {
		switch name := names[id]; {
		case name == "":
			listed = append(listed, id)
		case strings.Contains(name, id):
			listed = append(listed, name)
		default:
			listed = append(listed, name+" ("+id+")")
		}
	}
	if more := len(ids) - len(listed); more > 0 {
		return strings.Join(listed, ", ") + fmt.Sprintf(" and %d more", more)
	}
	return strings.Join(listed, ", ")
}
