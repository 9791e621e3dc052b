//go:build deployed

package local

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"
)

// instance is a function as it runs on this computer: a process.
type instance map[string]string // its environment

// instances are those of a function that run now.
func (w *world) instances(function string) (found []instance) {
	w.t.Helper()
	name := w.physical(function)
	processes, err := filepath.Glob("/proc/[0-9]*/environ")
	w.must(err)
	for _, p := range processes {
		text, err := os.ReadFile(p)
		if err != nil {
			continue // somebody else's, or gone
		}
		env := make(instance)
		for _, v := range strings.Split(string(text), "\x00") {
			key, value, _ := strings.Cut(v, "=")
			env[key] = value
		}
		if env["AWS_LAMBDA_FUNCTION_NAME"] == name && strings.HasPrefix(env["LAMBDA_TASK_ROOT"], w.settings.scratch) {
			found = append(found, env)
		}
	}
	return found
}

// credentials are the very ones that a function of the stack runs with.
func (w *world) credentials(function string) keys {
	w.t.Helper()
	running := w.instances(function)
	if len(running) == 0 {
		w.t.Fatalf("%s does not run", function)
	}
	env := running[0]
	return keys{env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env["AWS_SESSION_TOKEN"]}
}

// rights asks the emulator with each function's own credentials.
func (w *world) rights() {
	functions := []string{"SlackFunction", "VendFunction", "NotifyFunction", "TickFunction"}
	// Roles that trust the whole bastion account: here a function's own rights alone decide.
	lax := w.trusting(production, "/aws-access/", "Lax")
	elsewhere := w.trusting(production, "/", "Elsewhere")
	own := w.trusting(bastion, "/aws-access/", "Own")
	// asked is a call, and the functions that may make it.
	for _, asked := range []struct {
		what string
		call func(keys) error
		may  string
	}{
		{"assume a target role, with all that it demands", w.assume("arn:aws:iam::"+production+":role/aws-access/ReadOnly", w.external), "VendFunction"},
		{"assume it without the external id", w.assume("arn:aws:iam::"+production+":role/aws-access/ReadOnly", "some-other-external-id-of-32-chars"), ""},
		{"assume a role that trusts too many", w.assume(lax, w.external), "VendFunction"},
		{"assume one that is not the product's", w.assume(elsewhere, w.external), ""},
		{"assume one in the bastion itself", w.assume(own, w.external), ""},
		{"assume vend's role", w.assume(w.outputs["VendRoleArn"], w.external), ""},
		{"read the bot token", w.reads("/jit-access/slack/bot-token"), strings.Join(functions, " ")},
		{"read the signing secret", w.reads("/jit-access/slack/signing-secret"), "SlackFunction"},
		{"read the external id", w.reads("/jit-access/external-id"), "VendFunction"},
		{"order vend", w.orders("VendFunction"), "SlackFunction"},
		{"order tick", w.orders("TickFunction"), ""},
		{"read the whole table", w.scans, ""},
	} {
		for _, f := range functions {
			want := "denied"
			if strings.Contains(asked.may, f) {
				want = "allowed"
			}
			if got, err := verdict(asked.call(w.credentials(f))); got != want {
				w.t.Errorf("%s, %s: %s, want %s (%v)", f, asked.what, got, want, err)
			}
		}
	}
}

// verdict tells a refusal by IAM from any other error.
func verdict(err error) (string, error) {
	switch c := code(err); {
	case c == "":
		return "allowed", err
	case strings.HasPrefix(c, "AccessDenied"):
		return "denied", err
	}
	return "neither", err
}

// trusting makes a role that every role of the bastion may assume, if its own
// rights let it.
func (w *world) trusting(account, path, name string) (arn string) {
	w.t.Helper()
	out, err := w.iam(rootOf(account)).CreateRole(w.t.Context(), &iam.CreateRoleInput{
		RoleName: &name, Path: &path, AssumeRolePolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"],"Principal":{"AWS":"arn:aws:iam::` + bastion + `:root"}}]}`),
	})
	w.must(err)
	return *out.Role.Arn
}

func (w *world) assume(role, external string) func(keys) error {
	return func(k keys) error {
		_, err := w.sts(k).AssumeRole(w.t.Context(), &sts.AssumeRoleInput{
			RoleArn: &role, RoleSessionName: aws.String("aws-access-01PROBE"), ExternalId: &external, SourceIdentity: aws.String("probe@example.com"),
			Tags: []ststypes.Tag{{Key: aws.String("GrantId"), Value: aws.String("01PROBE")}},
		})
		return err
	}
}

