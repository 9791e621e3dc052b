package vend

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
)

const (
	account = "arn:aws:iam::111111111111:"
	ownRole = account + "role/aws-access/Admin" // of the session
)

// judgements are calls, and whether the session policy allows them (docs/design.md#4.3.2).
var judgements = []struct {
	action, resource string
	allowed          bool
	lift             string // "assume" or "make" if AssumeRoles or MakeIdentities lifts the deny
}{
	{"s3:ListAllMyBuckets", "*", true, ""},
	{"s3:DeleteObject", "arn:aws:s3:::demo/x", true, ""},
	{"ec2:TerminateInstances", "arn:aws:ec2:eu-west-1:111111111111:instance/i-1", true, ""},
	{"cloudshell:CreateSession", "*", true, ""},
	{"iam:GetRole", ownRole, true, ""},
	{"iam:ListRolePolicies", ownRole, true, ""},
	{"iam:PassRole", account + "role/app", true, ""},
	{"iam:CreateRole", account + "role/app", true, ""},
	{"iam:UpdateAssumeRolePolicy", account + "role/app", true, ""},
	{"iam:PutRolePolicy", account + "role/app", true, ""},
	{"iam:CreatePolicyVersion", account + "policy/app", true, ""},
	{"iam:DeleteAccessKey", account + "user/joe", true, ""},
	{"iam:DeleteUser", account + "user/joe", true, ""},
	{"iam:ListUsers", "*", true, ""},

	// Actions that start another session (docs/facts.md#a7).
	{"sts:AssumeRole", account + "role/app", false, "assume"},
	{"sts:AssumeRole", "arn:aws:iam::222222222222:role/app", false, "assume"},
	{"sts:AssumeRoot", "arn:aws:iam::222222222222:root", false, "assume"},
	{"sts:AssumeRole", account + "role/aws-access/Other", false, ""},
	{"signin:AuthorizeOAuth2Access", "arn:aws:signin:eu-west-1:111111111111:oauth2/public-client/localhost", false, ""},
	{"signin:CreateOAuth2Token", "arn:aws:signin:eu-west-1:111111111111:oauth2/public-client/remote", false, ""},
	{"signin:CreateOAuth2Token", "arn:aws:signin:eu-west-1:111111111111:service-principal/aws-mcp.amazonaws.com", false,
		""},
	{"signin:CreateBearerToken", "*", false, ""},
	{"signin:AuthorizeOAuth2Access", "arn:aws:signin:::console/home", true, ""},
	{"signin:CreateOAuth2Token", "arn:aws:signin:eu-west-1:111111111111:console/home", true, ""},

	// Actions that create identities which outlive the grant.
	{"iam:CreateUser", account + "user/joe", false, "make"},
	{"iam:CreateLoginProfile", account + "user/joe", false, "make"},
	{"iam:UpdateLoginProfile", account + "user/joe", false, "make"},
	{"iam:CreateAccessKey", account + "user/joe", false, "make"},
	{"iam:UpdateAccessKey", account + "user/joe", false, "make"},
	{"iam:CreateServiceSpecificCredential", account + "user/joe", false, "make"},
	{"iam:ResetServiceSpecificCredential", account + "user/joe", false, "make"},
	{"iam:UploadSSHPublicKey", account + "user/joe", false, "make"},
	{"iam:UploadSigningCertificate", account + "user/joe", false, "make"},
	{"iam:AttachUserPolicy", account + "user/joe", false, "make"},
	{"iam:PutUserPolicy", account + "user/joe", false, "make"},
	{"iam:AddUserToGroup", account + "group/admins", false, "make"},
	{"iam:CreateOpenIDConnectProvider", account + "oidc-provider/evil.example", false, "make"},
	{"iam:UpdateOpenIDConnectProviderThumbprint", account + "oidc-provider/ci.example", false, "make"},
	{"iam:AddClientIDToOpenIDConnectProvider", account + "oidc-provider/ci.example", false, "make"},
	{"iam:CreateSAMLProvider", account + "saml-provider/evil", false, "make"},
	{"iam:UpdateSAMLProvider", account + "saml-provider/corp", false, "make"},
	{"iam:AcceptDelegationRequest", "*", false, "make"},
	{"rolesanywhere:CreateTrustAnchor", "*", false, "make"},
	{"rolesanywhere:UpdateProfile", "arn:aws:rolesanywhere:eu-west-1:111111111111:profile/x", false, "make"},
	{"sso:CreateAccountAssignment", "*", false, "make"},
	{"identitystore:CreateUser", "*", false, "make"},
	{"rolesanywhere:DeleteCrl", "*", false, "make"},
	{"rolesanywhere:DisableCrl", "*", false, "make"},
	{"rolesanywhere:PutAttributeMapping", "*", false, "make"},
	{"acm-pca:IssueCertificate", "*", false, "make"},
	{"iot:CreateKeysAndCertificate", "*", false, "make"},
	{"iot:RegisterCertificateWithoutCA", "*", false, "make"},
	{"iot:UpdateRoleAlias", "*", false, "make"},
	{"eks:UpdateAccessEntry", "*", false, "make"},
	{"eks:CreatePodIdentityAssociation", "*", false, "make"},
	{"cognito-identity:SetIdentityPoolRoles", "*", false, "make"},
	{"cognito-identity:GetOpenIdTokenForDeveloperIdentity", "*", false, "make"},
	{"s3:GetDataAccess", "*", false, "make"},
	{"lakeformation:GetTemporaryGlueTableCredentials", "*", false, "make"},
	{"datazone:GetEnvironmentCredentials", "*", false, "make"},
	{"account:StartPrimaryEmailUpdate", "*", false, "make"},
	{"account-access:CreateEntitlement", "*", false, "make"},
	{"sso-directory:CreateUser", "*", false, "make"},
	{"transfer:CreateUser", "*", false, "make"},

	// Actions that close a way in stay allowed.
	{"rolesanywhere:DisableTrustAnchor", "*", true, ""},
	{"rolesanywhere:DeleteProfile", "*", true, ""},
	{"iot:UpdateCertificate", "*", true, ""},
	{"iot:DeleteRoleAlias", "*", true, ""},
	{"eks:DeleteAccessEntry", "*", true, ""},
	{"eks:DescribePodIdentityAssociation", "*", true, ""},

	// The product's own roles and policies (docs/facts.md#a7).
	{"iam:DeleteRolePolicy", ownRole, false, ""},
	{"iam:PutRolePolicy", ownRole, false, ""},
	{"iam:AttachRolePolicy", ownRole, false, ""},
	{"iam:DetachRolePolicy", ownRole, false, ""},
	{"iam:UpdateAssumeRolePolicy", ownRole, false, ""},
	{"iam:UpdateRole", ownRole, false, ""},
	{"iam:DeleteRole", ownRole, false, ""},
	{"iam:DeleteRolePermissionsBoundary", ownRole, false, ""},
	{"iam:TagRole", ownRole, false, ""},
	{"iam:PassRole", ownRole, false, ""},
	{"iam:SomethingOfTomorrow", ownRole, false, ""},
	{"iam:UpdateAssumeRolePolicy", account + "role/aws-access-revoker/cut", false, ""},
	{"iam:PutRolePolicy", account + "role/aws-access-revoker/cut", false, ""},
	{"iam:CreateRole", account + "role/aws-access/New", false, ""},
	{"iam:CreatePolicyVersion", account + "policy/aws-access/Admin", false, ""},
	{"iam:DeletePolicy", account + "policy/aws-access-boundary", false, ""},
}

