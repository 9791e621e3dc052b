package policy

import (
	"slices"
	"strings"
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
		if d := distance(folded, strings.ToLower(name), least); d < least {
			best, least = name, d
		}
	}
	return best
}

// maxSimilar is how many names are offered for one that is not known.
const maxSimilar = 3

// similar returns the names that text most likely stands for, the likeliest first: those that it begins, those that
// hold all its words, and those that differ in few letters. They are offered, and never taken.
func similar(text string, names []string) []string {
	folded, key := searched(strings.TrimSpace(text)), condensed(text)
	words, limit := strings.Fields(folded), max(1, len(folded)/3)+1
	var found [3][]string
	for _, name := range names {
		as := searched(name)
		switch {
		case len(words) == 0:
		case strings.HasPrefix(as, folded) || condensed(name) == key:
			found[0] = append(found[0], name)
		case len(folded) >= 3 && holdsAll(as, words):
			found[1] = append(found[1], name)
		case len(folded) >= 3 && distance(folded, as, limit) < limit:
			found[2] = append(found[2], name)
		}
	}
	all := slices.Concat(found[:]...)
	return all[:min(len(all), maxSimilar)]
}

func holdsAll(name string, words []string) bool {
	for _, word := range words {
		if !strings.Contains(name, word) {
			return false
		}
	}
	return true
}

// either lists names in a sentence.
func either(names []string) string {
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

// distance counts the letters to add, take away, change or swap with their
// neighbour; past most it is only known to be most or more.
func distance(a, b string, most int) int {
	if len(a)-len(b) >= most || len(b)-len(a) >= most {
		return most
	}
	n := len(b) + 1
	all := make([]int, 3*n)
	before2, before, row := all[:n], all[n:2*n], all[2*n:]
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before2, before, row = before, row, before2
		row[0] = i
		best := i
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			row[j] = min(before[j]+1, row[j-1]+1, before[j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before2[j-2]+1)
			}
			best = min(best, row[j])
		}
		if best > most {
			return most // it only grows, but for a swap that takes one back
		}
	}
	return row[len(b)]
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
