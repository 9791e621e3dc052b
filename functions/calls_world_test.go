package functions

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
	"github.com/aws-access/aws-access/pkg/fake/oidcfake"
	"github.com/aws-access/aws-access/pkg/machine"
	"github.com/aws-access/aws-access/pkg/policy/compiler"
	"github.com/aws-access/aws-access/pkg/wire"
)

const callAddress = "https://access.example.com/v1"

// callWorld is a world whose vend function answers calls. Proofs are judged by the real
// pkg/machine: STS is the fake of AWS, and the issuer is on this computer.
type callWorld struct {
	*world
	answerKey access.Secret // as SSM has it
	server    wire.URL
	laptop    wire.PrivateKey // device of U0DEV1
	aws       *awsfake.Server
	stsURL    string
	issuer    *oidcfake.Issuer
	asked     int      // how often STS was asked who somebody is
	passed    []passed // every call and answer that the public function has passed on
}

// passed is what the public function sees of a call.
type passed struct {
	text   string
	answer wire.Response
}

const buildRole = "arn:aws:iam::332000000000:role/Build"

func newCallWorld(t *testing.T) *callWorld {
	t.Helper()
	w := &callWorld{world: newWorld(t)}
	w.answerKey, w.server = newAnswerKey(t)
	w.aws = awsfake.New(awsfake.Options{OnCall: func(string) { w.asked++ }})
	sts := httptest.NewServer(http.StripPrefix("/aws", w.aws.AWS()))
	t.Cleanup(sts.Close)
	w.stsURL = sts.URL + "/aws"
	var err error
	issuers := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		w.issuer.ServeHTTP(out, r)
	}))
	t.Cleanup(issuers.Close)
	if w.issuer, err = oidcfake.New(issuers.URL); err != nil {
		t.Fatal(err)
	}
	w.vending = Vending{
		Address: func(context.Context) ([]string, error) {
			return []string{"https://old.example.com/v1", callAddress}, nil
		},
		AnswerKeys: func(context.Context, bool) (access.Secret, error) {
			return w.answerKey, nil
		},
		Machines: machine.Judge{
			STS: machine.STS{
				Question: machine.Question{Endpoint: w.stsURL}, Client: machine.NewClient(), Now: time.Now,
			},
			Tokens: &machine.Tokens{
				Issuers: []string{w.issuer.URL()}, Client: machine.NewClient(), Now: w.clock, Loopback: true,
			},
		},
	}
	w.follows(readPolicy(t))
	w.laptop = w.pairs("U0DEV1")
	return w
}

// follows deploys a policy of the repository, with rules for machines.
func (w *callWorld) follows(text string) {
	w.t.Helper()
	const groups, rules = "\ngroups:\n", "\nrules:\n"
	text = strings.Replace(text, groups, groups+"  builds: {aws_roles: [\""+buildRole+"\"]}\n"+
		"  releases: {oidc: {issuer: \""+w.issuer.URL()+"\", "+
		"claims: {repository_id: \"456\", environment: production}}}\n", 1)
	text = strings.Replace(text, rules, rules+"  - {name: builds, who: [builds], accounts: [payments-dev], "+
		"roles: [ReadOnly], max: 1h, approvals: none}\n"+
		"  - {name: releases, who: [releases], accounts: [payments-prod], roles: [ReadOnly], max: 1h, "+
		"approvals: [{from: [leads], need: 1}]}\n", 1)
	p, _, err := compiler.Compile("policy.yaml", []byte(text), compiler.Options{
		Bastion: "999999999999", Now: noon, Sandbox: true,
	})
	w.must(err)
	w.policy = p
	w.rebuild()
	w.tick()
}

func newAnswerKey(t *testing.T) (access.Secret, wire.URL) {
	t.Helper()
	key := newKey(t)
	text, err := key.PEM()
	if err != nil {
		t.Fatal(err)
	}
	return text, wire.URL{Address: callAddress, AnswerKey: key.Public().Thumbprint()}
}

func newKey(t *testing.T) wire.PrivateKey {
	t.Helper()
	key, err := wire.NewPrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// pairs makes a new key a device of somebody, as vend stores it.
func (w *callWorld) pairs(owner string) wire.PrivateKey {
	w.t.Helper()
	key := newKey(w.t)
	w.registers(key, owner)
	return key
}

// registers makes a key a device of somebody.
func (w *callWorld) registers(key wire.PrivateKey, owner string) {
	w.t.Helper()
	jwk, err := json.Marshal(key.Public())
	w.must(err)
	list, err := w.store.DeviceList(context.Background(), owner)
	w.must(err)
	d := access.Device{
		Version: 1, ID: key.Public().Thumbprint(), Key: string(jwk), Owner: owner, Paired: w.clock(),
		Expires: w.clock().Add(30 * 24 * time.Hour),
	}
	list.Version++
	list.Owner, list.Devices = owner, append(list.Devices, d)
	w.must(w.store.SaveDevices(context.Background(), access.DeviceChange{List: list, Devices: []access.Device{d}}))
}

// unpairs removes a device, as its owner does.
func (w *callWorld) unpairs(key wire.PrivateKey) {
	w.t.Helper()
	d, err := w.store.Device(context.Background(), key.Public().Thumbprint())
	w.must(err)
	list, err := w.store.DeviceList(context.Background(), d.Owner)
	w.must(err)
	change, err := list.Remove(d.ID, access.DeviceRemoved, "01NOTICE"+string(rune('A'+list.Version)), w.clock())
	w.must(err)
	w.must(w.store.SaveDevices(context.Background(), change))
}

func (w *callWorld) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("%v\n%s", err, w.logs)
	}
}

