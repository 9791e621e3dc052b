package compiler

import (
	"cmp"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v4"

	"github.com/aws-access/aws-access/pkg/access"
)

// mostAlike is how many warnings about names of one kind are written; one more
// counts the rest.
const mostAlike = 10

// twins warns of names of one kind that people cannot tell apart.
type twins struct {
	what  string            // "accounts"
	first map[string]string // the first name of each look
	found int
	rest  *yaml.Node // the last one that was only counted
	in    *reader
}

// add looks at one more name. Names that are equal are told of elsewhere.
func (a *twins) add(in *reader, at *yaml.Node, name string) {
	if name == "" {
		return
	}
	if a.first == nil {
		a.first = make(map[string]string)
	}
	look := look(name)
	before, seen := a.first[look]
	switch {
	case !seen:
		a.first[look] = name
	case strings.EqualFold(before, name):
	case a.found < mostAlike:
		a.found++
		in.warn(at, "the %s %s and %s look alike; give one of them another name", a.what, quoted(before), quoted(name))
	default:
		a.found++
		a.in, a.rest = in, at
	}
}

// end tells how many more there are.
func (a *twins) end() {
	if a.rest != nil {
		a.in.warn(a.rest, "%d more %s have names that look alike; give each one a different name", a.found-mostAlike, a.what)
	}
}

// look is what a name looks like at a glance: as access.Skeleton, with the
// letters and digits that are drawn alike made one.
func look(name string) string {
	return drawnAlike.Replace(access.Skeleton(drawnAlikeUpper.Replace(name)))
}

var (
	drawnAlikeUpper = strings.NewReplacer("I", "l")
	drawnAlike      = strings.NewReplacer("1", "l", "|", "l", "0", "o", "-", " ", "_", " ")
)

// warnAlike warns of accounts, roles and groups that look alike.
func (c *compiler) warnAlike() {
	accounts, roles, groups := twins{what: "accounts"}, twins{what: "roles"}, twins{what: "groups"}
	inOrder := slices.Clone(c.draft.accounts) // of the file: they were sorted by name
	slices.SortFunc(inOrder, func(a, b accountDraft) int {
		return cmp.Or(cmp.Compare(a.nameAt.Line, b.nameAt.Line), cmp.Compare(a.nameAt.Column, b.nameAt.Column))
	})
	for _, a := range inOrder {
		accounts.add(a.in, a.nameAt, a.name)
	}
	for i := range c.draft.roles {
		roles.add(&c.reader, c.draft.roles[i].at, c.draft.roles[i].role.Name)
	}
	for i := range c.draft.groups {
		groups.add(&c.reader, c.draft.groups[i].at, c.draft.groups[i].principal.Name)
	}
	for _, one := range []*twins{&accounts, &roles, &groups} {
		one.end()
	}
}
