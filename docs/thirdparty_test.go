package docs

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

const thirdParty = "../THIRD_PARTY_LICENSES.txt"

var update = flag.Bool("update", false, "write THIRD_PARTY_LICENSES.txt again")

// goLicence is the title of Go's own licence, which covers the standard library and the runtime.
const goLicence = "Go: the standard library and the runtime, in every binary"

// The licences of BSD and MIT require that their text is distributed with a binary, so each release
// archive contains this file.
func TestThirdPartyLicencesHoldTheTextOfEveryLinkedLicence(t *testing.T) {
	all, functions := modules(t)
	have, err := os.ReadFile(thirdParty)
	if err != nil {
		t.Fatal(err)
	}
	// Go's own licence is not written by -update, because some distributions of Go do not contain it.
	_, ofGo, _ := strings.Cut(string(have), section(goLicence))
	ofGo, _, _ = strings.Cut(ofGo, "\n\n====")
	licences := classify([]byte(ofGo))
	if !slices.Equal(licences, []string{"BSD-3-Clause"}) || !strings.Contains(ofGo, "The Go Authors") {
		t.Fatalf("Go's licence is missing in %s", thirdParty)
	}
	want := thirdPartyText(all, functions, ofGo)
	if *update {
		if err := os.WriteFile(thirdParty, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
	} else if string(have) != want {
		t.Errorf("%s differs from the linked modules: run go test ./docs -run ThirdParty -update, and read the difference",
			thirdParty)
	}
}

func section(titles ...string) string {
	line := strings.Repeat("=", 80) + "\n"
	return line + strings.Join(titles, "\n") + "\n" + line + "\n"
}

// thirdPartyText returns the content of the file: each different text once, below the files of modules
// that contain it.
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
