package slackui

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/slack-go/slack"

	"github.com/aws-access/aws-access/pkg/access"
)

// Slack's limits, in characters unless said otherwise (docs/facts.md#e4).
const (
	maxText    = 3000 // of a text object
	maxHeader  = 150  // of a header
	maxOption  = 75   // of an option's text and description
	maxAddress = 2000 // of a link that we draw: our own bound, so that a line of them fits
	maxName    = 100  // of a name in a sentence: our own bound
	maxTyped   = 3500 // of one typed text on a card, which has at most two
	MaxOptions = 100  // options of a menu
)

// Message is what is posted: blocks, and the text that stands for them in
// notifications. Without blocks the text is the message.
type Message struct {
	Text   string
	Blocks []slack.Block
}

// escape makes text harmless inside mrkdwn: no mention, no link, no emoji, no
// formatting, no line of its own. Slack knows three entities; the characters
// that have none give way to others that look like them.
func escape(s string) string {
	s = strings.Join(strings.Fields(visible(s)), " ")
	s = emojiCode.ReplaceAllString(s, "꞉$1꞉")
	return entities.Replace(unformatted(s))
}

var (
	emojiCode = regexp.MustCompile(`:([a-z0-9_+'-]+):`)
	entities  = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
)

// lookalikes stand for the characters that format. A star, a low line or a
// tilde between two letters formats nothing, and stays.
var lookalikes = map[rune]rune{'*': '∗', '_': 'ˍ', '~': '∼', '`': 'ˋ'}

func unformatted(s string) string {
	runes := []rune(s)
	inWord := func(i int) bool {
		return i >= 0 && i < len(runes) && (unicode.IsLetter(runes[i]) || unicode.IsDigit(runes[i]))
	}
	next := make([]rune, len(runes))
	for i, r := range runes {
		next[i] = r
		if other, marks := lookalikes[r]; marks && (r == '`' || !inWord(i-1) || !inWord(i+1)) {
			next[i] = other
		}
	}
	return string(next)
}

// visible shows characters that reorder, hide or overwrite others by their
// number: what stands on a card is what was typed, in the order in which it was
// typed.
func visible(s string) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	if !strings.ContainsFunc(s, func(r rune) bool { return unseen(r) || stacks(r) }) && !strings.Contains(s, "\n\n\n") {
		return s
	}
	var b strings.Builder
	marks, lines := 0, 0
	for _, r := range s + "\x00" { // the end closes what is counted
		if stacks(r) {
			if marks++; marks <= maxMarks {
				b.WriteRune(r)
			}
			continue
		}
		if marks > maxMarks {
			fmt.Fprintf(&b, "[%d more marks]", marks-maxMarks)
		}
		marks = 0
		if r == '\n' {
			lines++
			continue
		}
		breaks(&b, lines)
		lines = 0
		if unseen(r) {
			fmt.Fprintf(&b, "[U+%04X]", r)
			continue
		}
		b.WriteRune(r)
	}
	return strings.TrimSuffix(b.String(), "[U+0000]")
}

// maxMarks is how many combining marks are drawn on one letter: more than any language writes.
const maxMarks = 4

// stacks reports whether a character is drawn above or below the one before it.
func stacks(r rune) bool { return unicode.In(r, unicode.Mn, unicode.Me) && !unseen(r) }

// breaks writes line breaks; of many empty lines it says how many there are.
func breaks(b *strings.Builder, n int) {
	if n <= 2 {
		b.WriteString(strings.Repeat("\n", n))
		return
	}
	fmt.Fprintf(b, "\n[%d empty lines]\n", n-1)
}

// unseen reports whether a character has no shape of its own. The two joiners
// are let through: emoji and scripts are made with them, and they move nothing.
func unseen(r rune) bool {
	switch r {
	case '\n', '\t', '\u200c', '\u200d':
		return false
	case '\u034f', '\u115f', '\u1160', '\u2800', '\u3164', '\uffa0': // fillers, which are letters or signs by name
		return true
	}
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
}

// quoted shows a piece of what was typed, cut to a length that fits a sentence.
func quoted(s string) string { return "“" + cut(oneLine(s), 60) + "”" }

// oneLine shows text that is not marked up without line breaks.
func oneLine(s string) string { return strings.Join(strings.Fields(visible(s)), " ") }

// cut shortens to most characters, with an ellipsis. It knows no markup: what
// is cut has to be escaped afterwards.
func cut(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return string([]rune(s)[:most-1]) + "…"
}

