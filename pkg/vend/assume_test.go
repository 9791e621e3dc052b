package vend

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/google/go-cmp/cmp"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
)

func TestEverySessionCarriesItsGrantAndItsPerson(t *testing.T) {
	c := newCloud(t)
	v := vending("ReadOnly", noon, noon.Add(4*time.Hour))
	k := c.session(t, v)
	policy, err := SessionPolicy(v)
	if err != nil {
		t.Fatal(err)
	}
	want := []awsfake.Session{{
		Ends:        &v.Ends,
		AccessKeyID: k.AccessKeyID, Account: "111111111111", Role: "ReadOnly",
		SessionName: v.Session, SourceIdentity: "dev1@example.com",
		Tags:   map[string]string{"GrantId": v.Grant, "Person": "dev1@example.com", "SlackUser": "U0DEV1"},
		Policy: policy, Issued: noon, Expires: noon.Add(time.Hour),
	}}
	if diff := cmp.Diff(want, c.Sessions()); diff != "" {
		t.Errorf("sessions (-want +got):\n%s", diff)
	}
	if !k.Expires.Equal(noon.Add(time.Hour)) || len(k.SessionToken.Reveal()) != 4096 {
		t.Errorf("expires %s, token of %d bytes", k.Expires, len(k.SessionToken.Reveal()))
	}
}

// A machine of any kind gets a session whose record at AWS names it, and names no person.
func TestASessionOfAMachineNamesTheMachine(t *testing.T) {
	build := access.Machine{Role: &access.RoleSession{
		Partition: "aws", Account: "332000000000", Name: "CodeBuildRole", ID: "AROAEXAMPLEBUILDROLE1", Session: "build-1",
	}}
	claims := map[string]string{
		"sub": "repo:octo-org/octo-repo:environment:production", "repository_id": "1", "run_id": "2", "run_attempt": "3",
		"user_email": "lead1@example.com",
	}
	run := access.Machine{Run: &access.Run{Issuer: "https://token.actions.githubusercontent.com", Claims: claims}}
	for want, m := range map[string]access.Machine{
		"aws+332000000000+CodeBuildRole":                                   build,
		"oidc+github+repo=octo-org=octo-repo=environment=pr+MXP47EU5FQQRG": run,
	} {
		c := newCloud(t)
		v := vending("ReadOnly", noon, noon.Add(4*time.Hour))
		v.Who = m.Person()
		c.session(t, v)
		got := c.Sessions()[0]
		tags := map[string]string{"GrantId": v.Grant, "Person": want}
		if got.SourceIdentity != want || !cmp.Equal(got.Tags, tags) || got.SessionName != v.Session {
			t.Errorf("got %s, %s with %v; want %s with %v", got.SourceIdentity, got.SessionName, got.Tags, want, tags)
		}
	}
}

func TestASessionLastsAsLongAsTheGrantWithinTheLimitsOfSTS(t *testing.T) {
	for left, want := range map[time.Duration]time.Duration{
		time.Second:                           900 * time.Second,
		10 * time.Minute:                      900 * time.Second,
		900 * time.Second:                     900 * time.Second,
		901 * time.Second:                     901 * time.Second,
		30*time.Minute + 999*time.Millisecond: 30 * time.Minute,
		3600 * time.Second:                    time.Hour,
		3601 * time.Second:                    time.Hour,
		30 * 24 * time.Hour:                   time.Hour,
	} {
		c := newCloud(t)
		k := c.session(t, vending("ReadOnly", noon, noon.Add(left)))
		if got := k.Expires.Sub(noon); got != want {
			t.Errorf("%s left: a session of %s, want %s", left, got, want)
		}
	}
}

