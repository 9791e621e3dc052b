package compiler

import "strings"

// hasStar reports whether text is a pattern, that is, has a star.
func hasStar(text string) bool { return strings.Contains(text, "*") }

// matches reports whether a pattern matches the whole text. A star stands for any number of
// characters, including none; no other character is special. It looks at each part of the pattern
// once, so no pattern makes it slow.
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

// matchesUnit reports whether a pattern matches an organisational unit, or a unit above it. Both are
// paths without slashes at the ends. A star stands for characters of one name of the path, so a
// path cannot gain a level to fit.
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
