package people

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/client"
)

// requestLine is the command that asks for a target.
func (e *Env) requestLine(t Target) string {
	line := "aws-access request " + t.As.words()
	if strings.HasPrefix(t.Account, "-") || strings.HasPrefix(t.Role, "-") {
		line += "-- " // or they would be flags
	}
	return line + shellWord(t.Account) + " " + shellWord(t.Role) + " 1h REASON"
}

// shellWord writes a word of a command line so that a shell reads it as one word and does nothing else.
// An account may be called like a command.
func shellWord(word string) string {
	plainWord := word != "" && word[0] != '-' && !strings.ContainsFunc(word, func(c rune) bool {
		return !isASCIIWord(c) && !strings.ContainsRune("._-@+=:/", c)
	})
	switch {
	case plainWord:
		return word
	case runtime.GOOS == "windows":
		return powershellWord(word)
	}
	return unixWord(word)
}

// isASCIIWord reports whether c is a letter or digit of ASCII.
func isASCIIWord(c rune) bool {
	return c < unicode.MaxASCII && (unicode.IsLetter(c) || unicode.IsDigit(c))
}

// unixWord quotes a word for sh, bash and zsh.
func unixWord(word string) string { return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'" }

// powershellWord quotes a word for PowerShell, which takes typographic quotes for straight ones.
func powershellWord(word string) string {
	return "'" + strings.NewReplacer("'", "''", "‘", "‘‘", "’", "’’", "‚", "‚‚", "‛", "‛‛").Replace(word) + "'"
}

// fishWord quotes a word for fish, which reads a backslash in quotes.
func fishWord(word string) string {
	return "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(word) + "'"
}

// clock turns times of the server into those of this computer.
type clock struct {
	now time.Time // by this computer
	gap time.Duration
}

func clockOf(a client.Answer) clock { return clock{a.Sent, a.Sent.Sub(a.Time)} }

// at writes a time for people, with its zone and how far away it is.
func (c clock) at(t *time.Time) string {
	if t == nil || t.IsZero() {
		return ""
	}
	local := t.Add(c.gap).Local()
	layout := "15:04 MST"
	if local.YearDay() != c.now.Local().YearDay() || local.Year() != c.now.Local().Year() {
		layout = "2 Jan 2006 15:04 MST"
	}
	d := local.Sub(c.now)
	far := access.FormatLength(d.Abs().Round(time.Minute))
	switch {
	case d.Abs() < time.Minute/2:
		far = "now"
	case d > 0:
		far = "in " + far
	default:
		far += " ago"
	}
	return local.Format(layout) + " (" + far + ")"
}

// table prints rows in columns.
func table(w io.Writer, rows [][]string) {
	tabs := tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)
	for _, row := range rows {
		for i, cell := range row {
			row[i] = plain(cell)
		}
		_, _ = fmt.Fprintln(tabs, strings.Join(row, "\t"))
	}
	_ = tabs.Flush() // nobody reads it
}

// printJSON prints what an answer holds. Characters that plain removes are written as escapes, because a
// terminal may show them.
func printJSON(w io.Writer, v any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(v); err != nil {
		return fmt.Errorf("write the answer as JSON: %w", err)
	}
	for _, c := range text.String() {
		if c == '\n' || !moves(c) {
			printf(w, "%c", c)
			continue
		}
		if c > 0xffff {
			c -= 0x10000
			printf(w, `\u%04x\u%04x`, 0xd800+(c>>10), 0xdc00+(c&0x3ff))
			continue
		}
		printf(w, `\u%04x`, c)
	}
	return nil
}

// moves reports whether a character moves the cursor, colours the terminal, cannot be seen, or changes
// the order of other text.
func moves(c rune) bool {
	return unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) || c == unicode.ReplacementChar ||
		c == '\u2028' || c == '\u2029' ||
		unicode.Is(unicode.Cf, c) && c != '\u200d' && c != '\u200c' // joiners of emoji and Persian
}
