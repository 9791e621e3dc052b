package compiler

import (
	"slices"
	"strings"

	"github.com/aws-access/aws-access/pkg/spelling"
)

// closest returns the name that the author most likely meant, "" if none is close: a name that is
// the same except for case, differs in one letter, or in a third of the letters of a long text. A
// text of one or two letters is close only to the same name in another case.
func closest(text string, names []string) string {
	best, least := "", max(1, len(text)/3)+1
	if len(text) < 3 {
		least = 1
	}
	folded := strings.ToLower(text)
	for _, name := range names {
		if d := spelling.Distance(folded, strings.ToLower(name), least); d < least {
			best, least = name, d
		}
	}
	return best
}

// instead says what to write in place of an unknown name.
func instead(text string, names []string) string {
	if name := closest(text, names); name != "" {
		return "did you mean " + quoted(name) + "?"
	}
	return "write " + choice(names)
}

// choice lists names to choose from in their order. A long list is shortened.
func choice(names []string) string {
	const limit = 8
	all := make([]string, 0, limit)
	for _, name := range names[:min(len(names), limit)] {
		all = append(all, quoted(name))
	}
	all = slices.Compact(all)
	switch {
	case len(all) == 0:
		return "a name that exists (there is none yet)"
	case len(names) > limit:
		return "one of " + strings.Join(all, ", ") + "…"
	case len(all) == 1:
		return all[0]
	}
	return strings.Join(all[:len(all)-1], ", ") + " or " + all[len(all)-1]
}