func TestAPersonWithoutAUsableAddressIsNamedBySlackID(t *testing.T) {
	for address, want := range map[string]string{
		"dev1@example.com":        "dev1@example.com",
		"Dev1@Example.COM":        "dev1@example.com",
		"a+b_c-d=e,f@example.com": "a+b_c-d=e,f@example.com",

		"": "U0DEV1", "o'neil@example.com": "U0DEV1", "dév@example.com": "U0DEV1", "\u212aate@example.com": "U0DEV1",
		"\u00a0dev1@example.com": "U0DEV1", "aws:x@example.com": "U0DEV1", "x": "U0DEV1",

		strings.Repeat("x", 52) + "@example.com": strings.Repeat("x", 52) + "@example.com",
		strings.Repeat("x", 53) + "@example.com": "U0DEV1",
	} {
		if got := sourceIdentity(access.Person{ID: "U0DEV1", Email: address}); got != want {
			t.Errorf("%q: got %q, want %q", address, got, want)
		}
	}
	// An address that is not verified is not used.
	if got := sourceIdentity(access.Person{ID: "U0DEV1", UnverifiedEmail: "lead1@example.com"}); got != "U0DEV1" {
		t.Errorf("an unverified address: got %q, want U0DEV1", got)
	}
}

func TestTheRolesARNHasThePartitionOfTheRegion(t *testing.T) {
	for region, want := range map[string]string{
		"eu-west-1":      "arn:aws:iam::111111111111:role/aws-access/Admin",
		"":               "arn:aws:iam::111111111111:role/aws-access/Admin",
		"cn-north-1":     "arn:aws-cn:iam::111111111111:role/aws-access/Admin",
		"us-gov-west-1":  "arn:aws-us-gov:iam::111111111111:role/aws-access/Admin",
		"eusc-de-east-1": "arn:aws-eusc:iam::111111111111:role/aws-access/Admin",
		"ap-southeast-2": "arn:aws:iam::111111111111:role/aws-access/Admin",
	} {
		v := vending("Admin", noon, noon.Add(time.Hour))
		v.Target.Region = region
		in, err := input(v)
		if err != nil || *in.RoleArn != want {
			t.Errorf("%q: got %v %v, want %s", region, in, err, want)
		}
		protected := strings.Split(want, "iam::")[0] + "iam::*:role/aws-access*"
		if policy, _ := SessionPolicy(v); !strings.Contains(policy, protected) {
			t.Errorf("%q: the policy protects another partition: %s", region, policy)
		}
	}
}

// Every region has the partition that botocore says. Regions of the iso partitions are refused, because their sign-in
// hosts are not published.
func TestEveryRegionHasItsPartition(t *testing.T) {
	text, err := os.ReadFile("../access/testdata/regions.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		row := strings.Fields(line)
		p, err := partitionOf(row[0])
		if iso := strings.HasPrefix(row[1], "aws-iso"); (err != nil) != iso || err == nil && p.id != row[1] {
			t.Errorf("%s: got %q %v, want %s, refused: %v", row[0], p.id, err, row[1], iso)
		}
	}
}

func TestAnInvalidCallIsNotSent(t *testing.T) {
	for name, change := range map[string]func(*access.Vending){
		"account":               func(v *access.Vending) { v.Target.Account = "1111" },
		"account with wildcard": func(v *access.Vending) { v.Target.Account = "11111111111*" },
		"role with wildcard":    func(v *access.Vending) { v.Target.Role = "Ad*" },
		"role with a variable":  func(v *access.Vending) { v.Target.Role = "${aws:username}" },
		"no role":               func(v *access.Vending) { v.Target.Role = "" },
		"path without end":      func(v *access.Vending) { v.Target.Path = "/aws-access" },
		"path with wildcard":    func(v *access.Vending) { v.Target.Path = "/*/" },
		"no path":               func(v *access.Vending) { v.Target.Path = "" },
		"path of 513":           func(v *access.Vending) { v.Target.Path = "/" + strings.Repeat("x", 511) + "/" },
		"region":                func(v *access.Vending) { v.Target.Region = "evil.example/#" },
		"iso region":            func(v *access.Vending) { v.Target.Region = "us-iso-east-1" },
		"session name":          func(v *access.Vending) { v.Session = "a b" },
		"long session name":     func(v *access.Vending) { v.Session = strings.Repeat("x", 65) },
		"no person":             func(v *access.Vending) { v.Who = access.Person{} },
		"an empty machine":      func(v *access.Vending) { v.Who.Machine = &access.Machine{} },
		"no grant":              func(v *access.Vending) { v.Grant = "" },
		"invalid grant":         func(v *access.Vending) { v.Grant = "a,b" },
	} {
		c := newCloud(t)
		v := vending("Admin", noon, noon.Add(time.Hour))
		change(&v)
		_, err := c.assumer().Assume(t.Context(), v)
		if access.Code(err) != "aws_invalid" || c.counts["sts:AssumeRole"] != 0 {
			t.Errorf("%s: got %v after %d calls, want aws_invalid after none", name, err, c.counts["sts:AssumeRole"])
		}
	}
	c := newCloud(t)
	_, err := c.assumer().Assume(t.Context(), vending("Admin", noon, noon))
	if access.Code(err) != "expired" || c.counts["sts:AssumeRole"] != 0 {
		t.Errorf("at the end of the grant: got %v, want expired and no call", err)
	}
}

