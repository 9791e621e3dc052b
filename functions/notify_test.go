package functions

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/slackui"
)

// granted makes a request that is approved and of which everybody was told.
func (w *world) granted() access.Request {
	w.t.Helper()
	w.tick()
	w.http(w.typed("U0DEV1", `payments-prod ReadOnly 2h "stuck payouts"`))
	w.feed()
	w.http(w.clicked("U0LEAD1", "approve", w.request().ID))
	w.feed()
	return w.request()
}

func TestCardAndDirectMessageShowThePresentState(t *testing.T) {
	w := newWorld(t)
	w.tick()
	w.http(w.typed("U0DEV1", `payments-prod ReadOnly 2h "stuck payouts"`))
	w.feed()
	wantText(t, "card", w.seen(in("C0APPROVALS")), "AWS access wanted", "stuck payouts", `"Approve"`,
		"1 approval from leads")
	wantText(t, "direct messages", w.seen(with("U0DEV1")), "")

	w.http(w.clicked("U0LEAD1", "approve", w.request().ID))
	w.feed()
	card := w.seen(in("C0APPROVALS"))
	wantText(t, "card", card, "AWS access granted", "Approved by <@U0LEAD1>", `"Revoke"`)
	if strings.Contains(card, `"Approve"`) {
		t.Errorf("the card still offers to approve: %s", card)
	}
	wantText(t, "direct message", w.seen(with("U0DEV1")), "Open AWS console", "Get temporary keys", "I'm done")

	w.revoke("U0LEAD2", w.request().ID)
	w.feed()
	wantText(t, "card", w.seen(in("C0APPROVALS")), "AWS access revoked", "<@U0LEAD2>", "a laptop is lost")
	told := w.seen(with("U0DEV1"))
	wantText(t, "direct messages", told, "was revoked by <@U0LEAD2>")
	if strings.Contains(told, "Open AWS console") {
		t.Errorf("the message still offers the console: %s", told)
	}
}

// revoke sends the form that revokes a grant.
func (w *world) revoke(user, id string) {
	w.t.Helper()
	w.http(w.sent(user, "V1", slackui.CallbackRevoke, id, why))
}

// The card, the direct message and the list say "ending" until the deny was read back, and then that
// the deny was written. The notice, which never changes, says neither.
func TestEveryMessageSaysHowFarACutHasCome(t *testing.T) {
	const ending, done = "*Ending*: its sessions are being ended since ", "*A deny of its sessions was written*"
	w := newWorld(t)
	r := w.granted()
	w.http(w.clicked("U0DEV1", "keys", r.ID))
	w.order()
	w.revoke("U0LEAD2", r.ID)
	say := func(want, not string) {
		t.Helper()
		w.feed()
		list := w.http(w.typed("U0DEV1", "list")).Body
		for what, text := range map[string]string{
			"card": w.seen(in("C0APPROVALS")), "direct message": w.seen(with("U0DEV1")), "list": list,
		} {
			if n := strings.Count(text, want); n != 1 || strings.Contains(text, not) {
				t.Errorf("%s says %q %d times, want once and not %q: %s", what, want, n, not, text)
			}
		}
	}
	say(ending, done)
	w.pass(20 * time.Minute)
	w.tick()
	say(ending, done)
	next, event, err := w.request().CutIsDone(w.clock())
	if err == nil {
		err = w.store.Save(context.Background(), next, event, "")
	}
	if err != nil {
		t.Fatal(err)
	}
	say(done, ending)
}

func TestEachMessageIsPostedOnceHoweverRecordsArrive(t *testing.T) {
	w := newWorld(t)
	w.granted()
	before := len(w.slack.Messages())
	w.fed = 0 // notify receives the whole stream again
	w.feed()
	if after := len(w.slack.Messages()); after != before {
		t.Errorf("%d messages, %d after the stream came again", before, after)
	}
	// If only the last record arrives, people read the same.
	late := newWorld(t)
	late.tick()
	late.http(late.typed("U0DEV1", `payments-prod ReadOnly 2h "stuck payouts"`))
	late.http(late.clicked("U0LEAD1", "approve", late.request().ID))
	_, late.fed = late.store.Records(0, 1000)
	late.fed -= 2
	late.feed()
	wantText(t, "card", late.seen(in("C0APPROVALS")), "AWS access granted")
	wantText(t, "direct message", late.seen(with("U0DEV1")), "Open AWS console")
}

func TestAMessageThatSlackRefusesIsSentLater(t *testing.T) {
	for _, how := range []string{"error", "429", "lost"} {
		t.Run(how, func(t *testing.T) {
			w := newWorld(t)
			w.tick()
			w.http(w.typed("U0DEV1", `payments-prod ReadOnly 2h "x"`))
			w.fault["slack:chat.postMessage"] = how
			if failed := w.feed(); len(failed) != 0 {
				t.Errorf("failed records: %v, want none: the card is owed", failed)
			}
			delete(w.fault, "slack:chat.postMessage")
			w.pass(time.Minute)
			w.tick()
			if left := w.owed(); left != "" {
				t.Errorf("still owed: %s", left)
			}
			wantText(t, "card", w.seen(in("C0APPROVALS")), "AWS access wanted")
		})
	}
}

