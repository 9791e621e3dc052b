package awsfake

import (
	"encoding/json"
	"strings"
)

// DefaultTrust is the trust policy of a target role (docs/design.md#4.3.6): three
// statements, of which sts:AssumeRole carries every condition. vendRole is the
// ARN of the vend function's role; org may be empty.
func DefaultTrust(vendRole, externalID, org string) string {
	root := strings.SplitAfter(vendRole, ":role/")[0]
	root = strings.TrimSuffix(root, ":role/") + ":root"
	caller := map[string]any{"aws:PrincipalArn": vendRole}
	equals := map[string]any{"sts:ExternalId": externalID}
	if org != "" {
		equals["aws:PrincipalOrgID"] = org
	}
	const some = "?*"
	return document(
		trusts(root, "sts:AssumeRole", map[string]any{
			"ArnEquals": caller, "StringEquals": equals,
			"StringLike": map[string]any{"sts:SourceIdentity": some, "aws:RequestTag/GrantId": some, "sts:RoleSessionName": "aws-access-*"},
		}),
		trusts(root, "sts:TagSession", map[string]any{"ArnEquals": caller, "StringLike": map[string]any{"aws:RequestTag/GrantId": some}}),
		trusts(root, "sts:SetSourceIdentity", map[string]any{"ArnEquals": caller, "StringLike": map[string]any{"sts:SourceIdentity": some}}),
	)
}

func trusts(root, action string, conditions map[string]any) map[string]any {
	return map[string]any{"Effect": "Allow", "Principal": map[string]any{"AWS": root}, "Action": action, "Condition": conditions}
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

const lambdaTrust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"lambda.amazonaws.com"},"Action":"sts:AssumeRole"}]}`

// vendPermissions are the vend function's own (docs/design.md#3, docs/facts.md#g).
func vendPermissions(partition string) string {
	return document(allows("arn:"+partition+":iam::*:role/aws-access/*", "sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"))
}

// DefaultPermissions are what a role of the sandbox may do by its name: Admin
// everything, Operator look and run things, everybody else look.
func DefaultPermissions(name string) []string {
	look := allows("*",
		"s3:Get*", "s3:List*", "iam:Get*", "iam:List*", "ec2:Describe*", "ec2:Get*", "ecs:Describe*", "ecs:List*",
		"lambda:Get*", "lambda:List*", "dynamodb:Describe*", "dynamodb:List*", "rds:Describe*", "logs:Describe*", "logs:Get*", "logs:FilterLogEvents",
		"cloudwatch:Describe*", "cloudwatch:Get*", "cloudwatch:List*", "cloudtrail:LookupEvents", "tag:Get*")
	switch name {
	case "Admin":
		return []string{document(allows("*", "*"))}
	case "Operator":
		return []string{document(look, allows("*",
			"s3:PutObject", "s3:DeleteObject", "ec2:StartInstances", "ec2:StopInstances", "ec2:RebootInstances", "ecs:UpdateService", "ecs:StopTask",
			"lambda:InvokeFunction", "lambda:UpdateFunctionCode", "autoscaling:*", "ssm:StartSession"))}
	}
	return []string{document(look)}
}
