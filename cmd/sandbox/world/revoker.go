package world

import (
	"fmt"

	"github.com/aws-access/aws-access/pkg/fake/awsfake"
)

// The role in each member account through which the cut function ends sessions, as
// infra/member/roles.yaml makes it.
const (
	revokerName = "aws-access-revoker"
	revokerPath = "/aws-access-revoker/"
)

// cutPermissions is what the cut function's role may do, as template.yaml says.
const cutPermissions = `{"Version":"2012-10-17","Statement":[
	{"Effect":"Allow","Action":["sts:AssumeRole","sts:SetSourceIdentity"],
		"Resource":"arn:aws:iam::*:role` + revokerPath + revokerName + `"},
	{"Effect":"Deny","Action":"sts:AssumeRole","Resource":"arn:aws:iam::` + Bastion + `:role/*"}]}`

// revokerRole is the revoker. It trusts the cut function alone, and may change the
// inline policies of target roles.
func revokerRole(externalID string) awsfake.Role {
	const trusts = `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + Bastion + `:root"},"Action":"sts:%s",` +
		`"Condition":{"ArnEquals":{"aws:PrincipalArn":"` + cutRole + `"},` +
		`"StringEquals":{"sts:SourceIdentity":"aws-access-cut"%s}%s}}`
	return awsfake.Role{
		Name: revokerName, Path: revokerPath,
		Trust: fmt.Sprintf(`{"Version":"2012-10-17","Statement":[%s,%s]}`,
			fmt.Sprintf(trusts, "AssumeRole", `,"aws:PrincipalOrgID":"`+orgID+`","sts:ExternalId":"`+externalID+`"`,
				`,"StringLike":{"sts:RoleSessionName":"aws-access-?*"}`),
			fmt.Sprintf(trusts, "SetSourceIdentity", "", "")),
		Permissions: []string{`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":[` +
			`"iam:GetRolePolicy","iam:ListRolePolicies","iam:PutRolePolicy","iam:DeleteRolePolicy"],` +
			`"Resource":"arn:aws:iam::*:role/aws-access/*"}]}`},
	}
}
