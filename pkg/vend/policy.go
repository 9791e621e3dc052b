package vend

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// maxPolicy is how many characters a session policy may have (docs/facts.md#a1). A test shows that the policies of all
// partitions and paths are shorter.
const maxPolicy = 2048

// productPath is the prefix of the paths of everything that the product puts into member accounts: target roles, the
// revoker, and their policies (docs/design.md#4.4.4).
const productPath = "/aws-access"

// SessionPolicy is the policy of one session (docs/design.md#4.3.2). It allows everything, which leaves the session the
// permissions of the role, and denies
//
//   - everything from Vending.DeniedFrom on, to the second. STS starts no session of less than 900 s, so this is
//     what ends a shorter one;
//   - actions that would outlive the grant, in three lists. The target's catalogue entry may lift two of them
//     (AssumeRoles, MakeIdentities);
//   - every write to the product's own roles and policies, and to the role of the session, whatever its path. Otherwise
//     an administrator could delete the deny that cuts the session, fill the role's 10,240 characters so that no deny
//     fits, or trust another account;
//   - CloudShell, which hands out keys, if the grant gives only the console.
//
// sts:GetCallerIdentity works until STS itself ends the session, whatever a policy says (docs/facts.md#a7). An error
// says which part of v is not valid in a policy.
func SessionPolicy(v access.Vending) (string, error) {
	role, err := roleARN(v.Target)
	if err != nil {
		return "", err
	}
	if v.Ends.IsZero() {
		return "", errors.New("the grant has no end")
	}
	text, err := json.Marshal(policy{Version: "2012-10-17", Statement: statements(v, role)})
	if err != nil {
		return "", fmt.Errorf("write session policy: %w", err)
	}
	if len(text) > maxPolicy {
		return "", fmt.Errorf("the session policy has %d characters, and STS allows %d", len(text), maxPolicy)
	}
	return string(text), nil
}

type policy struct {
	Version   string
	Statement []statement
}

type statement struct {
	Effect    string
	Action    []string `json:",omitempty"`
	NotAction []string `json:",omitempty"`
	Resource  []string
	Condition map[string]map[string]string `json:",omitempty"`
}

var everything = []string{"*"}

func statements(v access.Vending, role string) []statement {
	denied := append([]string{}, tokens...)
	if !v.Target.AssumeRoles {
		denied = append(denied, chaining...)
	}
	if !v.Target.MakeIdentities {
		denied = append(denied, identities...)
	}
	if v.ConsoleOnly {
		denied = append(denied, "cloudshell:*")
	}
	return []statement{
		{Effect: "Allow", Action: everything, Resource: everything},
		{Effect: "Deny", Action: everything, Resource: everything, Condition: map[string]map[string]string{
			"DateGreaterThanEquals": {"aws:CurrentTime": formatEnd(v.DeniedFrom())},
		}},
		{Effect: "Deny", Action: logins, Resource: loginClients(role)},
		{Effect: "Deny", Action: denied, Resource: everything},
		{Effect: "Deny", NotAction: reading, Resource: protected(v.Target, role)},
	}
}

// formatEnd writes the first second after the end. A fraction is cut off, so that the deny never begins late.
func formatEnd(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }

// logins are the actions of `aws login` and similar programs: a browser that is signed in gives a program a token that
// renews itself for 12 hours, which no session policy limits. No catalogue entry lifts this deny: the product itself
// hands out keys.
var logins = []string{"signin:AuthorizeOAuth2Access", "signin:CreateOAuth2Token"}

// loginClients are the resources on which logins are denied: oauth2/ is the command line, service-principal/ a service
// such as AWS's MCP server. The third kind, console/, is the console itself. It is not denied, because in accounts with
// console authorization the deny would close the console (Service Authorization Reference of AWS Signin; AWS Sign-In
// User Guide, "Control console access").
func loginClients(role string) []string {
	partition, _, _ := strings.Cut(role, ":iam::")
	return []string{partition + ":signin:*:*:oauth2/*", partition + ":signin:*:*:service-principal/*"}
}

// tokens are actions that make tokens without a browser. The tokens last up to 12 hours. No catalogue entry lifts this
// deny either.
var tokens = []string{"signin:CreateBearerToken"}

// chaining are actions that start another session. Neither the session policy nor a cut limits it, because it has its
// own name (docs/facts.md#a7). sts:GetFederationToken and sts:GetSessionToken are not in the list: STS refuses them to
// the credentials of a role (docs/facts.md#a1). The caller's policies have no effect on sts:AssumeRoleWithSAML and
// sts:AssumeRoleWithWebIdentity. sts:GetWebIdentityToken stays allowed: its tokens give no access to AWS
// (docs/facts.md#a3).
var chaining = []string{"sts:AssumeRole", "sts:AssumeRoot"}

