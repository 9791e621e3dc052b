//go:build deployed

package scenarios

import (
	"context"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/aws-access/aws-access/pkg/access"
)

// engine is an emulator of AWS with many accounts, which checks signatures and permissions.
type engine struct {
	t   *testing.T
	url string
}

// startEngine starts ministack.
func startEngine(t *testing.T) engine {
	t.Helper()
	dir := t.TempDir()
	port := freePort(t)
	e := engine{t: t, url: "http://127.0.0.1:" + port}
	log, err := os.Create(filepath.Join(dir, "ministack.log"))
	if err != nil {
		t.Fatal(err)
	}
	p := exec.Command(program(t, "SCENARIOS_MINISTACK"))
	p.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TMPDIR=" + dir, "LANG=C.UTF-8",
		"AUTH=true", "BIND_HOST=127.0.0.1", "GATEWAY_PORT=" + port,
		"MINISTACK_REGION=" + region, "MINISTACK_ACCOUNT_ID=" + bastion,
		"IOT_MTLS_ENABLED=0", "SFTP_ENABLED=0", "STATE_DIR=" + dir + "/state", "S3_DATA_DIR=" + dir + "/s3",
		"DOCKER_HOST=unix:///nonexistent", // otherwise it would remove containers of other programs
	}
	p.Stdout, p.Stderr = log, log
	// The emulator gets its own process group, so that what it starts always ends with it.
	p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = syscall.Kill(-p.Process.Pid, syscall.SIGKILL)
		_ = p.Wait()
		_ = log.Close()
		if t.Failed() {
			output, _ := os.ReadFile(log.Name())
			t.Logf("the emulator's last words:\n%s", output[max(0, len(output)-4000):])
		}
	})
	eventually(t, 60*time.Second, "the emulator answers", func() bool { return healthy(e.url + "/_ministack/health") })
	return e
}

func healthy(url string) bool {
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	answer, err := http.DefaultClient.Do(r)
	return err == nil && answer.Body.Close() == nil && answer.StatusCode == http.StatusOK
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// eventually waits until done is true, because other processes do the work.
func eventually(t *testing.T, limit time.Duration, what string, done func() bool) {
	t.Helper()
	last := time.After(limit)
	again := time.NewTicker(100 * time.Millisecond)
	defer again.Stop()
	for !done() {
		select {
		case <-again.C:
		case <-last:
			t.Fatalf("not within %s: %s", limit, what)
		}
	}
}

// config is the configuration of AWS clients in the emulator.
func (e engine) config(c access.Credentials) aws.Config {
	return aws.Config{
		Region: region, BaseEndpoint: aws.String(e.url), RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{
				AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretKey.Reveal(), SessionToken: c.SessionToken.Reveal(),
			}, nil
		}),
	}
}

// rootOf returns keys that may do everything in an account. The emulator accepts the id of an account as
// the key id of its root user.
func rootOf(account string) access.Credentials {
	return access.Credentials{AccessKeyID: account, SecretKey: access.NewSecret("test")}
}

// role makes a role that its own account may enter, and returns keys of a session of it.
func (e engine) role(account, name, session, permissions string) access.Credentials {
	e.t.Helper()
	root := e.config(rootOf(account))
	trust := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::` + account +
		`:root"},"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"]}]}`
	made, err := iam.NewFromConfig(root).CreateRole(e.t.Context(), &iam.CreateRoleInput{
		RoleName: &name, AssumeRolePolicyDocument: &trust,
	})
	if err != nil {
		e.t.Fatal(err)
	}
	_, err = iam.NewFromConfig(root).PutRolePolicy(e.t.Context(), &iam.PutRolePolicyInput{
		RoleName: &name, PolicyName: aws.String("only"), PolicyDocument: &permissions,
	})
	if err != nil {
		e.t.Fatal(err)
	}
	out, err := sts.NewFromConfig(root).AssumeRole(e.t.Context(), &sts.AssumeRoleInput{
		RoleArn: made.Role.Arn, RoleSessionName: &session,
	})
	if err != nil {
		e.t.Fatal(err)
	}
	c := out.Credentials
	return access.Credentials{
		AccessKeyID: *c.AccessKeyId, SecretKey: access.NewSecret(*c.SecretAccessKey),
		SessionToken: access.NewSecret(*c.SessionToken), Expires: *c.Expiration,
	}
}
