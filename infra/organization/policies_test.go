package organization

import (
	"testing"
)

var (
	inOrg         = map[string]string{"aws:PrincipalOrgID": org, "aws:PrincipalAccount": bastion}
	stackBoundary = map[string]string{"iam:PermissionsBoundary": boundaryPolicy}
	otherBoundary = map[string]string{"iam:PermissionsBoundary": teamPolicy}
)

const (
	rolesStack     = "arn:aws:cloudformation:eu-west-1:111111111111:stack/StackSet-aws-access-roles-1/1"
	boundaryPolicy = "arn:aws:iam::111111111111:policy/aws-access/aws-access-boundary-Admin"
	user           = "arn:aws:iam::111111111111:user/x"
	group          = "arn:aws:iam::111111111111:group/x"
	newRole        = "arn:aws:iam::111111111111:role/new"
	teamPolicy     = "arn:aws:iam::111111111111:policy/team"
	cutRole        = "arn:aws:iam::999999999999:role/aws-access-cut"
	buildProject   = "arn:aws:codebuild:eu-west-1:111111111111:project/deploy"
	cdkAsset       = "arn:aws:s3:::cdk-hnb659fds-assets-111111111111-eu-west-1/x.zip"
	otherStack     = "arn:aws:cloudformation:eu-west-1:111111111111:stack/app/1"
)

// onResource is an action on a resource.
type onResource struct{ action, resource string }

// deniedOnStack lists changes of what the stack put into an account.
var deniedOnStack = []onResource{
	{"iam:UpdateAssumeRolePolicy", admin},
	{"iam:DeleteRolePermissionsBoundary", admin},
	{"iam:PutRolePermissionsBoundary", admin},
	{"iam:PutRolePolicy", admin},
	{"iam:DeleteRolePolicy", admin},
	{"iam:DetachRolePolicy", admin},
	{"iam:DeleteRole", admin},
	{"iam:CreateRole", admin},
	{"iam:PassRole", admin},
	{"iam:CreatePolicyVersion", boundaryPolicy},
	{"iam:SetDefaultPolicyVersion", boundaryPolicy},
	{"iam:DeletePolicy", boundaryPolicy},
	{"iam:CreateRole", revoker},
	{"iam:UpdateAssumeRolePolicy", revoker},
	{"iam:PutRolePolicy", revoker},
	// Exempt roles are protected too, because anybody could otherwise make one.
	{"iam:CreateRole", exec},
	{"iam:UpdateAssumeRolePolicy", exec},
	{"iam:PassRole", exec},
	{"iam:CreateRole", deputy},
	{"iam:UpdateAssumeRolePolicy", deputy},
	{"iam:PassRole", deputy},
	{"cloudformation:UpdateStack", rolesStack},
	{"cloudformation:DeleteStack", rolesStack},
	{"iam:InventedTomorrow", admin},
}

// allowedToAll lists calls that have nothing to do with the stack, or only read.
var allowedToAll = []onResource{
	{"iam:GetRole", admin},
	{"iam:ListRolePolicies", admin},
	{"iam:SimulatePrincipalPolicy", admin},
	{"sts:GetScopedCredentials", admin}, // a session gets fewer permissions, or an earlier end
	{"cloudformation:DescribeStacks", rolesStack},
	{"iam:CreateRole", service},
	{"iam:PutRolePolicy", service},
	{"cloudformation:UpdateStack", otherStack},
	{"s3:PutObject", "arn:aws:s3:::b/k"},
	{"ec2:RunInstances", "*"},
}

// The policy holds for sessions of aws-access, for people with standing access, and
// for services with a role of their own.
func TestOnlyExemptRolesCanChangeTheStack(t *testing.T) {
	layer := deny(t, content(t, "Ours", nil))
	for _, by := range []string{
		admin, standing, service, pipeline, "arn:aws:iam::111111111111:root",
		"arn:aws:iam::111111111111:role/x/stacksets-exec-mine",
		"arn:aws:iam::111111111111:role/OrganizationAccountAccessRole2",
	} {
		for _, c := range deniedOnStack {
			if !(call{by, c.action, c.resource, nil}).denied(t, layer) {
				t.Errorf("%s may %s on %s", by, c.action, c.resource)
			}
		}
		for _, c := range allowedToAll {
			if (call{by, c.action, c.resource, nil}).denied(t, layer) {
				t.Errorf("%s may not %s on %s, which has nothing to do with the stack", by, c.action, c.resource)
			}
		}
	}
}

