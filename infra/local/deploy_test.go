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
	team      = "T0SANDBOX" // the one that slackfake plays
	operators = "operators@example.com"
)

// deploy is `sam deploy` as docs/deploy.md has it: by the settings of the
// example, with the parameters of this place.
func (w *world) deploy(built string) {
	w.t.Helper()
	w.deployWith(built, w.parameters())
}

// parameters are those of the first deploy.
func (w *world) parameters() string {
	w.t.Helper()
	return "SlackTeamId=" + team + " OperatorsEmail=" + operators + " Architecture=" + architecture(w.t)
}

// deployWith leaves the parameters that it does not name as they are.
func (w *world) deployWith(built, parameters string) {
	w.t.Helper()
	said := w.sam("deploy", "--template-file", filepath.Join(built, "template.yaml"), "--no-confirm-changeset", "--no-progressbar",
		"--parameter-overrides", parameters)
	s := w.stackNow()
	if s == nil || !strings.HasSuffix(string(s.StackStatus), "_COMPLETE") || strings.Contains(string(s.StackStatus), "ROLLBACK") {
		w.t.Fatalf("the stack is %+v\n%s", s, said)
	}
	w.outputs = make(map[string]string)
	for _, o := range s.Outputs {
		w.outputs[*o.OutputKey] = *o.OutputValue
	}
}

// sam runs the SAM CLI as root of the bastion account.
func (w *world) sam(args ...string) string {
	w.t.Helper()
	example, err := filepath.Abs("../../samconfig.example.toml")
	w.must(err)
	env := w.settings.environment("SAM_CLI_TELEMETRY=0", "SAM_CLI_CHECK_LATEST_VERSION=0",
		"AWS_ENDPOINT_URL="+*w.endpoint(), "AWS_ACCESS_KEY_ID="+bastion, "AWS_SECRET_ACCESS_KEY=test")
	said, err := run(w.t.Context(), env, w.settings.scratch, w.settings.sam, append(args, "--config-file", example)...)
	w.must(err)
	return said
}

// invoke runs a function of the stack to its end, which has to be a good one.
func (w *world) invoke(by keys, function, event string) []byte {
	w.t.Helper()
	out, err := w.lambda(by).Invoke(w.t.Context(), &lambda.InvokeInput{
		FunctionName: aws.String(w.physical(function)), Payload: []byte(event), InvocationType: types.InvocationTypeRequestResponse,
	})
	w.must(err)
	if out.FunctionError != nil {
		w.t.Fatalf("%s: %s %s", function, *out.FunctionError, out.Payload)
	}
	return out.Payload
}
