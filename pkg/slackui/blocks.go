package slackui

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/slack-go/slack"
)

// Limits, in characters unless said otherwise. They are Slack's (docs/facts.md#e4) unless marked as this package's.
const (
	maxText    = 3000 // of a text object
	maxHeader  = 150  // of a header
	maxOption  = 75   // of an option's text and description
	maxAddress = 2000 // of a ticket's link: this package's, so that a line with a link fits
	maxName    = 100  // of a name in a sentence: this package's
	maxTyped   = 3500 // of one typed text on a card, which has at most two: this package's

	// MaxOptions is how many options a menu has at most.
	MaxOptions = 100
)

// Message is what is posted: blocks, and the text that notifications show in their place. Without blocks, the text is
// the message.
type Message struct {
	Text   string
	Blocks []slack.Block
}

// markupMessage is a message of one paragraph with markup: what people typed must be escaped in it.
func markupMessage(text string) Message {
	return Message{Text: truncateMarkup(text, maxText), Blocks: []slack.Block{section(text)}}
}

// plainMessage is a message of one paragraph that may quote what people typed: markup in it is shown as it is.
func plainMessage(text string) Message {
	text = truncate(visible(text), maxText)
	block := slack.NewSectionBlock(plainText(text), nil, nil)
	return Message{Text: truncateMarkup(escape(text), maxText), Blocks: []slack.Block{block}}
}

// markup is a text object with markup: what people typed must be escaped in it. It is verbatim, so that Slack adds no
// links and mentions to it.
func markup(text string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.MarkdownType, truncateMarkup(text, maxText), false, true)
}

// plainText is a text object in which Slack reads neither markup nor emoji.
func plainText(text string) *slack.TextBlockObject {
	no := false
	return &slack.TextBlockObject{Type: slack.PlainTextType, Text: text, Emoji: &no}
}

// section is a block of text with markup.
func section(text string) slack.Block { return slack.NewSectionBlock(markup(text), nil, nil) }

// sections are blocks of lines with markup, as few as Slack's limit allows.
func sections(lines ...string) []slack.Block {
	var blocks []slack.Block
	text := ""
	for _, line := range lines {
		line = truncateMarkup(line, maxText)
		if text == "" {
			text = line
			continue
		}
		if utf8.RuneCountInString(text)+1+utf8.RuneCountInString(line) > maxText {
			blocks = append(blocks, section(text))
			text = line
			continue
		}
		text += "\n" + line
	}
	if text == "" {
		return blocks
	}
	return append(blocks, section(text))
}

// fitLines keeps the first lines that fit into limit characters together, and says how many it leaves out.
func fitLines(lines []string, limit int) []string {
	maxLine := limit * 3 / 5
	for i, line := range lines {
		line = truncateMarkup(line, maxLine)
		if limit -= utf8.RuneCountInString(line) + 1; limit < 0 {
			return append(slices.Clone(lines[:i]), fmt.Sprintf("%d more lines are not shown here.", len(lines)-i))
		}
		lines[i] = line
	}
	return lines
}

// smallPrint is a line in small letters, with markup.
func smallPrint(text string) slack.Block { return slack.NewContextBlock("", markup(text)) }

// typedText shows what somebody typed without reading it as markup, between a label and a rule, so that no line of it
// can be taken for a line of the message.
func typedText(label, text string) []slack.Block {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	runes := []rune(visible(text))
	blocks := []slack.Block{smallPrint(label)}
	for piece := range slices.Chunk(runes[:min(len(runes), maxTyped)], maxText) {
		blocks = append(blocks, slack.NewSectionBlock(plainText(string(piece)), nil, nil))
	}
	if len(runes) > maxTyped {
		blocks = append(blocks, smallPrint("The rest is not shown here. The audit trail has the whole text."))
	}
	return append(blocks, slack.NewDividerBlock())
}

func button(label, action, value string, style slack.Style) *slack.ButtonBlockElement {
	b := slack.NewButtonBlockElement(action, value, plainText(label))
	b.Style = style
	return b
}

// actions is a row of buttons.
func actions(elements ...slack.BlockElement) slack.Block {
	return slack.NewActionBlock("", elements...)
}
