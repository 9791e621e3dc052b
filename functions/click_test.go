package functions

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
	"github.com/aws-access/aws-access/pkg/slackapi"
	"github.com/aws-access/aws-access/pkg/slackui"
)

// forge posts a message with the bot token alone, as a thief of the token can.
func (w *world) forge(channel, words, label, action, value string) (ts string) {
	w.t.Helper()
	m := slackui.Card(access.Request{ID: value, State: access.Pending, Reason: words}, slackui.CardPolicy{}, noon)
	_, ts, err := w.Slack.Slack.Post(context.Background(), channel, slackapi.Message{Text: words, Blocks: m.Blocks})
	if err != nil {
		w.t.Fatal(err)
	}
	return ts
}

// press clicks a button of a message that Slack shows.
func (w *world) press(user, channel, ts, label string) {
	w.t.Helper()
	action, found := w.slack.Button(channel, ts, label, 0)
	if !found {
		w.t.Fatalf("no %s on the message", label)
	}
	p, err := w.slack.ActionPayload(user, channel, ts, action)
	if err != nil {
		w.t.Fatal(err)
	}
	w.interact(p)
}

// interact sends a payload of Slack, which must be answered with 200.
func (w *world) interact(payload []byte) string {
	w.t.Helper()
	answer := w.http(w.signed("/slack/interactions", "payload="+url.QueryEscape(string(payload))))
	if answer.StatusCode != http.StatusOK {
		w.t.Fatalf("status %d: %s\n%s", answer.StatusCode, answer.Body, w.logs)
	}
	return answer.Body
}

// open returns the form that a person sees.
func (w *world) open(user string) (slackfake.View, bool) {
	for _, v := range w.slack.Views() {
		if v.User == user && !v.Closed {
			return v, true
		}
	}
	return slackfake.View{}, false
}

// A thief of the bot token can show harmless words above a button for another request.
// The click shows the true request, and only a form that Slack has signed for this
// endpoint decides.
func TestAnApprovalOnAForgedMessageShowsTheTrueRequest(t *testing.T) {
	for label, end := range map[string]access.State{"Approve": access.Active, "Deny": access.Denied} {
		w := newWorld(t)
		w.tick()
		r := w.plant(access.Pending)
		ts := w.forge("C0APPROVALS", "ReadOnly in payments-dev, nothing to see", label, "approve", r.ID)
		w.press("U0LEAD1", "C0APPROVALS", ts, label)
		if got := w.request(); got.State != access.Pending || len(got.Approvals) != 0 {
			t.Fatalf("%s on a forged message counted: %s", label, got.State)
		}
		v, ok := w.open("U0LEAD1")
		if !ok || v.Submit != label {
			t.Fatalf("%s: the form %+v, want one that sends %s", label, v, label)
		}
		wantText(t, "the form", string(v.Blocks), "payments-prod", "U0DEV1", "why", "forged")
		if label == "Deny" {
			if err := w.slack.SetInput(v.ID, "Reason", []byte(`"no"`)); err != nil {
				t.Fatal(err)
			}
		}
		p, err := w.slack.SubmitPayload("U0LEAD1", v.ID)
		if err != nil {
			t.Fatal(err)
		}
		w.interact(p)
		if got := w.request(); got.State != end {
			t.Errorf("%s in the form: the request is %s, want %s", label, got.State, end)
		}
	}
}

