package member

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/aws-sdk-go-v2/service/sts/types"
	"github.com/aws/smithy-go"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
	"github.com/aws-access/aws-access/pkg/vend"
)

// attempt is one attempt to assume a role.
type attempt struct {
	role                        string // ARN; "" for Admin
	caller, org                 string
	external, session, identity string
	tags                        map[string]string
}

// vendAttempt is the attempt of the vend function, which succeeds.
func vendAttempt() attempt {
	return attempt{
		caller: vendRole, org: org, external: external, session: "aws-access-01K", identity: "dev1@example.com",
		tags: map[string]string{"GrantId": "01K", "Person": "dev1@example.com", "SlackUser": "U0DEV1"},
	}
}

func caller(arn string) func(*attempt) { return func(a *attempt) { a.caller = arn } }

// attempts must fail, each because of the condition stoppedBy. Two of them violate
// both the principal and a condition, so they name none.
var attempts = []struct {
	name, stoppedBy string
	change          func(*attempt)
}{
	{"another role of the bastion", "aws:PrincipalArn", caller("arn:aws:iam::" + bastion + ":role/aws-access-slack")},
	{"a role of the same name below a path", "aws:PrincipalArn",
		caller("arn:aws:iam::" + bastion + ":role/x/aws-access-vend")},
	{"a role whose name begins the same", "aws:PrincipalArn", caller(vendRole + "2")},
	{"a role of the same name in another account", "", caller("arn:aws:iam::222222222222:role/aws-access-vend")},
	{"a role of the same name in the member account", "", caller("arn:aws:iam::" + account + ":role/aws-access-vend")},
	{"no external id", "sts:ExternalId", func(a *attempt) { a.external = "" }},
	{"another external id", "sts:ExternalId", func(a *attempt) { a.external = strings.Repeat("0", 32) }},
	{"an external id that begins the same", "sts:ExternalId", func(a *attempt) { a.external += "0" }},
	{"another organisation", "aws:PrincipalOrgID", func(a *attempt) { a.org = "o-another0rg" }},
	{"no organisation", "aws:PrincipalOrgID", func(a *attempt) { a.org = "" }},
	{"another session name", "sts:RoleSessionName", func(a *attempt) { a.session = "joe" }},
	{"a session name without a grant", "sts:RoleSessionName", func(a *attempt) { a.session = "aws-access-" }},
	{"no source identity", "sts:SourceIdentity", func(a *attempt) { a.identity = "" }},
	{"no tags", "aws:RequestTag/GrantId", func(a *attempt) { a.tags = nil }},
	{"no GrantId", "aws:RequestTag/GrantId", func(a *attempt) { delete(a.tags, "GrantId") }},
	{"an empty GrantId", "aws:RequestTag/GrantId", func(a *attempt) { a.tags["GrantId"] = "" }},
	{"a tag that the account uses itself", "aws:TagKeys", func(a *attempt) { a.tags["team"] = "payments" }},
}

const allowed = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

// assume makes the attempt over HTTP, in an account with only one role, by a caller
// whose own policies allow everything. It returns the action that was refused, "" if
// the attempt succeeded.
func (a attempt) assume(t *testing.T, trust string) string {
	t.Helper()
	world := awsfake.New(awsfake.Options{Org: a.org})
	_, name, _ := strings.Cut(a.target(), ":role")
	at := strings.LastIndex(name, "/") + 1
	role := awsfake.Role{Name: name[at:], Path: name[:at], Trust: trust, Permissions: []string{allowed}}
	if err := world.PutRole(account, role); err != nil {
		t.Fatal(err)
	}
	c, err := world.FunctionCredentials(a.caller, allowed)
	if err != nil {
		t.Fatal(err)
	}
	return a.assumeWith(t, world, keys(c))
}

// target is the ARN of the role.
func (a attempt) target() string { return cmp.Or(a.role, adminRole) }

func keys(c access.Credentials) aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretKey.Reveal(), c.SessionToken.Reveal())
}

func (a attempt) assumeWith(t *testing.T, world *awsfake.Server, keys aws.CredentialsProvider) string {
	t.Helper()
	server := httptest.NewServer(world.AWS())
	defer server.Close()
	client := sts.New(sts.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String(server.URL), Credentials: keys, Retryer: aws.NopRetryer{},
	})
	in := &sts.AssumeRoleInput{RoleArn: aws.String(a.target()), RoleSessionName: aws.String(a.session)}
	if a.external != "" {
		in.ExternalId = aws.String(a.external)
	}
	if a.identity != "" {
		in.SourceIdentity = aws.String(a.identity)
	}
	for _, key := range slices.Sorted(maps.Keys(a.tags)) {
		in.Tags = append(in.Tags, types.Tag{Key: aws.String(key), Value: aws.String(a.tags[key])})
	}
	_, err := client.AssumeRole(t.Context(), in)
	if err == nil {
		return ""
	}
	var refusal smithy.APIError
	if !errors.As(err, &refusal) || refusal.ErrorCode() != "AccessDenied" {
		t.Fatalf("assume: %v, want a session or AccessDenied", err)
	}
	_, action, _ := strings.Cut(refusal.ErrorMessage(), "perform: ")
	action, _, _ = strings.Cut(action, " ")
	return action
}

