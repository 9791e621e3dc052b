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
	adminBoundary = "arn:aws:iam::111111111111:policy/aws-access/aws-access-boundary-Admin"
	adminRole     = "arn:aws:iam::111111111111:role/aws-access/Admin"
	madeRole      = "arn:aws:iam::111111111111:role/made-by-admin"
	oldRole       = "arn:aws:iam::111111111111:role/deploy"
	cli           = "arn:aws:signin:eu-west-1:111111111111:oauth2/public-client/localhost"
	console       = "arn:aws:signin:::console/home"

	newUser       = "arn:aws:iam::111111111111:user/me"
	madeUser      = "arn:aws:iam::111111111111:user/made"
	appStack      = "arn:aws:cloudformation:eu-west-1:111111111111:stack/app/1"
	rolesStack    = "arn:aws:cloudformation:eu-west-1:111111111111:stack/aws-access-roles/1"
	rolesStackSet = "arn:aws:cloudformation:eu-west-1:111111111111:stack/StackSet-aws-access-roles-1/1"

	administratorAccess = "arn:aws:iam::aws:policy/AdministratorAccess"
)

// call is a call by a role that may do everything its boundary allows.
type call struct {
	by, action, resource string
	boundary             string // iam:PermissionsBoundary of the call
}

// evaluate evaluates the call under limits: boundaries and session policies.
func (c call) evaluate(t *testing.T, limits ...string) awsfake.Verdict {
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
	asked := awsfake.Call{Action: c.action, Resource: c.resource, Context: map[string][]string{
		"aws:PrincipalArn": {c.by},
		"aws:userid":       {"AROAEXAMPLE:aws-access-01K"},
		"aws:CurrentTime":  {"2026-11-21T12:00:00Z"},
	}}
	if c.boundary != "" {
		asked.Context["iam:PermissionsBoundary"] = []string{c.boundary}
	}
	if err := asked.Check(); err != nil {
		t.Fatal(err)
	}
	return p.Evaluate(asked)
}

