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
	declared, named := make(map[string]bool), make(map[string][]string)
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() && path != ".." && skipped(filepath.ToSlash(path)) {
			return skip(err)
		}
		isTest, isPage := strings.HasSuffix(path, "_test.go"), strings.HasSuffix(path, ".md")
		if d.IsDir() || !isTest && !isPage {
			return nil
		}
		text, err := os.ReadFile(path)
		if isTest {
			for _, found := range testDeclared.FindAllStringSubmatch(string(text), -1) {
				declared[found[1]] = true
			}
			return err
		}
		for _, found := range testNamed.FindAllStringSubmatch(string(text), -1) {
			named[path] = append(named[path], found[1])
		}
		return err
	})
	if err != nil || len(declared) < 100 || len(named["../docs/threats.md"]) < 50 {
		t.Fatalf("%d tests found, %d of them in the threats, %v", len(declared), len(named["../docs/threats.md"]), err)
	}
	for page, tests := range named {
		for _, name := range tests {
			if !declared[name] {
				t.Errorf("%s names the test %s, which does not exist", page, name)
			}
		}
	}
}

// skip leaves a directory out, unless it could not be read.
func skip(err error) error {
	if err != nil {
		return err
	}
	return fs.SkipDir
}
