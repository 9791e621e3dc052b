package awsfake

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// pattern is a text with wildcards and policy variables: a token for each
// character, wildcard and variable.
type pattern []token

// token is a character, a wildcard, or a variable: the condition key that it
// stands for, in lower case, and the text to take if the request has no value.
type token struct {
	char     rune
	key      string
	fallback string
}

// Values of token.char that are no characters.
const (
	anyRun   rune = -1 // "*": any characters, also none
	anyOne   rune = -2 // "?": exactly one character
	variable rune = -3 // "${...}"
)

// syntax says which special texts a place in a policy knows. Elsewhere they
// are plain text to IAM.
type syntax struct{ wildcards, variables bool }

func (x syntax) parse(value string) (pattern, error) {
	var p pattern
	for value != "" {
		t, size, err := x.next(value)
		if err != nil {
			return nil, err
		}
		p, value = append(p, t), value[size:]
	}
	return p, nil
}

// next reads the first token of a text, and its length in bytes.
func (x syntax) next(value string) (token, int, error) {
	if x.variables && strings.HasPrefix(value, "${") {
		body, _, closed := strings.Cut(value[2:], "}")
		if !closed {
			return token{}, 0, fmt.Errorf("variable without its closing brace in %q", value)
		}
		t, err := parseVariable(body)
		return t, len("${}") + len(body), err
	}
	char, size := utf8.DecodeRuneInString(value)
	switch {
	case x.wildcards && char == '*':
		char = anyRun
	case x.wildcards && char == '?':
		char = anyOne
	}
	return token{char: char}, size, nil
}

var variableBody = regexp.MustCompile(`^([^\s,']+)(?:, '([^'{}]+)')?$`)

// parseVariable reads what stands between the braces. ${*}, ${?} and ${$} are
// the characters themselves.
func parseVariable(body string) (token, error) {
	switch body {
	case "*", "?", "$":
		return token{char: rune(body[0])}, nil
	}
	parts := variableBody.FindStringSubmatch(body)
	if parts == nil {
		return token{}, fmt.Errorf("variable ${%s} cannot be read", body)
	}
	known, err := lookUpKey(parts[1])
	if err != nil {
		return token{}, err
	}
	if known.many || known.kind&(text|arn) == 0 {
		return token{}, fmt.Errorf("${%s} has no single text to put in its place", body)
	}
	return token{char: variable, key: strings.ToLower(parts[1]), fallback: parts[2]}, nil
}

// in puts values in the place of variables. It reports whether all have one: a
// key without value, or with an empty one, equals nothing. A wildcard in a
// value is a character like any other: who chooses a tag must not widen a policy.
func (p pattern) in(context requestContext) (glob []rune, ok bool) {
	glob = make([]rune, 0, len(p))
	for _, t := range p {
		if t.char != variable {
			glob = append(glob, t.char)
			continue
		}
		value := t.fallback
		if have := context[t.key]; len(have) > 0 && have[0] != "" {
			value = have[0]
		}
		if value == "" {
			return nil, false
		}
		glob = append(glob, []rune(value)...)
	}
	return glob, true
}

func (p pattern) matches(value string, context requestContext) bool {
	glob, ok := p.in(context)
	return ok && match(glob, []rune(value))
}

// match compares a whole text with characters and wildcards, in steps of at
// most len(glob)*len(text): it remembers the last "*" only, and lets it take one
// character more whenever what follows does not fit.
func match(glob, text []rune) bool {
	g, t, star, taken := 0, 0, -1, 0
	for t < len(text) {
		switch {
		case g < len(glob) && glob[g] == anyRun:
			star, taken = g, t
			g++
		case g < len(glob) && (glob[g] == anyOne || glob[g] == text[t]):
			g++
			t++
		case star >= 0:
			taken++
			g, t = star+1, taken
		default:
			return false
		}
	}
	for g < len(glob) && glob[g] == anyRun {
		g++
	}
	return g == len(glob)
}

// arnPattern is an ARN with wildcards. IAM compares each of the six parts by
// itself, so that a "*" does not reach past a colon, except in the last part.
type arnPattern [6]pattern

func (x syntax) parseARN(value string) (arnPattern, error) {
	p, err := x.parse(value)
	if err != nil {
		return arnPattern{}, err
	}
	var a arnPattern
	for i := range a[:5] {
		colon := slices.Index(p, token{char: ':'})
		if colon < 0 {
			return arnPattern{}, fmt.Errorf("%q has not the six parts of an ARN", value)
		}
		a[i], p = p[:colon], p[colon+1:]
	}
	a[5] = p
	if !strings.HasPrefix(value, "arn:") || len(a[1]) == 0 || len(a[2]) == 0 || len(a[5]) == 0 {
		return arnPattern{}, fmt.Errorf("%q is not an ARN", value)
	}
	return a, nil
}

// hasVariable says whether one of the first parts has a variable.
func (a arnPattern) hasVariable(parts int) bool {
	return slices.ContainsFunc(slices.Concat(a[:parts]...), func(t token) bool { return t.char == variable })
}

func (a arnPattern) matches(value string, context requestContext) bool {
	if !isARN(value) {
		return false
	}
	for i, part := range strings.SplitN(value, ":", len(a)) {
		if !a[i].matches(part, context) {
			return false
		}
	}
	return true
}
