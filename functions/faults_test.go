package functions

import (
	"os"
	"regexp"
	"strings"
	"sync"
)

var (
	faultWithCode = regexp.MustCompile("^\\| [^|]+ \\| `(\\w+)` \\| [^|]+ \\| ([^|]+) \\|")
	inBackticks   = regexp.MustCompile("`([^`]+)`")
)

// documentedFaults are the words that docs/faults.md has for each code.
var documentedFaults = sync.OnceValues(func() (map[string][]string, error) {
	text, err := os.ReadFile("../docs/faults.md")
	words := make(map[string][]string)
	for line := range strings.Lines(string(text)) {
		row := faultWithCode.FindStringSubmatch(line)
		if row == nil {
			continue
		}
		for _, found := range inBackticks.FindAllStringSubmatch(row[2], -1) {
			words[row[1]] = append(words[row[1]], found[1])
		}
	}
	return words, err
})

// saysAsDocumented checks the words of a refusal whose code docs/faults.md lists.
func (w *callWorld) saysAsDocumented(code, text string) {
	w.t.Helper()
	all, err := documentedFaults()
	if err != nil || len(all) < 30 {
		w.t.Fatalf("docs/faults.md has %d codes: %v", len(all), err)
	}
	said := len(all[code]) == 0
	for _, words := range all[code] {
		said = said || strings.Contains(text, words)
	}
	if !said {
		w.t.Errorf("%s says %q, and docs/faults.md %q", code, text, all[code])
	}
}
