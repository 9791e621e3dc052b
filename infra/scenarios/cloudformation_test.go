//go:build deployed

package scenarios

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/pkg/access"
)

// nothing is what the role of the build may do. AWS denies sts:GetCallerIdentity to nobody; the emulator
// wants a permission for it.
const nothing = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` +
	`"Action":"sts:GetCallerIdentity","Resource":"*"}]}`

// stack makes one bucket.
const stack = `{"Resources": {"Orders": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "app-orders"}}}}`

// build is a computer in which the SDK finds the role of a build, as in CodeBuild: at an endpoint of
// container credentials.
func build(t *testing.T, p place) *computer {
	t.Helper()
	keys := p.engine.role(builds, "Build", "build-1", nothing)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(containerKeys(keys))
	}))
	t.Cleanup(server.Close)
	// No endpoint is set for STS, so the build signs for the STS of its Region, as in AWS.
	c := newComputer(t, "AWS_ENDPOINT_URL_CLOUDFORMATION="+p.engine.url, "AWS_ENDPOINT_URL_IAM="+p.engine.url,
		"AWS_ENDPOINT_URL_S3="+p.engine.url, "AWS_ACCESS_URL="+p.World().URL.String(),
		"AWS_CONTAINER_CREDENTIALS_FULL_URI="+server.URL+"/")
	c.write("template.json", stack)
	return c
}

func containerKeys(c access.Credentials) map[string]string {
	return map[string]string{
		"AccessKeyId": c.AccessKeyID, "SecretAccessKey": c.SecretKey.Reveal(), "Token": c.SessionToken.Reveal(),
		"Expiration": c.Expires.UTC().Format(time.RFC3339),
	}
}

// deploys are the arguments with which a build deploys the stack into an account.
func deploys(account string) []string {
	return []string{
		"exec", "--as", "aws", account, "Deploy", "--", "aws", "cloudformation", "deploy",
		"--stack-name", "app-orders", "--template-file", "template.json",
		"--role-arn", "arn:aws:iam::" + account + ":role/DeployStacks",
	}
}

// stacks are the names of the stacks of an account that were not deleted, without those of the product.
func (p place) stacks(c *computer, account string) []string {
	p.T.Helper()
	root := c.with("AWS_ACCESS_KEY_ID="+account, "AWS_SECRET_ACCESS_KEY=test", "AWS_SESSION_TOKEN=")
	names := strings.Fields(root.do(aws2(p.T), "cloudformation", "describe-stacks",
		"--query", "Stacks[].StackName", "--output", "text"))
	return slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, "aws-access-") })
}

func TestABuildDeploysIntoAnotherAccount(t *testing.T) {
	t.Parallel()
	p := startPlace(t, 0)
	c := build(t, p)
	for _, role := range []string{"Deploy", "Admin"} {
		c.refused(254, "AccessDenied", aws2(t), "sts", "assume-role", "--role-session-name", "mine",
			"--endpoint-url", p.engine.url, "--role-arn", "arn:aws:iam::"+development+":role/aws-access/"+role)
	}
	c.refused(1, "aws-access request", "aws-access", deploys(development)...)
	c.do("aws-access", "request", "--as", "aws", "payments-dev", "Deploy", "30m", "build 1")
	c.do("aws-access", deploys(development)...)
	for account, want := range map[string][]string{
		development: {"app-orders"}, production: nil, bastion: nil, builds: nil,
	} {
		if got := p.stacks(c, account); !slices.Equal(got, want) {
			t.Errorf("the stacks of %s are %v, want %v", account, got, want)
		}
	}
	p.onlyStacks(t, c)
	c.do("aws-access", "done", "--as", "aws")
	c.refused(1, "", "aws-access", deploys(development)...)
}

// onlyStacks checks that a session of Deploy cannot do anything but change stacks.
func (p place) onlyStacks(t *testing.T, c *computer) {
	t.Helper()
	for _, call := range [][]string{
		{"iam", "list-users"},
		{"iam", "create-user", "--user-name", "eve"},
		{"iam", "attach-role-policy", "--role-name", "DeployStacks",
			"--policy-arn", "arn:aws:iam::aws:policy/AdministratorAccess"},
		{"s3api", "create-bucket", "--bucket", "mine"},
		{"sts", "assume-role", "--role-session-name", "mine", "--endpoint-url", p.engine.url,
			"--role-arn", "arn:aws:iam::" + development + ":role/DeployStacks"},
		{"cloudformation", "deploy", "--stack-name", "other", "--template-file", "template.json",
			"--role-arn", "arn:aws:iam::" + development + ":role/DeployStacks"},
	} {
		args := append([]string{"exec", "--as", "aws", development, "Deploy", "--", "aws"}, call...)
		if r := c.run("aws-access", args...); r.code == 0 || !strings.Contains(r.stderr, "AccessDenied") {
			t.Errorf("aws %s: exit code %d, want AccessDenied\n%s", strings.Join(call, " "), r.code, r.stderr)
		}
	}
}

// Under a rule that needs a lead, the build waits for the click, and nothing is deployed before.
func TestABuildWaitsForALead(t *testing.T) {
	t.Parallel()
	p := startPlace(t, 0)
	c := build(t, p)
	ended := make(chan result, 1)
	go func() {
		ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
		defer cancel()
		r, err := c.try(ctx, "aws-access", "request", "--as", "aws", "payments-prod", "Deploy", "30m", "build 1")
		if err != nil {
			r.code, r.stderr = -1, err.Error()
		}
		ended <- r
	}()
	card := sandboxtest.IsCard("C0PAYMENTS")
	eventually(t, 30*time.Second, "the card is posted", func() bool {
		return sandboxtest.Count(p.State().Messages, card) > 0
	})
	if got := p.stacks(c, production); len(got) > 0 {
		t.Errorf("before the click there are stacks: %v", got)
	}
	select {
	case r := <-ended:
		t.Fatalf("the request did not wait: %+v", r)
	default:
	}
	p.Click("U0LEAD1", "Approve", p.Card("C0PAYMENTS"))
	if r := <-ended; r.code != 0 {
		t.Fatalf("after the click the request ended with %d: %s", r.code, r.stderr)
	}
	c.do("aws-access", deploys(production)...)
	if got := p.stacks(c, production); !slices.Equal(got, []string{"app-orders"}) {
		t.Errorf("the stacks are %v, want app-orders", got)
	}
}
