package docs

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var logicalFunction = regexp.MustCompile(`(?m)^  ([A-Za-z]+Function):\n    Type: AWS::Serverless::Function\n`)

// stoppedByFreeze returns the functions of a template, and those that its parameter Frozen stops.
func stoppedByFreeze(template string) (all, stopped []string) {
	at := logicalFunction.FindAllStringSubmatchIndex(template, -1)
	for i, m := range at {
		name, rest := template[m[2]:m[3]], template[m[1]:]
		if i+1 < len(at) {
			rest = template[m[1]:at[i+1][0]]
		}
		all = append(all, name)
		for line := range strings.Lines(rest) {
			if strings.HasPrefix(strings.TrimSpace(line), "ReservedConcurrentExecutions:") && strings.Contains(line, "Frozen") {
				stopped = append(stopped, name)
			}
		}
	}
	return all, stopped
}

// Somebody in a hurry stops what this page names: all that gives access, and nothing that ends it.
func TestAnEmergencyStopsWhatGivesAccessAndNothingThatEndsIt(t *testing.T) {
	template, err := os.ReadFile("../template.yaml")
	if err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile("deploy.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n## In an emergency\n")
	section, _, _ = strings.Cut(section, "\n## ")
	all, stopped := stoppedByFreeze(string(template))
	_, loop, found := strings.Cut(section, "for FUNCTION in ")
	names, _, _ := strings.Cut(loop, ";")
	if got := strings.Fields(names); !found || len(stopped) == 0 || !slices.Equal(got, stopped) {
		t.Errorf("deploy.md stops %v, and Frozen stops %v", got, stopped)
	}
	_, after, _ := strings.Cut(section, "  done\n")
	for _, name := range all {
		if !slices.Contains(stopped, name) && !strings.Contains(after, "`"+name+"`") {
			t.Errorf("deploy.md does not say that %s keeps running", name)
		}
	}
	if !strings.Contains(after, "**`CutFunction` and `TickFunction` must keep running**") {
		t.Error("deploy.md does not say that cut and tick must keep running")
	}
}
