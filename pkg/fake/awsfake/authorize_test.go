package awsfake

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/aws-access/aws-access/pkg/access"
)

const (
	allowAll  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"}]}`
	denyAll   = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`
	allowIAM  = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:*","Resource":"*"}]}`
	untilHalf = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"DateGreaterThanEquals":{"aws:CurrentTime":"2026-11-21T12:30:00Z"}}}]}`
)

// when is a policy that allows everything under a condition.
func when(condition string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*","Resource":"*","Condition":` + condition + `}]}`
}

// What each kind of policy does to one call (docs/facts.md#a1, C; docs/design.md#4.3.2).
func TestASessionMayWhatAllItsPoliciesAllow(t *testing.T) {
	cut := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringLike":{"aws:userid":"*:aws-access-01K"}}}]}`
	for name, c := range map[string]struct {
		role    Role
		session string
		says    string // "" for allowed
	}{
		"the role allows":                    {Role{Permissions: []string{allowAll}}, "", ""},
		"one of two policies allows":         {Role{Permissions: []string{allowIAM, allowAll}}, "", ""},
		"the role says nothing":              {Role{Permissions: []string{}}, "", "because no identity-based policy allows"},
		"the role allows something else":     {Role{Permissions: []string{allowIAM}}, allowAll, "because no identity-based policy allows"},
		"the session policy says nothing":    {Role{Permissions: []string{allowAll}}, allowIAM, "because no session policy allows"},
		"the session policy denies":          {Role{Permissions: []string{allowAll}}, strings.Replace(denyAll, "[{", `[{"Effect":"Allow","Action":"*","Resource":"*"},{`, 1), "explicit deny in a session policy"},
		"an inline policy cuts the session":  {Role{Permissions: []string{allowAll}, Inline: map[string]string{"cut": cut}}, allowAll, "explicit deny in an identity-based policy"},
		"an inline policy cuts another":      {Role{Permissions: []string{allowAll}, Inline: map[string]string{"cut": strings.Replace(cut, "01K", "02K", 1)}}, allowAll, ""},
		"an inline policy allows":            {Role{Permissions: []string{}, Inline: map[string]string{"more": allowAll}}, "", ""},
		"the boundary says nothing":          {Role{Permissions: []string{allowAll}, Boundary: allowIAM}, allowAll, "because no permissions boundary allows"},
		"the boundary denies":                {Role{Permissions: []string{allowAll}, Boundary: denyAll}, allowAll, "explicit deny in a permissions boundary"},
		"aws:userid":                         {Role{Permissions: []string{when(`{"StringLike":{"aws:userid":"AROA*:aws-access-01K"}}`)}}, "", ""},
		"aws:PrincipalArn is the role":       {Role{Permissions: []string{when(`{"ArnEquals":{"aws:PrincipalArn":"` + admin + `"}}`)}}, "", ""},
		"aws:PrincipalArn is no session":     {Role{Permissions: []string{when(`{"ArnLike":{"aws:PrincipalArn":"arn:aws:sts::*:assumed-role/*"}}`)}}, "", "no identity-based policy"},
		"aws:SourceIdentity":                 {Role{Permissions: []string{when(`{"StringEquals":{"aws:SourceIdentity":"dev1@example.com"}}`)}}, "", ""},
		"aws:PrincipalTag":                   {Role{Permissions: []string{when(`{"StringEquals":{"aws:PrincipalTag/GrantId":"01K"}}`)}}, "", ""},
		"aws:PrincipalOrgID":                 {Role{Permissions: []string{when(`{"StringEquals":{"aws:PrincipalOrgID":"` + org + `"}}`)}}, "", ""},
		"aws:TokenIssueTime":                 {Role{Permissions: []string{when(`{"DateEquals":{"aws:TokenIssueTime":"2026-11-21T12:00:00Z"}}`)}}, "", ""},
		"aws:CurrentTime":                    {Role{Permissions: []string{when(`{"DateLessThanEquals":{"aws:CurrentTime":"2026-11-21T12:00:00Z"}}`)}}, "", ""},
		"a key that the call does not have":  {Role{Permissions: []string{when(`{"StringLike":{"aws:username":"*"}}`)}}, "", "no identity-based policy"},
		"sessions older than now are denied": {Role{Permissions: []string{allowAll}, Inline: map[string]string{"AWSRevokeOlderSessions": `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"DateLessThan":{"aws:TokenIssueTime":"2026-11-21T12:00:01Z"}}}]}`}}, "", "explicit deny in an identity-based policy"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			c.role.Name, w.policy = "Admin", c.session
			w.put(t, c.role)
			keys := w.session(t, admin)
			_, err := w.s3(keys).ListBuckets(t.Context(), &s3.ListBucketsInput{})
			if (err == nil) != (c.says == "") || !strings.Contains(message(err), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
			if _, err := w.sts(keys).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{}); err != nil { // docs/facts.md#a7
				t.Errorf("GetCallerIdentity was denied: %v", err)
			}
		})
	}
}