// The daily work of an administrator is possible, also under the session policy.
func TestAdministratorsCanDoTheirWork(t *testing.T) {
	limit := boundary(t, "Admin")
	session, err := vend.SessionPolicy(access.Vending{
		Target: access.Target{Account: account, Role: "Admin", Path: "/aws-access/"},
		Now:    time.Date(2026, 11, 21, 11, 0, 0, 0, time.UTC),
		Ends:   time.Date(2026, 11, 21, 13, 0, 0, 0, time.UTC),
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []call{
		{adminRole, "s3:DeleteBucket", "arn:aws:s3:::logs", ""},
		{adminRole, "ec2:TerminateInstances", "*", ""},
		{adminRole, "iam:GetRole", adminRole, ""},
		{adminRole, "iam:ListRoles", "*", ""},
		{adminRole, "iam:PutRolePolicy", oldRole, ""}, // only the organisation's policy denies this
		{adminRole, "iam:DeleteRole", oldRole, ""},
		{adminRole, "iam:PassRole", oldRole, ""},
		{adminRole, "iam:CreatePolicy", "arn:aws:iam::111111111111:policy/app", ""},
		{adminRole, "iam:CreateRole", madeRole, adminBoundary},
		{adminRole, "iam:CreateServiceLinkedRole",
			"arn:aws:iam::111111111111:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS", ""},
		{adminRole, "cloudformation:UpdateStack", appStack, ""},
		{adminRole, "signin:AuthorizeOAuth2Access", console, ""},
		{adminRole, "signin:CreateOAuth2Token", console, ""},
		{madeRole, "signin:CreateOAuth2Token", console, ""},
		{adminRole, "cloudformation:DescribeStacks", rolesStackSet, ""},
	} {
		if got := a.evaluate(t, limit, session); got != awsfake.Allowed {
			t.Errorf("%s on %s: %s", a.action, a.resource, got)
		}
	}
}

// newWaysIn are the calls with which an administrator could keep access after the
// grant, or give access to somebody else.
var newWaysIn = map[string]call{
	"making a role without a boundary":    {adminRole, "iam:CreateRole", madeRole, ""},
	"making a role with another boundary": {adminRole, "iam:CreateRole", madeRole, administratorAccess},
	"making a role with the boundary of another account": {adminRole, "iam:CreateRole", madeRole,
		"arn:aws:iam::222222222222:policy/aws-access/aws-access-boundary-Admin"},
	"making a role under the path of the stack": {adminRole, "iam:CreateRole",
		"arn:aws:iam::111111111111:role/aws-access/Mine", adminBoundary},
	"making a role under the path of the revoker": {adminRole, "iam:CreateRole",
		"arn:aws:iam::111111111111:role/aws-access-revoker/Mine", adminBoundary},
	"making a user without a boundary": {adminRole, "iam:CreateUser", newUser, ""},
	"putting another boundary on an old role": {adminRole, "iam:PutRolePermissionsBoundary",
		oldRole, administratorAccess},
	"putting another boundary on a user": {adminRole, "iam:PutUserPermissionsBoundary",
		newUser, administratorAccess},
	"replacing a role's stricter boundary": {
		adminRole, "iam:PutRolePermissionsBoundary", oldRole, adminBoundary,
	},
	"replacing a user's stricter boundary": {
		adminRole, "iam:PutUserPermissionsBoundary", newUser, adminBoundary,
	},
	"removing the boundary of a role": {
		adminRole, "iam:DeleteRolePermissionsBoundary", madeRole, adminBoundary,
	},
	"removing the boundary of a user": {
		adminRole, "iam:DeleteUserPermissionsBoundary", newUser, adminBoundary,
	},
	"changing the trust of an old role":                  {adminRole, "iam:UpdateAssumeRolePolicy", oldRole, ""},
	"changing the trust of Admin":                        {adminRole, "iam:UpdateAssumeRolePolicy", adminRole, ""},
	"deleting the deny that ends the session":            {adminRole, "iam:DeleteRolePolicy", adminRole, adminBoundary},
	"using up the size limit of Admin's inline policies": {adminRole, "iam:PutRolePolicy", adminRole, adminBoundary},
	"deleting a target role": {adminRole, "iam:DeleteRole",
		"arn:aws:iam::111111111111:role/aws-access/ReadOnly", ""},
	"changing Admin's boundary":                  {adminRole, "iam:CreatePolicyVersion", adminBoundary, ""},
	"restoring an older version of the boundary": {adminRole, "iam:SetDefaultPolicyVersion", adminBoundary, ""},
	"an action that IAM adds in the future":      {adminRole, "iam:InventedTomorrow", adminRole, ""},
	"assuming a target role of another account": {adminRole, "sts:AssumeRole",
		"arn:aws:iam::222222222222:role/aws-access/Admin", ""},
	"assuming the revoker": {adminRole, "sts:AssumeRole",
		revokerRole, ""},
	"passing a target role to a service": {adminRole, "iam:PassRole", adminRole, ""},
	"changing the stack":                 {adminRole, "cloudformation:UpdateStack", rolesStackSet, ""},
	"deleting the stack":                 {adminRole, "cloudformation:DeleteStack", rolesStack, ""},

	"a made role makes another role": {madeRole, "iam:CreateRole",
		"arn:aws:iam::111111111111:role/more", adminBoundary},
	"a made role attaches a policy":   {madeRole, "iam:AttachRolePolicy", oldRole, ""},
	"a made role passes an old role":  {madeRole, "iam:PassRole", oldRole, ""},
	"a made role assumes an old role": {madeRole, "sts:AssumeRole", oldRole, ""},
	"a made user makes an access key": {madeUser, "iam:CreateAccessKey", madeUser, ""},
	"a made role whose name looks like the stack's path": {"arn:aws:iam::111111111111:role/aws-access-mine",
		"iam:PassRole", oldRole, ""},
}

// The boundary denies these calls without the session policy too, for a caller who
// became Admin in another way.
func TestAdministratorsCannotOpenNewWaysIn(t *testing.T) {
	limit := boundary(t, "Admin")
	for name, c := range newWaysIn {
		if got := c.evaluate(t, limit); got != awsfake.Denied {
			t.Errorf("%s: %s on %s: %s, want denied", name, c.action, c.resource, got)
		}
	}
}

func TestMadeRolesCanWork(t *testing.T) {
	limit := boundary(t, "Admin")
	for _, c := range []call{
		{madeRole, "dynamodb:PutItem", "arn:aws:dynamodb:eu-west-1:111111111111:table/orders", ""},
		{madeRole, "iam:GetRole", madeRole, ""},
	} {
		if got := c.evaluate(t, limit); got != awsfake.Allowed {
			t.Errorf("a made role: %s: %s, want allowed", c.action, got)
		}
	}
}

// A role that Admin made has no session policy and no end. So the boundary denies to
// it everything that the session policy denies to a session, including what is added
// to the session policy later.
func TestMadeRolesAreDeniedWhatSessionsAreDenied(t *testing.T) {
	limit := boundary(t, "Admin")
	session, err := vend.SessionPolicy(access.Vending{
		Target: access.Target{Account: account, Role: "Admin", Path: "/aws-access/"},
		Ends:   time.Date(2026, 11, 21, 13, 0, 0, 0, time.UTC),
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
	count := 0
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
				resource = oldRole // a resource that these actions can have
			}
			c := call{madeRole, strings.ReplaceAll(action, "*", "InventedTomorrow"), resource, ""}
			if got := c.evaluate(t, limit); got != awsfake.Denied {
				t.Errorf("a made role: %s: %s, want denied as in the session policy", action, got)
			}
			count++
		}
	}
	if count < 30 {
		t.Errorf("found only %d actions that the session policy denies: is it parsed correctly?", count)
	}
}

func TestBoundaryDeniesServicesThatGiveAccess(t *testing.T) {
	limit := boundary(t, "Admin")
	for _, action := range []string{
		"sso:CreatePermissionSet", "sso-directory:CreateUser", "identitystore:UpdateUser", "organizations:MoveAccount",
		"signin:CreateBearerToken", "iot:UpdateRoleAlias", "transfer:CreateUser", "transfer:ImportSshPublicKey",
		"eks:CreateAccessEntry", "eks:AssociateAccessPolicy",
	} {
		for _, by := range []string{madeRole, adminRole} {
			if got := (call{by, action, "*", ""}).evaluate(t, limit); got != awsfake.Denied {
				t.Errorf("%s: %s: %s, want denied", by, action, got)
			}
		}
	}
	// These give nobody access, but a made role does not need them.
	for _, action := range []string{"rolesanywhere:ImportCrl", "account:CloseAccount", "sso:DeleteAccountAssignment"} {
		if got := (call{madeRole, action, "*", ""}).evaluate(t, limit); got != awsfake.Denied {
			t.Errorf("a made role: %s: %s, want denied", action, got)
		}
		if got := (call{adminRole, action, "*", ""}).evaluate(t, limit); got != awsfake.Allowed {
			t.Errorf("Admin: %s: %s, want allowed", action, got)
		}
	}
}

// The boundary holds whatever policies are attached to Operator.
func TestOperatorsCannotBecomeAdministrators(t *testing.T) {
	limit := boundary(t, "Operator")
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
		{"cloudformation:UpdateStack", appStack, awsfake.Allowed},
		{"iam:PassRole", adminRole, awsfake.Denied},
		{"sts:AssumeRole", adminRole, awsfake.Denied},
		{"iam:PutRolePolicy", operator, awsfake.Denied},
		{"cloudformation:DeleteStack", rolesStackSet, awsfake.Denied},
		{"iam:PutRolePolicy", oldRole, awsfake.Implicit},
		{"iam:CreateRole", madeRole, awsfake.Implicit},
		{"iam:CreateUser", newUser, awsfake.Implicit},
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
		if got := (call{operator, c.action, c.resource, ""}).evaluate(t, limit); got != c.want {
			t.Errorf("%s on %s: %s, want %s", c.action, c.resource, got, c.want)
		}
	}
}

