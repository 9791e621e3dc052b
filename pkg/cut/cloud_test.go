package cut

import (
	"context"
	"encoding/xml"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/awscall"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
)

const (
	member   = "111111111111"
	cutRole  = "arn:aws:iam::999999999999:role/aws-access-cut"
	vendRole = "arn:aws:iam::999999999999:role/aws-access-vend"
	target   = "arn:aws:iam::111111111111:role/aws-access/Admin"
	external = "canary-external-id-4711"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// cloud is the fake of AWS with a member account, the cut list of its role Admin, and a clock that
// the tests set.
type cloud struct {
	*awsfake.Server
	url       string
	vend, cut access.Credentials

	mu    sync.Mutex
	now   time.Time
	fault func(op string) awsfake.Fault
	calls []string // operations, in order
	list  access.CutList
}

func (c *cloud) clock() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *cloud) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func newCloud(t testing.TB) *cloud {
	t.Helper()
	c := &cloud{now: noon}
	c.Server = awsfake.New(awsfake.Options{
		Now: c.clock, Org: "o-sandbox",
		OnCall: func(op string) { c.mu.Lock(); defer c.mu.Unlock(); c.calls = append(c.calls, op) },
		Fault: func(op string) awsfake.Fault {
			c.mu.Lock()
			fault := c.fault
			c.mu.Unlock()
			if fault == nil {
				return awsfake.Fault{}
			}
			return fault(op)
		},
	})
	const may = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:*"],"Resource":"*"}]}`
	var err error
	if c.vend, err = c.FunctionCredentials(vendRole, may); err == nil {
		c.cut, err = c.FunctionCredentials(cutRole, may)
	}
	for _, r := range []awsfake.Role{
		{Name: "Admin", Path: "/aws-access/", Trust: awsfake.DefaultTrust(vendRole, external, "o-sandbox")},
		{Name: "Other", Path: "/aws-access/", Trust: awsfake.DefaultTrust(vendRole, external, "o-sandbox")},
		awsfake.DefaultRevoker(cutRole, external, "o-sandbox"),
	} {
		if err == nil {
			err = c.PutRole(member, r)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(c.AWS())
	t.Cleanup(server.Close)
	c.url = server.URL
	c.list = access.CutList{Account: member, Role: "Admin", RoleARN: target}
	return c
}

func (c *cloud) config(k access.Credentials) aws.Config {
	return aws.Config{
		Region: "eu-west-1", BaseEndpoint: aws.String(c.url), HTTPClient: http.DefaultClient,
		Credentials: awscall.Keys(k.AccessKeyID, k.SecretKey.Reveal(), k.SessionToken.Reveal()),
	}
}

func (c *cloud) cutter() Cutter {
	return Cutter{
		STS: awscall.Client{Service: "sts", Config: c.config(c.cut)}, IAM: c.config(access.Credentials{}),
		ExternalID: func(context.Context, bool) (access.Secret, error) { return access.NewSecret(external), nil },
		Now:        c.clock,
	}
}

// read reads the list, as the table would.
func (c *cloud) read(context.Context) (access.CutList, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.list, nil
}

// add puts a grant on the list until a time.
func (c *cloud) add(grant string, until time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = c.list.Add(access.Request{ID: grant, Account: member, Role: "Admin", RoleARN: target}, until, c.now)
}

// apply makes the policy match, and takes over what that found.
func (c *cloud) apply(t testing.TB) access.CutOutcome {
	t.Helper()
	out, err := c.cutter().Apply(t.Context(), target, c.read)
	if err != nil {
		t.Fatal(err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.list = c.list.Worked(out.Denied, c.now).Cleared(c.now)
	return out
}

// session starts a session of the target with a name, and returns its keys.
func (c *cloud) session(t testing.TB, name string) access.Credentials {
	t.Helper()
	text, err := awscall.Client{Service: "sts", Config: c.config(c.vend)}.Post(t.Context(), "/", formHeader,
		[]byte(url.Values{
			"Action": {"AssumeRole"}, "Version": {"2011-06-15"}, "RoleArn": {target}, "RoleSessionName": {name},
			"ExternalId": {external}, "SourceIdentity": {"dev1@example.com"},
			"Tags.member.1.Key": {"GrantId"}, "Tags.member.1.Value": {"g"},
		}.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	var answer struct {
		ID     string `xml:"AssumeRoleResult>Credentials>AccessKeyId"`
		Secret string `xml:"AssumeRoleResult>Credentials>SecretAccessKey"`
		Token  string `xml:"AssumeRoleResult>Credentials>SessionToken"`
	}
	if err := xml.Unmarshal(text, &answer); err != nil {
		t.Fatal(err)
	}
	return access.Credentials{
		AccessKeyID: answer.ID, SecretKey: access.NewSecret(answer.Secret), SessionToken: access.NewSecret(answer.Token),
	}
}

// try calls IAM with the keys of a session, and returns "" or the code of the refusal.
func (c *cloud) try(t testing.TB, k access.Credentials) string {
	t.Helper()
	i := iamClient{awscall.Client{Service: "iam", Config: c.config(k)}, role{name: "Admin"}}
	_, err := i.call(t.Context(), "GetRole", nil)
	var refused *awscall.Error
	switch {
	case err == nil:
		return ""
	case !asError(err, &refused):
		t.Fatal(err)
	}
	return refused.Code
}

// change changes a role of the member account.
func (c *cloud) change(t testing.TB, name string, how func(*awsfake.Role)) {
	t.Helper()
	r, _ := c.Role(member, name)
	how(&r)
	if err := c.PutRole(member, r); err != nil {
		t.Fatal(err)
	}
}

// revoker returns a change of the revoker of a cloud.
func revoker(how func(*awsfake.Role)) func(*cloud, *testing.T) {
	return func(c *cloud, t *testing.T) { c.change(t, "aws-access-revoker", how) }
}

// fault returns a change of a cloud: all calls of an operation fail.
func fault(op, how string) func(*cloud, *testing.T) {
	return func(c *cloud, _ *testing.T) {
		c.fault = func(call string) awsfake.Fault {
			if call == op {
				return awsfake.Fault{How: how}
			}
			return awsfake.Fault{}
		}
	}
}

// grant returns the id of a grant.
func grant(n int) string { return fmt.Sprintf("01ARZ3NDEKTSV4RRFFQ%07d", n) }

// policy returns the policy of the role, "" if it has none.
func (c *cloud) policy() string {
	for _, p := range c.InlinePolicies() {
		if p.Role == "Admin" && p.Name == PolicyName {
			return p.Policy
		}
	}
	return ""
}