// request returns the call that IAM evaluates for one of the three actions of the
// attempt. Only sts:AssumeRole has the external id and the session's name in its
// context.
func (a attempt) request(action string) (awsfake.Call, awsfake.Principal) {
	context := map[string][]string{"aws:PrincipalArn": {a.caller}}
	set := func(key, value string) {
		if value != "" {
			context[key] = []string{value}
		}
	}
	set("aws:PrincipalOrgID", a.org)
	if action == "sts:AssumeRole" {
		set("sts:ExternalId", a.external)
		set("sts:RoleSessionName", a.session)
	}
	if action != "sts:TagSession" {
		set("sts:SourceIdentity", a.identity)
	}
	if action != "sts:SetSourceIdentity" {
		for key, value := range a.tags {
			context["aws:RequestTag/"+key] = []string{value}
			context["aws:TagKeys"] = append(context["aws:TagKeys"], key)
		}
	}
	return awsfake.Call{Action: action, Resource: a.target(), Context: context}, awsfake.Principal{AWS: a.caller}
}

func TestVendCanAssumeRoles(t *testing.T) {
	if got := vendAttempt().assume(t, trust(t)); got != "" {
		t.Errorf("refused at %s", got)
	}
	minimal := vendAttempt()
	minimal.tags = map[string]string{"GrantId": "01K"}
	if got := minimal.assume(t, trust(t)); got != "" {
		t.Errorf("with only the tag GrantId: refused at %s", got)
	}
}

// The test uses the code of the vend function itself.
func TestAssumerOfVendCanAssumeEveryRole(t *testing.T) {
	world := awsfake.New(awsfake.Options{Org: org})
	for name, p := range roles(render(t, here, nil)) {
		role := awsfake.Role{
			Name: name, Path: fmt.Sprint(p["Path"]),
			Trust: document(t, p["AssumeRolePolicyDocument"]), Permissions: []string{allowed},
		}
		if err := world.PutRole(account, role); err != nil {
			t.Fatal(err)
		}
	}
	c, err := world.FunctionCredentials(vendRole)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(world.AWS())
	defer server.Close()
	assumer := vend.Assumer{
		STS: sts.New(sts.Options{
			Region: "eu-west-1", BaseEndpoint: aws.String(server.URL), Credentials: keys(c),
		}),
		ExternalID: func(context.Context, bool) (access.Secret, error) { return access.NewSecret(external), nil },
	}
	now := time.Now()
	for _, role := range []string{"ReadOnly", "Operator", "Admin"} {
		got, err := assumer.Assume(t.Context(), access.Vending{
			Target: access.Target{Account: account, Role: role, Path: "/aws-access/", Region: "eu-west-1"},
			Grant:  "01K", Session: "aws-access-01K",
			Who: access.Person{ID: "U0DEV1", Email: "dev1@example.com"}, Now: now, Ends: now.Add(time.Hour),
		})
		if err != nil || got.AccessKeyID == "" {
			t.Errorf("%s: %v", role, err)
		}
	}
}

func TestEveryOtherCallerIsRefused(t *testing.T) {
	for _, c := range attempts {
		a := vendAttempt()
		c.change(&a)
		if got := a.assume(t, trust(t)); got != "sts:AssumeRole" {
			t.Errorf("%s: refused at %q, want sts:AssumeRole", c.name, got)
		}
	}
}

// Without an organisation, the trust has all conditions except that on the
// organisation.
func TestTrustWithoutAnOrganisationHasAllOtherConditions(t *testing.T) {
	made := render(t, here, map[string]string{"OrganizationId": ""})
	alone := document(t, made["AdminRole"].Properties["AssumeRolePolicyDocument"])
	if strings.Contains(alone, "OrgID") {
		t.Fatalf("the trust names an organisation: %s", alone)
	}
	for _, c := range attempts {
		a := vendAttempt()
		a.org = ""
		c.change(&a)
		want := "sts:AssumeRole"
		if c.stoppedBy == "aws:PrincipalOrgID" {
			want = ""
		}
		if got := a.assume(t, alone); got != want {
			t.Errorf("%s: refused at %q, want %q", c.name, got, want)
		}
	}
}

