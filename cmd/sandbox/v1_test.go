package main

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
	"github.com/aws-access/aws-access/pkg/wire"
)

// build is the machine of policy.yaml that has a role in AWS.
const build = `{"arn":"arn:aws:iam::332000000000:role/Build"}`

// workflow are the claims of a run in the group release of policy.yaml.
var workflow = map[string]any{
	"iss": "https://token.actions.githubusercontent.com", "environment": "production",
}

// lives reports whether keys give access to AWS.
func lives(b *sandboxtest.Sandbox, keys wire.SessionKeys) bool {
	b.T.Helper()
	c := keys.Credentials
	return keysWork(b.T, clientConfig(b, c.AccessKeyID, c.SecretKey.Reveal(), c.SessionToken.Reveal()))
}

// ownIssuerPolicy is the policy of the repository with a group of the sandbox's own issuer.
func ownIssuerPolicy(b *sandboxtest.Sandbox) string {
	b.T.Helper()
	return strings.NewReplacer(
		"\ngroups:\n", "\ngroups:\n  own: {oidc: {issuer: \""+b.URL+"/oidc\", claims: {repository_id: \"77\"}}}\n",
		"\nrules:\n", "\nrules:\n  - {name: own, who: [own], accounts: [payments-dev], roles: [Deploy], max: 1h, "+
			"approvals: none}\n",
	).Replace(sandboxtest.Policy(b.T))
}

func TestAMachineInAWSGetsKeysOfItsOwn(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	p := sandboxtest.NewMachine(b, build)
	if _, status, refused := p.Keys("payments-dev", "Deploy"); status != http.StatusForbidden {
		t.Errorf("before it has asked: got %d %+v", status, refused)
	}
	status, grant, refused := p.Asks("payments-dev", "Deploy", "1h")
	if status != http.StatusOK || grant.State != "active" {
		t.Fatalf("got %d %+v %+v", status, grant, refused)
	}
	keys, _, refused := p.Keys("payments-dev", "Deploy")
	if keys.Account != "222222222222" || !lives(b, keys) {
		t.Errorf("got keys of %s %s, %+v", keys.Account, keys.Role, refused)
	}
	other := sandboxtest.NewMachine(b, `{"arn":"arn:aws:iam::332000000000:role/Build","session":"build-2"}`)
	if _, status, refused := other.Keys("payments-dev", "Deploy"); status != http.StatusForbidden {
		t.Errorf("another session of the role: got %d %+v", status, refused)
	}
	stranger := sandboxtest.NewMachine(b, `{"arn":"arn:aws:iam::332000000001:role/Build"}`)
	if status, _, refused := stranger.Asks("payments-dev", "Deploy", "1h"); status != http.StatusForbidden {
		t.Errorf("a role of the same name in another account: got %d %+v", status, refused)
	}
	if answer := p.Do(wire.Payload{Op: wire.End, ID: grant.ID}); answer.Status != http.StatusOK {
		t.Errorf("end: got %d", answer.Status)
	}
	if _, status, refused := p.Keys("payments-dev", "Deploy"); status != http.StatusForbidden || refused.Next == "" {
		t.Errorf("after it has given back: got %d %+v", status, refused)
	}
}

// A machine that knows nothing of the sandbox signs for the STS of its Region.
func TestAMachineMaySignForTheSTSOfItsRegion(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	p := sandboxtest.NewMachine(b, build)
	p.Endpoint = ""
	if status, _, refused := p.Asks("payments-dev", "Deploy", "1h"); status != http.StatusOK {
		t.Errorf("got %d %+v", status, refused)
	}
	p.Endpoint = "http://127.0.0.1:1/aws"
	if status, _, refused := p.Asks("payments-dev", "Deploy", "1h"); refused.Code != "bad_proof" {
		t.Errorf("another endpoint: got %d %+v", status, refused)
	}
}

