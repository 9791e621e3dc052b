package functions

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/slackui"
)

// newRespondingWorld has the responders U0SEC1, of the group security, and U0LEAD2.
func newRespondingWorld(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	const responders = "responders: [leads, security]"
	w.policy = w.compiled(strings.Replace(readPolicy(t), responders, "responders: [security, U0LEAD2]", 1))
	w.rebuild()
	w.tick()
	return w
}

// grants asks for access that nobody approves, and takes a session.
func (w *world) grants(user, account string) access.Request {
	w.t.Helper()
	w.http(w.typed(user, account+` ReadOnly 1h "why"`))
	r := w.newest(user)
	w.http(w.clickedElsewhere(user, "keys", r.ID))
	w.order()
	if r = w.at(r.ID); r.State != access.Active || len(r.Sessions) != 1 {
		w.t.Fatalf("%s has %+v\n%s", user, r, w.logs)
	}
	w.feed()
	w.pass(time.Second)
	return r
}

func (w *world) at(id string) access.Request {
	w.t.Helper()
	r, _, err := w.store.Messages(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// revokeList shows the answer to /aws-access revoke, and returns where it is.
func (w *world) revokeList(user string) (channel, ts, blocks string) {
	w.t.Helper()
	w.slack.ShowCommandResponse(user, "C0OPS", []byte(w.http(w.typed(user, "revoke")).Body))
	all := w.slack.Messages()
	m := all[len(all)-1]
	return m.Channel, m.TS, m.Text + string(m.Blocks)
}

// submits fills in and sends the form that a person sees, and shows the answer.
func (w *world) submits(user string, values map[string]string) (shown string) {
	w.t.Helper()
	v, ok := w.open(user)
	if !ok {
		w.t.Fatalf("%s sees no form\n%s", user, w.logs)
	}
	for label, value := range values {
		text, err := json.Marshal(value)
		if err == nil {
			err = w.slack.SetInput(v.ID, label, text)
		}
		if err != nil {
			w.t.Fatal(err)
		}
	}
	p, err := w.slack.SubmitPayload(user, v.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	shown, err = w.slack.ShowSubmitResponse(v.ID, []byte(w.interact(p)))
	if err != nil {
		w.t.Fatal(err)
	}
	return shown
}

// form returns the blocks of the form that a person sees.
func (w *world) form(user string) string {
	w.t.Helper()
	v, ok := w.open(user)
	if !ok {
		w.t.Fatalf("%s sees no form\n%s", user, w.logs)
	}
	return string(v.Blocks)
}

// orderRevocations passes the orders to revoke that were sent to vend, as Lambda does.
func (w *world) orderRevocations() {
	w.t.Helper()
	for _, o := range w.revocations {
		text, err := json.Marshal(map[string]access.Revocation{"revoke": o})
		if err != nil {
			w.t.Fatal(err)
		}
		invoke(w.t, w.Vend.Handle, text)
	}
	w.revocations = nil
	w.feed()
}

func TestTheListShowsWhatThisPersonMayRevoke(t *testing.T) {
	w := newRespondingWorld(t)
	open := w.grants("U0DEV1", "payments-dev") // nobody approves it
	w.http(w.typed("U0DEV1", `payments-prod ReadOnly 1h "why"`))
	approved := w.newest("U0DEV1")
	w.http(w.clicked("U0LEAD1", "approve", approved.ID))
	own := w.grants("U0SEC1", "log-archive")
	for user, c := range map[string]struct{ want, not []string }{
		"U0DEV2":  {[]string{"There is no grant that you may revoke now."}, []string{`"Revoke"`, "Freeze"}},
		"U0DEV1":  {[]string{"There is no grant"}, []string{`"Revoke"`, "Freeze"}},
		"U0LEAD1": {[]string{approved.ID, `"Revoke"`}, []string{open.ID, own.ID, "Freeze", "Everything"}},
		"U0SEC1": {[]string{approved.ID, open.ID, "1 live session", "Everything of a person…", "Everything…", "Freeze…"},
			[]string{own.ID, "Thaw"}},
		"U0GUEST": {[]string{"Guests"}, []string{"revoke"}},
	} {
		_, _, got := w.revokeList(user)
		wantText(t, user, got, c.want...)
		for _, not := range c.not {
			if strings.Contains(got, not) {
				t.Errorf("%s reads %q: %s", user, not, got)
			}
		}
	}
}

// Nothing can be revoked any more, and people still have access: the list must say both.
func TestTheListNamesClosedGrantsWhoseSessionsAreStillEnding(t *testing.T) {
	w := newRespondingWorld(t)
	closed := w.grants("U0DEV1", "payments-dev")
	w.http(w.clickedElsewhere("U0DEV1", "end", closed.ID))
	w.feed()
	_, _, got := w.revokeList("U0SEC1")
	wantText(t, "a responder", got, "There is no grant that you may revoke now.",
		"*The sessions of 1 closed grant are still ending.*", "<@U0DEV1>: *ReadOnly* in *payments-dev*", closed.ID,
		"ending since")
	if _, _, got = w.revokeList("U0DEV2"); strings.Contains(got, closed.ID) {
		t.Errorf("somebody who may not revoke it reads %s", got)
	}
	done, event, err := w.at(closed.ID).CutIsDone(w.clock())
	if err == nil {
		err = w.store.Save(t.Context(), done, event, "")
	}
	if _, _, got = w.revokeList("U0SEC1"); err != nil || strings.Contains(got, "ending") {
		t.Errorf("when they have ended, it says %s, %v", got, err)
	}
}

func TestAListOfManyGrantsHasPages(t *testing.T) {
	w := newRespondingWorld(t)
	for i := range slackui.MaxRevocable*2 + 1 {
		r, event, err := access.New(access.Ask{
			ID: fmt.Sprintf("01ARZ3NDEKTSV4RRFFQ7%06d", i), Account: "222222222222", AccountName: "payments-dev",
			Role: "ReadOnly", Requester: access.Person{ID: "U0DEV1", Membership: access.Member}, For: time.Hour, Reason: "why",
		}, access.Terms{Max: time.Hour, Met: true, Give: []access.Kind{access.Keys}}, noon.Add(time.Duration(i)*time.Second))
		if err == nil {
			err = w.store.Save(context.Background(), r, event, "")
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	w.pass(time.Minute)
	channel, ts, got := w.revokeList("U0SEC1")
	wantText(t, "the first page", got, "1 to 10 of 21", "Q7000020", `"Older"`)
	w.press("U0SEC1", channel, ts, "Older")
	w.press("U0SEC1", channel, ts, "Older")
	m, _ := w.slack.Message(channel, ts)
	wantText(t, "the last page", string(m.Blocks), "21 to 21 of 21", "Q7000000", `"Newer"`)
	if strings.Contains(string(m.Blocks), `"Older"`) {
		t.Errorf("the last page has a button Older: %s", m.Blocks)
	}
	w.press("U0SEC1", channel, ts, "Revoke")
	wantText(t, "the form", w.form("U0SEC1"), "No session of it is alive.", "Q7000000")
	if strings.Contains(w.form("U0SEC1"), "forged") {
		t.Error("the list is taken for a forged message")
	}
	w.submits("U0SEC1", map[string]string{"Reason": "lost"})
	if r := w.at("01ARZ3NDEKTSV4RRFFQ7000000"); r.State != access.Revoked || r.Closed.Why != "lost" {
		t.Errorf("the grant is %s by %+v\n%s", r.State, r.Closed, w.logs)
	}
	// A message in a channel must not be replaced by what one person may revoke.
	w.http(w.clickedElsewhere("U0SEC1", slackui.ActionRevokePage, "1"))
	if w.lastCode() != "unknown_action" || strings.Contains(w.seen(in("C0APPROVALS")), "Q7000010") {
		t.Errorf("a forged list: %s", w.lastCode())
	}
}

func TestAResponderRevokesEverythingOfAPersonWithTheirComputers(t *testing.T) {
	w := newRespondingWorld(t)
	if _, err := w.pairsBy(w.login("U0DEV1"), 1); err != nil {
		t.Fatal(err)
	}
	a, other := w.grants("U0DEV1", "payments-dev"), w.grants("U0DEV2", "payments-dev")
	w.http(w.typed("U0DEV1", `payments-prod ReadOnly 1h "why"`))
	b := w.newest("U0DEV1")
	w.http(w.clicked("U0LEAD1", "approve", b.ID))
	w.http(w.clickedElsewhere("U0DEV1", "keys", b.ID))
	w.order()
	channel, ts, _ := w.revokeList("U0SEC1")
	w.press("U0SEC1", channel, ts, "Everything of a person…")
	w.submits("U0SEC1", map[string]string{"Person": "U0DEV1"})
	wantText(t, "the form", w.form("U0SEC1"), "Everything of <@U0DEV1>", "*2 grants* with *2 live sessions*",
		"All computers of this person are removed")
	if shown := w.submits("U0SEC1", map[string]string{"Reason": "  "}); !strings.Contains(shown, "A reason is needed.") {
		t.Errorf("without a reason: %q", shown)
	}
	w.submits("U0SEC1", map[string]string{"Reason": "a laptop is stolen"})
	wantText(t, "the form", w.form("U0SEC1"), "This is being revoked now.")
	w.orderRevocations()
	for _, r := range []access.Request{a, b} {
		if r = w.at(r.ID); r.State != access.Revoked || r.Closed.By.ID != "U0SEC1" || r.Cut != access.CutEnding {
			t.Errorf("%s is %s by %s, %s", r.AccountName, r.State, r.Closed.By.ID, r.Cut)
		}
	}
	if w.at(other.ID).State != access.Active {
		t.Error("another person's grant was revoked")
	}
	l, err := w.store.DeviceList(context.Background(), "U0DEV1")
	if err != nil || len(l.Devices) != 0 {
		t.Errorf("%d computers are left, %v", len(l.Devices), err)
	}
	wantText(t, "the answer", w.seen(onlyTo("U0SEC1")), "2 grants revoked.", "1 paired computer removed.")
	wantText(t, "operators", w.seen(in("C0OPS")),
		"(U0SEC1) has ordered to revoke everything of U0DEV1. Revoked: 2 grants with 2 live sessions.", "a laptop is stolen")
	wantText(t, "the card or message", w.seen(with("U0DEV1")), "was revoked by <@U0SEC1>", "*Ending*")
	wantText(t, "logs", w.logs.String(), "several grants were revoked", `"grants":2`)
}

func TestAResponderRevokesEverythingInAnAccount(t *testing.T) {
	w := newRespondingWorld(t)
	a, b := w.grants("U0DEV1", "payments-dev"), w.grants("U0DEV2", "data-dev")
	channel, ts, _ := w.revokeList("U0SEC1")
	w.press("U0SEC1", channel, ts, "Everything in an account…")
	wantText(t, "the menu", w.form("U0SEC1"), "payments-dev (222222222222): 1 grant", "data-dev")
	w.submits("U0SEC1", map[string]string{"Account": "222222222222"})
	wantText(t, "the form", w.form("U0SEC1"), "Everything in payments-dev (222222222222)",
		"*1 grant* with *1 live session*")
	w.submits("U0SEC1", map[string]string{"Reason": "an incident"})
	w.orderRevocations()
	if w.at(a.ID).State != access.Revoked || w.at(b.ID).State != access.Active {
		t.Errorf("the grants are %s and %s", w.at(a.ID).State, w.at(b.ID).State)
	}
}

// Whatever a person sends who is no responder, nothing is revoked, frozen or thawed.
func TestOthersCannotUseTheFormsOfResponders(t *testing.T) {
	reason := map[string]string{
		slackui.ActionReason: "x", slackui.ActionPerson: "U0DEV1", slackui.ActionRevokeIn: "222222222222",
	}
	for user, code := range map[string]string{
		"U0DEV1": "not_responder", "U0LEAD1": "not_responder", "U0GUEST": "guest", "U0GONE": "deactivated",
		"U0OUTSIDE": "other_workspace",
	} {
		w := newRespondingWorld(t)
		r := w.grants("U0DEV1", "payments-dev")
		for _, action := range []string{slackui.ActionRevokePerson, slackui.ActionRevokeAccount, slackui.ActionRevokeAll,
			slackui.ActionFreeze, slackui.ActionThaw} {
			w.http(w.clickedElsewhere(user, action, "x"))
			if got := w.lastCode(); got != code {
				t.Errorf("%s presses %s: %q, want %q", user, action, got, code)
			}
			w.logs.Reset()
		}
		for callback, metadata := range map[string]string{slackui.CallbackRevokePerson: "", slackui.CallbackRevokeAccount: "",
			slackui.CallbackRevokeMany: "all", slackui.CallbackFreeze: "", slackui.CallbackThaw: ""} {
			w.http(w.sent(user, "V1", callback, metadata, reason))
			if got := w.lastCode(); got != code {
				t.Errorf("%s sends %s: %q, want %q", user, callback, got, code)
			}
			w.logs.Reset()
		}
		// The slack function itself sends an order for somebody who is no responder.
		for _, of := range []access.Scope{{Kind: access.OfAll}, {Kind: access.OfPerson, ID: "U0DEV1"}} {
			text, err := json.Marshal(map[string]access.Revocation{
				"revoke": {ID: "V1", By: user, Of: of, Why: "x", At: w.clock()},
			})
			if err != nil {
				t.Fatal(err)
			}
			_, _ = w.Vend.Handle(t.Context(), text) // somebody outside the workspace cannot be answered
			if got := w.lastCode(); got != code {
				t.Errorf("%s orders %s: %q, want %q", user, of, got, code)
			}
		}
		f, err := w.store.Freeze(context.Background())
		if err != nil || f.On || w.at(r.ID).State != access.Active {
			t.Errorf("%s: frozen %v, the grant is %s, %v", user, f.On, w.at(r.ID).State, err)
		}
	}
}

func TestForgedScopesAreRefused(t *testing.T) {
	w := newRespondingWorld(t)
	r := w.grants("U0DEV1", "payments-dev")
	for _, metadata := range []string{"", "person", "person:", "person:*", "account:2", "all:x", "everything", r.ID} {
		w.http(w.sent("U0SEC1", "V1", slackui.CallbackRevokeMany, metadata, why))
		if got := w.lastCode(); got != "unknown_form" || len(w.revocations) != 0 {
			t.Errorf("%q: %q and %d orders", metadata, got, len(w.revocations))
		}
		w.logs.Reset()
	}
	for _, payload := range []string{`{"revoke":{}}`, `{"revoke":{"id":"V1","by":"U0SEC1","of":{},"why":"x"}}`,
		`{"revoke":null}`, `{"revoke":{"more":1}}`, `{"revoke":{},"device":{}}`} {
		if _, err := w.Vend.Handle(t.Context(), []byte(payload)); err == nil {
			t.Errorf("vend accepts %s", payload)
		}
	}
	if w.at(r.ID).State != access.Active {
		t.Error("the grant was revoked")
	}
}

// Nothing is granted, handed out or paired while everything is frozen, and everybody who tries reads
// so. The operators are told of the freeze and of the thaw.
func TestAFreezeIsToldAndThawedByTwoResponders(t *testing.T) {
	w := newRespondingWorld(t)
	r := w.grants("U0DEV1", "payments-dev")
	w.http(w.typed("U0DEV1", `payments-prod ReadOnly 1h "why"`))
	pending := w.newest("U0DEV1")
	channel, ts, _ := w.revokeList("U0SEC1")
	w.press("U0SEC1", channel, ts, "Freeze…")
	w.submits("U0SEC1", map[string]string{"Reason": "the bot token leaked"})
	wantText(t, "the form", w.form("U0SEC1"), "*Everything is frozen* by <@U0SEC1>")
	wantText(t, "operators", w.seen(in("C0OPS")), "Everything is frozen by “", "the bot token leaked")
	wantText(t, "logs", w.logs.String(), "the freeze was changed", `"by":"U0SEC1"`)
	for what, do := range map[string]func(){
		"a request that nobody approves": func() { w.http(w.typed("U0DEV2", `payments-dev ReadOnly 1h "why"`)) },
		"an approval":                    func() { w.http(w.clicked("U0LEAD1", "approve", pending.ID)) },
		"keys":                           func() { w.http(w.clickedElsewhere("U0DEV1", "keys", r.ID)); w.order() },
	} {
		w.logs.Reset()
		do()
		if got := w.lastCode(); got != access.CodeFrozen {
			t.Errorf("%s: %q, want frozen", what, got)
		}
	}
	w.pass(time.Minute)
	w.http(w.typed("U0DEV2", ""))
	wantText(t, "the form", w.form("U0DEV2"), "AWS access is frozen")
	wantText(t, "the answer to the click on keys", w.seen(onlyTo("U0DEV1")), "AWS access is frozen")
	if len(w.at(r.ID).Sessions) != 1 || w.at(pending.ID).State != access.Pending {
		t.Errorf("something was given: %+v, %s", w.at(r.ID).Sessions, w.at(pending.ID).State)
	}
	w.minutes(2) // the tick finds the operators told
	for i, user := range []string{"U0SEC1", "U0SEC1", "U0LEAD2"} {
		channel, ts, _ = w.revokeList(user)
		w.press(user, channel, ts, "Thaw…")
		wantText(t, "the form", w.form(user), "the bot token leaked", "Two responders have to agree.")
		w.submits(user, nil)
		want := [...]string{"Another responder has to agree.", "You have agreed before.", "Nothing is frozen."}[i]
		wantText(t, "step "+strconv.Itoa(i), w.form(user), want)
	}
	wantText(t, "operators", w.seen(in("C0OPS")), "wants to thaw.", "Nothing is frozen any more: it was thawed by “")
	if n := w.told("C0OPS", "Everything is frozen by “"); n != 1 {
		t.Errorf("the operators were told %d times of the freeze", n)
	}
	w.http(w.clickedElsewhere("U0DEV1", "keys", r.ID)) // what was refused can be asked for again
	w.order()
	w.http(w.clicked("U0LEAD1", "approve", pending.ID))
	if len(w.at(r.ID).Sessions) != 2 || w.at(pending.ID).State != access.Active {
		t.Errorf("after the thaw: %+v, %s\n%s", w.at(r.ID).Sessions, w.at(pending.ID).State, w.logs)
	}
}

// A request that needs approval can be made during a freeze. The requester reads that nothing new is
// granted, since when and by whom; so does everybody who is refused.
func TestAskingWhileFrozenSaysSinceWhenAndByWhom(t *testing.T) {
	w := newRespondingWorld(t)
	by := access.Person{ID: "U0SEC1", Name: "sec1", Membership: access.Member}
	f, _ := access.Freeze{}.Start(by, "a stolen laptop", w.clock())
	if err := w.store.SaveFreeze(t.Context(), f); err != nil {
		t.Fatal(err)
	}
	const pending = "*AWS access is frozen* by <@U0SEC1> since <!date^1795262400^"
	const refused = "nobody gets access until it is thawed. sec1 froze it at 21 Nov 12:00 UTC."
	w.pass(time.Second)
	ask := w.typed("U0DEV1", `payments-prod ReadOnly 1h "why"`)
	for what, c := range map[string]struct{ got, want string }{
		"in one line":          {w.http(ask).Body, pending},
		"asked again":          {w.http(w.typed("U0DEV1", `payments-prod ReadOnly 1h "why"`)).Body, pending},
		"nobody must approve":  {w.http(w.typed("U0DEV2", `payments-dev ReadOnly 1h "why"`)).Body, refused},
		"what is wrong anyway": {w.http(w.typed("U0DEV2", `nowhere ReadOnly 1h "why"`)).Body, "nowhere"},
	} {
		wantText(t, what, c.got, c.want)
	}
	r := w.newest("U0DEV1")
	w.feed()
	card := w.slack.Messages()[0]
	w.press("U0LEAD1", card.Channel, card.TS, "Approve")
	wantText(t, "the answer to the approver", w.seen(onlyTo("U0LEAD1")), refused)
	w.http(w.typed("U0DEV1", ""))
	wantText(t, "the form", w.form("U0DEV1"), "is frozen* by", "U0SEC1", "others are refused.")
	if r = w.at(r.ID); r.State != access.Pending {
		t.Errorf("the request is %s", r.State)
	}
	next, _ := f.End(w.clock())
	if err := w.store.SaveFreeze(t.Context(), next); err != nil {
		t.Fatal(err)
	}
	got := w.http(w.typed("U0DEV1", `payments-prod ReadOnly 1h "why"`)).Body
	if strings.Contains(got, "frozen") {
		t.Errorf("after the thaw: %s", got)
	}
}

func TestAskingAgainIsAllowedOnTheCard(t *testing.T) {
	w := newRespondingWorld(t)
	r := w.granted()
	w.revoke("U0LEAD2", r.ID)
	w.feed()
	card := w.slack.Messages()[0]
	wantText(t, "the card", w.seen(in("C0APPROVALS")), "Allow asking again")
	ask := func() string {
		w.logs.Reset()
		w.http(w.typed("U0DEV1", `payments-prod ReadOnly 1h "again"`))
		return w.lastCode()
	}
	if code := ask(); code != access.CodeRevokedLately {
		t.Errorf("asking again: %q", code)
	}
	w.press("U0LEAD1", card.Channel, card.TS, "Allow asking again")
	if code := w.lastCode(); code != access.CodeNotResponder || ask() != access.CodeRevokedLately {
		t.Errorf("a lead allows it: %q", code)
	}
	w.http(w.clickedOn("U0SEC1", slackui.ActionLift, r.ID, "9.9"))
	if code := w.lastCode(); code != "unknown_message" || ask() != access.CodeRevokedLately {
		t.Errorf("a forged message: %q", code)
	}
	w.press("U0SEC1", card.Channel, card.TS, "Allow asking again")
	w.feed()
	wantText(t, "the card", w.seen(in("C0APPROVALS")), "Asking again was allowed")
	wantText(t, "the requester", w.seen(with("U0DEV1")), "<@U0SEC1> has allowed you to ask again for *ReadOnly*")
	if code := ask(); code != "" {
		t.Errorf("after a responder allowed it: %q\n%s", code, w.logs)
	}
}

// The operators are told of a role whose sessions cannot be ended, once, and of the end of that. A
// responder sees it in the list.
func TestACutThatFailsIsTold(t *testing.T) {
	ctx := context.Background()
	w := newRespondingWorld(t)
	r := w.grants("U0DEV1", "payments-dev")
	w.revoke("U0SEC1", r.ID)
	l, err := w.store.CutList(ctx, r.CutKey())
	if err != nil || len(l.Names) != 1 {
		t.Fatalf("%+v, %v\n%s", l, err, w.logs)
	}
	report := func() {
		t.Helper()
		if err := w.store.SaveCutList(ctx, l); err != nil {
			t.Fatal(err)
		}
		w.tick()
	}
	for range 6 {
		l = l.FailedWith("iam_throttled", w.clock())
		report()
	}
	wantText(t, "operators", w.seen(in("C0OPS")), "of the role ReadOnly in 222222222222 cannot be ended: 4 tries",
		"iam_throttled")
	if n := w.told("C0OPS", "cannot be ended"); n != 1 {
		t.Errorf("the operators were told %d times", n)
	}
	_, _, list := w.revokeList("U0LEAD2")
	wantText(t, "the list", list, "could not be ended, 6 times since", "iam_throttled")
	l = l.Worked(access.WrittenDeny{Grants: map[string]time.Time{r.ID: w.clock().Add(time.Hour)}}, w.clock())
	report()
	told := w.told("C0OPS", "a deny was written, or they have expired")
	if _, _, list = w.revokeList("U0LEAD2"); told != 1 || strings.Contains(list, "could not be ended") {
		t.Errorf("after it worked: told %d times, and the list says %s", told, list)
	}
}

// Nothing is left to end when the sessions have expired, although no deny was ever written.
func TestACutThatFailsUntilTheSessionsExpireIsOver(t *testing.T) {
	ctx := context.Background()
	w := newRespondingWorld(t)
	r := w.grants("U0DEV1", "payments-dev")
	w.revoke("U0SEC1", r.ID)
	l, err := w.store.CutList(ctx, r.CutKey())
	if err != nil {
		t.Fatal(err)
	}
	save := func() {
		t.Helper()
		if err := w.store.SaveCutList(ctx, l); err != nil {
			t.Fatal(err)
		}
	}
	for range 5 {
		l = l.FailedWith("iam_throttled", w.clock())
		save()
	}
	w.tick()
	w.pass(2 * time.Hour)
	l = l.Cleared(w.clock())
	save()
	w.tick()
	w.tick()
	began, over := w.told("C0OPS", "cannot be ended"), w.told("C0OPS", "or they have expired")
	if began != 1 || over != 1 {
		t.Errorf("the operators were told %d times that it fails and %d times that it is over", began, over)
	}
}