func TestTheEndOfTheGrantIsExactToTheSecond(t *testing.T) {
	w := newWorld(t)
	w.policy = untilHalf
	c := w.session(t, admin)
	for after, want := range map[time.Duration]string{
		0: "", 30*time.Minute - time.Second: "", 30*time.Minute - time.Millisecond: "", 30 * time.Minute: "AccessDenied", 31 * time.Minute: "AccessDenied",
		time.Hour - time.Second: "AccessDenied", time.Hour: "ExpiredToken",
	} {
		w.now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC).Add(after)
		_, err := w.s3(c).ListBuckets(t.Context(), &s3.ListBucketsInput{})
		if got := code(t, err); got != want {
			t.Errorf("after %s: got %q, want %q", after, got, want)
		}
	}
}

func TestRolesOfTheSandboxMayWhatTheirNamesSay(t *testing.T) {
	w := newWorld(t)
	for role, want := range map[string]map[string]string{
		"ReadOnly": {"list": "", "read": "", "write": "AccessDenied", "user": "AccessDenied"},
		"Operator": {"list": "", "read": "", "write": "NotImplemented", "user": "AccessDenied"},
		"Admin":    {"list": "", "read": "", "write": "NotImplemented", "user": ""},
	} {
		c := w.session(t, "arn:aws:iam::111111111111:role/aws-access/"+role)
		bucket, key := aws.String("demo-111111111111"), aws.String("README.txt")
		_, list := w.s3(c).ListBuckets(t.Context(), &s3.ListBucketsInput{})
		_, read := w.s3(c).GetObject(t.Context(), &s3.GetObjectInput{Bucket: bucket, Key: key})
		_, write := w.s3(c).PutObject(t.Context(), &s3.PutObjectInput{Bucket: bucket, Key: key, Body: strings.NewReader("x")})
		_, user := w.iam(c).CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("joe")})
		got := map[string]string{"list": code(t, list), "read": code(t, read), "write": code(t, write), "user": code(t, user)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", role, diff)
		}
	}
}

// What an administrator could do to the own cut, and what IAM takes.
func TestIAMWritesAndReadsInlinePolicies(t *testing.T) {
	w := newWorld(t)
	c := w.iam(w.session(t, admin))
	name, role := aws.String("aws-access-cut"), aws.String("readonly") // IAM finds names in any letter case
	put := func(policy string) error {
		_, err := c.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{RoleName: role, PolicyName: name, PolicyDocument: aws.String(policy)})
		return err
	}
	long := `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringLike":{"aws:userid":["` + strings.Repeat("x", maxInline) + `"]}}}]}`
	for _, step := range []struct {
		name, policy, want string
	}{
		{"a deny (docs/facts.md#c)", denyAll, ""},
		{"more than 10,240 characters (docs/facts.md#0.16)", long, "LimitExceeded"},
		{"no policy", `{}`, "MalformedPolicyDocument"},
		{"a trust policy", DefaultTrust(vendRole, external, org), "MalformedPolicyDocument"},
		{"an arrow (docs/facts.md#c)", `→`, "ValidationError"},
	} {
		if got := code(t, put(step.policy)); got != step.want {
			t.Errorf("%s: got %q, want %q", step.name, got, step.want)
		}
	}
	out, err := c.GetRolePolicy(t.Context(), &iam.GetRolePolicyInput{RoleName: role, PolicyName: name})
	if err != nil || !strings.Contains(*out.PolicyDocument, "%22Deny%22") {
		t.Errorf("read back: %v", err)
	}
	if diff := cmp.Diff([]InlinePolicy{{payments, "ReadOnly", "aws-access-cut", denyAll}}, w.InlinePolicies()); diff != "" {
		t.Errorf("denies (-want +got):\n%s", diff)
	}
	list, err := c.ListRolePolicies(t.Context(), &iam.ListRolePoliciesInput{RoleName: role})
	if err != nil || cmp.Diff([]string{"aws-access-cut"}, list.PolicyNames) != "" {
		t.Errorf("list: %v %v", list, err)
	}
	_, err = w.s3(w.session(t, readOnly)).ListBuckets(t.Context(), &s3.ListBucketsInput{})
	if code(t, err) != "AccessDenied" {
		t.Errorf("a session of the role that is denied everything: %v", err)
	}
	for want, name := range map[string]string{"": "aws-access-cut", "NoSuchEntity": "other"} {
		_, err = c.DeleteRolePolicy(t.Context(), &iam.DeleteRolePolicyInput{RoleName: role, PolicyName: aws.String(name)})
		if got := code(t, err); got != want {
			t.Errorf("delete %s: got %q, want %q", name, got, want)
		}
	}
	if len(w.InlinePolicies()) != 0 {
		t.Errorf("denies are left: %v", w.InlinePolicies())
	}
}

