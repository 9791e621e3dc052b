package world

import (
	"strings"

	"github.com/aws-access/aws-access/pkg/fake/awsfake"
)

// RevokerName is the name of the role in each member account through which the cut
// function ends sessions, as infra/member/roles.yaml makes it.
const RevokerName = "aws-access-revoker"

const revokerPath = "/aws-access-revoker/"

// cutPermissions is what the cut function's role may do at STS, as template.yaml says.
const cutPermissions = `{"Version":"2012-10-17","Statement":[
	{"Effect":"Allow","Action":["sts:AssumeRole","sts:SetSourceIdentity"],
		"Resource":"arn:aws:iam::*:role` + revokerPath + RevokerName + `"},
	{"Effect":"Deny","Action":"sts:AssumeRole","Resource":"arn:aws:iam::` + Bastion + `:role/*"}]}`

// revokerPermissions is what the revoker may do: change the inline policies of target
// roles that have a boundary.
const revokerPermissions = `{"Version":"2012-10-17","Statement":[
	{"Sid":"WriteDenies","Effect":"Allow","Action":["iam:DeleteRolePolicy","iam:PutRolePolicy"],
		"Resource":"arn:aws:iam::ACCOUNT:role/aws-access/*","Condition":{"ArnLike":{"iam:PermissionsBoundary":[
			"arn:aws:iam::ACCOUNT:policy/aws-access/aws-access-boundary-*","arn:aws:iam::aws:policy/ReadOnlyAccess"]}}},
	{"Sid":"ReadDenies","Effect":"Allow","Action":["iam:GetRolePolicy","iam:ListRolePolicies"],
		"Resource":"arn:aws:iam::ACCOUNT:role/aws-access/*"}]}`

// revokerRole is the revoker of an account.
func revokerRole(account, externalID string) awsfake.Role {
	role := awsfake.DefaultRevoker(cutRole, externalID, orgID)
	role.Permissions = []string{strings.ReplaceAll(revokerPermissions, "ACCOUNT", account)}
	return role
}

// boundaryOf is the ARN of the boundary that roles.yaml gives to a target role.
func boundaryOf(account, name string) string {
	if name == "ReadOnly" {
		return "arn:aws:iam::aws:policy/ReadOnlyAccess"
	}
	return "arn:aws:iam::" + account + ":policy/aws-access/aws-access-boundary-" + name
}
