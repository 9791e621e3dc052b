package operators

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/config"
	"github.com/aws-access/aws-access/pkg/fake/lambdafake"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
	"github.com/aws-access/aws-access/pkg/store/dynamo"
	"github.com/aws-access/aws-access/pkg/store/dynamo/dynamotest"
)

// buildFunctions builds the functions, as `sam build` makes them,
// for this machine's processor.
func buildFunctions(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range config.Functions {
		id := f.LogicalID
		build := exec.Command(
			"make",
			"-s",
			"-C",
			filepath.Join("..", "..", ".."),
			"build-"+id,
			"BUILDVCS=false", // the same in a clone and in a worktree, with and without changes
			"ARTIFACTS_DIR="+filepath.Join(dir, id), //nolint:misspell // sam's own name
			"ARCH="+runtime.GOARCH,
		)
		for _, v := range os.Environ() {
			if n, _, _ := strings.Cut(v, "="); n != "MAKEFLAGS" && n != "MFLAGS" &&
				n != "MAKELEVEL" { // of a make that runs the tests
				build.Env = append(build.Env, v)
			}
		}
		if said, err := build.CombinedOutput(); err != nil {
			t.Fatalf("make build-%s: %v\n%s", id, err, said)
		}
	}
	return dir
}

// binaryDeployment is a clinic whose functions are the real binaries, over DynamoDB
// Local. Each fault is fixed again before the next one.
type binaryDeployment struct {
	*testDeployment
	lambda *lambdafake.Server
	table  dynamotest.Table
	dir    string // with the programs, by the functions' ids in the template
}

func newBinaryDeployment(t *testing.T) *binaryDeployment {
	t.Helper()
	dir := buildFunctions(t)
	h := &binaryDeployment{testDeployment: newClinic(t, thePolicy(t)), table: dynamotest.NewTable(t), dir: dir}
	h.deployPrograms()
	h.lambda = lambdafake.New(lambdafake.Options{})
	t.Cleanup(h.lambda.Close)
	keys, err := h.aws.FunctionCredentials(theVendRole)
	h.must(err)
	h.serveRoutes()
	fakes := strings.TrimSuffix(os.Getenv("AWS_ENDPOINT_URL_LAMBDA"), "/lambda")
	for _, id := range []string{"SlackFunction", "ApiFunction", "VendFunction", "TickFunction"} {
		env := map[string]string{
			"AWS_ACCESS_KEY_ID":         keys.AccessKeyID,
			"AWS_SECRET_ACCESS_KEY":     keys.SecretKey.Reveal(),
			"AWS_SESSION_TOKEN":         keys.SessionToken.Reveal(),
			"AWS_ENDPOINT_URL_DYNAMODB": h.table.Endpoint,
			"AWS_ENDPOINT_URL_SSM":      fakes + "/ssm",
			"AWS_ENDPOINT_URL_STS":      fakes + "/sts",
			"AWS_ENDPOINT_URL_LAMBDA":   fakes + "/lambda",
			"SLACK_API_URL":             fakes + "/slack-api",
		}
		for name, table := range map[string]string{"TABLE": h.table.Name, "DEVICES_TABLE": h.table.Devices} {
			if _, reads := h.api.env(id)[name]; reads {
				h.api.env(id)[name] = table
			}
		}
		for name, value := range h.api.env(id) {
			env[name] = fmt.Sprint(value)
		}
		h.must(h.lambda.Deploy(lambdafake.Function{
			Name:      h.api.names[id],
			Bootstrap: filepath.Join(dir, id, "bootstrap"),
			Env:       env,
			Timeout:   30 * time.Second,
			MemoryMB:  256,
		}))
	}
	h.api.env("NotifyFunction")["TABLE"], h.api.env("CutFunction")["TABLE"] = h.table.Name, h.table.Name
	h.api.mapping[0]["EventSourceArn"] = "arn:aws:dynamodb:eu-west-1:" + theBastion + ":table/" + h.table.Name +
		"/stream/2026"
	h.api.cutMapping[0]["EventSourceArn"] = h.api.mapping[0]["EventSourceArn"]
	h.api.invoke = func(payload []byte) ([]byte, error) {
		answer, err := h.lambda.Invoke(t.Context(), h.api.names["VendFunction"], payload)
		h.noSecretIn("vend's answer", string(answer))
		return answer, err
	}
	event, err := json.Marshal(tickEvent)
	h.must(err)
	_, err = h.lambda.Invoke(t.Context(), h.api.names["TickFunction"], event)
	h.must(err)
	return h
}