func TestWhatOutlivesAGrantWorksWhereNothingDeniesIt(t *testing.T) {
	w := newWorld(t)
	c := w.iam(w.session(t, admin))
	if _, err := c.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("joe")}); err != nil {
		t.Fatal(err)
	}
	key, err := c.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("joe")})
	if err != nil {
		t.Fatal(err)
	}
	joe := access.Credentials{AccessKeyID: *key.AccessKey.AccessKeyId, SecretKey: access.NewSecret(*key.AccessKey.SecretAccessKey)}
	w.now = w.now.AddDate(1, 0, 0)
	id, err := w.sts(joe).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil || *id.Arn != "arn:aws:iam::111111111111:user/joe" {
		t.Errorf("a year later: %v %v", id, err)
	}
	_, err = w.s3(joe).ListBuckets(t.Context(), &s3.ListBucketsInput{})
	if code(t, err) != "AccessDenied" {
		t.Errorf("a user without policies lists buckets: %v", err)
	}
}

func TestTrustCanBeRewrittenAndRolesMade(t *testing.T) {
	w := newWorld(t)
	c := w.iam(w.session(t, admin))
	own := `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},"Action":["sts:AssumeRole","sts:SetSourceIdentity"]}]}`
	_, err := c.UpdateAssumeRolePolicy(t.Context(), &iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("ReadOnly"), PolicyDocument: aws.String(own)})
	if err != nil {
		t.Fatal(err)
	}
	// docs/facts.md#0.15: the trust decides about new sessions only.
	_, err = w.sts(w.function).AssumeRole(t.Context(), w.whole(readOnly))
	if code(t, err) != "AccessDenied" {
		t.Errorf("vend assumes a role that trusts it no more: %v", err)
	}
	made, err := c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("new"), Path: aws.String("/x/"), AssumeRolePolicyDocument: aws.String(own)})
	if err != nil || *made.Role.Arn != "arn:aws:iam::111111111111:role/x/new" {
		t.Errorf("made %v, %v", made, err)
	}
	_, err = c.CreateRole(t.Context(), &iam.CreateRoleInput{RoleName: aws.String("NEW"), AssumeRolePolicyDocument: aws.String(own)})
	if code(t, err) != "EntityAlreadyExists" { // docs/facts.md#a1: names are unique whatever their letter case
		t.Errorf("the same name again: %v", err)
	}
	if role, ok := w.Role(payments, "new"); !ok || role.Path != "/x/" {
		t.Errorf("the new role is %+v", role)
	}
}

// A player that is asked for what it does not play says so, and only to
// somebody who may.
func TestWhatIsNotPlayedIsJudgedFirst(t *testing.T) {
	w := newWorld(t)
	for role, want := range map[string]string{admin: "NotImplemented", readOnly: "AccessDenied"} {
		_, err := w.iam(w.session(t, role)).CreateGroup(t.Context(), &iam.CreateGroupInput{GroupName: aws.String("x")})
		if got := code(t, err); got != want {
			t.Errorf("%s: got %q, want %q", role, got, want)
		}
	}
}

