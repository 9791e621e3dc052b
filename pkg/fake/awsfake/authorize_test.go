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
	begin, end = `{"Version":"2012-10-17","Statement":[`, `]}` // of a policy

	allowAll  = begin + `{"Effect":"Allow","Action":"*","Resource":"*"}` + end
	denyAll   = begin + `{"Effect":"Deny","Action":"*","Resource":"*"}` + end
	allowIAM  = begin + `{"Effect":"Allow","Action":"iam:*","Resource":"*"}` + end
	allowDeny = begin + `{"Effect":"Allow","Action":"*","Resource":"*"},
		{"Effect":"Deny","Action":"*","Resource":"*"}` + end

	// untilHalfPast allows everything until 12:30.
	untilHalfPast = begin + `{"Effect":"Allow","Action":"*","Resource":"*"},
		{"Effect":"Deny","Action":"*","Resource":"*",
			"Condition":{"DateGreaterThanEquals":{"aws:CurrentTime":"2026-11-21T12:30:00Z"}}}` + end
)

// allowIf is a policy that allows everything under a condition.
func allowIf(condition string) string {
	return begin + `{"Effect":"Allow","Action":"*","Resource":"*","Condition":` + condition + `}` + end
}

// denyIf is a policy that denies everything under a condition.
func denyIf(condition string) string {
	return begin + `{"Effect":"Deny","Action":"*","Resource":"*","Condition":` + condition + `}` + end
}

// with is a role with these permissions.
func with(permissions ...string) Role {
	if permissions == nil {
		permissions = []string{}
	}
	return Role{Permissions: permissions}
}

// withInline is a role that may do everything, with an inline policy.
func withInline(policy string) Role {
	return Role{Permissions: []string{allowAll}, Inline: map[string]string{"inline": policy}}
}

func withBoundary(boundary string) Role {
	return Role{Permissions: []string{allowAll}, Boundary: boundary}
}

// denyGrant denies everything to the sessions of a grant.
func denyGrant(id string) string {
	return denyIf(`{"StringLike":{"aws:userid":"*:aws-access-` + id + `"}}`)
}

var permissionCases = []struct {
	name          string
	role          Role
	sessionPolicy string
	refusal       string // part of the message; "" if the call is allowed
}{
	{"the role allows", with(allowAll), "", ""},
	{"one of two policies allows", with(allowIAM, allowAll), "", ""},
	{"the role has no policy", with(), "", "because no identity-based policy allows"},
	{"the role allows something else", with(allowIAM), allowAll, "because no identity-based policy allows"},
	{"the session policy does not allow", with(allowAll), allowIAM, "because no session policy allows"},
	{"the session policy denies", with(allowAll), allowDeny, "explicit deny in a session policy"},
	{"an inline policy denies the grant", withInline(denyGrant("01K")), allowAll,
		"explicit deny in an identity-based policy"},
	{"an inline policy denies another grant", withInline(denyGrant("02K")), allowAll, ""},
	{"an inline policy allows",
		Role{Permissions: []string{}, Inline: map[string]string{"more": allowAll}}, "", ""},
	{"the boundary does not allow", withBoundary(allowIAM), allowAll, "because no permissions boundary allows"},
	{"the boundary denies", withBoundary(denyAll), allowAll, "explicit deny in a permissions boundary"},
	{"aws:userid", with(allowIf(`{"StringLike":{"aws:userid":"AROA*:aws-access-01K"}}`)), "", ""},
	{"aws:PrincipalArn is the role", with(allowIf(`{"ArnEquals":{"aws:PrincipalArn":"` + admin + `"}}`)), "", ""},
	{"aws:PrincipalArn is not the session",
		with(allowIf(`{"ArnLike":{"aws:PrincipalArn":"arn:aws:sts::*:assumed-role/*"}}`)), "",
		"no identity-based policy"},
	{"aws:SourceIdentity", with(allowIf(`{"StringEquals":{"aws:SourceIdentity":"dev1@example.com"}}`)), "", ""},
	{"aws:PrincipalTag", with(allowIf(`{"StringEquals":{"aws:PrincipalTag/GrantId":"01K"}}`)), "", ""},
	{"aws:PrincipalOrgID", with(allowIf(`{"StringEquals":{"aws:PrincipalOrgID":"` + org + `"}}`)), "", ""},
	{"aws:TokenIssueTime",
		with(allowIf(`{"DateEquals":{"aws:TokenIssueTime":"2026-11-21T12:00:00Z"}}`)), "", ""},
	{"aws:CurrentTime",
		with(allowIf(`{"DateLessThanEquals":{"aws:CurrentTime":"2026-11-21T12:00:00Z"}}`)), "", ""},
	{"a key that the call does not have",
		with(allowIf(`{"StringLike":{"aws:username":"*"}}`)), "", "no identity-based policy"},
	{"sessions older than now are denied",
		withInline(denyIf(`{"DateLessThan":{"aws:TokenIssueTime":"2026-11-21T12:00:01Z"}}`)), "",
		"explicit deny in an identity-based policy"},
}

