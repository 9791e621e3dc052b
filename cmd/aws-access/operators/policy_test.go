package operators

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/pkg/policy/packed"
)

const sound = `version: 1
settings: {channel: C0APPROVALS, responders: [U0LEAD1]}
roles: {ReadOnly: {}, Admin: {}}
accounts: [{id: "111111111111", name: prod}]
groups: {devs: {slack: S0DEVS}}
rules: [{name: look, who: [devs], accounts: [prod], roles: [ReadOnly], max: 4h, approvals: none}]
`

// shell runs the command in an empty directory of its own.
type shell struct {
	*testing.T
	stdout, stderr string
}

// inDirectory makes the directory, with files in it.
func inDirectory(t *testing.T, files map[string]string) *shell {
	t.Helper()
	t.Chdir(t.TempDir())
	s := &shell{T: t}
	for name, text := range files {
		s.write(name, text)
	}
	return s
}

func (s *shell) write(name, text string) {
	s.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		s.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
}

// run runs a command line, and checks its exit code.
func (s *shell) run(line string, want int) {
	s.Helper()
	var stdout, stderr bytes.Buffer
	got := run(context.Background(), strings.Fields(line), &stdout, &stderr)
	s.stdout, s.stderr = stdout.String(), stderr.String()
	if got != want {
		s.Fatalf("aws-access %s: exit code %d, want %d\n%s%s", line, got, want, s.stdout, s.stderr)
	}
}

// wantFile checks the content of a file; "" is for a file that is empty or does not exist.
func (s *shell) wantFile(name, want string) {
	s.Helper()
	got, err := os.ReadFile(name)
	if err != nil && !os.IsNotExist(err) {
		s.Fatal(err)
	}
	if string(got) != want {
		s.Errorf("%s: got %q, want %q", name, got, want)
	}
}

func (s *shell) wantText(what, got, want string) {
	s.Helper()
	if got != want {
		s.Errorf("%s: got:\n%s\nwant:\n%s", what, got, want)
	}
}

// wantFiles checks which files are in the directory, so that no temporary file is left.
func (s *shell) wantFiles(want string) {
	s.Helper()
	found, err := filepath.Glob("*")
	if got := strings.Join(found, " "); err != nil || got != want {
		s.Errorf("files: got %q (%v), want %q", got, err, want)
	}
}

func TestFunctionsLoadTheCompiledPolicy(t *testing.T) {
	s := inDirectory(t, map[string]string{"policy.yaml": sound})
	s.run("policy compile", exitOK)
	src, err := os.ReadFile("policy.compiled")
	if err != nil {
		t.Fatal(err)
	}
	p, err := packed.Load(src, "999999999999")
	if err != nil {
		t.Fatal(err)
	}
	s.wantText("standard output", s.stdout,
		"policy.compiled: 1 account, 2 roles, 1 rule, 0 never rules, digest "+p.Digest()+"\n")
	s.wantText("standard error", s.stderr, "")
	if file, err := os.Stat("policy.compiled"); err != nil || file.Mode().Perm() != 0o644 {
		t.Errorf("the file has mode %v (%v), so another user cannot read it", file.Mode(), err)
	}
	s.wantFiles("policy.compiled policy.yaml")
	s.write("policy.yaml", sound)
	s.run("policy compile -o second.compiled policy.yaml", exitOK)
	s.wantFile("second.compiled", string(src))
}

func TestCompileReadsAccountsFileNextToPolicy(t *testing.T) {
	fromFile := strings.Replace(sound, `accounts: [{id: "111111111111", name: prod}]`, "accounts_from: accounts.yaml", 1)
	s := inDirectory(t, map[string]string{
		"etc/policy.yaml":   fromFile,
		"etc/accounts.yaml": "- {id: \"111111111111\", name: prod}\n- {id: \"222222222222\", name: dev}\n",
	})
	s.run("policy compile -o out etc/policy.yaml", exitOK)
	if !strings.HasPrefix(s.stdout, "out: 2 accounts, ") {
		t.Errorf("got %q", s.stdout)
	}
	s.write("etc/accounts.yaml", "- {id: \"111111111111\", name: prod, reggion: x}\n")
	s.run("policy compile -o out etc/policy.yaml", exitProblem)
	s.wantText("standard error", s.stderr,
		"etc/accounts.yaml:1:36: an account cannot have the key \"reggion\"; did you mean \"region\"?\n")
}

// People who deploy without looking at the result of the build must not deploy an older policy.
func TestFailedCompileRemovesOlderResult(t *testing.T) {
	s := inDirectory(t, map[string]string{"policy.yaml": sound})
	s.run("policy compile", exitOK)
	s.write("policy.yaml", strings.Replace(strings.Replace(sound, "prod]", "prd]", 1), "4h", "4y", 1))
	s.run("policy compile", exitProblem)
	s.wantText("standard output", s.stdout, "")
	s.wantText("standard error", s.stderr, `policy.yaml:6:46: no account is called "prd"; did you mean "prod"?
policy.yaml:6:76: max is the word "4y", which is not a length of time; write it like 30m, 4h, 1h30m or 2d
`)
	s.wantFiles("policy.yaml")
	s.write("policy.yaml", sound)
	s.run("policy compile", exitOK)
	s.run("policy compile other.yaml", exitProblem)
	s.wantText("standard error", s.stderr, "aws-access: read the policy: open other.yaml: no such file or directory\n")
	s.wantFiles("policy.yaml")
}

