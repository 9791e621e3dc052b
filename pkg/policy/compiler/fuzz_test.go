package compiler_test

import (
	"errors"
	"os"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/compiler"
	"github.com/aws-access/aws-access/pkg/policy/policytest"
)

// FuzzCompile holds that any bytes are compiled or refused, with places that
// lie in the file, and that what compiles can be asked.
func FuzzCompile(f *testing.F) {
	for _, pattern := range []string{"testdata/compile/yaml.txtar", "testdata/compile/shape.txtar", "testdata/compile/names.txtar"} {
		src, err := os.ReadFile(pattern)
		if err != nil {
			f.Fatal(err)
		}
		for part := range strings.SplitSeq(string(src), "\n-- ") {
			_, text, _ := strings.Cut(part, "\n")
			policy, _, _ := unmarked(assembled(text))
			f.Add([]byte(policy))
		}
	}
	f.Add(policytest.RepositoryFile(f))
	w := policytest.NewWorkspace()
	f.Fuzz(func(t *testing.T, src []byte) {
		p, warnings, err := compiler.Compile("policy.yaml", src, compiler.Options{Bastion: policytest.Bastion, Now: policytest.Noon, Read: noFile})
		var problems compiler.Problems
		if (p == nil) != errors.As(err, &problems) || (err != nil) != (len(problems) > 0) {
			t.Fatalf("policy %v, error %v", p != nil, err)
		}
		lines := strings.Count(string(src), "\n") + strings.Count(string(src), "\r") + strings.Count(string(src), "\u0085") + strings.Count(string(src), "\u2028") + strings.Count(string(src), "\u2029") + 2
		for _, one := range slices.Concat(problems, warnings) {
			if one.Line < 1 || one.Line > lines || one.Col < 1 || !strings.Contains(one.Text, "; ") {
				t.Errorf("a problem without place or words: %v", one)
			}
		}
		if p == nil {
			return
		}
		policytest.Reloaded(t, p)
		for _, a := range policytest.Accounts(p) {
			for _, r := range p.Roles(w.Person("dev1"), w.Directory(policytest.Noon), policytest.Noon, a.ID) {
				answer := p.Decide(policy.Question{Who: w.Person("dev1"), Account: a.ID, Role: r.Name, Asking: true, Directory: w.Directory(policytest.Noon), At: policytest.Noon})
				if code := access.Code(answer.Refusal); code == "not_allowed" || code == "never" ||
					path.Clean(answer.Target.Path+"x") != answer.Target.Path+"x" {
					t.Errorf("%s in %s is shown, and answered %q, at %q", r.Name, a.Name, code, answer.Target.Path)
				}
			}
		}
	})
}
