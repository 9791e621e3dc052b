package awsfake

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// pattern is a string with wildcards and policy variables. It has one token for
// each character, wildcard and variable.
type pattern []token

// token is a character, a wildcard or a variable.
type token struct {
	char     rune
	key      string // of a variable: the condition key, in lower case
	fallback string // of a variable: its value if the request has none
}

// Values of token.char that are not characters.
const (
	anyRun   rune = -1 // "*": any number of characters, or none
	anyOne   rune = -2 // "?": exactly one character
	variable rune = -3 // "${...}"
)

// syntax says whether wildcards and variables have their special meaning at some
// place in a policy. Where they have not, IAM treats them as ordinary characters.
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

// next returns the first token of a string, and its length in bytes.
func (x syntax) next(value string) (token, int, error) {
	if x.variables && strings.HasPrefix(value, "${") {
		body, _, closed := strings.Cut(value[2:], "}")
		if !closed {
			return token{}, 0, fmt.Errorf("variable without a closing brace in %q", value)
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

// parseVariable parses the part between the braces. ${*}, ${?} and ${$} mean the
// characters themselves.
func parseVariable(body string) (token, error) {
	switch body {
	case "*", "?", "$":
		return token{char: rune(body[0])}, nil
	}
	parts := variableBody.FindStringSubmatch(body)
	if parts == nil {
		return token{}, fmt.Errorf("variable ${%s} cannot be parsed", body)
	}
	known, err := lookUpKey(parts[1])
	if err != nil {
		return token{}, err
	}
	if known.many || known.kind&(text|arn) == 0 {
		return token{}, fmt.Errorf("variable ${%s} does not have a single string as its value", body)
	}
	return token{char: variable, key: strings.ToLower(parts[1]), fallback: parts[2]}, nil
}

// expand replaces variables with their values. ok is false if one of them has no
// value or an empty one: then the pattern matches nothing. A wildcard in a value is
// an ordinary character, so that people who choose a tag's value cannot widen a
// policy.
func (p pattern) expand(context requestContext) (glob []rune, ok bool) {
	glob = make([]rune, 0, len(p))
	for _, t := range p {
		if t.char != variable {
			glob = append(glob, t.char)
			continue
		}
		value := t.fallback
		if values := context[t.key]; len(values) > 0 && values[0] != "" {
			value = values[0]
		}
		if value == "" {
			return nil, false
		}
		glob = append(glob, []rune(value)...)
	}
	return glob, true
}

func (p pattern) matches(value string, context requestContext) bool {
	glob, ok := p.expand(context)
	return ok && match(glob, []rune(value))
}

// match compares a whole text with characters and wildcards, in at most
// len(glob)*len(text) steps. It remembers only the last "*", and makes it match one
// more character each time the rest does not match.
func match(glob, text []rune) bool {
	g, t := 0, 0
	star, starEnd := -1, 0 // index of the last "*", and the end of its match in text
	for t < len(text) {
		switch {
		case g < len(glob) && glob[g] == anyRun:
			star, starEnd = g, t
			g++
		case g < len(glob) && (glob[g] == anyOne || glob[g] == text[t]):
			g++
			t++
		case star >= 0:
			starEnd++
			g, t = star+1, starEnd
		default:
			return false
		}
	}
	for g < len(glob) && glob[g] == anyRun {
		g++
	}
	return g == len(glob)
}

// arnPattern is an ARN with wildcards. IAM compares each of the six parts on its
// own, so a "*" matches no colon, except in the last part.
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
			return arnPattern{}, fmt.Errorf("%q does not have the six parts of an ARN", value)
		}
		a[i], p = p[:colon], p[colon+1:]
	}
	a[5] = p
	if !strings.HasPrefix(value, "arn:") || len(a[1]) == 0 || len(a[2]) == 0 || len(a[5]) == 0 {
		return arnPattern{}, fmt.Errorf("%q is not an ARN", value)
	}
	return a, nil
}

// hasVariable reports whether one of the first parts has a variable.
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
