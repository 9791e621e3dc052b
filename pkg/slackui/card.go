package slackui

import (
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/aws-access/aws-access/pkg/access"
)

// CardPolicy is what a card shows of the policy.
type CardPolicy struct {
	TicketLink string // the ticket's address, "" for none
	Responders bool   // the policy names people who can revoke every grant
}

// Card is the message in the channels of the approvers. It shows the request's present state.
func Card(r access.Request, p CardPolicy, now time.Time) Message {
	blocks := []slack.Block{
		slack.NewHeaderBlock(plainText(truncate(title(r), maxHeader))),
		section(question(r)),
	}
	blocks = append(blocks, machineBlocks(r)...)
	if r.Ticket != "" {
		blocks = append(blocks, ticketLine(r.Ticket, p.TicketLink))
	}
	if text := outlastWarning(r.AssumeRoles, r.MakeIdentities); text != "" && !r.State.Final() {
		blocks = append(blocks, smallPrint(":warning: "+text))
	}
	blocks = append(blocks, sections(fitLines(status(r, now), maxStatus)...)...)
	blocks = append(blocks, closingReason(r)...)
	blocks = append(blocks, typedText(reasonLabel, r.Reason)...)
	if row := cardButtons(r, p, now); len(row) > 0 {
		blocks = append(blocks, actions(row...))
	}
	blocks = append(blocks, smallPrint(requestID(r)))
	by := ", asked by “"
	if r.Requester.Machine != nil {
		by = ", asked by a machine, “"
	}
	return Message{Text: heading(r) + by + shortName(r.Requester.Name) + "”", Blocks: blocks}
}

// cardButtons are the buttons of a card. Everybody in the channel sees them, so a button that would refuse everybody
// is left out.
func cardButtons(r access.Request, p CardPolicy, now time.Time) []slack.BlockElement {
	switch {
	case r.State == access.Pending:
		row := []slack.BlockElement{
			button("Approve", ActionApprove, r.ID, slack.StylePrimary),
			button("Deny", ActionDeny, r.ID, slack.StyleDanger),
		}
		if r.Requester.Machine == nil { // a machine cancels by a call
			row = append(row, button("Cancel", ActionCancel, r.ID, slack.StyleDefault))
		}
		return row
	case r.State == access.Active && (p.Responders || hasRevokers(r)):
		return []slack.BlockElement{button("Revoke", ActionRevoke, r.ID, slack.StyleDanger)}
	case p.Responders && r.CheckRevokedLately(now) != nil:
		return []slack.BlockElement{button("Allow asking again", ActionLift, r.ID, slack.StyleDefault)}
	}
	return nil
}

// hasRevokers reports whether anybody but responders can revoke a grant: its approvers and reviewers.
func hasRevokers(r access.Request) bool {
	return len(r.Requirements) > 0 || len(r.Approvals) > 0 || r.Review != nil
}

const (
	// maxStatus is how many characters a card uses to tell the state of a request, so that the whole card stays below
	// Slack's limit for a message.
	maxStatus = 2500

	reasonLabel = "*Reason*, as it was typed:"
)

// title is the header of a card.
func title(r access.Request) string {
	switch r.State {
	case access.Pending:
		return "AWS access wanted"
	case access.Active:
		return "AWS access granted"
	case access.Denied:
		return "AWS access denied"
	case access.Cancelled:
		return "Request cancelled"
	case access.TimedOut:
		return "Request timed out"
	case access.Expired:
		return "AWS access has ended"
	case access.Ended:
		if r.Closed.Why != "" { // Request.EndForDevice
			return "AWS access ended (a computer was removed)"
		}
		return "AWS access given back"
	case access.Revoked:
		return "AWS access revoked"
	}
	return "AWS access"
}

// heading is what a notification shows of a request.
func heading(r access.Request) string { return title(r) + ": " + escape(roleInPlain(r)) }

// question says who asks for what, and for how long.
func question(r access.Request) string {
	verb := " asked for "
	if r.State == access.Pending {
		verb = " asks for "
	}
	return asker(r.Requester) + verb + roleIn(r) + " for *" + access.FormatLength(r.Asked) + "*."
}

// requestID is the last line of a card.
func requestID(r access.Request) string { return "Request " + shortName(r.ID) }

// ticketLine shows the ticket, linked if the policy has an address for tickets. A ticket with unusual characters is
// shown as it was typed, without a link.
func ticketLine(ticket, link string) slack.Block {
	link = linkAddress(link)
	switch {
	case !isPlainTicket(ticket):
		return slack.NewSectionBlock(plainText("Ticket, as it was typed: "+truncate(oneLine(ticket), maxName)), nil, nil)
	case len(link) > maxAddress || !strings.HasPrefix(link, "https://") && !strings.HasPrefix(link, "http://"):
		return section("Ticket: " + ticket)
	}
	return section("Ticket: <" + link + "|" + ticket + ">")
}

