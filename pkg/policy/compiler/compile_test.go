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

var update = flag.Bool("update", false, "rewrite the messages in testdata/compile; a review reads the difference")

// soundPolicy is a policy without a problem, in one section for each key.
var soundPolicy = []policytest.Section{
	{Name: "version", Text: "version: 1\n"},
	{Name: "settings", Text: "settings: {channel: C0APPROVALS, responders: [U0RESPONDER]}\n"},
	{Name: "roles", Text: "roles: {ReadOnly: {}, Operator: {}, Admin: {}}\n"},
	{Name: "accounts", Text: `accounts:
  - {id: "111111111111", name: pay-prod, ou: /work/prod, tags: {env: prod}}
  - {id: "222222222222", name: pay-dev, tags: {env: dev}, roles: [ReadOnly]}
`},
	{Name: "groups", Text: "groups: {devs: {slack: S0DEVS}, leads: {slack: S0LEADS}, " +
		"two: {people: [a@example.com, U0TWO]}}\n"},
	{Name: "rules", Text: "rules:\n" +
		"  - {name: look, who: [devs], accounts: [pay-prod], roles: [ReadOnly], max: 4h, approvals: none}\n"},
}

// A case has the sections that differ from the sound policy, with a mark in front of each place
// where a problem is expected. The messages follow as comments, in the order of their places: #! for
// an error, #? for a warning. A section "no_rules" removes the section "rules".
const (
	errorMark   = "⟦"
	warningMark = "⟪"
)

var topKey = regexp.MustCompile(`^[a-z_⟦⟪]+`)

// assemble returns the policy of a case, with its marks.
func assemble(text string) string {
	var mine []policytest.Section
	for line := range strings.Lines(text) {
		if key := strings.Trim(topKey.FindString(line), errorMark+warningMark); key != "" {
			mine = append(mine, policytest.Section{Name: key})
		}
		if len(mine) > 0 && !strings.HasPrefix(line, "#") {
			mine[len(mine)-1].Text += line
		}
	}
	out := ""
	for _, s := range soundPolicy {
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

// removeMarks removes the marks, and returns their places.
func removeMarks(text string) (src string, problems, warnings []compiler.Problem) {
	line, col := 1, 1
	for text != "" {
		r, size := utf8.DecodeRuneInString(text)
		switch string(r) {
		case errorMark:
			problems = append(problems, compiler.Problem{File: "policy.yaml", Line: line, Col: col})
		case warningMark:
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

// checkCompile compiles a case, and returns it with the messages that the compiler has now.
func checkCompile(t *testing.T, text string) (rewritten string) {
	t.Helper()
	body, want := splitMessages(text)
	src, problems, warnings := removeMarks(assemble(body))
	p, gotWarnings, err := compiler.Compile("policy.yaml", []byte(src), testOptions(noFile))
	var gotProblems compiler.Problems
	if !errors.As(err, &gotProblems) && err != nil {
		t.Fatalf("the error is %T", err)
	}
	if (p == nil) != (len(gotProblems) > 0) {
		t.Errorf("there is a policy: %v, and %d problems", p != nil, len(gotProblems))
	}
	if p != nil {
		policytest.Reloaded(t, p)
	}
	var got []string
	for _, one := range gotProblems {
		got = append(got, "#! "+one.Text)
	}
	for _, one := range gotWarnings {
		got = append(got, "#? "+one.Text)
	}
	checkPlaces(t, "errors", gotProblems, problems)
	checkPlaces(t, "warnings", gotWarnings, warnings)
	if diff := cmp.Diff(want, got); diff != "" && !*update {
		t.Errorf("messages (-want +got):\n%s\n%s", diff, src)
	}
	for _, message := range got {
		body += message + "\n"
	}
	return body
}

// splitMessages parts a case from its messages.
func splitMessages(text string) (body string, messages []string) {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "#! ") || strings.HasPrefix(line, "#? ") {
			messages = append(messages, strings.TrimSpace(line))
		} else {
			body += line
		}
	}
	return body, messages
}

func testOptions(read func(string) ([]byte, error)) compiler.Options {
	return compiler.Options{Bastion: policytest.Bastion, Now: policytest.Noon, Read: read}
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
	src := "version: 2\nsettings: {channel: C0A}\nroles: {ä: {}, Admin: {}}\n" +
		"accounts: [{id: \"111111111111\", name: prod}]\nrules: []\n"
	_, _, err := compiler.Compile("dir/policy.yaml", []byte(src), compiler.Options{})
	want := `dir/policy.yaml:1:10: this program reads version 1 of the policy file; write version: 1
dir/policy.yaml:3:9: a role cannot be called "ä"; write the name of an IAM role: at most 64 letters, digits and _+=,.@-`
	if err == nil || err.Error() != want {
		t.Errorf("got:\n%v\nwant:\n%s", err, want)
	}
}
