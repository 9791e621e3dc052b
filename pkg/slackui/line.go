package slackui

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/aws-access/aws-access/pkg/access"
)

// Verbs of the command.
const (
	VerbForm = ""
	VerbHelp = "help"
	VerbList = "list"
	VerbAsk  = "ask"
)

// Line is what somebody typed after the command.
type Line struct {
	Verb           string
	Account, Role  string
	For            time.Duration
	Reason, Ticket string
}

// form is the one-line form, as help and refusals show it.
const lineForm = "/aws-access ACCOUNT ROLE TIME \"REASON\" [ticket=INC-42]"

// quotes are the pairs that a keyboard or a phone puts around a reason.
var quotes = map[rune]string{'"': `"`, '\'': `'`, '“': "”“", '”': "”", '„': "“”", '‘': "’‘", '«': "»", '‚': "‘’"}

// ParseLine reads the text of a command: nothing, help, list, or the one-line
// form. The reason stands in quotes, straight or typographic, and is kept as
// typed. length reads the time.
//
// Refusals: bad_line, bad_length, reason_too_long.
func ParseLine(text string, length func(string) (time.Duration, error)) (Line, error) {
	rest := strings.TrimSpace(text)
	switch strings.ToLower(rest) {
	case VerbForm, VerbHelp, VerbList:
		return Line{Verb: strings.ToLower(rest)}, nil
	}
	line := Line{Verb: VerbAsk}
	var long string
	for _, word := range []struct {
		into *string
		name string
	}{{&line.Account, "an account"}, {&line.Role, "a role"}, {&long, "a time, such as 2h"}} {
		*word.into, rest = cutWord(rest)
		if *word.into == "" {
			return Line{}, badLine("After " + quoted(text) + " I miss " + word.name + ".")
		}
		if first, _ := utf8.DecodeRuneInString(*word.into); quotes[first] != "" {
			return Line{}, badLine("Before the reason I miss " + word.name + ".")
		}
	}
	var err error
	if line.For, err = length(long); err != nil {
		return Line{}, access.Refuse("bad_length", quoted(long)+" is not a length of time.", "Write it with its unit, like 30m, 4h, 1h30m or 2d: `"+lineForm+"`.")
	}
	if line.Reason, rest, err = cutQuoted(rest); err != nil {
		return Line{}, err
	}
	if rest != "" {
		ticket, found := strings.CutPrefix(rest, "ticket=")
		if line.Ticket = ticket; !found || ticket == "" || strings.ContainsFunc(ticket, unicode.IsSpace) {
			return Line{}, badLine("I do not understand " + quoted(rest) + " after the reason.")
		}
	}
	if n := utf8.RuneCountInString(line.Reason); n > access.MaxReason {
		return Line{}, access.TooManyCharacters(n)
	}
	return line, nil
}

func badLine(what string) *access.Refusal {
	return access.Refuse("bad_line", what, "Write it like `"+lineForm+"`, or just /aws-access for a form.")
}

// cutWord cuts the first word off.
func cutWord(s string) (word, rest string) {
	i := strings.IndexFunc(s, unicode.IsSpace)
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.TrimSpace(s[i:])
}

// cutQuoted cuts a reason in quotes off. A quote inside it may be written with
// a backslash before it.
func cutQuoted(s string) (reason, rest string, err error) {
	open, size := utf8.DecodeRuneInString(s)
	ends := quotes[open]
	if s == "" || ends == "" {
		return "", "", badLine("I miss the reason in quotes.")
	}
	var text strings.Builder
	escaped := false
	for i, r := range s[size:] {
		switch {
		case !escaped && r == '\\' && strings.ContainsAny(ahead(s[size+i+1:]), ends+"\\"):
			escaped = true
			continue
		case !escaped && strings.ContainsRune(ends, r):
			after := s[size+i+utf8.RuneLen(r):]
			if next, _ := utf8.DecodeRuneInString(after); after != "" && !unicode.IsSpace(next) {
				break // an apostrophe, or a quote inside a word
			}
			return text.String(), strings.TrimSpace(after), nil
		}
		escaped = false
		text.WriteRune(r)
	}
	return "", "", badLine("The quote before the reason is not closed.")
}

// ahead is the first character of s.
func ahead(s string) string {
	_, size := utf8.DecodeRuneInString(s)
	return s[:size]
}
