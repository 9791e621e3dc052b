package slackui

import (
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/aws-access/aws-access/pkg/access"
)

// said is a message of one paragraph. Its text is marked up.
func said(text string) Message {
	return Message{Text: clip(text), Blocks: []slack.Block{mrkdwn(text)}}
}

// told is a message of one paragraph that may quote what was typed: it is
// shown as it is, and its markup means nothing.
func told(text string) Message {
	text = cut(visible(text), maxText)
	return Message{Text: clip(escape(text)), Blocks: []slack.Block{slack.NewSectionBlock(plain(text), nil, nil)}}
}

// Refused puts an error into words, and is the only place that does: a refusal
// into its own, anything else into a reference to the log.
func Refused(err error, reference string) Message { return told(words(err, reference)) }

func words(err error, reference string) string {
	if all := access.Refusals(err); len(all) > 0 {
		lines := make([]string, len(all))
		for i, refusal := range all {
			lines[i] = refusal.Error()
		}
		return strings.Join(lines, "\n")
	}
	return "Something went wrong. Try again in a minute. If it happens again, report this reference: " + reference
}

// Asked is the answer to somebody whose request was made: what was asked, who
// decides where, until when, and how to take it back.
func Asked(r access.Request, _ time.Time) Message {
	switch r.State {
	case access.Active:
		return said(":white_check_mark: You have " + what(r) + " until " + moment(r.Ends) + ". The buttons are in your messages from this app.")
	case access.Pending:
		return said("Asked for " + what(r) + " for " + access.Length(r.Asked) + ". " + waits(r))
	}
	// The same form or command came before.
	return said("You have already asked for this: it is request " + called(r.ID) +
		". `/aws-access list` shows what became of it.")
}

// Already is the answer to somebody who asked again for what is pending or
// active: how it stands, until when, and where its buttons are.
func Already(r access.Request) Message {
	if r.State == access.Active {
		return said(":white_check_mark: You already have " + what(r) + " until " + moment(r.Ends) +
			". The buttons are in your messages from this app." +
			" To ask for another length, first press I'm done there or in `/aws-access list`.")
	}
	return said("You have already asked for " + what(r) + ". " + waits(r))
}

// waits says whose approvals a pending request waits for, where and until when, and how to cancel it.
func waits(r access.Request) string {
	where := ""
	if at := channels(r.Channels); at != "" {
		where = " in " + at
	}
	return "It waits for " + missing(r.Requirements) + where + ", until " + moment(r.AnswerBy) +
		". You will get a message when it is decided. To cancel it, press Cancel on its card or in `/aws-access list`."
}

// Help says what can be typed. example is a ticket as people know them.
func Help(example string) Message {
	return said(strings.Join([]string{
		"*AWS access, for a limited time and for a stated reason.*",
		"`/aws-access` opens a form.",
		"`" + lineForm + "` asks in one line, for example `/aws-access payments-prod ReadOnly 2h \"stuck payouts\"`.",
		"Put an account name with spaces in quotes, or write the account's 12 digits. " +
			"Write the time like 30m, 2 hours, 1h30m or 2d. A ticket looks like " + called(example) + ".",
		"`/aws-access list` shows what you asked for. There you can cancel a request or give access back.",
		"The people who can approve get a card. When they have approved, you get a message with buttons for the console " +
			"and for keys. Each click starts a session of at most one hour, until your access ends.",
	}, "\n"))
}

// Ephemeral is the answer to a command, for whoever typed it alone.
func Ephemeral(m Message) any {
	return struct {
		Type   string        `json:"response_type"`
		Text   string        `json:"text"`
		Blocks []slack.Block `json:"blocks,omitempty"`
	}{"ephemeral", m.Text, m.Blocks}
}
