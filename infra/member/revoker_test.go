package member

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-access/aws-access/pkg/fake/awsfake"
)

const (
	revokerRole   = "arn:aws:iam::111111111111:role/aws-access-revoker/aws-access-revoker"
	revokerPolicy = "arn:aws:iam::111111111111:policy/aws-access-revoker/aws-access-revoker"
	cutRole       = "arn:aws:iam::" + bastion + ":role/aws-access-cut"
)

// cutAttempt is the attempt of the cut function, which succeeds.
func cutAttempt() attempt {
	return attempt{
		role: revokerRole, caller: cutRole, org: org, external: external,
		session: "aws-access-cut-1a2b3c", identity: "aws-access-cut",
	}
}

// cutAttempts must fail, each because of the condition stoppedBy. "" means that there is no
// statement for what the attempt sets, or that two things are wrong.
var cutAttempts = []struct {
	name, stoppedBy string
	change          func(*attempt)
}{
	{"vend", "aws:PrincipalArn", caller(vendRole)},
	{"another role of the bastion", "aws:PrincipalArn", caller("arn:aws:iam::" + bastion + ":role/aws-access-slack")},
	{"a role of the same name below a path", "aws:PrincipalArn",
		caller("arn:aws:iam::" + bastion + ":role/x/aws-access-cut")},
	{"a role whose name begins the same", "aws:PrincipalArn", caller(cutRole + "2")},
	{"a role of the same name in another account", "", caller("arn:aws:iam::222222222222:role/aws-access-cut")},
	{"a role of the same name in the member account", "", caller("arn:aws:iam::" + account + ":role/aws-access-cut")},
	{"no external id", "sts:ExternalId", func(a *attempt) { a.external = "" }},
	{"another external id", "sts:ExternalId", func(a *attempt) { a.external = strings.Repeat("0", 32) }},
	{"another organisation", "aws:PrincipalOrgID", func(a *attempt) { a.org = "o-another0rg" }},
	{"no organisation", "aws:PrincipalOrgID", func(a *attempt) { a.org = "" }},
	{"another session name", "sts:RoleSessionName", func(a *attempt) { a.session = "joe" }},
	{"no source identity", "sts:SourceIdentity", func(a *attempt) { a.identity = "" }},
	{"a person as source identity", "sts:SourceIdentity", func(a *attempt) { a.identity = "dev1@example.com" }},
	{"a source identity that begins the same", "sts:SourceIdentity", func(a *attempt) { a.identity += "2" }},
	{"tags", "", func(a *attempt) { a.tags = map[string]string{"GrantId": "01K"} }},
}

// revokerTrust returns the trust policy of the revoker.
func revokerTrust(t *testing.T) string {
	t.Helper()
	return document(t, render(t, here, nil)["RevokerRole"].Properties["AssumeRolePolicyDocument"])
}

func TestOnlyCutCanEnterTheRevoker(t *testing.T) {
	policy := revokerTrust(t)
	if got := cutAttempt().assume(t, policy); got != "" {
		t.Errorf("cut is refused at %s", got)
	}
	for _, c := range cutAttempts {
		a := cutAttempt()
		c.change(&a)
		if got := a.assume(t, policy); got == "" {
			t.Errorf("%s: entered the revoker", c.name)
		}
	}
	if got := vendAttempt().assume(t, policy); got == "" {
		t.Error("vend's own call enters the revoker")
	}
	for name, p := range roles(render(t, here, nil)) {
		a := cutAttempt()
		a.role = "arn:aws:iam::111111111111:role/aws-access/" + name
		if got := a.assume(t, document(t, p["AssumeRolePolicyDocument"])); got == "" {
			t.Errorf("cut enters %s", name)
		}
	}
}

