package slackui

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/slack-go/slack"

	"github.com/aws-access/aws-access/pkg/access"
)

// Card is what the people who decide see, in the channel of the policy.
func Card(r access.Request, ticketLink string, now time.Time) Message {
	blocks := []slack.Block{
		slack.NewHeaderBlock(plain(cut(title(r), 150))),
		mrkdwn(person(r.Requester) + " asks for " + what(r) + " for *" + access.Length(r.For) + "*."),
	}
	blocks = append(blocks, typed(r.Reason)...)
	if r.Ticket != "" {
		blocks = append(blocks, mrkdwn("Ticket: "+ticket(r.Ticket, ticketLink)))
	}
	if text := outlasts(r.AssumeRoles, r.MakeIdentities); text != "" && !r.State.Over() {
		blocks = append(blocks, small(":warning: "+text))
	}
	blocks = append(blocks, mrkdwn(standing(r, now)))
	switch r.State {
	case access.Pending:
		blocks = append(blocks, buttons(
			button("Approve", ActionApprove, r.ID, slack.StylePrimary),
			button("Deny", ActionDeny, r.ID, slack.StyleDanger),
			button("Cancel", ActionCancel, r.ID, ""),
		))
	case access.Active:
		blocks = append(blocks, buttons(button("Revoke", ActionRevoke, r.ID, slack.StyleDanger)))
	}
	blocks = append(blocks, small("Request "+r.ID))
	return Message{Text: title(r) + ": " + escape(whatPlain(r)) + ", asked by " + escape(r.Requester.Name), Blocks: blocks}
}

// title is the head of a card and the text of its notification.
func title(r access.Request) string {
	return map[access.State]string{
		access.Pending: "AWS access wanted", access.Active: "AWS access granted", access.Denied: "AWS access denied",
		access.Cancelled: "Request cancelled", access.TimedOut: "Request timed out", access.Expired: "AWS access has ended",
		access.Ended: "AWS access given back", access.Revoked: "AWS access revoked",
	}[r.State]
}

func ticket(t, link string) string {
	if link == "" {
		return escape(t)
	}
	return "<" + address(link) + "|" + strings.ReplaceAll(escape(t), "|", "ǀ") + ">"
}

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