func TestS3AnswersAsS3Does(t *testing.T) {
	w := newWorld(t)
	c := w.s3(w.session(t, readOnly))
	bucket := aws.String("demo-111111111111")
	list, err := c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: bucket, Delimiter: aws.String("/")})
	if err != nil || len(list.Contents) != 1 || len(list.CommonPrefixes) != 1 || *list.CommonPrefixes[0].Prefix != "reports/" || *list.KeyCount != 2 {
		t.Errorf("list: %+v %v", list, err)
	}
	list, err = c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: bucket, Prefix: aws.String("reports/")})
	if err != nil || len(list.Contents) != 2 {
		t.Errorf("list of a folder: %+v %v", list, err)
	}
	head, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: bucket, Key: aws.String("README.txt")})
	if err != nil || *head.ContentLength != 38 {
		t.Errorf("head: %+v %v", head, err)
	}
	if _, err = c.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: bucket}); err != nil {
		t.Errorf("head of the bucket: %v", err)
	}
	for want, call := range map[string]func(context.Context) error{
		"NoSuchBucket": func(ctx context.Context) error {
			_, err := c.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: aws.String("demo-222222222222")})
			return err
		},
		"NoSuchKey": func(ctx context.Context) error {
			_, err := c.GetObject(ctx, &s3.GetObjectInput{Bucket: bucket, Key: aws.String("none")})
			return err
		},
		"AccessDenied": func(ctx context.Context) error {
			_, err := c.GetBucketAcl(ctx, &s3.GetBucketAclInput{Bucket: bucket})
			return err
		},
	} {
		if got := code(t, call(t.Context())); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	w.put(t, Role{Name: "ReadOnly", Permissions: []string{allowIAM}})
	if _, err := c.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: bucket}); code(t, err) != "Forbidden" {
		t.Errorf("a head that is not allowed: %v", err)
	}
}

// A fault is as visible to the caller as AWS's own, and "lost" has done its
// work.
func TestFaultsGoWrongAsTheyAreNamed(t *testing.T) {
	slept := 0
	w := newWorld(t, func(o *Options) { o.Slow = func(context.Context) { slept++ } })
	keys := w.session(t, admin)
	calls := map[string]func() error{
		"sts:AssumeRole": func() error {
			_, err := w.sts(w.function).AssumeRole(t.Context(), w.whole(admin))
			return err
		},
		"iam:CreateUser": func() error {
			_, err := w.iam(keys).CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("joe")})
			return err
		},
		"s3:ListBuckets": func() error {
			_, err := w.s3(keys).ListBuckets(t.Context(), &s3.ListBucketsInput{})
			return err
		},
	}
	want := map[string]map[string]string{
		"sts:AssumeRole": {FaultError: "InternalFailure", FaultThrottled: "Throttling", FaultSlow: "", FaultLost: "InternalFailure"},
		"iam:CreateUser": {FaultError: "InternalFailure", FaultThrottled: "Throttling", FaultSlow: "", FaultLost: "InternalFailure"},
		"s3:ListBuckets": {FaultError: "InternalError", FaultThrottled: "SlowDown", FaultSlow: "", FaultLost: "InternalError"},
	}
	for op, call := range calls {
		for how, wanted := range want[op] {
			w.fault = func(called string) Fault {
				if called == op {
					return Fault{How: how}
				}
				return Fault{}
			}
			sessions, users := len(w.Sessions()), len(w.users)
			w.calls = nil
			if got := code(t, call()); got != wanted {
				t.Errorf("%s %s: got %q, want %q", op, how, got, wanted)
			}
			if cmp.Diff([]string{op}, w.calls) != "" {
				t.Errorf("%s %s: counted %v", op, how, w.calls)
			}
			done := len(w.Sessions())+len(w.users) > sessions+users
			if acts := how == FaultLost || how == FaultSlow; op != "s3:ListBuckets" && done != acts {
				t.Errorf("%s %s: done is %v, want %v", op, how, done, acts)
			}
			clear(w.users)
		}
	}
	if slept != 3 {
		t.Errorf("slow %d times, want 3", slept)
	}
}

func TestSlowEndsWithTheRequest(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	done := make(chan struct{})
	go func() { threeSeconds(ctx); close(done) }()
	select {
	case <-done:
	case <-time.After(2 * time.Second):
		t.Error("a slow call outlives its request")
	}
}

func TestDoorsTakeNoStrangeMethods(t *testing.T) {
	w := newWorld(t)
	for _, door := range []string{"/console", "/federation"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, w.url+door, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode < 400 {
			t.Errorf("DELETE %s: %d", door, answer.StatusCode)
		}
	}
}
