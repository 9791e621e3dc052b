package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var (
	testDeclared = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	testNamed    = regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w*)`")
)

// A threat whose test was renamed is a threat that nobody proves, and a figure whose test was renamed is a figure
// that nobody can measure again.
func TestPagesNameTestsThatExist(t *testing.T) {
	declared, named := declaredTests(t), make(map[string][]string)
	readFiles(t, ".md", func(path, text string) {
		for _, found := range testNamed.FindAllStringSubmatch(text, -1) {
			named[path] = append(named[path], found[1])
		}
	})
	if len(named["../docs/threats.md"]) < 50 {
		t.Fatalf("%d tests are named in the threats", len(named["../docs/threats.md"]))
	}
	for page, tests := range named {
		for _, name := range tests {
			if !declared[name] {
				t.Errorf("%s names the test %s, which does not exist", page, name)
			}
		}
	}
}

// declaredTests are the names of all tests and fuzz tests of the repository.
func declaredTests(t *testing.T) map[string]bool {
	t.Helper()
	declared := make(map[string]bool)
	readFiles(t, "_test.go", func(_, text string) {
		for _, found := range testDeclared.FindAllStringSubmatch(text, -1) {
			declared[found[1]] = true
		}
	})
	if len(declared) < 100 {
		t.Fatalf("only %d tests were found", len(declared))
	}
	return declared
}

// readFiles passes the text of every file of the repository whose name ends so to read.
func readFiles(t *testing.T, suffix string, read func(path, text string)) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && path != ".." && skipped(filepath.ToSlash(path)) {
			return skip(err)
		}
		if d.IsDir() || !strings.HasSuffix(path, suffix) {
			return nil
		}
		text, err := os.ReadFile(path)
		if err == nil {
			read(path, string(text))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// skip leaves a directory out, unless it could not be read.
func skip(err error) error {
	if err != nil {
		return err
	}
	return fs.SkipDir
}
