package awsconfig

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// Exists says that profiles of the block exist outside it too.
type Exists struct{ Profiles []Twice }

// Twice is a profile that stands outside the block and in it.
type Twice struct {
	Profile string
	Outside int   // line of the file, the first is 1
	Inside  int   // line that it has in the block, after the block is written
	SSO     []int // lines of sso_* keys of the one outside
}

func (e *Exists) Error() string {
	lines := make([]string, 0, len(e.Profiles))
	for _, p := range e.Profiles {
		text := fmt.Sprintf("profile %s exists in line %d and would be line %d of the block", p.Profile, p.Outside,
			p.Inside)
		if len(p.SSO) > 0 {
			text += fmt.Sprintf(" (the sso_ key in line %d would win)", p.SSO[0])
		}
		lines = append(lines, text)
	}
	return "write profiles: " + strings.Join(lines, "; ") + "; rename the one outside, or use --prefix"
}

// Replace returns the text of a configuration file with the block in the place of its old block, or at its end. Every
// byte outside the block stays; a line feed is added before a block that would begin within a line. The block
// gets the line ends of the file. An empty block removes the old one.
//
// Errors: *Exists, or that the marks of the block are damaged, or that the text is UTF-16.
func Replace(text, block []byte) ([]byte, error) {
	before, after, err := cut(text)
	if err != nil {
		return nil, err
	}
	old := text[len(before) : len(text)-len(after)]
	if crlf(old) || len(old) == 0 && crlf(text) {
		block = bytes.ReplaceAll(block, []byte("\n"), []byte("\r\n"))
	}
	if n := len(before); len(block) > 0 && n > 0 && before[n-1] != '\n' && !bytes.Equal(before, utf8BOM) {
		block = slices.Concat(block[len(block)-ending(block):], block)
	}
	next := slices.Concat(before, block, after)
	return next, checkNames(next, len(before), len(before)+len(block))
}

var utf8BOM = []byte("\xef\xbb\xbf")

// ending is the length of the line end of a block: 1 or 2.
func ending(block []byte) int {
	if bytes.HasSuffix(block, []byte("\r\n")) {
		return 2
	}
	return 1
}

// crlf reports whether the first line of the text ends like those of Windows.
func crlf(text []byte) bool {
	i := bytes.IndexByte(text, '\n')
	return i > 0 && text[i-1] == '\r'
}

// cut returns what stands before and after the block.
func cut(text []byte) (before, after []byte, err error) {
	if bytes.HasPrefix(text, []byte("\xff\xfe")) || bytes.HasPrefix(text, []byte("\xfe\xff")) {
		return nil, nil, errors.New("read the configuration: it is UTF-16, which SDKs do not read; save it as UTF-8")
	}
	from, to := -1, -1
	beginLine, endLine := 0, 0
	for l := range linesOf(text) {
		if l.number == 1 && bytes.HasPrefix(l.text, utf8BOM) {
			l.from, l.text = len(utf8BOM), l.text[len(utf8BOM):]
		}
		content := strings.TrimSpace(string(l.text))
		isBegin, isEnd := isMark(content, begin), isMark(content, end)
		switch {
		case isBegin && from >= 0:
			return nil, nil, fmt.Errorf("read the block: it begins in line %d and again in line %d; remove one of them",
				beginLine, l.number)
		case isEnd && to >= 0:
			return nil, nil, fmt.Errorf("read the block: it ends in line %d and again in line %d; remove one of them",
				endLine, l.number)
		case isEnd && from < 0:
			return nil, nil, fmt.Errorf("read the block: it ends in line %d and begins nowhere before; remove that line",
				l.number)
		case isBegin:
			from, beginLine = l.from, l.number
		case isEnd:
			to, endLine = l.to, l.number
		}
	}
	switch {
	case from < 0:
		return text, nil, nil
	case to < 0:
		return nil, nil, fmt.Errorf("read the block: it begins in line %d and ends nowhere; add the line %q where it ends",
			beginLine, end)
	}
	return text[:from], text[to:], checkAfter(text[to:], endLine)
}

// isMark reports whether a line is one of the marks. Words may follow it.
func isMark(line, mark string) bool {
	rest, ok := strings.CutPrefix(line, mark)
	return ok && (rest == "" || rest[0] == ' ')
}