// If Slack posts a card but answers with an error, the card is posted twice. A click on
// the one that is not recorded is answered with the state of the request. That card is
// not changed, because a message that is not recorded may belong to anybody.
func TestAClickOnAnUnknownCardShowsTheStateOfTheRequest(t *testing.T) {
	w := newWorld(t)
	w.tick()
	w.http(w.typed("U0DEV1", `payments-prod ReadOnly 2h "x"`))
	w.fault["slack:chat.postMessage"] = "lost"
	w.feed()
	delete(w.fault, "slack:chat.postMessage")
	w.pass(time.Minute)
	w.tick()
	w.http(w.clicked("U0LEAD1", "approve", w.request().ID))
	w.feed()
	cards := w.slack.Messages()
	orphan := cards[0]
	if !strings.Contains(string(orphan.Blocks), `"Approve"`) {
		t.Fatalf("the first card is not the unknown one: %s", orphan.Blocks)
	}
	action, found := w.slack.Button(orphan.Channel, orphan.TS, "Approve", 0)
	if !found {
		t.Fatal("no Approve on it")
	}
	p, err := w.slack.ActionPayload("U0LEAD2", orphan.Channel, orphan.TS, action)
	if err != nil {
		t.Fatal(err)
	}
	w.http(w.signed("/slack/interactions", "payload="+url.QueryEscape(string(p))))
	wantText(t, "answer", w.seen(onlyTo("U0LEAD2")), "Already approved by")
	after, _ := w.slack.Message(orphan.Channel, orphan.TS)
	if w.lastCode() != "already_approved" || !bytes.Equal(after.Blocks, orphan.Blocks) {
		t.Errorf("got %q, %s", w.lastCode(), after.Blocks)
	}
}

func TestOperatorsAreToldOnceOfAMessageThatCannotBeSent(t *testing.T) {
	w := newWorld(t)
	w.policy = w.compiled(strings.Replace(readPolicy(t), "channel: C0APPROVALS ", "channel: C0GONE ", 1))
	w.rebuild()
	w.tick()
	w.http(w.typed("U0DEV1", `payments-prod ReadOnly 2h "x"`))
	for range 3 {
		w.feed()
		w.fed = 0
	}
	ops := w.seen(in("C0OPS"))
	if strings.Count(ops, "does not accept messages in C0GONE") != 2 { // text and block of one message
		t.Errorf("operators: %s", ops)
	}
	wantText(t, "operators", ops, "channel_not_found", "/invite @aws-access")
}

func TestRequesterIsToldOfReminderTimeoutAndEnd(t *testing.T) {
	w := newWorld(t)
	w.tick()
	w.http(w.typed("U0DEV1", `payments-prod ReadOnly 2h "x"`))
	w.feed()
	w.pass(15 * time.Minute)
	w.tick()
	w.feed()
	wantText(t, "channel", w.seen(in("C0APPROVALS")), "Still waiting for 1 approval from leads")
	w.pass(45 * time.Minute)
	w.tick()
	w.feed()
	wantText(t, "card", w.seen(in("C0APPROVALS")), "Request timed out")
	wantText(t, "direct message", w.seen(with("U0DEV1")), "timed out", "Ask again")

	end := newWorld(t)
	end.granted()
	end.pass(2 * time.Hour)
	end.tick()
	end.feed()
	wantText(t, "direct messages", end.seen(with("U0DEV1")), "has ended")
}

func TestOperatorsAreToldOnceWhichGroupsAreNotKnown(t *testing.T) {
	w := newWorld(t)
	w.slack.RemoveGroup("S0LEADS")
	for range 3 {
		w.tick()
		w.pass(time.Minute)
	}
	if n := strings.Count(w.seen(in("C0OPS")), "leads (S0LEADS)"); n != 2 { // text and block
		t.Errorf("told %d times:\n%s", n, w.seen(in("C0OPS")))
	}
	if err := w.slack.SetGroup("S0LEADS", []string{"U0LEAD1"}); err != nil {
		t.Fatal(err)
	}
	w.tick()
	wantText(t, "operators", w.seen(in("C0OPS")), "known again")
}

func TestVendAnswersOnlyTheRequester(t *testing.T) {
	w := newWorld(t)
	r := w.granted()
	w.http(w.clicked("U0DEV1", "keys", r.ID))
	w.http(w.clicked("U0DEV1", "console", r.ID))
	w.order()
	for _, m := range w.slack.Messages() {
		if secret := strings.Contains(m.Text+string(m.Blocks), "canary"); secret &&
			(m.To != "U0DEV1" || m.DMWith != "U0DEV1") {
			t.Errorf("a secret stands in %s for %q", m.Channel, m.To)
		}
	}
	mine := w.seen(onlyTo("U0DEV1"))
	wantText(t, "private answers", mine, "export AWS_ACCESS_KEY_ID=ASIAEXAMPLE canary-secret", "SigninToken=canary-link")
	for what, text := range map[string]string{"logs": w.logs.String()} {
		if strings.Contains(text, "canary") {
			t.Errorf("%s hold a secret: %s", what, text)
		}
	}
}

