package slackui

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"github.com/aws-access/aws-access/pkg/access"
)

// Card is what the people who decide see, in the channels of the policy. It
// tells the request's present state. ticketLink is the ticket's address, or "".
func Card(r access.Request, ticketLink string, now time.Time) Message {
	blocks := []slack.Block{
		slack.NewHeaderBlock(plain(cut(title(r), maxHeader))),
		mrkdwn(person(r.Requester) + asks(r) + what(r) + " for *" + access.Length(r.Asked) + "*."),
	}
	if r.Ticket != "" {
		blocks = append(blocks, ticket(r.Ticket, ticketLink))
	}
	if text := outlasts(r.AssumeRoles, r.MakeIdentities); text != "" && !r.State.Final() {
		blocks = append(blocks, small(":warning: "+text))
	}
	blocks = append(blocks, paragraphs(fit(standing(r, now), maxStanding)...)...)
	blocks = append(blocks, why(r)...)
	blocks = append(blocks, typed("*Reason*, as it was typed:", r.Reason)...)
	switch r.State {
	case access.Pending:
		blocks = append(blocks, buttons(
			button("Approve", ActionApprove, r.ID, slack.StylePrimary),
			button("Deny", ActionDeny, r.ID, slack.StyleDanger),
			button("Cancel", ActionCancel, r.ID, slack.StyleDefault),
		))
	case access.Active:
		blocks = append(blocks, buttons(button("Revoke", ActionRevoke, r.ID, slack.StyleDanger)))
	}
	blocks = append(blocks, small("Request "+called(r.ID)))
	return Message{Text: heading(r) + ", asked by “" + called(r.Requester.Name) + "”", Blocks: blocks}
}

func asks(r access.Request) string {
	if r.State == access.Pending {
		return " asks for "
	}
	return " asked for "
}

// title is the head of a card.
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
func heading(r access.Request) string { return title(r) + ": " + escape(whatPlain(r)) }

// plainTicket is a ticket that means nothing in markup. (A counted repetition in
// the pattern would cost each start of a function a millisecond.)
var plainTicket = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9./#-]*$`)

const longTicket = 100