// clip shortens marked-up text to what a text object takes, at a space outside
// of < and >, so that neither a mention nor an entity is cut in two.
func clip(marked string) string { return clipTo(marked, maxText) }

// clipTo is clip to another length.
func clipTo(marked string, limit int) string {
	if utf8.RuneCountInString(marked) <= limit {
		return marked
	}
	end, n, inside := 0, 0, false
	for i, r := range marked {
		if n++; n >= limit {
			break
		}
		inside = r == '<' || inside && r != '>'
		if !inside && r == ' ' {
			end = i
		}
	}
	return marked[:end] + "…"
}

// fit keeps the first lines that have room in a length together, and says how
// many it leaves out.
func fit(lines []string, limit int) []string {
	longest := limit * 3 / 5
	for i, line := range lines {
		line = clipTo(line, longest)
		if limit -= utf8.RuneCountInString(line) + 1; limit < 0 {
			return append(slices.Clone(lines[:i]), fmt.Sprintf("%d more lines are not shown here.", len(lines)-i))
		}
		lines[i] = line
	}
	return lines
}

// paragraphs are sections of marked-up lines, as few as their limit allows.
func paragraphs(lines ...string) []slack.Block {
	var blocks []slack.Block
	text := ""
	for _, line := range lines {
		line = clip(line)
		if text == "" {
			text = line
			continue
		}
		if utf8.RuneCountInString(text)+1+utf8.RuneCountInString(line) > maxText {
			blocks = append(blocks, mrkdwn(text))
			text = line
			continue
		}
		text += "\n" + line
	}
	if text == "" {
		return blocks
	}
	return append(blocks, mrkdwn(text))
}

// marked is a text object with markup: what people typed must be escaped. It is
// verbatim, so that Slack makes no links and mentions of its own.
func marked(text string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.MarkdownType, clip(text), false, true)
}

// mrkdwn is a section of marked-up text.
func mrkdwn(text string) slack.Block { return slack.NewSectionBlock(marked(text), nil, nil) }

// typed are sections that hold what somebody typed, whole, unparsed, below a
// line that says so and above a rule: no line of it can pass for one of ours.
func typed(label, text string) []slack.Block {
	runes := []rune(visible(text))
	if strings.TrimSpace(text) == "" {
		return nil
	}
	blocks := []slack.Block{small(label)}
	for piece := range slices.Chunk(runes[:min(len(runes), maxTyped)], maxText) {
		blocks = append(blocks, slack.NewSectionBlock(plain(string(piece)), nil, nil))
	}
	if len(runes) > maxTyped {
		blocks = append(blocks, small("The rest is not shown here. The audit trail has the whole text."))
	}
	return append(blocks, slack.NewDividerBlock())
}

// small is a line of small print.
func small(text string) slack.Block { return slack.NewContextBlock("", marked(text)) }

func plain(text string) *slack.TextBlockObject {
	no := false
	return &slack.TextBlockObject{Type: slack.PlainTextType, Text: text, Emoji: &no}
}

// moment writes a time in the reader's own zone, as Slack does, and in UTC.
func moment(t time.Time) string {
	return fmt.Sprintf("<!date^%d^{date_short_pretty} {time}|%s> (%s)", t.Unix(), access.Clockface(t), t.UTC().Format("15:04 UTC"))
}

// person mentions somebody.
func person(p access.Person) string {
	switch {
	case access.IsPerson(p.ID):
		return "<@" + p.ID + ">"
	case p.ID == access.Clock.ID || p.Name == "":
		return "the clock"
	}
	return called(p.Name)
}

// channels mentions where a card stands.
func channels(ids []string) string {
	var all []string
	for _, id := range ids {
		if access.IsChannel(id) {
			all = append(all, "<#"+id+">")
		}
	}
	return strings.Join(all, ", ")
}

// called is a name in a marked-up sentence.
func called(name string) string { return escape(cut(oneLine(name), maxName)) }

// what names the role and the account of a request.
func what(r access.Request) string {
	return "*" + called(r.Role) + "* in *" + called(r.AccountName) + "* (" + called(r.Account) + ")"
}

// whatPlain is the same without markup, not escaped.
func whatPlain(r access.Request) string {
	return cut(oneLine(r.Role), maxName) + " in " + cut(oneLine(r.AccountName), maxName) + " (" + r.Account + ")"
}