// An order that another person forges gives nobody a session, whomever it names.
func TestAForgedOrderIsNotAnswered(t *testing.T) {
	for name, change := range map[string]func(*access.Order){
		"by somebody else":   func(o *access.Order) { o.By = "U0LEAD1" },
		"by nobody":          func(o *access.Order) { o.By = "" },
		"no such request":    func(o *access.Order) { o.Request = "01NOSUCH" },
		"of yesterday":       func(o *access.Order) { o.At = o.At.Add(-24 * time.Hour) },
		"of a kind unknown":  func(o *access.Order) { o.Kind = "root" },
		"of a form unknown":  func(o *access.Order) { o.Form = "JSON" },
		"of a form too long": func(o *access.Order) { o.Form = access.Form(strings.Repeat("json", 1<<18)) },
		"of a form of links": func(o *access.Order) { o.Kind, o.Form = access.Console, access.JSON },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			r := w.granted()
			order := access.Order{ID: "o", Request: r.ID, By: "U0DEV1", Kind: access.Keys, At: w.clock()}
			change(&order)
			_ = w.Vend.HandleOrder(context.Background(), order)
			for _, m := range w.slack.Messages() {
				if strings.Contains(m.Text, "canary") || (m.To != "" && m.To != "U0DEV1") {
					t.Errorf("somebody got %q", m.Text)
				}
			}
			if n := len(w.request().Sessions); n != 0 {
				t.Errorf("%d sessions", n)
			}
		})
	}
}

// An unknown form is refused with a sentence. An order of an older version names no
// form and means sh.
func TestKeysComeInTheFormOfTheOrder(t *testing.T) {
	for form, want := range map[string]string{
		``: "export AWS_ACCESS_KEY_ID=ASIAEXAMPLE canary-secret\n", `,"form":"json"`: "canary-secretjson\n",
		`,"form":"toml"`: "This version of AWS access cannot write keys in that form. Press Get temporary keys instead.",
	} {
		w := newWorld(t)
		r := w.granted()
		order := fmt.Sprintf(`{"id":"o","request":%q,"by":"U0DEV1","kind":"keys","at":%q%s}`, r.ID,
			w.clock().Format(time.RFC3339), form)
		invoke(t, w.Vend.Handle, []byte(order))
		wantText(t, "answer to the form "+form, w.seen(onlyTo("U0DEV1")), want)
	}
}

func TestTheButtonsBelowKeysOrderOtherForms(t *testing.T) {
	w := newWorld(t)
	r := w.granted()
	for action, want := range map[string]access.Form{
		slackui.ActionKeys: access.Shell, slackui.ActionPowerShell: access.PowerShell, slackui.ActionProfile: access.Profile,
		slackui.ActionJSON: access.JSON,
	} {
		w.orders = nil
		w.http(w.clicked("U0DEV1", action, r.ID))
		if len(w.orders) != 1 || w.orders[0].Form != want || w.orders[0].Kind != access.Keys || !want.Known() {
			t.Errorf("%s orders %+v, want the form %q", action, w.orders, want)
		}
	}
}

func TestTheRequesterIsToldThatAVendFailed(t *testing.T) {
	w := newWorld(t)
	r := w.granted()
	w.assume = func(access.Vending) (access.Credentials, error) {
		return access.Credentials{}, &access.Refusal{
			Code: "aws_refused", Says: "AWS refused role ReadOnly in payments-prod.", Next: "Tell the operators.",
		}
	}
	w.http(w.clicked("U0DEV1", "keys", r.ID))
	w.order()
	wantText(t, "private answer", w.seen(onlyTo("U0DEV1")), "AWS refused role ReadOnly in payments-prod")
	if n := len(w.request().Sessions); n != 0 {
		t.Errorf("%d sessions are recorded, want none", n)
	}
}

func TestNotifyTellsTheRequesterOfAnUndeliveredAnswer(t *testing.T) {
	w := newWorld(t)
	r := w.granted()
	w.http(w.clicked("U0DEV1", "keys", r.ID))
	w.fault["slack:chat.postEphemeral"] = "error"
	if err := w.Vend.HandleOrder(context.Background(), w.orders[0]); err == nil ||
		strings.Contains(err.Error(), "canary") {
		t.Errorf("got %v, want an error without secrets", err)
	}
	delete(w.fault, "slack:chat.postEphemeral")
	w.feed()
	wantText(t, "direct messages", w.seen(with("U0DEV1")), "came to nothing. Press the button again")
}

// The message is not recorded, and only one person sees it. The result of a click is
// posted below it.
func TestACancelOnAnUnknownMessageIsAnswered(t *testing.T) {
	w := newWorld(t)
	w.tick()
	w.http(w.typed("U0DEV1", `payments-prod ReadOnly 2h "x"`))
	w.http(w.clickedElsewhere("U0DEV1", "cancel", w.request().ID))
	if r := w.request(); r.State != access.Cancelled {
		t.Fatalf("the request is %s", r.State)
	}
	wantText(t, "answer to the requester", w.seen(onlyTo("U0DEV1")), "Request cancelled")
}
