package main

import (
	"context"
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
)

var exportLine = regexp.MustCompile(`(?m)^export (AWS_\w+)='?([^'\n]+)'?$`)

// readKeys reads the keys from a person's newest private message.
func readKeys(b *sandboxtest.Sandbox, user string) aws.Config {
	b.T.Helper()
	text := b.Private(user).Text
	env := make(map[string]string)
	for _, m := range exportLine.FindAllStringSubmatch(text, -1) {
		env[m[1]] = m[2]
	}
	if !strings.HasPrefix(text, sandboxtest.KeysBegin) || env["AWS_SESSION_TOKEN"] == "" {
		b.T.Fatalf("no keys in %q", text)
	}
	return clientConfig(b, env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env["AWS_SESSION_TOKEN"])
}

// clientConfig configures AWS clients with keys, for the sandbox's AWS.
func clientConfig(b *sandboxtest.Sandbox, id, secret, token string) aws.Config {
	return aws.Config{
		Region: "eu-west-1", BaseEndpoint: aws.String(b.URL + "/aws"), RetryMaxAttempts: 1,
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: id, SecretAccessKey: secret, SessionToken: token}, nil
		}),
	}
}

// keysWork reports whether AWS accepts keys.
func keysWork(t *testing.T, c aws.Config) bool {
	t.Helper()
	identity, list := callAWS(t, c)
	return identity == "" && list == ""
}

// callAWS calls sts:GetCallerIdentity and s3:ListBuckets, and returns the error
// code of each, "" for success.
func callAWS(t *testing.T, c aws.Config) (identity, list string) {
	t.Helper()
	_, identityErr := sts.NewFromConfig(c).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	client := s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true })
	_, listErr := client.ListBuckets(t.Context(), &s3.ListBucketsInput{})
	return errorCode(identityErr), errorCode(listErr)
}

func errorCode(err error) string {
	if err == nil {
		return ""
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return "no answer from AWS"
}

// The SDK works with vended keys until the second in which the grant ends. STS
// lets the session itself live longer, so until it expires it can still say who
// it is.
func TestVendedKeysWorkUntilTheGrantEnds(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Command("U0DEV1", `/aws-access payments-dev ReadOnly 10m "looking"`)
	b.Click("U0DEV1", "Get temporary keys", b.Direct("U0DEV1"))
	keys := readKeys(b, "U0DEV1")
	s := b.State()
	request, session := s.Requests[0], s.Sessions[0]
	if session.Account != "222222222222" || session.Role != "ReadOnly" || session.Tags["GrantId"] != request.ID ||
		session.SourceIdentity == "" || session.SessionName != "aws-access-"+request.ID || session.Policy == "" ||
		session.Expires.Sub(session.Issued) != 15*time.Minute {
		t.Errorf("the session: %+v", session)
	}
	for _, step := range []struct {
		at             time.Time // the zero time for now
		identity, list string
	}{
		{time.Time{}, "", ""},
		{request.Ends.Add(-time.Second), "", ""},
		{request.Ends.Add(time.Second), "", "AccessDenied"},
		{session.Expires.Add(time.Second), "ExpiredToken", "ExpiredToken"},
	} {
		if !step.at.IsZero() {
			b.Do("clock", `{"set":"`+step.at.Format(time.RFC3339Nano)+`"}`)
		}
		if identity, list := callAWS(t, keys); identity != step.identity || list != step.list {
			t.Errorf("at %s: got %q and %q, want %q and %q", step.at, identity, list, step.identity, step.list)
		}
	}
	keys.Credentials = withWrongSecret(keys.Credentials)
	if identity, _ := callAWS(t, keys); identity != "SignatureDoesNotMatch" {
		t.Errorf("with a wrong secret: got %q", identity)
	}
}

func withWrongSecret(right aws.CredentialsProvider) aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		k, err := right.Retrieve(ctx)
		k.SecretAccessKey += "x"
		return k, err
	})
}

// An administrator can list buckets, but cannot create anything that would
// outlive the grant, nor change the role of the session.
func TestAnAdministratorCannotOutlastTheGrant(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Command("U0DEV1", `/aws-access payments-dev Admin 1h "looking"`)
	b.Click("U0LEAD1", "Approve", b.Card("C0APPROVALS"))
	b.Click("U0DEV1", "Get temporary keys", b.Direct("U0DEV1"))
	keys := readKeys(b, "U0DEV1")
	if identity, list := callAWS(t, keys); identity != "" || list != "" {
		t.Fatalf("at first: got %q and %q", identity, list)
	}
	stsClient, iamClient := sts.NewFromConfig(keys), iam.NewFromConfig(keys)
	for name, call := range map[string]func(context.Context) error{
		"assume another role": func(ctx context.Context) error {
			_, err := stsClient.AssumeRole(ctx, &sts.AssumeRoleInput{
				RoleArn:         aws.String("arn:aws:iam::222222222222:role/aws-access/ReadOnly"),
				RoleSessionName: aws.String("more"),
			})
			return err
		},
		"create a user": func(ctx context.Context) error {
			_, err := iamClient.CreateUser(ctx, &iam.CreateUserInput{UserName: aws.String("eve")})
			return err
		},
		"create an access key": func(ctx context.Context) error {
			_, err := iamClient.CreateAccessKey(ctx, &iam.CreateAccessKeyInput{UserName: aws.String("eve")})
			return err
		},
		"delete a deny from the role": func(ctx context.Context) error {
			_, err := iamClient.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{
				RoleName: aws.String("Admin"), PolicyName: aws.String("cut"),
			})
			return err
		},
	} {
		var api smithy.APIError
		if err := call(t.Context()); !errors.As(err, &api) || !strings.HasPrefix(api.ErrorCode(), "AccessDenied") {
			t.Errorf("%s: got %v, want AccessDenied", name, err)
		}
	}
}

