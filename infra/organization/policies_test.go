package organization

import (
	"testing"
)

var (
	inOrg      = map[string]string{"aws:PrincipalOrgID": org, "aws:PrincipalAccount": bastion}
	ourBound   = map[string]string{"iam:PermissionsBoundary": "arn:aws:iam::111111111111:policy/aws-access/aws-access-boundary-Admin"}
	otherBound = map[string]string{"iam:PermissionsBoundary": "arn:aws:iam::111111111111:policy/team"}
)

const (
	ourStack   = "arn:aws:cloudformation:eu-west-1:111111111111:stack/StackSet-aws-access-roles-1/1"
	ourPolicy  = "arn:aws:iam::111111111111:policy/aws-access/aws-access-boundary-Admin"
	otherStack = "arn:aws:cloudformation:eu-west-1:111111111111:stack/app/1"
)

// What the product put into an account stays, whoever acts: a session of ours,
// somebody with standing access, a service with a role of its own.
func TestWhatIsOursStays(t *testing.T) {
	layer := deny(t, content(t, "Ours", nil))
	for _, by := range []string{admin, standing, service, pipeline, "arn:aws:iam::111111111111:root", "arn:aws:iam::111111111111:role/x/stacksets-exec-mine", "arn:aws:iam::111111111111:role/OrganizationAccountAccessRole2"} {
		for _, c := range []struct{ action, resource string }{
			{"iam:UpdateAssumeRolePolicy", admin}, {"iam:DeleteRolePermissionsBoundary", admin}, {"iam:PutRolePermissionsBoundary", admin},
			{"iam:PutRolePolicy", admin}, {"iam:DeleteRolePolicy", admin}, {"iam:DetachRolePolicy", admin}, {"iam:DeleteRole", admin}, {"iam:CreateRole", admin}, {"iam:PassRole", admin},
			{"iam:CreatePolicyVersion", ourPolicy}, {"iam:SetDefaultPolicyVersion", ourPolicy}, {"iam:DeletePolicy", ourPolicy},
			{"iam:CreateRole", revoker}, {"iam:UpdateAssumeRolePolicy", revoker}, {"iam:PutRolePolicy", revoker},
			{"iam:CreateRole", exec}, {"iam:UpdateAssumeRolePolicy", exec}, {"iam:PassRole", exec}, // else somebody makes one that is exempt
			{"iam:CreateRole", deputy}, {"iam:UpdateAssumeRolePolicy", deputy}, {"iam:PassRole", deputy},
			{"cloudformation:UpdateStack", ourStack}, {"cloudformation:DeleteStack", ourStack},
			{"iam:InventedTomorrow", admin},
		} {
			if !(ask{by, c.action, c.resource, nil}).denied(t, layer) {
				t.Errorf("%s may %s on %s", by, c.action, c.resource)
			}
		}
		for _, c := range []struct{ action, resource string }{
			{"iam:GetRole", admin}, {"iam:ListRolePolicies", admin}, {"iam:SimulatePrincipalPolicy", admin}, {"cloudformation:DescribeStacks", ourStack},
			{"iam:CreateRole", service}, {"iam:PutRolePolicy", service}, {"cloudformation:UpdateStack", otherStack}, {"s3:PutObject", "arn:aws:s3:::b/k"}, {"ec2:RunInstances", "*"},
		} {
			if (ask{by, c.action, c.resource, nil}).denied(t, layer) {
				t.Errorf("%s may no longer %s on %s, which is nobody's business here", by, c.action, c.resource)
			}
		}
	}
}