func TestProductCanBeDeployedAndWork(t *testing.T) {
	stack, ways := deny(t, content(t, "Ours", nil)), deny(t, content(t, "NewWaysIn", nil))
	trust := deny(t, content(t, "Trusts", nil))
	for _, a := range []call{
		{exec, "iam:CreateRole", admin, nil},
		{exec, "iam:UpdateAssumeRolePolicy", admin, nil},
		{exec, "iam:CreatePolicyVersion", boundaryPolicy, nil},
		{exec, "iam:PutRolePermissionsBoundary", admin, stackBoundary},
		{exec, "cloudformation:CreateStack", rolesStack, nil},
		{exec, "iam:AttachRolePolicy", admin, stackBoundary},
		{deputy, "iam:UpdateAssumeRolePolicy", admin, nil},
		{deputy, "cloudformation:UpdateStack", rolesStack, nil},
		{deputy, "iam:CreateUser", user, nil},
		{revoker, "iam:PutRolePolicy", admin, stackBoundary},
		{revoker, "iam:DeleteRolePolicy", admin, stackBoundary},
		{vendRole, "sts:AssumeRole", admin, inOrg},
		{vendRole, "sts:TagSession", admin, inOrg},
		{vendRole, "sts:SetSourceIdentity", admin, inOrg},
		{cutRole, "sts:AssumeRole", revoker, inOrg},
		{cutRole, "sts:SetSourceIdentity", revoker, inOrg},
	} {
		if a.denied(t, stack) || a.denied(t, ways) || a.action == "sts:AssumeRole" && a.denied(t, trust) {
			t.Errorf("%s may not %s on %s", a.by, a.action, a.resource)
		}
	}
}

// The policies hold even if somebody has changed the trust of a role.
func TestOnlyVendCanAssumeTargetRoles(t *testing.T) {
	stack, trust := deny(t, content(t, "Ours", nil)), deny(t, content(t, "Trusts", nil))
	for _, by := range []string{
		standing, admin, deputy, exec, cutRole,
		"arn:aws:iam::222222222222:role/aws-access-vend", "arn:aws:iam::999999999999:role/x/aws-access-vend",
	} {
		a := call{by, "sts:AssumeRole", admin, inOrg}
		if !a.denied(t, stack) || !a.denied(t, trust) {
			t.Errorf("%s may assume Admin", by)
		}
	}
}

func TestOnlyCutCanAssumeTheRevoker(t *testing.T) {
	stack, trust := deny(t, content(t, "Ours", nil)), deny(t, content(t, "Trusts", nil))
	for _, by := range []string{
		standing, admin, deputy, exec, vendRole, revoker,
		"arn:aws:iam::222222222222:role/aws-access-cut", "arn:aws:iam::999999999999:role/x/aws-access-cut",
	} {
		a := call{by, "sts:AssumeRole", revoker, inOrg}
		if !a.denied(t, stack) || !a.denied(t, trust) {
			t.Errorf("%s may assume the revoker", by)
		}
	}
}

func TestTrustInAForeignAccountHasNoEffect(t *testing.T) {
	layer := deny(t, content(t, "Trusts", nil))
	const foreign = "arn:aws:iam::222222222222:role/attacker"
	from := func(account string, more ...string) map[string]string {
		keys := map[string]string{"aws:PrincipalAccount": account}
		for i := 0; i < len(more); i += 2 {
			keys[more[i]] = more[i+1]
		}
		return keys
	}
	for name, c := range map[string]struct {
		by   string
		keys map[string]string
		want bool
	}{
		"an account without an organisation": {foreign, from("222222222222"), true},
		"an account of another organisation": {
			foreign, from("222222222222", "aws:PrincipalOrgID", "o-another0rg"), true,
		},
		"a caller that is not a service": {foreign, from("222222222222", "aws:PrincipalIsAWSService", "false"), true},
		"an account of this organisation": {
			"arn:aws:iam::444444444444:role/ci", from("444444444444", "aws:PrincipalOrgID", org), false,
		},
		"a partner":                          {"arn:aws:iam::333333333333:role/monitor", from(partner), false},
		"a bastion outside the organisation": {vendRole, from(bastion), false},
		"a service of AWS": {
			"arn:aws:iam::111111111111:role/none", map[string]string{"aws:PrincipalIsAWSService": "true"}, false,
		},
	} {
		a := call{c.by, "sts:AssumeRole", "arn:aws:iam::111111111111:role/made", c.keys}
		if got := a.denied(t, layer); got != c.want {
			t.Errorf("%s: denied is %v, want %v", name, got, c.want)
		}
	}
}

