package compiler

import (
	"regexp"
	"strings"
	"testing"
)

func TestPatternsMatchWholeNames(t *testing.T) {
	for _, c := range []struct {
		pattern, text string
		want          bool
	}{
		{"ReadOnly", "ReadOnly", true}, {"Read", "ReadOnly", false}, {"ReadOnly", "Read", false},
		{"readonly", "ReadOnly", false},
		{"*", "", true}, {"*", "anything", true}, {"Read*", "ReadOnly", true}, {"*Only", "ReadOnly", true},
		{"R*d*y", "ReadOnly", true},
		{"*a*a*", "a", false}, {"*a*a*", "aa", true}, {"a*a", "a", false}, {"a**b", "ab", true}, {"ab*ba", "aba", false},
		{"*-prod", "a-prod-b", false}, {"a*b*c", "abcd", false},
		{"pay.*", "payments", false}, {"pay?", "pays", false}, {"[a-z]*", "b", false}, {"", "", true}, {"", "x", false},
	} {
		if got := matches(c.pattern, c.text); got != c.want {
			t.Errorf("matches(%q, %q) is %v, want %v", c.pattern, c.text, got, c.want)
		}
	}
}

func TestPatternOfUnitMatchesUnitsBelowIt(t *testing.T) {
	for _, c := range []struct {
		pattern, unit string
		want          bool
	}{
		{"prod", "prod", true}, {"prod", "prod/payments", true}, {"prod", "production", false},
		{"prod/payments", "prod", false}, {"*/payments", "prod/payments/eu", true},
		{"*/payments", "a/b/payments", false}, {"p*", "prod/x", true}, {"*", "a/b", true},
	} {
		if got := matchesUnit(c.pattern, c.unit); got != c.want {
			t.Errorf("matchesUnit(%q, %q) is %v, want %v", c.pattern, c.unit, got, c.want)
		}
	}
}

// FuzzPattern compares patterns with regular expressions, and patterns of units with paths.
func FuzzPattern(f *testing.F) {
	for _, seed := range [][2]string{
		{"Read*", "ReadOnly"}, {"*a*b*", "xaxbx"}, {"a*a", "a"}, {"prod/*", "prod/x/y"}, {"**", ""}, {"\xff*", "\xff"},
	} {
		f.Add(seed[0], seed[1])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		parts := strings.Split(pattern, "*")
		for i := range parts {
			parts[i] = regexp.QuoteMeta(parts[i])
		}
		form, err := regexp.Compile("(?s)^" + strings.Join(parts, ".*") + "$")
		if err != nil || strings.ToValidUTF8(pattern+text, "") != pattern+text {
			return // a regular expression cannot express it
		}
		if got, want := matches(pattern, text), form.MatchString(text); got != want {
			t.Errorf("matches(%q, %q) is %v, want %v", pattern, text, got, want)
		}
		if matchesUnit(pattern, text) && !matchesUnit(pattern, text+"/below") {
			t.Errorf("%q matches the unit %q, but not a unit below it", pattern, text)
		}
		if !hasStar(pattern) && matchesUnit(pattern, text) != (text == pattern || strings.HasPrefix(text, pattern+"/")) {
			t.Errorf("matchesUnit(%q, %q) is %v", pattern, text, matchesUnit(pattern, text))
		}
	})
}
