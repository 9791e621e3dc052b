package compiler

import (
	"regexp/syntax"
	"strings"
	"time"

	yaml "go.yaml.in/yaml/v4"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
)

// The settings of a file that does not mention them.
const (
	defaultAnswerWithin = time.Hour
	defaultPending      = 5
	defaultAsks         = 30
	defaultExample      = "INC-42" // the ticket that people are shown
	defaultCheckEvery   = 5 * time.Minute
)

func (r *reader) version(n *yaml.Node) {
	if n = resolve(n); n.Kind != yaml.ScalarNode || n.Value != "1" {
		r.errorf(n, "this program reads version 1 of the policy file; write version: 1")
	}
}

func (r *reader) settings(n *yaml.Node, d *draft) {
	s := settingsDraft{Settings: defaultSettings()}
	isMap := object(r, n, "settings", settingsKeys, &s)
	// If settings is not a map, then that is the mistake, and not what is missing in it.
	d.hasChannel, d.hasResponders = s.hasChannel || !isMap, s.hasResponders || !isMap
	if s.AnswerWithin > 0 && s.RemindAfter >= s.AnswerWithin {
		r.warnf(s.remindNode, "remind_after is not shorter than answer_within, so nobody is ever reminded; "+
			"write less than %s", access.FormatLength(s.AnswerWithin))
	}
	if s.Operators == "" {
		s.Operators = s.Channel
	}
	d.settings, d.responders, d.settingsNode = s.Settings, s.responders, n
}

func defaultSettings() policy.Settings {
	return policy.Settings{
		AnswerWithin: defaultAnswerWithin, PendingAtMost: defaultPending, AsksPerHour: defaultAsks,
		TicketExample: defaultExample, Devices: defaultDevices(), CheckEvery: defaultCheckEvery,
	}
}

func defaultDevices() policy.Devices { return policy.Devices{For: 30 * 24 * time.Hour, Limit: 5} }

// devices reads "none", or the limits of the devices that people pair.
func (r *reader) devices(n *yaml.Node, s *settingsDraft) {
	n = resolve(n)
	switch {
	case n.Kind == yaml.ScalarNode && n.Value == "none":
		s.Devices = policy.Devices{}
	case n.Kind == yaml.ScalarNode && !isNull(n):
		r.errorf(n, "devices cannot be %s; write none, or a map: {for: 30d, most: 5}", quoted(n.Value))
	default:
		object(r, n, "devices", devicesKeys, &s.Devices)
	}
}

const wantChannel = "the id of a Slack channel, like C0APPROVALS, which Slack shows at the end of the channel details"

func (r *reader) channel(n *yaml.Node, s *settingsDraft) {
	s.hasChannel, s.Channel = true, r.word(n, "channel", access.IsChannel, wantChannel)
}

func (r *reader) ticket(n *yaml.Node, s *settingsDraft) {
	var t ticketDraft
	isMap := object(r, n, "ticket", ticketKeys, &t)
	s.TicketPattern, s.TicketLink = t.pattern, t.link
	switch {
	case !isMap:
	case t.example != nil:
		r.ticketExample(t.example, t.format, s)
	case t.pattern != "":
		if s.TicketExample = exampleOf(t.pattern); !t.format.Accepts(s.TicketExample) {
			r.errorf(n, "no example can be made from the ticket pattern; write example: with a ticket that people know")
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
		r.errorf(resolve(n), "the ticket pattern is not a regular expression (%v); write one like '[A-Z]+-[0-9]+'", err)
		return "", policy.TicketFormat{}
	}
	return text, format
}

func (r *reader) ticketLink(n *yaml.Node) string {
	text, ok := r.text(n, "the ticket link")
	switch {
	case !ok:
		return ""
	case !strings.HasPrefix(text, "https://") || strings.ContainsAny(text, " \n<>|\"") ||
		strings.Count(text, "{ticket}") != 1:
		r.errorf(resolve(n), "the ticket link cannot be %s; write an https address that contains {ticket} once",
			quoted(text))
		return ""
	}
	return text
}

// ticketExample reads the ticket that people are shown, which must be one that they could use.
func (r *reader) ticketExample(n *yaml.Node, format policy.TicketFormat, s *settingsDraft) {
	text, ok := r.text(n, "the ticket example")
	switch {
	case !ok:
	case !format.Accepts(text):
		r.errorf(resolve(n), "the ticket example does not match the ticket pattern; write a ticket that does")
	default:
		s.TicketExample = text
	}
}

// exampleOf makes a ticket for a pattern, such as ABC-123 for [A-Z]+-[0-9]+. The ticket may not
// match if the pattern has conditions that concern more than one character, such as \b.
func exampleOf(pattern string) string {
	tree, err := syntax.Parse(pattern, syntax.Perl)
	if err != nil {
		return ""
	}
	var b strings.Builder
	writeExample(&b, tree, 0)
	return b.String()
}

// writeExample writes text for a part of a pattern: its nth repetition. A part that may repeat is
// written three times if that is allowed, and as often as it must be; an optional part is left out.
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

// repeatExample stops at the longest allowed ticket, and when a repetition writes nothing: nested
// repetitions would otherwise take exponential time.
func repeatExample(b *strings.Builder, part *syntax.Regexp, times int) {
	for i, before := 0, -1; i < times && b.Len() <= policy.MaxTicketText && b.Len() != before; i++ {
		before = b.Len()
		writeExample(b, part, i)
	}
}

// exampleRune returns a character of a class. The class is given as pairs of first and last
// character; a class without pairs is any character. Digits are preferred to letters, and both
// count on: 123, ABC.
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