// waysToStay are ways to keep access that the session policy of a grant leaves open.
var waysToStay = []call{
	{admin, "iam:CreateRole", newRole, nil},
	{admin, "iam:CreateRole", newRole, stackBoundary},
	{admin, "iam:UpdateAssumeRolePolicy", service, nil},
	{admin, "iam:PutRolePolicy", standing, nil},
	{admin, "iam:AttachRolePolicy", standing, nil},
	{admin, "iam:CreatePolicyVersion", teamPolicy, nil},
	{admin, "iam:SetDefaultPolicyVersion", teamPolicy, nil},
	{admin, "iam:DeleteRolePermissionsBoundary", standing, otherBoundary},
	{admin, "iam:PutRolePermissionsBoundary", standing, otherBoundary},
	{admin, "iam:PassRole", pipeline, nil},
	{admin, "iam:PassRole", deputy, nil},
	{admin, "iam:DeleteRolePolicy", standing, nil}, // the policy could be a deny
	{admin, "iam:DeleteUserPolicy", user, nil},
	{admin, "iam:DeleteGroupPolicy", group, nil},
	{admin, "iam:DetachRolePolicy", standing, nil},
	{admin, "iam:DetachUserPolicy", user, nil},
	{admin, "iam:DetachGroupPolicy", group, nil},
	{admin, "iam:RemoveUserFromGroup", group, nil},
	{admin, "iam:TagRole", standing, nil}, // policies can give permissions by tags
	{admin, "iam:TagUser", user, nil},
	{admin, "iam:UntagRole", standing, nil},
	{admin, "iam:UntagUser", user, nil},
	{admin, "iam:DeactivateMFADevice", user, nil},
}

// waysThroughServices are ways to stay that an administrator has through a service or
// function with a role of its own, or that a role of the catalogue may have.
var waysThroughServices = []call{
	{service, "iam:CreateUser", user, nil}, // through a stack that has a role of its own
	{service, "iam:CreateAccessKey", user, nil},
	{service, "rolesanywhere:CreateTrustAnchor", "*", nil},
	{service, "iam:UpdateAssumeRolePolicy", pipeline, nil},
	{service, "eks:CreateAccessEntry", "arn:aws:eks:eu-west-1:111111111111:cluster/c", nil},
	{service, "eks:AssociateAccessPolicy", "arn:aws:eks:eu-west-1:111111111111:access-entry/c/role/111111111111/x/y",
		nil},
	{service, "sso:CreateInstance", "*", nil},
	{service, "iot:UpdateRoleAlias", "*", nil},
	{service, "transfer:CreateUser", "*", nil},
	{service, "rolesanywhere:DeleteCrl", "*", nil},
	{admin, "cloudformation:UpdateStackSet", "*", nil},
	{admin, "cloudformation:CreateStackInstances", "*", nil},
	{admin, "cloudformation:ExecuteStackRefactor", "*", nil},
	{admin, "cloudformation:ContinueUpdateRollback", otherStack, nil},
	{admin, "servicecatalog:ProvisionProduct", "*", nil},
	{admin, "s3:PutObject", cdkAsset, nil},
	{admin, "s3:PutBucketPolicy", "arn:aws:s3:::cdk-hnb659fds-assets-111111111111-eu-west-1", nil},
	{admin, "ecr:PutImage",
		"arn:aws:ecr:eu-west-1:111111111111:repository/cdk-hnb659fds-container-assets-111111111111-eu-west-1", nil},
	{standing, "iam:DeleteRole", pipeline, nil},
	{admin, "sts:AssumeRole", pipeline, nil}, // a role of the catalogue can be allowed this
	{admin, "cloudformation:UpdateStack", otherStack, nil},
	{admin, "cloudformation:CreateChangeSet", otherStack, nil},
	{admin, "cloudformation:ExecuteChangeSet", otherStack, nil},
	{admin, "codebuild:UpdateProject", buildProject, nil},
	{admin, "codebuild:StartBuild", buildProject, nil},
	{admin, "codebuild:StartBuildBatch", buildProject, nil},
	{admin, "codebuild:StartSandbox", buildProject, nil},
	{admin, "codebuild:StartCommandExecution", buildProject, nil},
	{admin, "codebuild:StartSandboxConnection", buildProject, nil},
	{service, "sts:AssumeRole", pipeline, nil}, // a function with a powerful role that was passed to it
	{standing, "sts:AssumeRole", pipeline, nil},
	{service, "sts:AssumeRole", deputy, nil},
	{admin, "codepipeline:UpdatePipeline", "arn:aws:codepipeline:eu-west-1:111111111111:deploy", nil},
}