func (w *world) reads(parameter string) func(keys) error {
	return func(k keys) error {
		_, err := w.ssm(k).GetParameter(w.t.Context(), &ssm.GetParameterInput{Name: &parameter, WithDecryption: aws.Bool(true)})
		return err
	}
}

// orders only asks: a dry run runs nothing.
func (w *world) orders(function string) func(keys) error {
	return func(k keys) error {
		_, err := w.lambda(k).Invoke(w.t.Context(), &lambda.InvokeInput{FunctionName: aws.String(w.physical(function)), InvocationType: types.InvocationTypeDryRun})
		return err
	}
}

func (w *world) scans(k keys) error {
	_, err := w.dynamodb(k).Scan(w.t.Context(), &dynamodb.ScanInput{TableName: aws.String(w.outputs["Table"])})
	return err
}

// doors is what is open to the internet: three paths.
func (w *world) doors() {
	for _, d := range []struct {
		method, path string
		want         int
	}{
		{http.MethodPost, "/slack/commands", http.StatusUnauthorized}, // it is not signed
		{http.MethodPost, "/slack/interactions", http.StatusUnauthorized},
		{http.MethodPost, "/slack/options", http.StatusUnauthorized},
		{http.MethodGet, "/slack/commands", http.StatusMethodNotAllowed}, // but for Slack's check of the certificate
		{http.MethodGet, "/slack/commands?ssl_check=1", http.StatusOK},
		{http.MethodGet, "/slack/commands/more?ssl_check=1", http.StatusNotFound},
		{http.MethodDelete, "/slack/commands", http.StatusNotFound},
		{http.MethodPost, "/slack", http.StatusNotFound},
		{http.MethodPost, "/slack/commands/more", http.StatusNotFound},
		{http.MethodPost, "/vend", http.StatusNotFound},
		{http.MethodPost, "/", http.StatusNotFound},
	} {
		if got := w.calls(d.method, w.door(d.path), w.public()); got != d.want {
			w.t.Errorf("%s %s: answered %d, want %d", d.method, d.path, got, d.want)
		}
	}
	vend := w.physical("VendFunction")
	_, err := w.lambda(rootOf(bastion)).GetFunctionUrlConfig(w.t.Context(), &lambda.GetFunctionUrlConfigInput{FunctionName: &vend})
	w.wants("vend's address", err, "ResourceNotFoundException")
	w.nobodyElseCalls(vend)
	if others := w.others(w.physical("SlackFunction")); len(others) != 2 ||
		!strings.Contains(fmt.Sprint(others), "apigateway.amazonaws.com") {
		w.t.Errorf("slack may be invoked by %v, want the API alone", others)
	}
	unsigned := fmt.Sprintf("%s/2015-03-31/functions/%s/invocations", *w.endpoint(), vend)
	if got := w.calls(http.MethodPost, unsigned, http.DefaultClient); got != http.StatusForbidden {
		w.t.Errorf("vend, called without a signature: answered %d, want 403", got)
	}
}

// nobodyElseCalls is that a function has no policy by which anybody beyond the
// account's own roles may invoke it. AWS has none then, the emulator one of no
// statements.
func (w *world) nobodyElseCalls(function string) {
	w.t.Helper()
	if others := w.others(function); len(others) > 0 {
		w.t.Errorf("others may invoke %s: %v", function, others)
	}
}

// others are the statements of a function's policy, those of its alias too.
func (w *world) others(function string) (all []any) {
	w.t.Helper()
	for _, qualifier := range []*string{nil, aws.String("live")} {
		all = append(all, w.othersOf(&lambda.GetPolicyInput{FunctionName: &function, Qualifier: qualifier})...)
	}
	return all
}

func (w *world) othersOf(in *lambda.GetPolicyInput) []any {
	w.t.Helper()
	out, err := w.lambda(rootOf(bastion)).GetPolicy(w.t.Context(), in)
	if code(err) == "ResourceNotFoundException" {
		return nil
	}
	w.must(err)
	var policy struct{ Statement []any }
	w.must(json.Unmarshal([]byte(text(out.Policy)), &policy))
	return policy.Statement
}

func (w *world) calls(method, address string, client *http.Client) int {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, address, strings.NewReader("a=b"))
	w.must(err)
	answer, err := client.Do(r)
	w.must(err)
	w.must(answer.Body.Close())
	return answer.StatusCode
}
