package slackui

import (
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// This file holds the sentences for answers to calls, which the command prints on a terminal. The texts are plain,
// and nothing in them is escaped: the command never prints control characters.

// Standing says how a request stands at now, what becomes of its sessions if it is over, and what its requester can
// do next.
func Standing(r access.Request, now time.Time) (text, next string) {
	text, next = standing(r, now)
	if after := plainSessions(r, now); after != "" {
		text += " " + after
	}
	return text, next
}

func standing(r access.Request, now time.Time) (text, next string) {
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
		return text + plainAfterTheGrant(r, now), "To give it back: aws-access done " + r.ID
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
		return "Your access to " + what + " was revoked by " + who + ", " + at + plainWhy(r) + ".", askAfterRevoked(r, now)
	}
	return "This version of AWS access does not know the state of your request for " + what + ".", ""
}

// askAfterRevoked says when somebody can ask again for what a person has revoked.
func askAfterRevoked(r access.Request, now time.Time) string {
	if r.CheckRevokedLately(now) == nil {
		return "You can ask for it again: aws-access request"
	}
	return "You can ask for it again from " + access.FormatTime(r.AskableFrom()) +
		" on, and earlier if one of the people who answer incidents allows it."
}

// plainSessions is sessionsAfter without markup.
func plainSessions(r access.Request, now time.Time) string {
	acts, live := r.CanActUntil(now), r.LiveUntil(now)
	identity := ""
	if live.After(acts) || r.Cut == access.CutDone && !live.IsZero() {
		identity = " " + plainIdentity(live)
	}
	var text string
	switch {
	case !r.State.Final():
		return ""
	case r.Cut == access.CutEnding:
		text = "Its sessions are being ended since " + access.FormatTime(r.CutSince) + "."
		if !acts.IsZero() {
			text += " Until that is done they can act, at the latest until " + access.FormatTime(acts) + "."
		}
	case r.Cut == access.CutDone:
		text = "A deny of its sessions was written, " + access.FormatTime(r.CutAt) + "."
		if acts.IsZero() && live.IsZero() {
			text += " They have expired."
		} else if !acts.IsZero() {
			text += denyTakesTime
		}
	case !acts.IsZero():
		text = "Sessions that were handed out before can act until " + access.FormatTime(acts) + "."
	case live.IsZero():
		return ""
	default:
		text = "Its sessions are denied every action."
	}
	return text + identity + plainLeftBehind(r, now)
}

// plainIdentity is identityUntil without markup.
func plainIdentity(until time.Time) string {
	return "sts:GetCallerIdentity, and sign-in that relies on it (EKS, Vault), works until " +
		access.FormatTime(until) + "."
}

// plainAfterTheGrant is afterTheGrant without markup.
func plainAfterTheGrant(r access.Request, now time.Time) (text string) {
	if acts := r.ActsUntil(now); acts.After(r.Ends) {
		text = " A session that was handed out before the grant was shortened could act until " +
			access.FormatTime(acts) + ". It is ended with the grant, for which AWS takes seconds, sometimes minutes."
	}
	if until := r.LiveUntil(now); until.After(r.Ends) {
		text += " From the end on, only " + plainIdentity(until)
	}
	return text
}

// plainLeftBehind is leftBehind without markup.
func plainLeftBehind(r access.Request, now time.Time) (text string) {
	until := r.CutAt.Add(chainedLife)
	switch {
	case r.Cut == "":
		return ""
	case !r.AssumeRoles:
	case r.Cut == access.CutEnding:
		text = " Roles that they have assumed may act for up to an hour after that."
	case now.Before(until):
		text = " Roles that they had assumed may act until " + access.FormatTime(until) + "."
	}
	if r.MakeIdentities {
		text += " Users and keys that they may have made are not ended."
	}
	return text
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
