package compiler

import (
	"regexp/syntax"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"github.com/aws-access/aws-access/pkg/policy"
)

// defaultExample is the ticket that people are shown if the policy says nothing of tickets.
const defaultExample = "INC-42"

// ticket reads settings.ticket.
func (r *reader) ticket(n *yaml.Node, s *policy.Settings) {
	var format policy.TicketFormat
	var example *yaml.Node
	ok := r.object(n, "ticket",
		field{"pattern", false, func(n *yaml.Node) { s.TicketPattern, format = r.ticketPattern(n) }},
		field{"example", false, func(n *yaml.Node) { example = n }},
		field{"link", false, func(n *yaml.Node) { s.TicketLink = r.ticketLink(n) }},
	)
	switch {
	case !ok:
	case example != nil:
		r.ticketExample(example, s, format)
	case s.TicketPattern != "":
		if s.TicketExample = exampleOf(s.TicketPattern); !format.Accepts(s.TicketExample) {
			r.wrong(n, "no example can be made from the ticket pattern; write example: with a ticket that people know")
		}
	}
}

func (r *reader) ticketPattern(n *yaml.Node) (string, policy.TicketFormat) {
	text, ok := r.text(n, "the ticket pattern")
	if !ok {
		return "", policy.TicketFormat{}
	}
	format, err := policy.NewTicketFormat(text)
	if err != nil {
		r.wrong(resolve(n), "the ticket pattern is not a regular expression (%v); write one like '[A-Z]+-[0-9]+'", err)
		return "", policy.TicketFormat{}
	}
	return text, format
}

func (r *reader) ticketLink(n *yaml.Node) string {
	text, ok := r.text(n, "the ticket link")
	switch {
	case !ok:
	case !strings.HasPrefix(text, "https://") || strings.ContainsAny(text, " \n<>|\"") ||
		strings.Count(text, "{ticket}") != 1:
		r.wrong(resolve(n), "the ticket link cannot be %s; write an https address that contains {ticket} once", quoted(text))
	default:
		return text
	}
	return ""
}

// ticketExample reads the ticket that people are shown, which must be one that they could use.
func (r *reader) ticketExample(n *yaml.Node, s *policy.Settings, format policy.TicketFormat) {
	text, ok := r.text(n, "the ticket example")
	switch {
	case !ok:
	case !format.Accepts(text):
		r.wrong(resolve(n), "the ticket example does not match the ticket pattern; write a ticket that does")
	default:
		s.TicketExample = text
	}
}

// exampleOf makes a ticket for a pattern, such as ABC-123 for [A-Z]+-[0-9]+. It
// may not match, where a pattern looks at more than one character at a time.
func exampleOf(pattern string) string {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return ""
	}
	var b strings.Builder
	writeExample(&b, tree, 0)
	return b.String()
}

// writeExample writes text for a part of a pattern, the nth time that the part
// stands there. What can repeat is written three times if it can be, and as
// often as it must be; what is optional is left out.
func writeExample(b *strings.Builder, part *syntax.Regexp, nth int) {
	switch part.Op {
	case syntax.OpLiteral:
		b.WriteString(string(part.Rune))
	case syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		b.WriteRune(exampleRune(part.Rune, nth))
	case syntax.OpConcat:
		for _, one := range part.Sub {
			writeExample(b, one, nth)
		}
	case syntax.OpAlternate, syntax.OpCapture:
		writeExample(b, part.Sub[0], nth)
	case syntax.OpPlus:
		repeatExample(b, part.Sub[0], 3)
	case syntax.OpRepeat:
		times := max(part.Min, 3)
		if part.Max >= 0 {
			times = min(times, part.Max)
		}
		repeatExample(b, part.Sub[0], times)
	}
}

// repeatExample stops at the longest ticket, and where a part writes nothing:
// repetitions of repetitions grow without bound.
func repeatExample(b *strings.Builder, part *syntax.Regexp, times int) {
	for i, before := 0, -1; i < times && b.Len() <= policy.MaxTicketText && b.Len() != before; i++ {
		before = b.Len()
		writeExample(b, part, i)
	}
}

// exampleRune is a character of a class, given as pairs of first and last; a
// class without pairs holds every character. Digits and letters are preferred,
// and count on: 123, ABC.
func exampleRune(class []rune, nth int) rune {
	for _, all := range [...]string{"123", "ABC", "abc"} {
		c := rune(all[nth%len(all)])
		for i := 0; i+1 < len(class); i += 2 {
			if class[i] <= c && c <= class[i+1] {
				return c
			}
		}
	}
	if len(class) == 0 {
		return 'x'
	}
	return class[0]
}
