//go:build deployed

package local

import (
	"path/filepath"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/lambda"
	"github.com/aws/aws-sdk-go-v2/service/lambda/types"
)

// Parameters of the stack.
const (
	team      = "T0SANDBOX" // the team of slackfake
	operators = "operators@example.com"
)

// deploy runs `sam deploy` as docs/deploy.md describes it, with the example's settings
// and the parameters of this test.
func (w *world) deploy(built string) {
	w.t.Helper()
	w.deployWith(built, w.parameters())
}

// parameters returns the parameters of the first deploy.
func (w *world) parameters() string {
	w.t.Helper()
	return "SlackTeamId=" + team + " OperatorsEmail=" + operators + " Architecture=" + architecture(w.t)
}

// deployWith deploys with some parameters. The others keep their values.
func (w *world) deployWith(built, parameters string) {
	w.t.Helper()
	output := w.sam("deploy", "--template-file", filepath.Join(built, "template.yaml"),
		"--no-confirm-changeset", "--no-progressbar", "--parameter-overrides", parameters)
	s := w.currentStack()
	if s == nil || !strings.HasSuffix(string(s.StackStatus), "_COMPLETE") ||
		strings.Contains(string(s.StackStatus), "ROLLBACK") {
		w.t.Fatalf("the stack is %+v\n%s", s, output)
	}
	w.outputs = make(map[string]string)
	for _, o := range s.Outputs {
		w.outputs[*o.OutputKey] = *o.OutputValue
	}
}

// sam runs the SAM CLI as root of the bastion account and returns its output.
func (w *world) sam(args ...string) string {
	w.t.Helper()
	example, err := filepath.Abs("../../samconfig.example.toml")
	w.must(err)
	env := w.settings.environment("SAM_CLI_TELEMETRY=0", "SAM_CLI_CHECK_LATEST_VERSION=0",
		"AWS_ENDPOINT_URL="+*w.endpoint(), "AWS_ACCESS_KEY_ID="+bastion, "AWS_SECRET_ACCESS_KEY=test")
	args = append(args, "--config-file", example)
	output, err := run(w.t.Context(), env, w.settings.scratch, w.settings.sam, args...)
	w.must(err)
	return output
}

// invoke runs a function of the stack, which must succeed, and returns its answer.
func (w *world) invoke(by keys, function, event string) []byte {
	w.t.Helper()
	out, err := w.lambda(by).Invoke(w.t.Context(), &lambda.InvokeInput{
		FunctionName: aws.String(w.physical(function)), Payload: []byte(event),
		InvocationType: types.InvocationTypeRequestResponse,
	})
	w.must(err)
	if out.FunctionError != nil {
		w.t.Fatalf("%s: %s %s", function, *out.FunctionError, out.Payload)
	}
	return out.Payload
}
