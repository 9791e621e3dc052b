package slackui

import (
	"strings"

	"github.com/slack-go/slack"

	"github.com/aws-access/aws-access/pkg/access"
)

// ErrorAnswer puts an error into words: a refusal into its own words, and any other error into a reference to the log.
// No other function shows errors to people.
func ErrorAnswer(err error, reference string) Message { return plainMessage(explain(err, reference)) }

func explain(err error, reference string) string {
	if all := access.Refusals(err); len(all) > 0 {
		lines := make([]string, len(all))
		for i, refusal := range all {
			lines[i] = refusal.Error()
		}
		return strings.Join(lines, "\n")
	}
	return "Something went wrong. Try again in a minute. If it happens again, report this reference: " + reference
}

// Submitted is the answer to a new request: what was asked for, whose approval it waits for, how to cancel it, and
// whether everything is frozen.
func Submitted(r access.Request, f access.Freeze) Message {
	switch r.State {
	case access.Active:
		return markupMessage(":white_check_mark: You have " + roleIn(r) + " until " + formatTime(r.Ends) +
			". The buttons are in your messages from this app.")
	case access.Pending:
		return markupMessage("Asked for " + roleIn(r) + " for " + access.FormatLength(r.Asked) + ". " +
			waitsFor(r) + whileFrozen(f))
	}
	// The same form or command came before, and the request is closed by now.
	return markupMessage("You have already asked for this: it is request " + shortName(r.ID) +
		". `/aws-access list` shows what became of it.")
}

// AlreadyAsked is the answer to somebody who asks again for access that is pending or active: its state, and where its
// buttons are.
func AlreadyAsked(r access.Request, f access.Freeze) Message {
	if r.State == access.Active {
		return markupMessage(":white_check_mark: You already have " + roleIn(r) + " until " + formatTime(r.Ends) +
			". The buttons are in your messages from this app." +
			" To ask for another length, first press I'm done there or in `/aws-access list`.")
	}
	return markupMessage("You have already asked for " + roleIn(r) + ". " + waitsFor(r) + whileFrozen(f))
}

// waitsFor says whose approvals a pending request waits for, where and until when, and how to cancel it.
func waitsFor(r access.Request) string {
	where := ""
	if channels := mentionChannels(r.Channels); channels != "" {
		where = " in " + channels
	}
	return "It waits for " + missingApprovals(r.Requirements) + where + ", until " + formatTime(r.AnswerBy) +
		". You will get a message when it is decided. To cancel it, press Cancel on its card or in `/aws-access list`."
}

// whileFrozen tells the requester of a pending request that nothing is granted now, "" if that is not so.
func whileFrozen(f access.Freeze) string {
	if !f.On {
		return ""
	}
	return "\n" + frozenBy(f) + ": nothing new is granted until it is thawed. Your request waits: it can be approved " +
		"after that."
}

// frozenBy says who froze everything and when, without the end of the sentence.
func frozenBy(f access.Freeze) string {
	return ":snowflake: *AWS access is frozen* by " + mention(f.By) + " since " + formatTime(f.At)
}

// Help says what can be typed. ticketExample shows what a ticket looks like. devices says whether the policy lets
// people pair computers.
func Help(ticketExample string, devices bool) Message {
	lines := []string{
		"*AWS access, for a limited time and for a stated reason.*",
		"`/aws-access` opens a form.",
		"`" + access.LineForm + "` asks in one line, for example `/aws-access payments-prod ReadOnly 2h \"stuck payouts\"`.",
		"Put an account name with spaces in quotes, or write the account's 12 digits. " +
			"Write the time like 30m, 2 hours, 1h30m or 2d. A ticket looks like " + shortName(ticketExample) + ".",
		"`/aws-access list` shows what you asked for. There you can cancel a request or give access back.",
		"`/aws-access revoke` shows the access of others that you may revoke.",
		"The people who can approve get a card. When they have approved, you get a message with buttons for the console " +
			"and for keys. Each click starts a session of at most one hour, until your access ends.",
	}
	if devices {
		lines = append(lines, "`/aws-access login` pairs a computer, so that `aws-access` on its command line can ask for "+
			"access and use it in your name. `/aws-access devices` shows your paired computers, and removes them.")
	}
	return markupMessage(strings.Join(lines, "\n"))
}

// Ephemeral is the answer to a command, which only the person who typed it sees.
func Ephemeral(m Message) any {
	return struct {
		Type   string        `json:"response_type"`
		Text   string        `json:"text"`
		Blocks []slack.Block `json:"blocks,omitempty"`
	}{"ephemeral", m.Text, m.Blocks}
}
