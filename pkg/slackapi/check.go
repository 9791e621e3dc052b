package slackapi

import (
	"context"
	"slices"
	"strings"

	"github.com/slack-go/slack"
)

// RequiredScopes are the scopes that the product needs of the bot token. infra/slack/manifest.yaml asks for them and
// for OptionalScopes.
func RequiredScopes() []string {
	return []string{"chat:write", "commands", "im:write", "usergroups:read", "users:read", "users:read.email"}
}

// OptionalScopes are the scopes that only aws-access doctor needs. With them, it can see whether the bot is in the
// policy's channels, and whether these are shared with another company.
func OptionalScopes() []string { return []string{"channels:read", "groups:read"} }

// Bot describes the bot token.
type Bot struct {
	Team       string   // workspace, T…
	Enterprise string   // organisation, E…; "" outside Enterprise Grid
	IsBot      bool     // the token is a bot's, not a person's
	Scopes     []string // sorted; nil if Slack did not name them
}

// Bot asks Slack about the bot token.
func (c *Client) Bot(ctx context.Context) (Bot, error) {
	var answer *slack.AuthTestResponse
	err := c.call(ctx, "auth.test", func(ctx context.Context, api *slack.Client) (err error) {
		answer, err = api.AuthTestContext(ctx)
		return err
	})
	if err != nil {
		return Bot{}, err
	}
	return Bot{
		Team: answer.TeamID, Enterprise: answer.EnterpriseID, IsBot: answer.BotID != "",
		Scopes: scopes(answer.Header.Get("X-Oauth-Scopes")),
	}, nil
}

// scopes reads Slack's header: names separated by commas.
func scopes(header string) (list []string) {
	for scope := range strings.SplitSeq(header, ",") {
		if scope = strings.TrimSpace(scope); scope != "" {
			list = append(list, scope)
		}
	}
	slices.Sort(list)
	return list
}

// Channel describes a channel as the bot sees it. Its name and its messages are not read.
type Channel struct {
	Member   bool // the bot is in it
	Archived bool
	Shared   bool // with another company
}

// Channel reads the state of a channel.
//
// Error codes: missing_scope, if the token has neither channels:read nor groups:read; channel_not_found, also for a
// private channel that the bot is not in.
func (c *Client) Channel(ctx context.Context, id string) (Channel, error) {
	var channel *slack.Channel
	err := c.call(ctx, "conversations.info", func(ctx context.Context, api *slack.Client) (err error) {
		channel, err = api.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: id})
		return err
	})
	if err != nil {
		return Channel{}, err
	}
	return Channel{Member: channel.IsMember, Archived: channel.IsArchived, Shared: channel.IsExtShared}, nil
}
