package member

import (
	"encoding/json"
	"maps"
	"testing"

	"github.com/aws-access/aws-access/infra/member/cfntest"
)

const (
	account  = "111111111111"
	bastion  = "999999999999"
	org      = "o-a1b2c3d4e5"
	external = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
	vendRole = "arn:aws:iam::" + bastion + ":role/aws-access-vend"
)

var here = cfntest.Place{Partition: "aws", Account: account, Region: "eu-west-1"}

// required returns the required parameters, and the organisation.
func required() map[string]string {
	return map[string]string{"BastionAccountId": bastion, "OrganizationId": org, "ExternalId": external}
}

// render returns the resources of roles.yaml in a member account, with some
// parameters changed.
func render(t *testing.T, place cfntest.Place, change map[string]string) map[string]cfntest.Resource {
	t.Helper()
	template, err := cfntest.Read("roles.yaml")
	if err != nil {
		t.Fatal(err)
	}
	values := required()
	maps.Copy(values, change)
	made, err := template.Render(place, values)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// document returns a policy as CloudFormation sends it to IAM: without white space.
func document(t *testing.T, of any) string {
	t.Helper()
	if of == nil {
		t.Fatal("the document does not exist")
	}
	text, err := json.Marshal(of)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// trust returns the trust policy, which is the same for all roles.
func trust(t *testing.T) string {
	t.Helper()
	return document(t, render(t, here, nil)["AdminRole"].Properties["AssumeRolePolicyDocument"])
}

// boundary returns the boundary that roles.yaml makes for a role.
func boundary(t *testing.T, role string) string {
	t.Helper()
	return document(t, render(t, here, nil)[role+"OwnBoundary"].Properties["PolicyDocument"])
}
