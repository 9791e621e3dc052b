package functions

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// Every refusal is made by one of the constructors in pkg/access/refusals.go. They return error:
// a nil *access.Refusal that is returned as an error would not be nil.
func TestRefusalsAreMadeInOneFile(t *testing.T) {
	const home = "../pkg/access/refusals.go"
	made := 0
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		path = filepath.ToSlash(path)
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncType:
				if returnsRefusal(path, n) {
					t.Errorf("%s: a function returns *access.Refusal; return error", path)
				}
			case *ast.CompositeLit:
				if !isRefusal(path, n.Type) || strings.HasSuffix(path, "_test.go") {
					break
				}
				if made++; path != home {
					t.Errorf("%s: makes an access.Refusal; add a constructor to %s", path, home)
				}
			}
			return true
		})
		return nil
	})
	if err != nil || made != 1 {
		t.Errorf("found %d places that make an access.Refusal, and error %v; want 1, in %s", made, err, home)
	}
}

func returnsRefusal(path string, f *ast.FuncType) bool {
	if f.Results == nil {
		return false
	}
	return slices.ContainsFunc(f.Results.List, func(result *ast.Field) bool {
		star, ok := result.Type.(*ast.StarExpr)
		return ok && isRefusal(path, star.X)
	})
}

// isRefusal reports whether a type is access.Refusal, which package access calls Refusal. The body of
// an answer on the wire has the same name in its own package.
func isRefusal(path string, x ast.Expr) bool {
	if of, ok := x.(*ast.SelectorExpr); ok {
		pkg, named := of.X.(*ast.Ident)
		return of.Sel.Name == "Refusal" && named && pkg.Name == "access"
	}
	name, ok := x.(*ast.Ident)
	return ok && name.Name == "Refusal" && strings.HasPrefix(path, "../pkg/access/")
}

// The clock moves on each time that it is read, and the grant begins between two readings.
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
