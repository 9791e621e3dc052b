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
	"github.com/aws-access/aws-access/pkg/cut"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
	"github.com/aws-access/aws-access/pkg/vend"
)

var update = flag.Bool("update", false, "rewrite the JSON files")

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
	revoker  = "arn:aws:iam::" + account + ":role/aws-access-revoker/aws-access-revoker"
	standing = "arn:aws:iam::" + account + ":role/developer"
	service  = "arn:aws:iam::" + account + ":role/build"
)

// content returns a policy as Organizations stores it. logical is its logical id in
// policies.yaml.
func content(t *testing.T, logical string, change map[string]string) string {
	t.Helper()
	template, err := cfntest.Read("policies.yaml")
	if err != nil {
		t.Fatal(err)
	}
	values := map[string]string{
		"OrganizationId": org, "BastionAccountId": bastion,
		"PipelineRoles": "arn:aws:iam::*:role/cdk-*", "PartnerAccounts": partner,
	}
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

// deny parses a policy that only denies. The evaluator accepts principals only in
// trust policies, so deny removes the principal of a resource control policy, which
// is always "*".
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
		if principal, ok := statement["Principal"]; ok && principal != "*" {
			t.Fatalf("%v has the principal %v: a resource control policy must have *", statement["Sid"], principal)
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

// call is a call that the policies of the caller allow.
type call struct {
	by, action, resource string
	keys                 map[string]string
}

// denied reports whether a policy denies the call.
func (c call) denied(t *testing.T, policy awsfake.Document) bool {
	t.Helper()
	asked := awsfake.Call{Action: c.action, Resource: c.resource, Context: map[string][]string{
		"aws:PrincipalArn": {c.by}, "aws:CurrentTime": {"2026-11-21T12:00:00Z"},
	}}
	for key, value := range c.keys {
		asked.Context[key] = []string{value}
	}
	if err := asked.Check(); err != nil {
		t.Fatal(err)
	}
	return policy.Evaluate(asked) == awsfake.Denied
}

// sessionText returns the session policy of a grant of Admin.
func sessionText(t *testing.T) string {
	t.Helper()
	return sessionIn(t, "eu-west-1")
}

func sessionIn(t *testing.T, region string) string {
	t.Helper()
	text, err := vend.SessionPolicy(access.Vending{
		Target: access.Target{Account: account, Role: "Admin", Path: "/aws-access/", Region: region},
		Now:    time.Date(2026, 11, 21, 11, 0, 0, 0, time.UTC),
		Ends:   time.Date(2026, 11, 21, 13, 0, 0, 0, time.UTC),
	})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// policyFiles are the files with the policies of policies.yaml, by logical id.
var policyFiles = map[string]string{
	"Ours": "protect-stack.json", "Trusts": "trust.json", "NewWaysIn": "new-ways-in.json",
}

// The JSON files are for people who deploy such policies in another way. They have
// the documents of the template, with example values. -update rewrites them.
func TestJSONFilesHaveThePoliciesOfTheTemplate(t *testing.T) {
	examples := map[string]string{
		"OrganizationId": "o-organization1d", "BastionAccountId": "999999999999", "PartnerAccounts": "888888888888",
		"AdministratorRoles": "arn:aws:iam::*:role/OrganizationAccountAccessRole",
		"PipelineRoles":      "arn:aws:iam::*:role/cdk-*",
	}
	for logical, file := range policyFiles {
		var want bytes.Buffer
		if err := json.Indent(&want, []byte(content(t, logical, examples)), "", "  "); err != nil {
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

// infra/proof checks the session policies of all partitions in session.json. -update
// rewrites the file.
func TestProofHasTheCurrentSessionPolicies(t *testing.T) {
	policies := map[string]json.RawMessage{}
	for partition, region := range map[string]string{
		"aws": "eu-west-1", "aws-us-gov": "us-gov-west-1", "aws-cn": "cn-north-1", "aws-eusc": "eusc-de-east-1",
	} {
		policies[partition] = json.RawMessage(sessionIn(t, region))
	}
	checkProofFile(t, "../proof/session.json", policies)
}

// infra/proof judges the policies that cut sessions in denies.json. -update rewrites the file.
func TestProofHasTheCurrentPoliciesOfCuts(t *testing.T) {
	quarter := time.Date(2026, 11, 27, 7, 15, 0, 0, time.UTC)
	policies := map[string]json.RawMessage{}
	for name, deny := range map[string]cut.Deny{
		"names": {Grants: map[string]time.Time{
			"01KB2K11112222333344445555": quarter, "01KB2M7Q4V8XWZ3C9N5T6R1YHD": quarter,
			"01KB2N66667777888899990000": quarter.Add(15 * time.Minute),
		}},
		"wholeRole": {Whole: quarter.Add(-time.Hour), WholeUntil: quarter},
	} {
		text, err := deny.Document()
		if err != nil {
			t.Fatal(err)
		}
		policies[name] = json.RawMessage(text)
	}
	checkProofFile(t, "../proof/denies.json", policies)
}

// checkProofFile compares a file of infra/proof with what the code writes.
func checkProofFile(t *testing.T, file string, policies map[string]json.RawMessage) {
	t.Helper()
	want, err := json.MarshalIndent(policies, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
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
		t.Errorf("%s (-code +file; run with -update):\n%s", file, diff)
	}
}

// The limit of a resource control policy is 5,120 characters; it was that of a service
// control policy too. The rest is for the roles that users add.
func TestPoliciesLeaveRoomForMoreRoles(t *testing.T) {
	for logical, room := range map[string]int{"Ours": 2000, "Trusts": 3000, "NewWaysIn": 1150} {
		if n := utf8.RuneCountInString(content(t, logical, nil)); n > 5120-room {
			t.Errorf("%s has %d characters, which leaves less than %d of 5,120", logical, n, room)
		} else {
			t.Logf("%s has %d of 5,120 characters", logical, n)
		}
	}
}

func TestInvalidParametersAreRefused(t *testing.T) {
	template, err := cfntest.Read("policies.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ name, value string }{
		{"OrganizationId", ""}, {"OrganizationId", "o-*"}, {"BastionAccountId", "*"},
		{"AdministratorRoles", ""}, {"AdministratorRoles", "*"}, {"AdministratorRoles", "arn:aws:iam::*:user/x"},
		{"PipelineRoles", ""}, {"PipelineRoles", "arn:aws:iam::*:role/cdk-*,*"},
		{"PartnerAccounts", "*"}, {"ProtectedTargets", "everything"},
	} {
		values := map[string]string{
			"OrganizationId": org, "BastionAccountId": bastion, "PipelineRoles": "arn:aws:iam::*:role/cdk-*",
		}
		values[c.name] = c.value
		if _, err := template.Render(cfntest.Place{Partition: "aws"}, values); err == nil {
			t.Errorf("%s=%q was accepted", c.name, c.value)
		}
	}
}
