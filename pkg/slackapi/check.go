package slackapi

import (
	"context"
	"slices"
	"strings"

	"github.com/slack-go/slack"
)

// Needed are the scopes of the bot token without which the product does not
// work, and Optional those without which only aws-access doctor knows less.
// infra/slack/manifest.yaml asks for both.
func Needed() []string {
	return []string{"chat:write", "commands", "im:write", "usergroups:read", "users:read", "users:read.email"}
}

// Optional scopes: to see whether the bot is in the policy's channels, and
// whether those are shared with another company.
func Optional() []string { return []string{"channels:read", "groups:read"} }

// Bot is what Slack says of the bot token.
type Bot struct {
	Team       string   // workspace, T…
	Enterprise string   // organisation, E…; "" outside Enterprise Grid
	IsBot      bool     // a bot's token, not a person's
	Scopes     []string // sorted; nil when Slack did not say
}

// Bot asks Slack about the token.
func (c *Client) Bot(ctx context.Context) (Bot, error) {
	var said *slack.AuthTestResponse
	err := c.call(ctx, "auth.test", func(ctx context.Context, api *slack.Client) (err error) {
		said, err = api.AuthTestContext(ctx)
		return err
	})
	if err != nil {
		return Bot{}, err
	}
	return Bot{Team: said.TeamID, Enterprise: said.EnterpriseID, IsBot: said.BotID != "", Scopes: scopes(said.Header.Get("X-Oauth-Scopes"))}, nil
}

// scopes reads Slack's header: names with commas between.
func scopes(header string) (list []string) {
	for scope := range strings.SplitSeq(header, ",") {
		if scope = strings.TrimSpace(scope); scope != "" {
			list = append(list, scope)
		}
	}
	slices.Sort(list)
	return list
}

// Channel is what the bot sees of a channel. Its name and what is said there are
// nobody's business here.
type Channel struct {
	Member   bool // the bot is in it
	Archived bool
	Shared   bool // with another company
}

// Channel looks at a channel. It needs channels:read or groups:read, else the
// error has the code missing_scope; a private channel that the bot is not in is
// channel_not_found.
func (c *Client) Channel(ctx context.Context, id string) (Channel, error) {
	var said *slack.Channel
	err := c.call(ctx, "conversations.info", func(ctx context.Context, api *slack.Client) (err error) {
		said, err = api.GetConversationInfoContext(ctx, &slack.GetConversationInfoInput{ChannelID: id})
		return err
	})
	if err != nil {
		return Channel{}, err
	}
	return Channel{Member: said.IsMember, Archived: said.IsArchived, Shared: said.IsExtShared}, nil
}
