package deployed_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/config"
	"github.com/aws-access/aws-access/pkg/fake/awsfake"
	"github.com/aws-access/aws-access/pkg/fake/lambdafake"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
	"github.com/aws-access/aws-access/pkg/store/dynamo/dynamotest"
	callwire "github.com/aws-access/aws-access/pkg/wire"
)

// functions are the functions and how long each may run.
var functions = func() map[string]time.Duration {
	timeouts := make(map[string]time.Duration)
	for _, f := range config.Functions {
		timeouts[string(f.Name)] = f.Timeout
	}
	return timeouts
}()

func name(function string) string { return "aws-access-" + function }

const (
	bastion = "999999999999"
	region  = "eu-west-1"
	org     = "o-example123"
)

// Names of the SSM parameters with the secrets.
const (
	tokenAt   = "/jit-access/slack/bot-token"
	signingAt = "/jit-access/slack/signing-secret"
	externAt  = "/jit-access/external-id"
	urlAt     = "/jit-access/url"
	answerAt  = "/jit-access/answer-key"
)

// packageDir is a directory for the functions' packages, set before the first test.
var packageDir string

// packages builds each function once, as `sam build` does but for this machine's
// processor, and returns the directory of all packages.
var packages = sync.OnceValues(func() (string, error) {
	made := make(chan error)
	for function := range functions {
		go func() { made <- makePackage(filepath.Join(packageDir, function), function) }()
	}
	var failed []error
	for range functions {
		failed = append(failed, <-made)
	}
	return packageDir, errors.Join(failed...)
})

func makePackage(dir, function string) error {
	target := "build-" + strings.ToUpper(function[:1]) + function[1:] + "Function"
	//nolint:misspell // it is SAM's own name
	build := exec.Command("make", "-s", "-C", "../..", target, "ARTIFACTS_DIR="+dir, "ARCH="+runtime.GOARCH)
	for _, v := range os.Environ() {
		// A make that runs the tests sets these.
		if n, _, _ := strings.Cut(v, "="); n != "MAKEFLAGS" && n != "MFLAGS" && n != "MAKELEVEL" {
			build.Env = append(build.Env, v)
		}
	}
	if said, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("make %s: %w\n%s", target, err, said)
	}
	return nil
}

func TestMain(m *testing.M) {
	flag.Parse()
	if testing.Short() {
		fmt.Println("left out by -short: these tests build the functions and need DynamoDB Local")
		return
	}
	os.Exit(withPackageDir(m.Run))
}

