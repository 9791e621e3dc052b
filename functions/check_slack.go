package functions

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/lifecycle"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/slackapi"
)

// stack checks the table, the tick and the groups. All of it follows from the
// directory, which the tick writes.
func (h Checks) stack(ctx context.Context) *StackAnswer {
	sources := h.Policy.Sources()
	out := &StackAnswer{Table: CheckOK, Groups: []GroupAnswer{}, Calls: h.calls(ctx)}
	d, err := h.Store.Directory(ctx)
	if err != nil {
		h.Log.WarnContext(ctx, "a check could not read the table", "error", err)
		out.Table = "unreadable"
		return out
	}
	out.ReadAt, out.PeopleAt, out.Size = d.PeopleAt.UTC(), d.PeopleAt.UTC(), d.Size
	if d.KnowsPeople(h.Now()) {
		out.People, out.Unknown = h.unrecognised(d)
	}
	for _, id := range sources.Groups {
		g := group(d, id, h.Now())
		g.Name = sources.Names[id]
		out.Groups = append(out.Groups, g)
		if g.ReadAt.After(out.ReadAt) {
			out.ReadAt = g.ReadAt
		}
	}
	out.Builds = h.builds(ctx)
	out.Freeze, out.FrozenAt = h.frozen(ctx)
	out.Responders = h.Policy.HasResponders()
	return out
}

// builds returns the builds that have run, or none if they cannot be read: no other check
// depends on them.
func (h Checks) builds(ctx context.Context) (list []BuildAnswer) {
	b, err := h.Store.Builds(ctx)
	if err != nil {
		h.Log.WarnContext(ctx, "a check could not read the builds that have run", "error", err)
	}
	for _, r := range b.Ran {
		list = append(list, BuildAnswer{Version: r.Version, Commit: r.Commit, Since: r.Since.UTC()})
	}
	return list
}

// unrecognised returns the people whom the policy names and does not recognise.
func (h Checks) unrecognised(d access.Directory) (listed []PersonAnswer, total int) {
	all := lifecycle.Unproven(h.Policy, d)
	for _, u := range all[:min(len(all), MaxPeople)] {
		listed = append(listed, PersonAnswer{Name: u.Name, ID: u.ID, Code: u.Why})
	}
	return listed, len(all)
}

// group returns the state of a group, as the policy would see it now.
func group(d access.Directory, id string, now time.Time) GroupAnswer {
	g := d.Groups[id]
	out := GroupAnswer{ID: id, Code: CheckOK, ReadAt: g.ReadAt.UTC(), Members: len(g.Members)}
	if _, known := d.Group(id, now); !known {
		out.Code = "unknown"
	}
	if g.Gone {
		out.Code = "gone"
	}
	return out
}

// slack asks Slack about the token and the channels.
func (h Checks) slack(ctx context.Context) *SlackAnswer {
	bot, err := h.Slack.Bot(ctx)
	if err != nil {
		h.Log.WarnContext(ctx, "a check got no answer about the bot token", "error", err)
		return &SlackAnswer{Token: codeOf(err)}
	}
	out := &SlackAnswer{Token: CheckOK, Workspace: CheckOK, Scopes: bot.Scopes, Channels: []ChannelAnswer{}}
	if !bot.IsBot {
		out.Token = "not_a_bot"
	}
	if !h.sameWorkspace(bot) {
		out.Workspace = "another"
	}
	for i, c := range h.Policy.Channels() {
		answer := ChannelAnswer{ID: c.ID, Cards: c.Cards, Code: "not_asked"}
		if i < MaxChannels {
			answer.Code, answer.Shared = h.channel(ctx, c)
		}
		out.Channels = append(out.Channels, answer)
	}
	return out
}

// sameWorkspace reports whether a token belongs to the configured workspace, and to
// the configured organisation if there is one. The token of an app of a whole
// organisation names only the organisation.
func (h Checks) sameWorkspace(bot slackapi.Bot) bool {
	if h.Enterprise == "" {
		return bot.Team == h.Team
	}
	return bot.Enterprise == h.Enterprise && (h.Team == "" || bot.Team == h.Team || bot.Team == h.Enterprise)
}

func (h Checks) channel(ctx context.Context, c policy.Channel) (code string, shared bool) {
	found, err := h.Slack.Channel(ctx, c.ID)
	switch {
	case err != nil:
		return codeOf(err), false
	case found.Archived:
		return "archived", found.Shared
	case !found.Member:
		return "not_member", found.Shared
	}
	return CheckOK, found.Shared
}

// codeOf returns Slack's code of an error. Without one it returns ratelimited,
// token_unreadable or unreachable.
func codeOf(err error) string {
	if _, limited := slackapi.RetryAfter(err); limited {
		return "ratelimited"
	}
	if _, fromSlack := errors.AsType[*slackapi.Error](err); !fromSlack {
		return "token_unreadable"
	}
	return cmp.Or(slackapi.Code(err), "unreachable")
}
