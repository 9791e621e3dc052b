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
	own     = account + "role/aws-access/Admin"
)

// What the policy of an ordinary session says of calls (docs/design.md#4.3.2), and what
// each of the two lifts changes.
var judgements = []struct {
	action, resource string
	allowed          bool
	lift             string // "assume" or "make": what lifts the deny
}{
	{"s3:ListAllMyBuckets", "*", true, ""},
	{"s3:DeleteObject", "arn:aws:s3:::demo/x", true, ""},
	{"ec2:TerminateInstances", "arn:aws:ec2:eu-west-1:111111111111:instance/i-1", true, ""},
	{"cloudshell:CreateSession", "*", true, ""},
	{"iam:GetRole", own, true, ""},
	{"iam:ListRolePolicies", own, true, ""},
	{"iam:PassRole", account + "role/app", true, ""},
	{"iam:CreateRole", account + "role/app", true, ""},
	{"iam:UpdateAssumeRolePolicy", account + "role/app", true, ""},
	{"iam:PutRolePolicy", account + "role/app", true, ""},
	{"iam:CreatePolicyVersion", account + "policy/app", true, ""},
	{"iam:DeleteAccessKey", account + "user/joe", true, ""},
	{"iam:DeleteUser", account + "user/joe", true, ""},
	{"iam:ListUsers", "*", true, ""},

	// A further role leaves policy and cut behind (docs/facts.md#a7).
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

	// Identities that stay.
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

	// What stops a way in stays possible.
	{"rolesanywhere:DisableTrustAnchor", "*", true, ""},
	{"rolesanywhere:DeleteProfile", "*", true, ""},
	{"iot:UpdateCertificate", "*", true, ""},
	{"iot:DeleteRoleAlias", "*", true, ""},
	{"eks:DeleteAccessEntry", "*", true, ""},
	{"eks:DescribePodIdentityAssociation", "*", true, ""},

	// The product's own roles and policies (docs/facts.md#a7).
	{"iam:DeleteRolePolicy", own, false, ""},
	{"iam:PutRolePolicy", own, false, ""},
	{"iam:AttachRolePolicy", own, false, ""},
	{"iam:DetachRolePolicy", own, false, ""},
	{"iam:UpdateAssumeRolePolicy", own, false, ""},
	{"iam:UpdateRole", own, false, ""},
	{"iam:DeleteRole", own, false, ""},
	{"iam:DeleteRolePermissionsBoundary", own, false, ""},
	{"iam:TagRole", own, false, ""},
	{"iam:PassRole", own, false, ""},
	{"iam:SomethingOfTomorrow", own, false, ""},
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
	call := awsfake.Call{Action: action, Resource: resource, Context: map[string][]string{"aws:CurrentTime": {at.UTC().Format(time.RFC3339)}}}
	if err := call.Check(); err != nil {
		t.Fatal(err)
	}
	return d.Evaluate(call)
}