func withPackageDir(run func() int) int {
	var err error
	if packageDir, err = os.MkdirTemp("", "aws-access-packages-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(packageDir) }()
	return run()
}

// world is the deployed product: its real binaries on the fake Lambda, its table in
// DynamoDB Local, and fakes of AWS and Slack on loopback. It uses real time.
type world struct {
	t      testing.TB
	table  dynamotest.Table
	slack  *slackfake.Server
	aws    *awsfake.Server
	ssm    *lambdafake.Parameters
	lambda *lambdafake.Server
	wire   *wire
	url    string // of all fakes

	mu       sync.Mutex
	signing  access.Secret       // what Slack signs with
	external string              // external id that the roles' trust requires
	answers  callwire.PrivateKey // signs vend's answers to calls
	keys     map[string]access.Credentials
	parked   [][]byte // stream records that Lambda gave up
	undone   [][]byte // orders that Lambda gave up
	double   bool
	own      map[string]string // secrets of the command line, by name
	answered strings.Builder   // everything that /v1 has answered
}

// newWorld deploys everything, applies the changes, and runs the first tick, which
// reads people and groups.
func newWorld(t testing.TB, change ...func(*world)) *world {
	t.Helper()
	dir, err := packages()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{
		t: t, table: dynamotest.NewTable(t), wire: newWire(), ssm: new(lambdafake.Parameters),
		keys: make(map[string]access.Credentials), own: make(map[string]string),
	}
	w.startFakes()
	for function := range functions {
		w.deploy(dir, function)
	}
	w.connect()
	for _, c := range change {
		c(w)
	}
	w.tick()
	return w
}

// startFakes starts Slack, AWS and Lambda.
func (w *world) startFakes() {
	var err error
	w.answers, err = callwire.NewPrivateKey()
	w.must(err)
	w.signing, w.external = access.NewSecret("canary-signing-secret-0"), "canary-external-id-0"
	token := access.NewSecret("xoxb-canary-bot-token-0")
	mux := http.NewServeMux()
	server := httptest.NewServer(mux)
	w.t.Cleanup(server.Close)
	w.url = server.URL
	w.slack = slackfake.NewSandbox(slackfake.Options{Token: token, Now: slowClock(), BaseURL: w.url + "/slack-api"})
	w.aws = awsfake.New(awsfake.Options{Org: org})
	w.lambda = lambdafake.New(lambdafake.Options{
		Poll: 20 * time.Millisecond, Duplicate: func(string) bool { w.mu.Lock(); defer w.mu.Unlock(); return w.double },
		MayInvoke: func(key, function string) bool {
			return function == name("vend") && (key == w.keys["slack"].AccessKeyID || key == w.keys["api"].AccessKeyID) ||
				function == name("cut") && key == w.keys["tick"].AccessKeyID
		},
		RetryWait: shortPause, ThrottleWait: shortPause,
	})
	w.t.Cleanup(w.lambda.Close)
	w.createResources(token.Reveal())
	w.mount(mux)
}

// slowClock is Slack's clock, at a tenth of the speed: on a busy machine a trigger id
// lives for thirty seconds instead of three.
func slowClock() func() time.Time {
	began := time.Now()
	return func() time.Time { return began.Add(time.Since(began) / 10) }
}

// shortPause is the pause before a retry; no test needs a longer one.
func shortPause(int) time.Duration { return 20 * time.Millisecond }

// mount puts everything that functions call behind the wire.
func (w *world) mount(mux *http.ServeMux) {
	for path, next := range map[string]http.Handler{
		"/slack-api": w.slack, "/aws": w.aws.AWS(), "/federation": w.aws.Federation(), "/console": w.aws.Console(),
		"/ssm": w.ssm, "/lambda": w.lambda.API(), "/dynamodb": forward(w.table.Endpoint),
	} {
		if path != "/federation" && path != "/console" {
			next = http.StripPrefix(path, next)
		}
		mux.Handle(path, w.wire.before(next))
		mux.Handle(path+"/", w.wire.before(next))
	}
	mux.Handle("/slack/",
		w.lambda.HTTPAPI(name("slack"), "POST /slack/commands", "POST /slack/interactions", "POST /slack/options"))
	mux.Handle("/v1", w.lambda.HTTPAPI(name("api"), "POST /v1"))
}

// createResources creates the secrets, the functions' roles, and the roles of the policy.
func (w *world) createResources(token string) {
	pem, err := w.answers.PEM()
	w.must(err)
	for at, secret := range map[string]string{
		tokenAt: token, signingAt: w.signing.Reveal(), externAt: w.external, answerAt: pem.Reveal(), urlAt: w.url + "/v1",
	} {
		w.must(w.ssm.Put(at, secret))
	}
	for function := range functions {
		role, may := "arn:aws:iam::"+bastion+":role/aws-access-"+function, []string{denyAll}
		switch function {
		case "vend":
			may = nil
		case "cut":
			may = []string{mayAssumeRevokers}
		}
		w.keys[function], err = w.aws.FunctionCredentials(role, may...)
		w.must(err)
		w.wire.callers[w.keys[function].AccessKeyID] = function
	}
	w.trust(w.external)
}

const denyAll = `{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}`

// mayAssumeRevokers is what cut may do.
const mayAssumeRevokers = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
	"Action":["sts:AssumeRole","sts:SetSourceIdentity"],"Resource":"arn:aws:iam::*:role/aws-access-revoker/*"}]}`

// trust creates the roles of policy.yaml in its accounts, with a trust that requires
// an external id.
func (w *world) trust(external string) {
	trust := awsfake.DefaultTrust("arn:aws:iam::"+bastion+":role/aws-access-vend", external, org)
	for _, account := range []string{"111111111111", "222222222222", "333333333333", "444444444444", "555555555555"} {
		for _, role := range []string{"ReadOnly", "Operator", "Admin"} {
			w.must(w.aws.PutRole(account, awsfake.Role{Name: role, Path: "/aws-access/", Trust: trust}))
		}
		w.must(w.aws.PutRole(account,
			awsfake.DefaultRevoker("arn:aws:iam::"+bastion+":role/aws-access-cut", external, org)))
	}
}

// environment is a function's environment as in the template, with endpoint overrides
// for the fakes.
func (w *world) environment(function string) map[string]string {
	key := w.keys[function]
	env := map[string]string{
		"BASTION_ACCOUNT":   bastion,
		"AWS_ACCESS_KEY_ID": key.AccessKeyID, "AWS_SECRET_ACCESS_KEY": key.SecretKey.Reveal(),
		"AWS_SESSION_TOKEN":         key.SessionToken.Reveal(),
		"AWS_ENDPOINT_URL_DYNAMODB": w.url + "/dynamodb", "AWS_ENDPOINT_URL_SSM": w.url + "/ssm",
		"AWS_ENDPOINT_URL_LAMBDA": w.url + "/lambda",
		"AWS_ENDPOINT_URL_STS":    w.url + "/aws", "AWS_ENDPOINT_URL_IAM": w.url + "/aws",
		"SLACK_API_URL": w.url + "/slack-api", "SIGNIN_URL": w.url + "/federation",
	}
	for name, value := range map[string]string{
		"TABLE": w.table.Name, "POLICY": "policy.compiled", "SLACK_TEAM": "T0SANDBOX", "SLACK_BOT_TOKEN_PARAMETER": tokenAt,
		"SLACK_SIGNING_SECRET_PARAMETER": signingAt, "VEND_FUNCTION": w.lambda.ARN(name("vend")),
		"CUT_FUNCTION":          w.lambda.ARN(name("cut")),
		"EXTERNAL_ID_PARAMETER": externAt, "CONSOLE_ISSUER": "https://access.example.com/", "EXACT_EXPIRY": "preferred",
		"DEVICES_TABLE": w.table.Devices, "URL_PARAMETER": urlAt, "ANSWER_KEY_PARAMETER": answerAt,
	} {
		if readBy(function, name) {
			env[name] = value
		}
	}
	return env
}

// deploy creates a function, or deploys a new version of it.
func (w *world) deploy(dir, function string) {
	w.t.Helper()
	w.must(w.lambda.Deploy(lambdafake.Function{
		Name: name(function), Bootstrap: filepath.Join(dir, function, "bootstrap"), Env: w.environment(function),
		Timeout: functions[function], MemoryMB: 256,
	}))
}

// connect connects the stream to notify, and sets the destination of failed orders,
// as the template does.
func (w *world) connect() {
	w.t.Helper()
	w.must(w.lambda.Async(name("vend"), lambdafake.Async{MaxAge: time.Minute, OnFailure: w.keep(&w.undone)}))
	w.mapStream()
}

// keep collects records and orders that Lambda gave up.
func (w *world) keep(into *[][]byte) func([]byte) {
	return func(record []byte) {
		w.mu.Lock()
		defer w.mu.Unlock()
		*into = append(*into, bytes.Clone(record))
	}
}

func (w *world) given(up *[][]byte) [][]byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([][]byte{}, *up...)
}

// ui is the UI of Slack, which calls the public address. Its timeout is long, because
// the machine may be busy; benchmarks measure how fast the answers are.
func (w *world) ui() slackfake.UI {
	return slackfake.UI{
		Slack: w.slack, Post: slackfake.PostOverHTTP(http.DefaultClient, w.url), Secret: w.signing, Now: time.Now,
		Timeout: time.Minute,
	}
}

// do performs a user action, and waits until all functions are idle.
func (w *world) do(a slackfake.UserAction) (slackfake.Outcome, error) {
	out, err := w.ui().Do(w.t.Context(), a)
	if err == nil {
		err = w.quiet()
	}
	return out, err
}

// acts is do for an action that must succeed.
func (w *world) acts(a slackfake.UserAction) slackfake.Outcome {
	w.t.Helper()
	out, err := w.do(a)
	w.must(err)
	return out
}

func (w *world) command(as, line string) slackfake.Outcome {
	w.t.Helper()
	return w.acts(slackfake.UserAction{As: as, Command: &line})
}

// click presses a button on the newest message in a channel that has it.
func (w *world) click(as, label, on string) slackfake.Outcome {
	w.t.Helper()
	return w.acts(w.pressing(as, label, on))
}

func (w *world) quiet() error {
	ctx, stop := context.WithTimeout(w.t.Context(), 30*time.Second)
	defer stop()
	return w.lambda.WaitIdle(ctx)
}

// invoke runs a function on an event that it must accept.
func (w *world) invoke(function string, event any) []byte {
	w.t.Helper()
	text, err := json.Marshal(event)
	w.must(err)
	answer, err := w.lambda.Invoke(w.t.Context(), name(function), text)
	w.must(err)
	return answer
}

// tick runs the scheduled function, and waits until all functions are idle.
func (w *world) tick() {
	w.t.Helper()
	w.invoke("tick", scheduled())
	w.must(w.quiet())
}

func scheduled() map[string]any {
	return map[string]any{
		"version": "0", "id": "0a1b2c3d", "detail-type": "Scheduled Event", "source": "aws.events", "account": bastion,
		"time": time.Now().UTC().Format(time.RFC3339), "region": region,
		"resources": []string{"arn:aws:events:" + region + ":" + bastion + ":rule/tick"},
		"detail":    map[string]any{},
	}
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// logs is everything that a function has written.
func (w *world) logs(function string) string {
	return strings.Join(w.lambda.Logs(name(function)), "\n")
}