func TestTheProductCanBeRolledOutAndWorks(t *testing.T) {
	ours, ways, trust := deny(t, content(t, "Ours", nil)), deny(t, content(t, "NewWaysIn", nil)), deny(t, content(t, "Trusts", nil))
	for _, a := range []ask{
		{exec, "iam:CreateRole", admin, nil}, {exec, "iam:UpdateAssumeRolePolicy", admin, nil}, {exec, "iam:CreatePolicyVersion", ourPolicy, nil},
		{exec, "iam:PutRolePermissionsBoundary", admin, ourBound}, {exec, "cloudformation:CreateStack", ourStack, nil}, {exec, "iam:AttachRolePolicy", admin, ourBound},
		{deputy, "iam:UpdateAssumeRolePolicy", admin, nil}, {deputy, "cloudformation:UpdateStack", ourStack, nil}, {deputy, "iam:CreateUser", "arn:aws:iam::111111111111:user/x", nil},
		{revoker, "iam:PutRolePolicy", admin, ourBound}, {revoker, "iam:DeleteRolePolicy", admin, ourBound},
		{vendRole, "sts:AssumeRole", admin, inOrg}, {vendRole, "sts:TagSession", admin, inOrg}, {vendRole, "sts:SetSourceIdentity", admin, inOrg},
		{"arn:aws:iam::999999999999:role/aws-access-cut", "sts:AssumeRole", revoker, inOrg},
	} {
		if a.denied(t, ours) || a.denied(t, ways) || a.action == "sts:AssumeRole" && a.denied(t, trust) {
			t.Errorf("%s may not %s on %s", a.by, a.action, a.resource)
		}
	}
}

// Even with a trust that somebody has tampered with, there is one door.
func TestRolesOfOursHaveOneDoor(t *testing.T) {
	ours, trust := deny(t, content(t, "Ours", nil)), deny(t, content(t, "Trusts", nil))
	for _, by := range []string{standing, admin, deputy, exec, "arn:aws:iam::999999999999:role/aws-access-cut", "arn:aws:iam::222222222222:role/aws-access-vend", "arn:aws:iam::999999999999:role/x/aws-access-vend"} {
		a := ask{by, "sts:AssumeRole", admin, inOrg}
		if !a.denied(t, ours) || !a.denied(t, trust) {
			t.Errorf("%s enters", by)
		}
	}
	if !(ask{vendRole, "sts:AssumeRole", revoker, inOrg}).denied(t, ours) {
		t.Error("vend enters the revoker")
	}
}

func TestAForeignTrustIsOfNoUse(t *testing.T) {
	layer := deny(t, content(t, "Trusts", nil))
	const foreign = "arn:aws:iam::222222222222:role/attacker"
	for name, c := range map[string]struct {
		by   string
		keys map[string]string
		want bool
	}{
		"an account of no organisation":      {foreign, map[string]string{"aws:PrincipalAccount": "222222222222"}, true},
		"an account of another organisation": {foreign, map[string]string{"aws:PrincipalAccount": "222222222222", "aws:PrincipalOrgID": "o-another0rg"}, true},
		"one that says that it is a person":  {foreign, map[string]string{"aws:PrincipalAccount": "222222222222", "aws:PrincipalIsAWSService": "false"}, true},
		"an account of this organisation":    {"arn:aws:iam::444444444444:role/ci", map[string]string{"aws:PrincipalAccount": "444444444444", "aws:PrincipalOrgID": org}, false},
		"a partner":                          {"arn:aws:iam::333333333333:role/monitor", map[string]string{"aws:PrincipalAccount": partner}, false},
		"the bastion outside of it":          {vendRole, map[string]string{"aws:PrincipalAccount": bastion}, false},
		"a service of AWS":                   {"arn:aws:iam::111111111111:role/none", map[string]string{"aws:PrincipalIsAWSService": "true"}, false},
	} {
		a := ask{c.by, "sts:AssumeRole", "arn:aws:iam::111111111111:role/made", c.keys}
		if got := a.denied(t, layer); got != c.want {
			t.Errorf("%s: denied is %v, want %v", name, got, c.want)
		}
	}
}

