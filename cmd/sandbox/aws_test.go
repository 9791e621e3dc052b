package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/cookiejar"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"

	"github.com/aws-access/aws-access/cmd/sandbox/controls"
	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/cmd/sandbox/world"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

var exported = regexp.MustCompile(`(?m)^export (AWS_\w+)='?([^'\n]+)'?$`)

// keys reads the keys out of the private message that holds them.
func keys(b *sandboxtest.Sandbox, user string) aws.Config {
	b.T.Helper()
	text := b.Private(user).Text
	found := make(map[string]string)
	for _, m := range exported.FindAllStringSubmatch(text, -1) {
		found[m[1]] = m[2]
	}
	if !strings.HasPrefix(text, sandboxtest.KeysBegin) || found["AWS_SESSION_TOKEN"] == "" {
		b.T.Fatalf("no keys in %q", text)
	}
	return configured(b, found["AWS_ACCESS_KEY_ID"], found["AWS_SECRET_ACCESS_KEY"], found["AWS_SESSION_TOKEN"])
}

// configured is a client with keys.
func configured(b *sandboxtest.Sandbox, id, secret, token string) aws.Config {
	return aws.Config{
		Region: "eu-west-1", BaseEndpoint: aws.String(b.URL + "/aws"), RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret, SessionToken: token}, nil
		}),
	}
}

// works reports whether AWS takes keys.
func works(t *testing.T, c aws.Config) bool {
	t.Helper()
	who, list := tried(t, c)
	return who == "" && list == ""
}

// tried is what came of the two calls that everybody tries first: "" or AWS's
// error code.
func tried(t *testing.T, c aws.Config) (who, list string) {
	t.Helper()
	code := func(err error) string {
		var api smithy.APIError
		if err == nil || !errors.As(err, &api) {
			return map[bool]string{true: "", false: "no answer of AWS"}[err == nil]
		}
		return api.ErrorCode()
	}
	_, err := sts.NewFromConfig(c).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	who = code(err)
	_, err = s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true }).ListBuckets(t.Context(), &s3.ListBucketsInput{})
	return who, code(err)
}

// The SDK works with vended keys until the grant ends, to the second; the
// session itself, which STS lets live longer, answers who it is until then.
func TestVendedKeysWorkUntilTheGrantEnds(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Command("U0DEV1", `/aws-access payments-dev ReadOnly 10m "looking"`)
	b.Click("U0DEV1", "Get temporary keys", b.Direct("U0DEV1"))
	c := keys(b, "U0DEV1")
	s := b.State()
	session, ends := s.Sessions[0], *s.Requests[0].Ends
	if session.Account != "222222222222" || session.Role != "ReadOnly" || session.Tags["GrantId"] != s.Requests[0].ID || session.SourceIdentity == "" ||
		session.SessionName != "aws-access-"+s.Requests[0].ID || session.Expires.Sub(session.Issued) != 15*time.Minute || session.Policy == "" {
		t.Errorf("the session: %+v", session)
	}
	for _, step := range []struct{ at, who, list string }{
		{"", "", ""},
		{ends.Add(-time.Second).Format(time.RFC3339Nano), "", ""},
		{ends.Add(time.Second).Format(time.RFC3339Nano), "", "AccessDenied"},
		{session.Expires.Add(time.Second).Format(time.RFC3339Nano), "ExpiredToken", "ExpiredToken"},
	} {
		if step.at != "" {
			b.Do("clock", `{"set":"`+step.at+`"}`)
		}
		if who, list := tried(t, c); who != step.who || list != step.list {
			t.Errorf("at %s: got %q and %q, want %q and %q", step.at, who, list, step.who, step.list)
		}
	}
	wrong := c
	wrong.Credentials = aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		k, err := c.Credentials.Retrieve(ctx)
		k.SecretAccessKey += "x"
		return k, err
	})
	if who, _ := tried(t, wrong); who != "SignatureDoesNotMatch" {
		t.Errorf("another secret: got %q", who)
	}
}

