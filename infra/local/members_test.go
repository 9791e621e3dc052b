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

// member puts the target roles into an account: infra/member/roles.yaml, with a
// trust that the emulator can judge.
func (w *world) member(account string) {
	w.t.Helper()
	template := w.playable()
	client := w.cloudformation(rootOf(account))
	var parameters []types.Parameter
	for name, value := range map[string]string{
		"BastionAccountId": w.outputs["BastionAccountId"], "ExternalId": w.external,
		// What they default to: the emulator takes an empty list for one of one.
		"ReadOnlyPolicies": "arn:aws:iam::aws:policy/ReadOnlyAccess", "OperatorPolicies": "arn:aws:iam::aws:policy/ReadOnlyAccess",
		"AdminPolicies": "arn:aws:iam::aws:policy/AdministratorAccess",
	} {
		parameters = append(parameters, types.Parameter{ParameterKey: &name, ParameterValue: &value})
	}
	_, err := client.CreateStack(w.t.Context(), &cloudformation.CreateStackInput{
		StackName: aws.String("aws-access-roles"), TemplateBody: &template, Parameters: parameters,
		Capabilities: []types.Capability{types.CapabilityCapabilityNamedIam},
	})
	w.must(err)
	made := cloudformation.NewStackCreateCompleteWaiter(client, func(o *cloudformation.StackCreateCompleteWaiterOptions) {
		o.MinDelay, o.MaxDelay = 100*time.Millisecond, time.Second
	})
	w.must(made.Wait(w.t.Context(), &cloudformation.DescribeStacksInput{StackName: aws.String("aws-access-roles")}, time.Minute))
}

// playable is the template of the target roles with two things changed in the
// trust, each in every statement where it stands. To the emulator,
// aws:PrincipalArn is the session of a role and not the role, and it knows no
// sts:SourceIdentity. infra/proof judges the trust as it is.
func (w *world) playable() string {
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
			`ArnLike: {aws:PrincipalArn: !Sub "arn:${AWS::Partition}:sts::${BastionAccountId}:assumed-role/aws-access-vend/*"}`, 9,
		},
		{`sts:SourceIdentity: "?*", `, ``, 3},
	} {
		if n := strings.Count(changed, c.from); n != c.times {
			w.t.Fatalf("infra/member/roles.yaml has %q %d times, want %d: see what became of its trust", c.from, n, c.times)
		}
		changed = strings.ReplaceAll(changed, c.from, c.to)
	}
	return changed
}
