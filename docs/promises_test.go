package docs

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// proofs are the pages with tables of promises and attacks, each with its lowest number of rows. If allow is not
// empty, a row may name that file instead of a test: a program that is not written in Go wrote the file.
var proofs = []struct {
	page, allow string
	rows        int
}{
	{"security.md", "", 25},
	{"threats.md", "infra/proof/table.md", 80},
}

// TestPagesNameTestsThatExist finds tests that were renamed. This test finds rows that name no test or no file.
func TestEveryPromiseNamesAFileAndATest(t *testing.T) {
	declared := declaredTests(t)
	exists := func(file string) bool {
		_, err := os.Stat(filepath.Join("..", filepath.FromSlash(file)))
		return err == nil
	}
	for _, p := range proofs {
		text, err := os.ReadFile(p.page)
		if err != nil {
			t.Fatal(err)
		}
		problems, rows := checkProofs(string(text), p.allow, exists, declared)
		for _, problem := range problems {
			t.Errorf("docs/%s:%s", p.page, problem)
		}
		if rows < p.rows {
			t.Errorf("docs/%s has %d rows with a proof, want at least %d", p.page, rows, p.rows)
		}
	}
}

// proofTable matches the header of any table of promises or attacks; withProof, one that has all columns.
var (
	proofTable = regexp.MustCompile(`^\| (?:promise|attack) \|`)
	withProof  = regexp.MustCompile(`^\| (?:promise|attack) \| (?:kept|stopped) in \| proven by \|$`)
	repoPath   = regexp.MustCompile(`^(?:template\.yaml|(?:\.ci|cmd|docs|pkg|functions|infra)/[\w./-]+)$`)
	testName   = regexp.MustCompile(`^(?:Test|Fuzz)[A-Z]\w*$`)
)

// checkProofs returns what is wrong with the tables of promises and attacks of a page, as "line: what is wrong", and
// how many rows they have.
func checkProofs(
	page, allow string, exists func(string) bool, declared map[string]bool,
) (problems []string, rows int) {
	report := func(line int, format string, args ...any) {
		problems = append(problems, fmt.Sprintf("%d: ", line)+fmt.Sprintf(format, args...))
	}
	inside := false
	for i, line := range strings.Split(page, "\n") {
		switch {
		case proofTable.MatchString(line):
			if inside = withProof.MatchString(line); !inside {
				report(i+1, "the table does not say where each row is kept and what proves it")
			}
			continue
		case !strings.HasPrefix(line, "|"):
			inside = false
		}
		if !inside || strings.HasPrefix(line, "| ---") {
			continue
		}
		rows++
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if len(cells) != 3 {
			report(i+1, "the row has %d cells, want 3", len(cells))
			continue
		}
		if !namesAny(cells[1], func(name string) bool { return repoPath.MatchString(name) && exists(name) }) {
			report(i+1, "no file of this repository is named: %s", cells[1])
		}
		proves := func(name string) bool {
			return testName.MatchString(name) && declared[name] || allow != "" && name == allow && exists(name)
		}
		if !namesAny(cells[2], proves) {
			report(i+1, "no test that exists is named: %s", cells[2])
		}
	}
	return problems, rows
}

// namesAny reports whether a cell has a name in backticks that satisfies is.
func namesAny(cell string, is func(string) bool) bool {
	return slices.ContainsFunc(code.FindAllStringSubmatch(cell, -1), func(found []string) bool { return is(found[1]) })
}

// proofCases are rows; want is empty where the row is right.
var proofCases = []struct{ name, head, row, allow, want string }{
	{"a whole row", "promise", "| A. | `pkg/a.go` | `TestA` |", "", ""},
	{"a fuzz test, and a word beside it", "attack", "| A. | `template.yaml` (Key) | the test `FuzzA` |", "", ""},
	{"no file", "promise", "| A. | the code | `TestA` |", "", "3: no file of this repository"},
	{"a file that was moved", "promise", "| A. | `pkg/gone.go` | `TestA` |", "", "3: no file of this repository"},
	{"no test", "promise", "| A. | `pkg/a.go` | review |", "", "3: no test that exists"},
	{"a test that was renamed", "attack", "| A. | `pkg/a.go` | `TestGone` |", "", "3: no test that exists"},
	{"an empty cell", "promise", "| A. | `pkg/a.go` |  |", "", "3: the row has 2 cells"},
	{"a file in place of a test", "attack", "| A. | `pkg/a.go` | `pkg/a.go` |", "", "3: no test that exists"},
	{"a file that may prove", "attack", "| A. | `pkg/a.go` | `pkg/a.go` |", "pkg/a.go", ""},
	{"a table without proofs", "promise", "", "", "1: the table does not say"},
}

func TestEachRowWithoutAProofIsFound(t *testing.T) {
	exists := func(file string) bool { return file == "pkg/a.go" || file == "template.yaml" }
	declared := map[string]bool{"TestA": true, "FuzzA": true}
	for _, c := range proofCases {
		page := "| " + c.head + " | kept in | proven by |\n| --- | --- | --- |\n" + c.row
		if c.row == "" {
			page = "| " + c.head + " | kept in |\n| --- | --- |\n| A. | `pkg/a.go` |"
		}
		problems, _ := checkProofs(page, c.allow, exists, declared)
		got := strings.Join(problems, "; ")
		if (c.want == "") != (got == "") || !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