func TestWithoutAnExternalIDNoCallIsSent(t *testing.T) {
	for name, id := range map[string]func(context.Context, bool) (access.Secret, error){
		"not set": nil,
		"unreadable": func(context.Context, bool) (access.Secret, error) {
			return access.Secret{}, errors.New("parameter store is down")
		},
		"empty": func(context.Context, bool) (access.Secret, error) { return access.Secret{}, nil },
		"with a space": func(context.Context, bool) (access.Secret, error) {
			return access.NewSecret("canary external"), nil
		},
	} {
		c := newCloud(t)
		a := c.assumer()
		a.ExternalID = id
		_, err := a.Assume(t.Context(), vending("Admin", noon, noon.Add(time.Hour)))
		if access.Code(err) != "aws_unavailable" || c.counts["sts:AssumeRole"] != 0 ||
			strings.Contains(err.Error(), "canary") {
			t.Errorf("%s: got %v after %d calls, want aws_unavailable after none", name, err, c.counts["sts:AssumeRole"])
		}
	}
}

// When the external id is rotated in SSM and in the trust of the target roles, STS refuses the one that the function
// has kept.
func TestARotatedExternalIDIsReadAgainOnce(t *testing.T) {
	for now, want := range map[string]struct {
		code          string
		assumed, read int
	}{
		external:            {"", 2, 1},            // rotated
		"canary-never-4712": {"aws_refused", 2, 1}, // rotated, and the new one is wrong too
		"canary-kept-4710":  {"aws_refused", 1, 1}, // not rotated
	} {
		c := newCloud(t)
		a, read, kept := c.assumer(), 0, "canary-kept-4710"
		a.ExternalID = func(_ context.Context, fresh bool) (access.Secret, error) {
			if fresh {
				read++
				kept = now
			}
			return access.NewSecret(kept), nil
		}
		_, err := a.Assume(t.Context(), vending("Admin", noon, noon.Add(time.Hour)))
		if access.Code(err) != want.code || c.counts["sts:AssumeRole"] != want.assumed || read != want.read {
			t.Errorf("the new id is %s: %v after %d calls and %d reads, want %+v",
				now, err, c.counts["sts:AssumeRole"], read, want)
		}
		if err != nil && strings.Contains(err.Error(), "canary") {
			t.Errorf("the error contains the external id: %v", err)
		}
	}
}

// answering is an assumer whose STS gives the same answer to every call.
func answering(t *testing.T, status int, body string) Assumer {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		w.Header().Set("Content-Type", "text/xml")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	c := newCloud(t)
	c.url = server.URL
	return c.assumer()
}

func errorXML(code string) string {
	return `<ErrorResponse><Error><Type>Sender</Type><Code>` + code + `</Code>` +
		`<Message>canary-message: policy, token and key as they were sent</Message></Error>` +
		`<RequestId>11111111-2222-3333-4444-555555555555</RequestId></ErrorResponse>`
}

const noSessionToken = `<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA</AccessKeyId>` +
	`<SecretAccessKey>canary</SecretAccessKey><Expiration>2026-11-21T13:00:00Z</Expiration>` +
	`</Credentials></AssumeRoleResult></AssumeRoleResponse>`

