package compiler

import (
	"cmp"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"github.com/aws-access/aws-access/pkg/access"
)

// maxLookalikes is how many warnings are written about names of one kind. One more warning counts
// the rest.
const maxLookalikes = 10

// lookalikes warns about names of one kind that people cannot tell apart. Somebody could otherwise
// add an account "pаy-prod" with a Cyrillic letter, and an approver would take it for the real one.
type lookalikes struct {
	kind      string            // such as "accounts"
	first     map[string]string // by appearance: the first name
	found     int
	uncounted struct { // the last name beyond maxLookalikes
		node *yaml.Node
		in   *reader
	}
}

// add checks one more name. Names that differ only in case are an error elsewhere.
func (l *lookalikes) add(in *reader, node *yaml.Node, name string) {
	if name == "" {
		return
	}
	if l.first == nil {
		l.first = make(map[string]string)
	}
	looks := appearance(name)
	before, seen := l.first[looks]
	switch {
	case !seen:
		l.first[looks] = name
	case strings.EqualFold(before, name):
	case l.found < maxLookalikes:
		l.found++
		in.warnf(node, "the %s %s and %s look alike; give one of them another name", l.kind, quoted(before), quoted(name))
	default:
		l.found++
		l.uncounted.in, l.uncounted.node = in, node
	}
}

// warnRest counts the names beyond maxLookalikes.
func (l *lookalikes) warnRest() {
	if l.uncounted.node != nil {
		l.uncounted.in.warnf(l.uncounted.node, "%d more %s have names that look alike; give each one a different name",
			l.found-maxLookalikes, l.kind)
	}
}

// appearance returns the same text for names that look alike: access.Skeleton, with letters and
// digits of the same shape replaced by one of them.
func appearance(name string) string {
	return sameShape.Replace(access.Skeleton(sameShapeUpper.Replace(name)))
}

var (
	sameShapeUpper = strings.NewReplacer("I", "l")
	sameShape      = strings.NewReplacer("1", "l", "|", "l", "0", "o", "-", " ", "_", " ")
)

// warnLookalikes warns about accounts, roles and groups with names that look alike.
func (c *compiler) warnLookalikes() {
	accounts, roles, groups := lookalikes{kind: "accounts"}, lookalikes{kind: "roles"}, lookalikes{kind: "groups"}
	inFileOrder := slices.Clone(c.draft.accounts) // linkAccounts has sorted them by name
	slices.SortFunc(inFileOrder, func(a, b accountDraft) int {
		return cmp.Or(cmp.Compare(a.nameNode.Line, b.nameNode.Line), cmp.Compare(a.nameNode.Column, b.nameNode.Column))
	})
	for _, a := range inFileOrder {
		accounts.add(a.in, a.nameNode, a.name)
	}
	for i := range c.draft.roles {
		roles.add(&c.reader, c.draft.roles[i].node, c.draft.roles[i].role.Name)
	}
	for i := range c.draft.groups {
		groups.add(&c.reader, c.draft.groups[i].node, c.draft.groups[i].principal.Name)
	}
	for _, one := range []*lookalikes{&accounts, &roles, &groups} {
		one.warnRest()
	}
}
