package vend

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/awscall"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
)

const (
	vendRole = "arn:aws:iam::999999999999:role/aws-access/vend"
	external = "canary-external-id-4711"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// cloud is the fake of AWS with a target account, and a clock that the tests set.
type cloud struct {
	*awsfake.Server
	url    string
	now    time.Time
	fault  func(op string) awsfake.Fault
	mu     sync.Mutex // protects counts
	counts map[string]int
	vend   access.Credentials // of the vend function
}

func newCloud(t *testing.T, change ...func(*awsfake.Options)) *cloud {
	t.Helper()
	c := &cloud{now: noon, counts: map[string]int{}}
	o := awsfake.Options{
		Now: func() time.Time { return c.now }, Org: "o-sandbox", TokenBytes: 4096,
		OnCall: func(op string) { c.mu.Lock(); defer c.mu.Unlock(); c.counts[op]++ },
		Fault: func(op string) awsfake.Fault {
			if c.fault == nil {
				return awsfake.Fault{}
			}
			return c.fault(op)
		},
		Slow: func(ctx context.Context) { <-ctx.Done() },
	}
	for _, f := range change {
		f(&o)
	}
	c.Server = awsfake.New(o)
	for _, role := range []awsfake.Role{
		{Name: "ReadOnly"}, {Name: "Admin"},
		{Name: "Deploy", Path: "/ops/", Permissions: awsfake.DefaultPermissions("Admin")},
	} {
		if role.Path == "" {
			role.Path = "/aws-access/"
		}
		role.Trust = awsfake.DefaultTrust(vendRole, external, "o-sandbox")
		if err := c.PutRole("111111111111", role); err != nil {
			t.Fatal(err)
		}
	}
	var err error
	c.vend, err = c.FunctionCredentials(vendRole, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
		"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"],
		"Resource":["arn:aws:iam::*:role/aws-access/*","arn:aws:iam::*:role/ops/*"]}]}`)
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/aws", http.StripPrefix("/aws", c.AWS()))
	mux.Handle("/aws/", http.StripPrefix("/aws", c.AWS()))
	mux.Handle("/federation", c.Federation())
	mux.Handle("/console", c.Console())
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

func (c *cloud) config(k access.Credentials) aws.Config {
	return aws.Config{
		Region: "eu-west-1", BaseEndpoint: aws.String(c.url + "/aws"),
		Credentials: awscall.Keys(k.AccessKeyID, k.SecretKey.Reveal(), k.SessionToken.Reveal()),
	}
}

func (c *cloud) assumer() Assumer {
	return Assumer{
		STS:        sts.NewFromConfig(c.config(c.vend)),
		ExternalID: func(context.Context, bool) (access.Secret, error) { return access.NewSecret(external), nil },
	}
}

func (c *cloud) s3(k access.Credentials) *s3.Client {
	return s3.NewFromConfig(c.config(k), func(o *s3.Options) { o.UsePathStyle = true })
}

func (c *cloud) iam(k access.Credentials) *iam.Client { return iam.NewFromConfig(c.config(k)) }

// vending is a vending of a role whose grant ends at a time.
func vending(role string, now, ends time.Time) access.Vending {
	return access.Vending{
		Target: target(role),
		Grant:  "01ARZ3NDEKTSV4RRFFQ69G5FAV", Session: "aws-access-01ARZ3NDEKTSV4RRFFQ69G5FAV",
		Who: access.Person{ID: "U0DEV1", Email: "dev1@example.com", Membership: access.Member}, Ends: ends, Now: now,
	}
}

// target is a role of the target account.
func target(role string) access.Target {
	return access.Target{
		Account: "111111111111", AccountName: "payments-prod", Region: "eu-west-1", Role: role, Path: "/aws-access/",
	}
}

// session assumes a role by a call to the fake.
func (c *cloud) session(t *testing.T, v access.Vending) access.Credentials {
	t.Helper()
	k, err := c.assumer().Assume(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	return k
}