// The answers of docs/facts.md#a5, and answers of broken proxies.
func TestAnAnswerOfSTSBecomesARefusal(t *testing.T) {
	for name, c := range map[string]struct {
		status int
		body   string
		code   string
		logs   string
	}{
		"AccessDenied": {403, errorXML("AccessDenied"), "aws_refused",
			"answer 403 AccessDenied (request 11111111-2222-3333-4444-555555555555)"},
		"AccessDenied without code": {403, "", "aws_refused", "answer 403"},
		"ValidationError":           {400, errorXML("ValidationError"), "aws_invalid", "400 ValidationError"},
		"MalformedPolicyDocument":   {400, errorXML("MalformedPolicyDocument"), "aws_invalid", "400 MalformedPolicyDocument"},
		"PackedPolicyTooLarge":      {400, errorXML("PackedPolicyTooLarge"), "aws_invalid", "400 PackedPolicyTooLarge"},
		"RegionDisabledException":   {403, errorXML("RegionDisabledException"), "aws_invalid", "403 RegionDisabledException"},
		"ExpiredToken":              {403, errorXML("ExpiredToken"), "aws_unavailable", "403 ExpiredToken"},
		"Throttling":                {400, errorXML("Throttling"), "aws_unavailable", "400 Throttling"},
		"RequestLimitExceeded":      {503, errorXML("RequestLimitExceeded"), "aws_unavailable", "503 RequestLimitExceeded"},
		"InternalFailure":           {500, errorXML("InternalFailure"), "aws_unavailable", "500 InternalFailure"},
		"a proxy's page":            {502, "<html>canary-page</html>", "aws_unavailable", "answer 502"},
		"an unknown refusal":        {400, errorXML("SomethingNew"), "aws_invalid", "400 SomethingNew"},
		"a code that is a secret":   {400, errorXML("canary+secret/key=canary+secret/key"), "aws_invalid", "400 unreadable"},
		"no XML":                    {200, "canary-text", "aws_unavailable", "sts:AssumeRole"},
		"no credentials": {200, "<AssumeRoleResponse><AssumeRoleResult></AssumeRoleResult></AssumeRoleResponse>",
			"aws_unavailable", "incomplete credentials"},
		"credentials without a token": {200, noSessionToken, "aws_unavailable", "incomplete credentials"},
	} {
		t.Run(name, func(t *testing.T) {
			k, err := answering(t, c.status, c.body).Assume(t.Context(), vending("Admin", noon, noon.Add(time.Hour)))
			checkRefusal(t, err, c.code, c.logs)
			if k != (access.Credentials{}) {
				t.Errorf("credentials %+v came with an error", k)
			}
		})
	}
}

// checkRefusal checks the text for the person, and the text for the log.
func checkRefusal(t *testing.T, err error, code, logs string) {
	t.Helper()
	var r *access.Refusal
	if !errors.As(err, &r) || r.Code != code {
		t.Fatalf("got %v, want %s", err, code)
	}
	for _, want := range []string{"payments-prod", "111111111111", "Admin"} {
		if !strings.Contains(r.Says, want) {
			t.Errorf("%q does not name %s", r.Says, want)
		}
	}
	if !strings.Contains(err.Error(), logs) {
		t.Errorf("the log has %q, want %q in it", err, logs)
	}
	if strings.Contains(r.Error(), "answer 4") || strings.Contains(r.Error(), "request ") {
		t.Errorf("the person reads details of the answer: %q", r)
	}
	for _, format := range []string{"%v", "%+v", "%#v"} {
		if text := fmt.Sprintf(format, err); strings.Contains(text, "canary") {
			t.Errorf("%s prints a secret: %s", format, text)
		}
	}
}

func TestAMissingAnswerOfSTSIsNamed(t *testing.T) {
	c := newCloud(t)
	c.fault = func(string) awsfake.Fault { return awsfake.Fault{How: awsfake.FaultSlow} }
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := c.assumer().Assume(ctx, vending("Admin", noon, noon.Add(time.Hour)))
	checkRefusal(t, err, "aws_unavailable", "no answer in time")
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
	gone := newCloud(t)
	gone.url = "http://127.0.0.1:1"
	_, err = gone.assumer().Assume(t.Context(), vending("Admin", noon, noon.Add(time.Hour)))
	checkRefusal(t, err, "aws_unavailable", "connection refused")
}

