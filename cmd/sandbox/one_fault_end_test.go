package main

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws-access/aws-access/cmd/sandbox/controls"
	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/cmd/sandbox/world"
	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// finish lets the last deliveries happen and checks everything that a scenario
// leaves behind. how is the fault that a call met, "" for none.
func (r *scenarioRun) finish(how string) {
	r.t.Helper()
	r.wait(5 * time.Minute)
	s := controls.ReadState(context.Background(), r.world)
	request, want := r.request(), r.scenario
	if request.State != string(want.ends) || request.Requester != want.requester ||
		request.AccountName != want.account || request.Role != want.role {
		r.t.Errorf("the request at the end: got %+v, want %s", request, want.ends)
	}
	if at, waiting := r.world.Engine.NextDue(); waiting || len(s.Parked) > 0 {
		r.t.Errorf("something still waits until %s, or was parked: %+v", at, s.Parked)
	}
	r.checkAuditTrail(request, s.Audit)
	r.checkSessions(request, s)
	r.checkSecretsArePrivate(s.Messages)
	r.checkRequesterWasTold(request, s.Messages)
	r.checkMessagesShowTheEnd(request, how)
}

// checkAuditTrail checks that the trail leads without gaps to the present state.
func (r *scenarioRun) checkAuditTrail(request controls.Request, audit []controls.AuditEntry) {
	r.t.Helper()
	from := ""
	for i, e := range audit {
		inOrder := i == 0 || !e.At.Before(audit[i-1].At)
		if e.Request != request.ID || e.Seq != i+1 || e.From != from || !inOrder {
			r.t.Errorf("event %d does not follow from %q: %+v", i+1, from, e)
		}
		from = e.To
	}
	if from != request.State || len(audit) != request.Events {
		r.t.Errorf("the trail has %d events and ends in %q; the request has %d and is %q",
			len(audit), from, request.Events, request.State)
	}
}

// checkSessions checks that each session was recorded as intended before STS
// made it, and that each session recorded as issued exists at STS.
func (r *scenarioRun) checkSessions(request controls.Request, s controls.State) {
	r.t.Helper()
	var intended []time.Time
	issued := make(map[string]controls.AuditEntry)
	for _, e := range s.Audit {
		switch access.Outcome(e.Outcome) {
		case access.Ordered:
			intended = append(intended, e.At)
		case access.Issued:
			issued[e.AccessKeyID] = e
		}
	}
	if want := r.scenario.sessions; len(s.Sessions) < want || len(issued) < want {
		r.t.Errorf("%d sessions, of which %d are recorded, want at least %d", len(s.Sessions), len(issued), want)
	}
	for i, session := range s.Sessions {
		named := session.SessionName == "aws-access-"+request.ID && session.Tags["GrantId"] == request.ID
		if !named || i >= len(intended) || session.Issued.Before(intended[i]) {
			r.t.Errorf("a session that was not recorded first: %+v; intents %v", session, intended)
		}
		e, known := issued[session.AccessKeyID]
		if known && (e.Expires == nil || !e.Expires.Equal(session.Expires)) {
			r.t.Errorf("a session expires %s, but its record says %+v", session.Expires, e)
		}
		delete(issued, session.AccessKeyID)
	}
	if len(issued) > 0 {
		r.t.Errorf("recorded as issued, but unknown to STS: %+v", issued)
	}
}

// checkSecretsArePrivate checks that keys and links went to the requester alone.
func (r *scenarioRun) checkSecretsArePrivate(all []slackfake.Message) {
	r.t.Helper()
	for _, m := range all {
		secret := strings.Contains(m.Text, "AWS_SECRET_ACCESS_KEY") || strings.Contains(m.Text, "SigninToken=")
		if secret && (m.To != r.scenario.requester || m.DMWith != r.scenario.requester) {
			r.t.Errorf("a message shows a secret to others: %+v", m)
		}
	}
}

// checkRequesterWasTold checks that the requester has read how it ended, and that
// every failure names account and role.
func (r *scenarioRun) checkRequesterWasTold(request controls.Request, all []slackfake.Message) {
	r.t.Helper()
	told := r.scenario.notice == ""
	for _, m := range all {
		if m.DMWith != request.Requester {
			continue
		}
		told = told || strings.Contains(m.Text, r.scenario.notice)
		failed := strings.HasPrefix(m.Text, "No session for") || strings.HasPrefix(m.Text, "Your click on")
		if failed && (!strings.Contains(m.Text, request.Role) || !strings.Contains(m.Text, request.AccountName)) {
			r.t.Errorf("a failure names neither account nor role: %s", m.Text)
		}
	}
	if !told {
		r.t.Errorf("the requester was not told: %q", r.scenario.notice)
	}
}

// finalTitles are the beginnings of messages about a request in a final state.
var finalTitles = map[access.State]string{
	access.Denied: "AWS access denied", access.Cancelled: "Request cancelled", access.TimedOut: "Request timed out",
	access.Expired: "AWS access has ended", access.Ended: "AWS access given back", access.Revoked: "AWS access revoked",
}

// checkMessagesShowTheEnd checks that the card in each channel and the grant show
// the end and have no buttons. The product can lose a message only when Slack's
// answer was lost or the table failed. A person who clicks on a lost message is
// told the state of the request.
func (r *scenarioRun) checkMessagesShowTheEnd(request controls.Request, how string) {
	r.t.Helper()
	channels := slices.Clone(request.Channels)
	if r.scenario.ends != access.Cancelled { // people who cancel need no notice
		channels = append(channels, "D"+request.Requester)
	}
	title := finalTitles[r.scenario.ends]
	for _, channel := range channels {
		isCard := sandboxtest.IsCard(channel)
		if _, found := r.oldest(func(m slackfake.Message) bool {
			return isCard(m) && strings.HasPrefix(m.Text, title)
		}); !found {
			r.t.Errorf("no message in %s begins with %q; logs:\n%s", channel, title, r.logs())
		}
	}
	canLose := r.failing.operation == "slack:chat.postMessage" && how == world.FaultLost ||
		r.failing.operation == "store:save" && how == world.FaultError
	for _, m := range r.world.Slack.Messages() {
		// Only the button for responders stays, with which they allow the requester to ask again.
		lifts := strings.Count(string(m.Blocks), `"Allow asking again"`)
		if strings.Count(string(m.Blocks), `"button"`) == lifts || m.To != "" {
			continue
		}
		if !canLose {
			r.t.Errorf("a message still has buttons: %s", m.Text)
		}
		r.checkLostMessageAnswers(m)
	}
}

// checkLostMessageAnswers clicks a button of a message that the product has lost.
func (r *scenarioRun) checkLostMessageAnswers(m slackfake.Message) {
	r.t.Helper()
	label, who := doneButton, m.DMWith
	if who == "" {
		label, who = "Revoke", "U0SEC1"
		if strings.Contains(string(m.Blocks), "Approve") {
			label = "Approve"
		}
	}
	isAnswer := func(m slackfake.Message) bool { return m.To == who && m.FromResponseURL }
	before := sandboxtest.Count(r.world.Slack.Messages(), isAnswer)
	r.act(slackfake.UserAction{As: who, Click: label, On: m.Channel + "/" + m.TS})
	if after := sandboxtest.Count(r.world.Slack.Messages(), isAnswer); after != before+1 {
		r.t.Errorf("%s clicked %s on a lost message and got %d answers, want 1; logs:\n%s",
			who, label, after-before, r.logs())
	}
}
