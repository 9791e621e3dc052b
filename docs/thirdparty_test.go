package docs

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

const thirdParty = "../THIRD_PARTY_LICENSES.txt"

// goLicence is the title of Go's own licence, which covers the standard library and the runtime.
const goLicence = "Go: the standard library and the runtime, in every binary"

// The licences of BSD and MIT ask that their text is handed on with a binary, and a release archive
// contains this file.
func TestThirdPartyLicencesHoldTheTextOfEveryLinkedLicence(t *testing.T) {
	all, functions := modules(t)
	if *update {
		text, err := os.ReadFile(filepath.Join(runtime.GOROOT(), "LICENSE"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(thirdParty, []byte(thirdPartyText(all, functions, string(text))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(thirdParty)
	if err != nil {
		t.Fatal(err)
	}
	// Go's text is taken from the file: some distributions of Go leave their own copy out.
	_, ofGo, found := strings.Cut(string(have), section(goLicence))
	ofGo, _, _ = strings.Cut(ofGo, "\n\n====")
	if !found || !slices.Equal(classify([]byte(ofGo)), []string{"BSD-3-Clause"}) || !strings.Contains(ofGo, "The Go Authors") {
		t.Errorf("Go's licence is missing in %s", thirdParty)
	}
	if string(have) != thirdPartyText(all, functions, ofGo) {
		t.Errorf("%s is not what the linked modules say: run go test ./docs -run ThirdParty -update, and read the difference",
			thirdParty)
	}
}

func section(titles ...string) string {
	line := strings.Repeat("=", 80) + "\n"
	return line + strings.Join(titles, "\n") + "\n" + line + "\n"
}

// thirdPartyText is the file: each different text once, below the names of those that it covers.
func thirdPartyText(all map[string]*module, functions int, ofGo string) string {
	titles := make(map[string][]string) // by the text
	for _, path := range slices.Sorted(maps.Keys(all)) {
		m := all[path]
		if !m.linked() {
			continue
		}
		for _, file := range slices.Sorted(maps.Keys(m.files)) {
			text := strings.Trim(strings.ReplaceAll(m.files[file], "\r", ""), "\n")
			titles[text] = append(titles[text], fmt.Sprintf("%s, %s (in %s)", path, file, m.place(functions)))
		}
	}
	var b strings.Builder
	b.WriteString("The licences of the code that the functions and the command aws-access contain beside their own.\n" +
		"The tests write this file: go test ./docs -run ThirdParty -update\n\n" + section(goLicence) +
		strings.Trim(ofGo, "\n") + "\n\n")
	for _, text := range slices.SortedFunc(maps.Keys(titles), func(a, b string) int {
		return strings.Compare(titles[a][0], titles[b][0])
	}) {
		b.WriteString(section(titles[text]...) + text + "\n\n")
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// The Apache licence asks that the NOTICE file of a module is handed on.
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
