package member

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-access/aws-access/infra/member/cfntest"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
)

// Service-managed StackSets refuse macros and nested stacks. cfntest refuses other
// sections and functions than those of plain CloudFormation. This test checks the
// resource types.
func TestTemplateIsPlainCloudFormation(t *testing.T) {
	source, err := os.ReadFile("roles.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{
		"\nTransform", "Fn::Transform", "!Transform", "Fn::ForEach", "AWS::Include",
		"AWS::CloudFormation::Stack\n", "{{resolve:",
	} {
		if strings.Contains(string(source), word) {
			t.Errorf("roles.yaml has %q, which StackSets refuse", word)
		}
	}
	if len(source) > 51200 {
		t.Errorf("roles.yaml has %d bytes: above 51,200 its deployment needs a bucket", len(source))
	}
	for id, r := range render(t, here, nil) {
		switch r.Type {
		case "AWS::IAM::Role", "AWS::IAM::ManagedPolicy", "AWS::CloudFormation::WaitConditionHandle":
		default:
			t.Errorf("%s is a %s, which a member account does not need", id, r.Type)
		}
	}
}

// roles returns the properties of all roles that people may ask for, by name.
func roles(made map[string]cfntest.Resource) map[string]map[string]any {
	all := map[string]map[string]any{}
	for _, r := range made {
		if r.Type == "AWS::IAM::Role" && r.Properties["Path"] != "/aws-access-revoker/" {
			all[fmt.Sprint(r.Properties["RoleName"])] = r.Properties
		}
	}
	return all
}

func TestAllRolesHaveTheSameTrustAndLimits(t *testing.T) {
	made := render(t, here, nil)
	all := roles(made)
	if got := slices.Sorted(maps.Keys(all)); !slices.Equal(got, []string{"Admin", "Operator", "ReadOnly"}) {
		t.Fatalf("roles %v", got)
	}
	want := trust(t)
	for name, p := range all {
		if got := document(t, p["AssumeRolePolicyDocument"]); got != want {
			t.Errorf("trust of %s differs from that of Admin (-Admin +%s):\n%s", name, name, cmp.Diff(want, got))
		}
		if p["Path"] != "/aws-access/" || p["MaxSessionDuration"] != 3600 {
			t.Errorf("%s has path %v and %v s, want /aws-access/ and 3600", name, p["Path"], p["MaxSessionDuration"])
		}
		if p["PermissionsBoundary"] == nil {
			t.Errorf("%s has no permissions boundary", name)
		}
		if p["Policies"] != nil {
			t.Errorf("%s has inline policies: their size limit is reserved for the denies that end sessions", name)
		}
		if diff := cmp.Diff([]any{map[string]any{"Key": "ManagedBy", "Value": "aws-access"}}, p["Tags"]); diff != "" {
			t.Errorf("tags of %s (-want +got):\n%s", name, diff)
		}
	}
	wantBoundaries := map[string]any{
		"ReadOnly": "arn:aws:iam::aws:policy/ReadOnlyAccess",
		"Operator": "arn:aws:iam::111111111111:policy/aws-access/aws-access-boundary-Operator",
		"Admin":    "arn:aws:iam::111111111111:policy/aws-access/aws-access-boundary-Admin",
	}
	for name, want := range wantBoundaries {
		if got := all[name]["PermissionsBoundary"]; got != want {
			t.Errorf("boundary of %s: got %v, want %v", name, got, want)
		}
	}
}

const noSecrets = "arn:aws:iam::111111111111:policy/aws-access/aws-access-no-secrets"

const (
	readOnlyAccess = "arn:aws:iam::aws:policy/ReadOnlyAccess"
	policyPrefix   = "arn:aws:iam::111111111111:policy/aws-access/"
)

// roleParts is the boundary and the managed policies of a role.
type roleParts = [2]any