// outlastWarning warns of a role whose sessions can create access that outlasts them.
func outlastWarning(assumeRoles, makeIdentities bool) string {
	switch {
	case assumeRoles && makeIdentities:
		return "This role can assume other roles and create users and keys. Such access can outlast the grant."
	case assumeRoles:
		return "This role can assume other roles. Such access can outlast the grant."
	case makeIdentities:
		return "This role can create users and keys. Such access can outlast the grant."
	}
	return ""
}

// status tells the state of a request, in lines of markup. The card, the direct message and the list show it.
func status(r access.Request, now time.Time) []string {
	var lines []string
	who, at := mention(r.Closed.By), formatTime(r.Closed.At)
	switch r.State {
	case access.Pending:
		lines = append(lines, "*Waiting for* "+missingApprovals(r.Requirements)+", until "+formatTime(r.AnswerBy)+".")
		if r.Reminded && len(r.Approvals) == 0 {
			lines = append(lines, "Nobody has decided yet.")
		}
	case access.Active:
		lines = append(lines, grantStatus(r, now)...)
	case access.Denied:
		lines = append(lines, ":no_entry: *Denied* by "+who+", "+at+".")
	case access.Cancelled:
		lines = append(lines, "*Cancelled* by "+who+", "+at+".")
	case access.TimedOut:
		lines = append(lines, ":hourglass: *Timed out*: nobody decided by "+formatTime(r.AnswerBy)+".")
	case access.Expired:
		lines = append(lines, "*Ended* as planned, "+formatTime(r.Ends)+".")
	case access.Ended:
		lines = append(lines, givenBack(r, who, at))
	case access.Revoked:
		lines = append(lines, revoked(r, who, at))
	}
	lines = append(lines, sessionsAfter(r, now)...)
	if r.State == access.Revoked && !r.Lifted.IsZero() {
		lines = append(lines, "Asking again was allowed, "+formatTime(r.Lifted)+".")
	}
	if r.CheckRevokedLately(now) != nil {
		lines = append(lines, "Asking for the same again is refused until "+formatTime(r.Closed.At.Add(access.RevokedFor))+
			", unless a responder allows it earlier.")
	}
	return append(lines, approvals(r)...)
}

// givenBack says who gave a grant back, or why it was ended.
func givenBack(r access.Request, who, at string) string {
	if r.Closed.Why != "" {
		return "*Ended*, " + at + ". " + escape(r.Closed.Why)
	}
	return "*Given back* by " + who + ", " + at + "."
}

// revoked says who revoked a grant, or that nobody did.
func revoked(r access.Request, who, at string) string {
	if r.RightLost() {
		return ":no_entry: *Revoked*, " + at + ", because the right to it was lost."
	}
	return ":no_entry: *Revoked* by " + who + ", " + at + "."
}

// grantStatus tells the state of an active grant.
func grantStatus(r access.Request, now time.Time) []string {
	lines := []string{":white_check_mark: *Granted* until " + formatTime(r.Ends) + "."}
	if r.For < r.Asked {
		lines = append(lines, "It was shortened to "+access.FormatLength(r.For)+".")
	}
	if len(r.Approvals) == 0 {
		lines = append(lines, "The policy needs no approval for this.")
	}
	if r.Review != nil {
		lines = append(lines, "It will be reviewed afterwards by "+approverNames(r.Review.By)+", within "+
			access.FormatLength(r.Review.Within)+".")
	}
	return append(lines, afterTheGrant(r, now)...)
}

// afterTheGrant says of an active grant what its sessions can do after its end: those that AWS did not make expire
// then, and those that were handed out before a stricter policy shortened the grant.
func afterTheGrant(r access.Request, now time.Time) (lines []string) {
	if acts := r.ActsUntil(now); acts.After(r.Ends) {
		lines = append(lines, ":warning: A session that was handed out before the grant was shortened could act until "+
			formatTime(acts)+". It is ended with the grant, for which AWS takes seconds, sometimes minutes.")
	}
	if until := r.LiveUntil(now); until.After(r.Ends) {
		lines = append(lines, "From the end on, only "+identityUntil(until))
	}
	return lines
}

