package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A threat whose test was renamed is a threat that nobody proves.
func TestThreatsNameWhatExists(t *testing.T) {
	threats, err := os.ReadFile("../docs/threats.md")
	if err != nil {
		t.Fatal(err)
	}
	tests := make(map[string]bool)
	name := regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	err = filepath.WalkDir("..", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, found := range name.FindAllStringSubmatch(string(text), -1) {
			tests[found[1]] = true
		}
		return err
	})
	if err != nil || len(tests) < 100 {
		t.Fatalf("%d tests found, %v", len(tests), err)
	}
	quoted := regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(string(threats), -1)
	for _, q := range quoted {
		switch what := q[1]; {
		case strings.HasPrefix(what, "Test") || strings.HasPrefix(what, "Fuzz"):
			if !tests[what] {
				t.Errorf("docs/threats.md names the test %s, which does not exist", what)
			}
		case strings.HasSuffix(what, ".go"):
			if _, err := os.Stat(filepath.Join("..", what)); err != nil {
				t.Errorf("docs/threats.md names the file %s: %v", what, err)
			}
		}
	}
}
