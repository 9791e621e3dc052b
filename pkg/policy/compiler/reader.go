package compiler

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"

	yaml "go.yaml.in/yaml/v4"
)

// maxGrowth is how many nodes the aliases of a file may stand for, all
// together. People repeat a list or two; a file that passes this is made to
// eat memory ("billion laughs").
const maxGrowth = 100_000

// reader reads the nodes of one file and writes down what is wrong with them.
// It goes on after a problem, so that one run finds them all.
type reader struct {
	file     string
	problems []Problem
	warnings []Problem
}

// wrong writes down an error at a node. The text is "what is wrong; what to
// write instead".
func (r *reader) wrong(n *yaml.Node, format string, args ...any) {
	r.problems = append(r.problems, r.problem(n, format, args))
}

// warn writes down what is worth a second look.
func (r *reader) warn(n *yaml.Node, format string, args ...any) {
	r.warnings = append(r.warnings, r.problem(n, format, args))
}

func (r *reader) problem(n *yaml.Node, format string, args []any) Problem {
	return Problem{File: r.file, Line: max(1, n.Line), Col: max(1, n.Column), Text: fmt.Sprintf(format, args...)}
}

// open parses a file of one document, and returns its top node, nil if there
// is nothing to read on with.
func (r *reader) open(src []byte) *yaml.Node {
	loader, err := yaml.NewLoader(bytes.NewReader(src))
	if err != nil {
		r.syntax(err)
		return nil
	}
	var first, second yaml.Node
	if err := loader.Load(&first); err != nil {
		r.syntax(err)
		return nil
	}
	switch err := loader.Load(&second); {
	case err == nil:
		r.wrong(&second, "a second YAML document begins here; keep only one in each file")
		return nil
	case !errors.Is(err, io.EOF):
		r.syntax(err)
		return nil
	}
	if len(first.Content) != 1 || !r.bounded(first.Content[0]) {
		return nil
	}
	return first.Content[0]
}

// syntax writes down what the parser did not understand.
func (r *reader) syntax(err error) {
	if errors.Is(err, io.EOF) {
		r.wrong(&yaml.Node{}, "this file is empty; begin with version: 1, or with accounts: in a file of accounts")
		return
	}
	text, at := err.Error(), &yaml.Node{}
	var load *yaml.LoadError
	if errors.As(err, &load) {
		text, at.Line, at.Column = load.Message, load.Mark.Line, load.Mark.Column
		if load.ContextMsg != "" {
			text = load.ContextMsg + ": " + text
		}
	}
	r.wrong(at, "this is not valid YAML (%s); correct this line or the one before it", strings.TrimSpace(text))
}

// bounded refuses aliases that hold themselves, and aliases of aliases that
// stand for more than anybody could mean.
func (r *reader) bounded(root *yaml.Node) bool {
	g := growth{sizes: make(map[*yaml.Node]int)}
	g.size(root)
	if g.endless != nil {
		r.wrong(g.endless, "the alias *%s contains itself; write out what it stands for", g.endless.Value)
		return false
	}
	if g.total > maxGrowth {
		r.wrong(g.last, "the aliases up to *%s expand to more than %d values; write out what they stand for", g.last.Value,
			maxGrowth)
		return false
	}
	return true
}

// growth measures what the aliases of a file stand for.
type growth struct {
	sizes   map[*yaml.Node]int // of anchored nodes, -1 while they are measured
	total   int                // nodes that aliases add
	last    *yaml.Node         // the alias that passed the limit
	endless *yaml.Node         // an alias inside of itself
}

// size counts a node and all that it holds, aliases in full. It stops counting
// at the limit.
func (g *growth) size(n *yaml.Node) int {
	if n.Kind == yaml.AliasNode {
		return g.alias(n)
	}
	if n.Anchor != "" {
		if known, ok := g.sizes[n]; ok {
			return known
		}
		g.sizes[n] = -1
	}
	count := 1
	for _, child := range n.Content {
		count = min(count+g.size(child), 2*maxGrowth)
	}
	if n.Anchor != "" {
		g.sizes[n] = count
	}
	return count
}

func (g *growth) alias(n *yaml.Node) int {
	if g.sizes[n.Alias] < 0 {
		g.endless = n
		return 1
	}
	count := g.size(n.Alias)
	if g.total <= maxGrowth {
		g.total += count
		g.last = n
	}
	return count
}

// resolve follows an alias.
func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// field is a key that a map may have.
type field struct {
	key  string
	must bool
	read func(*yaml.Node)
}

