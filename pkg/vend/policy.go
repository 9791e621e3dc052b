package vend

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// maxPolicy is the longest session policy in characters (FACTS A1). All
// partitions and paths fit with room to spare; tests keep it so.
const maxPolicy = 2048

// ours begins the path of everything that the product puts into member
// accounts: target roles, the revoker, their policies (DESIGN 4.4.4).
const ours = "/aws-access"

// SessionPolicy limits one session (DESIGN 4.3.2). It allows everything, so
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
// here (FACTS A7). The errors say what of v cannot stand in a policy.
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
		return "", fmt.Errorf("the session policy has %d characters, STS takes %d", len(text), maxPolicy)
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
	denied := append([]string{}, logins...)
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
		{Effect: "Deny", Action: denied, Resource: everything},
		{Effect: "Deny", NotAction: reading, Resource: protected(role)},
	}
}

// end writes the first second that is outside. A fraction is cut off, so that
// the deny never begins after the end.
func end(t time.Time) string { return t.UTC().Truncate(time.Second).Format(time.RFC3339) }

// logins are `aws login`: a browser that is signed in gives a laptop a token
// that renews itself for 12 hours, beyond any session policy. No role may lift
// them: the product hands out keys itself.
var logins = []string{"signin:AuthorizeOAuth2Access", "signin:CreateOAuth2Token"}

// chaining leaves session policy and cut behind: the new session has a name of
// its own (FACTS A7). sts:GetFederationToken and sts:GetSessionToken are not
// here: STS refuses them to the credentials of a role (FACTS A1).
// sts:AssumeRoleWithSAML and ...WithWebIdentity are not judged by the caller's
// policies. sts:GetWebIdentityToken stays open: its tokens are no way back into
// AWS (FACTS A3).
var chaining = []string{"sts:AssumeRole", "sts:AssumeRoot"}

// identities are ways in that stay when the grant is over: people, passwords,
// keys, and whoever may vouch for people.
//
//   - Update of a password, key or credential is here beside Create: it takes
//     over a user who exists, or switches an old key on again. Deleting stays
//     allowed, for whoever has to stop a leaked key.
//   - SSH keys and signing certificates are credentials of a user too.
//   - More rights for a user who exists make standing access as a new one does.
//   - IAM Roles Anywhere trusts certificates as an identity provider does;
//     Identity Center's users and assignments do the same for an organisation,
//     and service control policies do not bind the account where it stands.
//   - Hybrid activations and role aliases give a machine elsewhere a role's
//     credentials; Lightsail has bucket keys of its own; an account that leaves
//     its organisation shakes off the service control policies.
//   - Temporary delegation gives a third party a session of hours.
//
// iam:PassRole, iam:CreateRole and iam:UpdateAssumeRolePolicy stay open except
// on what is protected below: handing a role to a Lambda function or an
// instance is everyday work. So a new role with a foreign trust can outlast the
// grant; docs/threats.md has the service control policy that closes it.
// Instance profiles and MFA devices give nobody a way in by themselves.
var identities = []string{
	"iam:CreateUser", "iam:CreateLoginProfile", "iam:UpdateLoginProfile",
	"iam:CreateAccessKey", "iam:UpdateAccessKey",
	"iam:CreateServiceSpecificCredential", "iam:ResetServiceSpecificCredential", "iam:UpdateServiceSpecificCredential",
	"iam:UploadSSHPublicKey", "iam:UploadSigningCertificate", "iam:UpdateSSHPublicKey", "iam:UpdateSigningCertificate",
	"iam:AttachUserPolicy", "iam:PutUserPolicy", "iam:AddUserToGroup", "iam:AttachGroupPolicy", "iam:PutGroupPolicy",
	"iam:CreateOpenIDConnectProvider", "iam:UpdateOpenIDConnect*", "iam:AddClientID*",
	"iam:CreateSAMLProvider", "iam:UpdateSAMLProvider",
	"iam:AcceptDelegationRequest", "iam:SendDelegationToken",
	"rolesanywhere:Create*", "rolesanywhere:Update*", "rolesanywhere:Enable*",
	"sso:CreateAccountAssignment", "identitystore:Create*",
	"ssm:CreateActivation", "iot:CreateRoleAlias", "lightsail:CreateBucketAccessKey", "organizations:LeaveOrganization",
}

// reading is what remains possible on what is protected. The rest is denied as
// "not reading", so that what IAM learns to write tomorrow is denied too. This
// covers sts:AssumeRole and iam:PassRole: one target role is no door to another.
var reading = []string{"iam:Get*", "iam:List*"}

// protected are the product's roles and policies in whatever account, and the
// session's own role.
func protected(role string) []string {
	prefix, _, _ := strings.Cut(role, ":iam::")
	list := []string{prefix + ":iam::*:role" + ours + "*", prefix + ":iam::*:policy" + ours + "*"}
	if !strings.Contains(role, ":role"+ours) {
		list = append(list, role)
	}
	return list
}
