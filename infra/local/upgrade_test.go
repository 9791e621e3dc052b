//go:build deployed

package local

import (
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ssm"

	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// secretNames are the parameters with the secrets, as the template names them.
var secretNames = []string{
	"/jit-access/slack/bot-token", "/jit-access/slack/signing-secret", "/jit-access/external-id",
}

// answerKey is the parameter that an upgrade adds for the command line.
const answerKey = "/jit-access/answer-key"

// upgrade upgrades a stack whose secrets are encrypted with SSM's key, as docs/deploy.md
// describes it, while one request is pending and one is active.
func (w *world) upgrade() {
	w.operators = w.operator()
	w.command("U0DEV2", `/aws-access payments-dev ReadOnly 2h "in use before the upgrade"`)
	before := w.takeKeys("U0DEV2")
	w.command("U0DEV2", `/aws-access payments-prod ReadOnly 2h "waits for the upgrade"`)
	w.told("C0APPROVALS", "waits for the upgrade")
	items := w.items()

	w.whileUsed(func() { w.deployWith(w.settings.first, w.withAddress()) })
	if now := w.items(); now < items { // new messages can add items
		w.t.Errorf("%d items are in the table, %d before the upgrade", now, items)
	}
	w.checkSecrets("problem", "shared_key", "alias/aws/ssm")
	after := w.takeKeys("U0DEV2")
	if was, is := w.whoIs(before), w.whoIs(after); was != is || before == after {
		w.t.Errorf("the active request gave keys of %s, before %s; want new keys of the same session", is, was)
	}
	w.click("U0LEAD1", "Approve", "C0APPROVALS")
	want := "arn:aws:sts::" + production + ":assumed-role/ReadOnly/"
	w.eventually("U0DEV2 gets a message about production", func() bool {
		return slices.ContainsFunc(w.slack.Messages(), func(m slackfake.Message) bool {
			return m.To == "" && m.DMWith == "U0DEV2" && strings.Contains(m.Text+string(m.Blocks), "payments-prod")
		})
	})
	pending := w.takeKeys("U0DEV2")
	if got := w.whoIs(pending); !strings.HasPrefix(got, want) {
		w.t.Errorf("the pending request gave keys of %s, want %s…", got, want)
	}

	w.whileUsed(w.moveSecrets)
	w.checkSecrets("ok", "ok", w.outputs["SecretsKey"])
	w.tick()
	for _, f := range functions {
		if f != "ApiFunction" && f != "CutFunction" { // which may not read the bot token, and are not called yet
			w.must(w.reads(secretNames[0])(w.credentials(f)))
		}
	}
	if was, is := w.whoIs(pending), w.whoIs(w.takeKeys("U0DEV2")); was != is {
		w.t.Errorf("after the secrets were moved the keys are of %s, before of %s", is, was)
	}
	w.click("U0DEV2", "I'm done", "@U0DEV2")
	w.told("@U0DEV2", "You gave back")
}

// moveSecrets encrypts each secret with the stack's key, without changing it, and adds the
// answer key.
func (w *world) moveSecrets() {
	client, key := w.ssm(rootOf(bastion)), w.outputs["SecretsKey"]
	for _, name := range secretNames {
		stored, err := client.GetParameter(w.t.Context(),
			&ssm.GetParameterInput{Name: &name, WithDecryption: aws.Bool(true)})
		w.must(err)
		w.putSecret(name, *stored.Parameter.Value, &key)
	}
	w.putSecret(answerKey, w.answers, &key)
}

// checkSecrets checks doctor's verdict on the secrets, and the key that encrypts them.
func (w *world) checkSecrets(verdict, code, key string) {
	w.t.Helper()
	report := w.runDoctor(w.operators)
	if !slices.ContainsFunc(report.Checks, func(c check) bool {
		return c.Check == "secrets" && c.Verdict == verdict && c.Code == code
	}) {
		w.t.Errorf("doctor reports %+v, want secrets with verdict %s and code %s", report.Checks, verdict, code)
	}
	out, err := w.ssm(rootOf(bastion)).DescribeParameters(w.t.Context(), &ssm.DescribeParametersInput{})
	w.must(err)
	found := 0
	for _, p := range out.Parameters {
		if !slices.Contains(secretNames, text(p.Name)) {
			continue
		}
		if found++; text(p.KeyId) != key {
			w.t.Errorf("%s is encrypted with %q, want %s", text(p.Name), text(p.KeyId), key)
		}
	}
	if found != len(secretNames) {
		w.t.Errorf("SSM has %d secrets, want %d", found, len(secretNames))
	}
}
