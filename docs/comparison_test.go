package docs

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	sourceNamed   = regexp.MustCompile(`(?m)^- \[([A-Z]\d+)\] \S`)
	sourceAddress = regexp.MustCompile(`(?m)^\[([A-Z]\d+)\]: https://\S+$`)
	sourceUsed    = regexp.MustCompile(`\[([A-Z]\d+)\]`)
)

// Readers must be able to check what the page says about other products. Each source must be used, and have an
// address and a line in the list.
func TestEverySourceOfTheComparisonCanBeOpened(t *testing.T) {
	text, err := os.ReadFile("comparison.md")
	if err != nil {
		t.Fatal(err)
	}
	body, list, found := strings.Cut(string(text), "\n## Sources\n")
	named, addressed := sources(sourceNamed, list), sources(sourceAddress, list)
	if !found || len(named) < 40 {
		t.Fatalf("comparison.md names %d sources under the heading Sources", len(named))
	}
	for _, kind := range []struct {
		what string
		have []string
	}{{"line in the list", named}, {"address", addressed}, {"use", sources(sourceUsed, body)}} {
		for _, source := range slices.Concat(named, addressed, sources(sourceUsed, body)) {
			if !slices.Contains(kind.have, source) {
				t.Errorf("comparison.md: source %s has no %s", source, kind.what)
			}
		}
	}
}

// sources returns the names that a pattern finds.
func sources(pattern *regexp.Regexp, text string) (names []string) {
	for _, found := range pattern.FindAllStringSubmatch(text, -1) {
		names = append(names, found[1])
	}
	return names
}