// An administrator can list buckets, and cannot make what would outlive the
// grant, nor touch the role that he has.
func TestAnAdministratorCannotOutlastTheGrant(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Command("U0DEV1", `/aws-access payments-dev Admin 1h "looking"`)
	b.Click("U0LEAD1", "Approve", b.Card("C0APPROVALS"))
	b.Click("U0DEV1", "Get temporary keys", b.Direct("U0DEV1"))
	c := keys(b, "U0DEV1")
	if who, list := tried(t, c); who != "" || list != "" {
		t.Fatalf("at first: got %q and %q", who, list)
	}
	as, of := sts.NewFromConfig(c), iam.NewFromConfig(c)
	for name, call := range map[string]func() error{
		"assume another role": func() error {
			_, err := as.AssumeRole(t.Context(), &sts.AssumeRoleInput{RoleArn: aws.String("arn:aws:iam::222222222222:role/aws-access/ReadOnly"), RoleSessionName: aws.String("more")})
			return err
		},
		"make a user": func() error {
			_, err := of.CreateUser(t.Context(), &iam.CreateUserInput{UserName: aws.String("eve")})
			return err
		},
		"make an access key": func() error {
			_, err := of.CreateAccessKey(t.Context(), &iam.CreateAccessKeyInput{UserName: aws.String("eve")})
			return err
		},
		"delete what cuts": func() error {
			_, err := of.DeleteRolePolicy(t.Context(), &iam.DeleteRolePolicyInput{RoleName: aws.String("Admin"), PolicyName: aws.String("cut")})
			return err
		},
	} {
		var api smithy.APIError
		if err := call(); !errors.As(err, &api) || !strings.HasPrefix(api.ErrorCode(), "AccessDenied") {
			t.Errorf("%s: got %v, want AccessDenied", name, err)
		}
	}
}

// A grant of four hours is four sessions; the last is useless after it.
func TestALongGrantIsManySessions(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Command("U0DEV1", `/aws-access payments-dev ReadOnly 4h "looking"`)
	grant := b.Direct("U0DEV1")
	for range 4 {
		b.Click("U0DEV1", "Get temporary keys", grant)
		b.Advance("59m59s")
	}
	s := b.State()
	if len(s.Sessions) != 4 {
		t.Fatalf("got %d sessions", len(s.Sessions))
	}
	for _, session := range s.Sessions {
		if d := session.Expires.Sub(session.Issued); d > time.Hour {
			t.Errorf("a session lasts %v", d)
		}
	}
	last := keys(b, "U0DEV1")
	b.Advance("10s")
	if who, list := tried(t, last); list == "" {
		t.Errorf("after the grant: %q and %q", who, list)
	}
	b.Click("U0DEV1", "Get temporary keys", grant)
	if n := len(b.State().Sessions); n != 4 {
		t.Errorf("after the grant there are %d sessions", n)
	}
}