// standing says how a request stands, in the marked-up lines of a card.
func standing(r access.Request, now time.Time) string {
	who, at := person(r.Closed.By), moment(r.Closed.At)
	var lines []string
	switch r.State {
	case access.Pending:
		lines = append(lines, "*Waits for* "+missing(r.Needs)+", until "+moment(r.AnswerBy)+".")
		if r.Reminded {
			lines = append(lines, "Nobody has decided yet.")
		}
		return strings.Join(append(lines, approvals(r)...), "\n")
	case access.Active:
		lines = append(lines, ":white_check_mark: *Granted* until "+moment(r.Ends)+".")
		if len(r.Approvals) == 0 {
			lines = append(lines, "The policy asks nobody for this.")
		}
		if r.Review != nil {
			lines = append(lines, "To be looked at afterwards by "+escape(strings.Join(r.Review.By, ", "))+", within "+access.Length(r.Review.Within)+".")
		}
		return strings.Join(append(lines, approvals(r)...), "\n")
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
	if why := r.Closed.Why; why != "" && r.State != access.TimedOut {
		lines = append(lines, "“"+cut(escape(why), 1000)+"”")
	}
	if text := lives(r, now); text != "" {
		lines = append(lines, text)
	}
	return strings.Join(append(lines, approvals(r)...), "\n")
}

// lives says truthfully until when sessions that were handed out go on.
func lives(r access.Request, now time.Time) string {
	until := r.LiveUntil(now)
	switch {
	case until.IsZero() || !r.State.Over():
		return ""
	case r.State == access.Expired || !now.Before(r.Ends):
		return "Every action is denied since then. Only `sts:GetCallerIdentity`, and what signs in by it, answers until " + moment(until) + "."
	}
	if r.Ends.Before(until) {
		until = r.Ends
	}
	return ":warning: No new session is given. A session that was handed out before can act until " + moment(until) + "."
}

func approvals(r access.Request) []string {
	var lines []string
	for _, a := range r.Approvals {
		lines = append(lines, "Approved by "+person(a.By)+", "+moment(a.At)+".")
	}
	return lines
}

// missing says what the policy still wants.
func missing(needs []access.Need) string {
	var parts []string
	for _, n := range needs {
		if left := n.Need - n.Have; left > 0 {
			parts = append(parts, strconv.Itoa(left)+" of "+escape(strings.Join(n.From, ", ")))
		}
	}
	if len(parts) == 0 {
		return "a decision"
	}
	return strings.Join(parts, " and ")
}

// Grant is the direct message to the requester.
func Grant(r access.Request, now time.Time) Message {
	m := Message{Text: title(r) + ": " + escape(whatPlain(r)), Blocks: []slack.Block{
		mrkdwn("*" + title(r) + "*\n" + what(r) + "\n" + standing(r, now)),
	}}
	if r.State != access.Active {
		if next := afterwards(r.State); next != "" {
			m.Blocks = append(m.Blocks, small(next))
		}
		return m
	}
	var row []slack.BlockElement
	if r.Gives(access.Console) {
		row = append(row, button("Open AWS console", ActionConsole, r.ID, slack.StylePrimary))
	}
	if r.Gives(access.Keys) {
		row = append(row, button("Get temporary keys", ActionKeys, r.ID, ""))
	}
	row = append(row, button("I'm done", ActionEnd, r.ID, ""))
	m.Blocks = append(m.Blocks, buttons(row...),
		small("Each click makes a session of its own: at most an hour, and never past the end. Click again for another."))
	return m
}

// afterwards is what to do when it is over.
func afterwards(s access.State) string {
	switch s {
	case access.Denied:
		return "Talk to whoever denied it, or ask again with /aws-access."
	case access.TimedOut, access.Expired, access.Ended:
		return "Ask again with /aws-access when you need it."
	case access.Revoked:
		return "Talk to whoever revoked it."
	}
	return ""
}

// Notice is a message of its own about one event.
type Notice struct {
	Message
	ToRequester bool // else below the card
}

// Told says which events are told by a message of their own, because changing
// a message notifies nobody.
func Told(e access.Event, r access.Request, now time.Time) (Notice, bool) {
	switch {
	case e.Verb == access.Tick && e.To == access.Pending:
		return below("Still waiting for " + missing(r.Needs) + ". It times out " + moment(r.AnswerBy) + ".")
	case e.Outcome == access.Failed && (e.Verb == access.Tick || e.Why == "undelivered"):
		return direct("Your click on " + what(r) + " came to nothing. Press the button again.")
	case e.To == access.Expired && e.From == access.Active:
		return direct("Your access to " + what(r) + " has ended.")
	case e.To == access.Revoked && e.From == access.Active:
		return direct("Your access to " + what(r) + " was revoked by " + person(e.Actor) + ".")
	case e.To == access.Ended && e.From == access.Active:
		text := "You gave back " + what(r) + "."
		if live := lives(r, now); live != "" {
			text += "\n" + live
		}
		return direct(text)
	}
	return Notice{}, false
}

func below(text string) (Notice, bool) { return Notice{Message: said(text)}, true }
func direct(text string) (Notice, bool) {
	return Notice{Message: said(text), ToRequester: true}, true
}

// said is a message of one paragraph. Its text is marked up.
func said(text string) Message {
	return Message{Text: text, Blocks: []slack.Block{mrkdwn(cut(text, maxText))}}
}

// Keys is the private answer that carries keys. Its text carries them: a block
// would cut them at 3,000 characters, and a token alone may have 4,096.
func Keys(text access.Secret, r access.Request, expires time.Time) Message {
	return Message{Text: text.Reveal() + "\nTemporary keys for " + what(r) + ": good until " + moment(expiry(r, expires)) + ". Only you can see this."}
}

// Link is the private answer that carries a sign-in link, for the same reason
// in its text: a button's address may have 3,000 characters.
func Link(link access.Secret, r access.Request, expires time.Time) Message {
	return Message{Text: "<" + address(link.Reveal()) + "|Open the AWS console> as " + what(r) + "\n" +
		"The link works for 15 minutes and signs in whoever has it: do not pass it on. The session lasts until " + moment(expiry(r, expires)) + ". Only you can see this."}
}

// expiry is when a session stops being of use.
func expiry(r access.Request, expires time.Time) time.Time {
	if r.Ends.Before(expires) {
		return r.Ends
	}
	return expires
}

// NotVended is the private answer when there is nothing to hand out.
func NotVended(err error, r access.Request, reference string) Message {
	m := Refused(err, reference)
	return said("No session for " + what(r) + ": " + m.Text)
}

// Refused puts an error into words: a refusal into its own, anything else into
// a reference to the log.
func Refused(err error, reference string) Message {
	var refusal *access.Refusal
	text := "Something went wrong. Try again in a minute; if it stays, name this reference: " + reference
	if errors.As(err, &refusal) {
		text = escapeKeepingCode(refusal.Error())
	}
	return said(text)
}

// escapeKeepingCode escapes what stands in a refusal, which may quote what was
// typed, and lets code spans of our own stand.
func escapeKeepingCode(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(visible(s))
}

// Asked is the answer to somebody whose request was made.
func Asked(r access.Request, now time.Time) Message {
	var text string
	switch {
	case r.State == access.Active:
		text = ":white_check_mark: You have " + what(r) + " until " + moment(r.Ends) + ". The buttons are in your messages from this app."
	case r.State == access.Pending:
		text = "Asked for " + what(r) + " for " + access.Length(r.For) + ". It waits for " + missing(r.Needs) + ", until " + moment(r.AnswerBy) +
			". You will get a message. `/aws-access list` shows it, and lets you cancel."
	default: // the same form or command came before
		text = "This was asked already, as request " + escape(r.ID) + ". `/aws-access list` shows how it stands."
	}
	return said(text)
}

// Help says what can be typed.
func Help() Message {
	return said(strings.Join([]string{
		"*AWS access, for a time and for a reason.*",
		"`/aws-access` opens a form.",
		"`" + lineForm + "` asks in one line, for example `/aws-access payments-prod ReadOnly 2h \"stuck payouts\"`. Times are written 30m, 4h, 1h30m or 2d.",
		"`/aws-access list` shows what you asked for, and lets you cancel or give back.",
		"Whoever has to agree gets a card. When they have, you get a message with a console link and keys: each click gives a session of at most an hour, until your access ends.",
	}, "\n"))
}

// List shows somebody's own requests, the newest first.
func List(requests []access.Request, now time.Time) Message {
	if len(requests) == 0 {
		return said("You have asked for nothing yet. `/aws-access` opens the form.")
	}
	m := Message{Text: "Your requests", Blocks: []slack.Block{mrkdwn("*Your requests*")}}
	for _, r := range requests {
		section := slack.NewSectionBlock(slack.NewTextBlockObject(slack.MarkdownType,
			cut(what(r)+", asked "+moment(r.Submitted)+"\n"+standing(r, now), maxText), false, false), nil, nil)
		switch r.State {
		case access.Pending:
			section.Accessory = slack.NewAccessory(button("Cancel", ActionCancel, r.ID, ""))
		case access.Active:
			section.Accessory = slack.NewAccessory(button("I'm done", ActionEnd, r.ID, ""))
		}
		m.Blocks = append(m.Blocks, section)
	}
	return m
}

// Operators is a message for those who run the system. What it quotes is
// escaped.
func Operators(text string) Message { return said(cut(escape(text), maxText)) }

// Ephemeral is the answer to a command, for whoever typed it alone.
func Ephemeral(m Message) any {
	return struct {
		Type   string        `json:"response_type"`
		Text   string        `json:"text"`
		Blocks []slack.Block `json:"blocks,omitempty"`
	}{"ephemeral", m.Text, m.Blocks}
}

func button(label, action, value string, style slack.Style) *slack.ButtonBlockElement {
	b := slack.NewButtonBlockElement(action, value, plain(label))
	b.Style = style
	return b
}

func buttons(elements ...slack.BlockElement) slack.Block {
	return slack.NewActionBlock("", elements...)
}
