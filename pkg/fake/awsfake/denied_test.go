package awsfake

import (
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/aws-access/aws-access/pkg/access"
)

// denyByName denies everything to the sessions with a name.
func denyByName(name string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*",` +
		`"Condition":{"StringLike":{"aws:userid":["*:` + name + `"]}}}]}`
}

// named begins a session of ReadOnly with a name of its own.
func (w *world) named(t *testing.T, name string) access.Credentials {
	t.Helper()
	in := w.validAssume(readOnly)
	in.RoleSessionName = aws.String(name)
	out, err := w.sts(w.function).AssumeRole(t.Context(), in)
	if err != nil {
		t.Fatal(err)
	}
	return keysOf(out)
}

// listsBuckets reports whether credentials can list buckets; the test fails if they are refused for
// another reason than a deny.
func (w *world) listsBuckets(t *testing.T, by access.Credentials) bool {
	t.Helper()
	_, err := w.s3(by).ListBuckets(t.Context(), &s3.ListBucketsInput{})
	if err != nil && (code(t, err) != "AccessDenied" || !strings.Contains(err.Error(), "identity-based policy")) {
		t.Fatalf("got %v, want a deny by the role's policy", err)
	}
	return err == nil
}

// A deny that is written late is stored, read back and listed at once. IAM enforces it, and its end,
// later (docs/facts.md#c: changes take effect after seconds, sometimes minutes).
func TestLatePoliciesAreStoredAtOnceAndEnforcedLater(t *testing.T) {
	w := newWorld(t)
	mine, other := w.named(t, "aws-access-mine"), w.named(t, "aws-access-other")
	in := &iam.PutRolePolicyInput{
		RoleName: aws.String("ReadOnly"), PolicyName: aws.String("cut"),
		PolicyDocument: aws.String(denyByName("aws-access-mine")),
	}
	w.fault = func(op string) Fault { return Fault{How: FaultLate, Late: 30 * time.Second} }
	admin := w.session(t, admin)
	if _, err := w.iam(admin).PutRolePolicy(t.Context(), in); err != nil {
		t.Fatal(err)
	}
	written := w.now
	list := w.InlinePolicies()
	if len(list) != 1 || !list[0].Written.Equal(written) || !list[0].Believed.Equal(written.Add(30*time.Second)) {
		t.Fatalf("listed as %+v", list)
	}
	if r, _ := w.Role(payments, "ReadOnly"); r.Inline["cut"] == "" {
		t.Error("the policy is not stored")
	}
	w.now = written.Add(29 * time.Second)
	if !w.listsBuckets(t, mine) {
		t.Error("denied before the policy is enforced")
	}
	w.now = written.Add(45 * time.Second)
	if w.listsBuckets(t, mine) || !w.listsBuckets(t, other) {
		t.Error("want one session denied and the other not")
	}
	for _, s := range w.Sessions() {
		switch {
		case s.SessionName == "aws-access-mine" &&
			(s.DeniedSince == nil || !s.DeniedSince.Equal(written.Add(30*time.Second))):
			t.Errorf("denied since %v, want %s", s.DeniedSince, written.Add(30*time.Second))
		case s.SessionName != "aws-access-mine" && s.DeniedSince != nil:
			t.Errorf("%s is denied since %v", s.SessionName, s.DeniedSince)
		}
	}
	w.fault = nil
	_, err := w.iam(admin).DeleteRolePolicy(t.Context(), &iam.DeleteRolePolicyInput{
		RoleName: in.RoleName, PolicyName: in.PolicyName,
	})
	if err != nil {
		t.Fatal(err)
	}
	if !w.listsBuckets(t, mine) || w.Sessions()[0].DeniedSince != nil {
		t.Error("denied after the policy was deleted")
	}
}

// What was stored first is enforced first, also if it was slower.
func TestLatePoliciesAreEnforcedInOrder(t *testing.T) {
	late := time.Minute
	w := newWorld(t, func(o *Options) { o.Propagation = func() time.Duration { return late } })
	mine, admin := w.named(t, "aws-access-mine"), w.session(t, admin)
	put := func(name string) {
		t.Helper()
		_, err := w.iam(admin).PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
			RoleName: aws.String("ReadOnly"), PolicyName: aws.String("cut"), PolicyDocument: aws.String(denyByName(name)),
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	put("aws-access-other")
	late = 0
	put("aws-access-mine")
	if !w.listsBuckets(t, mine) {
		t.Error("the second policy was enforced before the first one")
	}
	w.now = w.now.Add(time.Minute)
	if got := w.InlinePolicies()[0].Believed; !got.Equal(w.now) {
		t.Errorf("the second policy is listed as enforced from %s, want %s", got, w.now)
	}
	if w.listsBuckets(t, mine) {
		t.Error("the second policy is not enforced in the end")
	}
}

// Conditions on iam:PermissionsBoundary see the boundary of the role that a call changes.
func TestPolicyWritesSeeTheBoundaryOfTheRole(t *testing.T) {
	w := newWorld(t)
	const ours = "arn:aws:iam::111111111111:policy/aws-access/aws-access-boundary-ReadOnly"
	w.put(t, Role{Name: "Admin", Permissions: []string{`{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` +
		`"Action":"iam:PutRolePolicy","Resource":"*",` +
		`"Condition":{"ArnEquals":{"iam:PermissionsBoundary":"` + ours + `"}}}]}`}})
	admin := w.session(t, admin)
	for arn, want := range map[string]string{
		ours: "", "": "AccessDenied", "arn:aws:iam::aws:policy/ReadOnlyAccess": "AccessDenied",
	} {
		w.put(t, Role{Name: "ReadOnly", BoundaryARN: arn})
		_, err := w.iam(admin).PutRolePolicy(t.Context(), &iam.PutRolePolicyInput{
			RoleName: aws.String("ReadOnly"), PolicyName: aws.String("cut"), PolicyDocument: aws.String(denyByName("x")),
		})
		got := ""
		if err != nil {
			got = code(t, err)
		}
		if got != want {
			t.Errorf("boundary %q: got %v, want %q", arn, err, want)
		}
	}
}