// The link signs a browser in; the console says who that is, and refuses after
// the end.
func TestTheConsoleLink(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Click("U0DEV1", "Open AWS console", sandboxtest.Granted(b))
	m := sandboxtest.ConsoleLink.FindStringSubmatch(b.Private("U0DEV1").Text)
	if m == nil || !strings.HasPrefix(m[1], b.URL+"/federation?") {
		t.Fatalf("no link in %q", b.Private("U0DEV1").Text)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	look := func(at string) (int, string) {
		answer, err := browser.Get(strings.ReplaceAll(at, "&amp;", "&"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = answer.Body.Close() }()
		text, err := io.ReadAll(answer.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.StatusCode, string(text)
	}
	if status, text := look(m[1]); status != http.StatusOK || !strings.Contains(text, "ReadOnly") || !strings.Contains(text, "222222222222") {
		t.Errorf("signing in: got %d %s", status, text)
	}
	b.Advance("61m")
	if status, text := look(b.URL + "/console"); status == http.StatusOK {
		t.Errorf("after the end the console says %s", text)
	}
	if status, text := look(m[1]); status == http.StatusOK {
		t.Errorf("after 15 minutes the link still signs in: %s", text)
	}
}

// Each call can fail, be throttled, be slow or lose its answer; afterwards the
// person is told, and a new click works.
func TestFaultsOfAWS(t *testing.T) {
	for _, at := range []string{"sts:AssumeRole", "signin:getSigninToken", "invoke:vend"} {
		for _, how := range []string{"error", "429", "lost", "slow"} {
			t.Run(at+" "+how, func(t *testing.T) {
				t.Parallel()
				b := sandboxtest.Start(t, sandboxtest.Policy(t))
				grant := sandboxtest.Granted(b)
				b.Do("faults", `{"at":"`+at+`","how":"`+how+`","times":1}`)
				b.Click("U0DEV1", "Open AWS console", grant)
				if left := b.State().Faults; len(left) != 0 {
					t.Errorf("the fault did not happen: %+v", left)
				}
				b.Advance("2m") // an order that came to nothing is told
				b.Click("U0DEV1", "Open AWS console", grant)
				if m := b.Private("U0DEV1"); !sandboxtest.ConsoleLink.MatchString(m.Text) {
					t.Errorf("a new click: got %q", m.Text)
				}
				s := b.State()
				issued := sandboxtest.Count(s.Audit, func(e controls.AuditEntry) bool { return e.Outcome == "issued" })
				if how != "lost" && issued != len(s.Sessions) || issued > len(s.Sessions) {
					t.Errorf("%d sessions, %d records", len(s.Sessions), issued)
				}
			})
		}
	}
}

// What Slack loses for a while arrives in the end, each message once.
func TestNothingIsLostWhileSlackIsDown(t *testing.T) {
	for _, how := range []string{"error", "429"} {
		b := sandboxtest.Start(t, sandboxtest.Policy(t))
		b.Do("faults", `{"at":"slack:chat.*","how":"`+how+`","for":"1h"}`)
		b.Command("U0DEV1", `/aws-access payments-dev ReadOnly 4h "looking"`)
		b.Command("U0DEV1", `/aws-access payments-prod ReadOnly 4h "looking"`)
		if n := len(b.State().Messages); n != 2 {
			t.Errorf("%s: while Slack is down there are %d messages, want the two answers", how, n)
		}
		b.Advance("61m")
		cards := sandboxtest.Count(b.State().Messages, func(m slackfake.Message) bool { return m.Channel == "C0APPROVALS" && m.ThreadTS == "" })
		if cards != 2 {
			t.Errorf("%s: afterwards there are %d cards, want 2", how, cards)
		}
		b.Direct("U0DEV1")
	}
}

// Faults are listed as they stand, and cleared.
func TestFaultsAreListedAndCleared(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Do("faults", `{"at":"slack:chat.postMessage","how":"error","times":3,"for":"30m"}`)
	b.Do("faults", `{"at":"feed","how":"delay"}`)
	read := func() (list []world.Fault) {
		_, text := b.Send(http.MethodGet, "/sandbox/faults", "")
		if err := json.Unmarshal([]byte(text), &list); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		return list
	}
	if list := read(); len(list) != 2 || list[0].At != "slack:chat.postMessage" || list[0].Times != 3 || list[0].Until == nil || list[1].How != "delay" {
		t.Errorf("got %+v", list)
	}
	b.Advance("31m")
	if list := read(); len(list) != 1 {
		t.Errorf("half an hour later: got %+v", list)
	}
	if status, _ := b.Send(http.MethodDelete, "/sandbox/faults", ""); status != http.StatusOK || len(read()) != 0 {
		t.Errorf("cleared: got %d, %+v", status, read())
	}
}
