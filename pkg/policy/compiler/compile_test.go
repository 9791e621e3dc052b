package compiler_test

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-access/aws-access/pkg/policy/compiler"
	"github.com/aws-access/aws-access/pkg/policy/policytest"
)

var update = flag.Bool("update", false, "rewrite what testdata/compile expects; review reads the difference")

// whole is a sound policy, a section for each key.
var whole = []policytest.Section{
	{Name: "version", Text: "version: 1\n"},
	{Name: "settings", Text: "settings: {channel: C0APPROVALS}\n"},
	{Name: "roles", Text: "roles: {ReadOnly: {}, Operator: {}, Admin: {}}\n"},
	{Name: "accounts", Text: `accounts:
  - {id: "111111111111", name: pay-prod, ou: /work/prod, tags: {env: prod}}
  - {id: "222222222222", name: pay-dev, tags: {env: dev}, roles: [ReadOnly]}
`},
	{Name: "groups", Text: "groups: {devs: {slack: S0DEVS}, leads: {slack: S0LEADS}, two: {people: [a@example.com, U0TWO]}}\n"},
	{Name: "rules", Text: "rules:\n  - {name: look, who: [devs], accounts: [pay-prod], roles: [ReadOnly], max: 4h, approvals: none}\n"},
}

// A case is the sections of a policy that differ from the sound one, with a
// mark before each place where a problem is expected: ⟦ for an error, ⟪ for a
// warning. What the messages say, in the order of their places, stands below as
// comments. A case that has "file" is no policy at all but for what it holds.
const (
	errorMark = "⟦"
	warnMark  = "⟪"
)

var topKey = regexp.MustCompile(`^[a-z_⟦⟪]+`)

// assembled is the policy of a case, marks and all.
func assembled(text string) string {
	var mine []policytest.Section
	for line := range strings.Lines(text) {
		if key := strings.Trim(topKey.FindString(line), errorMark+warnMark); key != "" {
			mine = append(mine, policytest.Section{Name: key})
		}
		if len(mine) > 0 && !strings.HasPrefix(line, "#") {
			mine[len(mine)-1].Text += line
		}
	}
	out := ""
	for _, s := range whole {
		i := slices.IndexFunc(mine, func(m policytest.Section) bool {
			return m.Name == s.Name || m.Name == "no_"+s.Name || m.Name == "accounts_from" && s.Name == "accounts"
		})
		switch {
		case i < 0:
			out += s.Text
		case !strings.HasPrefix(mine[i].Name, "no_"):
			out += mine[i].Text
			mine = slices.Delete(mine, i, i+1)
		default:
			mine = slices.Delete(mine, i, i+1)
		}
	}
	for _, m := range mine {
		out += m.Text
	}
	return out
}

// unmarked takes the marks away and tells where they stood.
func unmarked(text string) (src string, problems, warnings []compiler.Problem) {
	line, col := 1, 1
	for text != "" {
		r, size := utf8.DecodeRuneInString(text)
		switch string(r) {
		case errorMark:
			problems = append(problems, compiler.Problem{File: "policy.yaml", Line: line, Col: col})
		case warnMark:
			warnings = append(warnings, compiler.Problem{File: "policy.yaml", Line: line, Col: col})
		default:
			src += text[:size]
			col++
			if r == '\n' {
				line, col = line+1, 1
			}
		}
		text = text[size:]
	}
	return src, problems, warnings
}

func TestProblemsAreReportedAtTheirPlace(t *testing.T) {
	files, err := filepath.Glob("testdata/compile/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		out := ""
		comment, sections := policytest.ReadArchive(t, file)
		for _, s := range sections {
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar")+"/"+s.Name, func(t *testing.T) {
				out += "-- " + s.Name + " --\n" + checkCompile(t, s.Text)
			})
		}
		if *update {
			if err := os.WriteFile(file, []byte(comment+out), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func checkCompile(t *testing.T, text string) (rewritten string) {
	t.Helper()
	var want []string
	body := ""
	for line := range strings.Lines(text) {
		if says, ok := strings.CutPrefix(line, "#! "); ok {
			want = append(want, "error: "+strings.TrimSpace(says))
		} else if says, ok := strings.CutPrefix(line, "#? "); ok {
			want = append(want, "warning: "+strings.TrimSpace(says))
		} else {
			body += line
		}
	}
	src, problems, warnings := unmarked(assembled(body))
	p, gotWarnings, err := compiler.Compile("policy.yaml", []byte(src), compiler.Options{Bastion: policytest.Bastion, Now: policytest.Noon, Read: noFile})
	var gotProblems compiler.Problems
	if !errors.As(err, &gotProblems) && err != nil {
		t.Fatalf("the error is %T", err)
	}
	if (p == nil) != (len(gotProblems) > 0) {
		t.Errorf("policy %v beside %d problems", p != nil, len(gotProblems))
	}
	if p != nil {
		policytest.Reloaded(t, p)
	}
	var got []string
	for i := range gotProblems {
		got = append(got, "error: "+gotProblems[i].Text)
		body += "#! " + gotProblems[i].Text + "\n"
	}
	for i := range gotWarnings {
		got = append(got, "warning: "+gotWarnings[i].Text)
		body += "#? " + gotWarnings[i].Text + "\n"
	}
	checkPlaces(t, "errors", gotProblems, problems)
	checkPlaces(t, "warnings", gotWarnings, warnings)
	if diff := cmp.Diff(want, got); diff != "" && !*update {
		t.Errorf("messages (-want +got):\n%s\n%s", diff, src)
	}
	return body
}

func checkPlaces(t *testing.T, what string, got, want []compiler.Problem) {
	t.Helper()
	var places []compiler.Problem
	for _, p := range got {
		places = append(places, compiler.Problem{File: p.File, Line: p.Line, Col: p.Col})
		wrong, write, found := strings.Cut(p.Text, "; ")
		if !found || wrong == "" || write == "" {
			t.Errorf("%q does not say what is wrong; what to write instead", p.Text)
		}
	}
	if diff := cmp.Diff(want, places); diff != "" {
		t.Errorf("places of %s (-want +got):\n%s\n%v", what, diff, got)
	}
}

func noFile(string) ([]byte, error) { return nil, fs.ErrNotExist }

func TestProblemsNameFileLineAndColumn(t *testing.T) {
	src := "version: 2\nsettings: {channel: C0A}\nroles: {ä: {}, Admin: {}}\naccounts: [{id: \"111111111111\", name: prod}]\nrules: []\n"
	_, _, err := compiler.Compile("dir/policy.yaml", []byte(src), compiler.Options{})
	want := `dir/policy.yaml:1:10: this program reads version 1 of the policy file; write version: 1
dir/policy.yaml:3:9: a role cannot be called "ä"; write the name of an IAM role: at most 64 letters, digits and _+=,.@-`
	if err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}
