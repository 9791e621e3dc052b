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
	dynamodbtypes "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	ststypes "github.com/aws/aws-sdk-go-v2/service/sts/types"

	"github.com/aws-access/aws-access/pkg/config"
)

// instance is the environment of a process that runs a function.
type instance map[string]string

// instances returns the running instances of a function.
func (w *world) instances(function string) (found []instance) {
	w.t.Helper()
	name := w.physical(function)
	processes, err := filepath.Glob("/proc/[0-9]*/environ")
	w.must(err)
	for _, p := range processes {
		text, err := os.ReadFile(p)
		if err != nil {
			continue // a process of another user, or one that has ended
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

// credentials returns the credentials with which a function runs.
func (w *world) credentials(function string) keys {
	w.t.Helper()
	running := w.instances(function)
	if len(running) == 0 {
		w.t.Fatalf("%s is not running", function)
	}
	env := running[0]
	return keys{env["AWS_ACCESS_KEY_ID"], env["AWS_SECRET_ACCESS_KEY"], env["AWS_SESSION_TOKEN"]}
}

// functions are the logical ids of the functions.
var functions = func() (ids []string) {
	for _, f := range config.Functions {
		ids = append(ids, f.LogicalID)
	}
	return ids
}()

// permission is a call, and the functions that may make it.
type permission struct {
	what    string
	call    func(keys) error
	allowed string
}

// permissions makes calls with the credentials of each function.
func (w *world) permissions() {
	for _, p := range w.allPermissions() {
		for _, f := range functions {
			want := "denied"
			if strings.Contains(p.allowed, f) {
				want = "allowed"
			}
			if got, err := verdict(p.call(w.credentials(f))); got != want {
				w.t.Errorf("%s, %s: %s, want %s (%v)", f, p.what, got, want, err)
			}
		}
	}
}

func (w *world) allPermissions() []permission {
	w.t.Helper()
	readOnly := "arn:aws:iam::" + production + ":role/aws-access/ReadOnly"
	// These roles trust the whole bastion account, so that only the policies of the functions decide.
	lax := w.trustingRole(production, "/aws-access/", "Lax")
	otherPath := w.trustingRole(production, "/", "Elsewhere")
	revoker := "arn:aws:iam::" + production + ":role/aws-access-revoker/aws-access-revoker"
	otherRevoker := w.trustingRole(production, "/aws-access-revoker/", "Revoker")
	ownRevoker := w.trustingRole(bastion, "/aws-access-revoker/", "aws-access-revoker")
	inBastion := w.trustingRole(bastion, "/aws-access/", "Own")
	return []permission{
		{"assume a target role with all parameters", w.assume(readOnly, w.external), "VendFunction"},
		{"assume it with another external id", w.assume(readOnly, "some-other-external-id-of-32-chars"), ""},
		{"assume a role that trusts the whole account", w.assume(lax, w.external), "VendFunction"},
		{"assume a role on another path", w.assume(otherPath, w.external), ""},
		{"assume a role in the bastion account", w.assume(inBastion, w.external), ""},
		{"assume vend's role", w.assume(w.outputs["VendRoleArn"], w.external), ""},
		{"assume cut's role", w.assumeRevoker(w.outputs["CutRoleArn"], w.external), ""},
		{"assume the revoker", w.assumeRevoker(revoker, w.external), "CutFunction"},
		{"assume it with another external id", w.assumeRevoker(revoker, "some-other-external-id-of-32-chars"), ""},
		{"assume another role beside the revoker", w.assumeRevoker(otherRevoker, w.external), ""},
		{"assume a revoker in the bastion account", w.assumeRevoker(ownRevoker, w.external), ""},
		{"read the bot token", w.reads("/jit-access/slack/bot-token"),
			strings.NewReplacer("ApiFunction", "", "CutFunction", "").Replace(strings.Join(functions, " "))},
		{"read the signing secret", w.reads("/jit-access/slack/signing-secret"), "SlackFunction"},
		{"read the external id", w.reads("/jit-access/external-id"), "VendFunction CutFunction"},
		{"read the answer key", w.reads("/jit-access/answer-key"), "VendFunction"},
		{"read the address of the command line", w.reads("/jit-access/url"), "VendFunction"},
		{"read a device", w.readsDevice, "ApiFunction VendFunction"},
		{"write a device", w.writesDevice, "VendFunction"},
		{"invoke vend", w.invokes("VendFunction"), "SlackFunction ApiFunction"},
		{"invoke api", w.invokes("ApiFunction"), ""},
		{"invoke tick", w.invokes("TickFunction"), ""},
		{"invoke cut", w.invokes("CutFunction"), "TickFunction"},
		{"read the whole table", w.scans, ""},
	}
}

// verdict is allowed, denied by IAM, or neither for any other error.
func verdict(err error) (string, error) {
	switch c := code(err); {
	case c == "":
		return "allowed", err
	case strings.HasPrefix(c, "AccessDenied"):
		return "denied", err
	}
	return "neither", err
}

// trustingRole makes a role that trusts the whole bastion account. A role there may
// assume it if its own policies allow that.
func (w *world) trustingRole(account, path, name string) (arn string) {
	w.t.Helper()
	const trust = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
		"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"],
		"Principal":{"AWS":"arn:aws:iam::` + bastion + `:root"}}]}`
	out, err := w.iam(rootOf(account)).CreateRole(w.t.Context(), &iam.CreateRoleInput{
		RoleName: &name, Path: &path, AssumeRolePolicyDocument: aws.String(trust),
	})
	w.must(err)
	return *out.Role.Arn
}

func (w *world) assume(role, external string) func(keys) error {
	return func(k keys) error {
		_, err := w.sts(k).AssumeRole(w.t.Context(), &sts.AssumeRoleInput{
			RoleArn: &role, RoleSessionName: aws.String("aws-access-01PROBE"),
			ExternalId: &external, SourceIdentity: aws.String("probe@example.com"),
			Tags: []ststypes.Tag{{Key: aws.String("GrantId"), Value: aws.String("01PROBE")}},
		})
		return err
	}
}

// assumeRevoker assumes a role as cut does: without tags.
func (w *world) assumeRevoker(role, external string) func(keys) error {
	return func(k keys) error {
		_, err := w.sts(k).AssumeRole(w.t.Context(), &sts.AssumeRoleInput{
			RoleArn: &role, RoleSessionName: aws.String("aws-access-cut-probe"),
			ExternalId: &external, SourceIdentity: aws.String("aws-access-cut"),
		})
		return err
	}
}

func (w *world) reads(parameter string) func(keys) error {
	return func(k keys) error {
		_, err := w.ssm(k).GetParameter(w.t.Context(),
			&ssm.GetParameterInput{Name: &parameter, WithDecryption: aws.Bool(true)})
		return err
	}
}

// invokes uses a dry run, which checks the permission and runs nothing.
func (w *world) invokes(function string) func(keys) error {
	return func(k keys) error {
		_, err := w.lambda(k).Invoke(w.t.Context(), &lambda.InvokeInput{
			FunctionName: aws.String(w.physical(function)), InvocationType: types.InvocationTypeDryRun,
		})
		return err
	}
}

func (w *world) scans(k keys) error {
	_, err := w.dynamodb(k).Scan(w.t.Context(), &dynamodb.ScanInput{TableName: aws.String(w.outputs["Table"])})
	return err
}

func deviceKey() map[string]dynamodbtypes.AttributeValue {
	return map[string]dynamodbtypes.AttributeValue{
		"pk": &dynamodbtypes.AttributeValueMemberS{Value: "probe"},
		"sk": &dynamodbtypes.AttributeValueMemberS{Value: "probe"},
	}
}

func (w *world) readsDevice(k keys) error {
	_, err := w.dynamodb(k).GetItem(w.t.Context(),
		&dynamodb.GetItemInput{TableName: aws.String(w.outputs["DevicesTable"]), Key: deviceKey()})
	return err
}

func (w *world) writesDevice(k keys) error {
	_, err := w.dynamodb(k).PutItem(w.t.Context(),
		&dynamodb.PutItemInput{TableName: aws.String(w.outputs["DevicesTable"]), Item: deviceKey()})
	return err
}

// endpoints checks that exactly four paths are reachable from the internet.
func (w *world) endpoints() {
	for _, d := range []struct {
		method, path string
		want         int
	}{
		{http.MethodPost, "/slack/commands", http.StatusUnauthorized}, // the request is not signed
		{http.MethodPost, "/slack/interactions", http.StatusUnauthorized},
		{http.MethodPost, "/slack/options", http.StatusUnauthorized},
		{http.MethodGet, "/slack/commands", http.StatusMethodNotAllowed}, // except Slack's check of the certificate
		{http.MethodGet, "/slack/commands?ssl_check=1", http.StatusOK},
		{http.MethodGet, "/slack/commands/more?ssl_check=1", http.StatusNotFound},
		{http.MethodDelete, "/slack/commands", http.StatusNotFound},
		{http.MethodPost, "/slack", http.StatusNotFound},
		{http.MethodPost, "/slack/commands/more", http.StatusNotFound},
		{http.MethodPost, "/v1", http.StatusUnsupportedMediaType}, // no call
		{http.MethodGet, "/v1", http.StatusNotFound},
		{http.MethodPost, "/v1/more", http.StatusNotFound},
		{http.MethodPost, "/vend", http.StatusNotFound},
		{http.MethodPost, "/", http.StatusNotFound},
	} {
		if got := w.calls(d.method, w.address(d.path), w.public()); got != d.want {
			w.t.Errorf("%s %s: got %d, want %d", d.method, d.path, got, d.want)
		}
	}
	vend := w.physical("VendFunction")
	_, err := w.lambda(rootOf(bastion)).GetFunctionUrlConfig(w.t.Context(),
		&lambda.GetFunctionUrlConfigInput{FunctionName: &vend})
	w.wants("the URL of vend", err, "ResourceNotFoundException")
	w.checkNoResourcePolicy(vend)
	w.checkNoResourcePolicy(w.physical("CutFunction"))
	statements := w.resourcePolicy(w.physical("SlackFunction"))
	if len(statements) != 2 || !strings.Contains(fmt.Sprint(statements), "apigateway.amazonaws.com") {
		w.t.Errorf("the policy of slack is %v, want only the API", statements)
	}
	statements = w.resourcePolicy(w.physical("ApiFunction"))
	if len(statements) != 1 || !strings.Contains(fmt.Sprint(statements), "apigateway.amazonaws.com") {
		w.t.Errorf("the policy of api is %v, want only the API", statements)
	}
	unsigned := fmt.Sprintf("%s/2015-03-31/functions/%s/invocations", *w.endpoint(), vend)
	if got := w.calls(http.MethodPost, unsigned, http.DefaultClient); got != http.StatusForbidden {
		w.t.Errorf("an unsigned call of vend: got %d, want 403", got)
	}
}

// checkNoResourcePolicy checks that the resource policy of a function lets nobody invoke
// it. In AWS such a function has no policy; in the emulator it has one without
// statements.
func (w *world) checkNoResourcePolicy(function string) {
	w.t.Helper()
	if statements := w.resourcePolicy(function); len(statements) > 0 {
		w.t.Errorf("the policy of %s is %v, want none", function, statements)
	}
}

// resourcePolicy returns the statements of the policies of a function and its alias.
func (w *world) resourcePolicy(function string) (all []any) {
	w.t.Helper()
	for _, qualifier := range []*string{nil, aws.String("live")} {
		all = append(all, w.policyStatements(&lambda.GetPolicyInput{FunctionName: &function, Qualifier: qualifier})...)
	}
	return all
}

func (w *world) policyStatements(in *lambda.GetPolicyInput) []any {
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

// calls returns the status of an unsigned request.
func (w *world) calls(method, address string, client *http.Client) int {
	w.t.Helper()
	r, err := http.NewRequestWithContext(w.t.Context(), method, address, strings.NewReader("a=b"))
	w.must(err)
	answer, err := client.Do(r)
	w.must(err)
	w.must(answer.Body.Close())
	return answer.StatusCode
}
