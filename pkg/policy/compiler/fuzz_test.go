package compiler_test

import (
	"errors"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/compiler"
	"github.com/aws-access/aws-access/pkg/policy/policytest"
)

// FuzzCompile checks that any bytes are either compiled or refused with places in the file, and that
// a compiled policy can be asked.
func FuzzCompile(f *testing.F) {
	for _, file := range []string{"yaml.txtar", "shape.txtar", "names.txtar", "machines.txtar"} {
		_, sections := policytest.ReadArchive(f, filepath.Join("testdata", "compile", file))
		for _, s := range sections {
			src, _, _ := removeMarks(assemble(s.Text))
			f.Add([]byte(src))
		}
	}
	f.Add(policytest.RepositoryFile(f))
	w := policytest.NewWorkspace()
	f.Fuzz(func(t *testing.T, src []byte) {
		p, warnings, err := compiler.Compile("policy.yaml", src, testOptions(noFile))
		var problems compiler.Problems
		if (p == nil) != errors.As(err, &problems) || (err != nil) != (len(problems) > 0) {
			t.Fatalf("there is a policy: %v, and the error %v", p != nil, err)
		}
		for _, one := range slices.Concat(problems, warnings) {
			if one.Line < 1 || one.Line > countLines(src) || one.Col < 1 || !strings.Contains(one.Text, "; ") {
				t.Errorf("a problem without a place or without words: %v", one)
			}
		}
		if p != nil {
			policytest.Reloaded(t, p)
			checkFormShowsAllowedRoles(t, p, w)
		}
	})
}

// countLines returns the number of lines as YAML counts them, plus one.
func countLines(src []byte) int {
	count := 2
	for _, end := range []string{"\n", "\r", "\u0085", "\u2028", "\u2029"} {
		count += strings.Count(string(src), end)
	}
	return count
}

func checkFormShowsAllowedRoles(t *testing.T, p *policy.Policy, w policytest.Workspace) {
	t.Helper()
	who, d, now := w.Person("dev1"), w.Directory(policytest.Noon), policytest.Noon
	for _, a := range policytest.Accounts(p) {
		for _, r := range p.Roles(who, d, now, a.ID) {
			answer := p.Decide(policy.Question{
				Who: who, Account: a.ID, Role: r.Name, Asking: true, Directory: d, At: now,
			})
			code, arn := access.Code(answer.Refusal), answer.Target.Path+"x"
			if code == "not_allowed" || code == "never" || path.Clean(arn) != arn {
				t.Errorf("the form shows %s in %s, but the answer is %q, path %q", r.Name, a.Name, code, answer.Target.Path)
			}
		}
	}
}
