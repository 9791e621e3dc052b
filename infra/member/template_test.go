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

// Service-managed StackSets refuse every macro and nested stacks. cfntest
// refuses sections and functions that are no plain CloudFormation; this looks at
// what is left, the types.
func TestTheTemplateIsPlainCloudFormation(t *testing.T) {
	source, err := os.ReadFile("roles.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, word := range []string{"\nTransform", "Fn::Transform", "!Transform", "Fn::ForEach", "AWS::Include", "AWS::CloudFormation::Stack\n", "{{resolve:"} {
		if strings.Contains(string(source), word) {
			t.Errorf("roles.yaml has %q, which StackSets refuse", word)
		}
	}
	if len(source) > 51200 {
		t.Errorf("roles.yaml has %d bytes: past 51,200 it needs a bucket to be deployed", len(source))
	}
	for id, r := range render(t, here, nil) {
		switch r.Type {
		case "AWS::IAM::Role", "AWS::IAM::ManagedPolicy", "AWS::CloudFormation::WaitConditionHandle":
		default:
			t.Errorf("%s is a %s: not what a member account needs", id, r.Type)
		}
	}
}

func roles(made map[string]cfntest.Resource) map[string]map[string]any {
	all := map[string]map[string]any{}
	for _, r := range made {
		if r.Type == "AWS::IAM::Role" {
			all[fmt.Sprint(r.Properties["RoleName"])] = r.Properties
		}
	}
	return all
}

func TestEveryRoleIsMadeAlike(t *testing.T) {
	made := render(t, here, nil)
	all := roles(made)
	if got := slices.Sorted(maps.Keys(all)); !slices.Equal(got, []string{"Admin", "Operator", "ReadOnly"}) {
		t.Fatalf("roles %v", got)
	}
	want := trust(t)
	for name, p := range all {
		if got := document(t, p["AssumeRolePolicyDocument"]); got != want {
			t.Errorf("%s trusts otherwise than Admin:\n%s", name, cmp.Diff(want, got))
		}
		if p["Path"] != "/aws-access/" || p["MaxSessionDuration"] != 3600 {
			t.Errorf("%s stands under %v for %v s, want /aws-access/ and 3600", name, p["Path"], p["MaxSessionDuration"])
		}
		if p["PermissionsBoundary"] == nil {
			t.Errorf("%s has no permissions boundary", name)
		}
		if p["Policies"] != nil {
			t.Errorf("%s has inline policies, whose characters are for the denies that end sessions", name)
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

func TestOfTheParametersEachDoesWhatItSays(t *testing.T) {
	for name, c := range map[string]struct {
		place  cfntest.Place
		change map[string]string
		want   map[string][2]any // by role: boundary, managed policies
	}{
		"some roles only": {here, map[string]string{"OperatorName": "", "AdminName": ""}, map[string][2]any{
			"ReadOnly": {"arn:aws:iam::aws:policy/ReadOnlyAccess", []any{"arn:aws:iam::aws:policy/ReadOnlyAccess", noSecrets}},
		}},
		"another partition": {cfntest.Place{Partition: "aws-cn", Account: account}, map[string]string{"OperatorName": "", "AdminName": "Root"}, map[string][2]any{
			"ReadOnly": {"arn:aws-cn:iam::aws:policy/ReadOnlyAccess",
				[]any{"arn:aws-cn:iam::aws:policy/ReadOnlyAccess", strings.Replace(noSecrets, "aws", "aws-cn", 1)}},
			"Root": {"arn:aws-cn:iam::111111111111:policy/aws-access/aws-access-boundary-Root",
				[]any{"arn:aws-cn:iam::aws:policy/AdministratorAccess"}},
		}},
		"policies and boundaries of one's own": {here, map[string]string{
			"ReadOnlyName": "", "AdminName": "", "OperatorPolicies": "arn:aws:iam::aws:policy/A, arn:aws:iam::111111111111:policy/b/C",
			"OperatorBoundary": "arn:aws:iam::111111111111:policy/b/D",
		}, map[string][2]any{
			"Operator": {"arn:aws:iam::111111111111:policy/b/D", []any{"arn:aws:iam::aws:policy/A", "arn:aws:iam::111111111111:policy/b/C"}},
		}},
		"policies of one's own for those who look": {here, map[string]string{
			"OperatorName": "", "AdminName": "", "ReadOnlyPolicies": "arn:aws:iam::aws:policy/A, arn:aws:iam::aws:policy/B",
		}, map[string][2]any{
			"ReadOnly": {"arn:aws:iam::aws:policy/ReadOnlyAccess", []any{"arn:aws:iam::aws:policy/A",
				"arn:aws:iam::aws:policy/B", noSecrets}},
		}},
		"a deeper path": {here, map[string]string{"ReadOnlyName": "", "AdminName": "", "Path": "/aws-access/data/"}, map[string][2]any{
			"Operator": {
				"arn:aws:iam::111111111111:policy/aws-access/data/aws-access-boundary-Operator",
				[]any{
					"arn:aws:iam::aws:policy/ReadOnlyAccess", "arn:aws:iam::111111111111:policy/aws-access/data/aws-access-Operator",
					"arn:aws:iam::111111111111:policy/aws-access/data/aws-access-no-secrets",
				},
			},
		}},
		"the bastion is never a target": {cfntest.Place{Partition: "aws", Account: bastion}, nil, map[string][2]any{}},
	} {
		made := render(t, c.place, c.change)
		got := map[string][2]any{}
		for role, p := range roles(made) {
			got[role] = [2]any{p["PermissionsBoundary"], p["ManagedPolicyArns"]}
		}
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if len(made) == 0 {
			t.Errorf("%s: a stack of nothing cannot stand", name)
		}
	}
	bare := render(t, cfntest.Place{Partition: "aws", Account: bastion}, nil)
	if len(bare) != 1 {
		t.Errorf("the bastion gets %d resources, want the empty one alone", len(bare))
	}
}

func TestParametersAreReadStrictly(t *testing.T) {
	template, err := cfntest.Read("roles.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if p := template.Parameters["ExternalId"]; !p.NoEcho || p.HasDefault {
		t.Error("ExternalId must not be shown, and has no default")
	}
	for _, c := range []struct{ name, value string }{
		{"BastionAccountId", ""}, {"BastionAccountId", "99999999999"}, {"BastionAccountId", "*"}, {"BastionAccountId", "9999999999999"},
		{"OrganizationId", "*"}, {"OrganizationId", "r-abcd"}, {"OrganizationId", "o-abc"},
		{"ExternalId", ""}, {"ExternalId", "short"}, {"ExternalId", strings.Repeat("x", 129)}, {"ExternalId", external + "*"}, {"ExternalId", external + `"`}, {"ExternalId", external + "${aws:userid}"},
		{"Path", "/"}, {"Path", "/other/"}, {"Path", "/aws-access"}, {"Path", "/aws-access-revoker/"}, {"Path", "/aws-access/*/"},
		{"AdminName", "a b"}, {"AdminName", "a/b"}, {"AdminName", "*"}, {"AdminName", strings.Repeat("x", 65)},
		{"AdminBoundary", "Admin"}, {"AdminBoundary", "arn:aws:iam::111111111111:role/x"},
	} {
		values := required()
		values[c.name] = c.value
		if _, err := template.Render(here, values); err == nil || !strings.Contains(err.Error(), "parameter "+c.name) {
			t.Errorf("%s=%q: got %v, want a refusal that names it", c.name, c.value, err)
		}
	}
}

// What the head of roles.yaml says of a fourth role is tried: three parameters,
// three conditions, one resource, copied under another name.
func TestAFourthRoleIsACopy(t *testing.T) {
	source, err := os.ReadFile("roles.yaml")
	if err != nil {
		t.Fatal(err)
	}
	text := string(source)
	for _, block := range []*regexp.Regexp{
		regexp.MustCompile(`(?ms)^  ReadOnlyName:\n.*?\n\n`), regexp.MustCompile(`(?m)(^  ReadOnly[A-Za-z]*: !.*\n)+`), regexp.MustCompile(`(?ms)^  ReadOnlyRole:\n.*?\n\n`),
	} {
		found := block.FindString(text)
		if found == "" {
			t.Fatalf("there is no %s", block)
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

// IAM takes 2,048 characters of trust and 6,144 of a managed policy. The least
// room is with the longest of everything.
func TestDocumentsFitIntoIAM(t *testing.T) {
	longest := map[string]string{
		"ExternalId": strings.Repeat("x", 128), "OrganizationId": "o-" + strings.Repeat("x", 32), "Path": "/aws-access/" + strings.Repeat("p", 115) + "/",
		"OperatorName": strings.Repeat("o", 64), "AdminName": strings.Repeat("a", 64),
	}
	most := map[string]int{}
	for id, r := range render(t, cfntest.Place{Partition: "aws-us-gov", Account: account}, longest) {
		for property, limit := range map[string]int{"AssumeRolePolicyDocument": 2048, "PolicyDocument": 6144} {
			if r.Properties[property] == nil {
				continue
			}
			text := document(t, r.Properties[property])
			if n := utf8.RuneCountInString(text); n > limit {
				t.Errorf("%s of %s has %d characters, IAM takes %d", property, id, n, limit)
			}
			most[property] = max(most[property], len(text))
			if _, err := awsfake.ParseDocument(text); err != nil {
				t.Errorf("%s of %s: %v", property, id, err)
			}
		}
		for _, property := range []string{"RoleName", "ManagedPolicyName"} {
			if name, ok := r.Properties[property].(string); ok && len(name) > map[string]int{"RoleName": 64, "ManagedPolicyName": 128}[property] {
				t.Errorf("%s of %s has %d characters", property, id, len(name))
			}
		}
	}
	t.Logf("longest trust: %d of 2,048; longest policy: %d of 6,144", most["AssumeRolePolicyDocument"], most["PolicyDocument"])
}

// Roles of one account are told apart by name alone, whatever their path, and
// what one policy file calls Admin must be called so in every account.
func TestNamesAreThoseOfTheExamplePolicy(t *testing.T) {
	policy, err := os.ReadFile("../../policy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for name := range roles(render(t, here, nil)) {
		if !regexp.MustCompile(`(?m)^  ` + name + `: +\{about`).Match(policy) {
			t.Errorf("policy.yaml knows no role %s", name)
		}
	}
}