// TestEveryConditionOfTheRevokerIsNeeded removes each condition from each statement. Then an
// attempt that the condition stops must be allowed by that statement.
func TestEveryConditionOfTheRevokerIsNeeded(t *testing.T) {
	policy, removed := revokerTrust(t), 0
	for i, s := range statements(t, policy) {
		action := fmt.Sprint(s["Action"])
		for operator, raw := range s["Condition"].(map[string]any) {
			for key := range raw.(map[string]any) {
				removed++
				all := statements(t, policy)
				removeCondition(all[i]["Condition"].(map[string]any), operator, key)
				looser := document(t, map[string]any{"Version": "2012-10-17", "Statement": all})
				noticed := false
				for _, c := range cutAttempts {
					a := cutAttempt()
					if c.change(&a); c.stoppedBy == key {
						noticed = noticed || evaluateTrust(t, policy, a, action) == awsfake.Implicit &&
							evaluateTrust(t, looser, a, action) == awsfake.Allowed
					}
				}
				if !noticed {
					t.Errorf("%s: no attempt is stopped by %s alone", action, key)
				}
			}
		}
	}
	if removed != 5+2 {
		t.Errorf("%d conditions, want 5 on sts:AssumeRole and 2 on sts:SetSourceIdentity", removed)
	}
}