// A call that may have started a session is not retried, because a retry would start a second session for one order.
func TestOnlyAThrottledCallIsRetried(t *testing.T) {
	for how, want := range map[string]struct{ calls, sessions int }{
		awsfake.FaultLost: {1, 1}, awsfake.FaultError: {1, 0}, awsfake.FaultThrottled: {3, 0},
	} {
		c := newCloud(t)
		c.fault = func(string) awsfake.Fault { return awsfake.Fault{How: how} }
		_, err := c.assumer().Assume(t.Context(), vending("Admin", noon, noon.Add(time.Hour)))
		calls, sessions := c.counts["sts:AssumeRole"], len(c.Sessions())
		if access.Code(err) != "aws_unavailable" || calls != want.calls || sessions != want.sessions {
			t.Errorf("%s: %d calls, %d sessions, %v; want %+v and aws_unavailable", how, calls, sessions, err, want)
		}
	}
	c := newCloud(t)
	c.fault = func(string) awsfake.Fault {
		if c.counts["sts:AssumeRole"] < 3 {
			return awsfake.Fault{How: awsfake.FaultThrottled}
		}
		return awsfake.Fault{}
	}
	_, err := c.assumer().Assume(t.Context(), vending("Admin", noon, noon.Add(time.Hour)))
	if err != nil || len(c.Sessions()) != 1 {
		t.Errorf("throttled twice: %v, %d sessions, want one", err, len(c.Sessions()))
	}
}

// net/http reads beyond the end of a request's body, perhaps after the SDK has closed it. If that read fails, net/http
// closes the connection, and the answer is lost.
func TestReadingBeyondTheEndOfTheBodyIsNoError(t *testing.T) {
	c := newCloud(t)
	config := c.config(c.vend)
	var sent *http.Request
	config.HTTPClient = doer(func(r *http.Request) (*http.Response, error) {
		sent = r
		return http.DefaultClient.Do(r)
	})
	a := c.assumer()
	a.STS = sts.NewFromConfig(config)
	if _, err := a.Assume(t.Context(), vending("Admin", noon, noon.Add(time.Hour))); err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, sent.Body); n != 0 || err != nil {
		t.Errorf("%d bytes and %v after the end, want 0 and no error", n, err)
	}
}

type doer func(*http.Request) (*http.Response, error)

func (f doer) Do(r *http.Request) (*http.Response, error) { return f(r) }

func TestRetrySettingsOfTheClientHaveNoEffect(t *testing.T) {
	c := newCloud(t)
	c.fault = func(string) awsfake.Fault { return awsfake.Fault{How: awsfake.FaultError} }
	config := c.config(c.vend)
	config.RetryMaxAttempts, config.RetryMode = 9, aws.RetryModeAdaptive
	a := c.assumer()
	a.STS = sts.NewFromConfig(config)
	_, err := a.Assume(t.Context(), vending("Admin", noon, noon.Add(time.Hour)))
	if access.Code(err) != "aws_unavailable" || c.counts["sts:AssumeRole"] != 1 {
		t.Errorf("%d calls, %v; want one", c.counts["sts:AssumeRole"], err)
	}
}

// A grant of 4 hours gives new sessions until its end. A grant of 10 minutes ends in time, although STS starts no
// session of less than 900 s.
func TestAGrantGivesSessionsUntilItsEnd(t *testing.T) {
	for _, length := range []time.Duration{4 * time.Hour, 10 * time.Minute} {
		c := newCloud(t)
		ends := noon.Add(length)
		var last access.Credentials
		for at := noon; at.Before(ends); at = at.Add(50 * time.Minute) {
			c.now = at
			last = c.session(t, vending("Admin", at, ends))
			if !c.lists(t, last) {
				t.Errorf("%s: a new session at %s does not work", length, at.Sub(noon))
			}
		}
		c.now = ends.Add(-time.Second)
		last = c.session(t, vending("Admin", c.now, ends))
		if !c.lists(t, last) {
			t.Errorf("%s: one second before the end: denied", length)
		}
		for _, late := range []time.Duration{0, time.Second, 10 * time.Minute} {
			c.now = ends.Add(late)
			if c.lists(t, last) {
				t.Errorf("%s: %s after the end: allowed", length, late)
			}
		}
		if !last.Expires.After(ends) {
			t.Errorf("%s: the credentials expired at %s by themselves, so the test proves nothing", length, last.Expires)
		}
	}
}

// lists reports whether keys can list buckets. Any error but AccessDenied fails the test.
func (c *cloud) lists(t *testing.T, k access.Credentials) bool {
	t.Helper()
	_, err := c.s3(k).ListBuckets(t.Context(), &s3.ListBucketsInput{})
	if err != nil && !strings.Contains(err.Error(), "AccessDenied") {
		t.Fatal(err)
	}
	return err == nil
}
