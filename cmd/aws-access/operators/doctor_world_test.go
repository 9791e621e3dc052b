package operators

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-lambda-go/lambda"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/aws-access/aws-access/functions"
	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/awscall"
	"github.com/aws-access/aws-access/pkg/config"
	"github.com/aws-access/aws-access/pkg/cut"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
	"github.com/aws-access/aws-access/pkg/fake/lambdafake"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/compiler"
	"github.com/aws-access/aws-access/pkg/relay"
	"github.com/aws-access/aws-access/pkg/slackapi"
	"github.com/aws-access/aws-access/pkg/store/memory"
	"github.com/aws-access/aws-access/pkg/vend"
	"github.com/aws-access/aws-access/pkg/wire"
)

const (
	theBastion  = "999999999999"
	theVendRole = "arn:aws:iam::" + theBastion + ":role/aws-access-vend"
	theCutRole  = "arn:aws:iam::" + theBastion + ":role/aws-access-cut"
	theOrg      = "o-example123"
	signingAt   = "/jit-access/slack/signing-secret"
)

// Secrets that must never be printed or logged.
const (
	canaryToken     = "xoxb-canary-token"
	canarySigning   = "canary-signing-secret"
	canaryExternal  = "canary-external-id"
	canaryAnswerKey = "canary-answer-key"
)

// testDeployment is a deployment whose handlers run in this process, with fakes of
// AWS and Slack behind HTTP, and the environment of a shell that runs doctor.
type testDeployment struct {
	t      *testing.T
	api    *stackAPI
	aws    *awsfake.Server
	slack  *slackfake.Server
	ssm    *lambdafake.Parameters
	policy *policy.Policy
	store  *memory.Store
	log    *bytes.Buffer

	token, external, signing string // as the functions read them
	scopes                   []string
	skew                     time.Duration // of the functions' clock
	now                      time.Duration // that has passed
	throttle                 func(call int) string
	pace                     time.Duration
	narrow                   string // how the narrowing of a session fails; "" for not
	vend                     functions.Vend
	cut                      functions.Cut
	slackFunction            *functions.Slack
	tick                     functions.Tick
	relay                    http.Handler // of api
	addresses                []string
	answerKey                string
	addressErr, keyErr       error

	mu    sync.Mutex
	calls int // of STS
}

func newClinic(t *testing.T, source string) *testDeployment {
	t.Helper()
	c := &testDeployment{
		t:        t,
		ssm:      new(lambdafake.Parameters),
		log:      new(bytes.Buffer),
		token:    canaryToken,
		external: canaryExternal,
		signing:  canarySigning,
		scopes: append(
			slackapi.RequiredScopes(),
			slackapi.OptionalScopes()...),
		pace:     time.Microsecond,
		throttle: func(int) string { return "" },
	}
	var err error
	c.policy, _, err = compiler.Compile(
		"policy.yaml",
		[]byte(source),
		compiler.Options{Bastion: theBastion, Now: time.Now()},
	)
	c.must(err)
	c.store = memory.New(c.clock)
	c.slack = slackfake.NewSandbox(slackfake.Options{Now: c.clock, Token: access.NewSecret(canaryToken)})
	c.slack.SetChannel(
		slackfake.Channel{ID: "C0PAYMENTS", Name: "payments"},
	) // in the sandbox it is shared with another company
	c.aws = awsfake.New(awsfake.Options{Org: theOrg, Fault: func(op string) awsfake.Fault {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.calls++
		if op == "sts:GetScopedCredentials" && c.narrow != "" {
			return awsfake.Fault{How: c.narrow}
		}
		return awsfake.Fault{How: c.throttle(c.calls)}
	}})
	for _, target := range c.policy.Targets() {
		c.must(c.aws.PutRole(target.Account, awsfake.DefaultRevoker(theCutRole, canaryExternal, theOrg)))
		c.must(c.aws.PutRole(target.Account, awsfake.Role{
			Name: target.Role, Path: target.Path, Trust: theTrust(),
			Permissions: append(awsfake.DefaultPermissions(target.Role), `{"Version":"2012-10-17","Statement":[{`+
				`"Effect":"Allow","Action":"sts:GetScopedCredentials","Resource":"*"}]}`),
		}))
	}
	for name, value := range map[string]string{
		signingAt: canarySigning, "/jit-access/slack/bot-token": canaryToken, "/jit-access/external-id": canaryExternal,
		"/jit-access/answer-key": canaryAnswerKey,
	} {
		c.must(c.ssm.PutUnder("alias/aws-access", name, value))
	}
	c.serve()
	return c
}

func theTrust() string { return awsfake.DefaultTrust(theVendRole, canaryExternal, theOrg) }

func (c *testDeployment) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func (c *testDeployment) clock() time.Time { return time.Now().Add(c.now + c.skew) }