// A grant of four hours takes several sessions. None lasts more than an hour,
// and the last one is useless after the grant.
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
	last := readKeys(b, "U0DEV1")
	b.Advance("10s")
	if identity, list := callAWS(t, last); list == "" {
		t.Errorf("after the grant: %q and %q", identity, list)
	}
	b.Click("U0DEV1", "Get temporary keys", grant)
	if n := len(b.State().Sessions); n != 4 {
		t.Errorf("after the grant there are %d sessions", n)
	}
}

// browser is an HTTP client that keeps cookies.
func browser(t *testing.T) *http.Client {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar}
}

// visit opens a link as Slack escapes it.
func visit(t *testing.T, client *http.Client, link string) (status int, page string) {
	t.Helper()
	answer, err := client.Get(strings.ReplaceAll(link, "&amp;", "&"))
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

// The link signs a browser in. The console says who is signed in, and refuses
// after the end of the grant.
func TestTheConsoleLink(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Click("U0DEV1", "Open AWS console", sandboxtest.Granted(b))
	m := sandboxtest.ConsoleLink.FindStringSubmatch(b.Private("U0DEV1").Text)
	if m == nil || !strings.HasPrefix(m[1], b.URL+"/federation?") {
		t.Fatalf("no link in %q", b.Private("U0DEV1").Text)
	}
	client := browser(t)
	status, page := visit(t, client, m[1])
	if status != http.StatusOK || !strings.Contains(page, "ReadOnly") || !strings.Contains(page, "222222222222") {
		t.Errorf("signing in: got %d %s", status, page)
	}
	b.Advance("61m")
	if status, page := visit(t, client, b.URL+"/console"); status == http.StatusOK {
		t.Errorf("after the end the console says %s", page)
	}
	if status, page := visit(t, client, m[1]); status == http.StatusOK {
		t.Errorf("after 15 minutes the link still signs in: %s", page)
	}
}

// When a call fails, the person is told so, and a new click works.
func TestANewClickWorksAfterAnAWSFault(t *testing.T) {
	for _, at := range []string{"sts:AssumeRole", "signin:getSigninToken", "invoke:vend"} {
		for _, how := range []string{"error", "429", "lost", "slow"} {
			t.Run(at+" "+how, func(t *testing.T) {
				if how == "slow" {
					sandboxtest.SkipIfShort(t, "a slow call takes seconds of real time")
				}
				t.Parallel()
				checkNewClick(t, at, how)
			})
		}
	}
}

func checkNewClick(t *testing.T, at, how string) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	grant := sandboxtest.Granted(b)
	b.Do("faults", `{"at":"`+at+`","how":"`+how+`","times":1}`)
	b.Click("U0DEV1", "Open AWS console", grant)
	if left := b.State().Faults; len(left) != 0 {
		t.Errorf("the fault did not happen: %+v", left)
	}
	b.Advance("2m") // the tick gives up an order that led to nothing
	b.Click("U0DEV1", "Open AWS console", grant)
	if m := b.Private("U0DEV1"); !sandboxtest.ConsoleLink.MatchString(m.Text) {
		t.Errorf("a new click: got %q", m.Text)
	}
	s := b.State()
	issued := sandboxtest.Count(s.Audit, func(e controls.AuditEntry) bool { return e.Outcome == "issued" })
	if how != "lost" && issued != len(s.Sessions) || issued > len(s.Sessions) {
		t.Errorf("%d sessions, but %d records", len(s.Sessions), issued)
	}
}

// Messages that Slack refuses for an hour arrive afterwards, each of them once.
func TestNothingIsLostWhileSlackIsDown(t *testing.T) {
	for _, how := range []string{"error", "429"} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			b := sandboxtest.Start(t, sandboxtest.Policy(t))
			b.Do("faults", `{"at":"slack:chat.*","how":"`+how+`","for":"1h"}`)
			b.Command("U0DEV1", `/aws-access payments-dev ReadOnly 4h "looking"`)
			b.Command("U0DEV1", `/aws-access payments-prod ReadOnly 4h "looking"`)
			if n := len(b.State().Messages); n != 2 {
				t.Errorf("while Slack is down there are %d messages, want the two answers", n)
			}
			b.Advance("61m")
			cards := sandboxtest.Count(b.State().Messages, sandboxtest.IsCard("C0APPROVALS"))
			if cards != 2 {
				t.Errorf("afterwards there are %d cards, want 2", cards)
			}
			b.Direct("U0DEV1")
		})
	}
}