// serveRoutes serves the routes of the HTTP API, and sets the outputs and parameters that name them.
func (h *binaryDeployment) serveRoutes() {
	h.t.Helper()
	routes := http.NewServeMux()
	routes.Handle("/slack/", h.lambda.HTTPAPI(h.api.names["SlackFunction"],
		"POST /slack/commands", "POST /slack/interactions", "POST /slack/options"))
	routes.Handle("/v1", h.lambda.HTTPAPI(h.api.names["ApiFunction"], "POST /v1"))
	server := httptest.NewServer(routes)
	h.t.Cleanup(server.Close)
	for output, path := range map[string]string{
		"CommandsUrl": "/slack/commands", "InteractionsUrl": "/slack/interactions", "OptionsUrl": "/slack/options",
		"CommandUrl": "/v1",
	} {
		h.api.outputs[output] = server.URL + path
	}
	for name, value := range map[string]string{
		"/jit-access/url": server.URL + "/v1", "/jit-access/answer-key": h.answerKey,
	} {
		h.must(h.ssm.PutUnder("alias/aws-access", name, value))
	}
}

// program reads a program that was built.
func (h *binaryDeployment) program(id string) []byte {
	h.t.Helper()
	text, err := os.ReadFile(filepath.Join(h.dir, id, "bootstrap"))
	h.must(err)
	return text
}

// deployPrograms makes the programs what Lambda gives out as the functions' code.
func (h *binaryDeployment) deployPrograms() {
	for _, f := range config.Functions {
		h.replace(f.LogicalID, h.packed(f, h.program(f.LogicalID)))
	}
}

// packed is a program as the package of its function.
func (h *binaryDeployment) packed(f config.Spec, program []byte) deployedCode {
	h.t.Helper()
	if !f.HasPolicy() {
		return zippedFor(h.t, f, program, nil)
	}
	return zipped(h.t, program)
}

// builtWithoutGit is the finding about the programs of buildFunctions.
const builtWithoutGit = "versions warning unknown"

// found are doctor's findings that are not ok, beside builtWithoutGit.
func (h *binaryDeployment) found(args ...string) []string {
	h.t.Helper()
	r, _ := h.doctor(args...)
	found, _ := unhealthy(r)
	i := slices.Index(found, builtWithoutGit)
	if i < 0 {
		h.t.Fatalf("%q is not found: %v", builtWithoutGit, found)
	}
	return slices.Delete(found, i, i+1)
}

// One byte of one function's real program is changed. The package is whole, and has the
// sum that Lambda states for it.
func (h *binaryDeployment) checkBytes() {
	for _, f := range config.Functions {
		program := h.program(f.LogicalID)
		h.replace(f.LogicalID, h.packed(f, flipped(program)))
		want := []string{"build of " + string(f.Name) + " problem differs"}
		if diff := cmp.Diff(want, h.found("--build", h.dir, "-only", "stack")); diff != "" {
			h.t.Errorf("one byte of %s (-want +got):\n%s", f.Name, diff)
		}
		h.replace(f.LogicalID, h.packed(f, program))
	}
	if found := h.found("--build", h.dir, "-only", "stack"); len(found) > 0 {
		h.t.Errorf("the programs themselves: %v", found)
	}
}

func TestDoctorOverTheRealBinaries(t *testing.T) {
	if testing.Short() {
		t.Skip("needs DynamoDB Local, and builds the functions")
	}
	h := newBinaryDeployment(t)
	if found := h.found(); len(found) > 0 {
		t.Fatalf("a healthy deployment: %v", found)
	}
	h.checkLogs()
	h.checkBytes()
	for _, f := range append(h.trustFaults(), h.faults()...) {
		f.breaks()
		if diff := cmp.Diff(f.want, h.found()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", f.name, diff)
		}
		f.fixes()
	}
	h.checkSigningSecret()
	if found := h.found(); len(found) > 0 {
		t.Errorf("after every fault was fixed: %v", found)
	}
	h.checkLogs()
}

// checkLogs searches the functions' logs for secrets.
func (h *binaryDeployment) checkLogs() {
	for _, id := range []string{"SlackFunction", "ApiFunction", "VendFunction"} {
		h.noSecretIn(id+"'s log", strings.Join(h.lambda.Logs(h.api.names[id]), "\n"))
	}
}

// fault is something wrong with a deployment, and what doctor must find.
type fault struct {
	name          string
	breaks, fixes func()
	want          []string
}