func judge(t *testing.T, v access.Vending, action, resource string, at time.Time) awsfake.Verdict {
	t.Helper()
	text, err := SessionPolicy(v)
	if err != nil {
		t.Fatal(err)
	}
	d, err := awsfake.ParseDocument(text)
	if err != nil {
		t.Fatal(err)
	}
	call := awsfake.Call{
		Action: action, Resource: resource,
		Context: map[string][]string{"aws:CurrentTime": {at.UTC().Format(time.RFC3339)}},
	}
	if err := call.Check(); err != nil {
		t.Fatal(err)
	}
	return d.Evaluate(call)
}

func TestTheSessionPolicyDeniesWhatWouldOutliveTheGrant(t *testing.T) {
	for _, j := range judgements {
		for _, lift := range []string{"", "assume", "make", "both"} {
			v := vending("Admin", noon, noon.Add(time.Hour))
			v.Target.AssumeRoles = lift == "assume" || lift == "both"
			v.Target.MakeIdentities = lift == "make" || lift == "both"
			want := awsfake.Denied
			if j.allowed || j.lift != "" && (lift == j.lift || lift == "both") {
				want = awsfake.Allowed
			}
			if got := judge(t, v, j.action, j.resource, noon); got != want {
				t.Errorf("%s on %s, lifted %q: got %s, want %s", j.action, j.resource, lift, got, want)
			}
		}
	}
}