func TestWarningsDoNotFailTheBuild(t *testing.T) {
	s := inDirectory(t, map[string]string{"policy.yaml": strings.Replace(sound, `"111111111111"`, "111111111111", 1)})
	s.run("policy compile", exitOK)
	s.wantText("standard error", s.stderr,
		"policy.yaml:4:17: warning: YAML reads the account id 111111111111 as a number; "+
			"write it in quotes: \"111111111111\"\n")
	s.wantFiles("policy.compiled policy.yaml")
}

func TestBastionCannotBeTarget(t *testing.T) {
	s := inDirectory(t, map[string]string{"policy.yaml": sound})
	s.run("policy compile --bastion 111111111111", exitProblem)
	s.wantText("standard error", s.stderr,
		"policy.yaml:4:17: the account 111111111111 is the bastion, which cannot be a target; remove it\n")
	s.run("policy compile --bastion 999999999999", exitOK)
	s.run("policy compile --bastion 12", exitUsage)
	s.wantText("standard error", s.stderr,
		"aws-access policy compile: --bastion needs an account id of twelve digits, and there can be only one policy file\n")
}

// A shell variable that is not set must not switch the check off.
func TestEmptyBastionIsRefused(t *testing.T) {
	inDirectory(t, map[string]string{"policy.yaml": sound})
	var stdout, stderr bytes.Buffer
	code := run(t.Context(), []string{"policy", "compile", "--bastion", ""}, &stdout, &stderr)
	want := "aws-access policy compile: --bastion is empty; give the account id of twelve digits of the bastion, " +
		"or leave --bastion out\n"
	if code != exitUsage || stderr.String() != want || stdout.Len() > 0 {
		t.Errorf("ended with %d, %q, want %q", code, stderr.String(), want)
	}
}

// Somebody who swaps the two names must not lose their policy.
func TestOnlyACompiledPolicyIsOverwritten(t *testing.T) {
	s := inDirectory(t, map[string]string{"policy.yaml": sound, "notes": "mine\n", "empty": ""})
	for _, name := range []string{"policy.yaml", "notes"} {
		s.run("policy compile -o "+name, exitProblem)
		s.wantText("standard error", s.stderr,
			"aws-access: "+name+" exists and is not a compiled policy, so it is not overwritten; choose another file with -o\n")
	}
	s.wantFile("policy.yaml", sound)
	s.wantFile("notes", "mine\n")
	s.run("policy compile -o empty", exitOK)
	s.run("policy compile -o none/such", exitProblem)
	if !strings.HasPrefix(s.stderr, "aws-access: write none/such: ") {
		t.Errorf("got %q", s.stderr)
	}
	src, err := os.ReadFile("empty")
	if err != nil {
		t.Fatal(err)
	}
	src[len(src)-1] ^= 1
	s.write("damaged", string(src))
	s.run("policy compile -o damaged", exitOK)
}

// A device such as /dev/null would be replaced by a file.
func TestOnlyARegularFileIsOverwritten(t *testing.T) {
	s := inDirectory(t, map[string]string{"policy.yaml": sound})
	if err := os.Mkdir("place", 0o700); err != nil {
		t.Fatal(err)
	}
	s.run("policy compile -o place", exitProblem)
	s.wantText("standard error", s.stderr,
		"aws-access: place is not a regular file, so it is not replaced; choose another file with -o\n")
	s.wantFiles("place policy.yaml")
}

func TestSettingsMayBeLeftOut(t *testing.T) {
	s := inDirectory(t, map[string]string{"policy.yaml": `version: 1
roles: {ReadOnly: {}}
accounts: [{id: "111111111111", name: a}]
groups: {devs: {people: [U0DEV1]}, leads: {people: [U0LEAD1, U0LEAD2]}}
rules:
  - {name: r, who: [devs], accounts: [a], roles: [ReadOnly], max: 1h,
     approvals: [{from: [leads], need: 1}], card: [C0APPROVALS]}
`})
	s.run("policy compile", exitOK)
	s.wantText("standard error", s.stderr, "policy.yaml:1:1: warning: there are no responders, so nobody "+
		"can stop all access from Slack; write settings: {responders: [leads]}, with your own group\n")
}

func TestHelpOfCompileIsItsText(t *testing.T) {
	s := inDirectory(t, map[string]string{"policy.yaml": sound})
	s.run("policy compile -h", exitOK)
	s.wantText("help", s.stderr[:min(len(s.stderr), len(aboutCompile))], aboutCompile)
	s.run("policy compile a b", exitUsage)
	s.wantFiles("policy.yaml")
}