// A run whose rule needs a lead waits for the click, as a person does.
func TestAPipelineWaitsForTheClick(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	p := sandboxtest.NewPipeline(b, workflow)
	status, grant, refused := p.Asks("payments-prod", "Deploy", "1h")
	if status != http.StatusAccepted || grant.State != "pending" {
		t.Fatalf("got %d %+v %+v", status, grant, refused)
	}
	if _, status, refused := p.Keys("payments-prod", "Deploy"); status != http.StatusAccepted {
		t.Errorf("keys while it waits: got %d %+v", status, refused)
	}
	b.Click("U0LEAD1", "Approve", b.Card("C0PAYMENTS"))
	keys, status, refused := p.Keys("payments-prod", "Deploy")
	if status != http.StatusOK || !lives(b, keys) {
		t.Errorf("after the click: got %d %+v", status, refused)
	}
	fork := sandboxtest.NewPipeline(b, map[string]any{
		"iss": workflow["iss"], "environment": "production", "repository_id": "999999",
	})
	if status, _, refused := fork.Asks("payments-prod", "Deploy", "1h"); status != http.StatusForbidden {
		t.Errorf("a fork: got %d %+v", status, refused)
	}
}

// The sandbox's own issuer is one on loopback. No deployment accepts it.
func TestAPolicyOfTheSandboxMayNameItsOwnIssuer(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Do("policy", ownIssuerPolicy(b))
	p := sandboxtest.NewPipeline(b, map[string]any{"repository_id": "77"})
	status, _, refused := p.Asks("payments-dev", "Deploy", "1h")
	if status != http.StatusOK {
		t.Fatalf("got %d %+v", status, refused)
	}
	if keys, status, refused := p.Keys("payments-dev", "Deploy"); status != http.StatusOK || !lives(b, keys) {
		t.Errorf("got %d %+v", status, refused)
	}
}

// The answers have the server's time, so a program follows a clock that was wound.
func TestAProgramFollowsTheWoundClock(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	p := sandboxtest.NewMachine(b, build)
	gap := time.Duration(0)
	p.Now = func() time.Time { return time.Now().Add(gap) } // the clock of this computer
	b.Advance("48h")
	answer := p.Do(wire.Payload{Op: wire.Status})
	var refused wire.Refusal
	if err := answer.Decode(&refused); err != nil || answer.Status != http.StatusUnauthorized || refused.Code != "clock" {
		t.Fatalf("got %d %+v, %v", answer.Status, refused, err)
	}
	gap = time.Until(answer.Time)
	if status, _, refused := p.Asks("payments-dev", "Deploy", "1h"); status != http.StatusOK {
		t.Fatalf("got %d %+v", status, refused)
	}
	keys, status, refused := p.Keys("payments-dev", "Deploy")
	left := keys.Credentials.Expires.Sub(b.World().Clock.Now())
	if status != http.StatusOK || left > time.Hour || left < 0 {
		t.Fatalf("got %d %+v, keys for %s", status, refused, left)
	}
	b.Advance("61m")
	if lives(b, keys) {
		t.Error("the keys live on after the end of the grant")
	}
	gap += 61 * time.Minute
	if _, status, refused := p.Keys("payments-dev", "Deploy"); status != http.StatusForbidden {
		t.Errorf("after the end: got %d %+v", status, refused)
	}
}

