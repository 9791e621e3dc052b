package member

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/infra/member/cfntest"
	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
	"github.com/aws-access/aws-access/pkg/vend"
)

const (
	ownBoundary = "arn:aws:iam::111111111111:policy/aws-access/aws-access-boundary-Admin"
	adminRole   = "arn:aws:iam::111111111111:role/aws-access/Admin"
	madeRole    = "arn:aws:iam::111111111111:role/made-by-admin"
	oldRole     = "arn:aws:iam::111111111111:role/deploy"
	cli         = "arn:aws:signin:eu-west-1:111111111111:oauth2/public-client/localhost"
	console     = "arn:aws:signin:::console/home"
)

// ask is one call under a boundary, by a role that is allowed everything.
type ask struct {
	by, action, resource string
	boundary             string // iam:PermissionsBoundary of the call
}

func (a ask) judged(t *testing.T, limits ...string) awsfake.Verdict {
	t.Helper()
	everything, err := awsfake.ParseDocument(allowed)
	if err != nil {
		t.Fatal(err)
	}
	p := awsfake.Permissions{Identity: []awsfake.Document{everything}}
	for _, text := range limits {
		d, err := awsfake.ParseDocument(text)
		if err != nil {
			t.Fatal(err)
		}
		p.Limits = append(p.Limits, d)
	}
	call := awsfake.Call{Action: a.action, Resource: a.resource, Context: map[string][]string{
		"aws:PrincipalArn": {a.by}, "aws:userid": {"AROAEXAMPLE:aws-access-01K"}, "aws:CurrentTime": {"2026-11-21T12:00:00Z"},
	}}
	if a.boundary != "" {
		call.Context["iam:PermissionsBoundary"] = []string{a.boundary}
	}
	if err := call.Check(); err != nil {
		t.Fatal(err)
	}
	return p.Evaluate(call)
}

