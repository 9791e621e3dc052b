package slackui

import (
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/aws-access/aws-access/pkg/access"
)

// Card is the message in the channels of the approvers. It shows the request's present state. ticketLink is the
// ticket's address, "" for none.
func Card(r access.Request, ticketLink string, now time.Time) Message {
	blocks := []slack.Block{
		slack.NewHeaderBlock(plainText(truncate(title(r), maxHeader))),
		section(question(r)),
	}
	blocks = append(blocks, machineBlocks(r)...)
	if r.Ticket != "" {
		blocks = append(blocks, ticketLine(r.Ticket, ticketLink))
	}
	if text := outlastWarning(r.AssumeRoles, r.MakeIdentities); text != "" && !r.State.Final() {
		blocks = append(blocks, smallPrint(":warning: "+text))
	}
	blocks = append(blocks, sections(fitLines(status(r, now), maxStatus)...)...)
	blocks = append(blocks, closingReason(r)...)
	blocks = append(blocks, typedText(reasonLabel, r.Reason)...)
	switch r.State {
	case access.Pending:
		row := []slack.BlockElement{
			button("Approve", ActionApprove, r.ID, slack.StylePrimary),
			button("Deny", ActionDeny, r.ID, slack.StyleDanger),
		}
		if r.Requester.Machine == nil { // a machine cancels by a call
			row = append(row, button("Cancel", ActionCancel, r.ID, slack.StyleDefault))
		}
		blocks = append(blocks, actions(row...))
	case access.Active:
		blocks = append(blocks, actions(button("Revoke", ActionRevoke, r.ID, slack.StyleDanger)))
	}
	blocks = append(blocks, smallPrint(requestID(r)))
	by := ", asked by “"
	if r.Requester.Machine != nil {
		by = ", asked by a machine, “"
	}
	return Message{Text: heading(r) + by + shortName(r.Requester.Name) + "”", Blocks: blocks}
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
		lines = append(lines, grantStatus(r)...)
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
		lines = append(lines, ":no_entry: *Revoked* by "+who+", "+at+".")
	}
	if text := liveSessions(r, now); text != "" {
		lines = append(lines, text)
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

// grantStatus tells the state of an active grant.
func grantStatus(r access.Request) []string {
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
	return lines
}

// liveSessions says until when sessions of an access that is over can still act, "" if none can. No policy can deny
// sts:GetCallerIdentity, so sign-in that relies on it works until STS itself ends the session
// (docs/design.md#4.4.5).
func liveSessions(r access.Request, now time.Time) string {
	until := r.LiveUntil(now)
	if until.IsZero() || !r.State.Final() {
		return ""
	}
	const stillActs = ":warning: New sessions are refused. A session that was handed out before can act until "
	identity := "`sts:GetCallerIdentity`, and sign-in that relies on it (EKS, Vault), works until " +
		formatTime(until) + "."
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