// identities are actions that create ways in which outlive the grant: users, passwords, keys, certificates and identity
// providers. The list covers what every AWS account has, because nothing else may limit the role; the
// boundaries of infra/member deny many more actions. infra/organization/ways-in.yaml lists every action of AWS that
// creates a way in, and says where it is denied.
//
//   - Updating a password, key or credential is denied like creating one: it takes over an existing user, or enables
//     an old key again. Deleting stays allowed, because somebody may have to stop a leaked key.
//   - SSH keys and signing certificates are credentials of a user too.
//   - More permissions for an existing user are standing access, like a new user.
//   - IAM Roles Anywhere trusts certificates as an identity provider does. So a certificate of a private authority is a
//     way in, and so is removing the list of revoked certificates.
//   - Users and assignments of Identity Center do the same for an organisation, and service control policies have no
//     effect in the account that it runs in.
//   - Hybrid activations, and role aliases and certificates of IoT, give a role's credentials to a machine outside AWS.
//     EKS gives them to a cluster's users and pods. Cognito, S3 Access Grants, Lake Formation and DataZone hand them
//     out by their own rules.
//   - Lightsail has its own bucket keys, and Transfer Family its own users. If an account leaves its organisation, the
//     service control policies no longer bind it. Anyone who controls the address of the root user can reset its
//     password.
//   - Temporary delegation gives a third party a session of several hours.
//
// iam:PassRole, iam:CreateRole and iam:UpdateAssumeRolePolicy stay allowed except on the protected roles below, because
// giving a role to a Lambda function or an instance is everyday work. So a new role that trusts another account can
// outlast the grant; docs/threats.md has the service control policy against it. Instance profiles and MFA devices alone
// are no way in.
var identities = []string{
	"iam:CreateUser", "iam:AddUserToGroup", "iam:AttachUserPolicy", "iam:PutUserPolicy", "iam:AttachGroupPolicy",
	"iam:PutGroupPolicy", "iam:CreateLoginProfile", "iam:UpdateLoginProfile", "iam:CreateAccessKey",
	"iam:Update*Key", "iam:Create*Credential", "iam:ResetService*", "iam:UpdateService*", "iam:UploadSSH*",
	"iam:UploadSigning*", "iam:UpdateSigning*", "iam:Create*Provider", "iam:Update*Provider*", "iam:AddClientID*",
	"iam:AcceptDelegation*", "iam:SendDelegation*", "rolesanywhere:Create*", "rolesanywhere:Update*",
	"rolesanywhere:Enable*", "rolesanywhere:Put*", "rolesanywhere:D*Crl", "acm-pca:Issue*",
	"account-access:Create*", "sso:Create*", "sso-directory:Create*", "identitystore:Create*",
	"ssm:CreateActivation", "iot:CreateRoleAlias", "iot:UpdateRoleAlias", "iot:Create*Certificate*",
	"iot:Register*Cert*", "eks:AssociateAccess*", "eks:CreateAccess*", "eks:UpdateAccess*", "eks:CreatePodId*",
	"eks:UpdatePodId*", "cognito-identity:Set*", "cognito-identity:GetOpenIdTokenForD*", "s3:GetDataAccess",
	"lakeformation:GetTemp*", "datazone:Get*Credentials", "lightsail:CreateBucketAccessKey", "transfer:CreateUser",
	"transfer:ImportSsh*", "organizations:Leave*", "account:*EmailUpdate",
}

// reading are the only actions that are allowed on protected roles and policies, with sts:GetScopedCredentials, which
// can only take permissions away or end a session earlier. Nobody knows which resource AWS judges that call on
// (docs/facts.md#a8). Everything else is denied with NotAction, so that future write actions of IAM are denied too.
// This includes sts:AssumeRole and iam:PassRole: a session of one target role cannot use another one.
var reading = []string{"iam:Get*", "iam:List*", getScopedCredentials}

// protected are the product's roles and policies in every account, and the session's own role. The path of that role is
// left out: it has up to 512 characters, and role names are unique within an account.
func protected(t access.Target, role string) []string {
	prefix, _, _ := strings.Cut(role, ":iam::")
	list := []string{prefix + ":iam::*:role" + productPath + "*", prefix + ":iam::*:policy" + productPath + "*"}
	if strings.HasPrefix(t.Path, productPath) {
		return list
	}
	anywhere := "/"
	if t.Path != "/" {
		anywhere = "/*/"
	}
	return append(list, prefix+":iam::"+t.Account+":role"+anywhere+t.Role)
}
