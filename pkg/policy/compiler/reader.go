package compiler

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	yaml "go.yaml.in/yaml/v4"
)

// maxExpansion limits how many nodes the aliases of a file stand for, all together. People repeat a
// list or two. A file that exceeds this is made to exhaust the memory ("billion laughs").
const maxExpansion = 100_000

// reader reads the nodes of one file and records what is wrong with them. It goes on after a
// problem, so that one run finds them all.
type reader struct {
	file     string
	problems []Problem
	warnings []Problem
	sandbox  bool // Options.Sandbox
}

// errorf records an error at a node. The text is "what is wrong; what to write instead".
func (r *reader) errorf(n *yaml.Node, format string, args ...any) {
	r.problems = append(r.problems, r.problem(n, format, args))
}

// warnf records a warning at a node. The text has the form of that of errorf.
func (r *reader) warnf(n *yaml.Node, format string, args ...any) {
	r.warnings = append(r.warnings, r.problem(n, format, args))
}

func (r *reader) problem(n *yaml.Node, format string, args []any) Problem {
	return Problem{File: r.file, Line: max(1, n.Line), Col: max(1, n.Column), Text: fmt.Sprintf(format, args...)}
}

// open parses a file of one YAML document, and returns its top node, nil if nothing can be read.
func (r *reader) open(src []byte) *yaml.Node {
	loader, err := yaml.NewLoader(bytes.NewReader(src))
	if err != nil {
		r.syntaxError(err)
		return nil
	}
	var first, second yaml.Node
	if err := loader.Load(&first); err != nil {
		r.syntaxError(err)
		return nil
	}
	switch err := loader.Load(&second); {
	case err == nil:
		r.errorf(&second, "a second YAML document begins here; keep only one in each file")
		return nil
	case !errors.Is(err, io.EOF):
		r.syntaxError(err)
		return nil
	}
	if len(first.Content) != 1 || !r.checkAliases(first.Content[0]) {
		return nil
	}
	return first.Content[0]
}

func (r *reader) syntaxError(err error) {
	if errors.Is(err, io.EOF) {
		r.errorf(&yaml.Node{}, "this file is empty; begin with version: 1, or with accounts: in a file of accounts")
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
	r.errorf(at, "this is not valid YAML (%s); correct this line or the one before it", strings.TrimSpace(text))
}

// checkAliases refuses aliases that contain themselves, and aliases of aliases that expand to more
// than anybody could mean.
func (r *reader) checkAliases(root *yaml.Node) bool {
	e := expansion{sizes: make(map[*yaml.Node]int)}
	e.size(root)
	if e.endless != nil {
		r.errorf(e.endless, "the alias *%s contains itself; write out what it stands for", e.endless.Value)
		return false
	}
	if e.total > maxExpansion {
		r.errorf(e.last, "the aliases up to *%s expand to more than %d values; write out what they stand for",
			e.last.Value, maxExpansion)
		return false
	}
	return true
}

// expansion counts the nodes that the aliases of a file stand for.
type expansion struct {
	sizes   map[*yaml.Node]int // of anchored nodes; -1 while one is being counted
	total   int                // nodes that aliases add
	last    *yaml.Node         // the alias that exceeded the limit
	endless *yaml.Node         // an alias inside of what it stands for
}

// size counts a node and everything in it, aliases in full. It stops counting at the limit.
func (e *expansion) size(n *yaml.Node) int {
	if n.Kind == yaml.AliasNode {
		return e.alias(n)
	}
	if n.Anchor != "" {
		if known, ok := e.sizes[n]; ok {
			return known
		}
		e.sizes[n] = -1
	}
	count := 1
	for _, child := range n.Content {
		count = min(count+e.size(child), 2*maxExpansion)
	}
	if n.Anchor != "" {
		e.sizes[n] = count
	}
	return count
}

func (e *expansion) alias(n *yaml.Node) int {
	if e.sizes[n.Alias] < 0 {
		e.endless = n
		return 1
	}
	count := e.size(n.Alias)
	if e.total <= maxExpansion {
		e.total += count
		e.last = n
	}
	return count
}

// resolve follows an alias to the node that it stands for.
func resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	return n
}

