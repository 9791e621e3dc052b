//go:build deployed

package scenarios

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/cmd/sandbox/world"
)

// place is the product between Slack and an emulator of AWS with many accounts. The functions are those
// of the sandbox; only the STS that vend calls is another one.
type place struct {
	*sandboxtest.Sandbox
	engine engine
	sts    *shortSTS
}

// mayAssume is what vend's role may do, as in template.yaml.
const mayAssume = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` +
	`"Action":["sts:AssumeRole","sts:TagSession","sts:SetSourceIdentity"],` +
	`"Resource":"arn:aws:iam::*:role/aws-access/*"}]}`

// startPlace starts everything, and deploys the target roles to the accounts. Sessions last life; zero
// leaves them as long as vend asks for.
func startPlace(t *testing.T, life time.Duration) place {
	t.Helper()
	e := startEngine(t)
	vend := e.role(bastion, "aws-access-vend", "aws-access-vend", mayAssume)
	sts, url := startSTS(t, e, vend, life)
	b := startSandbox(t, func(s *world.Settings) { s.STS = world.Emulator{URL: url, Vend: vend} })
	p := place{Sandbox: b, engine: e, sts: sts}
	for _, account := range []string{production, development} {
		p.deployRoles(account, "roles.yaml", map[string]string{
			// These are the defaults. The emulator reads an empty list as a list of one.
			"ReadOnlyPolicies": "arn:aws:iam::aws:policy/ReadOnlyAccess",
			"OperatorPolicies": "arn:aws:iam::aws:policy/ReadOnlyAccess",
			"AdminPolicies":    "arn:aws:iam::aws:policy/AdministratorAccess",
		})
		p.deployRoles(account, "deploy.yaml", map[string]string{
			"ServicePolicies": "arn:aws:iam::aws:policy/PowerUserAccess",
		})
	}
	return p
}

// deployRoles deploys a template of infra/member to an account, with a trust that the emulator can
// evaluate.
func (p place) deployRoles(account, file string, parameters map[string]string) {
	p.T.Helper()
	parameters["BastionAccountId"] = bastion
	parameters["ExternalId"] = p.World().Secrets.ExternalID.Reveal()
	var list []types.Parameter
	for name, value := range parameters {
		list = append(list, types.Parameter{ParameterKey: &name, ParameterValue: &value})
	}
	client := cloudformation.NewFromConfig(p.engine.config(rootOf(account)))
	name := aws.String("aws-access-" + strings.TrimSuffix(file, ".yaml"))
	_, err := client.CreateStack(p.T.Context(), &cloudformation.CreateStackInput{
		StackName: name, TemplateBody: aws.String(emulatorTemplate(p.T, file)), Parameters: list,
		Capabilities: []types.Capability{types.CapabilityCapabilityNamedIam},
	})
	if err != nil {
		p.T.Fatal(err)
	}
	made := cloudformation.NewStackCreateCompleteWaiter(client, func(o *cloudformation.StackCreateCompleteWaiterOptions) {
		o.MinDelay, o.MaxDelay = 100*time.Millisecond, time.Second
	})
	if err := made.Wait(p.T.Context(), &cloudformation.DescribeStacksInput{StackName: name}, time.Minute); err != nil {
		p.T.Fatalf("deploy %s to %s: %v", file, account, err)
	}
}

// emulatorTemplate returns a template of infra/member with the trust changed as infra/local changes it:
// for the emulator, aws:PrincipalArn is the ARN of the session and not of the role, and
// sts:SourceIdentity is unknown. It does not know cloudformation:RoleArn either. The tests of infra/member
// judge the original.
func emulatorTemplate(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "member", file))
	if err != nil {
		t.Fatal(err)
	}
	changed := string(text)
	for _, c := range [][2]string{
		{
			`ArnEquals: {aws:PrincipalArn: !Sub "arn:${AWS::Partition}:iam::${BastionAccountId}:role/aws-access-vend"}`,
			`ArnLike: {aws:PrincipalArn: !Sub ` +
				`"arn:${AWS::Partition}:sts::${BastionAccountId}:assumed-role/aws-access-vend/*"}`,
		},
		{`sts:SourceIdentity: "?*", `, ``},
	} {
		if !strings.Contains(changed, c[0]) {
			t.Fatalf("infra/member/%s does not have %q: its trust has changed", file, c[0])
		}
		changed = strings.ReplaceAll(changed, c[0], c[1])
	}
	return roleArn.ReplaceAllString(changed, "")
}

// roleArn is the condition of deploy.yaml on the service role that a call names.
var roleArn = regexp.MustCompile(`\n +Condition:\n +ArnEquals: \{cloudformation:RoleArn: [^\n]*`)
