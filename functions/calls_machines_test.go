package functions

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/machine"
	"github.com/aws-access/aws-access/pkg/wire"
)

// theirs is the question that a machine answers when it signs a proof for this key.
func (w *callWorld) theirs(key wire.PrivateKey) machine.Question {
	return machine.Question{Audience: callAddress, Key: key.Public().Thumbprint(), Endpoint: w.stsURL}
}

func sdkKeys(c access.Credentials) aws.Credentials {
	return aws.Credentials{
		AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretKey.Reveal(), SessionToken: c.SessionToken.Reveal(),
	}
}

// otherCall signs another call than the one that vend rebuilds, for the same key.
func (w *callWorld) otherCall(
	key wire.PrivateKey, c access.Credentials, service, body string, extra ...string,
) wire.AWSProof {
	w.t.Helper()
	r, err := http.NewRequestWithContext(context.Background(), http.MethodPost, w.stsURL, strings.NewReader(body))
	w.must(err)
	now := time.Now()
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	r.Header.Set("X-Amz-Date", now.UTC().Format("20060102T150405Z"))
	r.Header.Set("X-Amz-Security-Token", c.SessionToken.Reveal())
	r.Header.Set("X-Aws-Access-Audience", callAddress)
	r.Header.Set("X-Aws-Access-Key", key.Public().Thumbprint())
	for _, name := range extra {
		r.Header.Set(name, "x")
	}
	sum := sha256.Sum256([]byte(body))
	hash := hex.EncodeToString(sum[:])
	w.must(v4.NewSigner().SignHTTP(context.Background(), sdkKeys(c), r, hash, service, "eu-west-1", now))
	_, signature, _ := strings.Cut(r.Header.Get("Authorization"), "Signature=")
	return wire.AWSProof{
		Region: "eu-west-1", Date: now.UTC().Format("20060102T150405Z"), Token: c.SessionToken, KeyID: c.AccessKeyID,
		Signature: signature,
	}
}

// A proof is good for one installation, one key and one call.
func TestAProofOfAnotherCallIsRefused(t *testing.T) {
	const identity = "Action=GetCallerIdentity&Version=2011-06-15"
	const sessionToken = "Action=GetSessionToken&Version=2011-06-15"
	otherAudience := func(q *machine.Question) { q.Audience = "https://evil.example.com/v1" }
	otherKey := func(q *machine.Question) { q.Key = newKey(t).Public().Thumbprint() }
	w := newCallWorld(t)
	key, session := newKey(t), w.session(buildRole, "build-1")
	signed := func(change func(*machine.Question), age time.Duration) wire.AWSProof {
		q := w.theirs(key)
		change(&q)
		p, err := q.Sign(t.Context(), "eu-west-1", sdkKeys(session), time.Now().Add(-age))
		w.must(err)
		return p
	}
	good := signed(func(*machine.Question) {}, 0)
	altered, older, user := good, good, good
	altered.Signature = strings.Repeat("0", 64)
	older.Date = time.Now().Add(-time.Minute).UTC().Format("20060102T150405Z")
	user.KeyID = "ASIA" + strings.Repeat("X", 16)
	for name, c := range map[string]struct {
		proof wire.AWSProof
		code  string
		asked int // calls to STS
	}{
		"another installation": {signed(otherAudience, 0), "bad_proof", 1},
		"another key":          {signed(otherKey, 0), "bad_proof", 1},
		"another action":       {w.otherCall(key, session, "sts", sessionToken), "bad_proof", 1},
		"another service":      {w.otherCall(key, session, "s3", identity), "bad_proof", 1},
		"another header":       {w.otherCall(key, session, "sts", identity, "X-Forwarded-For"), "bad_proof", 1},
		"an altered signature": {altered, "bad_proof", 1},
		"an altered date":      {older, "bad_proof", 1},
		"another access key":   {user, "bad_proof", 1},
		"six minutes old":      {signed(func(*machine.Question) {}, 6*time.Minute), "old_proof", 0},
		"six minutes early":    {signed(func(*machine.Question) {}, -6*time.Minute), "old_proof", 0},
	} {
		w.asked = 0
		p := requestFor("payments-dev", "ReadOnly")
		p.AWS = &c.proof
		if code, status := w.code(w.says(key, p)); code != c.code || status != 403 || w.asked != c.asked {
			t.Errorf("%s: got %d %s after %d calls to STS, want %s after %d", name, status, code, w.asked, c.code, c.asked)
		}
	}
	if n := len(w.store.All(t.Context())); n != 0 {
		t.Errorf("%d requests were made", n)
	}
}

// says lets STS answer that somebody has signed the call.
func (w *callWorld) identifies(arn, id, account string) {
	sts := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprintf(out, `<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">`+
			`<GetCallerIdentityResult><Arn>%s</Arn><UserId>%s</UserId><Account>%s</Account></GetCallerIdentityResult>`+
			`</GetCallerIdentityResponse>`, arn, id, account)
	}))
	w.t.Cleanup(sts.Close)
	judge := w.vending.Machines.(machine.Judge)
	judge.STS.Endpoint = sts.URL
	w.vending.Machines = judge
	w.rebuild()
}

