//go:build deployed

package local

import "testing"

// Somebody has an older version deployed, and upgrades it while requests are open.
// People use it, a changed version is deployed, it is taken away, and made again. Each step stands on those
// before it.
func TestTheProduct(t *testing.T) {
	w := newWorld(t)
	w.step("sam deploy, as before the stack had a key", func(w *world) { w.deploy(w.settings.before) })
	w.step("three secrets, under SSM's own key", (*world).putSecrets)
	w.step("target roles in two member accounts", func(w *world) {
		w.member(production)
		w.member(development)
	})
	w.step("the first minute reads who is who", (*world).tick)
	w.step("an upgrade while requests are open", (*world).upgrade)
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
	w.step("sam delete keeps the table, the logs and the key", (*world).remove)
	w.step("the same stack is made again", (*world).again)
}

// Accounts of policy.yaml.
const (
	production  = "111111111111" // payments-prod
	development = "222222222222" // payments-dev
)
