package vend

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// maxPolicy is the longest session policy in characters (docs/facts.md#a1). All
// partitions and paths fit with room to spare; tests keep it so.
const maxPolicy = 2048

// ours begins the path of everything that the product puts into member
// accounts: target roles, the revoker, their policies (docs/design.md#4.4.4).
const ours = "/aws-access"

// SessionPolicy limits one session (docs/design.md#4.3.2). It allows everything, so
// that what is left is the role's own permissions, and denies
//
//   - everything from the end of the grant on, to the second. STS gives no
//     session of less than 900 s: this is what ends a shorter one;
//   - what would outlive the grant. The target's catalogue entry may lift two
//     of these three lists (AssumeRoles, MakeIdentities);
//   - every write to the product's own roles and policies, and to the role of
//     the session wherever it stands: an administrator could delete the deny
//     that cuts him, fill the role's 10,240 characters so that none fits, or
//     trust himself;
//   - CloudShell, which hands out keys, when the grant gives the console only.
//
// sts:GetCallerIdentity answers until STS's own expiry, whatever is written
// here (docs/facts.md#a7). The errors say what of v cannot stand in a policy.
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
			"DateGreaterThanEquals": {"aws:CurrentTime": end(v.Ends)},
		}},
		{Effect: "Deny", Action: logins, Resource: loginClients(role)},
		{Effect: "Deny", Action: denied, Resource: everything},
		{Effect: "Deny", NotAction: reading, Resource: protected(v.Target, role)},
	}
}

// end writes the first second that is outside. A fraction is cut off, so that
// the deny never begins after the end.
func end(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }

// logins are `aws login` and its like: a browser that is signed in gives a
// program a token that renews itself for 12 hours, beyond any session policy.
// No role may lift them: the product hands out keys itself.
var logins = []string{"signin:AuthorizeOAuth2Access", "signin:CreateOAuth2Token"}

// loginClients are the resources on which logins are denied: oauth2/ is the
// command line, service-principal/ a service such as AWS's MCP server. The third
// kind, console/, is the console itself. Where an account has switched console
// authorization on, a deny that covers it shuts people out of the console, so it
// is left alone (Service Authorization Reference of AWS Signin; AWS Sign-In User
// Guide, "Control console access").
func loginClients(role string) []string {
	partition, _, _ := strings.Cut(role, ":iam::")
	return []string{partition + ":signin:*:*:oauth2/*", partition + ":signin:*:*:service-principal/*"}
}

// tokens last up to 12 hours and are made without a browser. No role may lift
// them either.
var tokens = []string{"signin:CreateBearerToken"}

// chaining leaves session policy and cut behind: the new session has a name of
// its own (docs/facts.md#a7). sts:GetFederationToken and sts:GetSessionToken are not
// here: STS refuses them to the credentials of a role (docs/facts.md#a1).
// sts:AssumeRoleWithSAML and ...WithWebIdentity are not judged by the caller's
// policies. sts:GetWebIdentityToken stays open: its tokens are no way back into
// AWS (docs/facts.md#a3).
var chaining = []string{"sts:AssumeRole", "sts:AssumeRoot"}

// identities are ways in that stay when the grant is over: people, passwords,
// keys, certificates, and whoever may vouch for people. They are the ways that
// every AWS account has, chosen because a role may have no other fence; the
// boundaries of infra/member name many more. infra/organization/ways-in.yaml
// says for each action of AWS that hands out a way in where it is denied.
//
//   - Update of a password, key or credential is here beside Create: it takes
//     over a user who exists, or switches an old key on again. Deleting stays
//     allowed, for whoever has to stop a leaked key.
//   - SSH keys and signing certificates are credentials of a user too.
//   - More rights for a user who exists make standing access as a new one does.
//   - IAM Roles Anywhere trusts certificates as an identity provider does. So a
//     certificate of a private authority is a way in, and so is taking away the
//     list of certificates that are revoked.
//   - Identity Center's users and assignments do the same for an organisation,
//     and service control policies do not bind the account where it stands.
//   - Hybrid activations, role aliases and certificates of IoT give a machine
//     elsewhere a role's credentials; EKS gives them to a cluster's users and
//     pods; Cognito, S3 Access Grants, Lake Formation and DataZone hand out a
//     role's credentials by rules of their own.
//   - Lightsail has bucket keys of its own, Transfer Family users; an account
//     that leaves its organisation shakes off the service control policies; who
//     has the address of the root user can reset its password.
//   - Temporary delegation gives a third party a session of hours.
//
// iam:PassRole, iam:CreateRole and iam:UpdateAssumeRolePolicy stay open except
// on what is protected below: handing a role to a Lambda function or an
// instance is everyday work. So a new role with a foreign trust can outlast the
// grant; docs/threats.md has the service control policy that closes it.
// Instance profiles and MFA devices give nobody a way in by themselves.
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

// reading is what remains possible on what is protected. The rest is denied as
// "not reading", so that what IAM learns to write tomorrow is denied too. This
// covers sts:AssumeRole and iam:PassRole: one target role is no door to another.
var reading = []string{"iam:Get*", "iam:List*"}

// protected are the product's roles and policies in whatever account, and the
// session's own role. That one is written without its path: no two roles of an
// account have the same name, and a path has up to 512 characters.
func protected(t access.Target, role string) []string {
	prefix, _, _ := strings.Cut(role, ":iam::")
	list := []string{prefix + ":iam::*:role" + ours + "*", prefix + ":iam::*:policy" + ours + "*"}
	if strings.HasPrefix(t.Path, ours) {
		return list
	}
	anywhere := "/"
	if t.Path != "/" {
		anywhere = "/*/"
	}
	return append(list, prefix+":iam::"+t.Account+":role"+anywhere+t.Role)
}
