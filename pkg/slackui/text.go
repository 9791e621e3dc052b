package slackui

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/aws-access/aws-access/pkg/access"
)

// formatTime writes a time in the reader's own zone, as Slack does, and in UTC.
func formatTime(t time.Time) string {
	return fmt.Sprintf("<!date^%d^{date_short_pretty} {time}|%s> (%s)",
		t.Unix(), access.FormatTime(t), t.UTC().Format("15:04 UTC"))
}

// roleIn names the role and the account of a request, with markup.
func roleIn(r access.Request) string {
	return "*" + shortName(r.Role) + "* in *" + shortName(r.AccountName) + "* (" + shortName(r.Account) + ")"
}

// roleInPlain is roleIn without markup. It is not escaped.
func roleInPlain(r access.Request) string {
	role, account := truncate(oneLine(r.Role), maxName), truncate(oneLine(r.AccountName), maxName)
	return role + " in " + account + " (" + r.Account + ")"
}

// mention mentions a person, or names the clock.
func mention(p access.Person) string {
	switch {
	case access.IsPerson(p.ID):
		return "<@" + p.ID + ">"
	case p.ID == access.Clock.ID || p.Name == "":
		return "the clock"
	}
	return shortName(p.Name)
}

// mentionChannels mentions channels, "" for none.
func mentionChannels(ids []string) string {
	var all []string
	for _, id := range ids {
		if access.IsChannel(id) {
			all = append(all, "<#"+id+">")
		}
	}
	return strings.Join(all, ", ")
}

// approverNames are groups and people by the names that the policy gives them. People are mentioned.
func approverNames(all []string) string {
	shown := make([]string, 0, len(all))
	for _, name := range all {
		if access.IsPerson(name) {
			shown = append(shown, "<@"+name+">")
			continue
		}
		shown = append(shown, shortName(name))
	}
	return strings.Join(shown, " or ")
}

// shortName is a name within a sentence with markup.
func shortName(name string) string { return escape(truncate(oneLine(name), maxName)) }

// quoted is an excerpt in quotes. It is not escaped.
func quoted(s string) string { return "“" + excerpt(s) + "”" }

// excerpt is the beginning of what was typed, as much as fits into a sentence. It is not escaped.
func excerpt(s string) string { return truncate(oneLine(s), 60) }

// oneLine is text without line breaks. It is not escaped.
func oneLine(s string) string { return strings.Join(strings.Fields(visible(s)), " ") }

// plainTicket is a ticket that has no effect as markup. (A counted repetition in the pattern would cost each start of a
// function a millisecond.)
var plainTicket = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9./#-]*$`)

// isPlainTicket reports whether a ticket can be the text of a link.
func isPlainTicket(ticket string) bool {
	const maxTicket = 100
	return len(ticket) <= maxTicket && plainTicket.MatchString(ticket)
}

// linkAddress makes an address safe within the markup of a link: it percent-encodes every byte that does not belong
// into an address, or would end the link.
func linkAddress(link string) string {
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

// escape makes text harmless within markup: no mention, no link, no emoji, no formatting, no new line. Slack knows
// three entities; characters that have none are replaced by others that look like them.
func escape(s string) string {
	s = strings.Join(strings.Fields(visible(s)), " ")
	s = emojiCode.ReplaceAllString(s, "꞉$1꞉")
	return entities.Replace(unformatted(s))
}

var (
	emojiCode = regexp.MustCompile(`:([a-z0-9_+'-]+):`)
	entities  = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
)

// lookalikes replace the characters that format text.
var lookalikes = map[rune]rune{'*': '∗', '_': 'ˍ', '~': '∼', '`': 'ˋ'}

// unformatted replaces the characters that format text. A star, an underscore or a tilde between two letters formats
// nothing, and stays.
func unformatted(s string) string {
	runes := []rune(s)
	inWord := func(i int) bool {
		return i >= 0 && i < len(runes) && (unicode.IsLetter(runes[i]) || unicode.IsDigit(runes[i]))
	}
	next := make([]rune, len(runes))
	for i, r := range runes {
		next[i] = r
		if other, formats := lookalikes[r]; formats && (r == '`' || !inWord(i-1) || !inWord(i+1)) {
			next[i] = other
		}
	}
	return string(next)
}

// visible writes characters that reorder, hide or overwrite others as their number, so that people see what was typed,
// in the order in which it was typed. It limits combining marks and empty lines, which could cover or push away the
// rest of a message.
func visible(s string) string {
	s = strings.ReplaceAll(s, "\r\n", "\n")
	if !strings.ContainsFunc(s, func(r rune) bool { return invisible(r) || combines(r) }) &&
		!strings.Contains(s, "\n\n\n") {
		return s
	}
	var b strings.Builder
	marks, lines := 0, 0
	for _, r := range s + "\x00" { // the NUL flushes the counts, and is removed below
		if combines(r) {
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
		writeBreaks(&b, lines)
		lines = 0
		if invisible(r) {
			fmt.Fprintf(&b, "[U+%04X]", r)
			continue
		}
		b.WriteRune(r)
	}
	return strings.TrimSuffix(b.String(), "[U+0000]")
}

// maxMarks is how many combining marks a letter may have: more than any language writes.
const maxMarks = 4

// combines reports whether a character is drawn above or below the one before it.
func combines(r rune) bool { return unicode.In(r, unicode.Mn, unicode.Me) && !invisible(r) }

// writeBreaks writes n line breaks. Instead of many empty lines, it writes how many there are.
func writeBreaks(b *strings.Builder, n int) {
	if n <= 2 {
		b.WriteString(strings.Repeat("\n", n))
		return
	}
	fmt.Fprintf(b, "\n[%d empty lines]\n", n-1)
}

// invisible reports whether a character has no shape of its own. The two joiners are not counted: emoji and scripts
// need them, and they move nothing.
func invisible(r rune) bool {
	switch r {
	case '\n', '\t', '\u200c', '\u200d':
		return false
	case '\u034f', '\u115f', '\u1160', '\u2800', '\u3164', '\uffa0': // fillers: letters or signs by their category
		return true
	}
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp)
}

// truncate shortens text to limit characters, with an ellipsis. It must not be used on escaped text or markup.
func truncate(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	return string([]rune(s)[:limit-1]) + "…"
}

// truncateMarkup shortens text with markup to limit characters. It cuts at a space outside of < and >, so that neither
// a mention nor an entity is cut in two.
func truncateMarkup(s string, limit int) string {
	if utf8.RuneCountInString(s) <= limit {
		return s
	}
	end, n, inside := 0, 0, false
	for i, r := range s {
		if n++; n >= limit {
			break
		}
		inside = r == '<' || inside && r != '>'
		if !inside && r == ' ' {
			end = i
		}
	}
	return s[:end] + "…"
}