// docs/facts.md#a1, docs/facts.md#c and docs/design.md#4.3.2
func TestSessionMayDoWhatAllItsPoliciesAllow(t *testing.T) {
	for _, c := range permissionCases {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			c.role.Name, w.policy = "Admin", c.sessionPolicy
			w.put(t, c.role)
			keys := w.session(t, admin)
			_, err := w.s3(keys).ListBuckets(t.Context(), &s3.ListBucketsInput{})
			if (err == nil) != (c.refusal == "") || !strings.Contains(message(err), c.refusal) {
				t.Errorf("got %v, want %q", err, c.refusal)
			}
			_, err = w.sts(keys).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
			if err != nil { // docs/facts.md#a7: no policy can deny it
				t.Errorf("GetCallerIdentity was denied: %v", err)
			}
		})
	}
}

func TestGrantEndsExactToTheSecond(t *testing.T) {
	w := newWorld(t)
	w.policy = untilHalfPast
	c := w.session(t, admin)
	for after, want := range map[time.Duration]string{
		0:                                 "",
		30*time.Minute - time.Second:      "",
		30*time.Minute - time.Millisecond: "",
		30 * time.Minute:                  "AccessDenied",
		31 * time.Minute:                  "AccessDenied",
		time.Hour - time.Second:           "AccessDenied",
		time.Hour:                         "ExpiredToken",
	} {
		w.now = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC).Add(after)
		_, err := w.s3(c).ListBuckets(t.Context(), &s3.ListBucketsInput{})
		if got := code(t, err); got != want {
			t.Errorf("after %s: got %q, want %q", after, got, want)
		}
	}
}

func TestRolesOfTheSandboxMayDoWhatTheirNamesSay(t *testing.T) {
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
		_, write := w.s3(c).PutObject(t.Context(),
			&s3.PutObjectInput{Bucket: bucket, Key: key, Body: strings.NewReader("x")})
		_, user := w.iam(c).CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("joe")})
		got := map[string]string{
			"list": code(t, list), "read": code(t, read), "write": code(t, write), "user": code(t, user),
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", role, diff)
		}
	}
}

