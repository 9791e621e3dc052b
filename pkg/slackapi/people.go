package slackapi

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"github.com/aws-access/aws-access/pkg/access"
)

// Person reads the profile of one user. A single profile cannot tell whether another user has the same address: People
// can. A user whom Slack does not show to this app is an Outsider.
func (c *Client) Person(ctx context.Context, id string) (access.Person, error) {
	var user *slack.User
	err := c.call(ctx, "users.info", func(ctx context.Context, api *slack.Client) (err error) {
		user, err = api.GetUserInfoContext(ctx, id, slack.GetUserInfoOptionIncludeLocale(false))
		return err
	})
	switch {
	case Code(err) == "user_not_found", Code(err) == "user_not_visible":
		return access.Person{ID: id, Name: id, Membership: access.Outsider}, nil
	case err != nil:
		return access.Person{}, err
	}
	return c.person(*user), nil
}

// Group reads the ids of the members of a user group, S….
//
// Error: ErrNoGroup, if the group does not exist.
func (c *Client) Group(ctx context.Context, id string) ([]string, error) {
	var members []string
	err := c.call(ctx, "usergroups.users.list", func(ctx context.Context, api *slack.Client) (err error) {
		members, err = api.GetUserGroupMembersContext(ctx, id, slack.GetUserGroupMembersOptionTeamID(c.o.Team))
		return err
	})
	if err != nil {
		return nil, err
	}
	return members, nil
}

// pageOfUsers is how many users one call reads: the most that Slack allows.
const pageOfUsers = 1000

// People reads one page of the workspace's users, whatever their membership: the first page if cursor is "", otherwise
// the page after the one that returned the cursor. After the last page, next is "". Only a caller who has read all
// pages knows whether two users have the same address.
//
// Error: access.ErrCursor, if Slack no longer accepts the cursor, so that the reading has to begin again.
func (c *Client) People(ctx context.Context, cursor string) (people []access.Person, next string, err error) {
	var page slack.UserPagination
	err = c.call(ctx, "users.list", func(ctx context.Context, api *slack.Client) (err error) {
		page, err = api.GetUsersPaginated(slack.GetUsersOptionLimit(pageOfUsers), slack.GetUsersOptionCursor(cursor),
			slack.GetUsersOptionTeamID(c.o.Team), slack.GetUsersOptionIncludeLocale(false)).Next(ctx)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	people = make([]access.Person, 0, len(page.Users))
	for _, user := range page.Users {
		people = append(people, c.person(user))
	}
	return people, page.Cursor, nil
}

// person reads a profile. An address identifies a person only if Slack has confirmed it and the person is a member:
// other workspaces can confirm any address. An address that is not plain ASCII never identifies anybody.
func (c *Client) person(u slack.User) access.Person {
	name := cmp.Or(u.Profile.DisplayName, u.Profile.RealName, u.RealName, u.Name, u.ID)
	p := access.Person{
		ID: u.ID, Membership: c.membership(u),
		Name: strings.Join(strings.Fields(name), " "), // a line break in a name could fake a line of a card
	}
	if u.IsEmailConfirmed && p.Membership == access.Member && access.PlainEmail(u.Profile.Email) {
		p.Email = u.Profile.Email
	} else {
		p.UnverifiedEmail = u.Profile.Email
	}
	return p
}

// slackbot is the only bot that Slack does not mark as a bot.
const slackbot = "USLACKBOT"

// membership is the membership of a user, "" if Slack returned no user. is_stranger is false even for some users of
// other workspaces (in shared channels), so the ids are compared too. Two flags are ignored on purpose: is_app_user is
// a person who has authorised the app, and is_invited_user one who was invited.
func (c *Client) membership(u slack.User) access.Membership {
	switch {
	case u.ID == "":
		return ""
	case u.Deleted:
		return access.Deactivated
	case u.IsStranger || !c.inWorkspace(u):
		return access.Outsider
	case u.IsBot || u.IsWorkflowBot || u.IsConnectorBot || u.ID == slackbot:
		return access.Bot
	case u.IsRestricted || u.IsUltraRestricted:
		return access.Guest
	}
	return access.Member
}

// inWorkspace reports whether a user belongs to the workspace, and to the organisation if there is one. If the client
// has neither id, no user belongs to it.
func (c *Client) inWorkspace(u slack.User) bool {
	inTeam := c.o.Team != "" && u.TeamID == c.o.Team
	if c.o.Enterprise == "" {
		return inTeam
	}
	if u.Enterprise.EnterpriseID != c.o.Enterprise {
		return false
	}
	return c.o.Team == "" || inTeam || slices.Contains(u.Enterprise.Teams, c.o.Team)
}
