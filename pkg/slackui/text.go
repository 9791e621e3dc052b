package slackui

import (
	"fmt"
	"strings"
	"time"
	"unicode"

	"github.com/slack-go/slack"

	"github.com/aws-access/aws-access/pkg/access"
)

// Slack's limits, in characters unless said otherwise.
const (
	maxText    = 3000 // of a text object
	maxOption  = 75   // of an option's text
	MaxOptions = 100  // options of a menu
)

// Message is what is posted: blocks, and the text that stands for them in
// notifications. Without blocks the text is the message.
type Message struct {
	Text   string
	Blocks []slack.Block
}

// escape makes text harmless inside mrkdwn: no mention, no link, no channel
// alert, no line of its own, no formatting.
func escape(s string) string {
	s = visible(s)
	s = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
	// A word joiner beside a mark keeps it a character: *, _, ~ and ` only
	// format where they touch the edge of a word.
	s = strings.NewReplacer("*", "\u2060*\u2060", "_", "\u2060_\u2060", "~", "\u2060~\u2060", "`", "ˋ").Replace(s)
	return strings.Join(strings.Fields(s), " ")
}

// visible shows characters that reorder or hide others by their number, so
// that what stands on a card is what was typed, in the order it was typed.
func visible(s string) string {
	var b strings.Builder
	for _, r := range s {
		if unicode.Is(unicode.Bidi_Control, r) || (unicode.IsControl(r) && r != '\n' && r != '\t') {
			fmt.Fprintf(&b, "[U+%04X]", r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

// quoted shows a piece of what was typed, cut to a length that fits a sentence.
func quoted(s string) string {
	return "“" + cut(strings.Join(strings.Fields(visible(s)), " "), 60) + "”"
}

// cut shortens to most characters, with an ellipsis.
func cut(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}

// mrkdwn is a section of marked-up text: what people typed must be escaped.
func mrkdwn(text string) slack.Block {
	return slack.NewSectionBlock(slack.NewTextBlockObject(slack.MarkdownType, text, false, false), nil, nil)
}

// typed are sections that hold what somebody typed, whole, unparsed.
func typed(text string) []slack.Block {
	var blocks []slack.Block
	for r := []rune(visible(text)); len(r) > 0; {
		n := min(len(r), maxText)
		blocks = append(blocks, slack.NewSectionBlock(plain(string(r[:n])), nil, nil))
		r = r[n:]
	}
	return blocks
}

// small is a line of small print.
func small(text string) slack.Block {
	return slack.NewContextBlock("", slack.NewTextBlockObject(slack.MarkdownType, text, false, false))
}

func plain(text string) *slack.TextBlockObject {
	no := false
	return &slack.TextBlockObject{Type: slack.PlainTextType, Text: text, Emoji: &no}
}

// Moments are written for people in their own zone by Slack, and in UTC where
// Slack does not draw.
func moment(t time.Time) string {
	return fmt.Sprintf("<!date^%d^{date_short_pretty} {time}|%s> (%s)", t.Unix(), access.Clockface(t), t.UTC().Format("15:04 UTC"))
}

// person mentions somebody.
func person(p access.Person) string {
	if p.ID == "" || p.ID == access.Clock.ID {
		return "the clock"
	}
	return "<@" + escape(p.ID) + ">"
}

// what names the role and the account of a request.
func what(r access.Request) string {
	return "*" + escape(r.Role) + "* in *" + escape(r.AccountName) + "* (" + escape(r.Account) + ")"
}

// whatPlain is the same without markup.
func whatPlain(r access.Request) string {
	return r.Role + " in " + r.AccountName + " (" + r.Account + ")"
}