// If vend's answer is lost, the same call has one effect, and the next one is right.
func TestACallWhoseAnswerWasLostIsSentAgain(t *testing.T) {
	for _, how := range []string{"lost", "error", "dead"} {
		t.Run(how, func(t *testing.T) {
			b := sandboxtest.Start(t, sandboxtest.Policy(t))
			p := sandboxtest.NewMachine(b, build)
			ask := p.Sign(wire.Payload{
				Op: wire.Request, Account: "payments-dev", Role: "Deploy", Length: "1h", Reason: "for the test",
			})
			b.Do("faults", `{"at":"invoke:vend","how":"`+how+`","times":1}`)
			if r := p.Post(ask); r.Signature != "" || r.Status < http.StatusInternalServerError {
				t.Errorf("got %+v", r)
			}
			if answer := p.Send(ask); answer.Status != http.StatusOK {
				t.Errorf("the same call: got %d", answer.Status)
			}
			if n := len(b.State().Requests); n != 1 {
				t.Errorf("there are %d requests", n)
			}
			b.Do("faults", `{"at":"invoke:vend","how":"`+how+`","times":1}`)
			if r := p.Post(p.Sign(wire.Payload{Op: wire.Keys, Account: "payments-dev", Role: "Deploy"})); r.Signature != "" {
				t.Errorf("got %+v", r)
			}
			keys, status, refused := p.Keys("payments-dev", "Deploy")
			if status != http.StatusOK || !lives(b, keys) {
				t.Errorf("the next call: got %d %+v", status, refused)
			}
		})
	}
}
func TestADeviceIsPairedAndGetsKeysUntilItsOwnerGivesThemBack(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	p := sandboxtest.NewDevice(b, "U0DEV1")
	if all := b.State().Devices; len(all) != 1 || all[0].Owner != "U0DEV1" || all[0].Removed != nil {
		t.Errorf("the devices are %+v", all)
	}
	b.Last("notice of the new device", func(m slackfake.Message) bool { return m.DMWith == "U0DEV1" && m.To == "" })
	status, grant, refused := p.Asks("payments-prod", "ReadOnly", "2h")
	if status != http.StatusAccepted {
		t.Fatalf("got %d %+v", status, refused)
	}
	b.Click("U0LEAD1", "Approve", b.Card("C0APPROVALS"))
	keys, status, refused := p.Keys("payments-prod", "ReadOnly")
	if status != http.StatusOK || !lives(b, keys) {
		t.Fatalf("got %d %+v", status, refused)
	}
	if answer := p.Do(wire.Payload{Op: wire.End, ID: grant.ID}); answer.Status != http.StatusOK {
		t.Errorf("end: got %d", answer.Status)
	}
	if _, status, refused := p.Keys("payments-prod", "ReadOnly"); status != http.StatusForbidden {
		t.Errorf("after the end: got %d %+v", status, refused)
	}
	if s := b.State(); s.V1[len(s.V1)-1].Code == "" || !s.V1[2].Sealed || s.V1[2].Op != "keys" {
		t.Errorf("the calls are %+v", s.V1)
	}
}

// What the relay refuses is not signed, and a reset forgets every device and the answer key.
func TestACallThatIsNoneNeverReachesVend(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	p := sandboxtest.NewDevice(b, "U0DEV1")
	list := p.Sign(wire.Payload{Op: wire.List}).Body.Reveal()
	stranger := sandboxtest.NewProgram(b).Sign(wire.Payload{Op: wire.List}).Body.Reveal()
	calls := len(b.State().V1)
	vended := b.State().Calls["invoke:vend"]
	const kind = "application/jose"
	for what, c := range map[string]struct {
		method, kind, body string
		want               int
	}{
		"another method":      {http.MethodGet, kind, "", http.StatusMethodNotAllowed},
		"a form":              {http.MethodPost, "application/x-www-form-urlencoded", list, http.StatusUnsupportedMediaType},
		"nothing":             {http.MethodPost, kind, "", http.StatusBadRequest},
		"a long body":         {http.MethodPost, kind, strings.Repeat("x", wire.MaxCall+1), http.StatusRequestEntityTooLarge},
		"a changed signature": {http.MethodPost, kind, list[:len(list)-4] + "AAAA", http.StatusUnauthorized},
		"an unknown device":   {http.MethodPost, kind, stranger, http.StatusUnauthorized},
	} {
		status, text := b.Send(c.method, "/v1", c.body, "Content-Type", c.kind)
		if status != c.want || !strings.HasPrefix(text, `{"code":"`) {
			t.Errorf("%s: got %d %s, want %d", what, status, text, c.want)
		}
	}
	s := b.State()
	if s.Calls["invoke:vend"] != vended || len(s.V1) != calls+6 {
		t.Errorf("vend was called %d times, and %d calls are shown", s.Calls["invoke:vend"]-vended, len(s.V1)-calls)
	}
	before := s.URL
	b.Do("reset", "{}")
	if after := b.State(); after.URL == before || len(after.Devices) != 0 || len(after.V1) != 0 {
		t.Errorf("after a reset: the URL %s, %d devices, %d calls", after.URL, len(after.Devices), len(after.V1))
	}
}
