package member

import (
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

// attempt is one try to enter a role.
type attempt struct {
	caller, org                 string
	external, session, identity string
	tags                        map[string]string
}

// whole is what vend does.
func whole() attempt {
	return attempt{
		caller: vendRole, org: org, external: external, session: "aws-access-01K", identity: "dev1@example.com",
		tags: map[string]string{"GrantId": "01K", "Person": "dev1@example.com", "SlackUser": "U0DEV1"},
	}
}

// attempts are those that must fail, each with the condition that stops it.
// The two without one are stopped twice.
var attempts = []struct {
	name, stoppedBy string
	change          func(*attempt)
}{
	{"another role of the bastion", "aws:PrincipalArn", func(a *attempt) { a.caller = "arn:aws:iam::" + bastion + ":role/aws-access-slack" }},
	{"a role of that name below a path", "aws:PrincipalArn", func(a *attempt) { a.caller = "arn:aws:iam::" + bastion + ":role/x/aws-access-vend" }},
	{"a role whose name begins so", "aws:PrincipalArn", func(a *attempt) { a.caller = vendRole + "2" }},
	{"a role of that name in another account", "", func(a *attempt) { a.caller = "arn:aws:iam::222222222222:role/aws-access-vend" }},
	{"a role of that name in the member account", "", func(a *attempt) { a.caller = "arn:aws:iam::" + account + ":role/aws-access-vend" }},
	{"no external id", "sts:ExternalId", func(a *attempt) { a.external = "" }},
	{"another external id", "sts:ExternalId", func(a *attempt) { a.external = strings.Repeat("0", 32) }},
	{"an external id that begins so", "sts:ExternalId", func(a *attempt) { a.external += "0" }},
	{"another organisation", "aws:PrincipalOrgID", func(a *attempt) { a.org = "o-another0rg" }},
	{"no organisation", "aws:PrincipalOrgID", func(a *attempt) { a.org = "" }},
	{"another session name", "sts:RoleSessionName", func(a *attempt) { a.session = "joe" }},
	{"a session name without a grant", "sts:RoleSessionName", func(a *attempt) { a.session = "aws-access-" }},
	{"no source identity", "sts:SourceIdentity", func(a *attempt) { a.identity = "" }},
	{"no tags", "aws:RequestTag/GrantId", func(a *attempt) { a.tags = nil }},
	{"no tag of the grant", "aws:RequestTag/GrantId", func(a *attempt) { delete(a.tags, "GrantId") }},
	{"an empty tag of the grant", "aws:RequestTag/GrantId", func(a *attempt) { a.tags["GrantId"] = "" }},
	{"a tag that is the account's own", "aws:TagKeys", func(a *attempt) { a.tags["team"] = "payments" }},
}

const allowed = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`

// enter tries over the wire, in an account with nothing but one role, as a
// caller who may do everything himself. It returns the action that was refused,
// or "" if a session came of it.
func (a attempt) enter(t *testing.T, trust string) string {
	t.Helper()
	world := awsfake.New(awsfake.Options{Org: a.org})
	if err := world.PutRole(account, awsfake.Role{Name: "Admin", Path: "/aws-access/", Trust: trust, Permissions: []string{allowed}}); err != nil {
		t.Fatal(err)
	}
	c, err := world.FunctionCredentials(a.caller, allowed)
	if err != nil {
		t.Fatal(err)
	}
	return a.enterAs(t, world, credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretKey.Reveal(), c.SessionToken.Reveal()))
}

func (a attempt) enterAs(t *testing.T, world *awsfake.Server, as aws.CredentialsProvider) string {
	t.Helper()
	server := httptest.NewServer(world.AWS())
	defer server.Close()
	client := sts.New(sts.Options{Region: "eu-west-1", BaseEndpoint: aws.String(server.URL), Credentials: as, Retryer: aws.NopRetryer{}})
	in := &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::" + account + ":role/aws-access/Admin"), RoleSessionName: aws.String(a.session)}
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

// call is the attempt as IAM judges one of its three actions: the external id
// and the session's name are in the context of sts:AssumeRole alone.
func (a attempt) call(action string) (awsfake.Call, awsfake.Principal) {
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
	call := awsfake.Call{Action: action, Resource: "arn:aws:iam::" + account + ":role/aws-access/Admin", Context: context}
	return call, awsfake.Principal{AWS: a.caller}
}

func TestWhatVendSendsIsLetIn(t *testing.T) {
	if got := whole().enter(t, trust(t)); got != "" {
		t.Errorf("refused at %s", got)
	}
	least := whole()
	least.tags = map[string]string{"GrantId": "01K"}
	if got := least.enter(t, trust(t)); got != "" {
		t.Errorf("with the tag of the grant alone: refused at %s", got)
	}
}

// The vend function's own client, with what it sends by itself.
func TestTheVendFunctionEntersEveryRole(t *testing.T) {
	world := awsfake.New(awsfake.Options{Org: org})
	for name, p := range roles(render(t, here, nil)) {
		put := awsfake.Role{Name: name, Path: fmt.Sprint(p["Path"]), Trust: document(t, p["AssumeRolePolicyDocument"]), Permissions: []string{allowed}}
		if err := world.PutRole(account, put); err != nil {
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
			Region: "eu-west-1", BaseEndpoint: aws.String(server.URL),
			Credentials: credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretKey.Reveal(), c.SessionToken.Reveal()),
		}),
		ExternalID: func(context.Context, bool) (access.Secret, error) { return access.NewSecret(external), nil },
	}
	now := time.Now()
	for _, role := range []string{"ReadOnly", "Operator", "Admin"} {
		got, err := assumer.Assume(t.Context(), access.Vending{
			Target: access.Target{Account: account, Role: role, Path: "/aws-access/", Region: "eu-west-1"}, Grant: "01K", Session: "aws-access-01K",
			Who: access.Person{ID: "U0DEV1", Email: "dev1@example.com"}, Now: now, Ends: now.Add(time.Hour),
		})
		if err != nil || got.AccessKeyID == "" {
			t.Errorf("%s: %v", role, err)
		}
	}
}

func TestWhateverElseIsRefused(t *testing.T) {
	for _, c := range attempts {
		a := whole()
		c.change(&a)
		if got := a.enter(t, trust(t)); got != "sts:AssumeRole" {
			t.Errorf("%s: refused at %q, want sts:AssumeRole", c.name, got)
		}
	}
}

// A member account outside any organisation has no condition on one, and all
// others.
func TestWithoutAnOrganisationTheRestHolds(t *testing.T) {
	alone := document(t, render(t, here, map[string]string{"OrganizationId": ""})["AdminRole"].Properties["AssumeRolePolicyDocument"])
	if strings.Contains(alone, "OrgID") {
		t.Fatalf("the trust names an organisation: %s", alone)
	}
	for _, c := range attempts {
		a := whole()
		a.org = ""
		c.change(&a)
		want := "sts:AssumeRole"
		if c.stoppedBy == "aws:PrincipalOrgID" {
			want = ""
		}
		if got := a.enter(t, alone); got != want {
			t.Errorf("%s: refused at %q, want %q", c.name, got, want)
		}
	}
}

// A role named as principal would be stored as its id, and a vend function that
// was deployed anew would be a stranger in every member account.
func TestARoleMadeAgainUnderTheSameNameIsTheSame(t *testing.T) {
	world := awsfake.New(awsfake.Options{Org: org})
	if err := world.PutRole(account, awsfake.Role{Name: "Admin", Path: "/aws-access/", Trust: trust(t)}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		c, err := world.FunctionCredentials(vendRole)
		if err != nil {
			t.Fatal(err)
		}
		if got := whole().enterAs(t, world, credentials.NewStaticCredentialsProvider(c.AccessKeyID, c.SecretKey.Reveal(), c.SessionToken.Reveal())); got != "" {
			t.Errorf("refused at %s", got)
		}
		world.RemoveRole(bastion, "aws-access-vend")
	}
	for _, s := range statements(t, trust(t)) {
		if want := map[string]any{"AWS": "arn:aws:iam::" + bastion + ":root"}; fmt.Sprint(s["Principal"]) != fmt.Sprint(want) {
			t.Errorf("%s trusts %v, want %v: only the account's root is not stored as an id", s["Action"], s["Principal"], want)
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

// TestEveryConditionIsNeeded takes each condition out of each statement: then
// some attempt that it stops must come through, and the whole trust must stop
// it.
func TestEveryConditionIsNeeded(t *testing.T) {
	policy := trust(t)
	taken := 0
	for i, s := range statements(t, policy) {
		action := fmt.Sprint(s["Action"])
		for operator, raw := range s["Condition"].(map[string]any) {
			for key := range raw.(map[string]any) {
				taken++
				all := statements(t, policy)
				without(all[i]["Condition"].(map[string]any), operator, key)
				letsThrough(t, action, key, policy, document(t, map[string]any{"Version": "2012-10-17", "Statement": all}))
			}
		}
	}
	if taken != 7+3+2 {
		t.Errorf("%d conditions, want seven on sts:AssumeRole, three on sts:TagSession, two on sts:SetSourceIdentity", taken)
	}
}

func without(conditions map[string]any, operator, key string) {
	keys := conditions[operator].(map[string]any)
	delete(keys, key)
	if len(keys) == 0 {
		delete(conditions, operator)
	}
}

// letsThrough says that what a condition stops comes through without it.
func letsThrough(t *testing.T, action, key, policy, looser string) {
	t.Helper()
	through := 0
	for _, c := range attempts {
		a := whole()
		c.change(&a)
		if c.stoppedBy != key {
			continue
		}
		if got := judge(t, policy, a, action); got != awsfake.Implicit {
			t.Errorf("%s: %s: the trust says %s", c.name, action, got)
		}
		if judge(t, looser, a, action) == awsfake.Allowed {
			through++
		}
		if action == "sts:AssumeRole" && a.enter(t, looser) == action {
			t.Errorf("%s: still refused at %s when %s is not asked for there", c.name, action, key)
		}
	}
	if through == 0 {
		t.Errorf("%s: nothing is stopped by %s", action, key)
	}
}

func judge(t *testing.T, policy string, a attempt, action string) awsfake.Verdict {
	t.Helper()
	d, err := awsfake.ParseDocument(policy)
	if err != nil {
		t.Fatal(err)
	}
	call, by := a.call(action)
	if err := call.Check(); err != nil {
		t.Fatal(err)
	}
	return d.EvaluateTrust(call, by)
}

// The trust that the sandbox plays must not refuse what the real one lets in.
func TestTheRealTrustIsAtLeastAsStrictAsThePlayed(t *testing.T) {
	played := awsfake.DefaultTrust(vendRole, external, org)
	for _, c := range attempts {
		a := whole()
		c.change(&a)
		for _, action := range []string{"sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"} {
			ours, theirs := judge(t, trust(t), a, action), judge(t, played, a, action)
			if ours == awsfake.Allowed && theirs != awsfake.Allowed {
				t.Errorf("%s: %s: the real trust allows what the played one does not", c.name, action)
			}
		}
	}
}