// object reads a map with known keys. It returns false when the node is no map
// at all.
func (r *reader) object(n *yaml.Node, what string, fields ...field) bool {
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		r.wrong(n, "%s is %s; write a map: key: value", what, kind(n))
		return false
	}
	if !r.plainTag(n) {
		return false
	}
	seen := make(map[string]bool, len(fields))
	r.pairs(n, what, func(key, value *yaml.Node) {
		seen[key.Value] = true
		for _, f := range fields {
			if f.key == key.Value {
				f.read(value)
				return
			}
		}
		r.unknownKey(key, what, fields)
	})
	for _, f := range fields {
		if f.must && !seen[f.key] {
			r.wrong(n, "%s has no %s; write %s: …", what, quoted(f.key), f.key)
		}
	}
	return true
}

func (r *reader) unknownKey(key *yaml.Node, what string, fields []field) {
	if key.Value == "<<" {
		r.wrong(key, "%s uses a merge key (<<), which is not supported; write its keys out", what)
		return
	}
	keys := make([]string, len(fields))
	for i, f := range fields {
		keys[i] = f.key
	}
	r.wrong(key, "%s cannot have the key %s; %s", what, quoted(key.Value), instead(key.Value, keys))
}

// pairs calls visit for each key of a map that is text and stands there for
// the first time.
func (r *reader) pairs(n *yaml.Node, what string, visit func(key, value *yaml.Node)) {
	seen := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := resolve(n.Content[i]), n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			r.wrong(key, "a key of %s is %s; write a word", what, kind(key))
			continue
		}
		if line, twice := seen[key.Value]; twice {
			r.wrong(key, "%s is already in line %d; keep one of them", quoted(key.Value), line)
			continue
		}
		seen[key.Value] = key.Line
		visit(key, value)
	}
}

// list reads a list that must hold something. A null or an empty list is a
// problem: nothing is true because it is empty.
func (r *reader) list(n *yaml.Node, what string) []*yaml.Node {
	n = resolve(n)
	switch {
	case n.Kind == yaml.SequenceNode && len(n.Content) > 0:
		if r.plainTag(n) {
			return n.Content
		}
	case n.Kind == yaml.SequenceNode || null(n):
		r.wrong(n, "%s is empty; write at least one entry", what)
	default:
		r.wrong(n, "%s is %s; write a list: [one, two]", what, kind(n))
	}
	return nil
}

// text reads one line of text. What another reader of YAML takes for a number,
// a date or yes and no has to be quoted.
func (r *reader) text(n *yaml.Node, what string) (string, bool) {
	n = resolve(n)
	switch {
	case n.Kind != yaml.ScalarNode:
		r.wrong(n, "%s is %s; write text", what, kind(n))
	case null(n) || n.Value == "":
		r.wrong(n, "%s is empty; write text", what)
	case !r.plainTag(n):
	case trap(n):
		r.wrong(n, "%s is %s, which YAML reads as %s; write it in quotes: %q", what, n.Value, trapped(n), n.Value)
	case strings.TrimSpace(n.Value) == "" || strings.ContainsFunc(n.Value, unprintable):
		r.wrong(n, "%s contains characters that cannot be seen; write plain text", what)
	default:
		return n.Value, true
	}
	return "", false
}

func unprintable(c rune) bool {
	return c != '\n' && !unicode.IsGraphic(c) || c == unicode.ReplacementChar
}

// texts reads a list of text that must hold something.
func (r *reader) texts(n *yaml.Node, what string) []*yaml.Node {
	var all []*yaml.Node
	seen := make(map[string]bool)
	for _, entry := range r.list(n, what) {
		text, ok := r.text(entry, "an entry of "+what)
		switch {
		case !ok:
		case seen[text]:
			r.warn(entry, "%s is in %s twice; remove one of them", quoted(text), what)
		default:
			seen[text] = true
			all = append(all, resolve(entry))
		}
	}
	return all
}

// plainTag refuses tags of somebody's own, such as !include.
func (r *reader) plainTag(n *yaml.Node) bool {
	if n.Style&yaml.TaggedStyle == 0 || strings.HasPrefix(n.ShortTag(), "!!") {
		return true
	}
	r.wrong(n, "the YAML tag %s is not supported; remove it", quoted(n.Tag))
	return false
}

// trap reports whether a scalar that stands where text belongs is something
// else to YAML, of version 1.1 or 1.2.
func trap(n *yaml.Node) bool { return trapped(n) != "" }

func trapped(n *yaml.Node) string {
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

func null(n *yaml.Node) bool {
	return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null"
}

// kind says what a node is, for people.
func kind(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a map"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode:
		if null(n) {
			return "empty"
		}
		return "the word " + quoted(n.Value)
	}
	return "something else"
}

// quoted shows what somebody wrote; what is long is cut.
func quoted(text string) string {
	const most = 60
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return strconv.Quote(text)
}