// object reads a map with known keys into a T; what names the map in messages. It returns false if
// the node is not a map.
func object[T any](r *reader, n *yaml.Node, what string, keys []key[T], into *T) bool {
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		r.errorf(n, "%s is %s; write a map: key: value", what, kind(n))
		return false
	}
	if !r.checkTag(n) {
		return false
	}
	seen := make(map[string]bool, len(keys))
	r.pairs(n, what, func(name, value *yaml.Node) {
		seen[name.Value] = true
		for _, k := range keys {
			if k.name == name.Value {
				k.read(r, value, into)
				return
			}
		}
		r.unknownKey(name, what, keyNames(keys))
	})
	for _, k := range keys {
		if k.required && !seen[k.name] {
			r.errorf(n, "%s has no %s; write %s: …", what, quoted(k.name), k.name)
		}
	}
	return true
}

// keyNames returns the names of the keys that are supported.
func keyNames[T any](keys []key[T]) (all []string) {
	for _, k := range keys {
		if !k.refused {
			all = append(all, k.name)
		}
	}
	return all
}

func (r *reader) unknownKey(key *yaml.Node, what string, known []string) {
	if key.Value == "<<" {
		r.errorf(key, "%s uses a merge key (<<), which is not supported; write its keys out", what)
		return
	}
	r.errorf(key, "%s cannot have the key %s; %s", what, quoted(key.Value), instead(key.Value, known))
}

// pairs calls visit for each key of a map. Keys that are not text, or that the map already has, are
// errors and are left out.
func (r *reader) pairs(n *yaml.Node, what string, visit func(key, value *yaml.Node)) {
	lines := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := resolve(n.Content[i]), n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			r.errorf(key, "a key of %s is %s; write a word", what, kind(key))
			continue
		}
		if line, twice := lines[key.Value]; twice {
			r.errorf(key, "%s is already in line %d; keep one of them", quoted(key.Value), line)
			continue
		}
		lines[key.Value] = key.Line
		visit(key, value)
	}
}

// entries reads a map from names that the file's author chooses.
func (r *reader) entries(n *yaml.Node, what string, read func(name string, key, value *yaml.Node)) {
	n = resolve(n)
	if n.Kind != yaml.MappingNode {
		r.errorf(n, "%s is %s; write a map: name: {…}", what, kind(n))
		return
	}
	r.pairs(n, what, func(key, value *yaml.Node) {
		if name := r.name(key, "a name in "+what); name != "" {
			read(name, key, value)
		}
	})
}

// list reads a list that must have an entry. An empty list is an error, so that nothing is allowed
// or forbidden by mistake.
func (r *reader) list(n *yaml.Node, what string) []*yaml.Node {
	n = resolve(n)
	switch {
	case n.Kind == yaml.SequenceNode && len(n.Content) > 0:
		if r.checkTag(n) {
			return n.Content
		}
	case n.Kind == yaml.SequenceNode || isNull(n):
		r.errorf(n, "%s is empty; write at least one entry", what)
	default:
		r.errorf(n, "%s is %s; write a list: [one, two]", what, kind(n))
	}
	return nil
}

// texts reads a list of text that must have an entry.
func (r *reader) texts(n *yaml.Node, what string) []*yaml.Node {
	var all []*yaml.Node
	seen := make(map[string]bool)
	for _, entry := range r.list(n, what) {
		text, ok := r.text(entry, "an entry of "+what)
		switch {
		case !ok:
		case seen[text]:
			r.warnf(entry, "%s is in %s twice; remove one of them", quoted(text), what)
		default:
			seen[text] = true
			all = append(all, resolve(entry))
		}
	}
	return all
}

// checkTag refuses YAML tags of the author's own, such as !include.
func (r *reader) checkTag(n *yaml.Node) bool {
	if n.Style&yaml.TaggedStyle == 0 || strings.HasPrefix(n.ShortTag(), "!!") {
		return true
	}
	r.errorf(n, "the YAML tag %s is not supported; remove it", quoted(n.Tag))
	return false
}