// serve starts the fakes, and points the shell's SDK at them.
func (c *testDeployment) serve() {
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	c.t.Cleanup(server.Close)
	c.api = newStackAPI(server.URL)
	c.api.invoke = func(payload []byte) ([]byte, error) {
		answer, err := lambda.NewHandler(c.vend.Handle).Invoke(context.Background(), payload)
		c.noSecretIn("vend's answer", string(answer))
		return answer, err
	}
	c.api.invokeCut = func(payload []byte) ([]byte, error) {
		answer, err := lambda.NewHandler(c.cut.Handle).Invoke(context.Background(), payload)
		c.noSecretIn("cut's answer", string(answer))
		return answer, err
	}
	mux.Handle("/sts", http.StripPrefix("/sts", c.aws.AWS()))
	mux.Handle("/sts/", http.StripPrefix("/sts", c.aws.AWS()))
	mux.Handle(
		"/slack-api/",
		http.StripPrefix("/slack-api", slackfake.Scoped(c.slack, func() []string { return c.scopes })),
	)
	mux.Handle("/ssm/", c.ssm)
	mux.HandleFunc("/cfn/", c.api.cloudformation)
	mux.Handle("/lambda/", http.StripPrefix("/lambda", c.api.lambda()))
	mux.HandleFunc("/code/{name}", c.api.download)
	for _, f := range config.Functions {
		c.api.code[c.api.names[f.LogicalID]] = zippedFor(c.t, f, releasedProgram(c.t, f.Name), c.policy.Packed())
	}
	mux.HandleFunc("/v1", func(w http.ResponseWriter, r *http.Request) { c.relay.ServeHTTP(w, r) })
	mux.HandleFunc("/slack/", func(w http.ResponseWriter, r *http.Request) { c.slackFunction.ServeHTTP(w, r) })
	c.deploy(server.URL)
	c.must(c.tick.Handle(c.t.Context(), tickEvent))

	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_CLOUDFORMATION": server.URL + "/cfn/", "AWS_ENDPOINT_URL_LAMBDA": server.URL + "/lambda",
		"AWS_ENDPOINT_URL_SSM": server.URL + "/ssm/",
		"AWS_ACCESS_KEY_ID":    "AKIAOPERATOR", "AWS_SECRET_ACCESS_KEY": "canary-operator-key", "AWS_REGION": "eu-west-1",
		"AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
		"AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1",
	} {
		c.t.Setenv(name, value)
	}
}

// deploy makes the handlers as the functions' mains do.
func (c *testDeployment) deploy(url string) {
	secret := func(text *string) func(context.Context, bool) (access.Secret, error) {
		return func(context.Context, bool) (access.Secret, error) { return access.NewSecret(*text), nil }
	}
	api := slackapi.New(slackapi.Options{Token: secret(&c.token), BaseURL: url + "/slack-api", Team: "T0SANDBOX"})
	log := slog.New(slog.NewJSONHandler(c.log, nil))
	keys, err := c.aws.FunctionCredentials(theVendRole)
	c.must(err)
	assumer := vend.Assumer{ExternalID: secret(&c.external), STS: sts.NewFromConfig(aws.Config{
		Region: "eu-west-1", BaseEndpoint: aws.String(url + "/sts"),
		Credentials: awscall.Keys(keys.AccessKeyID, keys.SecretKey.Reveal(), keys.SessionToken.Reveal()),
	})}
	c.cut = c.cutFunction(url, secret(&c.external), log)
	d := functions.Deps{
		Team: "T0SANDBOX", Policy: c.policy, Store: c.store, Slack: api, Now: c.clock, Log: log,
		Build: programOf(config.Tick, releasedProgram(c.t, config.Tick)).Build,
	}
	c.answerKey, err = newAnswerKey()
	c.must(err)
	c.addresses = []string{url + "/v1"}
	c.relay = relay.NewAPI(c.store, nil, c.clock, log)
	c.tick = functions.NewTick(d, noCuts{})
	c.slackFunction = functions.NewSlack(d, secret(&c.signing), nil, nil)
	c.vend = functions.NewVend(d, functions.Vending{
		STS:        assumer,
		Address:    func(context.Context) ([]string, error) { return c.addresses, c.addressErr },
		AnswerKeys: func(context.Context, bool) (access.Secret, error) { return access.NewSecret(c.answerKey), c.keyErr },
		Roles:      pacedTrials{func() vend.Trials { return vend.Trials{Assumer: assumer, Now: time.Now, Interval: c.pace} }},
	})
}

