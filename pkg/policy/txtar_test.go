package policy

import (
	"os"
	"strings"
	"testing"
)

// section is one file of a txtar archive: a line "-- name --", and what
// follows it.
type section struct{ name, text string }

// readArchive reads a txtar file. What stands before its first section is for
// people.
func readArchive(t *testing.T, file string) (sections []section) {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(src)) {
		name, marked := strings.CutPrefix(strings.TrimSpace(line), "-- ")
		name, ends := strings.CutSuffix(name, " --")
		switch {
		case marked && ends:
			sections = append(sections, section{name: name})
		case len(sections) > 0:
			sections[len(sections)-1].text += line
		}
	}
	return sections
}
