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
const lineForm = `/aws-access ACCOUNT ROLE TIME "REASON" [ticket=INC-42]`

// closers are what ends a reason, by what it begins with: a straight quote, or
// one that a phone or a language puts in its place.
var closers = map[rune]string{
	'"': `"`, '\'': `'`, '“': "”“", '”': "”", '„': "“”", '‟': "”", '‘': "’‘", '’': "’", '‚': "‘’",
	'«': "»", '»': "«»", '‹': "›", '›': "‹›",
}

// ParseLine reads the text of a command: nothing, help, list, or the one-line
// form. The reason stands in quotes, straight or typographic, and is kept as it
// was typed, line breaks and markup too; only a backslash before a quote goes.
// A reason without quotes is refused: where it ends would be a guess. length
// reads the time.
//
// Refusals: bad_line, bad_length, reason_too_long.
func ParseLine(text string, length func(string) (time.Duration, error)) (Line, error) {
	rest := strings.TrimSpace(text)
	switch verb := strings.ToLower(rest); verb {
	case VerbForm, VerbHelp, VerbList:
		return Line{Verb: verb}, nil
	}
	line := Line{Verb: VerbAsk}
	var long string
	for _, word := range [...]struct {
		into *string
		name string
	}{{&line.Account, "account"}, {&line.Role, "role"}, {&long, "time, such as 2h,"}} {
		*word.into, rest = cutWord(rest)
		first, _ := utf8.DecodeRuneInString(*word.into)
		if *word.into == "" || closers[first] != "" {
			return Line{}, badLine("The " + word.name + " is missing in " + quoted(text) + ".")
		}
	}
	var err error
	if line.For, err = length(long); err != nil || line.For <= 0 {
		return Line{}, access.Refuse("bad_length", quoted(long)+" is not a length of time.", "Write it with its unit, like 30m, 4h, 1h30m or 2d: "+lineForm)
	}
	if line.Reason, rest, err = cutQuoted(rest); err != nil {
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

// cutQuoted cuts a reason in quotes off. A quote ends it where a space or
// nothing follows, unless a backslash stands before it.
func cutQuoted(s string) (reason, rest string, err error) {
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
	return "", "", badLine("The quote before the reason is not closed.")
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
