//go:build deployed

package local

import "testing"

// TestLifeOfADeployedStack begins with the template of an older version and upgrades it
// while requests are pending and active. Then people use the product, a changed version
// is deployed, and the stack is deleted and made again. Each step needs the steps before
// it.
func TestLifeOfADeployedStack(t *testing.T) {
	w := newWorld(t)
	w.step("sam deploy of the older version, without a key", func(w *world) { w.deploy(w.settings.before) })
	w.step("the secrets, encrypted with SSM's key", (*world).putSecrets)
	w.step("target roles in two member accounts", func(w *world) {
		w.member(production)
		w.member(development)
	})
	w.step("the first tick reads people and groups", (*world).tick)
	w.step("an upgrade while requests are pending and active", (*world).upgrade)
	w.step("the signed ssl_check of Slack is answered", func(w *world) { w.digest() })
	w.step("a request by the form, approved, used, given back", (*world).story)
	w.step("a command line is paired, asks, and gets keys", (*world).programs)
	w.step("nobody can approve their own request", (*world).ownRequest)
	w.step("requests outside the policy are refused", (*world).notInThePolicy)
	w.step("requests that Slack did not sign are refused", (*world).forgeries)
	w.step("only slack and api have a public endpoint", (*world).endpoints)
	w.step("each function has only its own permissions", (*world).permissions)
	w.step("doctor finds exactly the problems", (*world).doctor)
	w.step("an update while requests are pending and active", (*world).update)
	w.step("a frozen stack gives no access", (*world).freeze)
	w.step("the schedule calls tick", (*world).minute)
	w.step("no log and no table contains a secret", (*world).noSecrets)
	w.step("sam delete keeps table, logs and key", (*world).remove)
	w.step("the same stack can be made again", (*world).again)
}

// Accounts of policy.yaml.
const (
	production  = "111111111111" // payments-prod
	development = "222222222222" // payments-dev
)