// open are ways to stay that the session policy of a grant leaves open, and
// what an administrator reaches through a service with a role of its own.
var open = []ask{
	{admin, "iam:CreateRole", "arn:aws:iam::111111111111:role/foreign", nil},
	{admin, "iam:CreateRole", "arn:aws:iam::111111111111:role/foreign", ourBound},
	{admin, "iam:UpdateAssumeRolePolicy", service, nil},
	{admin, "iam:PutRolePolicy", standing, nil},
	{admin, "iam:AttachRolePolicy", standing, nil},
	{admin, "iam:CreatePolicyVersion", "arn:aws:iam::111111111111:policy/team", nil},
	{admin, "iam:SetDefaultPolicyVersion", "arn:aws:iam::111111111111:policy/team", nil},
	{admin, "iam:DeleteRolePermissionsBoundary", standing, otherBound},
	{admin, "iam:PutRolePermissionsBoundary", standing, otherBound},
	{admin, "iam:PassRole", pipeline, nil},
	{admin, "iam:PassRole", deputy, nil},
	{admin, "iam:DeleteRolePolicy", standing, nil}, // a deny is a policy too
	{admin, "iam:DeleteUserPolicy", "arn:aws:iam::111111111111:user/x", nil},
	{admin, "iam:DeleteGroupPolicy", "arn:aws:iam::111111111111:group/x", nil},
	{admin, "iam:DetachRolePolicy", standing, nil},
	{admin, "iam:DetachUserPolicy", "arn:aws:iam::111111111111:user/x", nil},
	{admin, "iam:DetachGroupPolicy", "arn:aws:iam::111111111111:group/x", nil},
	{admin, "iam:RemoveUserFromGroup", "arn:aws:iam::111111111111:group/x", nil},
	{admin, "iam:TagRole", standing, nil}, // rights by tags
	{admin, "iam:TagUser", "arn:aws:iam::111111111111:user/x", nil},
	{admin, "iam:UntagRole", standing, nil},
	{admin, "iam:UntagUser", "arn:aws:iam::111111111111:user/x", nil},
	{admin, "iam:DeactivateMFADevice", "arn:aws:iam::111111111111:user/x", nil},
}

func TestWhatTheSessionPolicyLeavesOpenIsClosed(t *testing.T) {
	layer, session := deny(t, content(t, "NewWaysIn", nil)), parse(t, sessionText(t))
	for _, a := range open {
		if a.denied(t, session) {
			t.Errorf("%s: the session policy closes it already: no need to say that it stays open", a.action)
		}
		for _, by := range []string{admin, service, standing} {
			a.by = by
			if !a.denied(t, layer) {
				t.Errorf("%s may %s on %s", by, a.action, a.resource)
			}
		}
	}
	for _, a := range []ask{
		{service, "iam:CreateUser", "arn:aws:iam::111111111111:user/x", nil}, // through a stack with a role of its own
		{service, "iam:CreateAccessKey", "arn:aws:iam::111111111111:user/x", nil},
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
		{admin, "s3:PutObject", "arn:aws:s3:::cdk-hnb659fds-assets-111111111111-eu-west-1/x.zip", nil},
		{admin, "s3:PutBucketPolicy", "arn:aws:s3:::cdk-hnb659fds-assets-111111111111-eu-west-1", nil},
		{admin, "ecr:PutImage",
			"arn:aws:ecr:eu-west-1:111111111111:repository/cdk-hnb659fds-container-assets-111111111111-eu-west-1", nil},
		{standing, "iam:DeleteRole", pipeline, nil},
		{admin, "sts:AssumeRole", pipeline, nil}, // a role of the catalogue may have this lifted
		{admin, "cloudformation:UpdateStack", otherStack, nil},
		{admin, "cloudformation:CreateChangeSet", otherStack, nil},
		{admin, "cloudformation:ExecuteChangeSet", otherStack, nil},
		{admin, "codebuild:UpdateProject", "arn:aws:codebuild:eu-west-1:111111111111:project/deploy", nil},
		{admin, "codebuild:StartBuild", "arn:aws:codebuild:eu-west-1:111111111111:project/deploy", nil},
		{admin, "codebuild:StartBuildBatch", "arn:aws:codebuild:eu-west-1:111111111111:project/deploy", nil},
		{admin, "codebuild:StartSandbox", "arn:aws:codebuild:eu-west-1:111111111111:project/deploy", nil},
		{admin, "codebuild:StartCommandExecution", "arn:aws:codebuild:eu-west-1:111111111111:project/deploy", nil},
		{admin, "codebuild:StartSandboxConnection", "arn:aws:codebuild:eu-west-1:111111111111:project/deploy", nil},
		{service, "sts:AssumeRole", pipeline, nil}, // a function with a wide role that was passed to it
		{standing, "sts:AssumeRole", pipeline, nil},
		{service, "sts:AssumeRole", deputy, nil},
		{admin, "codepipeline:UpdatePipeline", "arn:aws:codepipeline:eu-west-1:111111111111:deploy", nil},
	} {
		if !a.denied(t, layer) {
			t.Errorf("%s may %s on %s", a.by, a.action, a.resource)
		}
	}
}

