//go:build deployed

package local

import (
	"os"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation"
	"github.com/aws/aws-sdk-go-v2/service/cloudformation/types"
)

// member deploys the target roles to an account: infra/member/roles.yaml, with a trust
// that the emulator can evaluate.
func (w *world) member(account string) {
	w.t.Helper()
	template := w.emulatorTemplate()
	client := w.cloudformation(rootOf(account))
	var parameters []types.Parameter
	for name, value := range map[string]string{
		"BastionAccountId": w.outputs["BastionAccountId"], "ExternalId": w.external,
		// These are the defaults. The emulator reads an empty list as a list of one.
		"ReadOnlyPolicies": "arn:aws:iam::aws:policy/ReadOnlyAccess",
		"OperatorPolicies": "arn:aws:iam::aws:policy/ReadOnlyAccess",
		"AdminPolicies":    "arn:aws:iam::aws:policy/AdministratorAccess",
	} {
		parameters = append(parameters, types.Parameter{ParameterKey: &name, ParameterValue: &value})
	}
	name := aws.String("aws-access-roles")
	_, err := client.CreateStack(w.t.Context(), &cloudformation.CreateStackInput{
		StackName: name, TemplateBody: &template, Parameters: parameters,
		Capabilities: []types.Capability{types.CapabilityCapabilityNamedIam},
	})
	w.must(err)
	made := cloudformation.NewStackCreateCompleteWaiter(client, func(o *cloudformation.StackCreateCompleteWaiterOptions) {
		o.MinDelay, o.MaxDelay = 100*time.Millisecond, time.Second
	})
	w.must(made.Wait(w.t.Context(), &cloudformation.DescribeStacksInput{StackName: name}, time.Minute))
}

// emulatorTemplate returns the template of the target roles and the revoker with conditions
// changed that the emulator cannot evaluate. For it, aws:PrincipalArn is the ARN of the session
// and not of the role, sts:SourceIdentity is unknown, and so is the boundary of the role that the
// revoker writes to. infra/proof checks the original.
func (w *world) emulatorTemplate() string {
	w.t.Helper()
	template, err := os.ReadFile("../member/roles.yaml")
	w.must(err)
	changed := string(template)
	for _, c := range []struct {
		from, to string
		times    int
	}{
		{
			`ArnEquals: {aws:PrincipalArn: !Sub "arn:${AWS::Partition}:iam::${BastionAccountId}:role/aws-access-vend"}`,
			`ArnLike: {aws:PrincipalArn: !Sub ` +
				`"arn:${AWS::Partition}:sts::${BastionAccountId}:assumed-role/aws-access-vend/*"}`,
			9,
		},
		{
			`ArnEquals: {aws:PrincipalArn: !Sub "arn:${AWS::Partition}:iam::${BastionAccountId}:role/aws-access-cut"}`,
			`ArnLike: {aws:PrincipalArn: !Sub ` +
				`"arn:${AWS::Partition}:sts::${BastionAccountId}:assumed-role/aws-access-cut/*"}`,
			2,
		},
		{`sts:SourceIdentity: "?*", `, ``, 3},
		{"                sts:SourceIdentity: aws-access-cut\n", ``, 1},
		{`              ArnLike:
                iam:PermissionsBoundary:
`, `              ArnLike:
                aws:PrincipalArn:
                  - "arn:aws:sts::*:assumed-role/aws-access-revoker/*"
`, 1},
	} {
		if n := strings.Count(changed, c.from); n != c.times {
			w.t.Fatalf("infra/member/roles.yaml has %q %d times, want %d: its trust has changed", c.from, n, c.times)
		}
		changed = strings.ReplaceAll(changed, c.from, c.to)
	}
	return changed
}
