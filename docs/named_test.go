package docs

import (
	"path"
	"regexp"
	"strings"
	"testing"
)

var (
	testDeclared = regexp.MustCompile(`(?m)^func ((?:Test|Fuzz)\w+)\(`)
	testNamed    = regexp.MustCompile("`((?:Test|Fuzz)[A-Z]\\w*)`")
)

// If a test was renamed, readers cannot check the threat or measure the figure that cites it.
func TestPagesNameTestsThatExist(t *testing.T) {
	declared, named := declaredTests(t), make(map[string][]string)
	for name, text := range allTexts(t) {
		for _, found := range testNamed.FindAllStringSubmatch(text, -1) {
			if path.Ext(name) == ".md" {
				named[name] = append(named[name], found[1])
			}
		}
	}
	if n := len(named["docs/threats.md"]); n < 50 {
		t.Fatalf("threats.md names only %d tests", n)
	}
	for page, tests := range named {
		for _, name := range tests {
			if !declared[name] {
				t.Errorf("%s names the test %s, which does not exist", page, name)
			}
		}
	}
}

// declaredTests returns the names of all tests and fuzz tests of the repository.
func declaredTests(t *testing.T) map[string]bool {
	t.Helper()
	declared := make(map[string]bool)
	for name, text := range allTexts(t) {
		for _, found := range testDeclared.FindAllStringSubmatch(text, -1) {
			declared[found[1]] = declared[found[1]] || strings.HasSuffix(name, "_test.go")
		}
	}
	if len(declared) < 100 {
		t.Fatalf("only %d tests were found", len(declared))
	}
	return declared
}
