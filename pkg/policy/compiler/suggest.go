package compiler

import (
	"slices"
	"strings"

	"github.com/aws-access/aws-access/pkg/policy/internal/spelling"
)

// near returns the name that text most likely stands for, "" if none is near:
// the same but for case, or one letter away, or a third of its letters in a
// long one. Of two letters another one is another name.
func near(text string, names []string) string {
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

// instead words what to write for a name that is not known.
func instead(text string, names []string) string {
	if name := near(text, names); name != "" {
		return "did you mean " + quoted(name) + "?"
	}
	return "write " + choice(names)
}

// choice lists names to choose from, in their order; long lists are cut.
func choice(names []string) string {
	const most = 8
	all := make([]string, 0, most)
	for _, name := range names[:min(len(names), most)] {
		all = append(all, quoted(name))
	}
	all = slices.Compact(all)
	switch {
	case len(all) == 0:
		return "a name that exists (there is none yet)"
	case len(names) > most:
		return "one of " + strings.Join(all, ", ") + "…"
	case len(all) == 1:
		return all[0]
	}
	return strings.Join(all[:len(all)-1], ", ") + " or " + all[len(all)-1]
}