// Both boundaries allow the console and deny the sign-in of programs, in every
// partition.
func TestConsoleOpensAndProgramsCannotSignInInEveryPartition(t *testing.T) {
	for partition, region := range map[string]string{
		"aws": "eu-west-1", "aws-us-gov": "us-gov-west-1", "aws-cn": "cn-north-1", "aws-eusc": "eusc-de-east-1",
	} {
		made := render(t, cfntest.Place{Partition: partition, Account: account, Region: region}, nil)
		for _, role := range []string{"Admin", "Operator"} {
			limit := document(t, made[role+"OwnBoundary"].Properties["PolicyDocument"])
			by := "arn:" + partition + ":iam::111111111111:role/aws-access/" + role
			prefix := "arn:" + partition + ":signin:" + region + ":111111111111:"
			for resource, want := range map[string]awsfake.Verdict{
				prefix + "oauth2/public-client/localhost":          awsfake.Denied,
				prefix + "service-principal/aws-mcp.amazonaws.com": awsfake.Denied,
				prefix + "console/home":                            awsfake.Allowed,
				"arn:" + partition + ":signin:::console/home":      awsfake.Allowed,
			} {
				for _, action := range []string{"signin:AuthorizeOAuth2Access", "signin:CreateOAuth2Token"} {
					if got := (call{by, action, resource, ""}).evaluate(t, limit); got != want {
						t.Errorf("%s: %s on %s: %s, want %s", role, action, resource, got, want)
					}
				}
			}
		}
	}
}