// address makes a URL fit between the marks of a link: what is not one of a
// URL's own characters, or would end the link, is written in per cent.
func address(link string) string {
	var b strings.Builder
	for i := range len(link) {
		switch c := link[i]; {
		case c == '&':
			b.WriteString("&amp;")
		case c > ' ' && c < 0x7f && !strings.ContainsRune("<>|`\"\\^{}", rune(c)):
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}

// ticket shows the ticket, linked if the policy names an address for it. One of
// unusual characters is shown as it was typed, and leads nowhere.
func ticket(t, link string) slack.Block {
	link = address(link)
	switch {
	case len(t) > longTicket || !plainTicket.MatchString(t):
		return slack.NewSectionBlock(plain("Ticket, as it was typed: "+cut(oneLine(t), maxName)), nil, nil)
	case len(link) > maxAddress || !strings.HasPrefix(link, "https://") && !strings.HasPrefix(link, "http://"):
		return mrkdwn("Ticket: " + t)
	}
	return mrkdwn("Ticket: <" + link + "|" + t + ">")
}

// standing says how a request stands, in lines of markup.
func standing(r access.Request, now time.Time) []string {
	var lines []string
	who, at := person(r.Closed.By), moment(r.Closed.At)
	switch r.State {
	case access.Pending:
		lines = append(lines, "*Waiting for* "+missing(r.Requirements)+", until "+moment(r.AnswerBy)+".")
		if r.Reminded && len(r.Approvals) == 0 {
			lines = append(lines, "Nobody has decided yet.")
		}
	case access.Active:
		lines = append(lines, granted(r)...)
	case access.Denied:
		lines = append(lines, ":no_entry: *Denied* by "+who+", "+at+".")
	case access.Cancelled:
		lines = append(lines, "*Cancelled* by "+who+", "+at+".")
	case access.TimedOut:
		lines = append(lines, ":hourglass: *Timed out*: nobody decided by "+moment(r.AnswerBy)+".")
	case access.Expired:
		lines = append(lines, "*Ended* as planned, "+moment(r.Ends)+".")
	case access.Ended:
		lines = append(lines, "*Given back* by "+who+", "+at+".")
	case access.Revoked:
		lines = append(lines, ":no_entry: *Revoked* by "+who+", "+at+".")
	}
	if text := lives(r, now); text != "" {
		lines = append(lines, text)
	}
	return append(lines, approvals(r)...)
}

// granted says what the grant is.
func granted(r access.Request) []string {
	lines := []string{":white_check_mark: *Granted* until " + moment(r.Ends) + "."}
	if r.For < r.Asked {
		lines = append(lines, "It was shortened to "+access.Length(r.For)+".")
	}
	if len(r.Approvals) == 0 {
		lines = append(lines, "The policy needs no approval for this.")
	}
	if r.Review != nil {
		lines = append(lines, "It will be reviewed afterwards by "+names(r.Review.By)+", within "+
			access.Length(r.Review.Within)+".")
	}
	return lines
}

// lives says truthfully until when sessions that were handed out go on. Nothing
// denies sts:GetCallerIdentity, so whatever signs in by it goes on until STS's
// own expiry (docs/design.md#4.4.5).
func lives(r access.Request, now time.Time) string {
	until := r.LiveUntil(now)
	if until.IsZero() || !r.State.Final() {
		return ""
	}
	caller := "`sts:GetCallerIdentity`, and sign-in that relies on it (EKS, Vault), works until " + moment(until) + "."
	acts := r.ActsUntil(now)
	switch {
	case acts.IsZero():
		return "Its sessions are denied every action. Only " + caller
	case acts.Before(until):
		return stillActs + moment(acts) + "; " + caller
	}
	return stillActs + moment(until) + "."
}

const stillActs = ":warning: New sessions are refused. A session that was handed out before can act until "

func approvals(r access.Request) []string {
	lines := make([]string, 0, len(r.Approvals))
	for _, a := range r.Approvals {
		lines = append(lines, "Approved by "+person(a.By)+", "+moment(a.At)+".")
	}
	return lines
}

// why is what the person said who ended the request, whole.
func why(r access.Request) []slack.Block {
	switch r.State {
	case access.Denied:
		return typed("*Why it was denied*, as it was typed:", r.Closed.Why)
	case access.Revoked:
		return typed("*Why it was revoked*, as it was typed:", r.Closed.Why)
	}
	return nil
}

// missing says what the policy still wants.
func missing(needs []access.Requirement) string {
	var parts []string
	for _, n := range needs {
		left := n.Required - n.Approved
		if left <= 0 {
			continue
		}
		approvals := " approval"
		if n.Approved > 0 {
			approvals = " more approval"
		}
		if left > 1 {
			approvals += "s"
		}
		parts = append(parts, strconv.Itoa(left)+approvals+" from "+names(n.From))
	}
	if len(parts) == 0 {
		return "a decision"
	}
	return strings.Join(parts, " and ")
}

// names are groups and people as the policy calls them. People are mentioned.
func names(all []string) string {
	shown := make([]string, 0, len(all))
	for _, name := range all {
		if access.IsPerson(name) {
			shown = append(shown, "<@"+name+">")
			continue
		}
		shown = append(shown, called(name))
	}
	return strings.Join(shown, " or ")
}

// Grant is the direct message to the requester. It tells the request's present
// state; while that is active, its buttons use the grant.
func Grant(r access.Request, now time.Time) Message {
	blocks := []slack.Block{mrkdwn("*" + title(r) + "*\n" + what(r))}
	blocks = append(blocks, paragraphs(fit(standing(r, now), maxStanding)...)...)
	blocks = append(blocks, why(r)...)
	if r.State == access.Active {
		blocks = append(blocks, buttons(uses(r)...),
			small("Each click starts a new session. It lasts at most one hour, and never beyond the end of your access."))
	} else if next := afterwards(r.State); next != "" {
		blocks = append(blocks, small(next))
	}
	return Message{Text: heading(r), Blocks: blocks}
}

// uses are the buttons of a grant: what it gives, and giving it back.
func uses(r access.Request) []slack.BlockElement {
	var row []slack.BlockElement
	if r.Gives(access.Console) {
		row = append(row, button("Open AWS console", ActionConsole, r.ID, slack.StylePrimary))
	}
	if r.Gives(access.Keys) {
		row = append(row, button("Get temporary keys", ActionKeys, r.ID, slack.StyleDefault))
	}
	return append(row, button("I'm done", ActionEnd, r.ID, slack.StyleDefault))
}

// afterwards is what to do when it is over.
func afterwards(s access.State) string {
	switch s {
	case access.Denied:
		return "Talk to the person who denied it, or ask again with /aws-access."
	case access.TimedOut, access.Expired, access.Ended:
		return "Ask again with /aws-access when you need it."
	case access.Revoked:
		return "Talk to the person who revoked it."
	}
	return ""
}

// listBlock begins the block ids of the list's own buttons.
const listBlock = "list:"

const (
	listedOpen = 20 // open requests with a button each: our own bound, so that 50 blocks are enough
	listedOver = 10 // requests that are over

	// Slack takes about 11,000 characters in all blocks of a message together
	// (github.com/slackapi/bolt-js/issues/2867). What a list may hold of them:
	roomForList  = 6000 // open requests with a button
	roomForLines = 2500 // open requests without
	roomForOver  = 1500 // requests that are over, beside what the open ones leave
	// maxStanding is how much of them a card says of how a request stands, and
	// listedStanding the list.
	maxStanding    = 2500
	listedStanding = 700
)

// List shows somebody's own requests: the active ones, those that wait, and the newest that are over. more says that
// there may be older ones, which are over.
func List(requests []access.Request, more bool, now time.Time) Message {
	if len(requests) == 0 {
		return said("You have not asked for anything yet. `/aws-access` opens the form.")
	}
	m := Message{Text: "Your requests", Blocks: []slack.Block{mrkdwn("*Your requests*")}}
	open, over := inListOrder(requests)
	room := roomForList
	m.Blocks, room, open = listAll(m.Blocks, room, open, listedOpen, now)
	var lines []string
	for _, r := range open {
		lines = append(lines, inOneLine(r))
	}
	if len(lines) > 0 {
		m.Blocks = append(m.Blocks,
			small("There is no room here for buttons for the requests below. Cancel or give back some of those above, "+
				"and the next ones get their buttons:"))
		m.Blocks = append(m.Blocks, paragraphs(fit(lines, roomForLines)...)...)
	}
	m.Blocks, _, over = listAll(m.Blocks, room+roomForOver, over, listedOver, now)
	if n := len(over); n > 0 || more {
		m.Blocks = append(m.Blocks, small(notShown(n, more)))
	}
	return m
}

// listAll adds requests to the blocks of a list as long as there is room, and
// returns those that have none.
func listAll(
	blocks []slack.Block, room int, requests []access.Request, limit int, now time.Time,
) ([]slack.Block, int, []access.Request) {
	for i, r := range requests {
		section := listed(r, now)
		size := utf8.RuneCountInString(section.Text.Text)
		if i == limit || size > room {
			return blocks, room, requests[i:]
		}
		blocks, room = append(blocks, section), room-size
	}
	return blocks, room, nil
}

func notShown(n int, more bool) string {
	switch {
	case more && n == 0:
		return "Older ones are not shown."
	case more:
		return "At least " + strconv.Itoa(n) + " older ones are not shown."
	case n == 1:
		return "1 older one is not shown."
	}
	return strconv.Itoa(n) + " older ones are not shown."
}

// inListOrder are the open requests, the active ones first, and those that are over; the newest first in each.
func inListOrder(requests []access.Request) (open, over []access.Request) {
	var pending []access.Request
	for _, r := range requests {
		switch {
		case r.State == access.Active:
			open = append(open, r)
		case r.State.Final():
			over = append(over, r)
		default:
			pending = append(pending, r)
		}
	}
	return append(open, pending...), over
}

// listed is a request in the list, with the button that it has there.
func listed(r access.Request, now time.Time) *slack.SectionBlock {
	lines := []string{what(r) + " for " + access.Length(r.Asked) + ", asked " + moment(r.Submitted)}
	if reason := strings.TrimSpace(r.Reason); reason != "" {
		lines = append(lines, "Reason: "+escape(quoted(reason)))
	}
	lines = append(lines, fit(standing(r, now), listedStanding)...)
	section := slack.NewSectionBlock(marked(strings.Join(lines, "\n")), nil, nil)
	section.BlockID = listBlock + r.ID
	switch r.State {
	case access.Pending:
		section.Accessory = slack.NewAccessory(button("Cancel", ActionCancel, r.ID, slack.StyleDefault))
	case access.Active:
		section.Accessory = slack.NewAccessory(button("I'm done", ActionEnd, r.ID, slack.StyleDefault))
	}
	return section
}

// inOneLine is an open request that has no room of its own.
func inOneLine(r access.Request) string {
	if r.State == access.Active {
		return what(r) + ", granted until " + moment(r.Ends)
	}
	return what(r) + ", waits until " + moment(r.AnswerBy)
}

func button(label, action, value string, style slack.Style) *slack.ButtonBlockElement {
	b := slack.NewButtonBlockElement(action, value, plain(label))
	b.Style = style
	return b
}

func buttons(elements ...slack.BlockElement) slack.Block {
	return slack.NewActionBlock("", elements...)
}
