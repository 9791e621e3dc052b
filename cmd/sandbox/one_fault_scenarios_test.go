package main

import (
	"time"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/pkg/access"
)

// scenario is one request from its beginning to its end.
type scenario struct {
	name                     string
	steps                    []step
	ends                     access.State
	requester, account, role string
	notice                   string // part of what the requester reads at the end, "" for nothing
	sessions                 int    // how often something is vended
}

// step is what one person does, or what time does. No step waits by the clock
// unless it says so or something failed.
type step struct {
	name string
	do   func(*scenarioRun)
}

// Buttons and answers that several scenarios use.
const (
	keysButton    = "Get temporary keys"
	keysText      = "export AWS_ACCESS_KEY_ID="
	consoleButton = "Open AWS console"
	consoleText   = "/federation?"
	doneButton    = "I'm done"
)

var askInOneLine = step{"ask in one line", func(r *scenarioRun) { r.asks("U0DEV1", sandboxtest.AskCommand) }}

var faultScenarios = []scenario{
	{
		name: "given back", ends: access.Ended, requester: "U0DEV1", account: "payments-prod", role: "ReadOnly",
		notice: "You gave back", sessions: 2,
		steps: []step{
			{"ask by the form", (*scenarioRun).asksByForm},
			{"list", func(r *scenarioRun) { r.reads("U0DEV1", "/aws-access list", "Your requests") }},
			{"approve", func(r *scenarioRun) { r.approves("U0LEAD1") }},
			{"keys", func(r *scenarioRun) { r.vends("U0DEV1", keysButton, keysText) }},
			{"console", func(r *scenarioRun) { r.vends("U0DEV1", consoleButton, consoleText) }},
			{"done", func(r *scenarioRun) { r.givesBack("U0DEV1") }},
		},
	},
	{
		name: "revoked", ends: access.Revoked, requester: "U0DEV2", account: "payments-prod", role: "Operator",
		notice: "was revoked by", sessions: 1,
		steps: []step{
			{"ask, with cards in two channels", func(r *scenarioRun) {
				r.asks("U0DEV2", `/aws-access payments-prod Operator 1h "stuck payouts"`)
			}},
			{"approve, with cards in two channels", func(r *scenarioRun) { r.approves("U0LEAD1") }},
			{"keys of another role", func(r *scenarioRun) { r.vends("U0DEV2", keysButton, keysText) }},
			{"revoke", func(r *scenarioRun) {
				r.clicks("U0LEAD1", "Revoke", sandboxtest.IsCard("C0PAYMENTS"), r.is(access.Revoked))
			}},
		},
	},
	{
		name: "timed out", ends: access.TimedOut, requester: "U0DEV1", account: "payments-prod", role: "ReadOnly",
		steps: []step{
			askInOneLine,
			{"remind", func(r *scenarioRun) {
				r.waitsUntil(2*time.Minute, r.threadSays("C0APPROVALS", "Still waiting for"))
			}},
			{"time out", func(r *scenarioRun) { r.waitsUntil(5*time.Minute, r.is(access.TimedOut)) }},
		},
	},
	{
		name: "denied", ends: access.Denied, requester: "U0DEV1", account: "payments-prod", role: "ReadOnly",
		steps: []step{
			askInOneLine,
			{"refuse somebody who may not approve", func(r *scenarioRun) { r.isRefused("U0DEV2", "Approve") }},
			{"deny", (*scenarioRun).denies},
		},
	},
	{
		name: "expired", ends: access.Expired, requester: "U0DEV1", account: "payments-dev", role: "ReadOnly",
		notice: "has ended.", sessions: 1,
		steps: []step{
			{"ask for a role that needs no approval", func(r *scenarioRun) {
				r.asks("U0DEV1", `/aws-access payments-dev ReadOnly 5m "looking"`)
			}},
			{"console", func(r *scenarioRun) { r.vends("U0DEV1", consoleButton, consoleText) }},
			{"expire", func(r *scenarioRun) { r.waitsUntil(5*time.Minute, r.is(access.Expired)) }},
		},
	},
	{
		name: "cancelled", ends: access.Cancelled, requester: "U0DEV1", account: "payments-prod", role: "ReadOnly",
		steps: []step{
			askInOneLine,
			{"cancel", func(r *scenarioRun) {
				r.clicks("U0DEV1", "Cancel", sandboxtest.IsCard("C0APPROVALS"), r.is(access.Cancelled))
			}},
		},
	},
	{
		name: "two approvals", ends: access.Ended, requester: "U0DEV1", account: "payments-prod", role: "Admin",
		notice: "You gave back", sessions: 1,
		steps: []step{
			{"ask in one line", func(r *scenarioRun) {
				r.asks("U0DEV1", `/aws-access payments-prod Admin 1h "stuck payouts" ticket=PAY-1`)
			}},
			{"first approval", func(r *scenarioRun) { r.approves("U0LEAD1") }},
			{"second approval", func(r *scenarioRun) { r.approves("U0SEC1") }},
			{"console", func(r *scenarioRun) { r.vends("U0DEV1", consoleButton, consoleText) }},
			{"done", func(r *scenarioRun) { r.givesBack("U0DEV1") }},
		},
	},
}
