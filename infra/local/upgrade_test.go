//go:build deployed

package local

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"
	"github.com/aws/aws-sdk-go-v2/service/ssm/types"

	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// The secrets, by the names that the template has for them.
var secretNames = []string{"/jit-access/slack/bot-token", "/jit-access/slack/signing-secret", "/jit-access/external-id"}

// upgrade does what docs/deploy.md says of a stack whose secrets lie under the key
// of SSM, while one request waits and one is in use.
func (w *world) upgrade() {
	w.operators = w.operator()
	w.command("U0DEV2", `/aws-access payments-dev ReadOnly 2h "in use before the upgrade"`)
	before := w.takeKeys("U0DEV2")
	w.command("U0DEV2", `/aws-access payments-prod ReadOnly 2h "waits for the upgrade"`)
	w.told("C0APPROVALS", "waits for the upgrade")
	items := w.items()

	w.whileAsking(func() { w.deploy(w.settings.first) })
	if now := w.items(); now < items { // what was posted may be noted meanwhile
		w.t.Errorf("%d items are in the table, %d before the upgrade", now, items)
	}
	w.secretsAre("problem", "shared_key", "alias/aws/ssm")
	after := w.takeKeys("U0DEV2")
	if was, is := w.whoIs(before), w.whoIs(after); was != is || before == after {
		w.t.Errorf("the keys of the one in use are %s, were %s; want the same name, and others", is, was)
	}
	w.click("U0LEAD1", "Approve", "C0APPROVALS")
	want := "arn:aws:sts::" + production + ":assumed-role/ReadOnly/"
	w.eventually("U0DEV2 reads of the access in production", func() bool {
		return slices.ContainsFunc(w.slack.Messages(), func(m slackfake.Message) bool {
			return m.To == "" && m.DMWith == "U0DEV2" && strings.Contains(m.Text+string(m.Blocks), "payments-prod")
		})
	})
	waited := w.takeKeys("U0DEV2")
	if got := w.whoIs(waited); !strings.HasPrefix(got, want) {
		w.t.Errorf("the keys of the one that waited are %s, want %s…", got, want)
	}

	w.whileAsking(w.moveSecrets)
	w.secretsAre("ok", "ok", w.outputs["SecretsKey"])
	w.tick()
	for _, f := range []string{"SlackFunction", "VendFunction", "NotifyFunction", "TickFunction"} {
		w.must(w.reads(secretNames[0])(w.credentials(f)))
	}
	if was, is := w.whoIs(waited), w.whoIs(w.takeKeys("U0DEV2")); was != is {
		w.t.Errorf("after the secrets were moved the keys are %s, were %s", is, was)
	}
	w.click("U0DEV2", "I'm done", "@U0DEV2")
	w.told("@U0DEV2", "You gave back")
}

// moveSecrets puts each secret, as it is, under the stack's key.
func (w *world) moveSecrets() {
	client := w.ssm(rootOf(bastion))
	for _, name := range secretNames {
		held, err := client.GetParameter(w.t.Context(), &ssm.GetParameterInput{Name: &name, WithDecryption: aws.Bool(true)})
		w.must(err)
		_, err = client.PutParameter(w.t.Context(), &ssm.PutParameterInput{
			Name: &name, Value: held.Parameter.Value, KeyId: aws.String(w.outputs["SecretsKey"]),
			Type: types.ParameterTypeSecureString, Overwrite: aws.Bool(true),
		})
		w.must(err)
	}
}

// secretsAre is what doctor says of the secrets, and the key that each lies under.
func (w *world) secretsAre(verdict, code, key string) {
	w.t.Helper()
	said := w.examined(w.operators)
	if !slices.ContainsFunc(said.Checks, func(c check) bool {
		return c.Check == "secrets" && c.Verdict == verdict && c.Code == code
	}) {
		w.t.Errorf("doctor says %+v, want that the secrets are %s: %s", said.Checks, verdict, code)
	}
	out, err := w.ssm(rootOf(bastion)).DescribeParameters(w.t.Context(), &ssm.DescribeParametersInput{})
	w.must(err)
	found := 0
	for _, p := range out.Parameters {
		if !slices.Contains(secretNames, text(p.Name)) {
			continue
		}
		if found++; text(p.KeyId) != key {
			w.t.Errorf("%s is under %q, want %s", text(p.Name), text(p.KeyId), key)
		}
	}
	if found != len(secretNames) {
		w.t.Errorf("%d secrets are in SSM, want %d", found, len(secretNames))
	}
}