func TestPutRolePolicyRefusesInvalidPolicies(t *testing.T) {
	w := newWorld(t)
	c := w.iam(w.session(t, admin))
	long := denyIf(`{"StringLike":{"aws:userid":["` + strings.Repeat("x", maxInline) + `"]}}`)
	for _, step := range []struct {
		name, policy, want string
	}{
		{"a deny (docs/facts.md#c)", denyAll, ""},
		{"more than 10,240 characters (docs/facts.md#0.16)", long, "LimitExceeded"},
		{"an empty policy", `{}`, "MalformedPolicyDocument"},
		{"a trust policy", DefaultTrust(vendRole, external, org), "MalformedPolicyDocument"},
		{"an arrow (docs/facts.md#c)", `→`, "ValidationError"},
	} {
		_, err := c.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
			RoleName: aws.String("ReadOnly"), PolicyName: aws.String("aws-access-cut"),
			PolicyDocument: aws.String(step.policy),
		})
		if got := code(t, err); got != step.want {
			t.Errorf("%s: got %q, want %q", step.name, got, step.want)
		}
	}
	want := []InlinePolicy{{
		Account: payments, Role: "ReadOnly", Name: "aws-access-cut", Policy: denyAll, Written: &w.now, Believed: &w.now,
	}}
	if diff := cmp.Diff(want, w.InlinePolicies()); diff != "" {
		t.Errorf("inline policies (-want +got):\n%s", diff)
	}
}

func TestInlinePoliciesCanBeWrittenReadAndDeleted(t *testing.T) {
	w := newWorld(t)
	c := w.iam(w.session(t, admin))
	name, role := aws.String("aws-access-cut"), aws.String("readonly") // IAM ignores the letter case of names
	_, err := c.PutRolePolicy(t.Context(),
		&iam.PutRolePolicyInput{RoleName: role, PolicyName: name, PolicyDocument: aws.String(denyAll)})
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.GetRolePolicy(t.Context(), &iam.GetRolePolicyInput{RoleName: role, PolicyName: name})
	if err != nil || !strings.Contains(*out.PolicyDocument, "%22Deny%22") {
		t.Errorf("read back: %v", err)
	}
	want := []InlinePolicy{{
		Account: payments, Role: "ReadOnly", Name: "aws-access-cut", Policy: denyAll, Written: &w.now, Believed: &w.now,
	}}
	if diff := cmp.Diff(want, w.InlinePolicies()); diff != "" {
		t.Errorf("inline policies (-want +got):\n%s", diff)
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
		_, err = c.DeleteRolePolicy(t.Context(),
			&iam.DeleteRolePolicyInput{RoleName: role, PolicyName: aws.String(name)})
		if got := code(t, err); got != want {
			t.Errorf("delete %s: got %q, want %q", name, got, want)
		}
	}
	if len(w.InlinePolicies()) != 0 {
		t.Errorf("inline policies are left: %v", w.InlinePolicies())
	}
}

// A list of inline policies comes in pages, and has those that were stored and are not enforced yet.
func TestInlinePoliciesAreListedInPages(t *testing.T) {
	w := newWorld(t, func(o *Options) { o.Propagation = func() time.Duration { return time.Hour } })
	c := w.iam(w.session(t, admin))
	role := aws.String("ReadOnly")
	want := []string{"a", "b", "c", "d", "e"}
	for _, name := range want {
		_, err := c.PutRolePolicy(t.Context(),
			&iam.PutRolePolicyInput{RoleName: role, PolicyName: aws.String(name), PolicyDocument: aws.String(denyAll)})
		if err != nil {
			t.Fatal(err)
		}
	}
	var names []string
	sizes := 0
	pages := iam.NewListRolePoliciesPaginator(c, &iam.ListRolePoliciesInput{RoleName: role, MaxItems: aws.Int32(2)})
	for pages.HasMorePages() {
		page, err := pages.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		names, sizes = append(names, page.PolicyNames...), 10*sizes+len(page.PolicyNames)
	}
	if diff := cmp.Diff(want, names); diff != "" || sizes != 221 {
		t.Errorf("pages of %d (-want +got):\n%s", sizes, diff)
	}
	_, err := c.ListRolePolicies(t.Context(), &iam.ListRolePoliciesInput{RoleName: role, MaxItems: aws.Int32(1001)})
	if code(t, err) != "ValidationError" {
		t.Errorf("a page that is too large: %v", err)
	}
}

