package operators

import (
	"context"
	"fmt"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"
)

// sharedKey is the account's default key for SSM. It decrypts for every role of the
// account that may read a parameter.
const sharedKey = "alias/aws/ssm"

// checkSecrets checks with which key each secret is encrypted. It reads no value.
func (d *doctor) checkSecrets(ctx context.Context) {
	const check = "secrets"
	secrets := d.secretNames()
	if len(secrets) == 0 {
		return // the functions' settings could not be read, which is reported elsewhere
	}
	out, err := d.ssm.DescribeParameters(ctx, &ssm.DescribeParametersInput{ParameterFilters: []types.ParameterStringFilter{
		{Key: aws.String("Name"), Option: aws.String("Equals"), Values: secrets},
	}})
	if err != nil {
		d.reportUnreadable(inStack, check, err)
		return
	}
	var open, shared []string
	for _, p := range out.Parameters {
		switch {
		case p.Type != types.ParameterTypeSecureString:
			open = append(open, str(p.Name))
		case str(p.KeyId) == "" || str(p.KeyId) == sharedKey:
			shared = append(shared, str(p.Name))
		}
	}
	d.judgeSecrets(secrets, len(out.Parameters), open, shared)
}

// judgeSecrets adds the finding about the keys: how many parameters were found,
// which are not encrypted, and which are encrypted with sharedKey.
func (d *doctor) judgeSecrets(all []string, found int, open, shared []string) {
	const check = "secrets"
	key := d.found.outputs["SecretsKey"]
	again := "Put it into SSM again with --key-id " + key +
		", and make a new one where it came from: docs/deploy.md, \"Move the secrets under the stack's key\"."
	switch {
	case len(open) > 0:
		d.report.add(finding{inStack, check, problem, "not_encrypted",
			"SECURITY: " + names(open) + " is not a SecureString, so everybody who may read parameters in this account " +
				"can read it.", again})
	case len(shared) > 0:
		d.report.add(finding{inStack, check, problem, "shared_key",
			"SECURITY: the key of " + names(shared) + " is " + sharedKey +
				". Every role in this account that may read parameters, for example by AWS's ReadOnlyAccess policy, " +
				"can read it and approve anything.", again})
	case found < len(all):
		d.report.add(finding{inStack, check, problem, "missing", "Not all of " + names(all) + " are in SSM.",
			"Put the missing ones into SSM (docs/deploy.md, step 4)."})
	default:
		d.report.ok(inStack, check, fmt.Sprintf("none of the %d is encrypted with the account's default key",
			len(all)))
	}
}

// secretNames are the parameters that the functions read.
func (d *doctor) secretNames() []string {
	var out []string
	for _, of := range [...]struct{ function, variable string }{
		{"slack", "SLACK_SIGNING_SECRET_PARAMETER"}, {"vend", "SLACK_BOT_TOKEN_PARAMETER"}, {"vend", "EXTERNAL_ID_PARAMETER"},
		{"vend", "ANSWER_KEY_PARAMETER"},
	} {
		if name := d.found.env(of.function)[of.variable]; name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}