// saysWhy fills in the reason of the form that a person sees, and sends it.
func (w *world) saysWhy(user, why string) {
	w.t.Helper()
	v, ok := w.open(user)
	if !ok {
		w.t.Fatalf("%s sees no form\n%s", user, w.logs)
	}
	text, err := json.Marshal(why)
	if err == nil {
		err = w.slack.SetInput(v.ID, "Reason", text)
	}
	if err != nil {
		w.t.Fatal(err)
	}
	p, err := w.slack.SubmitPayload(user, v.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	w.interact(p)
}

func TestOthersLearnNothingFromAForgedMessage(t *testing.T) {
	for user, code := range map[string]string{"U0DEV2": "unknown_message", "U0SEC1": "unknown_message", "U0GUEST": "guest",
		"U0DEV1": "self_approval"} {
		for _, action := range []string{"approve", "deny"} {
			w := newWorld(t)
			w.tick()
			w.plant(access.Pending)
			w.http(w.clickedElsewhere(user, action, theRequest))
			if got := w.lastCode(); got != code || w.request().State != access.Pending {
				t.Errorf("%s presses %s: got %q and %s, want %q", user, action, got, w.request().State, code)
			}
			if said := w.seen(onlyTo(user)); strings.Contains(said, "payments-prod") || strings.Contains(said, "why") {
				t.Errorf("%s presses %s and reads %s", user, action, said)
			}
			if _, ok := w.open(user); ok {
				t.Errorf("%s presses %s and gets a form", user, action)
			}
		}
	}
	w := newWorld(t)
	w.tick()
	w.plant(access.Active)
	w.http(w.clickedElsewhere("U0DEV2", "revoke", theRequest))
	if w.lastCode() != "unknown_message" || w.request().State != access.Active {
		t.Errorf("revoke: got %q and %s", w.lastCode(), w.request().State)
	}
}

// A signed click names a message of another request. That message does not change, and
// no reason is copied to it.
func TestAClickChangesNoMessageOfAnotherRequest(t *testing.T) {
	for _, action := range []string{"cancel", "end", "approve", "deny", "revoke", "console"} {
		w := newWorld(t)
		w.tick()
		w.http(w.typed("U0DEV2", `payments-prod Operator 1h "another's"`))
		w.feed()
		card := w.slack.Messages()[0]
		w.http(w.typed("U0DEV1", `payments-prod ReadOnly 1h "a secret reason"`))
		own := w.newest("U0DEV1")
		if action == "end" || action == "console" || action == "revoke" {
			w.http(w.clicked("U0LEAD1", "approve", own.ID))
		}
		for _, user := range []string{"U0DEV1", "U0LEAD1", "U0DEV2"} {
			w.http(w.clickedOn(user, action, own.ID, card.TS))
		}
		if after, _ := w.slack.Message(card.Channel, card.TS); !bytes.Equal(after.Blocks, card.Blocks) ||
			after.Text != card.Text {
			t.Errorf("%s: another's card was redrawn: %s", action, after.Blocks)
		}
		for _, m := range w.slack.Messages() {
			if m.To != "U0DEV1" && strings.Contains(string(m.Blocks), "a secret reason") {
				t.Errorf("%s: the reason stands in %s for %q", action, m.Channel, m.To)
			}
		}
	}
}

// newest returns a person's newest request.
func (w *world) newest(user string) access.Request {
	w.t.Helper()
	all, err := w.store.ByRequester(context.Background(), user, 1)
	if err != nil || len(all) != 1 {
		w.t.Fatalf("%d requests of %s, %v", len(all), user, err)
	}
	return all[0]
}

// A signed click names a response URL that is not Slack's. Nothing is sent there.
func TestAClickWithAForeignResponseURLIsNotAnswered(t *testing.T) {
	for _, address := range []string{"https://evil.example/x", "http://hooks.slack.com/actions/1",
		"https://hooks.slack.com@evil.example/x", "https://hooks.slack.com.evil.example/"} {
		w := newWorld(t)
		w.tick()
		w.plant(access.Pending)
		answer := w.http(w.payload(map[string]any{
			"type": "block_actions", "team": map[string]any{"id": "T0SANDBOX"}, "user": map[string]any{"id": "U0DEV1"},
			"response_url": address,
			"actions":      []any{map[string]any{"action_id": "cancel", "block_id": "list:" + theRequest, "value": theRequest}},
			"container":    map[string]any{"is_ephemeral": true},
		}))
		if answer.StatusCode != http.StatusOK || w.request().State != access.Cancelled || w.responded() != "" ||
			len(w.slack.Messages()) != 0 {
			t.Errorf("%s: status %d, %s, %q, %v", address, answer.StatusCode, w.request().State, w.responded(),
				w.slack.Messages())
		}
	}
}

// A signed choice names another person's form. Slack's id of the form decides, and
// nothing is logged as an error.
func TestAChoiceWithoutAFormIsNotAnError(t *testing.T) {
	w := newWorld(t)
	w.tick()
	w.http(w.payload(map[string]any{
		"type": "block_actions", "team": map[string]any{"id": "T0SANDBOX"}, "user": map[string]any{"id": "U0DEV1"},
		"view": map[string]any{"id": "V0OTHER", "hash": "1.2", "state": map[string]any{"values": map[string]any{
			"account": map[string]any{"account": map[string]any{"selected_option": map[string]any{"value": "111111111111"}}}}}},
		"actions": []any{map[string]any{"action_id": "account", "block_id": "account"}},
	}))
	if strings.Contains(w.logs.String(), `"ERROR"`) {
		t.Errorf("%s", w.logs)
	}
}

func TestTheListShowsUnfinishedRequestsFirstAndUpdatesItself(t *testing.T) {
	w := newWorld(t)
	w.tick()
	w.http(w.typed("U0DEV1", `payments-dev ReadOnly 2h "the active one"`))
	for _, role := range []string{"ReadOnly", "Operator"} {
		w.http(w.typed("U0DEV1", `payments-prod `+role+` 1h "the pending one"`))
	}
	w.feed()
	w.slack.ShowCommandResponse("U0DEV1", "C0OPS", []byte(w.http(w.typed("U0DEV1", "list")).Body))
	all := w.slack.Messages()
	list := all[len(all)-1]
	blocks := string(list.Blocks)
	wantText(t, "list", blocks, "the active one", "the pending one", " for 2h")
	if strings.Index(blocks, "the active one") > strings.Index(blocks, "the pending one") {
		t.Errorf("the active request does not come first: %s", blocks)
	}
	w.press("U0DEV1", list.Channel, list.TS, "Cancel")
	after, _ := w.slack.Message(list.Channel, list.TS)
	if n := strings.Count(string(after.Blocks), `"Cancel"`); n != 1 ||
		!strings.Contains(string(after.Blocks), "*Cancelled* by") {
		t.Errorf("%d buttons Cancel are left, want one, and the cancelled request: %s", n, after.Blocks)
	}
	w.press("U0DEV1", list.Channel, list.TS, "I'm done")
	after, _ = w.slack.Message(list.Channel, list.TS)
	if strings.Contains(string(after.Blocks), "I'm done") {
		t.Errorf("the button is still there: %s", after.Blocks)
	}
}

// The app never posts a list that everybody sees. A forged one must not be replaced by
// a person's requests.
func TestAForgedListIsNotReplaced(t *testing.T) {
	w := newWorld(t)
	w.tick()
	w.http(w.typed("U0DEV1", `payments-prod ReadOnly 1h "a secret reason"`))
	m := slackui.List(w.store.All(context.Background()), false, noon)
	_, ts, err := w.Slack.Slack.Post(context.Background(), "C0PAYMENTS", slackapi.Message{Text: "x", Blocks: m.Blocks})
	if err != nil {
		t.Fatal(err)
	}
	before, _ := w.slack.Message("C0PAYMENTS", ts)
	w.press("U0DEV1", "C0PAYMENTS", ts, "Cancel")
	if after, _ := w.slack.Message("C0PAYMENTS", ts); !bytes.Equal(after.Blocks, before.Blocks) {
		t.Errorf("a message in a channel was replaced: %s", after.Blocks)
	}
	if w.request().State != access.Cancelled {
		t.Errorf("the request is %s", w.request().State)
	}
}

// Two choices in quick succession start from the same form. In whichever order they are
// handled, the form ends with the roles of the account that is chosen in it.
func TestTheFormShowsTheRolesOfTheChosenAccount(t *testing.T) {
	const first, second = "111111111111", "222222222222"
	for name, order := range map[string][]int{"in order": {0, 1}, "the other way round": {1, 0},
		"in order, and Slack tells no state": {0, 1}} {
		w := newWorld(t)
		w.stateless = strings.Contains(name, "no state")
		w.tick()
		w.http(w.typed("U0DEV1", ""))
		v, _ := w.open("U0DEV1")
		var payloads [][]byte
		for _, account := range []string{first, second} {
			p, err := w.slack.ViewActionPayload("U0DEV1", v.ID, "account", "account", w.option(account))
			if err != nil {
				t.Fatal(err)
			}
			payloads = append(payloads, p)
		}
		for _, i := range order {
			w.interact(payloads[i])
		}
		v, _ = w.open("U0DEV1")
		if !strings.Contains(string(v.Blocks), `"role:`+second+`"`) ||
			strings.Contains(string(v.Blocks), `"role:`+first+`"`) {
			t.Errorf("%s: the form holds the second account and shows %s", name, v.Blocks)
		}
		if strings.Contains(w.logs.String(), `"ERROR"`) {
			t.Errorf("%s: %s", name, w.logs)
		}
	}
}

func TestAClosedFormIsNotAnError(t *testing.T) {
	w := newWorld(t)
	w.tick()
	w.http(w.typed("U0DEV1", ""))
	v, _ := w.open("U0DEV1")
	p, err := w.slack.ViewActionPayload("U0DEV1", v.ID, "account", "account", w.option("111111111111"))
	if err != nil {
		t.Fatal(err)
	}
	w.slack.CloseView(v.ID)
	w.interact(p)
	if strings.Contains(w.logs.String(), `"ERROR"`) {
		t.Errorf("%s", w.logs)
	}
}

func (w *world) option(account string) []byte {
	return []byte(`{"text":{"type":"plain_text","text":"x"},"value":"` + account + `"}`)
}

// The list names every request that is not over, however many newer ones there are.
func TestUnfinishedRequestsAreListedHoweverOldTheyAre(t *testing.T) {
	w := newWorld(t)
	w.tick()
	w.http(w.typed("U0DEV1", `payments-dev ReadOnly 8h "the old one"`))
	old := w.request()
	for range maxListed + 1 {
		w.pass(3 * 60 * 1e9)
		w.http(w.typed("U0DEV1", `payments-prod ReadOnly 1h "again"`))
		for _, r := range w.store.All(context.Background()) {
			if r.State == access.Pending {
				w.http(w.clickedElsewhere("U0DEV1", "cancel", r.ID))
			}
		}
	}
	body := w.http(w.typed("U0DEV1", "list")).Body
	wantText(t, "list", body, old.ID, "the old one", "older ones are not shown")
	if !slices.ContainsFunc(w.store.All(context.Background()),
		func(r access.Request) bool { return r.State == access.Cancelled }) {
		t.Error("nothing was cancelled")
	}
}

func TestAFormReportsAllMistakesAtOnce(t *testing.T) {
	for length, code := range map[string]string{"soon": "soon", "0h": "The shortest access", "9h": "At most"} {
		w := newWorld(t)
		w.tick()
		answer := w.http(w.sent("U0DEV1", "V1", "ask", "", map[string]string{
			"account": "111111111111", "role": "Admin", "length": length, "reason": " ", "ticket": "yes",
		}))
		wantText(t, length, answer.Body, `"length":"`, code, `"reason":"A reason is needed.`,
			`"ticket":"“yes” is not a ticket. Write it like INC-42.`)
		if len(w.store.All(context.Background())) != 0 {
			t.Errorf("%s: a request was made", length)
		}
	}
}
