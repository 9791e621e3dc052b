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
	VerbForm    = ""
	VerbHelp    = "help"
	VerbList    = "list"
	VerbAsk     = "ask"
	VerbLogin   = "login"
	VerbDevices = "devices"
	VerbRevoke  = "revoke"
)

// Line is what somebody typed after the command.
type Line struct {
	Verb           string
	Account, Role  string
	For            time.Duration
	Reason, Ticket string
}

// closers are the quotes that can end a quoted text, by the quote that begins it: a straight quote, or one that a phone
// or a language puts in its place.
var closers = map[rune]string{
	'"': `"`, '\'': `'`, '“': "”“", '”': "”", '„': "“”", '‟': "”", '‘': "’‘", '’': "’", '‚': "‘’",
	'«': "»", '»': "«»", '‹': "›", '›': "‹›",
}

// ParseLine reads the text of a command: nothing, help, list, login, devices, revoke, or the one-line form. The reason
// must be in quotes, straight or typographic, because otherwise its end would be a guess. It is kept as it was typed,
// with line breaks and markup; only a backslash before a quote is removed. A name with spaces must be in quotes for the
// same reason. All words between the role and the reason are the time, which length reads.
//
// Refusals: bad_line, bad_length, reason_too_long.
func ParseLine(text string, length func(string) (time.Duration, error)) (Line, error) {
	rest := strings.TrimSpace(text)
	switch verb := strings.ToLower(rest); verb {
	case VerbForm, VerbHelp, VerbList, VerbLogin, VerbDevices, VerbRevoke:
		return Line{Verb: verb}, nil
	}
	line := Line{Verb: VerbAsk}
	var err error
	if line.Account, rest, err = cutName(rest, "account", text); err != nil {
		return Line{}, err
	}
	if line.Role, rest, err = cutName(rest, "role", text); err != nil {
		return Line{}, err
	}
	if line.For, rest, err = cutLength(rest, text, length); err != nil {
		return Line{}, err
	}
	if line.Reason, rest, err = cutQuoted(rest, "reason"); err != nil {
		return Line{}, err
	}
	if line.Ticket, err = cutTicket(rest); err != nil {
		return Line{}, err
	}
	if n := utf8.RuneCountInString(line.Reason); n > access.MaxReason {
		return Line{}, access.RefuseReasonTooLong(n)
	}
	return line, nil
}

// cutName cuts off an account or a role: one word, or several in quotes. A quoted text at the end of the line is the
// reason, and no name.
func cutName(s, what, text string) (name, rest string, err error) {
	if !opensQuote(s) {
		name, rest = cutWord(s)
	} else if name, rest, err = cutQuoted(s, what); err != nil {
		return "", "", err
	} else if rest == "" {
		name = ""
	}
	if strings.TrimSpace(name) == "" {
		return "", "", access.RefuseLineWithout(what, excerpt(text))
	}
	return name, rest, nil
}

// cutLength cuts off the time: as many words as length can read as one length.
func cutLength(s, text string, length func(string) (time.Duration, error)) (d time.Duration, rest string, err error) {
	words, after := 0, s // the words before the quote that begins the reason, and the text after them
	for after != "" && !opensQuote(after) && words < maxTimeWords {
		_, after = cutWord(after)
		words++
	}
	if words == 0 {
		return 0, "", access.RefuseLineWithoutTime(excerpt(text))
	}
	for n := words; n > 0; n-- {
		long, rest := cutWords(s, n)
		if d, err := length(long); err == nil {
			return d, rest, nil
		}
	}
	if opensQuote(after) && endsInLength(s, words, length) {
		return 0, "", access.RefuseLineWords(excerpt(text))
	}
	long, _ := cutWords(s, 1)
	if opensQuote(after) {
		long, _ = cutWords(s, words)
	}
	return 0, "", access.RefuseLineLength(excerpt(long))
}

// maxTimeWords is more than a length needs: "1 day 2 hours 30 minutes" has six words.
const maxTimeWords = 8

// endsInLength reports whether the first words end with a time. Then the words before it are probably an account of
// several words without quotes.
func endsInLength(s string, words int, length func(string) (time.Duration, error)) bool {
	for ; words > 1; words-- {
		_, s = cutWord(s)
		long, _ := cutWords(s, words-1)
		if _, err := length(long); err == nil {
			return true
		}
	}
	return false
}

// cutWord cuts off the first word.
func cutWord(s string) (word, rest string) {
	i := strings.IndexFunc(s, unicode.IsSpace)
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.TrimSpace(s[i:])
}

// cutWords cuts off the first n words.
func cutWords(s string, n int) (words, rest string) {
	rest = s
	for range n {
		_, rest = cutWord(rest)
	}
	return strings.TrimSpace(s[:len(s)-len(rest)]), rest
}

// opensQuote reports whether text begins with a quote.
func opensQuote(s string) bool {
	first, _ := utf8.DecodeRuneInString(s)
	return closers[first] != ""
}

// cutQuoted cuts off a text in quotes. A closing quote ends it only if a space or nothing follows, and no backslash is
// before it. what names the text in refusals.
func cutQuoted(s, what string) (text, rest string, err error) {
	first, size := utf8.DecodeRuneInString(s)
	ends := closers[first]
	if ends == "" {
		return "", "", access.RefuseLineWithoutReason()
	}
	var kept strings.Builder
	escaped := false
	for s = s[size:]; s != ""; s = s[size:] {
		var r, next rune
		r, size = utf8.DecodeRuneInString(s)
		next, _ = utf8.DecodeRuneInString(s[size:])
		if r == '\\' && !escaped && strings.ContainsRune(ends, next) {
			escaped = true
			continue
		}
		if !escaped && strings.ContainsRune(ends, r) && (s[size:] == "" || unicode.IsSpace(next)) {
			return kept.String(), strings.TrimSpace(s[size:]), nil
		}
		escaped = false
		kept.WriteString(s[:size])
	}
	return "", "", access.RefuseLineQuote(what)
}

// cutTicket reads the rest after the reason: nothing, or a ticket.
func cutTicket(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	name, ticket, found := strings.Cut(s, "=")
	if !found || ticket == "" || !strings.EqualFold(name, "ticket") || strings.ContainsFunc(ticket, notInTicket) {
		return "", access.RefuseLineRest(excerpt(s))
	}
	return ticket, nil
}

// notInTicket reports whether a character is a space or a quote. A ticket with one of them means that the reason ended
// earlier than its author thought.
func notInTicket(r rune) bool { return unicode.IsSpace(r) || closers[r] != "" }
