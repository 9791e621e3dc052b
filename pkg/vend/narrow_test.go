package vend

import (
	"bytes"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
)

// The call is written by hand because the SDK does not have it. If this test fails, narrow can use the SDK.
func TestTheSDKCannotNarrowASession(t *testing.T) {
	if _, found := reflect.TypeFor[*sts.Client]().MethodByName("GetScopedCredentials"); found {
		t.Error("sts.Client has GetScopedCredentials: use it in narrow, and delete signedCall")
	}
}

// whoami calls sts:GetCallerIdentity, which no policy can deny.
func (c *cloud) whoami(t *testing.T, k access.Credentials) string {
	t.Helper()
	out, err := sts.NewFromConfig(c.config(k)).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	if err != nil {
		return awsCode(err)
	}
	return *out.Arn
}

func (c *cloud) listing(t *testing.T, k access.Credentials) string {
	t.Helper()
	if _, err := c.s3(k).ListBuckets(t.Context(), &s3.ListBucketsInput{}); err != nil {
		return awsCode(err)
	}
	return "allowed"
}

func awsCode(err error) string { return callErrorOf("", err).code }

func TestCredentialsExpireWithTheGrant(t *testing.T) {
	for _, lasts := range []time.Duration{
		4 * time.Second, time.Minute, 10 * time.Minute, 899 * time.Second, 900 * time.Second,
	} {
		c := newCloud(t)
		end := noon.Add(lasts)
		k := c.session(t, vending("Admin", noon, end))
		const arn = "arn:aws:sts::111111111111:assumed-role/Admin/aws-access-01ARZ3NDEKTSV4RRFFQ69G5FAV"
		if got := c.whoami(t, k); got != arn {
			t.Errorf("%s: the keys are of %s, want %s", lasts, got, arn)
		}
		if k.Expires.After(end) || k.Expires.Before(end.Add(-endsBefore)) {
			t.Errorf("%s: the keys expire %s after the end", lasts, k.Expires.Sub(end))
		}
		narrowed := lasts < minSession
		if wide := k.WideKey(); narrowed != (wide.AccessKeyID != "") ||
			narrowed != wide.Expires.Equal(noon.Add(minSession)) ||
			wide.AccessKeyID == k.AccessKeyID {
			t.Errorf("%s: the wide key is %+v", lasts, wide)
		}
		c.now = k.Expires.Add(-time.Second)
		if got := c.listing(t, k); got != "allowed" {
			t.Errorf("%s: one second before they expire, they are refused: %s", lasts, got)
		}
		c.now = end
		if who, lists := c.whoami(t, k), c.listing(t, k); who != "ExpiredToken" || lists != "ExpiredToken" {
			t.Errorf("%s: at the end GetCallerIdentity says %s, and ListBuckets %s", lasts, who, lists)
		}
	}
}

// The grant lasts two hours. Its session ends after the leash, whether STS narrows it or not.
func TestALeashEndsASessionBeforeItsGrant(t *testing.T) {
	for _, leash := range []time.Duration{time.Minute, 10 * time.Minute, minSession, 20 * time.Minute} {
		for _, exact := range []bool{true, false} {
			c := newCloud(t)
			if !exact {
				c.fault = faultIn(getScopedCredentials, awsfake.FaultCode+"AccessDenied")
			}
			v := vending("Admin", noon, noon.Add(2*time.Hour))
			v.Until = noon.Add(leash)
			k := c.session(t, v)
			expires, who := v.Until, "ExpiredToken"
			if leash < minSession && !exact {
				expires, who = noon.Add(minSession), "arn:aws:sts::111111111111:assumed-role/Admin/"+v.Session
			}
			if k.Expires.After(expires) || k.Expires.Before(expires.Add(-endsBefore)) {
				t.Errorf("%s, exact %v: the keys expire %s, want %s", leash, exact, k.Expires, expires)
			}
			c.now = v.Until.Add(-endsBefore - time.Second)
			if got := c.listing(t, k); got != "allowed" {
				t.Errorf("%s, exact %v: refused before the end: %s", leash, exact, got)
			}
			c.now = v.Until
			if got := c.listing(t, k); got != "ExpiredToken" && got != "AccessDenied" {
				t.Errorf("%s, exact %v: at the end ListBuckets says %s", leash, exact, got)
			}
			if got := c.whoami(t, k); got != who {
				t.Errorf("%s, exact %v: at the end GetCallerIdentity says %s, want %s", leash, exact, got, who)
			}
			if _, err := c.assumer().Assume(t.Context(), access.Vending{
				Target: v.Target, Ends: v.Ends, Until: v.Until, Now: v.Until,
			}); access.Code(err) != access.CodeExpired {
				t.Errorf("a session that has ended: got %v, want expired", err)
			}
		}
	}
}