func TestWaysThatTheSessionPolicyLeavesOpenAreDenied(t *testing.T) {
	layer, session := deny(t, content(t, "NewWaysIn", nil)), parse(t, sessionText(t))
	for _, a := range waysToStay {
		if a.denied(t, session) {
			t.Errorf("%s: the session policy denies it, so it does not belong in waysToStay", a.action)
		}
		for _, by := range []string{admin, service, standing} {
			a.by = by
			if !a.denied(t, layer) {
				t.Errorf("%s may %s on %s", by, a.action, a.resource)
			}
		}
	}
	for _, a := range waysThroughServices {
		if !a.denied(t, layer) {
			t.Errorf("%s may %s on %s", a.by, a.action, a.resource)
		}
	}
}

var everydayWork = []call{
	{admin, "iam:PassRole", service, nil},
	{admin, "iam:DeleteAccessKey", user, nil},
	{admin, "iam:DeleteRole", service, nil},
	{admin, "iam:TagPolicy", teamPolicy, nil},
	{admin, "codebuild:StopBuild", buildProject, nil},
	{admin, "cloudformation:DeleteStack", otherStack, nil},
	{standing, "cloudformation:UpdateStack", otherStack, nil},
	{admin, "iam:CreateServiceLinkedRole", "arn:aws:iam::111111111111:role/aws-service-role/x/y", nil},
	{admin, "s3:DeleteBucket", "arn:aws:s3:::b", nil},
	{standing, "lambda:UpdateFunctionCode", "*", nil},
	{standing, "sts:AssumeRole", service, nil},
	{admin, "s3:PutObject", "arn:aws:s3:::app-assets/x.zip", nil},
	{admin, "s3:GetObject", cdkAsset, nil},
	{pipeline, "s3:PutObject", cdkAsset, nil},
	{admin, "cloudformation:CreateStack", otherStack, nil},
	{service, "gamelift:GetComputeAuthToken", "*", nil},
	{deputy, "sts:AssumeRole", pipeline, nil},
	{pipeline, "sts:AssumeRole", pipeline, nil},
	{pipeline, "iam:DetachRolePolicy", service, nil},
	{pipeline, "iam:TagRole", service, nil},
	{pipeline, "iam:CreateRole", newRole, nil},
	{pipeline, "iam:PutRolePolicy", service, nil},
	{pipeline, "iam:PassRole", pipeline, nil},
	{pipeline, "iam:CreateUser", user, nil},
	{admin, "codepipeline:StartPipelineExecution", "arn:aws:codepipeline:eu-west-1:111111111111:deploy", nil},
	{pipeline, "cloudformation:UpdateStack", otherStack, nil},
}

func TestEverydayWorkIsAllowed(t *testing.T) {
	layer := deny(t, content(t, "NewWaysIn", nil))
	for _, a := range everydayWork {
		if a.denied(t, layer) {
			t.Errorf("%s may not %s on %s", a.by, a.action, a.resource)
		}
	}
}

// Roles and users that an administrator made keep the boundary of the stack.
func TestBoundariesOfTheStackCannotBeRemoved(t *testing.T) {
	layer := deny(t, content(t, "Ours", nil))
	const made = "arn:aws:iam::111111111111:role/made"
	for _, by := range []string{admin, standing, service, pipeline} {
		if !(call{by, "iam:DeleteRolePermissionsBoundary", made, stackBoundary}).denied(t, layer) {
			t.Errorf("%s may remove the stack's boundary", by)
		}
		if (call{by, "iam:DeleteRolePermissionsBoundary", made, otherBoundary}).denied(t, layer) {
			t.Errorf("%s may not remove another boundary", by)
		}
	}
	if (call{deputy, "iam:DeleteRolePermissionsBoundary", made, stackBoundary}).denied(t, layer) {
		t.Error("an administrator of the organisation may not remove it")
	}
}