// Only sessions of roles that the policy names are anybody.
func TestOnlySessionsOfRolesInThePolicyAreMachines(t *testing.T) {
	const role = "AROAEXAMPLEBUILDROLE1"
	for name, c := range map[string]struct{ arn, id, account, code string }{
		"a user":        {"arn:aws:iam::332000000000:user/joe", "AIDAEXAMPLEUSER00001", "332000000000", "not_a_role"},
		"the root user": {"arn:aws:iam::332000000000:root", "332000000000", "332000000000", "not_a_role"},
		"a federated user": {"arn:aws:sts::332000000000:federated-user/joe", "332000000000:joe", "332000000000",
			"not_a_role"},
		"a role by itself": {buildRole, role, "332000000000", "not_a_role"},
		"another account": {"arn:aws:sts::333000000000:assumed-role/Build/b-1", role + ":b-1", "333000000000",
			"unknown_account"},
		"another partition": {"arn:aws-cn:sts::332000000000:assumed-role/Build/b-1", role + ":b-1", "332000000000",
			"proof_unchecked"},
		"another case": {"arn:aws:sts::332000000000:assumed-role/build/b-1", role + ":b-1", "332000000000",
			"unknown_account"},
		"a target role": {"arn:aws:sts::111111111111:assumed-role/ReadOnly/b-1", role + ":b-1", "111111111111",
			"target_role"},
		"a session of vend": {"arn:aws:sts::332000000000:assumed-role/Build/aws-access-01X", role + ":aws-access-01X",
			"332000000000", "target_role"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newCallWorld(t)
			w.identifies(c.arn, c.id, c.account)
			key := newKey(t)
			for _, p := range []wire.Payload{
				requestFor("payments-dev", "ReadOnly"), keysFor("payments-dev", "ReadOnly"), {Op: wire.Status},
			} {
				code, _ := w.code(w.says(key, w.byAWS(p, w.session(buildRole, "b-1"), key)))
				nobody := c.code == "unknown_account" &&
					(p.Op == wire.Keys && code == "no_grant" || p.Op == wire.Status && code == "")
				if code != c.code && !nobody {
					t.Errorf("%s: got %s, want %s", p.Op, code, c.code)
				}
			}
			if n := len(w.store.All(t.Context())); n != 0 {
				t.Errorf("%d requests were made", n)
			}
		})
	}
}

// A token is good for one installation, one key and one run of a repository that the policy names.
func TestATokenOfAnotherRunIsRefused(t *testing.T) {
	w := newCallWorld(t)
	key := newKey(t)
	const evil = "https://evil.example.com/v1"
	thumb, other := key.Public().Thumbprint(), newKey(t).Public().Thumbprint()
	for name, c := range map[string]struct {
		changes map[string]any
		code    string
	}{
		"an issuer that the policy does not name": {map[string]any{"iss": "https://evil.example.com"}, "unknown_issuer"},
		"another audience":                        {map[string]any{"aud": evil + "#" + thumb}, "bad_token"},
		"another key":                             {map[string]any{"aud": callAddress + "#" + other}, "bad_token"},
		"a fixed audience":                        {map[string]any{"aud": "sts.amazonaws.com"}, "bad_token"},
		"two audiences": {map[string]any{"aud": []string{callAddress + "#" + thumb, "x"}},
			"bad_token"},
		"expired":             {map[string]any{"exp": w.clock().Add(-1).Unix()}, "expired_token"},
		"of the future":       {map[string]any{"iat": w.clock().Add(time.Hour).Unix()}, "expired_token"},
		"no run":              {map[string]any{"run_id": ""}, "unknown_run"},
		"a fork":              {map[string]any{"repository_id": "457", "repository": "evil/app"}, "unknown_account"},
		"made again by name":  {map[string]any{"repository_id": "999"}, "unknown_account"},
		"another environment": {map[string]any{"environment": "staging"}, "unknown_account"},
		"an id as a number":   {map[string]any{"repository_id": 456.5}, "unknown_run"},
	} {
		claims := w.claims("7", key)
		for name, value := range c.changes {
			claims[name] = value
		}
		code, status := w.code(w.says(key, w.byToken(requestFor("payments-prod", "ReadOnly"), claims)))
		if code != c.code || status != 403 {
			t.Errorf("%s: got %d %s, want %s\n%s", name, status, code, c.code, w.logs)
		}
	}
	renamed := w.claims("7", key)
	renamed["repository"], renamed["sub"] = "octo/renamed", "repo:octo/renamed:environment:production"
	if _, status := w.asks(key, w.byToken(requestFor("payments-prod", "ReadOnly"), renamed)); status != 202 {
		t.Errorf("a repository that was renamed: %d", status)
	}
	w.nothingAskedOfSTS()
}

func (w *callWorld) nothingAskedOfSTS() {
	w.t.Helper()
	if w.asked != 0 {
		w.t.Errorf("STS was asked %d times", w.asked)
	}
}

// Where the policy has no such machines, nobody outside is asked who a caller is.
func TestWithoutMachinesInThePolicyNobodyIsAsked(t *testing.T) {
	w := newCallWorld(t)
	w.policy = w.compiled(`
version: 1
settings: {channel: C0APPROVALS, operators: C0OPS}
roles: {ReadOnly: {about: Look}}
accounts: [{id: "222222222222", name: payments-dev, region: eu-west-1}]
rules: [{name: look, who: [everyone], accounts: [payments-dev], roles: [ReadOnly], max: 1h, approvals: none}]
`)
	w.rebuild()
	key := newKey(t)
	if code, _ := w.code(w.says(key, w.byAWS(wire.Payload{Op: wire.Status}, w.session(buildRole, "b-1"), key))); code !=
		"not_allowed" {
		t.Errorf("a role: got %s", code)
	}
	w.nothingAskedOfSTS()
	w.vending.Machines = nil
	w.rebuild()
	for name, p := range map[string]wire.Payload{
		"a token": w.byToken(wire.Payload{Op: wire.Status}, w.claims("7", key)),
		"a role":  w.byAWS(wire.Payload{Op: wire.Status}, w.session(buildRole, "b-1"), key),
	} {
		if code, _ := w.code(w.says(key, p)); code != "unknown_machine" {
			t.Errorf("%s, without a judge: got %s", name, code)
		}
	}
}