// AWS may refuse to narrow, not know the call, or answer after it was carried out. Then the session works as without
// it.
func TestASessionThatIsNotNarrowedIsDeniedAtTheEnd(t *testing.T) {
	for _, how := range []string{
		awsfake.FaultCode + "AccessDenied", awsfake.FaultCode + "InvalidAction", awsfake.FaultError, awsfake.FaultThrottled,
		awsfake.FaultLost, awsfake.FaultDropped,
	} {
		c := newCloud(t)
		c.fault = faultIn(getScopedCredentials, how)
		var log bytes.Buffer
		a := c.assumer()
		a.Log = slog.New(slog.NewTextHandler(&log, nil))
		end := noon.Add(10 * time.Minute)
		k, err := a.Assume(t.Context(), vending("Admin", noon, end))
		if err != nil {
			t.Fatalf("%s: %v", how, err)
		}
		if k.Wide != nil || !k.Expires.Equal(noon.Add(minSession)) {
			t.Errorf("%s: got a key that expires %s with %+v", how, k.Expires, k.WideKey())
		}
		if got := c.listing(t, k); got != "allowed" {
			t.Errorf("%s: refused before the end: %s", how, got)
		}
		c.now = end
		if who, lists := c.whoami(t, k), c.listing(t, k); !strings.HasPrefix(who, "arn:") || lists != "AccessDenied" {
			t.Errorf("%s: at the end GetCallerIdentity says %s, and ListBuckets %s", how, who, lists)
		}
		if n := c.counts[getScopedCredentials]; n != 1 {
			t.Errorf("%s: %d calls, want one", how, n)
		}
		if !strings.Contains(log.String(), "was not narrowed") || strings.Contains(log.String(), k.SecretKey.Reveal()) {
			t.Errorf("%s: the log says %s", how, &log)
		}
	}
}

func TestExactExpiryCanBeRequiredOrSwitchedOff(t *testing.T) {
	c := newCloud(t)
	c.fault = faultIn(getScopedCredentials, awsfake.FaultCode+"AccessDenied")
	a := c.assumer()
	a.Exact = access.ExactRequired
	k, err := a.Assume(t.Context(), vending("Admin", noon, noon.Add(time.Minute)))
	if access.Code(err) != access.CodeInexactExpiry || k != (access.Credentials{}) {
		t.Errorf("required: got %v, and key %q", err, k.AccessKeyID)
	}
	if !strings.Contains(err.Error(), "Admin in payments-prod (111111111111)") ||
		!strings.Contains(err.Error(), "answer 403 AccessDenied") {
		t.Errorf("required: %v", err)
	}
	c.fault = nil
	k, err = a.Assume(t.Context(), vending("Admin", noon, noon.Add(time.Minute)))
	if err != nil || k.Expires.After(noon.Add(time.Minute)) {
		t.Errorf("required, and possible: the keys expire %s, %v", k.Expires, err)
	}
	calls := c.counts[getScopedCredentials]
	a.Exact = access.ExactOff
	if k, err = a.Assume(t.Context(), vending("Admin", noon, noon.Add(time.Minute))); err != nil || k.Wide != nil {
		t.Errorf("off: %+v, %v", k.WideKey(), err)
	}
	if c.counts[getScopedCredentials] != calls {
		t.Error("off: the call was made")
	}
}

// faultIn is the fault of one operation.
func faultIn(operation, how string) func(string) awsfake.Fault {
	return func(op string) awsfake.Fault {
		if op == operation {
			return awsfake.Fault{How: how}
		}
		return awsfake.Fault{}
	}
}

// AWS does not say whether sign-in accepts narrowed credentials.
func TestALinkIsMadeOfTheWideCredentialsIfSignInRefusesTheNarrowedOnes(t *testing.T) {
	c := newCloud(t)
	end := noon.Add(10 * time.Minute)
	k := c.session(t, vending("Admin", noon, end))
	sent := func(s SignIn, k access.Credentials) (access.Secret, time.Time, error) {
		s.Endpoint = c.url + "/federation"
		return s.Link(t.Context(), k, target("Admin"))
	}
	if _, until, err := sent(SignIn{}, k); err != nil || !until.Equal(k.Expires) || until.After(end) {
		t.Errorf("the console ends %s, want %s: %v", until, k.Expires, err)
	}
	bad := k
	bad.SecretKey = access.NewSecret("refused by sign-in")
	if link, until, err := sent(SignIn{}, bad); err != nil || link.Empty() || !until.Equal(noon.Add(minSession)) {
		t.Errorf("with the narrowed keys refused, the console ends %s, %v", until, err)
	}
	link, _, err := sent(SignIn{Exact: access.ExactRequired}, bad)
	if access.Code(err) != access.CodeInexactExpiry || !link.Empty() {
		t.Errorf("where exact expiry is required: %v", err)
	}
	bad.Wide = nil
	if link, _, err := sent(SignIn{}, bad); err == nil || !link.Empty() {
		t.Error("a link was made of refused credentials")
	}
}