// checkAfter refuses keys that follow the block without a section of their own: they would belong to the
// block's last profile.
func checkAfter(after []byte, line int) error {
	for l := range linesOf(after) {
		text := strings.TrimSpace(string(l.text))
		if text == "" || text[0] == '#' || text[0] == ';' {
			continue
		}
		if l.text[0] != '[' {
			return fmt.Errorf("read the block: line %d would belong to its last profile; move it above the block",
				line+l.number)
		}
		return nil
	}
	return nil
}

// checkNames finds the profiles of the block, which is text[from:to], outside it.
func checkNames(text []byte, from, to int) error {
	inside, outside := make(map[string]int), make([]section, 0)
	for _, s := range sections(text) {
		if s.from < from || s.from >= to {
			outside = append(outside, s)
			continue
		}
		for _, name := range s.names {
			inside[name] = s.line
		}
	}
	var found []Twice
	for _, s := range outside {
		for _, name := range s.names {
			line, ok := inside[name]
			if !ok {
				continue
			}
			twice := Twice{Profile: name, Outside: s.line, Inside: line}
			for _, k := range s.keys {
				if strings.HasPrefix(k.name, "sso_") {
					twice.SSO = append(twice.SSO, k.line)
				}
			}
			found = append(found, twice)
			break
		}
	}
	if len(found) > 0 {
		return &Exists{found}
	}
	return nil
}

// section is one section of a file.
type section struct {
	names []string // of the profile that this is, however a reader takes the line; none if it is no profile
	line  int
	from  int // offset
	keys  []key
}

type key struct {
	name string // in lower case
	line int
}

// sections finds the sections that any of the SDKs would find. Where they differ, the result has what either
// of them reads: a section too many leads to a clear error, and one too few to a wrong profile.
func sections(text []byte) []section {
	var found []section
	for l := range linesOf(text) {
		line := strings.TrimSpace(strings.TrimPrefix(string(l.text), string(utf8BOM)))
		switch {
		case strings.HasPrefix(line, "["):
			found = append(found, section{names: profileNames(line), line: l.number, from: l.from})
		case line == "" || line[0] == '#' || line[0] == ';' || len(found) == 0:
		default:
			name, _, ok := strings.Cut(line, "=")
			if colon, _, found := strings.Cut(line, ":"); found && (!ok || len(colon) < len(name)) {
				name, ok = colon, true
			}
			if ok {
				last := &found[len(found)-1]
				last.keys = append(last.keys, key{strings.ToLower(strings.TrimSpace(name)), l.number})
			}
		}
	}
	return found
}

// profileNames returns the names that the profile of a section may have: its header ends at the first or at
// the last bracket, quotes may stand around the name, and some SDKs take [NAME] for a profile too.
func profileNames(header string) []string {
	first, _, _ := strings.Cut(header[1:], "]")
	last := header[1:]
	if i := strings.LastIndexByte(last, ']'); i >= 0 {
		last = last[:i]
	}
	var names []string
	for _, name := range []string{first, last} {
		name = strings.TrimSpace(name)
		if rest, ok := strings.CutPrefix(name, "profile"); ok && rest != "" && strings.ContainsRune(" \t\"'", rune(rest[0])) {
			name = rest
		}
		name = strings.TrimSpace(strings.NewReplacer(`"`, "", `'`, "", `\`, "").Replace(name))
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// line is one line of a file, without its end.
type line struct {
	number   int // the first is 1
	from, to int // offsets; to includes the end of the line
	text     []byte
}

// linesOf splits a text as both readers do: Python ends a line at a lone carriage return too.
func linesOf(text []byte) func(func(line) bool) {
	return func(yield func(line) bool) {
		for number, from := 1, 0; from < len(text); number++ {
			to, stop := len(text), len(text)
			if i := bytes.IndexAny(text[from:], "\r\n"); i >= 0 {
				stop, to = from+i, from+i+1
				if bytes.HasPrefix(text[stop:], []byte("\r\n")) {
					to++
				}
			}
			if !yield(line{number, from, to, text[from:stop]}) {
				return
			}
			from = to
		}
	}
}
