package functions

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// withMachines is the policy of the repository with a group of machines, which may ask
// for a role that a lead has to approve.
func withMachines(t *testing.T, w *world) {
	t.Helper()
	const groups, rules = "\ngroups:\n", "\nrules:\n"
	text := readPolicy(t)
	if strings.Count(text, groups) != 1 || strings.Count(text, rules) != 1 {
		t.Fatal("the policy of the repository has another form")
	}
	text = strings.Replace(text, groups, groups+"  builds: {aws_roles: [\"arn:aws:iam::332000000000:role/Build\"]}\n", 1)
	text = strings.Replace(text, rules, rules+"  - {name: builds, who: [builds], accounts: [payments-prod], "+
		"roles: [ReadOnly], max: 1h, approvals: [{from: [leads], need: 1}]}\n", 1)
	w.policy = w.compiled(text)
	w.rebuild()
	w.tick()
}

// asksAsMachine stores a request of a machine whose session has this name.
func (w *world) asksAsMachine(session string) access.Request {
	w.t.Helper()
	m := access.Machine{Role: &access.RoleSession{
		Partition: "aws", Account: "332000000000", Name: "Build", ID: "AROAEXAMPLEBUILDROLE1", Session: session,
	}}
	m.Starter = w.directory().Starter(m)
	r := w.saves(access.New(access.Ask{
		ID: theRequest, Requester: m.Person(), Account: "111111111111", AccountName: "payments-prod", Role: "ReadOnly",
		For: time.Hour, Reason: "deploy",
	}, access.Terms{
		Max: time.Hour, Give: []access.Kind{access.Keys}, AnswerWithin: time.Hour, Channels: []string{"C0APPROVALS"},
		Requirements: []access.Requirement{{From: []string{"leads"}, Required: 1}},
	}, w.clock()))
	w.feed()
	return r
}

// card returns the time stamp of the card in a channel.
func (w *world) cardIn(channel string) string {
	w.t.Helper()
	for _, m := range w.slack.Messages() {
		if m.Channel == channel && strings.Contains(string(m.Blocks), theRequest) {
			return m.TS
		}
	}
	w.t.Fatalf("no card in %s\n%s", channel, w.logs)
	return ""
}

// checkNothingIsOwedToTheMachine checks that nobody got a direct message, and that none
// was tried: a machine has no conversation, so a message to it would be owed for ever.
func (w *world) checkNothingIsOwedToTheMachine() {
	w.t.Helper()
	if text := w.seen(func(m slackfake.Message) bool { return m.DMWith != "" }); text != "" {
		w.t.Errorf("somebody got a direct message: %s", text)
	}
	_, messages, err := w.store.Messages(context.Background(), theRequest)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, m := range messages.Posted {
		if !strings.HasPrefix(m.Slot, slotCard) {
			w.t.Errorf("a message of the slot %s was tried", m.Slot)
		}
	}
	for _, o := range messages.Owed {
		if !strings.HasPrefix(o.Slot, slotCard) {
			w.t.Errorf("a message of the slot %s is owed", o.Slot)
		}
	}
}

func TestARequestOfAMachineIsDecidedInSlack(t *testing.T) {
	w := newWorld(t)
	withMachines(t, w)
	w.asksAsMachine("build-1")
	card := w.cardIn("C0APPROVALS")
	wantText(t, "card", w.seen(in("C0APPROVALS")), "A machine asks for", "“build-1” of the role *Build*",
		"Slack does not know who started this")
	if _, found := w.slack.Button("C0APPROVALS", card, "Cancel", 0); found {
		t.Error("somebody in Slack could cancel it")
	}
	w.press("U0DEV1", "C0APPROVALS", card, "Approve")
	if r := w.request(); r.State != access.Pending {
		t.Fatalf("somebody who was not asked has approved: %s", r.State)
	}
	w.press("U0LEAD1", "C0APPROVALS", card, "Approve")
	if r := w.request(); r.State != access.Active || r.Requester.RefusedToAsk() != nil {
		t.Fatalf("the request is %s by %+v\n%s", r.State, r.Requester, w.logs)
	}
	w.feed()
	w.press("U0LEAD2", "C0APPROVALS", card, "Revoke")
	w.saysWhy("U0LEAD2", "a pipeline runs wild")
	w.feed()
	if r := w.request(); r.State != access.Revoked {
		t.Errorf("the request is %s\n%s", r.State, w.logs)
	}
	w.minutes(10)
	w.checkNothingIsOwedToTheMachine()
	if logs := w.logs.String(); strings.Contains(logs, `"ERROR"`) || strings.Contains(logs, w.request().Requester.ID) {
		t.Errorf("Slack was asked about the machine, or something failed: %s", logs)
	}
}

// A session that carries a lead's address may have been started by that lead.
func TestTheStarterOfAMachineCannotApproveItInSlack(t *testing.T) {
	w := newWorld(t)
	withMachines(t, w)
	w.asksAsMachine("lead1@example.com")
	card := w.cardIn("C0APPROVALS")
	wantText(t, "card", w.seen(in("C0APPROVALS")), "<@U0LEAD1> may have started it")
	w.press("U0LEAD1", "C0APPROVALS", card, "Approve")
	if r := w.request(); r.State != access.Pending || len(r.Approvals) != 0 {
		t.Fatalf("the starter has approved: %s", r.State)
	}
	if code := w.lastCode(); code != "self_approval" {
		t.Errorf("the refusal is %q", code)
	}
	w.press("U0LEAD2", "C0APPROVALS", card, "Approve")
	if r := w.request(); r.State != access.Active {
		t.Errorf("another lead cannot approve: %s\n%s", r.State, w.logs)
	}
}

// Nobody could be asked, and there is no conversation in which to say so. The operators
// are told, and the request times out.
func TestARequestOfAMachineWithoutAChannelTimesOut(t *testing.T) {
	w := newWorld(t)
	withMachines(t, w)
	w.refusing("C0APPROVALS", "not_in_channel")
	w.asksAsMachine("build-1")
	w.minutes(61)
	if r := w.request(); r.State != access.TimedOut {
		t.Errorf("the request is %s", r.State)
	}
	w.checkNothingIsOwedToTheMachine()
	wantText(t, "operators", w.seen(in("C0OPS")), "C0APPROVALS")
}
