package functions

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// A nil *access.Refusal that is returned as an error is not nil. Only access.Refuse returns the
// pointer, and it never returns nil.
func TestRefusalsAreReturnedAsErrors(t *testing.T) {
	found := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			f, ok := n.(*ast.FuncType)
			if !ok || f.Results == nil {
				return true
			}
			for _, result := range f.Results.List {
				if star, ok := result.Type.(*ast.StarExpr); ok && isRefusal(star.X) {
					if found++; filepath.ToSlash(path) != "../pkg/access/refusal.go" {
						t.Errorf("%s: a function returns *access.Refusal; return error", path)
					}
				}
			}
			return true
		})
		return nil
	})
	if err != nil || found == 0 {
		t.Errorf("found %d functions that return *access.Refusal, and %v; want access.Refuse at least", found, err)
	}
}

func isRefusal(x ast.Expr) bool {
	if of, ok := x.(*ast.SelectorExpr); ok {
		return of.Sel.Name == "Refusal"
	}
	name, ok := x.(*ast.Ident)
	return ok && name.Name == "Refusal"
}

// The clock moves on with every reading, and passes the beginning of the grant between two of them.
func TestAGrantThatBeginsDuringAClickIsAnswered(t *testing.T) {
	w := newWorld(t)
	w.plant(access.Active) // from 11:59
	for before := range 12 {
		now := noon.Add(-time.Minute - time.Duration(before)*time.Millisecond)
		w.Slack.Now = func() time.Time { now = now.Add(time.Millisecond); return now }
		w.now = noon.Add(-time.Minute)
		if answer := w.http(w.clicked("U0DEV1", "keys", theRequest)); answer.StatusCode != http.StatusOK {
			t.Errorf("%d readings before: status %d: %s\n%s", before, answer.StatusCode, answer.Body, w.logs)
		}
		if early := w.lastCode() == "not_yet"; early == (len(w.orders) == 1) {
			t.Errorf("%d readings before: %d orders and the code %q", before, len(w.orders), w.lastCode())
		}
		w.orders = nil
		w.logs.Reset()
	}
}