// trustFaults are faults of a role's trust policy.
func (h *binaryDeployment) trustFaults() (faults []fault) {
	for _, c := range []struct{ name, from, to, want string }{
		{"a trust that refuses", theVendRole, theVendRole + "-of-yesterday", "refused"},
		{"open without the external id", `,"sts:ExternalId":"` + canaryExternal + `"`, "", "open_without_external_id"},
		{"open without tags", `"aws:RequestTag/GrantId":"?*",`, "", "open_without_tags"},
		{"open without a source identity", `,"sts:SourceIdentity":"?*"`, "", "open_without_source_identity"},
	} {
		breaks := func() { h.change("222222222222", "Admin", c.from, c.to) }
		fixes := func() {
			r, _ := h.aws.Role("222222222222", "Admin")
			r.Trust = theTrust()
			h.must(h.aws.PutRole("222222222222", r))
		}
		faults = append(faults, fault{c.name, breaks, fixes, []string{"roles problem " + c.want}})
	}
	return faults
}

// faults are faults of Slack's and the stack's settings.
func (h *binaryDeployment) faults() []fault {
	return []fault{
		{
			"a token that was revoked",
			func() { h.slack.SetToken(access.NewSecret("xoxb-canary-new")) },
			func() { h.slack.SetToken(access.NewSecret(canaryToken)) },
			[]string{"bot token problem invalid_auth"},
		},
		{
			"a scope that is missing",
			func() { h.scopes = h.scopes[1:] },
			func() { h.scopes = append([]string{"chat:write"}, h.scopes...) },
			[]string{"scopes problem missing_scope"},
		},
		{
			"a channel without the bot",
			func() { h.slack.SetChannel(slackfake.Channel{ID: "C0OPS", BotOut: true}) },
			func() { h.slack.SetChannel(slackfake.Channel{ID: "C0OPS"}) },
			[]string{"channel C0OPS problem not_member"},
		},
		{
			"a silent tick",
			func() { h.age(20 * time.Minute) },
			func() { h.age(-20 * time.Minute) },
			[]string{
				"group developers (S0DEVS) problem unknown",
				"group leads (S0LEADS) problem unknown",
				"group security (S0SECURITY) problem unknown",
				"tick problem silent",
			},
		},
		{
			"a group that is gone",
			func() { h.gone("S0LEADS", true) },
			func() { h.gone("S0LEADS", false) },
			[]string{"group leads (S0LEADS) problem gone"},
		},
		{
			"a disabled stream mapping",
			func() { h.api.mapping[0]["State"] = "Disabled" },
			func() { h.api.mapping[0]["State"] = "Enabled" },
			[]string{"stream problem disabled"},
		},
		{
			"orders that are tried again",
			func() { h.api.async["MaximumRetryAttempts"] = 2 },
			func() { h.api.async["MaximumRetryAttempts"] = 0 },
			[]string{"orders problem settings"},
		},
	}
}

// checkSigningSecret replaces the signing secret. The function reads it again when it has refused a
// call, but only once a minute, so of two changes in a row it has missed one.
func (h *binaryDeployment) checkSigningSecret() {
	known := canarySigning // to the function
	for _, secret := range []string{"canary-new-signing-secret", "canary-newer-signing-secret"} {
		h.must(h.ssm.PutUnder("alias/aws-access", signingAt, secret))
		found := h.found()
		if len(found) == 0 {
			known = secret
			continue
		}
		if diff := cmp.Diff([]string{"signing secret problem refused"}, found); diff != "" {
			h.t.Errorf("another signing secret (-want +got):\n%s", diff)
		}
		h.must(h.ssm.PutUnder("alias/aws-access", signingAt, known))
		return
	}
	h.t.Error("both of two signing secrets in a row were accepted")
}

// directory changes what the table knows of groups and people.
func (h *binaryDeployment) directory(change func(*access.Directory)) {
	store := dynamo.New(h.table.Client(http.DefaultTransport), h.table.Name, time.Now)
	d, err := store.Directory(h.t.Context())
	h.must(err)
	change(&d)
	d.Version++
	h.must(store.SaveDirectory(h.t.Context(), d))
}

func (h *binaryDeployment) age(by time.Duration) {
	h.directory(func(d *access.Directory) {
		d.PeopleAt = d.PeopleAt.Add(-by)
		for id, g := range d.Groups {
			g.ReadAt = g.ReadAt.Add(-by)
			d.Groups[id] = g
		}
	})
}

func (h *binaryDeployment) gone(id string, gone bool) {
	h.directory(func(d *access.Directory) {
		g := d.Groups[id]
		g.Gone = gone
		d.Groups[id] = g
	})
}