// Calls over the limit of the caller's account have no effect.
func TestCallsOverTheLimitOfAnAccountAreThrottled(t *testing.T) {
	var of []string
	w := newWorld(t, func(o *Options) {
		o.Limit = func(op, account string) bool {
			of = append(of, op+" of "+account)
			return op == "iam:PutRolePolicy"
		}
	})
	c := w.iam(w.session(t, admin))
	_, err := c.PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
		RoleName: aws.String("ReadOnly"), PolicyName: aws.String("cut"), PolicyDocument: aws.String(denyAll)})
	if code(t, err) != "Throttling" || len(w.InlinePolicies()) != 0 {
		t.Errorf("got %v, and the policies %v", err, w.InlinePolicies())
	}
	want := []string{"sts:AssumeRole of " + bastion, "iam:PutRolePolicy of " + payments}
	if diff := cmp.Diff(want, of); diff != "" {
		t.Errorf("asked for (-want +got):\n%s", diff)
	}
}

// Session policies must deny these calls for this reason (docs/design.md#4.3.2).
func TestAccessKeyOfANewUserOutlivesTheSession(t *testing.T) {
	w := newWorld(t)
	c := w.iam(w.session(t, admin))
	if _, err := c.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("joe")}); err != nil {
		t.Fatal(err)
	}
	key, err := c.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("joe")})
	if err != nil {
		t.Fatal(err)
	}
	joe := access.Credentials{
		AccessKeyID: *key.AccessKey.AccessKeyId, SecretKey: access.NewSecret(*key.AccessKey.SecretAccessKey),
	}
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

func TestTrustCanBeReplacedAndRolesMade(t *testing.T) {
	w := newWorld(t)
	c := w.iam(w.session(t, admin))
	trust := begin + `{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111111111111:root"},
		"Action":["sts:AssumeRole","sts:SetSourceIdentity"]}` + end
	_, err := c.UpdateAssumeRolePolicy(t.Context(),
		&iam.UpdateAssumeRolePolicyInput{RoleName: aws.String("ReadOnly"), PolicyDocument: aws.String(trust)})
	if err != nil {
		t.Fatal(err)
	}
	// docs/facts.md#0.15: the trust policy affects new sessions only.
	_, err = w.sts(w.function).AssumeRole(t.Context(), w.validAssume(readOnly))
	if code(t, err) != "AccessDenied" {
		t.Errorf("vend assumes a role that no longer trusts it: %v", err)
	}
	made, err := c.CreateRole(t.Context(), &iam.CreateRoleInput{
		RoleName: aws.String("new"), Path: aws.String("/x/"), AssumeRolePolicyDocument: aws.String(trust),
	})
	if err != nil || *made.Role.Arn != "arn:aws:iam::111111111111:role/x/new" {
		t.Errorf("made %v, %v", made, err)
	}
	_, err = c.CreateRole(t.Context(),
		&iam.CreateRoleInput{RoleName: aws.String("NEW"), AssumeRolePolicyDocument: aws.String(trust)})
	if code(t, err) != "EntityAlreadyExists" { // docs/facts.md#a1: two names may not differ only in letter case
		t.Errorf("the same name again: %v", err)
	}
	if role, ok := w.Role(payments, "new"); !ok || role.Path != "/x/" {
		t.Errorf("the new role is %+v", role)
	}
}

// A caller without permission does not learn that an operation is not simulated.
func TestPermissionIsCheckedBeforeUnknownOperationsAreRefused(t *testing.T) {
	w := newWorld(t)
	for role, want := range map[string]string{admin: "NotImplemented", readOnly: "AccessDenied"} {
		c := w.iam(w.session(t, role))
		_, err := c.CreateGroup(t.Context(), &iam.CreateGroupInput{GroupName: aws.String("x")})
		if got := code(t, err); got != want {
			t.Errorf("%s: got %q, want %q", role, got, want)
		}
	}
}

