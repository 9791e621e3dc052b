package controls_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/machine"
)

const thumbprint = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFG"

// keysOf are the keys of a build role in the sandbox, which must be given.
func keysOf(b *sandboxtest.Sandbox, order string) aws.Credentials {
	b.T.Helper()
	var keys struct {
		Version                                    int
		AccessKeyId, SecretAccessKey, SessionToken string
	}
	if err := json.Unmarshal([]byte(b.Do("machines", order)), &keys); err != nil || keys.Version != 1 {
		b.T.Fatalf("got %+v, %v", keys, err)
	}
	return aws.Credentials{
		AccessKeyID: keys.AccessKeyId, SecretAccessKey: keys.SecretAccessKey, SessionToken: keys.SessionToken,
	}
}

// The keys of a machine are those of a session of its role, and each session is another machine.
func TestTheSandboxPlaysMachinesInAWS(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	q := machine.Question{Audience: b.URL + "/v1", Key: thumbprint, Endpoint: b.URL + "/aws"}
	sts := machine.STS{Question: q, Client: machine.NewClient(), Now: time.Now}
	seen := map[string]string{}
	for what, order := range map[string]string{
		"the first": `{"arn":"arn:aws:iam::332000000000:role/Build"}`,
		"the same":  `{"arn":"arn:aws:iam::332000000000:role/Build","session":"build-1"}`,
		"another":   `{"arn":"arn:aws:iam::332000000000:role/Build","session":"build-2"}`,
		"a path":    `{"arn":"arn:aws:iam::332000000000:role/ci/Other"}`,
	} {
		proof, err := q.Sign(t.Context(), "eu-west-1", keysOf(b, order), time.Now())
		if err != nil {
			t.Fatal(err)
		}
		m, err := sts.Machine(t.Context(), proof)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		seen[what] = m.ID()
	}
	if seen["the first"] != seen["the same"] || seen["the first"] == seen["another"] || seen["another"] == seen["a path"] {
		t.Errorf("the machines are %v", seen)
	}
	for _, wrong := range []string{
		`{}`, `{"arn":"arn:aws:iam::332000000000:user/joe"}`, `{"arn":"arn:aws:iam::1:role/Build"}`,
		`{"arn":"arn:aws:iam::332000000000:role/Build","session":"a b"}`,
	} {
		if status, text := b.Control("machines", wrong); status != http.StatusBadRequest {
			t.Errorf("%s: got %d %s", wrong, status, text)
		}
	}
}

// tokenFor is a token of the sandbox, which must be given.
func tokenFor(b *sandboxtest.Sandbox, order string) access.Secret {
	b.T.Helper()
	var answer struct{ Token, Value string }
	if err := json.Unmarshal([]byte(b.Do("oidc", order)), &answer); err != nil || answer.Token != answer.Value {
		b.T.Fatalf("got %+v, %v", answer, err)
	}
	return access.NewSecret(answer.Token)
}

// A token of the sandbox's own issuer verifies by the keys that it serves on loopback. Claims that are
// missing are those of a run.
func TestTheSandboxPlaysAnIssuerOnLoopback(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	q := machine.Question{Audience: b.URL + "/v1", Key: thumbprint}
	tokens := &machine.Tokens{
		Issuers: []string{b.URL + "/oidc"}, Client: machine.NewClient(), Now: b.World().Clock.Now, Loopback: true,
	}
	aud := string(sandboxtest.Quote(q.TokenAudience()))
	for what, c := range map[string]struct{ order, code string }{
		"without claims": {`{"aud":` + aud + `}`, ""},
		"with claims":    {`{"claims":{"environment":"production","run_id":7},"aud":` + aud + `}`, ""},
		"of GitLab":      {`{"claims":{"project_id":"1","pipeline_id":"2"},"aud":` + aud + `}`, ""},
		"aud in claims":  {`{"claims":{"aud":` + aud + `}}`, ""},
		"a list":         {`{"claims":{"aud":[` + aud + `]}}`, "bad_token"},
		"no audience":    {`{}`, "bad_token"},
		"no run":         {`{"claims":{"run_id":null},"aud":` + aud + `}`, "unknown_run"},
		"expired":        {`{"claims":{"exp":1},"aud":` + aud + `}`, "expired_token"},
		"another issuer": {`{"claims":{"iss":"https://gitlab.com"},"aud":` + aud + `}`, "unknown_issuer"},
	} {
		m, err := tokens.Machine(t.Context(), tokenFor(b, c.order), q)
		if access.Code(err) != c.code || (err == nil) != (m.Run != nil) {
			t.Errorf("%s: got %+v, %v; want %q", what, m, err, c.code)
		}
		if what == "of GitLab" && m.Run.Claims["run_id"] != "" {
			t.Errorf("%s: the claims are %v", what, m.Run.Claims)
		}
	}
	if status, text := b.Control("oidc", `{"claims":{"iss":"http://example.com"}}`); status != http.StatusBadRequest {
		t.Errorf("an issuer over http: got %d %s", status, text)
	}
}

// The address takes what GitHub's own takes, so a command that runs in a workflow can be tried.
func TestTheSandboxAnswersLikeTheTokenAddressOfAWorkflow(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	const at = "/sandbox/oidc?api-version=2&environment=production"
	status, text := b.Send(http.MethodGet, at+"&audience=x%23y", "", "Authorization", "bearer token")
	if status != http.StatusOK || !strings.Contains(text, `"value":"ey`) {
		t.Errorf("got %d %s", status, text)
	}
	status, text = b.Send(http.MethodGet, at, "")
	if status != http.StatusBadRequest || !strings.Contains(text, "audience=") {
		t.Errorf("without an audience: got %d %s", status, text)
	}
}
