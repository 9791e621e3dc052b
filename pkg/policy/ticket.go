package policy

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// TicketFormat tells which texts are tickets. The zero TicketFormat accepts any line of text.
type TicketFormat struct{ whole *regexp.Regexp }

// NewTicketFormat returns the format of a regular expression that a whole ticket must match; ""
// accepts any line. Errors are those of regexp.Compile.
func NewTicketFormat(pattern string) (TicketFormat, error) {
	if pattern == "" {
		return TicketFormat{}, nil
	}
	// Compiled alone too: a pattern such as `a)|(b` is valid only inside of the brackets below.
	if _, err := regexp.Compile(pattern); err != nil {
		return TicketFormat{}, err
	}
	whole, err := regexp.Compile("^(?:" + pattern + ")$")
	return TicketFormat{whole}, err
}

// Accepts reports whether text is a ticket: one line of at most MaxTicketText characters, without
// spaces around it, that matches the pattern.
func (f TicketFormat) Accepts(text string) bool {
	return text != "" && text == strings.TrimSpace(text) && oneShortLine(text) && f.matches(text)
}

func oneShortLine(text string) bool {
	return utf8.RuneCountInString(text) <= MaxTicketText && !strings.ContainsAny(text, "\r\n")
}

func (f TicketFormat) matches(text string) bool { return f.whole == nil || f.whole.MatchString(text) }
