package docs

import (
	"os"
	"slices"
	"strings"
	"testing"
)

// The Apache licence requires that the NOTICE file of a module is distributed with it.
func TestNoticeRepeatsTheNoticesOfLinkedModules(t *testing.T) {
	all, _ := modules(t)
	text, err := os.ReadFile("../NOTICE")
	if err != nil {
		t.Fatal(err)
	}
	ours, found := words(string(text)), 0
	for path, m := range all {
		if !m.linked() {
			continue
		}
		if notice := words(fileOfModule(t, path, "NOTICE", "NOTICE.txt", "NOTICE.md")); notice != "" {
			found++
			if !strings.Contains(ours, notice) {
				t.Errorf("NOTICE does not repeat the notice of %s: %s", path, notice)
			}
		}
		for _, licence := range m.licences {
			if !inFiles(m, licence) && !slices.Contains(classifyAll(string(text)), licence) {
				t.Errorf("sources of %s are under %s, whose text is neither in its licence files nor in NOTICE", path, licence)
			}
		}
	}
	if found < 3 {
		t.Errorf("only %d modules with a notice", found)
	}
}

// words joins the words of a text by single spaces, so that line breaks do not count.
func words(text string) string { return strings.Join(strings.Fields(text), " ") }

func inFiles(m *module, licence string) bool {
	for _, text := range m.files {
		if slices.Contains(classify([]byte(text)), licence) {
			return true
		}
	}
	return false
}
