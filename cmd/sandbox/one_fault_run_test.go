package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/cmd/sandbox/controls"
	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/cmd/sandbox/world"
	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// scenarioRun runs one scenario, with people who try again when they see an
// error or nothing happens.
type scenarioRun struct {
	t        *testing.T
	sandbox  *sandboxtest.Sandbox
	world    *world.World
	scenario scenario
	start    time.Time
	retries  int // how often somebody tried again
	failing  call
}

// newScenarioRun starts a sandbox in which one request has cards in two channels,
// so that the test sees whether both are updated, and in which requests time
// out soon, because the calls of each minute are all tried.
func newScenarioRun(t *testing.T, index int) *scenarioRun {
	b := sandboxtest.Start(t, strings.NewReplacer(
		"card: [C0PAYMENTS]", "card: [C0PAYMENTS, C0APPROVALS]",
		"answer_within: 1h", "answer_within: 5m", "remind_after: 15m", "remind_after: 2m",
	).Replace(sandboxtest.Policy(t)))
	r := &scenarioRun{t: t, sandbox: b, world: b.World(), scenario: faultScenarios[index]}
	// STS gives times in whole seconds. The run starts at one, so that its times
	// compare with them.
	now := r.world.Clock.Now()
	r.start = now.Truncate(time.Minute).Add(time.Minute)
	r.wait(r.start.Sub(now))
	return r
}

// act does something in Slack. What cannot be done at all, because there is no
// such button or input, is an error that the person sees.
func (r *scenarioRun) act(a slackfake.UserAction) slackfake.Outcome {
	out, err := r.world.Act(context.Background(), a)
	if err != nil {
		return slackfake.Outcome{Shown: err.Error()}
	}
	return out
}

func (r *scenarioRun) wait(d time.Duration) {
	r.t.Helper()
	if err := r.world.Advance(context.Background(), r.world.Clock.Now().Add(d)); err != nil {
		r.t.Fatal(err)
	}
}

func (r *scenarioRun) logs() string { return strings.Join(r.sandbox.Logs.All(), "") }

// retryAfter is how long people wait before they try again: long enough for the
// next try of the stream, and for the tick that gives up an order.
const retryAfter = 2 * time.Minute

// maxTries is how often people try. One call fails, so twice is enough.
const maxTries = 2

// until repeats a person's action until it has had its effect. A person who must
// try again has to be told that something went wrong.
func (r *scenarioRun) until(who string, reached func() bool, action func() slackfake.Outcome) {
	r.t.Helper()
	for range maxTries {
		before := r.seenBy(who)
		out := action()
		if reached() {
			return
		}
		r.wait(retryAfter)
		if reached() {
			return
		}
		r.retries++
		if out.Shown == "" && r.seenBy(who) == before && r.failing.operation != "slack:response" {
			r.t.Errorf("%s was not told what went wrong; got %+v", who, out)
		}
	}
	requests := controls.ReadState(context.Background(), r.world).Requests
	r.t.Fatalf("%s tried %d times without effect: %+v; logs:\n%s", who, maxTries, requests, r.logs())
}

// seenBy is what this person alone sees: private messages and forms.
func (r *scenarioRun) seenBy(who string) string {
	var seen strings.Builder
	for _, m := range r.world.Slack.Messages() {
		if m.To == who || m.DMWith == who {
			fmt.Fprintln(&seen, m.TS, m.Text)
		}
	}
	for _, v := range r.world.Slack.Views() {
		if v.User == who {
			fmt.Fprintln(&seen, v.ID, v.Title, string(v.Blocks))
		}
	}
	return seen.String()
}

// asks asks with a command.
func (r *scenarioRun) asks(who, line string) { r.reads(who, line, "Asked for", "You have") }

// reads types a command until its answer contains one of the texts.
func (r *scenarioRun) reads(who, line string, texts ...string) {
	r.t.Helper()
	var out slackfake.Outcome
	answered := func() bool {
		return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(out.Body, text) })
	}
	r.until(who, answered, func() slackfake.Outcome {
		out = r.act(slackfake.UserAction{As: who, Command: &line})
		return out
	})
}

// asksByForm asks by the form.
func (r *scenarioRun) asksByForm() {
	r.t.Helper()
	const who = "U0DEV1"
	var out slackfake.Outcome
	r.until(who, func() bool { return strings.Contains(out.Body, "Asked for") }, func() slackfake.Outcome {
		out = r.fillsInForm(who)
		return out
	})
}

// fillsInForm opens the form, chooses from its menus, and submits it.
func (r *scenarioRun) fillsInForm(who string) slackfake.Outcome {
	bare := slackfake.Command
	if out := r.act(slackfake.UserAction{As: who, Command: &bare}); out.Shown != "" {
		return out
	}
	view := r.form(who)
	for range maxTries { // people who see an empty menu type again
		typed := "payments-p"
		out := r.act(slackfake.UserAction{As: who, View: view, Type: &typed, Into: "Account"})
		if strings.Contains(out.Body, "payments-prod") {
			break
		}
		r.retries++
	}
	for _, choice := range [][2]string{{"Account", "payments-prod"}, {"Role", r.scenario.role}} {
		out := r.act(slackfake.UserAction{As: who, View: view, Choose: &choice[1], Into: choice[0]})
		if out.Shown != "" {
			return out
		}
	}
	return r.act(slackfake.UserAction{As: who, Submit: view, Values: map[string]json.RawMessage{
		"How long": sandboxtest.Quote("2h"), "Reason": sandboxtest.Quote("stuck payouts"),
	}})
}