// cutFunction is cut, as far as it answers checks.
func (c *testDeployment) cutFunction(
	url string, external func(context.Context, bool) (access.Secret, error), log *slog.Logger,
) functions.Cut {
	keys, err := c.aws.FunctionCredentials(theCutRole,
		`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:*","Resource":"*"}]}`)
	c.must(err)
	config := aws.Config{
		HTTPClient: http.DefaultClient, Region: "eu-west-1", BaseEndpoint: aws.String(url + "/sts"),
		Credentials: awscall.Keys(keys.AccessKeyID, keys.SecretKey.Reveal(), keys.SessionToken.Reveal()),
	}
	checker := cut.Cutter{
		STS: awscall.Client{Service: "sts", Config: config}, IAM: config, ExternalID: external, Now: c.clock,
	}
	return functions.Cut{Cutter: checker, Now: c.clock, Log: log}
}

// pacedTrials tests roles at the pace that the test sets.
type pacedTrials struct{ trials func() vend.Trials }

func (s pacedTrials) Try(ctx context.Context, targets []access.Target) []access.Trial {
	return s.trials().Try(ctx, targets)
}

// newAnswerKey makes a key as docs/deploy.md says.
func newAnswerKey() (string, error) {
	key, err := wire.NewPrivateKey()
	if err != nil {
		return "", err
	}
	text, err := key.PEM()
	return text.Reveal(), err
}

// doctor runs the command, and reads what it printed as JSON.
func (c *testDeployment) doctor(args ...string) (r report, code int) {
	c.t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(c.t.Context(), append([]string{"doctor", "-json"}, args...), &stdout, &stderr)
	c.noSecretIn("the JSON", stdout.String()+stderr.String())
	c.noSecretIn("vend's log", c.log.String())
	if err := json.Unmarshal(stdout.Bytes(), &r); err != nil {
		c.t.Fatalf("doctor ended with %d and printed %q, %q", code, stdout.String(), stderr.String())
	}
	return r, code
}

// noSecretIn checks that text holds nothing secret.
func (c *testDeployment) noSecretIn(what, text string) {
	c.t.Helper()
	for _, canary := range []string{"canary", "xoxb-", "IQoJb3JpZ2luX2Vj", "SecretAccessKey", "ASIA"} {
		if strings.Contains(text, canary) {
			c.t.Errorf("%s: there is %q in it", what, canary)
		}
	}
}

// read is what a person reads.
func (c *testDeployment) read(args ...string) (text string, code int) {
	c.t.Helper()
	var stdout, stderr bytes.Buffer
	code = run(c.t.Context(), append([]string{"doctor"}, args...), &stdout, &stderr)
	c.noSecretIn("the text", stdout.String()+stderr.String())
	return stdout.String() + stderr.String(), code
}

// thePolicy is the repository's own.
func thePolicy(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "..", "policy.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// large is a policy of so many accounts with three roles each.
func large(accounts int) string {
	var b strings.Builder
	b.WriteString(
		"version: 1\nsettings: {channel: C0APPROVALS}\nroles: {ReadOnly: {}, Operator: {}, Admin: {}}\naccounts:\n",
	)
	for i := range accounts {
		fmt.Fprintf(&b, "  - {id: \"%012d\", name: account-%04d}\n", 100000000000+i, i)
	}
	b.WriteString(
		"groups: {devs: {slack: S0DEVS}}\n" +
			"rules: [{name: look, who: [devs], accounts: [\"*\"], roles: [\"*\"], max: 1h, approvals: none}]\n",
	)
	return b.String()
}

var tickEvent events.EventBridgeEvent

// age makes what was read from Slack older.
func (c *testDeployment) age(age time.Duration) {
	c.changeDirectory(func(d *access.Directory) {
		for id, g := range d.Groups {
			g.ReadAt = g.ReadAt.Add(-age)
			d.Groups[id] = g
		}
		d.PeopleAt = d.PeopleAt.Add(-age)
	})
}

// changeDirectory changes what the table holds about Slack's people and groups.
func (c *testDeployment) changeDirectory(change func(*access.Directory)) {
	d, err := c.store.Directory(c.t.Context())
	c.must(err)
	change(&d)
	d.Version++
	c.must(c.store.SaveDirectory(c.t.Context(), d))
}

// readAgain lets the tick read what was changed in Slack.
func (c *testDeployment) readAgain() {
	c.now = 2 * time.Minute
	c.must(c.tick.Handle(c.t.Context(), tickEvent))
	c.now = 0
}

// acceptsAll returns the address of an endpoint that accepts every request.
func (c *testDeployment) acceptsAll() string {
	server := httptest.NewServer(
		http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { yes(w, map[string]bool{"ok": true}) }),
	)
	c.t.Cleanup(server.Close)
	return server.URL + "/slack/commands"
}

// noCuts is for a tick that has nothing to cut.
type noCuts struct{}

func (noCuts) Send(_ context.Context, lists []access.CutKey) error {
	if len(lists) > 0 {
		return errors.New("a cut was ordered")
	}
	return nil
}
