package organization

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-access/aws-access/infra/member/cfntest"
	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
	"github.com/aws-access/aws-access/pkg/vend"
)

var update = flag.Bool("update", false, "write the JSON files anew")

const (
	account  = "111111111111"
	bastion  = "999999999999"
	partner  = "333333333333"
	org      = "o-a1b2c3d4e5"
	vendRole = "arn:aws:iam::" + bastion + ":role/aws-access-vend"
	admin    = "arn:aws:iam::" + account + ":role/aws-access/Admin"
	deputy   = "arn:aws:iam::" + account + ":role/OrganizationAccountAccessRole"
	pipeline = "arn:aws:iam::" + account + ":role/cdk-hnb659fds-cfn-exec-role-111111111111-eu-west-1"
	exec     = "arn:aws:iam::" + account + ":role/stacksets-exec-0123456789abcdef"
	revoker  = "arn:aws:iam::" + account + ":role/aws-access-revoker/Revoker"
	standing = "arn:aws:iam::" + account + ":role/developer"
	service  = "arn:aws:iam::" + account + ":role/build"
)

// content is a policy as Organizations stores it. logical is its id in
// policies.yaml.
func content(t *testing.T, logical string, change map[string]string) string {
	t.Helper()
	template, err := cfntest.Read("policies.yaml")
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{"OrganizationId": org, "BastionAccountId": bastion, "PipelineRoles": "arn:aws:iam::*:role/cdk-*", "PartnerAccounts": partner}
	for name, value := range change {
		values[name] = value
	}
	made, err := template.Render(cfntest.Place{Partition: "aws", Account: "000000000000", Region: "us-east-1"}, values)
	if err != nil {
		t.Fatal(err)
	}
	if made[logical].Type != "AWS::Organizations::Policy" {
		t.Fatalf("%s is a %q", logical, made[logical].Type)
	}
	text, err := json.Marshal(made[logical].Properties["Content"])
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// deny is a policy as a layer that only denies. Our evaluator takes principals
// in trust policies alone; in a resource control policy there is but one.
func deny(t *testing.T, policy string) awsfake.Document {
	t.Helper()
	var d map[string]any
	if err := json.Unmarshal([]byte(policy), &d); err != nil {
		t.Fatal(err)
	}
	for _, s := range d["Statement"].([]any) {
		statement := s.(map[string]any)
		if statement["Effect"] != "Deny" {
			t.Fatalf("%v does not deny", statement["Sid"])
		}
		if principal, there := statement["Principal"]; there && principal != "*" {
			t.Fatalf("%v is for %v: a resource control policy is for all", statement["Sid"], principal)
		}
		delete(statement, "Principal")
	}
	text, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := awsfake.ParseDocument(string(text))
	if err != nil {
		t.Fatal(err)
	}
	return parsed
}

// ask is one call that IAM itself would allow.
type ask struct {
	by, action, resource string
	keys                 map[string]string
}

// denied says whether a layer denies a call.
func (a ask) denied(t *testing.T, layer awsfake.Document) bool {
	t.Helper()
	call := awsfake.Call{Action: a.action, Resource: a.resource, Context: map[string][]string{"aws:PrincipalArn": {a.by}, "aws:CurrentTime": {"2026-11-21T12:00:00Z"}}}
	for key, value := range a.keys {
		call.Context[key] = []string{value}
	}
	if err := call.Check(); err != nil {
		t.Fatal(err)
	}
	return layer.Evaluate(call) == awsfake.Denied
}

// sessionText is what limits a grant of Admin anyway.
func sessionText(t *testing.T) string {
	t.Helper()
	return sessionIn(t, "eu-west-1")
}

func sessionIn(t *testing.T, region string) string {
	t.Helper()
	text, err := vend.SessionPolicy(access.Vending{
		Target: access.Target{Account: account, Role: "Admin", Path: "/aws-access/", Region: region},
		Now:    time.Date(2026, 11, 21, 11, 0, 0, 0, time.UTC), Ends: time.Date(2026, 11, 21, 13, 0, 0, 0, time.UTC),
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// The JSON files are for whoever keeps such policies by other means: the same
// documents, with words to be replaced. -update writes them.
func TestTheJSONFilesAreThoseOfTheTemplate(t *testing.T) {
	words := map[string]string{
		"OrganizationId": "o-organization1d", "BastionAccountId": "999999999999", "PartnerAccounts": "888888888888",
		"AdministratorRoles": "arn:aws:iam::*:role/OrganizationAccountAccessRole", "PipelineRoles": "arn:aws:iam::*:role/cdk-*",
	}
	for logical, file := range map[string]string{"Ours": "ours.json", "Trusts": "trust.json", "NewWaysIn": "new-ways-in.json"} {
		var want bytes.Buffer
		if err := json.Indent(&want, []byte(content(t, logical, words)), "", "  "); err != nil {
			t.Fatal(err)
		}
		want.WriteByte('\n')
		if *update {
			if err := os.WriteFile(file, want.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want.String(), string(got)); diff != "" {
			t.Errorf("%s (-policies.yaml +file; run with -update):\n%s", file, diff)
		}
	}
}

// infra/proof judges the session policy of every partition. -update writes it.
func TestTheProofHasTheSessionPolicyAsItIs(t *testing.T) {
	policies := map[string]json.RawMessage{}
	for partition, region := range map[string]string{"aws": "eu-west-1", "aws-us-gov": "us-gov-west-1",
		"aws-cn": "cn-north-1", "aws-eusc": "eusc-de-east-1"} {
		policies[partition] = json.RawMessage(sessionIn(t, region))
	}
	want, err := json.MarshalIndent(policies, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	const file = "../proof/session.json"
	if *update {
		if err := os.WriteFile(file, want, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-vend +file; run with -update):\n%s", file, diff)
	}
}

// 5,120 characters is the old limit of a service control policy, and still that
// of a resource control policy. What is left is for one's own roles.
func TestPoliciesFit(t *testing.T) {
	for logical, room := range map[string]int{"Ours": 2000, "Trusts": 3000, "NewWaysIn": 1150} {
		if n := utf8.RuneCountInString(content(t, logical, nil)); n > 5120-room {
			t.Errorf("%s has %d characters: less than %d are left of 5,120", logical, n, room)
		} else {
			t.Logf("%s has %d of 5,120 characters", logical, n)
		}
	}
}

func TestParametersAreReadStrictly(t *testing.T) {
	template, err := cfntest.Read("policies.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, value string }{
		{"OrganizationId", ""}, {"OrganizationId", "o-*"}, {"BastionAccountId", "*"}, {"AdministratorRoles", ""}, {"AdministratorRoles", "*"}, {"AdministratorRoles", "arn:aws:iam::*:user/x"},
		{"PipelineRoles", ""}, {"PipelineRoles", "arn:aws:iam::*:role/cdk-*,*"}, {"PartnerAccounts", "*"}, {"ProtectedTargets", "everything"},
	} {
		values := map[string]string{"OrganizationId": org, "BastionAccountId": bastion, "PipelineRoles": "arn:aws:iam::*:role/cdk-*"}
		values[c.name] = c.value
		if _, err := template.Render(cfntest.Place{Partition: "aws"}, values); err == nil {
			t.Errorf("%s=%q was taken", c.name, c.value)
		}
	}
}
