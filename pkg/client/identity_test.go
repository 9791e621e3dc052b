package client

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/client/clienttest"
	"github.com/aws-access/aws-access/pkg/machine"
	"github.com/aws-access/aws-access/pkg/wire"
)

// awsIs sets the credentials that the SDK finds, and nothing else.
func awsIs(t *testing.T, values map[string]string) {
	t.Helper()
	for _, name := range []string{"AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID",
		"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
		"AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"} {
		t.Setenv(name, values[name])
	}
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	for _, name := range []string{"AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"} {
		t.Setenv(name, filepath.Join(t.TempDir(), "none"))
	}
}

var role = map[string]string{"AWS_REGION": "eu-west-1", "AWS_ACCESS_KEY_ID": "ASIAEXAMPLEEXAMPLE12",
	"AWS_SECRET_ACCESS_KEY": "a-secret", "AWS_SESSION_TOKEN": "FwoGZXIvYXdzEXAMPLETOKEN"}

func TestMachineInAWSProvesItselfToThisServerByThisKey(t *testing.T) {
	awsIs(t, role)
	identity, err := FindAWS(t.Context(), os.Getenv)
	if err != nil {
		t.Fatal(err)
	}
	f := newFixture(t)
	f.Identity = identity
	f.server.Answer = func(wire.Call) clienttest.Reply { return clienttest.Reply{Keys: sessionKeys(time.Now())} }
	if _, err := f.Do(t.Context(), askKeys); err != nil {
		t.Fatal(err)
	}
	call := f.server.Calls()[0]
	got := call.Payload.AWS
	if got == nil || got.KeyID != role["AWS_ACCESS_KEY_ID"] || got.Region != "eu-west-1" {
		t.Fatalf("got %+v", got)
	}
	at, err := time.Parse("20060102T150405Z", got.Date)
	if err != nil {
		t.Fatal(err)
	}
	q := machine.Question{Audience: f.server.URL.Address, Key: call.Key.Thumbprint()}
	want, err := q.Sign(t.Context(), "eu-west-1", credentials(), at)
	if err != nil || want.Signature != got.Signature {
		t.Errorf("the proof is not for this server and this key, %v", err)
	}
	if strings.Contains(strings.Join(f.server.Bodies(), ""), "a-secret") {
		t.Error("the secret key was sent")
	}
}

func TestMachineWithoutARoleIsToldSo(t *testing.T) {
	without := func(name string) map[string]string {
		values := map[string]string{}
		for k, v := range role {
			if k != name {
				values[k] = v
			}
		}
		return values
	}
	for name, c := range map[string]struct {
		values map[string]string
		text   string
	}{
		"no Region":      {without("AWS_REGION"), "set AWS_REGION"},
		"keys of a user": {without("AWS_SESSION_TOKEN"), "only the session of a role is accepted"},
		"no credentials": {map[string]string{"AWS_REGION": "eu-west-1"}, "finds no credentials of a role"},
		"no such Region": {map[string]string{"AWS_REGION": "eu-nowhere-1", "AWS_ACCESS_KEY_ID": "ASIAEXAMPLEEXAMPLE12",
			"AWS_SECRET_ACCESS_KEY": "s", "AWS_SESSION_TOKEN": "t"}, "the Region is not known"},
	} {
		awsIs(t, c.values)
		identity, err := FindAWS(t.Context(), os.Getenv)
		if err == nil {
			var p wire.Payload
			err = identity.Prove(t.Context(), machine.Question{}, time.Now(), &p)
		}
		if failure, _ := errors.AsType[*Failure](err); failure == nil || failure.Code != NoProof ||
			!strings.Contains(failure.Text, c.text) {
			t.Errorf("%s: got %v, want %q", name, err, c.text)
		}
	}
}

// tokenOf makes something with the form of a token.
func tokenOf(expires time.Time, audience string) string {
	claims := fmt.Sprintf(`{"iat":%d,"exp":%d,"aud":%q}`, time.Now().Unix(), expires.Unix(), audience)
	return "e30." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + ".c2lnbmF0dXJl"
}

// actions is what GitHub Actions offers a job.
func actions(t *testing.T, answer func(w http.ResponseWriter, r *http.Request)) func(string) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(answer))
	t.Cleanup(s.Close)
	values := map[string]string{githubAddress: s.URL + "/token?api-version=2.0", githubToken: "bearer-secret"}
	return func(name string) string { return values[name] }
}