// parameterCases says which roles some parameters make, by name.
var parameterCases = map[string]struct {
	place  cfntest.Place
	change map[string]string
	want   map[string]roleParts
}{
	"some roles only": {here, map[string]string{"OperatorName": "", "AdminName": ""}, map[string]roleParts{
		"ReadOnly": {readOnlyAccess, []any{readOnlyAccess, noSecrets}},
	}},
	"another partition": {
		cfntest.Place{Partition: "aws-cn", Account: account},
		map[string]string{"OperatorName": "", "AdminName": "Root"},
		map[string]roleParts{
			"ReadOnly": {"arn:aws-cn:iam::aws:policy/ReadOnlyAccess", []any{
				"arn:aws-cn:iam::aws:policy/ReadOnlyAccess", strings.Replace(noSecrets, "aws", "aws-cn", 1),
			}},
			"Root": {
				"arn:aws-cn:iam::111111111111:policy/aws-access/aws-access-boundary-Root",
				[]any{"arn:aws-cn:iam::aws:policy/AdministratorAccess"},
			},
		},
	},
	"other policies and another boundary": {
		here,
		map[string]string{
			"ReadOnlyName": "", "AdminName": "",
			"OperatorPolicies": "arn:aws:iam::aws:policy/A, arn:aws:iam::111111111111:policy/b/C",
			"OperatorBoundary": "arn:aws:iam::111111111111:policy/b/D",
		},
		map[string]roleParts{"Operator": {
			"arn:aws:iam::111111111111:policy/b/D",
			[]any{"arn:aws:iam::aws:policy/A", "arn:aws:iam::111111111111:policy/b/C"},
		}},
	},
	"other policies for ReadOnly": {
		here,
		map[string]string{
			"OperatorName": "", "AdminName": "",
			"ReadOnlyPolicies": "arn:aws:iam::aws:policy/A, arn:aws:iam::aws:policy/B",
		},
		map[string]roleParts{"ReadOnly": {
			readOnlyAccess, []any{"arn:aws:iam::aws:policy/A", "arn:aws:iam::aws:policy/B", noSecrets},
		}},
	},
	"a deeper path": {
		here,
		map[string]string{"ReadOnlyName": "", "AdminName": "", "Path": "/aws-access/data/"},
		map[string]roleParts{"Operator": {
			policyPrefix + "data/aws-access-boundary-Operator",
			[]any{
				readOnlyAccess, policyPrefix + "data/aws-access-Operator", policyPrefix + "data/aws-access-no-secrets",
			},
		}},
	},
	"the bastion is never a target": {
		cfntest.Place{Partition: "aws", Account: bastion}, nil, map[string]roleParts{},
	},
}

