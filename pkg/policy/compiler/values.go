package compiler

import (
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	yaml "go.yaml.in/yaml/v4"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
)

// The formats of single values.
var (
	isAccountID = matcher(`^[0-9]{12}$`)
	isRoleName  = matcher(`^[A-Za-z0-9_+=,.@-]{1,64}$`)
	isRolePath  = matcher(`^/([A-Za-z0-9_+=,.@-]+/)*$`)
	isLanding   = matcher(`^/([!-.0-\[\]-~][!-\[\]-~]*)?$`)
	isRegion    = matcher("^" + access.RegionPattern + "$")
	// One local part, one @ and one domain in ASCII. RFC 5321 allows more, including * and ?, which
	// would look like patterns.
	isAddress = matcher(`^[A-Za-z0-9!#$%&'+/=^_{|}~-]+(\.[A-Za-z0-9!#$%&'+/=^_{|}~-]+)*@` +
		`[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)*$`)
)

// matcher compiles a pattern at its first use.
func matcher(pattern string) func(text string) bool {
	compiled := sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(pattern) })
	return func(text string) bool { return compiled().MatchString(text) }
}

// text reads a text. A value that some reader of YAML takes for a number, a date, or true or false
// must be quoted.
func (r *reader) text(n *yaml.Node, what string) (string, bool) {
	n = resolve(n)
	switch {
	case n.Kind != yaml.ScalarNode:
		r.errorf(n, "%s is %s; write text", what, kind(n))
	case isNull(n) || n.Value == "":
		r.errorf(n, "%s is empty; write text", what)
	case !r.checkTag(n):
	case notText(n) != "":
		r.errorf(n, "%s is %s, which YAML reads as %s; write it in quotes: %q", what, n.Value, notText(n), n.Value)
	case strings.TrimSpace(n.Value) == "" || strings.ContainsFunc(n.Value, unprintable):
		r.errorf(n, "%s contains characters that cannot be seen; write plain text", what)
	default:
		return n.Value, true
	}
	return "", false
}

func unprintable(c rune) bool {
	return c != '\n' && !unicode.IsGraphic(c) || c == unicode.ReplacementChar
}

// notText says what YAML (version 1.1 or 1.2) reads a scalar as, "" for text.
func notText(n *yaml.Node) string {
	const quotes = yaml.DoubleQuotedStyle | yaml.SingleQuotedStyle | yaml.LiteralStyle | yaml.FoldedStyle
	if n.Style&quotes != 0 || n.Style&yaml.TaggedStyle != 0 && n.ShortTag() == "!!str" {
		return ""
	}
	switch strings.ToLower(n.Value) {
	case "yes", "on", "true":
		return "true"
	case "no", "off", "false":
		return "false"
	}
	switch n.ShortTag() {
	case "!!str":
		return ""
	case "!!int", "!!float":
		return "a number"
	case "!!timestamp":
		return "a date"
	}
	return "something other than text"
}

// word reads text of one format.
func (r *reader) word(n *yaml.Node, what string, fits func(string) bool, write string) string {
	text, ok := r.text(n, what)
	if !ok {
		return ""
	}
	if !fits(text) {
		r.errorf(resolve(n), "%s cannot be %s; write %s", what, quoted(text), write)
		return ""
	}
	return text
}

// name reads the name of something: one line that people will read and other entries refer to.
func (r *reader) name(n *yaml.Node, what string) string {
	text, ok := r.text(n, what)
	switch {
	case !ok:
		return ""
	case text != strings.TrimSpace(text) || strings.Contains(text, "\n"):
		r.errorf(resolve(n), "%s begins or ends with a space, or has more than one line; remove the spaces and the "+
			"line breaks", what)
		return ""
	}
	return text
}

// prose reads text of any number of lines.
func (r *reader) prose(n *yaml.Node, what string) string {
	text, _ := r.text(n, what)
	return strings.TrimSpace(text)
}

// length reads a length of time from least to policy.MaxLength, 0 if it is not one.
func (r *reader) length(n *yaml.Node, what string, least time.Duration) time.Duration {
	return r.lengthWithin(n, what, least, policy.MaxLength)
}

// session reads how long one session may act.
func (r *reader) session(n *yaml.Node) time.Duration {
	return r.lengthWithin(n, "session", policy.MinSession, policy.MaxSession)
}

// lengthWithin reads a length of time within limits, 0 if it is not one.
func (r *reader) lengthWithin(n *yaml.Node, what string, least, most time.Duration) time.Duration {
	n = resolve(n)
	d, err := policy.ParseFileLength(n.Value)
	switch {
	case n.Kind != yaml.ScalarNode || err != nil || d == 0:
		r.errorf(n, "%s is %s, which is not a length of time; write it like 30m, 4h, 1h30m or 2d", what, kind(n))
	case d < least:
		r.errorf(n, "%s is %s; write %s or more", what, access.FormatLength(d), access.FormatLength(least))
	case d > most:
		r.errorf(n, "%s is %s; write %s or less", what, access.FormatLength(d), access.FormatLength(most))
	default:
		return d
	}
	return 0
}

// count reads a number from 1 to limit, 0 if it is not one; of says what is counted.
func (r *reader) count(n *yaml.Node, what, of string, limit int) int {
	n = resolve(n)
	count, err := strconv.Atoi(n.Value)
	if n.Kind != yaml.ScalarNode || err != nil || count < 1 || count > limit {
		r.errorf(n, "%s is not a number of %s; write a whole number from 1 to %d", what, of, limit)
		return 0
	}
	return count
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

// kind says what a node is.
func kind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a map"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		if isNull(n) {
			return "empty"
		}
		return "the word " + quoted(n.Value)
	}
	return "something else"
}

// quoted returns text from the file in quotes, shortened if it is long.
func quoted(text string) string {
	const limit = 60
	if runes := []rune(text); len(runes) > limit {
		text = string(runes[:limit]) + "…"
	}
	return strconv.Quote(text)
}