func TestBucketsCanBeListedAndRead(t *testing.T) {
	w := newWorld(t)
	c := w.s3(w.session(t, readOnly))
	bucket := aws.String("demo-111111111111")
	list, err := c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: bucket, Delimiter: aws.String("/")})
	if err != nil || len(list.Contents) != 1 || len(list.CommonPrefixes) != 1 ||
		*list.CommonPrefixes[0].Prefix != "reports/" || *list.KeyCount != 2 {
		t.Errorf("list: %+v %v", list, err)
	}
	list, err = c.ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: bucket, Prefix: aws.String("reports/")})
	if err != nil || len(list.Contents) != 2 {
		t.Errorf("list of a folder: %+v %v", list, err)
	}
	head, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: bucket, Key: aws.String("README.txt")})
	if err != nil || *head.ContentLength != int64(len("The sandbox simulates this bucket.\n")) {
		t.Errorf("head: %+v %v", head, err)
	}
	if _, err = c.HeadBucket(t.Context(), &s3.HeadBucketInput{Bucket: bucket}); err != nil {
		t.Errorf("head of the bucket: %v", err)
	}
}

func TestS3RefusesWithItsErrorCodes(t *testing.T) {
	w := newWorld(t)
	c := w.s3(w.session(t, readOnly))
	bucket := aws.String("demo-111111111111")
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
		t.Errorf("HEAD without permission: %v", err)
	}
}

// faultCodes lists the error code that each fault causes, by operation.
var faultCodes = map[string]map[string]string{
	"sts:AssumeRole": {
		FaultError: "InternalFailure", FaultThrottled: "Throttling", FaultSlow: "", FaultLost: "InternalFailure",
	},
	"iam:CreateUser": {
		FaultError: "InternalFailure", FaultThrottled: "Throttling", FaultSlow: "", FaultLost: "InternalFailure",
	},
	"s3:ListBuckets": {
		FaultError: "InternalError", FaultThrottled: "SlowDown", FaultSlow: "", FaultLost: "InternalError",
	},
}

// A fault looks to the caller like an error of AWS. AWS carries out the call only
// under "lost" and "slow".
func TestFaultsLookLikeErrorsOfAWS(t *testing.T) {
	slept := 0
	w := newWorld(t, func(o *Options) { o.Slow = func(context.Context) { slept++ } })
	keys := w.session(t, admin)
	calls := map[string]func() error{
		"sts:AssumeRole": func() error {
			_, err := w.sts(w.function).AssumeRole(t.Context(), w.validAssume(admin))
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
	for op, call := range calls {
		for how, want := range faultCodes[op] {
			w.fault = func(called string) Fault {
				if called == op {
					return Fault{How: how}
				}
				return Fault{}
			}
			sessions, users := len(w.Sessions()), len(w.users)
			w.calls = nil
			if got := code(t, call()); got != want {
				t.Errorf("%s %s: got %q, want %q", op, how, got, want)
			}
			if cmp.Diff([]string{op}, w.calls) != "" {
				t.Errorf("%s %s: OnCall was called with %v", op, how, w.calls)
			}
			done := len(w.Sessions())+len(w.users) > sessions+users
			if want := how == FaultLost || how == FaultSlow; op != "s3:ListBuckets" && done != want {
				t.Errorf("%s %s: done is %v, want %v", op, how, done, want)
			}
			clear(w.users)
		}
	}
	if slept != 3 {
		t.Errorf("slow %d times, want 3", slept)
	}
}

func TestSlowCallEndsWithItsRequest(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	done := make(chan struct{})
	go func() { threeSeconds(ctx); close(done) }()
	select {
	case <-done:
	case <-time.After(2 * time.Second):
		t.Error("a slow call continued after its request had ended")
	}
}

func TestPagesRefuseOtherMethods(t *testing.T) {
	w := newWorld(t)
	for _, path := range []string{"/console", "/federation"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodDelete, w.url+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode < 400 {
			t.Errorf("DELETE %s: %d", path, answer.StatusCode)
		}
	}
}
