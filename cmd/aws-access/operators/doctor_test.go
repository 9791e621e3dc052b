package operators

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-access/aws-access/pkg/fake/awsfake"
)

func TestAHealthyDeploymentHasNoFindings(t *testing.T) {
	c := newClinic(t, thePolicy(t))
	r, code := c.doctor("--policy", filepath.Join("..", "..", "..", "policy.yaml"))
	for _, f := range r.Checks {
		if f.Verdict != healthy || f.Code != "ok" || f.Reason == "" || f.Do != "" {
			t.Errorf("%+v", f)
		}
	}
	if code != exitOK || r.Verdict != healthy || r.Policy != c.policy.Digest() {
		t.Errorf("ended with %d, %s, policy %q", code, r.Verdict, r.Policy)
	}
	if len(r.Roles) != len(c.policy.Targets()) || len(r.Reminders) != 1 ||
		!strings.Contains(r.Reminders[0], "leads (S0LEADS)") {
		t.Errorf("%d roles, reminders %q", len(r.Roles), r.Reminders)
	}
	text, code := c.read()
	if lines := strings.Count(
		text,
		"\n",
	); code != exitOK || !strings.Contains(text, "0 problems, 0 warnings, 0 not checked\n") ||
		lines > len(r.Checks)+5 {
		t.Errorf("ended with %d and %d lines:\n%s", code, lines, text)
	}
}

func TestDoctorNamesEachFault(t *testing.T) {
	if testing.Short() {
		t.Skip("takes more than ten seconds")
	}
	for name, b := range breakages {
		t.Run(name, func(t *testing.T) {
			c := newClinic(t, thePolicy(t))
			b.breaks(c)
			r, code := c.doctor("--rest", "1ms")
			var got []string
			told := ""
			for _, f := range r.Checks {
				if f.Verdict != healthy {
					got = append(got, f.Check+" "+string(f.Verdict)+" "+f.Code)
					told += f.Reason + "\n" + f.Do + "\n"
				}
			}
			slices.Sort(got)
			if diff := cmp.Diff(b.want, got); diff != "" {
				t.Errorf("found (-want +got):\n%s%s", diff, told)
			}
			for _, words := range b.words {
				if !strings.Contains(told, words) {
					t.Errorf("%q is not said: %s", words, told)
				}
			}
			if code != b.exit {
				t.Errorf("ended with %d, want %d", code, b.exit)
			}
			text, _ := c.read("--rest", "1ms")
			for _, f := range r.Checks {
				if f.Verdict != healthy &&
					(!strings.Contains(text, fmt.Sprintf("%-12s %s (%s)\n", f.Verdict, f.Check, f.Code)) ||
						!strings.Contains(text, "\n"+indent+"do: ")) {
					t.Errorf("the text does not say %s %s:\n%s", f.Check, f.Code, text)
				}
			}
		})
	}
}

func TestDoctorComparesTheGivenPolicyWithTheDeployedOne(t *testing.T) {
	c := newClinic(t, thePolicy(t))
	other := filepath.Join(t.TempDir(), "policy.yaml")
	c.must(os.WriteFile(other, []byte(sound), 0o600))
	r, code := c.doctor("--policy", other)
	i := slices.IndexFunc(r.Checks, func(f finding) bool { return f.Check == "policy" })
	if code != exitProblem || i < 0 || r.Checks[i].Code != "other_policy" ||
		!strings.Contains(r.Checks[i].Reason, c.policy.Digest()) {
		t.Errorf("ended with %d, %+v", code, r.Checks)
	}
	compiled := filepath.Join(t.TempDir(), "policy.compiled")
	c.must(os.WriteFile(compiled, c.policy.Packed(), 0o600))
	if _, code := c.doctor("--policy", compiled); code != exitOK {
		t.Errorf("the compiled policy: ended with %d", code)
	}
}

func TestDoctorSaysWhyItCannotRun(t *testing.T) {
	c := newClinic(t, thePolicy(t))
	for line, want := range map[string]string{
		"--stack other":              "there is no stack other in eu-west-1",
		"--policy none.yaml":         "read the policy",
		"--accounts nothing-like-it": `no account of the deployed policy matches "nothing-like-it"`,
		"--accounts [":               "--accounts needs names",
		"--only everything":          "--only needs stack, slack or accounts",
		"--stack a/b":                "--stack needs the name",
		"--region nowhere":           "--region needs a region",
		"--ping":                     "--ping can be used with --rights only",
		"more":                       `"more" is not a known argument`,
	} {
		text, code := c.read(strings.Fields(line)...)
		if code != exitUsage || !strings.Contains(text, want) {
			t.Errorf("%s: ended with %d, %q, want %q", line, code, text, want)
		}
	}
	for _, flag := range []string{"--build", "--policy"} { // "$UNSET" of a shell
		if text, code := c.read(flag, ""); code != exitUsage || !strings.Contains(text, flag+" is empty; give ") {
			t.Errorf("%s with an empty value: ended with %d, %q", flag, code, text)
		}
	}
	c.api.refuse["cloudformation:DescribeStacks"] = true
	if text, code := c.read(); code != exitUsage ||
		!strings.Contains(text, "not authorized to perform: cloudformation:DescribeStacks") {
		t.Errorf("without rights: ended with %d, %q", code, text)
	}
}

