package slackui

import (
	"time"

	"github.com/slack-go/slack"

	"github.com/aws-access/aws-access/pkg/access"
)

// RequesterMessage is the direct message to the requester once the request is decided. It shows the request's present
// state, and has buttons while the grant is active.
func RequesterMessage(r access.Request, now time.Time) Message {
	blocks := []slack.Block{section("*" + title(r) + "*\n" + roleIn(r))}
	blocks = append(blocks, sections(fitLines(status(r, now), maxStatus)...)...)
	if r.RightLost() {
		blocks = append(blocks, section(escape(access.LostByYou(r.Closed.Why))))
	} else {
		blocks = append(blocks, closingReason(r)...)
	}
	if r.State == access.Active {
		blocks = append(blocks, actions(grantButtons(r)...),
			smallPrint("Each click starts a new session. It can act for at most one hour, and never beyond the end of your "+
				"access. If AWS cannot make its credentials expire then, this message says what still works, and until when."))
	} else if next := nextStep(r); next != "" {
		blocks = append(blocks, smallPrint(next))
	}
	return Message{Text: heading(r), Blocks: blocks}
}

// grantButtons are the buttons of an active grant.
func grantButtons(r access.Request) []slack.BlockElement {
	var row []slack.BlockElement
	if r.Gives(access.Console) {
		row = append(row, button("Open AWS console", ActionConsole, r.ID, slack.StylePrimary))
	}
	if r.Gives(access.Keys) {
		row = append(row, button("Get temporary keys", ActionKeys, r.ID, slack.StyleDefault))
	}
	return append(row, button("I'm done", ActionEnd, r.ID, slack.StyleDefault))
}

// nextStep says what the requester can do once the request is closed.
func nextStep(r access.Request) string {
	const ask = "Ask again with /aws-access when you need it."
	switch {
	case r.State == access.Denied:
		return "Talk to the person who denied it, or ask again with /aws-access."
	case r.State == access.TimedOut, r.State == access.Expired, r.State == access.Ended:
		return ask
	case r.RightLost():
		return access.AskAuthors
	case r.State == access.Revoked && !r.Lifted.IsZero():
		return ask
	case r.State == access.Revoked:
		return "Talk to the person who revoked it."
	}
	return ""
}

// Notice is a new message about one event.
type Notice struct {
	Message
	ToRequester bool // in the requester's direct channel; otherwise below each card
}

// NoticeOf returns the notice of an event; ok is false if the event has none. A notice is a new message, because
// nobody is notified when a message changes:
//
//	a reminder                     below each card
//	a click that came to nothing   to the requester
//	expired, given back, revoked   to the requester
//	asking again was allowed       to the requester
//
// Denials, time-outs and grants have none: RequesterMessage is new then. r is the request as it is now, which may be
// later than the event: a notice that is no longer true is not sent. A machine has no direct channel: it asks for the
// state itself.
func NoticeOf(e access.Event, r access.Request, now time.Time) (n Notice, ok bool) {
	n, ok = noticeOf(e, r, now)
	if n.ToRequester && r.Requester.Machine != nil {
		return Notice{}, false
	}
	return n, ok
}

func noticeOf(e access.Event, r access.Request, now time.Time) (n Notice, ok bool) {
	switch {
	case e.Verb == access.Tick && e.To == access.Pending && r.State == access.Pending:
		return belowCard("Still waiting for " + missingApprovals(r.Requirements) + ". It times out " +
			formatTime(r.AnswerBy) + ".")
	case orderLost(e) && r.Usable(now):
		return toRequester("Your click on " + roleIn(r) + " came to nothing. Press the button again.")
	case e.Verb == access.Lift && r.State == access.Revoked && !r.Lifted.IsZero():
		return toRequester(mention(e.Actor) + " has allowed you to ask again for " + roleIn(r) + ": /aws-access.")
	case e.From != access.Active || e.To == access.Active || e.To != r.State:
		return Notice{}, false
	}
	var text string
	switch e.To {
	case access.Expired:
		text = "Your access to " + roleIn(r) + " has ended."
	case access.Revoked:
		text = "Your access to " + roleIn(r) + " was revoked by " + mention(e.Actor) + "."
		if r.RightLost() {
			text = "Your access to " + roleIn(r) + " was revoked, because you have lost the right to it. " +
				escape(access.LostByYou(r.Closed.Why))
		}
	case access.Ended:
		text = "You gave back " + roleIn(r) + "."
		if e.Why != "" {
			text = "Your access to " + roleIn(r) + " has ended. " + escape(e.Why)
		}
	default:
		return Notice{}, false
	}
	// A notice does not change later, so the message above it says how far a cut has come.
	if live := liveSessions(r, now); live != "" && r.Cut == "" {
		text += "\n" + live
	}
	return toRequester(text)
}

// orderLost reports whether an order for keys or a link was never answered. If AWS refused, the vend function answered.
func orderLost(e access.Event) bool {
	return e.Outcome == access.Failed && (e.Verb == access.Tick || e.Why == "undelivered")
}

func belowCard(text string) (Notice, bool) { return Notice{Message: markupMessage(text)}, true }

func toRequester(text string) (Notice, bool) {
	return Notice{Message: markupMessage(text), ToRequester: true}, true
}

// ApproversNotAsked tells the requester of a pending request that Slack has accepted the card in no channel.
func ApproversNotAsked(r access.Request) Message {
	return markupMessage("Nobody could be asked about " + roleIn(r) +
		" yet, because Slack does not accept messages in the approvers' channel. " +
		"The people who run AWS access have been told. " +
		"The approvers will be asked as soon as Slack accepts messages there. " +
		"Your request times out " + formatTime(r.AnswerBy) + ".")
}

// ApproversAsked replaces ApproversNotAsked once Slack has accepted the card in a channel.
func ApproversAsked(r access.Request) Message {
	return markupMessage("The approvers of " + roleIn(r) + " have been asked now. Your request times out " +
		formatTime(r.AnswerBy) + ".")
}
