package awsfake

import (
	"encoding/json"
	"strings"
)

// DefaultTrust is the trust policy of a target role (docs/design.md#4.3.6). It has
// three statements; the one for sts:AssumeRole has all the conditions. vendRole is
// the ARN of the vend function's role. org is the organisation's id, "" for none.
func DefaultTrust(vendRole, externalID, org string) string {
	root := rootOf(vendRole)
	caller := map[string]any{"aws:PrincipalArn": vendRole}
	equals := map[string]any{"sts:ExternalId": externalID}
	if org != "" {
		equals["aws:PrincipalOrgID"] = org
	}
	const notEmpty = "?*"
	return document(
		trusts(root, "sts:AssumeRole", map[string]any{
			"ArnEquals": caller, "StringEquals": equals,
			"StringLike": map[string]any{
				"sts:SourceIdentity": notEmpty, "aws:RequestTag/GrantId": notEmpty, "sts:RoleSessionName": "aws-access-*",
			},
		}),
		trusts(root, "sts:TagSession", map[string]any{
			"ArnEquals": caller, "StringLike": map[string]any{"aws:RequestTag/GrantId": notEmpty},
		}),
		trusts(root, "sts:SetSourceIdentity", map[string]any{
			"ArnEquals": caller, "StringLike": map[string]any{"sts:SourceIdentity": notEmpty},
		}),
	)
}

// DefaultRevoker is the role through which the cut function writes denies, as
// infra/member/roles.yaml has it, but without the boundary that it demands of target
// roles. cutRole is the ARN of the function's role; org is "" for none.
func DefaultRevoker(cutRole, externalID, org string) Role {
	root := rootOf(cutRole)
	caller := map[string]any{"aws:PrincipalArn": cutRole}
	equals := map[string]any{"sts:ExternalId": externalID, "sts:SourceIdentity": "aws-access-cut"}
	if org != "" {
		equals["aws:PrincipalOrgID"] = org
	}
	return Role{
		Name: "aws-access-revoker", Path: "/aws-access-revoker/",
		Trust: document(
			trusts(root, "sts:AssumeRole", map[string]any{
				"ArnEquals": caller, "StringEquals": equals,
				"StringLike": map[string]any{"sts:RoleSessionName": "aws-access-?*"},
			}),
			trusts(root, "sts:SetSourceIdentity", map[string]any{
				"ArnEquals": caller, "StringEquals": map[string]any{"sts:SourceIdentity": "aws-access-cut"},
			}),
		),
		Permissions: []string{document(allows("arn:aws:iam::*:role/aws-access/*",
			"iam:GetRolePolicy", "iam:ListRolePolicies", "iam:PutRolePolicy", "iam:DeleteRolePolicy"))},
	}
}

// rootOf is the ARN of the account of a role.
func rootOf(role string) string {
	account, _, _ := strings.Cut(role, ":role/")
	return account + ":root"
}

func trusts(root, action string, conditions map[string]any) map[string]any {
	return map[string]any{
		"Effect": "Allow", "Principal": map[string]any{"AWS": root}, "Action": action, "Condition": conditions,
	}
}

func allows(resource string, actions ...string) map[string]any {
	return map[string]any{"Effect": "Allow", "Action": actions, "Resource": resource}
}

func document(statements ...map[string]any) string {
	b, err := json.Marshal(map[string]any{"Version": "2012-10-17", "Statement": statements})
	if err != nil {
		return "" // maps of strings always marshal; an empty policy is refused
	}
	return string(b)
}

// lambdaTrust is the trust policy of a function's role.
const lambdaTrust = `{
	"Version": "2012-10-17",
	"Statement": [{
		"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"
	}]
}`

// vendPermissions is the policy of the vend function's role (docs/design.md#3,
// docs/facts.md#g).
func vendPermissions(partition string) string {
	return document(allows("arn:"+partition+":iam::*:role/aws-access/*",
		"sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"))
}

// DefaultPermissions returns the policies of a role in the sandbox by the role's
// name. Admin may do everything, Operator may read and operate things, Deploy and
// any other role may read. As in infra/member, all of them but ReadOnly may narrow
// their credentials.
func DefaultPermissions(name string) []string {
	read := allows("*",
		"s3:Get*", "s3:List*", "iam:Get*", "iam:List*", "ec2:Describe*", "ec2:Get*", "ecs:Describe*", "ecs:List*",
		"lambda:Get*", "lambda:List*", "dynamodb:Describe*", "dynamodb:List*", "rds:Describe*",
		"logs:Describe*", "logs:Get*", "logs:FilterLogEvents",
		"cloudwatch:Describe*", "cloudwatch:Get*", "cloudwatch:List*", "cloudtrail:LookupEvents", "tag:Get*")
	switch name {
	case "Admin":
		return []string{document(allows("*", "*"))}
	case "Operator":
		return []string{document(read, allows("*",
			"s3:PutObject", "s3:DeleteObject",
			"ec2:StartInstances", "ec2:StopInstances", "ec2:RebootInstances", "ecs:UpdateService", "ecs:StopTask",
			"lambda:InvokeFunction", "lambda:UpdateFunctionCode", "autoscaling:*", "ssm:StartSession",
			"sts:GetScopedCredentials"))}
	case "Deploy":
		return []string{document(read, allows("*", "sts:GetScopedCredentials"))}
	}
	return []string{document(read)}
}
