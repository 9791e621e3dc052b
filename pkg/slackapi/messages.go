package slackapi

import (
	"cmp"
	"context"
	"unicode/utf8"

	"github.com/slack-go/slack"
)

// Message is what is posted. Text is mrkdwn and must be escaped already; next
// to blocks it is what notifications show.
type Message struct {
	Text   string
	Blocks []slack.Block
	Thread string // ts of the message that it answers, "" for none
	// Replace puts it in the place of the message that was clicked, for response URLs only: the one way to change a
	// message that one person sees.
	Replace bool
}

// The longest texts, in characters. Slack cuts a message off after 40,000, and
// refuses more than 4,000 where one is updated.
const (
	MaxText       = 40000
	MaxUpdateText = 4000
)

// Post posts into a channel, or to a person when channel is a user id; then
// the id of the direct channel comes back, which Update needs.
func (c *Client) Post(ctx context.Context, channel string, m Message) (posted, ts string, err error) {
	const op = "chat.postMessage"
	if err := fits(op, m, MaxText); err != nil {
		return "", "", err
	}
	err = c.call(ctx, op, func(ctx context.Context, api *slack.Client) (err error) {
		posted, ts, err = api.PostMessageContext(ctx, channel, m.options(true)...)
		return err
	})
	return cmp.Or(posted, channel), ts, err
}

// Update replaces a message of the app's own; blocks that m does not have are
// gone afterwards. channel is the id that Post returned.
func (c *Client) Update(ctx context.Context, channel, ts string, m Message) error {
	const op = "chat.update"
	if err := fits(op, m, MaxUpdateText); err != nil {
		return err
	}
	return c.call(ctx, op, func(ctx context.Context, api *slack.Client) error {
		_, _, _, err := api.UpdateMessageContext(ctx, channel, ts, m.options(false)...)
		return err
	})
}

// PostEphemeral shows a message to one person in a channel, until the next
// reload. Slack does not promise to deliver it.
func (c *Client) PostEphemeral(ctx context.Context, channel, user string, m Message) error {
	const op = "chat.postEphemeral"
	if err := fits(op, m, MaxText); err != nil {
		return err
	}
	return c.call(ctx, op, func(ctx context.Context, api *slack.Client) error {
		_, err := api.PostEphemeralContext(ctx, channel, user, m.options(true)...)
		return err
	})
}

// OpenDM returns the direct channel between the bot and a person.
func (c *Client) OpenDM(ctx context.Context, user string) (channel string, err error) {
	err = c.call(ctx, "conversations.open", func(ctx context.Context, api *slack.Client) error {
		opened, _, _, err := api.OpenConversationContext(ctx, &slack.OpenConversationParameters{Users: []string{user}})
		if err == nil && opened != nil {
			channel = opened.ID
		}
		return err
	})
	if err == nil && channel == "" {
		err = &Error{Op: "conversations.open"}
	}
	return channel, err
}

// fits refuses a text that Slack would cut off or refuse.
func fits(op string, m Message, most int) error {
	if utf8.RuneCountInString(m.Text) > most {
		return &Error{Op: op, Code: "msg_too_long"}
	}
	return nil
}

// options are the message in slack-go's words. Links are never unfurled: a
// reason may hold one, and Slack would fetch it and show what it says.
func (m Message) options(threaded bool) []slack.MsgOption {
	options := []slack.MsgOption{
		slack.MsgOptionText(m.Text, false), slack.MsgOptionBlocks(m.Blocks...),
		slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl(),
	}
	if threaded && m.Thread != "" {
		// A reply alone notifies only those who follow the thread.
		options = append(options, slack.MsgOptionTS(m.Thread), slack.MsgOptionBroadcast())
	}
	return options
}
