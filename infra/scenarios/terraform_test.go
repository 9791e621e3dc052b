//go:build deployed

package scenarios

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
)

// sessionLife is so short that an apply of a minute outlives three sessions.
const sessionLife = 20 * time.Second

// engineer is U0DEV1's computer with Terraform, in a directory with the configuration.
type engineer struct {
	*computer
	place place
	dir   string
	tool  string
}

// newEngineer returns the computer of somebody who has been approved as Admin of payments-dev.
func newEngineer(t *testing.T) engineer {
	t.Helper()
	tool := os.Getenv("SCENARIOS_TERRAFORM")
	if tool == "" {
		t.Skip("NOT RUN: terraform is not on the PATH; make scenarios TOFU=1 builds OpenTofu")
	}
	p := startPlace(t, sessionLife)
	p.bucket(development, "state")
	c := newComputer(t, "AWS_ENDPOINT_URL="+p.engine.url)
	c.write("work/main.tf", read(t, "testdata/terraform/main.tf"))
	c = c.with("TF_IN_AUTOMATION=1", "TF_INPUT=0", "TF_CLI_CONFIG_FILE="+c.write("terraformrc",
		`provider_installation { filesystem_mirror { path = "`+program(t, "SCENARIOS_MIRROR")+`" } }`+"\n"))
	return engineer{computer: c, place: p, dir: filepath.Join(c.dir, "work"), tool: tool}
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// bucket makes a bucket.
func (p place) bucket(account, name string) {
	p.T.Helper()
	client := s3.NewFromConfig(p.engine.config(rootOf(account)), func(o *s3.Options) { o.UsePathStyle = true })
	_, err := client.CreateBucket(p.T.Context(), &s3.CreateBucketInput{
		Bucket: &name, CreateBucketConfiguration: &types.CreateBucketConfiguration{LocationConstraint: region},
	})
	if err != nil {
		p.T.Fatal(err)
	}
}

// terraform runs Terraform in the directory of the configuration.
func (e engineer) terraform(args ...string) string {
	e.t.Helper()
	return e.do(e.tool, append([]string{"-chdir=" + e.dir}, args...)...)
}

// asAdmin asks for Admin in payments-dev by the command, and a lead approves.
func (e engineer) asAdmin() {
	e.t.Helper()
	e.pair(e.place.Sandbox, "U0DEV1")
	e.do("aws-access", "request", "payments-dev", "Admin", "1h", "two instances", "--no-wait")
	e.place.Click("U0LEAD1", "Approve", e.place.Await("card", 0, sandboxtest.IsCard("C0APPROVALS")))
}

// state reads the state in the bucket.
func (e engineer) state(key string) (resources int, found bool) {
	e.t.Helper()
	aws := e.with("AWS_ACCESS_KEY_ID="+development, "AWS_SECRET_ACCESS_KEY=test", "AWS_SESSION_TOKEN=")
	r := aws.run(aws2(e.t), "s3", "cp", "s3://state/"+key, "-")
	var state struct{ Resources []any }
	if r.code != 0 {
		return 0, false
	}
	if err := json.Unmarshal([]byte(r.stdout), &state); err != nil {
		e.t.Fatalf("the state %s: %v", key, err)
	}
	return len(state.Resources), true
}

// lock reports whether the lock of a state is held.
func (e engineer) lock(key string) bool {
	root := e.with("AWS_ACCESS_KEY_ID="+development, "AWS_SECRET_ACCESS_KEY=test", "AWS_SESSION_TOKEN=")
	return root.run(aws2(e.t), "s3api", "head-object", "--bucket", "state", "--key", key+".tflock").code == 0
}

// instances returns the states of the instances in an account.
func (p place) instances(c *computer, account string) []string {
	p.T.Helper()
	root := c.with("AWS_ACCESS_KEY_ID="+account, "AWS_SECRET_ACCESS_KEY=test", "AWS_SESSION_TOKEN=")
	return strings.Fields(root.do(aws2(p.T), "ec2", "describe-instances",
		"--query", "Reservations[].Instances[].State.Name", "--output", "text"))
}

func count(of []string, what string) (n int) {
	for _, one := range of {
		if one == what {
			n++
		}
	}
	return n
}

func TestTerraformAppliesAndDestroysOverTheEndOfSessions(t *testing.T) {
	t.Parallel()
	e := newEngineer(t)
	e.asAdmin()
	const name = "payments-dev-Admin"
	e.do("aws-access", "profiles", "--write")
	e.computer = e.with("AWS_PROFILE=" + name)
	e.terraform("init", "-backend-config=key=renewed", "-backend-config=profile="+name)
	began := time.Now()
	e.terraform("apply", "-auto-approve", "-var=profile="+name)
	took := time.Since(began)
	if got := e.place.instances(e.computer, development); count(got, "running") != 3 {
		t.Errorf("after the apply the instances are %v, want 3 running", got)
	}
	if n := e.place.sts.sessions(); n < 3 || took < 60*time.Second {
		t.Errorf("%d sessions in %s, want an apply of a minute over at least 3", n, took)
	}
	if n, found := e.state("renewed"); !found || n != 3 {
		t.Errorf("the state has %d resources (it exists: %v), want 3", n, found)
	}
	e.terraform("destroy", "-auto-approve", "-var=profile="+name)
	if got := e.place.instances(e.computer, development); count(got, "terminated") != 3 || len(got) != 3 {
		t.Errorf("after the destroy the instances are %v, want 3 terminated", got)
	}
	if n, found := e.state("renewed"); !found || n != 0 {
		t.Errorf("after the destroy the state has %d resources (it exists: %v), want none", n, found)
	}
	if got := e.place.instances(e.computer, bastion); len(got) != 0 {
		t.Errorf("the bastion has instances: %v", got)
	}
	t.Logf("an apply of %s over %d sessions of %s", took.Round(time.Second), e.place.sts.sessions(), sessionLife)
}

// The control: the same configuration with keys that nobody renews.
func TestTerraformWithoutRenewalLosesItsState(t *testing.T) {
	t.Parallel()
	e := newEngineer(t)
	e.asAdmin()
	var keys struct{ AccessKeyId, SecretAccessKey, SessionToken string }
	printed := e.do("aws-access", "credential-process", "payments-dev", "Admin")
	if err := json.Unmarshal([]byte(printed), &keys); err != nil {
		t.Fatal(err)
	}
	e.computer = e.with("AWS_ACCESS_KEY_ID="+keys.AccessKeyId, "AWS_SECRET_ACCESS_KEY="+keys.SecretAccessKey,
		"AWS_SESSION_TOKEN="+keys.SessionToken)
	e.terraform("init", "-backend-config=key=control")
	r := e.run(e.tool, "-chdir="+e.dir, "apply", "-auto-approve")
	if r.code == 0 || !strings.Contains(r.stdout+r.stderr, "UnauthorizedOperation") {
		t.Errorf("apply without renewal: exit code %d\n%s", r.code, r.stderr)
	}
	if _, err := os.Stat(filepath.Join(e.dir, "errored.tfstate")); err != nil {
		t.Errorf("the state was written, although nobody renewed the keys: %v", err)
	}
	if lock := e.lock("control"); !lock {
		t.Error("the lock was released, although nobody renewed the keys")
	}
	if n, found := e.state("control"); found && n > 0 {
		t.Errorf("the bucket has a state of %d resources", n)
	}
	if got := e.place.instances(e.computer, development); count(got, "running") == 0 {
		t.Errorf("no instance is left behind: %v", got)
	}
}