func TestEverydayWorkGoesOn(t *testing.T) {
	layer := deny(t, content(t, "NewWaysIn", nil))
	for _, a := range []ask{
		{admin, "iam:PassRole", service, nil}, {admin, "iam:DeleteAccessKey", "arn:aws:iam::111111111111:user/x", nil},
		{admin, "iam:DeleteRole", service, nil}, {admin, "iam:TagPolicy", "arn:aws:iam::111111111111:policy/team", nil}, {admin, "codebuild:StopBuild", "arn:aws:codebuild:eu-west-1:111111111111:project/deploy", nil}, {admin, "cloudformation:DeleteStack", otherStack, nil}, {standing, "cloudformation:UpdateStack", otherStack, nil}, {admin, "iam:CreateServiceLinkedRole", "arn:aws:iam::111111111111:role/aws-service-role/x/y", nil},
		{admin, "s3:DeleteBucket", "arn:aws:s3:::b", nil}, {standing, "lambda:UpdateFunctionCode", "*", nil}, {standing, "sts:AssumeRole", service, nil},
		{admin, "s3:PutObject", "arn:aws:s3:::app-assets/x.zip", nil},
		{admin, "s3:GetObject", "arn:aws:s3:::cdk-hnb659fds-assets-111111111111-eu-west-1/x.zip", nil},
		{pipeline, "s3:PutObject", "arn:aws:s3:::cdk-hnb659fds-assets-111111111111-eu-west-1/x.zip", nil},
		{admin, "cloudformation:CreateStack", otherStack, nil},
		{service, "gamelift:GetComputeAuthToken", "*", nil}, {deputy, "sts:AssumeRole", pipeline, nil},
		{pipeline, "sts:AssumeRole", pipeline, nil}, {pipeline, "iam:DetachRolePolicy", service, nil},
		{pipeline, "iam:TagRole", service, nil},
		{pipeline, "iam:CreateRole", "arn:aws:iam::111111111111:role/new", nil}, {pipeline, "iam:PutRolePolicy", service, nil}, {pipeline, "iam:PassRole", pipeline, nil},
		{pipeline, "iam:CreateUser", "arn:aws:iam::111111111111:user/x", nil},
		{admin, "codepipeline:StartPipelineExecution", "arn:aws:codepipeline:eu-west-1:111111111111:deploy", nil}, {pipeline, "cloudformation:UpdateStack", otherStack, nil},
	} {
		if a.denied(t, layer) {
			t.Errorf("%s may not %s on %s", a.by, a.action, a.resource)
		}
	}
}

// Boundaries of ours stay on what an administrator made, in every account.
func TestBoundariesOfOursStay(t *testing.T) {
	layer := deny(t, content(t, "Ours", nil))
	const made = "arn:aws:iam::111111111111:role/made"
	for _, by := range []string{admin, standing, service, pipeline} {
		if !(ask{by, "iam:DeleteRolePermissionsBoundary", made, ourBound}).denied(t, layer) {
			t.Errorf("%s takes our boundary off", by)
		}
		if (ask{by, "iam:DeleteRolePermissionsBoundary", made, otherBound}).denied(t, layer) {
			t.Errorf("%s may not take a boundary off that is not ours", by)
		}
	}
	if (ask{deputy, "iam:DeleteRolePermissionsBoundary", made, ourBound}).denied(t, layer) {
		t.Error("an administrator of the organisation may not repair")
	}
}