func TestRevokerIsBoundedByItsOnlyPolicy(t *testing.T) {
	role := render(t, here, nil)["RevokerRole"].Properties
	want := map[string]any{
		"RoleName": "aws-access-revoker", "Path": "/aws-access-revoker/", "MaxSessionDuration": 3600,
		"ManagedPolicyArns": []any{revokerPolicy}, "PermissionsBoundary": revokerPolicy,
	}
	for name, value := range want {
		if diff := cmp.Diff(value, role[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if role["Policies"] != nil {
		t.Error("the revoker has inline policies")
	}
}

// revokerCall is a call of the revoker on a role with a boundary.
type revokerCall struct{ action, resource, boundary string }

const readOnlyRole = "arn:aws:iam::111111111111:role/aws-access/ReadOnly"

var revokerMay = []revokerCall{
	{"iam:PutRolePolicy", adminRole, adminBoundary},
	{"iam:DeleteRolePolicy", adminRole, adminBoundary},
	{
		"iam:PutRolePolicy", "arn:aws:iam::111111111111:role/aws-access/Operator",
		policyPrefix + "aws-access-boundary-Operator",
	},
	{"iam:PutRolePolicy", deployRole, policyPrefix + "aws-access-boundary-Deploy"},
	{"iam:PutRolePolicy", readOnlyRole, readOnlyAccess},
	{"iam:DeleteRolePolicy", readOnlyRole, readOnlyAccess},
	{"iam:GetRolePolicy", adminRole, ""},
	{"iam:ListRolePolicies", adminRole, ""},
}

var revokerMayNot = []revokerCall{
	{"iam:PutRolePolicy", adminRole, ""}, // no boundary
	{"iam:DeleteRolePolicy", adminRole, ""},
	{"iam:PutRolePolicy", adminRole, administratorAccess},
	{"iam:PutRolePolicy", adminRole, "arn:aws:iam::111111111111:policy/mine"},
	{"iam:PutRolePolicy", adminRole, policyPrefix + "aws-access-no-secrets"},
	{"iam:PutRolePolicy", adminRole, "arn:aws:iam::222222222222:policy/aws-access/aws-access-boundary-Admin"},
	{"iam:PutRolePolicy", revokerRole, revokerPolicy}, // itself
	{"iam:PutRolePolicy", revokerRole, adminBoundary},
	{"iam:GetRolePolicy", revokerRole, ""},
	{"iam:PutRolePolicy", oldRole, adminBoundary}, // roles of others
	{"iam:DeleteRolePolicy", madeRole, adminBoundary},
	{"iam:ListRolePolicies", oldRole, ""},
	{"iam:GetRolePolicy", oldRole, ""},
	{"iam:PutRolePolicy", "arn:aws:iam::222222222222:role/aws-access/Admin", adminBoundary}, // another account
	{"iam:AttachRolePolicy", adminRole, adminBoundary},
	{"iam:DetachRolePolicy", adminRole, adminBoundary},
	{"iam:UpdateAssumeRolePolicy", adminRole, ""},
	{"iam:PutRolePermissionsBoundary", adminRole, adminBoundary},
	{"iam:DeleteRolePermissionsBoundary", adminRole, adminBoundary},
	{"iam:DeleteRole", adminRole, ""},
	{"iam:CreateRole", adminRole, adminBoundary},
	{"iam:PassRole", adminRole, ""},
	{"iam:CreatePolicyVersion", adminBoundary, ""},
	{"iam:CreateUser", newUser, ""},
	{"sts:AssumeRole", adminRole, ""},
	{"s3:GetObject", "arn:aws:s3:::b/k", ""},
}

func TestRevokerWritesOnlyToBoundedTargetRoles(t *testing.T) {
	limit := document(t, render(t, here, nil)["RevokerPolicy"].Properties["PolicyDocument"])
	for want, calls := range map[bool][]revokerCall{true: revokerMay, false: revokerMayNot} {
		for _, c := range calls {
			got := call{revokerRole, c.action, c.resource, c.boundary}.evaluate(t, limit)
			if (got == awsfake.Allowed) != want {
				t.Errorf("%s on %s with the boundary %q: %s", c.action, c.resource, c.boundary, got)
			}
		}
	}
}

// A boundary of the user's own is added to the list, and only that.
func TestRevokerWritesToRolesWithTheGivenBoundaries(t *testing.T) {
	const own = "arn:aws:iam::111111111111:policy/b/D"
	for name, change := range map[string]map[string]string{
		"":         nil,
		"ReadOnly": {"ReadOnlyBoundary": own}, "Operator": {"OperatorBoundary": own}, "Admin": {"AdminBoundary": own},
	} {
		limit := document(t, render(t, here, change)["RevokerPolicy"].Properties["PolicyDocument"])
		for boundary, want := range map[string]bool{
			own: name != "", own + "2": false, adminBoundary: true, readOnlyAccess: true,
		} {
			got := call{revokerRole, "iam:PutRolePolicy", adminRole, boundary}.evaluate(t, limit)
			if (got == awsfake.Allowed) != want {
				t.Errorf("%v: writing to a role with the boundary %s: %s", change, boundary, got)
			}
		}
	}
	deeper := map[string]string{"Path": "/aws-access/data/"}
	maps.Copy(deeper, required())
	limit := document(t, render(t, here, deeper)["RevokerPolicy"].Properties["PolicyDocument"])
	const inData = "arn:aws:iam::111111111111:role/aws-access/data/Admin"
	for boundary, want := range map[string]awsfake.Verdict{
		policyPrefix + "data/aws-access-boundary-Admin": awsfake.Allowed, adminBoundary: awsfake.Implicit,
	} {
		if got := (call{revokerRole, "iam:PutRolePolicy", inData, boundary}).evaluate(t, limit); got != want {
			t.Errorf("below another path, with the boundary %s: %s, want %s", boundary, got, want)
		}
	}
}

// Narrowing takes permissions away from the caller's session, so no policy has a reason to deny
// it, whatever resource AWS judges it on. A role that is not told to allow it is not exact.
func TestSessionsOfOperatorAndAdminCanBeNarrowedAndThoseOfReadOnlyCannot(t *testing.T) {
	made := render(t, here, nil)
	for _, role := range []string{"Operator", "Admin"} {
		by := "arn:aws:iam::111111111111:role/aws-access/" + role
		for _, resource := range []string{"*", by, "arn:aws:sts::111111111111:assumed-role/" + role + "/aws-access-01K"} {
			got := call{by, "sts:GetScopedCredentials", resource, ""}.evaluate(t, boundary(t, role), sessionOf(t, role))
			if got != awsfake.Allowed {
				t.Errorf("%s on %s: %s", role, resource, got)
			}
		}
	}
	example, err := awsfake.ParseDocument(document(t, made["OperatorPolicy"].Properties["PolicyDocument"]))
	if err != nil {
		t.Fatal(err)
	}
	if got := example.Evaluate(awsfake.Call{Action: "sts:GetScopedCredentials", Resource: "*"}); got != awsfake.Allowed {
		t.Errorf("the example policy of Operator: %s", got)
	}
	if got := made["ReadOnlyRole"].Properties["PermissionsBoundary"]; got != readOnlyAccess {
		t.Errorf("the boundary of ReadOnly is %v: if it allows sts:GetScopedCredentials, say so in README.md", got)
	}
}