// The SDK's own text is a chain of calls that does not say what to check.
func TestUnreachableAWSIsSaidInOneSentence(t *testing.T) {
	newClinic(t, thePolicy(t))
	t.Setenv("AWS_ENDPOINT_URL_CLOUDFORMATION", "http://127.0.0.1:1")
	for _, command := range []string{"doctor", "manifest"} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), []string{command}, &stdout, &stderr)
		want := "aws-access " + command + ": read the stack aws-access: AWS could not be reached: dial tcp 127.0.0.1:1: " +
			"connect: connection refused. Check the region, the network and the proxy (HTTPS_PROXY)\n"
		if code != exitUsage || stderr.String() != want {
			t.Errorf("ended with %d, %q, want %q", code, stderr.String(), want)
		}
	}
}

// The SDK warns on standard error when the computer's metadata service refuses it a token.
func TestTheSDKLogsNothing(t *testing.T) {
	newClinic(t, thePolicy(t))
	metadata := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(metadata.Close)
	for name, value := range map[string]string{"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "",
		"AWS_EC2_METADATA_DISABLED": "", "AWS_EC2_METADATA_SERVICE_ENDPOINT": metadata.URL} {
		t.Setenv(name, value)
	}
	file, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	was := os.Stderr
	os.Stderr = file
	t.Cleanup(func() { os.Stderr = was })
	var said bytes.Buffer
	code := run(t.Context(), []string{"doctor"}, &said, &said)
	logged, err := os.ReadFile(file.Name())
	if err := errors.Join(err, file.Close()); err != nil || len(logged) > 0 {
		t.Errorf("the SDK logged %q, %v", logged, err)
	}
	if code != exitUsage || !strings.Contains(said.String(), "this shell has no valid AWS credentials") {
		t.Errorf("ended with %d, %q", code, said.String())
	}
}

func TestDoctorChecksOnlyTheRequestedPart(t *testing.T) {
	c := newClinic(t, thePolicy(t))
	for only, parts := range map[string][]string{inStack: {inStack}, inSlack: {inSlack}, inAccounts: {inAccounts}} {
		r, code := c.doctor("--only", only)
		seen := map[string]bool{}
		for _, f := range r.Checks {
			seen[f.Part] = true
		}
		if got := slices.Sorted(maps.Keys(seen)); code != exitOK || !slices.Equal(got, parts) {
			t.Errorf("--only %s: ended with %d, looked at %v", only, code, got)
		}
	}
	for pattern, want := range map[string]int{"payments-*": 8, "*-DEV,333333333333": 10, "555555555555": 4, "": 18} {
		r, _ := c.doctor("--only", "accounts", "--accounts", pattern)
		if len(r.Roles) != want {
			t.Errorf("--accounts %q: %d roles, want %d", pattern, len(r.Roles), want)
		}
	}
}

// printed is what `doctor --rights` prints.
func printed(t *testing.T, args ...string) string {
	t.Helper()
	var out, errs bytes.Buffer
	if code := run(t.Context(), append([]string{"doctor", "--rights"}, args...), &out, &errs); code != exitOK {
		t.Fatalf("ended with %d, %s", code, errs.String())
	}
	return out.String()
}

func TestDoctorsPermissionsCannotAssumeTargetRoles(t *testing.T) {
	for _, text := range []string{printed(t, "--stack", "jit"), printed(t, "--ping", "--stack", "jit")} {
		if strings.Contains(text, "sts:") || strings.Contains(text, `:*"`) || strings.Contains(text, "{{") ||
			!strings.Contains(text, "function:jit-VendFunction-*") {
			t.Errorf("rights:\n%s", text)
		}
		if _, err := awsfake.ParseDocument(text); err != nil {
			t.Errorf("IAM would not take it: %v", err)
		}
	}
}

// The stack's own key decrypts the signing secret for slack's function alone.
// Doctor says how to check the secret instead.
func TestWithoutTheSigningSecretDoctorAsksForACommandInSlack(t *testing.T) {
	c := newClinic(t, thePolicy(t))
	c.ssm.Refuse(signingAt, true)
	out, code := c.read()
	if code != exitOK || strings.Contains(out, "not_allowed") || !strings.Contains(out, "Type /aws-access help in Slack") {
		t.Errorf("ended with %d:\n%s", code, out)
	}
}

// Anyone who can read the signing secret can sign clicks in anybody's name.
func TestDoctorsPermissionsReadNoSecretUnlessPingIsRequested(t *testing.T) {
	const list = `"ssm:DescribeParameters"` // of names and keys, without values
	if text := printed(t); strings.Contains(strings.Replace(text, list, "", 1), "ssm:") ||
		strings.Contains(text, "secret") {
		t.Errorf("rights:\n%s", text)
	}
	// action and resource
	if text := printed(t, "--ping"); strings.Count(strings.Replace(text, list, "", 1), "ssm:") != 1+1 ||
		!strings.Contains(text, `parameter/jit-access/slack/signing-secret"`) {
		t.Errorf("rights with --ping:\n%s", text)
	}
	var help bytes.Buffer
	run(t.Context(), []string{"doctor", "-h"}, &help, &help)
	if words := strings.Join(strings.Fields(help.String()), " "); !strings.Contains(words, "With --ping it includes the "+
		"right to read the signing secret; a person with that secret can approve any request in anybody's name") {
		t.Errorf("help does not say what --ping gives:\n%s", words)
	}
}