// What an administrator does all day stays possible, under the session policy
// too.
func TestAdministratorsDoTheirWork(t *testing.T) {
	session, err := vend.SessionPolicy(access.Vending{
		Target: access.Target{Account: account, Role: "Admin", Path: "/aws-access/"},
		Now:    time.Date(2026, 11, 21, 11, 0, 0, 0, time.UTC), Ends: time.Date(2026, 11, 21, 13, 0, 0, 0, time.UTC),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []ask{
		{adminRole, "s3:DeleteBucket", "arn:aws:s3:::logs", ""},
		{adminRole, "ec2:TerminateInstances", "*", ""},
		{adminRole, "iam:GetRole", adminRole, ""},
		{adminRole, "iam:ListRoles", "*", ""},
		{adminRole, "iam:PutRolePolicy", oldRole, ""}, // closed by the organisation's policy, where it is attached
		{adminRole, "iam:DeleteRole", oldRole, ""},
		{adminRole, "iam:PassRole", oldRole, ""},
		{adminRole, "iam:CreatePolicy", "arn:aws:iam::111111111111:policy/app", ""},
		{adminRole, "iam:CreateRole", madeRole, ownBoundary},
		{adminRole, "iam:CreateServiceLinkedRole", "arn:aws:iam::111111111111:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS", ""},
		{adminRole, "cloudformation:UpdateStack", "arn:aws:cloudformation:eu-west-1:111111111111:stack/app/1", ""},
		{adminRole, "signin:AuthorizeOAuth2Access", console, ""},
		{adminRole, "signin:CreateOAuth2Token", console, ""},
		{madeRole, "signin:CreateOAuth2Token", console, ""},
		{adminRole, "cloudformation:DescribeStacks", "arn:aws:cloudformation:eu-west-1:111111111111:stack/StackSet-aws-access-roles-1/1", ""},
	} {
		if got := a.judged(t, boundary(t, "Admin"), session); got != awsfake.Allowed {
			t.Errorf("%s on %s: %s", a.action, a.resource, got)
		}
	}
}

// The boundary alone, as if the session policy were missing: whoever comes to
// act as Admin opens no new way in.
func TestAdministratorsOpenNoNewWayIn(t *testing.T) {
	for name, a := range map[string]ask{
		"a role without a boundary":                        {adminRole, "iam:CreateRole", madeRole, ""},
		"a role with another boundary":                     {adminRole, "iam:CreateRole", madeRole, "arn:aws:iam::aws:policy/AdministratorAccess"},
		"a role with the boundary of another account":      {adminRole, "iam:CreateRole", madeRole, "arn:aws:iam::222222222222:policy/aws-access/aws-access-boundary-Admin"},
		"a role under our path, even bounded":              {adminRole, "iam:CreateRole", "arn:aws:iam::111111111111:role/aws-access/Mine", ownBoundary},
		"a role under the revoker's path":                  {adminRole, "iam:CreateRole", "arn:aws:iam::111111111111:role/aws-access-revoker/Mine", ownBoundary},
		"a user without a boundary":                        {adminRole, "iam:CreateUser", "arn:aws:iam::111111111111:user/me", ""},
		"another boundary for an old role":                 {adminRole, "iam:PutRolePermissionsBoundary", oldRole, "arn:aws:iam::aws:policy/AdministratorAccess"},
		"another boundary for a user":                      {adminRole, "iam:PutUserPermissionsBoundary", "arn:aws:iam::111111111111:user/me", "arn:aws:iam::aws:policy/AdministratorAccess"},
		"our boundary for a stricter one":                  {adminRole, "iam:PutRolePermissionsBoundary", oldRole, ownBoundary},
		"our boundary for a user's stricter one":           {adminRole, "iam:PutUserPermissionsBoundary", "arn:aws:iam::111111111111:user/me", ownBoundary},
		"no boundary for what was made":                    {adminRole, "iam:DeleteRolePermissionsBoundary", madeRole, ownBoundary},
		"no boundary for a user":                           {adminRole, "iam:DeleteUserPermissionsBoundary", "arn:aws:iam::111111111111:user/me", ownBoundary},
		"a foreign trust for an old role":                  {adminRole, "iam:UpdateAssumeRolePolicy", oldRole, ""},
		"a foreign trust for the own role":                 {adminRole, "iam:UpdateAssumeRolePolicy", adminRole, ""},
		"the deny that ends the session taken away":        {adminRole, "iam:DeleteRolePolicy", adminRole, ownBoundary},
		"the role's inline characters filled":              {adminRole, "iam:PutRolePolicy", adminRole, ownBoundary},
		"the role deleted":                                 {adminRole, "iam:DeleteRole", "arn:aws:iam::111111111111:role/aws-access/ReadOnly", ""},
		"the own boundary rewritten":                       {adminRole, "iam:CreatePolicyVersion", ownBoundary, ""},
		"an older version of it":                           {adminRole, "iam:SetDefaultPolicyVersion", ownBoundary, ""},
		"something that IAM learns tomorrow":               {adminRole, "iam:InventedTomorrow", adminRole, ""},
		"another target role entered":                      {adminRole, "sts:AssumeRole", "arn:aws:iam::222222222222:role/aws-access/Admin", ""},
		"the revoker entered":                              {adminRole, "sts:AssumeRole", "arn:aws:iam::111111111111:role/aws-access-revoker/Revoker", ""},
		"a target role given to a service":                 {adminRole, "iam:PassRole", adminRole, ""},
		"the stack changed":                                {adminRole, "cloudformation:UpdateStack", "arn:aws:cloudformation:eu-west-1:111111111111:stack/StackSet-aws-access-roles-1/1", ""},
		"the stack deleted":                                {adminRole, "cloudformation:DeleteStack", "arn:aws:cloudformation:eu-west-1:111111111111:stack/aws-access-roles/1", ""},
		"what was made makes more":                         {madeRole, "iam:CreateRole", "arn:aws:iam::111111111111:role/more", ownBoundary},
		"what was made takes rights":                       {madeRole, "iam:AttachRolePolicy", oldRole, ""},
		"what was made lends an old role":                  {madeRole, "iam:PassRole", oldRole, ""},
		"what was made enters an old role":                 {madeRole, "sts:AssumeRole", oldRole, ""},
		"what was made makes keys":                         {"arn:aws:iam::111111111111:user/made", "iam:CreateAccessKey", "arn:aws:iam::111111111111:user/made", ""},
		"what was made under a path that only looks alike": {"arn:aws:iam::111111111111:role/aws-access-mine", "iam:PassRole", oldRole, ""},
	} {
		if got := a.judged(t, boundary(t, "Admin")); got != awsfake.Denied {
			t.Errorf("%s: %s on %s: %s, want denied", name, a.action, a.resource, got)
		}
	}
	// Not dead, though: a function's role that Admin made works.
	for _, a := range []ask{{madeRole, "dynamodb:PutItem", "arn:aws:dynamodb:eu-west-1:111111111111:table/orders", ""}, {madeRole, "iam:GetRole", madeRole, ""}} {
		if got := a.judged(t, boundary(t, "Admin")); got != awsfake.Allowed {
			t.Errorf("what was made: %s: %s, want allowed", a.action, got)
		}
	}
}

// What Admin made has no session policy and no end. So its boundary denies
// whatever the session policy denies to the session itself, also what is added
// to that one day.
func TestWhatIsMadeMayNoMoreThanTheSession(t *testing.T) {
	session, err := vend.SessionPolicy(access.Vending{
		Target: access.Target{Account: account, Role: "Admin", Path: "/aws-access/"}, Ends: time.Date(2026, 11, 21, 13, 0, 0, 0, time.UTC),
	})
	if err != nil {
		t.Fatal(err)
	}
	var policy struct {
		Statement []struct {
			Effect           string
			Action, Resource []string
			Condition        map[string]any
		}
	}
	if err := json.Unmarshal([]byte(session), &policy); err != nil {
		t.Fatal(err)
	}
	asked := 0
	for _, s := range policy.Statement {
		if s.Effect != "Deny" || s.Condition != nil {
			continue
		}
		for _, action := range s.Action {
			resource := strings.ReplaceAll(s.Resource[0], "*", "x")
			if s.Resource[0] == "*" {
				resource = "*"
			}
			if strings.HasPrefix(action, "iam:") || strings.HasPrefix(action, "sts:") {
				resource = oldRole // IAM's resources all begin alike
			}
			a := ask{madeRole, strings.ReplaceAll(action, "*", "InventedTomorrow"), resource, ""}
			if got := a.judged(t, boundary(t, "Admin")); got != awsfake.Denied {
				t.Errorf("what was made: %s: %s, want denied as in the session policy", action, got)
			}
			asked++
		}
	}
	if asked < 30 {
		t.Errorf("the session policy denies %d actions: is it read as it is written?", asked)
	}
	// The services whose whole point is to let people in, and their like.
	for _, action := range []string{
		"sso:CreatePermissionSet", "sso-directory:CreateUser", "identitystore:UpdateUser", "organizations:MoveAccount",
		"signin:CreateBearerToken", "iot:UpdateRoleAlias", "transfer:CreateUser", "transfer:ImportSshPublicKey",
		"eks:CreateAccessEntry", "eks:AssociateAccessPolicy",
	} {
		for _, by := range []string{madeRole, adminRole} {
			if got := (ask{by, action, "*", ""}).judged(t, boundary(t, "Admin")); got != awsfake.Denied {
				t.Errorf("%s: %s: %s, want denied", by, action, got)
			}
		}
	}
	// What lets nobody in, but is not for a function either.
	for _, action := range []string{"rolesanywhere:ImportCrl", "account:CloseAccount", "sso:DeleteAccountAssignment"} {
		if got := (ask{madeRole, action, "*", ""}).judged(t, boundary(t, "Admin")); got != awsfake.Denied {
			t.Errorf("what was made: %s: %s, want denied", action, got)
		}
		if got := (ask{adminRole, action, "*", ""}).judged(t, boundary(t, "Admin")); got != awsfake.Allowed {
			t.Errorf("Admin: %s: %s, want allowed", action, got)
		}
	}
}

// Whatever is attached to Operator, it becomes no administrator.
func TestOperatorsBecomeNoAdministrators(t *testing.T) {
	const operator = "arn:aws:iam::111111111111:role/aws-access/Operator"
	for _, c := range []struct {
		action, resource string
		want             awsfake.Verdict
	}{
		{"ecs:UpdateService", "arn:aws:ecs:eu-west-1:111111111111:service/a/b", awsfake.Allowed},
		{"s3:PutObject", "arn:aws:s3:::b/k", awsfake.Allowed},
		{"iam:GetRole", operator, awsfake.Allowed},
		{"iam:PassRole", oldRole, awsfake.Allowed},
		{"organizations:DescribeOrganization", "*", awsfake.Allowed},
		{"cloudformation:UpdateStack", "arn:aws:cloudformation:eu-west-1:111111111111:stack/app/1", awsfake.Allowed},
		{"iam:PassRole", adminRole, awsfake.Denied},
		{"sts:AssumeRole", adminRole, awsfake.Denied},
		{"iam:PutRolePolicy", operator, awsfake.Denied},
		{"cloudformation:DeleteStack", "arn:aws:cloudformation:eu-west-1:111111111111:stack/StackSet-aws-access-roles-1/1", awsfake.Denied},
		{"iam:PutRolePolicy", oldRole, awsfake.Implicit},
		{"iam:CreateRole", madeRole, awsfake.Implicit},
		{"iam:CreateUser", "arn:aws:iam::111111111111:user/me", awsfake.Implicit},
		{"iam:UpdateAssumeRolePolicy", oldRole, awsfake.Implicit},
		{"rolesanywhere:CreateTrustAnchor", "*", awsfake.Denied},
		{"organizations:LeaveOrganization", "*", awsfake.Denied},
		{"account:CloseAccount", "*", awsfake.Implicit},
		{"eks:CreateAccessEntry", "*", awsfake.Denied},
		{"signin:CreateOAuth2Token", cli, awsfake.Denied},
		{"signin:CreateOAuth2Token", console, awsfake.Allowed},
		{"sso:CreateAccountAssignment", "*", awsfake.Denied},
		{"identitystore:CreateUser", "*", awsfake.Denied},
	} {
		if got := (ask{operator, c.action, c.resource, ""}).judged(t, boundary(t, "Operator")); got != c.want {
			t.Errorf("%s on %s: %s, want %s", c.action, c.resource, got, c.want)
		}
	}
}

// Programs do not sign in and the console opens, in every partition and under
// both boundaries.
func TestTheConsoleOpensInEveryPartition(t *testing.T) {
	for partition, region := range map[string]string{"aws": "eu-west-1", "aws-us-gov": "us-gov-west-1",
		"aws-cn": "cn-north-1", "aws-eusc": "eusc-de-east-1"} {
		made := render(t, cfntest.Place{Partition: partition, Account: account, Region: region}, nil)
		for _, role := range []string{"Admin", "Operator"} {
			limit := document(t, made[role+"OwnBoundary"].Properties["PolicyDocument"])
			by := "arn:" + partition + ":iam::111111111111:role/aws-access/" + role
			ours := "arn:" + partition + ":signin:" + region + ":111111111111:"
			for resource, want := range map[string]awsfake.Verdict{
				ours + "oauth2/public-client/localhost":          awsfake.Denied,
				ours + "service-principal/aws-mcp.amazonaws.com": awsfake.Denied,
				ours + "console/home":                            awsfake.Allowed,
				"arn:" + partition + ":signin:::console/home":    awsfake.Allowed,
			} {
				for _, action := range []string{"signin:AuthorizeOAuth2Access", "signin:CreateOAuth2Token"} {
					if got := (ask{by, action, resource, ""}).judged(t, limit); got != want {
						t.Errorf("%s: %s on %s: %s, want %s", role, action, resource, got, want)
					}
				}
			}
		}
	}
}

// Each statement of Admin's boundary but the first denies something that no
// other does.
func TestEveryStatementOfTheBoundaryIsNeeded(t *testing.T) {
	needs := map[string]ask{
		"OursStays":               {adminRole, "iam:DeleteRolePolicy", adminRole, ""},
		"WhatIsMadeIsBounded":     {adminRole, "iam:CreateRole", madeRole, ""},
		"BoundariesAndTrustsStay": {adminRole, "iam:UpdateAssumeRolePolicy", oldRole, ""},
		"WhatIsMadeMakesNothing":  {madeRole, "iam:PassRole", oldRole, ""},
		"WhatIsMadeAdmitsNobody":  {madeRole, "account:CloseAccount", "*", ""},
		"NoProgramSignsIn":        {adminRole, "signin:AuthorizeOAuth2Access", cli, ""},
		"NoNewWayIn":              {adminRole, "ssm:CreateActivation", "*", ""},
	}
	policy := boundary(t, "Admin")
	all := statements(t, policy)
	if len(all) != len(needs)+1 {
		t.Fatalf("%d statements", len(all))
	}
	for i := 1; i < len(all); i++ {
		var rest []any
		for j, s := range all {
			if j != i {
				rest = append(rest, s)
			}
		}
		sid := all[i]["Sid"].(string)
		looser := document(t, map[string]any{"Version": "2012-10-17", "Statement": rest})
		if got := needs[sid].judged(t, policy); got != awsfake.Denied {
			t.Errorf("%s: %s", sid, got)
		}
		if got := needs[sid].judged(t, looser); got != awsfake.Allowed {
			t.Errorf("without %s: %s, want it allowed", sid, got)
		}
	}
}

// secretsOfReadOnlyAccess are actions of AWS's ReadOnlyAccess (version 178) that
// hand out a secret, a credential or a token, found among its 2,677 patterns.
var secretsOfReadOnlyAccess = []string{
	"acm:GetAcmeExternalAccountBindingCredentials", "appsync:ListApiKeys", "cloudwatch:GetSpaceCredentials",
	"cloudwatch:GetSpaceCredentialsForOrganization",
	"codeartifact:GetAuthorizationToken", "cognito-identity:GetCredentialsForIdentity", "cognito-identity:GetOpenIdToken",
	"cognito-identity:GetOpenIdTokenForDeveloperIdentity", "cognito-idp:DescribeUserPoolClient",
	"cognito-idp:GetTokensFromRefreshToken", "connect:GetFederationToken",
	"ec2:GetPasswordData", "ecr:GetAuthorizationToken", "ecr-public:GetAuthorizationToken", "gamelift:GetComputeAccess",
	"gamelift:GetComputeAuthToken",
	"gamelift:GetInstanceAccess", "iot:GetConnection", "license-manager:GetAccessToken", "s3:GetDataAccess",
	"ssm:GetAccessToken", "wafv2:GetDecryptedAPIKey",
}

// Those who look read no secrets, whatever AWS's policy allows: as if it allowed
// everything.
func TestThoseWhoLookReadNoSecrets(t *testing.T) {
	made := render(t, here, nil)
	policy, err := awsfake.ParseDocument(document(t, made["NoSecretsPolicy"].Properties["PolicyDocument"]))
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range []string{"ReadOnly", "Operator"} {
		if attached := fmt.Sprint(made[role+"Role"].Properties["ManagedPolicyArns"]); !strings.Contains(attached, noSecrets) {
			t.Errorf("%s has %s, not the policy that keeps secrets closed", role, attached)
		}
	}
	judge := func(action, resource, via string) awsfake.Verdict {
		call := awsfake.Call{Action: action, Resource: resource,
			Context: map[string][]string{"aws:PrincipalArn": {"arn:aws:iam::111111111111:role/aws-access/ReadOnly"}}}
		if via != "" {
			call.Context["kms:ViaService"] = []string{via}
		}
		if err := call.Check(); err != nil {
			t.Fatal(err)
		}
		return policy.Evaluate(call)
	}
	for _, action := range secretsOfReadOnlyAccess {
		if got := judge(action, "*", ""); got != awsfake.Denied {
			t.Errorf("%s: %s, want denied", action, got)
		}
	}
	for _, c := range []struct {
		action, resource, via string
		want                  awsfake.Verdict
	}{
		{"kms:Decrypt", "arn:aws:kms:eu-west-1:111111111111:key/1", "ssm.eu-west-1.amazonaws.com", awsfake.Denied},
		{"kms:Decrypt", "arn:aws-cn:kms:cn-north-1:111111111111:key/1", "ssm.cn-north-1.amazonaws.com.cn", awsfake.Denied},
		{"kms:Decrypt", "arn:aws:kms:eu-west-1:111111111111:key/1", "s3.eu-west-1.amazonaws.com", awsfake.Implicit},
		{"apigateway:GET", "arn:aws:apigateway:eu-west-1::/apikeys", "", awsfake.Denied},
		{"apigateway:GET", "arn:aws:apigateway:eu-west-1::/apikeys/k1", "", awsfake.Denied},
		{"apigateway:GET", "arn:aws:apigateway:eu-west-1::/restapis", "", awsfake.Implicit},
		// AWS's policy decides
		{"ssm:GetParameter", "arn:aws:ssm:eu-west-1:111111111111:parameter/plain", "", awsfake.Implicit},
		{"s3:GetObject", "arn:aws:s3:::b/k", "", awsfake.Implicit},
		{"logs:FilterLogEvents", "*", "", awsfake.Implicit},
	} {
		if got := judge(c.action, c.resource, c.via); got != c.want {
			t.Errorf("%s on %s via %q: %s, want %s", c.action, c.resource, c.via, got, c.want)
		}
	}
}
