package slackui

import (
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// Notice is a message of its own about one event.
type Notice struct {
	Message
	ToRequester bool // into the requester's direct channel; else below each card
}

// Told says which events are told by a message of their own, because changing
// a message notifies nobody:
//
//	reminder                     below the card
//	a click that came to nothing to the requester
//	expired, given back, revoked to the requester
//
// Denials, time-outs and grants need none: they are the first direct message
// to the requester. r is the request as it stands now, which may be later than
// the event: what is no longer true is not told.
func Told(e access.Event, r access.Request, now time.Time) (Notice, bool) {
	switch {
	case e.Verb == access.Tick && e.To == access.Pending && r.State == access.Pending:
		return below("Still waiting for " + missing(r.Requirements) + ". It times out " + moment(r.AnswerBy) + ".")
	case lost(e) && r.Usable(now):
		return direct("Your click on " + what(r) + " came to nothing. Press the button again.")
	case e.From != access.Active || e.To == access.Active || e.To != r.State:
		return Notice{}, false
	}
	var text string
	switch e.To {
	case access.Expired:
		text = "Your access to " + what(r) + " has ended."
	case access.Revoked:
		text = "Your access to " + what(r) + " was revoked by " + person(e.Actor) + "."
	case access.Ended:
		text = "You gave back " + what(r) + "."
	default:
		return Notice{}, false
	}
	if live := lives(r, now); live != "" {
		text += "\n" + live
	}
	return direct(text)
}

// lost reports whether an order to vend was answered by nobody. What AWS
// refused was answered by the vend function itself.
func lost(e access.Event) bool {
	return e.Outcome == access.Failed && (e.Verb == access.Tick || e.Why == "undelivered")
}

func below(text string) (Notice, bool) { return Notice{Message: said(text)}, true }

func direct(text string) (Notice, bool) { return Notice{Message: said(text), ToRequester: true}, true }

// Unasked tells the requester that no channel of the policy has taken the card of
// a request that waits.
func Unasked(r access.Request) Message {
	return said("Nobody could be asked about " + what(r) +
		" yet, because Slack does not accept messages in the approvers' channel. " +
		"The people who run AWS access have been told. The approvers will be asked as soon as Slack accepts messages there. " +
		"Your request times out " + moment(r.AnswerBy) + ".")
}

// AskedAfterAll takes the place of Unasked once a channel has taken the card.
func AskedAfterAll(r access.Request) Message {
	return said("The approvers of " + what(r) + " have been asked now. Your request times out " +
		moment(r.AnswerBy) + ".")
}