// Each statement of Admin's boundary except the first denies a call that no other
// statement denies.
func TestEveryStatementOfTheBoundaryIsNeeded(t *testing.T) {
	deniedBy := map[string]call{
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
	if len(all) != len(deniedBy)+1 {
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
		if got := deniedBy[sid].evaluate(t, policy); got != awsfake.Denied {
			t.Errorf("%s: %s", sid, got)
		}
		if got := deniedBy[sid].evaluate(t, looser); got != awsfake.Allowed {
			t.Errorf("without %s: %s, want it allowed", sid, got)
		}
	}
}

// secretsOfReadOnlyAccess lists the actions of AWS's ReadOnlyAccess (version 178, 2,677
// patterns) that return a secret, a credential or a token.
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

// The policy denies secrets whatever AWS's policy allows.
func TestReadOnlyAndOperatorCannotReadSecrets(t *testing.T) {
	made := render(t, here, nil)
	policy, err := awsfake.ParseDocument(document(t, made["NoSecretsPolicy"].Properties["PolicyDocument"]))
	if err != nil {
		t.Fatal(err)
	}
	for _, role := range []string{"ReadOnly", "Operator"} {
		attached := fmt.Sprint(made[role+"Role"].Properties["ManagedPolicyArns"])
		if !strings.Contains(attached, noSecrets) {
			t.Errorf("%s has %s, want also the policy that denies secrets", role, attached)
		}
	}
	evaluate := func(action, resource, via string) awsfake.Verdict {
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
		if got := evaluate(action, "*", ""); got != awsfake.Denied {
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
		// This policy neither allows nor denies these: AWS's policy decides.
		{"ssm:GetParameter", "arn:aws:ssm:eu-west-1:111111111111:parameter/plain", "", awsfake.Implicit},
		{"s3:GetObject", "arn:aws:s3:::b/k", "", awsfake.Implicit},
		{"logs:FilterLogEvents", "*", "", awsfake.Implicit},
	} {
		if got := evaluate(c.action, c.resource, c.via); got != c.want {
			t.Errorf("%s on %s via %q: %s, want %s", c.action, c.resource, c.via, got, c.want)
		}
	}
}