func TestTheSessionPolicyDeniesWhatWouldOutliveTheGrant(t *testing.T) {
	for _, j := range judgements {
		for _, lift := range []string{"", "assume", "make", "both"} {
			v := vending("Admin", noon, noon.Add(time.Hour))
			v.Target.AssumeRoles, v.Target.MakeIdentities = lift == "assume" || lift == "both", lift == "make" || lift == "both"
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
	for action, want := range map[string]awsfake.Verdict{"cloudshell:CreateSession": awsfake.Denied, "cloudshell:PutCredentials": awsfake.Denied, "ec2:DescribeInstances": awsfake.Allowed} {
		if got := judge(t, v, action, "*", noon); got != want {
			t.Errorf("%s: got %s, want %s", action, got, want)
		}
	}
}

// A target below another path protects its own role too, and only that.
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

// A session policy has 2,048 characters of U+0020 to U+00FF (STS API Reference,
// AssumeRole). What is longest in a policy: partition, name and the fence around
// CloudShell. A path is not in it, whatever its length.
func TestEveryPolicyFitsIntoTheCall(t *testing.T) {
	longest := 0
	for _, region := range regions {
		for _, path := range []string{"/", "/aws-access/", "/ops/", "/" + strings.Repeat("p", 510) + "/"} {
			v := vending(strings.Repeat("R", 64), noon, noon.Add(time.Hour))
			v.Target.Region, v.Target.Path, v.ConsoleOnly = region, path, true
			text, err := SessionPolicy(v)
			if err != nil {
				t.Fatalf("%s %.20s: %v", region, path, err)
			}
			longest = max(longest, len(text))
			for _, r := range text {
				if r < ' ' || r > 0xff {
					t.Errorf("%q is not a character of a session policy", r)
				}
			}
		}
	}
	usual, err := SessionPolicy(vending("Admin", noon, noon.Add(time.Hour)))
	if err != nil || longest > maxPolicy {
		t.Errorf("longest: %d characters of %d, usual: %v", longest, maxPolicy, err)
	}
	t.Logf("usual: %d, longest: %d of %d characters", len(usual), longest, maxPolicy)
	if _, err := SessionPolicy(access.Vending{Target: vending("Admin", noon, noon).Target}); err == nil {
		t.Error("a policy without an end was made")
	}
}

// regions are one of each partition.
var regions = map[string]string{"aws": "eu-west-1", "aws-us-gov": "us-gov-west-1", "aws-cn": "cn-north-1",
	"aws-eusc": "eusc-de-east-1"}

// `aws login` and the like are refused to every session and in every partition,
// and the console is not.
func TestAwsLoginIsDeniedAndTheConsoleIsNot(t *testing.T) {
	for partition, region := range regions {
		v := vending("Admin", noon, noon.Add(time.Hour))
		v.Target.Region, v.Target.AssumeRoles, v.Target.MakeIdentities = region, true, true
		ours := "arn:" + partition + ":signin:" + region + ":111111111111:"
		for resource, want := range map[string]awsfake.Verdict{
			ours + "oauth2/public-client/localhost":          awsfake.Denied,
			ours + "oauth2/public-client/remote":             awsfake.Denied,
			ours + "service-principal/aws-mcp.amazonaws.com": awsfake.Denied,
			ours + "console/home":                            awsfake.Allowed,
			"arn:" + partition + ":signin:::console/home":    awsfake.Allowed,
		} {
			for _, action := range logins {
				if got := judge(t, v, action, resource, noon); got != want {
					t.Errorf("%s on %s: got %s, want %s", action, resource, got, want)
				}
			}
		}
	}
}

// Done when 2, over the wire: an administrator's session is refused all that
// would free it, while ordinary work goes on.
func TestAnAdministratorCannotOutliveTheGrant(t *testing.T) {
	c := newCloud(t)
	put := func(name string) {
		r, _ := c.Role("111111111111", name)
		r.Inline = map[string]string{"aws-access-cut": `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringLike":{"aws:userid":"*:somebody-else"}}}]}`}
		if err := c.PutRole("111111111111", r); err != nil {
			t.Fatal(err)
		}
	}
	put("Admin")
	put("Deploy")
	trust := aws.String(awsfake.DefaultTrust("arn:aws:iam::222222222222:role/evil", "evil-id", ""))
	deny := aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`)
	for _, role := range []string{"Admin", "Deploy"} {
		v := vending(role, noon, noon.Add(time.Hour))
		v.Target.Path = map[string]string{"Admin": "/aws-access/", "Deploy": "/ops/"}[role]
		k := c.session(t, v)
		roleName, cut := aws.String(role), aws.String("aws-access-cut")
		for name, attack := range map[string]func(context.Context) error{
			"assume a further role": func(ctx context.Context) error {
				_, err := sts.NewFromConfig(c.config(k)).AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: aws.String(account + "role/aws-access/ReadOnly"), RoleSessionName: aws.String("free"), ExternalId: aws.String(external)})
				return err
			},
			"make a user": func(ctx context.Context) error {
				_, err := c.iam(k).CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("joe")})
				return err
			},
			"make an access key": func(ctx context.Context) error {
				_, err := c.iam(k).CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String("joe")})
				return err
			},
			"delete the cut": func(ctx context.Context) error {
				_, err := c.iam(k).DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: roleName, PolicyName: cut})
				return err
			},
			"delete the cut, in capitals": func(ctx context.Context) error {
				_, err := c.iam(k).DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: aws.String(strings.ToUpper(role)), PolicyName: cut})
				return err
			},
			"overwrite the cut": func(ctx context.Context) error {
				_, err := c.iam(k).PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: roleName, PolicyName: cut, PolicyDocument: deny})
				return err
			},
			"rewrite the trust": func(ctx context.Context) error {
				_, err := c.iam(k).UpdateAssumeRolePolicy(ctx, &iam.UpdateAssumeRolePolicyInput{RoleName: roleName, PolicyDocument: trust})
				return err
			},
			"make a target role": func(ctx context.Context) error {
				_, err := c.iam(k).CreateRole(ctx, &iam.CreateRoleInput{RoleName: aws.String("New"), Path: aws.String("/aws-access/"), AssumeRolePolicyDocument: trust})
				return err
			},
		} {
			if err := attack(t.Context()); err == nil || !strings.Contains(err.Error(), "AccessDenied") {
				t.Errorf("%s: %s: got %v, want AccessDenied", role, name, err)
			}
		}
		if !c.lists(t, k) {
			t.Errorf("%s: ordinary work is refused", role)
		}
	}
	if len(c.InlinePolicies()) != 2 || len(c.Sessions()) != 2 {
		t.Errorf("%d denies, %d sessions stand, want 2 and 2", len(c.InlinePolicies()), len(c.Sessions()))
	}
}
