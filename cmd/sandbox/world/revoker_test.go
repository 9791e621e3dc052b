package world

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-access/aws-access/infra/member/cfntest"
)

// The sandbox's revoker trusts and may do exactly what that of infra/member/roles.yaml does.
func TestRevokerIsThatOfTheMemberAccounts(t *testing.T) {
	const account, external = "111111111111", "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
	template, err := cfntest.Read("../../../infra/member/roles.yaml")
	if err != nil {
		t.Fatal(err)
	}
	made, err := template.Render(cfntest.Place{Partition: "aws", Account: account, Region: region}, map[string]string{
		"BastionAccountId": Bastion, "OrganizationId": orgID, "ExternalId": external,
	})
	if err != nil {
		t.Fatal(err)
	}
	role := revokerRole(account, external)
	for name, c := range map[string]struct {
		want any
		got  string
	}{
		"trust":       {made["RevokerRole"].Properties["AssumeRolePolicyDocument"], role.Trust},
		"permissions": {made["RevokerPolicy"].Properties["PolicyDocument"], role.Permissions[0]},
	} {
		text, err := json.Marshal(c.want)
		if err != nil {
			t.Fatal(err)
		}
		var want, got any
		if err := json.Unmarshal(text, &want); err != nil || want == nil {
			t.Fatalf("%s of roles.yaml: %s, %v", name, text, err)
		}
		if err := json.Unmarshal([]byte(c.got), &got); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-roles.yaml +sandbox):\n%s", name, diff)
		}
	}
}