func TestJobOfGitHubAsksForATokenForThisServerAndThisKey(t *testing.T) {
	f := newFixture(t)
	asked, want := 0, f.server.URL.Address+"#"+f.Key.Public().Thumbprint()
	getenv := actions(t, func(w http.ResponseWriter, r *http.Request) {
		asked++
		audience := r.URL.Query().Get("audience")
		if audience != want || r.URL.Query().Get("api-version") != "2.0" ||
			r.Header.Get("Authorization") != "Bearer bearer-secret" ||
			!strings.Contains(r.URL.RawQuery, "%23") {
			t.Errorf("asked for %s with %q", r.URL, r.Header.Get("Authorization"))
		}
		_, _ = fmt.Fprintf(w, `{"count":1,"value":%q}`, tokenOf(time.Now().Add(10*time.Minute), audience))
	})
	identity, err := GitHub(getenv, NewHTTP())
	if err != nil {
		t.Fatal(err)
	}
	f.Identity = identity
	f.server.Answer = func(wire.Call) clienttest.Reply { return clienttest.Reply{Keys: sessionKeys(time.Now())} }
	now := time.Now()
	f.Now = func() time.Time { return now }
	for range 3 {
		if _, err := f.Do(t.Context(), askKeys); err != nil {
			t.Fatal(err)
		}
	}
	if asked != 1 {
		t.Errorf("asked for %d tokens within a minute, want 1", asked)
	}
	now = now.Add(6 * time.Minute)
	f.server.Now = f.Now
	if _, err := f.Do(t.Context(), askKeys); err != nil || asked != 2 {
		t.Errorf("after half of its life: %v, %d tokens", err, asked)
	}
}

func TestJobWithoutATokenIsToldWhy(t *testing.T) {
	answers := map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request)
		text   string
	}{
		"403": {func(w http.ResponseWriter, _ *http.Request) { status(403)(w) }, "gives no token (HTTP 403)"},
		"html": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<html>" + canary)) },
			"gives no token (HTTP 200)"},
		"empty": {func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte(`{"value":""}`)) }, "gives no token"},
		"away": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
		}, "gives no token (HTTP 302)"},
	}
	for name, c := range answers {
		identity, err := GitHub(actions(t, c.answer), NewHTTP())
		if err != nil {
			t.Fatal(err)
		}
		var p wire.Payload
		err = identity.Prove(t.Context(), machine.Question{Audience: "https://x/v1", Key: "k"}, time.Now(), &p)
		if failure, _ := errors.AsType[*Failure](err); failure == nil || failure.Code != NoProof ||
			!strings.Contains(failure.Text, c.text) || strings.Contains(failure.Text, "CANARY") {
			t.Errorf("%s: got %v, want %q", name, err, c.text)
		}
	}
	for address, text := range map[string]string{
		"": "permissions: id-token: write", "http://example.com/": "not an https address",
		"https://u@x/": "not an https address",
	} {
		_, err := GitHub(func(name string) string {
			return map[string]string{githubAddress: address,
				githubToken: "t"}[name]
		}, nil)
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%q: got %v, want %q", address, err, text)
		}
	}
}

// Otherwise a token that was read badly would be used for ever.
func TestTokenWithoutAnEndIsNotUsedAgain(t *testing.T) {
	for _, token := range []string{"a.b.c", "x", "e30.e30.e30", tokenOf(time.Now().Add(-time.Hour), "")} {
		fetched := 0
		identity := &Token{Fetch: func(context.Context, string) (access.Secret, error) {
			fetched++
			return access.NewSecret(token), nil
		}}
		for range 2 {
			var p wire.Payload
			if err := identity.Prove(t.Context(), machine.Question{}, time.Now(), &p); err != nil {
				t.Fatal(err)
			}
		}
		if fetched != 2 {
			t.Errorf("%s: fetched %d times", token, fetched)
		}
	}
}

func credentials() aws.Credentials {
	return aws.Credentials{AccessKeyID: role["AWS_ACCESS_KEY_ID"], SecretAccessKey: role["AWS_SECRET_ACCESS_KEY"],
		SessionToken: role["AWS_SESSION_TOKEN"]}
}