// sessionsAfter says what becomes of the sessions of an access that is over. A cut says "ending" until the deny was
// read back from the role, whatever else is known. It never says that sessions have ended before they have.
func sessionsAfter(r access.Request, now time.Time) []string {
	var lines []string
	switch {
	case !r.State.Final():
		return nil
	case r.Cut == access.CutEnding:
		text := ":hourglass_flowing_sand: *Ending*: its sessions are being ended since " + formatTime(r.CutSince) + "."
		if until := r.CanActUntil(now); !until.IsZero() {
			text += " Until that is done, they can act, at the latest until " + formatTime(until) + "."
		}
		lines = append(lines, text)
	case r.Cut == access.CutDone:
		lines = append(lines, denyWritten(r, now)...)
	default:
		if text := liveSessions(r, now); text != "" {
			return []string{text}
		}
		return nil
	}
	return append(lines, leftBehind(r, now)...)
}

// chainedLife is how long a session of a role that another session assumed lasts at most (role chaining).
const chainedLife = time.Hour

// leftBehind says what the sessions of an access that was cut may have left behind. A deny on the role does not reach
// roles that its sessions have assumed, nor users and keys that they have made.
func leftBehind(r access.Request, now time.Time) (lines []string) {
	switch until := r.CutAt.Add(chainedLife); {
	case !r.AssumeRoles:
	case r.Cut == access.CutEnding:
		lines = append(lines, ":warning: Roles that they have assumed may act for up to an hour after that.")
	case now.Before(until):
		lines = append(lines, ":warning: Roles that they had assumed may act until "+formatTime(until)+".")
	}
	if r.MakeIdentities {
		lines = append(lines, ":warning: Users and keys that they may have made are not ended.")
	}
	return lines
}

// denyWritten says that the deny of a cut was read back from the role. That proves that IAM has stored it. AWS does not
// tell when it holds everywhere (docs/facts.md#c), so a session that can act by its own policy may still act.
func denyWritten(r access.Request, now time.Time) []string {
	written := ":white_check_mark: *A deny of its sessions was written*, " + formatTime(r.CutAt) + "."
	live := r.LiveUntil(now)
	switch acts := !r.CanActUntil(now).IsZero(); {
	case acts && live.IsZero():
		return []string{written + denyTakesTime}
	case acts:
		return []string{written + denyTakesTime, "After that only " + identityUntil(live)}
	case live.IsZero():
		return []string{written + " They have expired."}
	}
	return []string{written, "Only " + identityUntil(live)}
}

const denyTakesTime = " AWS takes seconds, sometimes minutes, until it holds everywhere."

// identityUntil says until when the one action that no policy can deny works.
func identityUntil(until time.Time) string {
	return "`sts:GetCallerIdentity`, and sign-in that relies on it (EKS, Vault), works until " + formatTime(until) + "."
}

// liveSessions says until when sessions of an access that has ended by itself can still act, "" if none can. No policy
// can deny sts:GetCallerIdentity, so sign-in that relies on it works until STS itself ends the session
// (docs/design.md#4.4.5).
func liveSessions(r access.Request, now time.Time) string {
	until := r.LiveUntil(now)
	if until.IsZero() || !r.State.Final() {
		return ""
	}
	const stillActs = ":warning: New sessions are refused. A session that was handed out before can act until "
	identity := identityUntil(until)
	acts := r.ActsUntil(now)
	switch {
	case acts.IsZero():
		return "Its sessions are denied every action. Only " + identity
	case acts.Before(until):
		return stillActs + formatTime(acts) + "; " + identity
	}
	return stillActs + formatTime(until) + "."
}

// approvals says who approved, a line for each.
func approvals(r access.Request) []string {
	lines := make([]string, 0, len(r.Approvals))
	for _, a := range r.Approvals {
		lines = append(lines, "Approved by "+mention(a.By)+", "+formatTime(a.At)+".")
	}
	return lines
}

// closingReason is the reason of the person who denied or revoked, as it was typed.
func closingReason(r access.Request) []slack.Block {
	switch r.State {
	case access.Denied:
		return typedText("*Why it was denied*, as it was typed:", r.Closed.Why)
	case access.Revoked:
		if r.RightLost() {
			return typedText("*Why it was revoked*:", r.Closed.Why)
		}
		return typedText("*Why it was revoked*, as it was typed:", r.Closed.Why)
	}
	return nil
}

// missingApprovals says which approvals the policy still requires.
func missingApprovals(requirements []access.Requirement) string {
	var parts []string
	for _, q := range requirements {
		missing := q.Required - q.Approved
		if missing <= 0 {
			continue
		}
		parts = append(parts, countApprovals(missing, q.Approved > 0)+" from "+approverNames(q.From))
	}
	if len(parts) == 0 {
		return "a decision"
	}
	return strings.Join(parts, " and ")
}

// countApprovals is a number of approvals that are missing; more says that there are some already.
func countApprovals(missing int, more bool) string {
	noun := " approval"
	if more {
		noun = " more approval"
	}
	if missing > 1 {
		noun += "s"
	}
	return strconv.Itoa(missing) + noun
}