// form is the id of a person's newest form, "" if there is none.
func (r *scenarioRun) form(who string) (id string) {
	for _, v := range r.world.Slack.Views() {
		if v.User == who {
			id = v.ID
		}
	}
	return id
}

// approves clicks Approve on the card.
func (r *scenarioRun) approves(who string) {
	r.t.Helper()
	r.clicks(who, "Approve", sandboxtest.IsCard("C0APPROVALS"), func() bool {
		return slices.ContainsFunc(r.request().Approvals, func(a controls.Approval) bool { return a.By == who })
	})
}

// clicks clicks a button of a message until that has had its effect.
func (r *scenarioRun) clicks(who, label string, on func(slackfake.Message) bool, reached func() bool) {
	r.t.Helper()
	r.until(who, reached, func() slackfake.Outcome { return r.click(who, label, on) })
}

// click clicks a button of the oldest message that matches. If there is none yet,
// it waits. After a lost answer there can be two such messages, and the product
// knows only the newer one: the older one is the harder case.
func (r *scenarioRun) click(who, label string, on func(slackfake.Message) bool) slackfake.Outcome {
	r.t.Helper()
	withButton := func(m slackfake.Message) bool { return on(m) && strings.Contains(string(m.Blocks), `"`+label+`"`) }
	m, found := r.oldest(withButton)
	if !found {
		r.wait(retryAfter)
		if m, found = r.oldest(withButton); !found {
			r.t.Fatalf("there is no message on which %s could click %s; logs:\n%s", who, label, r.logs())
		}
	}
	out := r.act(slackfake.UserAction{As: who, Click: label, On: m.Channel + "/" + m.TS})
	if form := r.form(who); out.Shown == "" && form != "" && (label == "Approve" || label == "Revoke") {
		// Revoke asks for a reason. For Approve, the product does not know the message, and shows
		// the request in a form to have it confirmed.
		action := slackfake.UserAction{As: who, Submit: form}
		if label == "Revoke" {
			action.Values = map[string]json.RawMessage{"Reason": sandboxtest.Quote("lost")}
		}
		return r.act(action)
	}
	return out
}

// oldest finds the oldest message that matches.
func (r *scenarioRun) oldest(matches func(slackfake.Message) bool) (slackfake.Message, bool) {
	all := r.world.Slack.Messages()
	if i := slices.IndexFunc(all, matches); i >= 0 {
		return all[i], true
	}
	return slackfake.Message{}, false
}

// vends clicks a button of the grant until its answer has arrived.
func (r *scenarioRun) vends(who, label, text string) {
	r.t.Helper()
	before := r.countAnswers(who, text)
	r.clicks(who, label, sandboxtest.IsGrant(who), func() bool { return r.countAnswers(who, text) > before })
}

// givesBack clicks I'm done until access has ended.
func (r *scenarioRun) givesBack(who string) {
	r.t.Helper()
	r.clicks(who, doneButton, sandboxtest.IsGrant(who), r.is(access.Ended))
}

// countAnswers counts a person's private answers in the direct channel that
// contain a text.
func (r *scenarioRun) countAnswers(who, text string) int {
	return sandboxtest.Count(r.world.Slack.Messages(), func(m slackfake.Message) bool {
		return m.To == who && m.DMWith == who && strings.Contains(m.Text, text)
	})
}

// isRefused clicks a button that this person may not use, until the person has
// been told so.
func (r *scenarioRun) isRefused(who, label string) {
	r.t.Helper()
	r.clicks(who, label, sandboxtest.IsCard("C0APPROVALS"), func() bool {
		_, told := r.oldest(func(m slackfake.Message) bool { return m.To == who && m.FromResponseURL })
		return told
	})
}

// denies clicks Deny and gives a reason.
func (r *scenarioRun) denies() {
	r.t.Helper()
	const who = "U0LEAD2"
	r.until(who, r.is(access.Denied), func() slackfake.Outcome {
		out := r.click(who, "Deny", sandboxtest.IsCard("C0APPROVALS"))
		if out.Shown != "" || r.form(who) == "" {
			return out
		}
		reason := map[string]json.RawMessage{"Reason": sandboxtest.Quote("not today")}
		return r.act(slackfake.UserAction{As: who, Submit: r.form(who), Values: reason})
	})
}

// waitsUntil waits until some time after the start, and a little longer if what
// should happen by then has not.
func (r *scenarioRun) waitsUntil(sinceStart time.Duration, reached func() bool) {
	r.t.Helper()
	r.wait(r.start.Add(sinceStart).Sub(r.world.Clock.Now()))
	if !reached() {
		r.retries++
		r.wait(retryAfter)
	}
	if !reached() {
		r.t.Fatalf("after %s nothing has happened: %+v", sinceStart, r.request())
	}
}

// is reports whether the request is in a state.
func (r *scenarioRun) is(state access.State) func() bool {
	return func() bool { return r.request().State == string(state) }
}

// threadSays reports whether a reply in a channel's threads contains a text.
func (r *scenarioRun) threadSays(channel, text string) func() bool {
	return func() bool {
		_, found := r.oldest(func(m slackfake.Message) bool {
			return m.Channel == channel && m.ThreadTS != "" && strings.Contains(m.Text, text)
		})
		return found
	}
}

// request is the only request. People who ask again after an error have made no
// second one.
func (r *scenarioRun) request() controls.Request {
	r.t.Helper()
	all := controls.ReadState(context.Background(), r.world).Requests
	if len(all) != 1 {
		r.t.Fatalf("there are %d requests, want 1: %+v", len(all), all)
	}
	return all[0]
}
