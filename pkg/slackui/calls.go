package slackui

import (
	"strings"

	"github.com/aws-access/aws-access/pkg/access"
)

// This file holds the sentences for answers to calls, which the command prints on a terminal. The texts are plain,
// and nothing in them is escaped: the command never prints control characters.

// Standing says in one sentence how a request stands, and what its requester can do next.
func Standing(r access.Request) (text, next string) {
	what := roleInPlain(r)
	who, at := plainName(r.Closed.By), access.FormatTime(r.Closed.At)
	switch r.State {
	case access.Pending:
		return "Your request for " + what + " waits for " + plainMissing(r.Requirements) + ", until " +
			access.FormatTime(r.AnswerBy) + ".", "To take it back: aws-access cancel " + r.ID
	case access.Active:
		text = "You have " + what + " until " + access.FormatTime(r.Ends) + "."
		if r.For < r.Asked {
			text = "You have " + what + " until " + access.FormatTime(r.Ends) + ", which is shorter than you asked for."
		}
		return text, "To give it back: aws-access done " + r.ID
	case access.Denied:
		return "Your request for " + what + " was denied by " + who + ", " + at + plainWhy(r) + ".", ""
	case access.Cancelled:
		return "Your request for " + what + " was cancelled by " + who + ", " + at + ".", ""
	case access.TimedOut:
		return "Nobody decided your request for " + what + " by " + access.FormatTime(r.AnswerBy) + ", so it timed out.",
			"Ask again, and tell a colleague who can approve it."
	case access.Expired:
		return "Your access to " + what + " ended as planned, " + access.FormatTime(r.Ends) + ".", ""
	case access.Ended:
		if r.Closed.Why != "" {
			return "Your access to " + what + " ended, " + at + ". " + oneLine(r.Closed.Why), ""
		}
		return "Your access to " + what + " was given back by " + who + ", " + at + ".", ""
	case access.Revoked:
		if r.RightLost() {
			return "Your access to " + what + " was revoked, " + at + ", because you have lost the right to it. " +
				access.LostByYou(oneLine(r.Closed.Why)), access.AskAuthors
		}
		return "Your access to " + what + " was revoked by " + who + ", " + at + plainWhy(r) + ".",
			"Ask the person who revoked it."
	}
	return "This version of AWS access does not know the state of your request for " + what + ".", ""
}

// StandsFrozen says after Standing of a pending request that nothing is granted while everything is frozen.
func StandsFrozen(f access.Freeze) string {
	return "AWS access is frozen by " + plainName(f.By) + " since " + access.FormatTime(f.At) +
		": nothing new is granted until it is thawed. Your request can be approved after that."
}

// plainWhy is the reason of a decision, if one was given.
func plainWhy(r access.Request) string {
	if r.Closed.Why == "" {
		return ""
	}
	return ": “" + oneLine(r.Closed.Why) + "”"
}

// plainName names a person or a machine without a mention.
func plainName(p access.Person) string {
	if p.ID == access.Clock.ID || p.Name == "" {
		return "the clock"
	}
	return truncate(oneLine(p.Name), maxName)
}

// plainMissing is missingApprovals without markup. People are named as the policy names them.
func plainMissing(requirements []access.Requirement) string {
	var parts []string
	for _, q := range requirements {
		if n := q.Required - q.Approved; n > 0 {
			parts = append(parts, countApprovals(n, q.Approved > 0)+" from "+oneLine(strings.Join(q.From, " or ")))
		}
	}
	if len(parts) == 0 {
		return "a decision"
	}
	return strings.Join(parts, " and ")
}

// CallFailed is what somebody reads when a call failed for a reason that is in the log alone.
func CallFailed(reference string) string { return explain(nil, reference) }
