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

// lineForm is the one-line form, as help and refusals show it.
const lineForm = `/aws-access ACCOUNT ROLE TIME "REASON" [ticket=TICKET]`

// closers are what ends text in quotes, by what it begins with: a straight quote, or
// one that a phone or a language puts in its place.
var closers = map[rune]string{
	'"': `"`, '\'': `'`, '“': "”“", '”': "”", '„': "“”", '‟': "”", '‘': "’‘", '’': "’", '‚': "‘’",
	'«': "»", '»': "«»", '‹': "›", '›': "‹›",
}

// ParseLine reads the text of a command: nothing, help, list, or the one-line form. The reason stands in quotes,
// straight or typographic, and is kept as it was typed, line breaks and markup too; only a backslash before a quote
// goes. A reason without quotes is refused: where it ends would be a guess. A name with spaces stands in quotes too,
// for the same reason. The time is what stands between role and reason, in one word or more; length reads it.
//
// Refusals: bad_line, bad_length, reason_too_long.
func ParseLine(text string, length func(string) (time.Duration, error)) (Line, error) {
	rest := strings.TrimSpace(text)
	switch verb := strings.ToLower(rest); verb {
	case VerbForm, VerbHelp, VerbList:
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
		return Line{}, access.TooManyCharacters(n)
	}
	return line, nil
}

// cutName cuts an account or a role off: one word, or several in quotes. Quotes that end the line are the reason.
func cutName(s, what, text string) (name, rest string, err error) {
	if !opensQuote(s) {
		name, rest = cutWord(s)
	} else if name, rest, err = cutQuoted(s, what); err != nil {
		return "", "", err
	} else if rest == "" {
		name = ""
	}
	if strings.TrimSpace(name) == "" {
		return "", "", badLine("The " + what + " is missing in " + quoted(text) + ".")
	}
	return name, rest, nil
}

// cutLength cuts the time off, in as many words as can be read as one length.
func cutLength(s, text string, length func(string) (time.Duration, error)) (d time.Duration, rest string, err error) {
	words, after := 0, s // before the quotes that begin the reason
	for after != "" && !opensQuote(after) && words < maxTimeWords {
		_, after = cutWord(after)
		words++
	}
	if words == 0 {
		return 0, "", badLine("The time, such as 2h, is missing in " + quoted(text) + ".")
	}
	for n := words; n > 0; n-- {
		long, rest := cutWords(s, n)
		if d, err := length(long); err == nil {
			return d, rest, nil
		}
	}
	if opensQuote(after) && endsInLength(s, words, length) {
		return 0, "", badLine("There are too many words before the time in " + quoted(text) +
			". Put a name with spaces in quotes, or write the account's 12 digits.")
	}
	long, _ := cutWords(s, 1)
	if opensQuote(after) {
		long, _ = cutWords(s, words)
	}
	return 0, "", access.Refuse("bad_length", quoted(long)+" is not a length of time.",
		"Write it with its unit, like 30m, 2 hours, 1h30m or 2d: "+lineForm)
}

// maxTimeWords is more words than a length has: 1 day 2 hours 30 minutes.
const maxTimeWords = 8

// endsInLength reports whether the first words end in a time: an account of several words stands without quotes.
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

func badLine(what string) error {
	return access.Refuse("bad_line", what, "Write it like "+lineForm+", or just /aws-access for a form.")
}

// cutWord cuts the first word off.
func cutWord(s string) (word, rest string) {
	i := strings.IndexFunc(s, unicode.IsSpace)
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.TrimSpace(s[i:])
}

// cutWords cuts the first n words off.
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

// cutQuoted cuts text in quotes off. A quote ends it where a space or nothing
// follows, unless a backslash stands before it.
func cutQuoted(s, what string) (text, rest string, err error) {
	first, size := utf8.DecodeRuneInString(s)
	ends := closers[first]
	if ends == "" {
		return "", "", badLine("The reason in quotes is missing after the time.")
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
	return "", "", badLine("The quote before the " + what + " is not closed.")
}

// cutTicket reads what stands after the reason: nothing, or a ticket.
func cutTicket(s string) (string, error) {
	if s == "" {
		return "", nil
	}
	name, ticket, found := strings.Cut(s, "=")
	if !found || ticket == "" || !strings.EqualFold(name, "ticket") || strings.ContainsFunc(ticket, notInTicket) {
		return "", badLine(quoted(s) + " after the reason is not understood.")
	}
	return ticket, nil
}

// notInTicket refuses spaces and quotes: with them, the reason ended elsewhere
// than its writer thought.
func notInTicket(r rune) bool { return unicode.IsSpace(r) || closers[r] != "" }