func TestEverythingIsDeniedFromTheEndOfTheGrant(t *testing.T) {
	v := vending("Admin", noon, noon.Add(time.Hour))
	v.Target.AssumeRoles, v.Target.MakeIdentities = true, true
	for name, c := range map[string]struct {
		ends time.Time
		at   time.Time
		want awsfake.Verdict
	}{
		"one second before":              {v.Ends, v.Ends.Add(-time.Second), awsfake.Allowed},
		"at the end":                     {v.Ends, v.Ends, awsfake.Denied},
		"one second after":               {v.Ends, v.Ends.Add(time.Second), awsfake.Denied},
		"a year after":                   {v.Ends, v.Ends.AddDate(1, 0, 0), awsfake.Denied},
		"an end within a second, before": {v.Ends.Add(700 * time.Millisecond), v.Ends.Add(-time.Second), awsfake.Allowed},
		"an end within a second, in it":  {v.Ends.Add(700 * time.Millisecond), v.Ends, awsfake.Denied},
		"an end in another zone":         {v.Ends.In(time.FixedZone("", 5*3600)), v.Ends.Add(-time.Second), awsfake.Allowed},
		"at an end in another zone":      {v.Ends.In(time.FixedZone("", 5*3600)), v.Ends, awsfake.Denied},
	} {
		v.Ends = c.ends
		for _, j := range judgements {
			if got := judge(t, v, j.action, j.resource, c.at); got == awsfake.Allowed && c.want == awsfake.Denied {
				t.Errorf("%s: %s is %s", name, j.action, got)
			}
		}
		if got := judge(t, v, "s3:ListAllMyBuckets", "*", c.at); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
}

func TestConsoleOnlyDeniesCloudShell(t *testing.T) {
	v := vending("Admin", noon, noon.Add(time.Hour))
	v.ConsoleOnly = true
	for action, want := range map[string]awsfake.Verdict{
		"cloudshell:CreateSession": awsfake.Denied, "cloudshell:PutCredentials": awsfake.Denied,
		"ec2:DescribeInstances": awsfake.Allowed,
	} {
		if got := judge(t, v, action, "*", noon); got != want {
			t.Errorf("%s: got %s, want %s", action, got, want)
		}
	}
}

// A session of a role with another path cannot change that role either, and is free to change others of the path.
func TestASessionCannotChangeItsOwnRole(t *testing.T) {
	v := vending("Deploy", noon, noon.Add(time.Hour))
	v.Target.Path = "/ops/"
	for resource, want := range map[string]awsfake.Verdict{
		account + "role/ops/Deploy": awsfake.Denied, account + "role/aws-access/Admin": awsfake.Denied,
		account + "role/ops/Deploy2": awsfake.Allowed, account + "role/ops/Other": awsfake.Allowed,
	} {
		if got := judge(t, v, "iam:DeleteRolePolicy", resource, noon); got != want {
			t.Errorf("%s: got %s, want %s", resource, got, want)
		}
	}
}

// A session policy may have 2,048 characters from U+0020 to U+00FF (STS API Reference, AssumeRole). Its length depends
// on the partition, the role's name and the deny of CloudShell, and not on the path.
func TestEverySessionPolicyIsShortEnough(t *testing.T) {
	maxLength := 0
	for _, region := range regions {
		for _, path := range []string{"/", "/aws-access/", "/ops/", "/" + strings.Repeat("p", 510) + "/"} {
			v := vending(strings.Repeat("R", 64), noon, noon.Add(time.Hour))
			v.Target.Region, v.Target.Path, v.ConsoleOnly = region, path, true
			text, err := SessionPolicy(v)
			if err != nil {
				t.Fatalf("%s %.20s: %v", region, path, err)
			}
			maxLength = max(maxLength, len(text))
			for _, r := range text {
				if r < ' ' || r > 0xff {
					t.Errorf("a session policy contains %q", r)
				}
			}
		}
	}
	usual, err := SessionPolicy(vending("Admin", noon, noon.Add(time.Hour)))
	if err != nil || maxLength > maxPolicy {
		t.Errorf("the longest has %d characters, want at most %d; usual: %v", maxLength, maxPolicy, err)
	}
	t.Logf("the usual one has %d characters, the longest %d of %d", len(usual), maxLength, maxPolicy)
	if _, err := SessionPolicy(access.Vending{Target: vending("Admin", noon, noon).Target}); err == nil {
		t.Error("a policy without an end was made")
	}
}

// regions has one region of each partition.
var regions = map[string]string{
	"aws": "eu-west-1", "aws-us-gov": "us-gov-west-1", "aws-cn": "cn-north-1", "aws-eusc": "eusc-de-east-1",
}

// Programs like aws login are denied to every session in every partition, and the console is not.
func TestAwsLoginIsDeniedAndTheConsoleIsNot(t *testing.T) {
	for partition, region := range regions {
		v := vending("Admin", noon, noon.Add(time.Hour))
		v.Target.Region, v.Target.AssumeRoles, v.Target.MakeIdentities = region, true, true
		signIn := "arn:" + partition + ":signin:" + region + ":111111111111:"
		for resource, want := range map[string]awsfake.Verdict{
			signIn + "oauth2/public-client/localhost":          awsfake.Denied,
			signIn + "oauth2/public-client/remote":             awsfake.Denied,
			signIn + "service-principal/aws-mcp.amazonaws.com": awsfake.Denied,
			signIn + "console/home":                            awsfake.Allowed,
			"arn:" + partition + ":signin:::console/home":      awsfake.Allowed,
		} {
			for _, action := range logins {
				if got := judge(t, v, action, resource, noon); got != want {
					t.Errorf("%s on %s: got %s, want %s", action, resource, got, want)
				}
			}
		}
	}
}

// cutPolicy is a policy as the product will put it on a role to cut the sessions of a grant.
const cutPolicy = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*",
	"Condition":{"StringLike":{"aws:userid":"*:somebody-else"}}}]}`

// escapes are the calls by which a session might free itself from the limits of its grant.
func (c *cloud) escapes(k access.Credentials, role string) map[string]func(context.Context) error {
	name, cut, client := aws.String(role), aws.String("aws-access-cut"), c.iam(k)
	trust := aws.String(awsfake.DefaultTrust("arn:aws:iam::222222222222:role/evil", "evil-id", ""))
	allow := aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)
	return map[string]func(context.Context) error{
		"assume a further role": func(ctx context.Context) error {
			_, err := sts.NewFromConfig(c.config(k)).AssumeRole(ctx, &sts.AssumeRoleInput{
				RoleArn:         aws.String(account + "role/aws-access/ReadOnly"),
				RoleSessionName: aws.String("free"), ExternalId: aws.String(external),
			})
			return err
		},
		"make a user": func(ctx context.Context) error {
			_, err := client.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("joe")})
			return err
		},
		"make an access key": func(ctx context.Context) error {
			_, err := client.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String("joe")})
			return err
		},
		"delete the cut": func(ctx context.Context) error {
			_, err := client.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: name, PolicyName: cut})
			return err
		},
		"delete the cut, in capitals": func(ctx context.Context) error {
			capitals := aws.String(strings.ToUpper(role))
			_, err := client.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: capitals, PolicyName: cut})
			return err
		},
		"overwrite the cut": func(ctx context.Context) error {
			_, err := client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{
				RoleName: name, PolicyName: cut, PolicyDocument: allow,
			})
			return err
		},
		"rewrite the trust": func(ctx context.Context) error {
			_, err := client.UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{
				RoleName: name, PolicyDocument: trust,
			})
			return err
		},
		"make a target role": func(ctx context.Context) error {
			_, err := client.CreateRole(ctx, &iam.CreateRoleInput{
				RoleName: aws.String("New"), Path: aws.String("/aws-access/"), AssumeRolePolicyDocument: trust,
			})
			return err
		},
	}
}

// An administrator's session is refused everything that would free it, while ordinary work goes on.
func TestAnAdministratorCannotOutliveTheGrant(t *testing.T) {
	c := newCloud(t)
	paths := map[string]string{"Admin": "/aws-access/", "Deploy": "/ops/"}
	for role := range paths {
		r, _ := c.Role("111111111111", role)
		r.Inline = map[string]string{"aws-access-cut": cutPolicy}
		if err := c.PutRole("111111111111", r); err != nil {
			t.Fatal(err)
		}
	}
	for role, path := range paths {
		v := vending(role, noon, noon.Add(time.Hour))
		v.Target.Path = path
		k := c.session(t, v)
		for name, escape := range c.escapes(k, role) {
			if err := escape(t.Context()); err == nil || !strings.Contains(err.Error(), "AccessDenied") {
				t.Errorf("%s: %s: got %v, want AccessDenied", role, name, err)
			}
		}
		if !c.lists(t, k) {
			t.Errorf("%s: ordinary work is refused", role)
		}
	}
	if len(c.InlinePolicies()) != 2 || len(c.Sessions()) != 2 {
		t.Errorf("%d cuts and %d sessions are left, want 2 and 2", len(c.InlinePolicies()), len(c.Sessions()))
	}
}
