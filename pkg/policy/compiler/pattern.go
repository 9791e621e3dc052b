package compiler

import "strings"

// wild reports whether a pattern holds a star.
func wild(pattern string) bool { return strings.Contains(pattern, "*") }

// matches reports whether the whole of text is described by pattern, in which
// a star stands for any number of characters, none included. Nothing else is
// special. It looks at each part once: no pattern makes it slow.
func matches(pattern, text string) bool {
	head, rest, found := strings.Cut(pattern, "*")
	if !found {
		return pattern == text
	}
	if !strings.HasPrefix(text, head) {
		return false
	}
	text = text[len(head):]
	for {
		part, next, more := strings.Cut(rest, "*")
		if !more {
			return strings.HasSuffix(text, rest)
		}
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text, rest = text[i+len(part):], next
	}
}

// matchesUnit reports whether an organisational unit is described by pattern,
// or lies below one that is. Both are paths without a slash at the ends; a star
// stands for characters of one name, so a path cannot grow a level to fit.
func matchesUnit(pattern, unit string) bool {
	want, have := strings.Split(pattern, "/"), strings.Split(unit, "/")
	if len(have) < len(want) {
		return false
	}
	for i, part := range want {
		if !matches(part, have[i]) {
			return false
		}
	}
	return true
}
