package slackui

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"github.com/aws-access/aws-access/pkg/access"
)

// listBlock begins the block ids of the list's requests, by which a click on the list is recognised.
const listBlock = "list:"

// Sizes of the list. Slack accepts 50 blocks, and about 11,000 characters in all blocks of a message together
// (github.com/slackapi/bolt-js/issues/2867).
const (
	maxCurrentListed = 20 // pending and active requests with a button each
	maxClosedListed  = 10

	maxCurrentChars = 6000 // of pending and active requests with a button
	maxLineChars    = 2500 // of those that have no room for a button, in a line each
	maxClosedChars  = 1500 // of closed requests, besides what the current ones leave
	maxListStatus   = 700  // of the state of one request
)

// List shows somebody's own requests: the active ones first, then the pending ones, then the newest closed ones. more
// says that there may be older ones, which are closed.
func List(requests []access.Request, more bool, now time.Time) Message {
	if len(requests) == 0 {
		return markupMessage("You have not asked for anything yet. `/aws-access` opens the form.")
	}
	m := Message{Text: "Your requests", Blocks: []slack.Block{section("*Your requests*")}}
	current, closed := sortForList(requests)
	room := maxCurrentChars
	m.Blocks, room, current = appendEntries(m.Blocks, room, current, maxCurrentListed, now)
	if len(current) > 0 {
		var lines []string
		for _, r := range current {
			lines = append(lines, shortEntry(r))
		}
		m.Blocks = append(m.Blocks,
			smallPrint("There is no room here for buttons for the requests below. Cancel or give back some of those above, "+
				"and the next ones get their buttons:"))
		m.Blocks = append(m.Blocks, sections(fitLines(lines, maxLineChars)...)...)
	}
	m.Blocks, _, closed = appendEntries(m.Blocks, room+maxClosedChars, closed, maxClosedListed, now)
	if n := len(closed); n > 0 || more {
		m.Blocks = append(m.Blocks, smallPrint(notShown(n, more)))
	}
	return m
}

// appendEntries adds entries for requests as long as there is room, and returns the requests that have none.
func appendEntries(
	blocks []slack.Block, room int, requests []access.Request, limit int, now time.Time,
) ([]slack.Block, int, []access.Request) {
	for i, r := range requests {
		entry := listEntry(r, now)
		size := utf8.RuneCountInString(entry.Text.Text)
		if i == limit || size > room {
			return blocks, room, requests[i:]
		}
		blocks, room = append(blocks, entry), room-size
	}
	return blocks, room, nil
}

// notShown says how many requests are not in the list.
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

// sortForList returns the current requests, the active before the pending, and the closed ones. It keeps their order
// within each.
func sortForList(requests []access.Request) (current, closed []access.Request) {
	var pending []access.Request
	for _, r := range requests {
		switch {
		case r.State == access.Active:
			current = append(current, r)
		case r.State.Final():
			closed = append(closed, r)
		default:
			pending = append(pending, r)
		}
	}
	return append(current, pending...), closed
}

// listEntry is a request in the list, with its button if it has one there.
func listEntry(r access.Request, now time.Time) *slack.SectionBlock {
	lines := []string{roleIn(r) + " for " + access.FormatLength(r.Asked) + ", asked " + formatTime(r.Submitted)}
	if reason := strings.TrimSpace(r.Reason); reason != "" {
		lines = append(lines, "Reason: "+escape(quoted(reason)))
	}
	lines = append(lines, fitLines(status(r, now), maxListStatus)...)
	entry := slack.NewSectionBlock(markup(strings.Join(lines, "\n")), nil, nil)
	entry.BlockID = listBlock + r.ID
	switch r.State {
	case access.Pending:
		entry.Accessory = slack.NewAccessory(button("Cancel", ActionCancel, r.ID, slack.StyleDefault))
	case access.Active:
		entry.Accessory = slack.NewAccessory(button("I'm done", ActionEnd, r.ID, slack.StyleDefault))
	}
	return entry
}

// shortEntry is the line of a current request that has no room for a button.
func shortEntry(r access.Request) string {
	if r.State == access.Active {
		return roleIn(r) + ", granted until " + formatTime(r.Ends)
	}
	return roleIn(r) + ", waits until " + formatTime(r.AnswerBy)
}