func TestParametersDecideWhichRolesAreMade(t *testing.T) {
	for name, c := range parameterCases {
		made := render(t, c.place, c.change)
		got := map[string]roleParts{}
		for role, p := range roles(made) {
			got[role] = roleParts{p["PermissionsBoundary"], p["ManagedPolicyArns"]}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if len(made) == 0 {
			t.Errorf("%s: CloudFormation refuses a stack without resources", name)
		}
	}
	bare := render(t, cfntest.Place{Partition: "aws", Account: bastion}, nil)
	if len(bare) != 1 {
		t.Errorf("the bastion gets %d resources, want only the empty one", len(bare))
	}
}

func TestInvalidParametersAreRefused(t *testing.T) {
	template, err := cfntest.Read("roles.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if p := template.Parameters["ExternalId"]; !p.NoEcho || p.HasDefault {
		t.Error("ExternalId must have NoEcho and no default")
	}
	for _, c := range []struct{ name, value string }{
		{"BastionAccountId", ""}, {"BastionAccountId", "*"},
		{"BastionAccountId", "99999999999"}, {"BastionAccountId", "9999999999999"},
		{"OrganizationId", "*"}, {"OrganizationId", "r-abcd"}, {"OrganizationId", "o-abc"},
		{"ExternalId", ""}, {"ExternalId", "short"}, {"ExternalId", strings.Repeat("x", 129)},
		{"ExternalId", external + "*"}, {"ExternalId", external + `"`}, {"ExternalId", external + "${aws:userid}"},
		{"Path", "/"}, {"Path", "/other/"}, {"Path", "/aws-access"},
		{"Path", "/aws-access-revoker/"}, {"Path", "/aws-access/*/"},
		{"AdminName", "a b"}, {"AdminName", "a/b"}, {"AdminName", "*"}, {"AdminName", strings.Repeat("x", 65)},
		{"AdminBoundary", "Admin"}, {"AdminBoundary", "arn:aws:iam::111111111111:role/x"},
	} {
		values := required()
		values[c.name] = c.value
		if _, err := template.Render(here, values); err == nil || !strings.Contains(err.Error(), "parameter "+c.name) {
			t.Errorf("%s=%q: got %v, want an error that names the parameter", c.name, c.value, err)
		}
	}
}

// The test follows the instructions at the top of roles.yaml: it copies three
// parameters, three conditions and one resource under another name.
func TestFourthRoleCanBeCopiedFromReadOnly(t *testing.T) {
	source, err := os.ReadFile("roles.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(source)
	for _, block := range []*regexp.Regexp{
		regexp.MustCompile(`(?ms)^  ReadOnlyName:\n.*?\n\n`),
		regexp.MustCompile(`(?m)(^  ReadOnly[A-Za-z]*: !.*\n)+`),
		regexp.MustCompile(`(?ms)^  ReadOnlyRole:\n.*?\n\n`),
	} {
		found := block.FindString(text)
		if found == "" {
			t.Fatalf("roles.yaml has no block %s", block)
		}
		another := strings.ReplaceAll(strings.ReplaceAll(found, "ReadOnly", "Auditor"), "AuditorAccess", "ReadOnlyAccess")
		text = strings.Replace(text, found, found+another, 1)
	}
	template, err := cfntest.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	made, err := template.Render(here, required())
	if err != nil {
		t.Fatal(err)
	}
	all := roles(made)
	got, model := all["Auditor"], all["ReadOnly"]
	if len(all) != 4 || got == nil {
		t.Fatalf("%d roles", len(all))
	}
	model["RoleName"] = "Auditor"
	if diff := cmp.Diff(model, got); diff != "" {
		t.Errorf("(-ReadOnly +Auditor):\n%s", diff)
	}
}

// The limits of IAM are 2,048 characters for a trust policy and 6,144 for a managed
// policy. The test uses the longest possible parameters.
func TestDocumentsAreWithinTheLimitsOfIAM(t *testing.T) {
	parameters := map[string]string{
		"ExternalId": strings.Repeat("x", 128), "OrganizationId": "o-" + strings.Repeat("x", 32),
		"Path":         "/aws-access/" + strings.Repeat("p", 115) + "/",
		"OperatorName": strings.Repeat("o", 64), "AdminName": strings.Repeat("a", 64),
	}
	nameLimits := map[string]int{"RoleName": 64, "ManagedPolicyName": 128}
	longest := map[string]int{}
	for id, r := range render(t, cfntest.Place{Partition: "aws-us-gov", Account: account}, parameters) {
		for property, limit := range map[string]int{"AssumeRolePolicyDocument": 2048, "PolicyDocument": 6144} {
			if r.Properties[property] == nil {
				continue
			}
			text := document(t, r.Properties[property])
			if n := utf8.RuneCountInString(text); n > limit {
				t.Errorf("%s of %s has %d characters, the limit of IAM is %d", property, id, n, limit)
			}
			longest[property] = max(longest[property], len(text))
			if _, err := awsfake.ParseDocument(text); err != nil {
				t.Errorf("%s of %s: %v", property, id, err)
			}
		}
		for property, limit := range nameLimits {
			if name, ok := r.Properties[property].(string); ok && len(name) > limit {
				t.Errorf("%s of %s has %d characters", property, id, len(name))
			}
		}
	}
	t.Logf("longest trust: %d of 2,048; longest policy: %d of 6,144",
		longest["AssumeRolePolicyDocument"], longest["PolicyDocument"])
}

// IAM distinguishes the roles of an account by name alone, and the policy file uses
// one name for a role in every account.
func TestRoleNamesAreInTheExamplePolicy(t *testing.T) {
	policy, err := os.ReadFile("../../policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name := range roles(render(t, here, nil)) {
		if !regexp.MustCompile(`(?m)^  ` + name + `: +\{about`).Match(policy) {
			t.Errorf("policy.yaml has no role %s", name)
		}
	}
}
