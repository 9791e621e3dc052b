package slackapi

import (
	"cmp"
	"context"
	"unicode/utf8"

	"github.com/slack-go/slack"
)

// Message is a message to post. Text is mrkdwn, and must be escaped already. If there are blocks, only notifications
// show the text.
type Message struct {
	Text   string
	Blocks []slack.Block
	Thread string // ts of the message below which it is posted, "" for none
	// Replace puts the message in the place of the one that was clicked. It has an effect with response URLs only, where
	// it is the only way to change a message that only one person sees.
	Replace bool
}

// Limits of a text, in characters. Slack cuts off a new message after 40,000 characters, and refuses to update a
// message with more than 4,000.
const (
	MaxText       = 40000
	MaxUpdateText = 4000
)

// Post posts into a channel, or to a person if channel is a user id. It returns the id of the channel, which Update
// needs: for a person, that of the direct channel.
func (c *Client) Post(ctx context.Context, channel string, m Message) (posted, ts string, err error) {
	const op = "chat.postMessage"
	if err := checkLength(op, m, MaxText); err != nil {
		return "", "", err
	}
	err = c.call(ctx, op, func(ctx context.Context, api *slack.Client) (err error) {
		posted, ts, err = api.PostMessageContext(ctx, channel, m.options(true)...)
		return err
	})
	return cmp.Or(posted, channel), ts, err
}

// Update replaces a message that the app posted, with all its blocks. channel is the id that Post returned.
func (c *Client) Update(ctx context.Context, channel, ts string, m Message) error {
	const op = "chat.update"
	if err := checkLength(op, m, MaxUpdateText); err != nil {
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
	if err := checkLength(op, m, MaxText); err != nil {
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

// checkLength refuses a text that Slack would cut off or refuse.
func checkLength(op string, m Message, limit int) error {
	if utf8.RuneCountInString(m.Text) > limit {
		return &Error{Op: op, Code: "msg_too_long"}
	}
	return nil
}

// options are the message's options in slack-go. Links are never unfurled: a reason may contain one, and Slack would
// fetch it and show a part of the page.
func (m Message) options(threaded bool) []slack.MsgOption {
	options := []slack.MsgOption{
		slack.MsgOptionText(m.Text, false), slack.MsgOptionBlocks(m.Blocks...),
		slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl(),
	}
	if threaded && m.Thread != "" {
		// Without the broadcast, Slack notifies only those who follow the thread.
		options = append(options, slack.MsgOptionTS(m.Thread), slack.MsgOptionBroadcast())
	}
	return options
}
