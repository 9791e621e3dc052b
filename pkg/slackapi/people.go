package slackapi

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/slack-go/slack"

	"github.com/aws-access/aws-access/pkg/access"
)

// Person reads somebody's profile. The address proves who it is only as far as
// one profile can tell: whether somebody else holds it too, People tells. A user
// whom Slack does not show to this app is nobody of this workspace.
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

// Group reads the members of a user group, S…. A group that does not exist
// gives ErrNoGroup.
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

// pageOfUsers is how many users one call reads: Slack's most.
const pageOfUsers = 1000

// People reads one page of the workspace's users, whatever their standing:
// the first for an empty cursor, and for the cursor that it returns the next
// one, until it returns none. Error access.ErrCursor: Slack no longer takes the
// cursor, so the reading has to begin again.
//
// The addresses prove who somebody is only as far as one profile can tell: that
// nobody else holds the same is known when all pages were read.
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

// person is what a profile says. An address is proof only of a member and when
// Slack has confirmed it: another workspace confirms what it likes. One that is
// not plain ASCII is none at all.
func (c *Client) person(u slack.User) access.Person {
	name := cmp.Or(u.Profile.DisplayName, u.Profile.RealName, u.RealName, u.Name, u.ID)
	p := access.Person{
		ID: u.ID, Membership: c.standing(u),
		Name: strings.Join(strings.Fields(name), " "), // a name with lines of its own could pass for ours
	}
	if u.IsEmailConfirmed && p.Membership == access.Member && access.PlainEmail(u.Profile.Email) {
		p.Email = u.Profile.Email
	} else {
		p.UnverifiedEmail = u.Profile.Email
	}
	return p
}

// slackbot is the one bot that Slack does not mark as one.
const slackbot = "USLACKBOT"

// standing reads what somebody is. is_stranger proves nothing when it is false
// (users of a shared channel have it so), hence the ids are compared. Two marks
// are left aside on purpose: is_app_user is a person who has authorised the app,
// and is_invited_user one who came by an invitation.
func (c *Client) standing(u slack.User) access.Membership {
	switch {
	case u.ID == "":
		return ""
	case u.Deleted:
		return access.Deactivated
	case u.IsStranger || !c.ours(u):
		return access.Outsider
	case u.IsBot || u.IsWorkflowBot || u.IsConnectorBot || u.ID == slackbot:
		return access.Bot
	case u.IsRestricted || u.IsUltraRestricted:
		return access.Guest
	}
	return access.Member
}

// ours reports whether somebody belongs to the workspace, and to the
// organisation if there is one. Without either id nobody does.
func (c *Client) ours(u slack.User) bool {
	inTeam := c.o.Team != "" && u.TeamID == c.o.Team
	if c.o.Enterprise == "" {
		return inTeam
	}
	if u.Enterprise.EnterpriseID != c.o.Enterprise {
		return false
	}
	return c.o.Team == "" || inTeam || slices.Contains(u.Enterprise.Teams, c.o.Team)
}