// sign makes a call.
func (w *callWorld) sign(key wire.PrivateKey, p wire.Payload) *wire.Sent {
	w.t.Helper()
	sent, err := wire.Caller{Server: w.server, Key: key}.Sign(p, w.clock())
	w.must(err)
	return sent
}

// invoke passes a text to vend as the public function does, and returns vend's answer.
func (w *callWorld) invoke(text string) (wire.Response, error) {
	w.t.Helper()
	payload, err := json.Marshal(map[string]any{"call": map[string]string{"text": text}})
	w.must(err)
	out, err := w.Vend.Handle(context.Background(), payload)
	if err != nil {
		return wire.Response{}, err
	}
	carried, err := json.Marshal(out) // through JSON, as Lambda carries it
	w.must(err)
	var r wire.Response
	w.must(json.Unmarshal(carried, &r))
	w.passed = append(w.passed, passed{text, r})
	return r, nil
}

// says makes a call, and reads the answer as the command does.
func (w *callWorld) says(key wire.PrivateKey, p wire.Payload) wire.Answer {
	w.t.Helper()
	return w.reads(w.sign(key, p))
}

func (w *callWorld) reads(sent *wire.Sent) wire.Answer {
	w.t.Helper()
	r, err := w.invoke(sent.Body.Reveal())
	w.must(err)
	a, err := sent.Read(r)
	w.must(err)
	return a
}

// code returns the code of a refusal, with its status; "" for an answer that is none.
func (w *callWorld) code(a wire.Answer) (code string, status int) {
	w.t.Helper()
	if a.Status < 300 {
		return "", a.Status
	}
	var r wire.Refusal
	w.must(a.Decode(&r))
	if r.Text == "" {
		w.t.Errorf("the refusal %s has no words", r.Code)
	}
	w.saysAsDocumented(r.Code, r.Text)
	return r.Code, a.Status
}

// asks makes a call that is answered with a request.
func (w *callWorld) asks(key wire.PrivateKey, p wire.Payload) (wire.Grant, int) {
	w.t.Helper()
	a := w.says(key, p)
	var g wire.Grant
	if code, _ := w.code(a); code != "" {
		w.t.Fatalf("%s was refused: %s\n%s", p.Op, code, w.logs)
	}
	w.must(a.Decode(&g))
	return g, a.Status
}

// keysFor makes a call for keys.
func keysFor(account, role string) wire.Payload {
	return wire.Payload{Op: wire.Keys, Account: account, Role: role}
}

func requestFor(account, role string) wire.Payload {
	return wire.Payload{Op: wire.Request, Account: account, Role: role, Length: "1h", Reason: "canary-reason"}
}

// session makes the keys of a role's session in the fake of AWS.
func (w *callWorld) session(role, name string) access.Credentials {
	w.t.Helper()
	keys, err := w.aws.MachineSession(role, name)
	w.must(err)
	return keys
}

// byAWS adds the proof of a role's session for a key.
func (w *callWorld) byAWS(p wire.Payload, session access.Credentials, key wire.PrivateKey) wire.Payload {
	w.t.Helper()
	q := machine.Question{Audience: callAddress, Key: key.Public().Thumbprint(), Endpoint: w.stsURL}
	proof, err := q.Sign(context.Background(), "eu-west-1", aws.Credentials{
		AccessKeyID: session.AccessKeyID, SecretAccessKey: session.SecretKey.Reveal(),
		SessionToken: session.SessionToken.Reveal(),
	}, time.Now())
	w.must(err)
	p.AWS = &proof
	return p
}

// claims are those of a run of the repository that the policy names, for a key.
func (w *callWorld) claims(run string, key wire.PrivateKey) map[string]any {
	return map[string]any{
		"aud": callAddress + "#" + key.Public().Thumbprint(), "sub": "repo:octo/app:environment:production",
		"repository_id": "456", "repository": "octo/app", "environment": "production", "run_id": run, "run_attempt": "1",
		"iat": w.clock().Unix(), "exp": w.clock().Add(5 * time.Minute).Unix(),
	}
}

// byToken adds a token with claims.
func (w *callWorld) byToken(p wire.Payload, claims map[string]any) wire.Payload {
	w.t.Helper()
	token, err := w.issuer.Token(claims)
	w.must(err)
	p.OIDC = token
	return p
}

// approves presses Approve on the newest card.
func (w *callWorld) approves(lead, request string) {
	w.t.Helper()
	w.feed()
	for _, m := range w.slack.Messages() {
		if _, found := w.slack.Button(m.Channel, m.TS, "Approve", 0); found && strings.Contains(string(m.Blocks), request) {
			w.press(lead, m.Channel, m.TS, "Approve")
			w.feed()
			return
		}
	}
	w.t.Fatalf("there is no card for %s\n%s", request, w.logs)
}

// jtiOf returns the id of a call.
func jtiOf(t *testing.T, sent *wire.Sent) string {
	t.Helper()
	head, _, _ := strings.Cut(sent.Body.Reveal(), ".")
	text, err := base64.RawURLEncoding.DecodeString(head)
	if err != nil {
		t.Fatal(err)
	}
	var header struct {
		JTI string `json:"jti"`
	}
	if err := json.Unmarshal(text, &header); err != nil {
		t.Fatal(err)
	}
	return header.JTI
}
