//go:build deployed

package local

import "testing"

// Somebody deploys the product, people use it, a changed version is deployed
// while requests are open, and it is taken away. Each step stands on those
// before it.
func TestTheProduct(t *testing.T) {
	w := newWorld(t)
	w.step("sam deploy", func(w *world) { w.deploy(w.settings.first) })
	w.step("three secrets", (*world).putSecrets)
	w.step("target roles in two member accounts", func(w *world) {
		w.member(production)
		w.member(development)
	})
	w.step("the first minute reads who is who", (*world).tick)
	w.step("Slack's own question is answered", func(w *world) { w.digest() })
	w.step("asked by the form, approved, used, given back", (*world).story)
	w.step("nobody approves their own", (*world).ownRequest)
	w.step("what the policy does not have", (*world).notInThePolicy)
	w.step("what Slack did not sign", (*world).forgeries)
	w.step("one public door, and vend has none", (*world).doors)
	w.step("each function has its own rights and no more", (*world).rights)
	w.step("the doctor sees what is right and what is not", (*world).doctor)
	w.step("an update while requests are open", (*world).update)
	w.step("frozen, nobody gets anything", (*world).freeze)
	w.step("the minute comes by itself", (*world).minute)
	w.step("no secret is in a log", (*world).logs)
	w.step("sam delete keeps the table and the logs", (*world).remove)
}

// Accounts of policy.yaml.
const (
	production  = "111111111111" // payments-prod
	development = "222222222222" // payments-dev
)
