//go:build unix

package people

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/pkg/wire"
)

var testChoices = wire.Choices{Accounts: []wire.AccountChoice{
	{ID: "111111111111", Name: "payments prod", Region: "eu-central-1", Roles: []wire.RoleChoice{
		{Name: "Operator", Keys: true, Console: true}, {Name: "Viewer", Console: true},
	}},
	{ID: "222222222222", Name: "$(touch /tmp/owned)", Roles: []wire.RoleChoice{{Name: "Read", Keys: true}}},
}}

func runProfiles(t *testing.T, program string, all wire.Choices, args ...string) (*localEnv, int) {
	t.Helper()
	e, c := localDesk(noAccess), profilesCommand()
	c.new = func() action {
		return &profiles{program: func() (string, error) { return program, nil },
			choices: func(context.Context, *Env) (wire.Choices, error) { return all, nil }}
	}
	return e, c.Run(t.Context(), e.Env, args)
}

// printing is a program at a path with a space that prints keys with its arguments in them.
func printing(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a space", "aws-access")
	text := "#!/bin/sh\necho '{\"Version\":1,\"AccessKeyId\":\"'$1-$2-$3-$#'\"," +
		"\"SecretAccessKey\":\"s\",\"SessionToken\":\"t\"}'\n"
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// The Go SDK runs the line by a shell, and botocore splits it itself.
func TestSDKsUseTheProfilesThatWereWritten(t *testing.T) {
	onlyMine(t)
	e, code := runProfiles(t, printing(t), testChoices, "--write")
	path := filepath.Join(os.Getenv("HOME"), ".aws", "config")
	if code != 0 || e.out.String() != "" || e.words.String() != "Wrote 2 profiles into "+path+".\n" {
		t.Fatalf("%d %q %q", code, e.out.String(), e.words.String())
	}
	programs := map[string][]string{"Go SDK": sdkProgram(t), "botocore": botocoreProgram(t)}
	for profile, want := range map[string]string{
		"payments-prod-Operator":   "credential-process-111111111111-Operator-3 s t eu-central-1",
		"--touch--tmp-owned--Read": "credential-process-222222222222-Read-3 s t",
	} {
		t.Setenv("AWS_PROFILE", profile)
		for name, line := range programs {
			out, err := exec.Command(line[0], line[1:]...).CombinedOutput()
			if err != nil || strings.Count(string(out), want) != 2 {
				t.Errorf("%s, %s: %s, %v", name, profile, out, err)
			}
		}
	}
	if _, err := os.Stat("/tmp/owned"); err == nil {
		t.Error("the name of an account was run")
	}
}

func TestWithoutWriteTheBlockIsPrintedOnly(t *testing.T) {
	onlyMine(t)
	e, code := runProfiles(t, "/opt/aws-access", testChoices, "--prefix", "corp.")
	want := `[profile corp.payments-prod-Operator]
credential_process = "/opt/aws-access" credential-process 111111111111 Operator
region = eu-central-1

[profile corp.--touch--tmp-owned--Read]
credential_process = "/opt/aws-access" credential-process 222222222222 Read

`
	if code != 0 || !strings.Contains(e.out.String(), want) || strings.Contains(e.out.String(), "touch /tmp") {
		t.Errorf("%d %q %q", code, e.out.String(), e.words.String())
	}
	if _, err := os.Stat(filepath.Join(os.Getenv("HOME"), ".aws")); err == nil {
		t.Error("a directory was made")
	}
}

func TestAProfileThatExistsIsNotWrittenOver(t *testing.T) {
	onlyMine(t)
	path := filepath.Join(t.TempDir(), "my config")
	mine := "[default]\n[profile payments-prod-Operator]\nsso_session = corp\n"
	if err := os.WriteFile(path, []byte(mine), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CONFIG_FILE", path)
	want := path + ": write profiles: profile payments-prod-Operator exists in line 2 and would be line 5 of the block " +
		"(the sso_ key in line 3 would win); rename the one outside, or use --prefix\n"
	for args, printed := range map[string]bool{"": true, "--write": false} {
		e, code := runProfiles(t, "/opt/aws-access", testChoices, strings.Fields(args)...)
		if code != 1 || !strings.HasSuffix(e.words.String(), want) || (e.out.String() != "") != printed {
			t.Errorf("%q: %d %q %q", args, code, e.words.String(), e.out.String())
		}
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != mine {
		t.Errorf("%q, %v", text, err)
	}
}

func TestKeysThatWinAreNamedAndNotShown(t *testing.T) {
	onlyMine(t)
	credentials := filepath.Join(t.TempDir(), "credentials")
	text := "[payments-prod-Operator]\naws_access_key_id = AKIASTATIC\naws_secret_access_key = hush\n"
	if err := os.WriteFile(credentials, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", credentials)
	t.Setenv("AWS_ACCESS_KEY_ID", "AKIASHELL")
	e, code := runProfiles(t, "/opt/aws-access", testChoices, "--write")
	words := e.words.String()
	for _, want := range []string{
		"profile payments-prod-Operator: aws_access_key_id in line 2 of " + credentials + " is used instead; remove it\n",
		"profile payments-prod-Operator: aws_secret_access_key in line 3 of " + credentials + " is used instead; remove it\n",
		"AWS_ACCESS_KEY_ID is set in this shell",
	} {
		if !strings.Contains(words, want) {
			t.Errorf("%q is not in %q", want, words)
		}
	}
	if code != 0 || strings.Contains(words, "hush") || strings.Contains(words, "AKIA") {
		t.Errorf("%d %q", code, words)
	}
}

func TestProfilesThatAreNoLongerAllowedDisappear(t *testing.T) {
	onlyMine(t)
	if _, code := runProfiles(t, "/opt/aws-access", testChoices, "--write"); code != 0 {
		t.Fatal(code)
	}
	e, code := runProfiles(t, "/opt/aws-access", wire.Choices{}, "--write")
	text, err := os.ReadFile(filepath.Join(os.Getenv("HOME"), ".aws", "config"))
	if code != 0 || err != nil || len(text) > 0 || !strings.Contains(e.words.String(), "You may ask for no role") {
		t.Errorf("%d %q %q, %v", code, text, e.words.String(), err)
	}
	if e, code := runProfiles(t, "/opt/aws-access", testChoices, "--prefix", "a b"); code != 2 {
		t.Errorf("%d %q", code, e.words.String())
	}
	if e, code := runProfiles(t, "/opt/$HOME", testChoices, "--write"); code != 1 ||
		!strings.Contains(e.words.String(), `has the character '$'`) {
		t.Errorf("%d %q", code, e.words.String())
	}
}