// IAM would store a role that is named as principal as its id. Then no member account
// would trust a vend function that was deployed again.
func TestRoleOfVendIsTrustedAfterItWasMadeAgain(t *testing.T) {
	world := awsfake.New(awsfake.Options{Org: org})
	if err := world.PutRole(account, awsfake.Role{Name: "Admin", Path: "/aws-access/", Trust: trust(t)}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		c, err := world.FunctionCredentials(vendRole)
		if err != nil {
			t.Fatal(err)
		}
		if got := vendAttempt().assumeWith(t, world, keys(c)); got != "" {
			t.Errorf("refused at %s", got)
		}
		world.RemoveRole(bastion, "aws-access-vend")
	}
	want := map[string]any{"AWS": "arn:aws:iam::" + bastion + ":root"}
	for _, s := range statements(t, trust(t)) {
		if fmt.Sprint(s["Principal"]) != fmt.Sprint(want) {
			t.Errorf("%s trusts %v, want %v: IAM stores any other principal as an id",
				s["Action"], s["Principal"], want)
		}
	}
}

func statements(t *testing.T, policy string) []map[string]any {
	t.Helper()
	var d struct{ Statement []map[string]any }
	if err := json.Unmarshal([]byte(policy), &d); err != nil {
		t.Fatal(err)
	}
	return d.Statement
}

// TestEveryConditionIsNeeded removes each condition from each statement. Then an
// attempt that the condition stops must succeed, although the full trust stops it.
func TestEveryConditionIsNeeded(t *testing.T) {
	policy := trust(t)
	removed := 0
	for i, s := range statements(t, policy) {
		action := fmt.Sprint(s["Action"])
		for operator, raw := range s["Condition"].(map[string]any) {
			for key := range raw.(map[string]any) {
				removed++
				all := statements(t, policy)
				removeCondition(all[i]["Condition"].(map[string]any), operator, key)
				looser := document(t, map[string]any{"Version": "2012-10-17", "Statement": all})
				checkNeeded(t, action, key, policy, looser)
			}
		}
	}
	if removed != 7+3+2 {
		t.Errorf("%d conditions, want 7 on sts:AssumeRole, 3 on sts:TagSession, 2 on sts:SetSourceIdentity", removed)
	}
}

func removeCondition(conditions map[string]any, operator, key string) {
	keys := conditions[operator].(map[string]any)
	delete(keys, key)
	if len(keys) == 0 {
		delete(conditions, operator)
	}
}

// checkNeeded checks that policy stops the attempts for a condition key, and that
// looser, which lacks that condition, does not.
func checkNeeded(t *testing.T, action, key, policy, looser string) {
	t.Helper()
	succeeded := 0
	for _, c := range attempts {
		a := vendAttempt()
		c.change(&a)
		if c.stoppedBy != key {
			continue
		}
		if got := evaluateTrust(t, policy, a, action); got != awsfake.Implicit {
			t.Errorf("%s: %s: the trust gives %s, want implicit", c.name, action, got)
		}
		if evaluateTrust(t, looser, a, action) == awsfake.Allowed {
			succeeded++
		}
		if action == "sts:AssumeRole" && a.assume(t, looser) == action {
			t.Errorf("%s: refused at %s without the condition on %s too", c.name, action, key)
		}
	}
	if succeeded == 0 {
		t.Errorf("%s: no attempt is stopped by %s alone", action, key)
	}
}

func evaluateTrust(t *testing.T, policy string, a attempt, action string) awsfake.Verdict {
	t.Helper()
	d, err := awsfake.ParseDocument(policy)
	if err != nil {
		t.Fatal(err)
	}
	request, by := a.request(action)
	if err := request.Check(); err != nil {
		t.Fatal(err)
	}
	return d.EvaluateTrust(request, by)
}

// The trust of the sandbox must not refuse what the deployed trust allows.
func TestDeployedTrustIsAtLeastAsStrictAsTheSandbox(t *testing.T) {
	sandbox := awsfake.DefaultTrust(vendRole, external, org)
	for _, c := range attempts {
		a := vendAttempt()
		c.change(&a)
		for _, action := range []string{"sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"} {
			got, want := evaluateTrust(t, trust(t), a, action), evaluateTrust(t, sandbox, a, action)
			if got == awsfake.Allowed && want != awsfake.Allowed {
				t.Errorf("%s: %s: the deployed trust allows it, the sandbox does not", c.name, action)
			}
		}
	}
}
