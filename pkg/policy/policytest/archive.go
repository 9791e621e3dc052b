package policytest

import (
	"os"
	"strings"
	"testing"
)

// Section is one file of a txtar archive: the lines below a line "-- name --".
type Section struct{ Name, Text string }

// ReadArchive reads a txtar file. The text before the first section is a comment for readers.
func ReadArchive(t testing.TB, file string) (comment string, sections []Section) {
	t.Helper()
	src, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(src)) {
		name, begins := strings.CutPrefix(strings.TrimSpace(line), "-- ")
		name, ends := strings.CutSuffix(name, " --")
		switch {
		case begins && ends:
			sections = append(sections, Section{Name: name})
		case len(sections) > 0:
			sections[len(sections)-1].Text += line
		default:
			comment += line
		}
	}
	return comment, sections
}
