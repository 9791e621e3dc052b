package member

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-access/aws-access/infra/member/cfntest"
	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
	"github.com/aws-access/aws-access/pkg/vend"
)

const (
	deployRole  = "arn:aws:iam::111111111111:role/aws-access/Deploy"
	serviceRole = "arn:aws:iam::111111111111:role/DeployStacks"
	ordersStack = "arn:aws:cloudformation:eu-west-1:111111111111:stack/app-orders/1"
	stackOfSet  = "arn:aws:cloudformation:eu-west-1:111111111111:stack/StackSet-aws-access-roles-1/1"
	byService   = "cloudformation.amazonaws.com"
)

// renderDeploy returns the resources of deploy.yaml in a member account.
func renderDeploy(t *testing.T, change map[string]string) map[string]cfntest.Resource {
	t.Helper()
	template, err := cfntest.Read("deploy.yaml")
	if err != nil {
		t.Fatal(err)
	}
	values := required()
	maps.Copy(values, change)
	made, err := template.Render(here, values)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// deployDocument returns a managed policy of deploy.yaml.
func deployDocument(t *testing.T, id string, change map[string]string) string {
	t.Helper()
	return document(t, renderDeploy(t, change)[id].Properties["PolicyDocument"])
}

func TestDeployIsEnteredLikeTheOtherRoles(t *testing.T) {
	made := renderDeploy(t, nil)
	role := made["DeployRole"].Properties
	if diff := cmp.Diff(trust(t), document(t, role["AssumeRolePolicyDocument"])); diff != "" {
		t.Errorf("trust (-Admin +Deploy):\n%s", diff)
	}
	want := map[string]any{
		"RoleName": "Deploy", "Path": "/aws-access/", "MaxSessionDuration": 3600,
		"ManagedPolicyArns":   []any{policyPrefix + "aws-access-Deploy"},
		"PermissionsBoundary": policyPrefix + "aws-access-boundary-Deploy",
	}
	for name, value := range want {
		if diff := cmp.Diff(value, role[name]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if role["Policies"] != nil {
		t.Error("Deploy has inline policies: their size limit is reserved for the denies that end sessions")
	}
}

// The session policy denies passing a role of the product, so the service role must not look like one.
func TestServiceRoleBelongsToCloudFormationAlone(t *testing.T) {
	role := renderDeploy(t, nil)["ServiceRole"].Properties
	want := `{"Statement":[{"Action":"sts:AssumeRole","Effect":"Allow",` +
		`"Principal":{"Service":"cloudformation.amazonaws.com"}}],"Version":"2012-10-17"}`
	if got := document(t, role["AssumeRolePolicyDocument"]); got != want {
		t.Errorf("trust: got %s", got)
	}
	if role["RoleName"] != "DeployStacks" || role["Path"] != nil {
		t.Errorf("the service role is %v below %v", role["RoleName"], role["Path"])
	}
	boundaries := map[string]map[string]string{
		policyPrefix + "aws-access-boundary-Operator": nil,
		"arn:aws:iam::111111111111:policy/mine":       {"ServiceBoundary": "arn:aws:iam::111111111111:policy/mine"},
	}
	for want, change := range boundaries {
		if got := renderDeploy(t, change)["ServiceRole"].Properties["PermissionsBoundary"]; got != want {
			t.Errorf("boundary with %v: got %v, want %v", change, got, want)
		}
	}
	own := renderDeploy(t, map[string]string{"ServicePolicies": "arn:aws:iam::aws:policy/A, arn:aws:iam::aws:policy/B"})
	got := []any{role["ManagedPolicyArns"], own["ServiceRole"].Properties["ManagedPolicyArns"]}
	policies := []any{
		[]any{"arn:aws:iam::aws:policy/PowerUserAccess"},
		[]any{"arn:aws:iam::aws:policy/A", "arn:aws:iam::aws:policy/B"},
	}
	if diff := cmp.Diff(policies, got); diff != "" {
		t.Errorf("policies (-want +got):\n%s", diff)
	}
}

// deployCall is a call of Deploy, with the condition keys that CloudFormation and IAM set.
type deployCall struct {
	action, resource string
	role             string // cloudformation:RoleArn
	to               string // iam:PassedToService
}

// evaluate evaluates the call: identity is what is attached to the role, limits are its boundary and the
// session policy.
func (c deployCall) evaluate(t *testing.T, identity string, limits ...string) awsfake.Verdict {
	t.Helper()
	parse := func(text string) awsfake.Document {
		d, err := awsfake.ParseDocument(text)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	p := awsfake.Permissions{Identity: []awsfake.Document{parse(identity)}}
	for _, text := range limits {
		p.Limits = append(p.Limits, parse(text))
	}
	asked := awsfake.Call{Action: c.action, Resource: c.resource, Context: map[string][]string{
		"aws:PrincipalArn": {deployRole},
		"aws:userid":       {"AROAEXAMPLE:aws-access-01K"},
		"aws:CurrentTime":  {"2026-11-21T12:00:00Z"},
	}}
	if c.role != "" {
		asked.Context["cloudformation:RoleArn"] = []string{c.role}
	}
	if c.to != "" {
		asked.Context["iam:PassedToService"] = []string{c.to}
	}
	if err := asked.Check(); err != nil {
		t.Fatal(err)
	}
	return p.Evaluate(asked)
}

// sessionOfDeploy is the session policy that vend gives to a session of Deploy.
func sessionOfDeploy(t *testing.T) string { t.Helper(); return sessionOf(t, "Deploy") }

// sessionOf is the session policy that vend gives to a session of a role.
func sessionOf(t *testing.T, role string) string {
	t.Helper()
	policy, err := vend.SessionPolicy(access.Vending{
		Target: access.Target{Account: account, Role: role, Path: "/aws-access/"},
		Now:    time.Date(2026, 11, 21, 11, 0, 0, 0, time.UTC),
		Ends:   time.Date(2026, 11, 21, 13, 0, 0, 0, time.UTC),
	})
	if err != nil {
		t.Fatal(err)
	}
	return policy
}

// These are the calls of `aws cloudformation deploy` and `delete-stack`, and what goes with them.
var deployWork = []deployCall{
	{"cloudformation:CreateChangeSet", ordersStack, serviceRole, ""},
	{"cloudformation:CreateStack", ordersStack, serviceRole, ""},
	{"cloudformation:UpdateStack", ordersStack, serviceRole, ""},
	{"cloudformation:DeleteStack", ordersStack, serviceRole, ""},
	{"cloudformation:RollbackStack", ordersStack, serviceRole, ""},
	{"cloudformation:ContinueUpdateRollback", ordersStack, serviceRole, ""},
	{"cloudformation:ExecuteChangeSet", ordersStack, "", ""},
	{"cloudformation:DeleteChangeSet", ordersStack, "", ""},
	{"cloudformation:DescribeStacks", appStack, "", ""},
	{"cloudformation:GetTemplateSummary", "*", "", ""},
	{"cloudformation:ValidateTemplate", "*", "", ""},
	{"iam:PassRole", serviceRole, "", byService},
	{"s3:PutObject", "arn:aws:s3:::builds/app.zip", "", ""},
	{"s3:GetObject", "arn:aws:s3:::builds/app.zip", "", ""},
	{"sts:GetScopedCredentials", "*", "", ""},
}

var withArtefacts = map[string]string{"ArtifactBucket": "builds"}

func TestDeployCanMakeStacksThroughItsServiceRole(t *testing.T) {
	attached := deployDocument(t, "DeployPolicy", withArtefacts)
	limit := deployDocument(t, "DeployOwnBoundary", withArtefacts)
	for _, c := range deployWork {
		if got := c.evaluate(t, attached, limit, sessionOfDeploy(t)); got != awsfake.Allowed {
			t.Errorf("%s on %s: %s", c.action, c.resource, got)
		}
	}
}

// What Deploy's own policy does not allow, its boundary may: the boundary says what is true whatever is attached.
var deployRefusals = map[string]struct {
	deployCall
	boundary bool // the boundary alone refuses it too
}{
	"a stack with the permissions of the caller": {deployCall{"cloudformation:CreateStack", ordersStack, "", ""}, false},
	"a stack with another role": {
		deployCall{"cloudformation:CreateStack", ordersStack, oldRole, ""}, false,
	},
	"a change set with another role": {deployCall{"cloudformation:CreateChangeSet", ordersStack, oldRole, ""}, false},
	"an update with the role it had": {deployCall{"cloudformation:UpdateStack", ordersStack, "", ""}, false},
	"deleting with the role it had":  {deployCall{"cloudformation:DeleteStack", ordersStack, "", ""}, false},
	"a stack with another name":      {deployCall{"cloudformation:CreateStack", appStack, serviceRole, ""}, false},
	"a change set of another stack":  {deployCall{"cloudformation:ExecuteChangeSet", appStack, "", ""}, false},
	"a stack set":                    {deployCall{"cloudformation:CreateStackSet", "*", serviceRole, ""}, false},
	"the stack of the product":       {deployCall{"cloudformation:DeleteStack", rolesStack, serviceRole, ""}, true},
	"the stack set of the product":   {deployCall{"cloudformation:ExecuteChangeSet", stackOfSet, "", ""}, true},
	"a type of a publisher":          {deployCall{"cloudformation:ActivateType", "*", "", ""}, true},
	"passing another role":           {deployCall{"iam:PassRole", oldRole, "", byService}, true},
	"passing the role to a function": {deployCall{"iam:PassRole", serviceRole, "", "lambda.amazonaws.com"}, true},
	"passing itself":                 {deployCall{"iam:PassRole", deployRole, "", byService}, true},
	"listing users":                  {deployCall{"iam:ListUsers", "*", "", ""}, true},
	"reading the service role":       {deployCall{"iam:GetRole", serviceRole, "", ""}, true},
	"widening the service role":      {deployCall{"iam:AttachRolePolicy", serviceRole, "", ""}, true},
	"the trust of the service role":  {deployCall{"iam:UpdateAssumeRolePolicy", serviceRole, "", ""}, true},
	"a user":                         {deployCall{"iam:CreateUser", newUser, "", ""}, true},
	"assuming the service role":      {deployCall{"sts:AssumeRole", serviceRole, "", ""}, true},
	"assuming a role elsewhere":      {deployCall{"sts:AssumeRole", "arn:aws:iam::222222222222:role/x", "", ""}, true},
	"a bucket, without a stack":      {deployCall{"s3:CreateBucket", "arn:aws:s3:::new", "", ""}, true},
	"an instance, without a stack":   {deployCall{"ec2:RunInstances", "*", "", ""}, true},
	"a secret":                       {deployCall{"secretsmanager:GetSecretValue", "*", "", ""}, true},
	"an object outside the bucket":   {deployCall{"s3:GetObject", "arn:aws:s3:::data/1", "", ""}, false},
}

func TestDeployCannotDoAnythingElse(t *testing.T) {
	attached := deployDocument(t, "DeployPolicy", withArtefacts)
	limit := deployDocument(t, "DeployOwnBoundary", withArtefacts)
	for name, c := range deployRefusals {
		if got := c.evaluate(t, attached, limit); got == awsfake.Allowed {
			t.Errorf("%s: %s on %s is allowed", name, c.action, c.resource)
		}
		got := c.evaluate(t, allowed, limit)
		if refused := got != awsfake.Allowed; refused != c.boundary {
			t.Errorf("%s: %s under the boundary alone: %s", name, c.action, got)
		}
	}
	if text := deployDocument(t, "DeployPolicy", nil); strings.Contains(text, "s3:") {
		t.Errorf("without a bucket, Deploy has permissions in S3: %s", text)
	}
}

// TestEveryPartOfDeployIsNeeded removes each statement of the two policies, and each condition. Then work
// must become impossible, or something that was refused possible.
func TestEveryPartOfDeployIsNeeded(t *testing.T) {
	policies := map[string]string{}
	for _, id := range []string{"DeployPolicy", "DeployOwnBoundary"} {
		policies[id] = deployDocument(t, id, withArtefacts)
	}
	before := deployVerdicts(t, policies)
	parts := 0
	for id, whole := range policies {
		for name, changed := range withoutEachPart(t, whole) {
			parts++
			mutated := maps.Clone(policies)
			mutated[id] = changed
			if cmp.Equal(before, deployVerdicts(t, mutated)) {
				t.Errorf("%s without %s decides the same", id, name)
			}
		}
	}
	if parts != 6+2+4+1 {
		t.Errorf("%d parts, want 10 statements and 3 conditions", parts)
	}
}

// deployVerdicts says what is allowed, with the policy alone, with the boundary alone, and with both.
func deployVerdicts(t *testing.T, policies map[string]string) map[string]bool {
	t.Helper()
	calls := map[string]deployCall{}
	for _, c := range deployWork {
		calls[c.action+" "+c.resource] = c
	}
	for name, c := range deployRefusals {
		calls[name] = c.deployCall
	}
	verdicts := map[string]bool{}
	for name, c := range calls {
		verdicts[name] = c.evaluate(t, policies["DeployPolicy"]) == awsfake.Allowed
		verdicts["boundary: "+name] = c.evaluate(t, allowed, policies["DeployOwnBoundary"]) == awsfake.Allowed
	}
	return verdicts
}

// withoutEachPart returns copies of a policy that lack one statement or one condition.
func withoutEachPart(t *testing.T, policy string) map[string]string {
	t.Helper()
	changed := map[string]string{}
	for i, s := range statements(t, policy) {
		name := fmt.Sprint(s["Sid"])
		all := statements(t, policy)
		changed[name] = document(t, map[string]any{"Version": "2012-10-17", "Statement": append(all[:i:i], all[i+1:]...)})
		if s["Condition"] != nil {
			all = statements(t, policy)
			delete(all[i], "Condition")
			changed["the condition of "+name] = document(t, map[string]any{"Version": "2012-10-17", "Statement": all})
		}
	}
	return changed
}

// Whatever is attached to the service role, a stack cannot change identities or open a way in.
func TestServiceRoleCannotChangeIdentities(t *testing.T) {
	limit := boundary(t, "Operator")
	for action, want := range map[string]bool{
		"s3:CreateBucket": true, "ec2:RunInstances": true, "lambda:CreateFunction": true, "iam:CreateServiceLinkedRole": true,
		"iam:CreateRole": false, "iam:CreateUser": false, "iam:CreateAccessKey": false, "iam:AttachRolePolicy": false,
		"sso:CreateAccountAssignment": false, "rolesanywhere:CreateTrustAnchor": false, "eks:CreateAccessEntry": false,
		"organizations:LeaveOrganization": false, "transfer:CreateUser": false,
	} {
		got := call{serviceRole, action, "*", ""}.evaluate(t, limit)
		if (got == awsfake.Allowed) != want {
			t.Errorf("%s: %s", action, got)
		}
	}
}

func TestDeployTemplateIsPlainAndWithinTheLimits(t *testing.T) {
	source, err := os.ReadFile("deploy.yaml")
	if err != nil || len(source) > 51200 || strings.Contains(string(source), "\nTransform") {
		t.Errorf("%d bytes, %v", len(source), err)
	}
	longest := map[string]string{
		"ExternalId": strings.Repeat("x", 128), "OrganizationId": "o-" + strings.Repeat("x", 32),
		"Path": "/aws-access/" + strings.Repeat("p", 115) + "/", "DeployName": strings.Repeat("d", 58),
		"StackPrefix": strings.Repeat("s", 64), "ArtifactBucket": strings.Repeat("b", 63),
	}
	for id, r := range renderDeploy(t, longest) {
		if r.Type != "AWS::IAM::Role" && r.Type != "AWS::IAM::ManagedPolicy" {
			t.Errorf("%s is a %s", id, r.Type)
		}
		for property, limit := range map[string]int{"AssumeRolePolicyDocument": 2048, "PolicyDocument": 6144} {
			if text, _ := json.Marshal(r.Properties[property]); len(text) > limit {
				t.Errorf("%s of %s has %d characters, the limit of IAM is %d", property, id, len(text), limit)
			}
		}
	}
}
