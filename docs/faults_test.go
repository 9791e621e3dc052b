package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var quotedCell = regexp.MustCompile("`([^`]+)`")

// faultRow is a row of faults.md. In the tables of codes, the second column has the code.
type faultRow struct {
	name, code string
	words      []string
	tests      int
}

func faultRows(t *testing.T) (rows []faultRow) {
	t.Helper()
	text, err := os.ReadFile("faults.md")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), " | ")
		if !strings.HasPrefix(line, "| ") || len(cells) < 4 || strings.HasPrefix(cells[0], " fault") ||
			strings.HasPrefix(cells[0], " ---") {
			continue
		}
		row := faultRow{name: cells[0], tests: len(quotedCell.FindAllString(cells[len(cells)-1], -1))}
		if len(cells) == 5 && strings.HasPrefix(cells[1], "`") {
			row.code = strings.Trim(cells[1], "`")
		}
		for _, found := range quotedCell.FindAllStringSubmatch(cells[len(cells)-2], -1) {
			row.words = append(row.words, found[1])
		}
		rows = append(rows, row)
	}
	return rows
}

// goTexts are the texts of the product's code, and the names of its text constants.
type goTexts struct {
	names map[string][]string // by value
	decls []goDecl
}

// goDecl is a function or another declaration at the top of a file.
type goDecl struct {
	texts []string // with constant parts joined
	names map[string]bool
}

func readGo(t *testing.T) goTexts {
	t.Helper()
	all := goTexts{names: make(map[string][]string)}
	for name, text := range allTexts(t) {
		if !strings.HasSuffix(name, ".go") || strings.HasSuffix(name, "_test.go") || strings.Contains(name, "/fake/") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range file.Decls {
			all.read(d)
		}
	}
	return all
}

func (g *goTexts) read(d ast.Decl) {
	one := goDecl{names: make(map[string]bool)}
	ast.Inspect(d, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.Ident:
			one.names[n.Name] = true
		case *ast.ValueSpec:
			for i, value := range n.Values {
				if text := joined(value); i < len(n.Names) && text != "" {
					g.names[text] = append(g.names[text], n.Names[i].Name)
				}
			}
		case ast.Expr:
			if text := joined(n); text != "" {
				one.texts = append(one.texts, text)
			}
		}
		return true
	})
	g.decls = append(g.decls, one)
}

// joined returns the text of an expression. A part that is no constant is a null character.
func joined(e ast.Expr) string {
	switch e := e.(type) {
	case *ast.BasicLit:
		text, _ := strconv.Unquote(e.Value) // "" for a number
		return text
	case *ast.BinaryExpr:
		if left, right := joined(e.X), joined(e.Y); e.Op == token.ADD && left+right != "" {
			return cutPart(left) + cutPart(right)
		}
	}
	return ""
}

func cutPart(text string) string {
	if text == "" {
		return "\x00"
	}
	return text
}

// say reports whether one declaration has the words and, if there is one, the code.
func (g *goTexts) say(words, code string) bool {
	for _, d := range g.decls {
		coded := code == ""
		for _, name := range g.names[code] {
			coded = coded || d.names[name]
		}
		said := false
		for _, text := range d.texts {
			coded = coded || text == code
			said = said || strings.Contains(text, words)
		}
		if coded && said {
			return true
		}
	}
	return false
}

// People search for the words that they see. A page with other words helps nobody.
func TestWordsOfFaultsAreThoseOfTheCode(t *testing.T) {
	code, rows := readGo(t), faultRows(t)
	if len(rows) < 55 {
		t.Fatalf("faults.md has only %d rows", len(rows))
	}
	for _, row := range rows {
		if row.tests == 0 {
			t.Errorf("%s: no test is named", row.name)
		}
		if row.code != "" && len(row.words) == 0 {
			t.Errorf("%s: the code %s has no words", row.name, row.code)
		}
		for _, words := range row.words {
			if !code.say(words, row.code) {
				t.Errorf("%s: no code says %q with the code %q", row.name, words, row.code)
			}
		}
	}
}
