package functions

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// saved makes a request in the table and the stream.
func (w *world) saved(id, account string, channels ...string) access.Request {
	w.t.Helper()
	dev := access.Person{ID: "U0DEV1", Email: "dev1@example.com", Name: "Dev One", Membership: access.Member}
	terms := access.Terms{
		Max: 4 * time.Hour, Give: []access.Kind{access.Console}, AnswerWithin: 8 * time.Hour, Channels: channels,
		Requirements: []access.Requirement{{From: []string{"leads"}, Required: 1}},
	}
	ask := access.Ask{ID: id, Requester: dev, Account: "111111111111", AccountName: account, Role: "ReadOnly",
		For: time.Hour, Reason: "why"}
	return w.saves(access.New(ask, terms, w.clock()))
}

func (w *world) saves(r access.Request, event access.Event, err error) access.Request {
	w.t.Helper()
	if err == nil {
		err = w.store.Save(context.Background(), r, event, "")
	}
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

// lead approves or revokes.
var lead = access.Person{ID: "U0LEAD1", Email: "lead1@example.com", Name: "Lead One", Membership: access.Member}

func (w *world) approved(r access.Request) access.Request {
	w.t.Helper()
	return w.saves(r.Approve(lead, 0, access.Terms{
		Max: 4 * time.Hour, Met: true, Give: []access.Kind{access.Console}, Channels: r.Channels, AnswerWithin: 8 * time.Hour,
	}, w.clock()))
}

// minutes runs a tick each minute, and notify on what it writes.
func (w *world) minutes(n int) {
	w.t.Helper()
	for range n {
		w.pass(time.Minute)
		w.tick()
		w.feed()
	}
}

// told counts the messages in a channel that hold a text.
func (w *world) told(channel, text string) (n int) {
	for _, m := range w.slack.Messages() {
		if m.Channel == channel && strings.Contains(m.Text+string(m.Blocks), text) {
			n++
		}
	}
	return n
}

// refusing makes one channel refuse every message with a code.
func (w *world) refusing(channel, code string) {
	w.refuse = func(_, to, _ string) string {
		if to == channel {
			return code
		}
		return ""
	}
}

// Lambda delivers a shard in batches, one after another. A request that waits for a day
// must not hold up the other 49 of its shard.
func TestAChannelThatRefusesHoldsUpNoOtherRequest(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates days of ticks")
	}
	for _, code := range []string{"not_in_channel", "restricted_action_read_only_channel", "brand_new_code",
		"is_archived"} {
		t.Run(code, func(t *testing.T) {
			w := newWorld(t)
			w.refusing("C0PAYMENTS", code)
			w.saved("01R00", "shy", "C0PAYMENTS")
			for i := range 49 {
				w.saved(fmt.Sprintf("01R%02d", i+1), fmt.Sprintf("loud-%02d", i), "C0APPROVALS")
			}
			if failed := w.feed(); len(failed) != 0 {
				t.Fatalf("failed records: %v, want none: what is owed is done", failed)
			}
			if n := w.told("C0APPROVALS", "AWS access wanted"); n != 49 {
				t.Errorf("%d cards of the others, want all 49 at once", n)
			}
			for range 24 * 60 {
				w.pass(time.Minute)
				if err := w.Notify.SendOwed(context.Background(), w.store); err != nil {
					t.Fatal(err)
				}
			}
			if n := w.told("C0OPS", "C0PAYMENTS") + w.told("C0OPS", code); n == 0 || w.told("C0OPS", "") != 1 {
				t.Errorf("operators: got %q, want one message", w.seen(in("C0OPS")))
			}
			w.refuse = nil
			w.minutes(5)
			if n := w.told("C0PAYMENTS", "shy"); n != 1 || w.owed() != "" {
				t.Errorf("%d cards when the channel takes them again, want one; owed: %s", n, w.owed())
			}
			again := 1
			if code == "brand_new_code" {
				again = 0 // the card is still owed
			}
			if n := w.told("C0OPS", "again ("+code+" is over)"); n != again {
				t.Errorf("told of the end %d times, want %d:\n%s", n, again, w.seen(in("C0OPS")))
			}
		})
	}
}

// The bot is invited after the request was made. The card is posted, and nobody has to
// ask again.
func TestACardIsPostedWhenTheBotIsInvited(t *testing.T) {
	w := newWorld(t)
	w.slack.SetChannel(slackfake.Channel{ID: "C0APPROVALS", BotOut: true})
	r := w.saved("01R", "payments-prod", "C0APPROVALS")
	w.feed()
	mine := w.seen(with("U0DEV1"))
	wantText(t, "direct message", mine, "Nobody could be asked about", "payments-prod", "times out")
	list := w.http(w.typed("U0DEV1", "list")).Body
	wantText(t, "list", list, "Nobody could be asked about")
	w.minutes(3)
	if n := len(w.slack.Messages()); n != 2 {
		t.Errorf("%d messages while the bot is out, want one to the requester and one to the operators", n)
	}
	w.slack.SetChannel(slackfake.Channel{ID: "C0APPROVALS"})
	w.minutes(1)
	wantText(t, "card", w.seen(in("C0APPROVALS")), "AWS access wanted")
	wantText(t, "direct message", w.seen(with("U0DEV1")), "have been asked now")
	if list := w.http(w.typed("U0DEV1", "list")).Body; strings.Contains(list, "Nobody could be asked") {
		t.Errorf("the list still says that nobody was asked: %s", list)
	}
	if n := w.told("C0OPS", "not_in_channel is over"); n != 1 {
		t.Errorf("operators were told of the end %d times, want once: %s", n, w.seen(in("C0OPS")))
	}
	// An event of the request is another try before the next tick.
	w.slack.SetChannel(slackfake.Channel{ID: "C0PAYMENTS", BotOut: true})
	other := w.saved("01S", "payments-dev", "C0PAYMENTS")
	w.feed()
	w.slack.SetChannel(slackfake.Channel{ID: "C0PAYMENTS"})
	w.approved(other)
	w.feed()
	wantText(t, "card", w.seen(in("C0PAYMENTS")), "AWS access granted")
	_ = r
}

// If a second channel has accepted the card, approvers were asked.
func TestTheRequesterIsToldOnlyWhenNobodyWasAsked(t *testing.T) {
	w := newWorld(t)
	w.refusing("C0PAYMENTS", "is_archived")
	w.saved("01R", "payments-prod", "C0PAYMENTS", "C0APPROVALS")
	w.feed()
	wantText(t, "direct messages", w.seen(with("U0DEV1")), "")
	if strings.Contains(w.seen(with("U0DEV1")), "Nobody") {
		t.Error("the requester was told that nobody was asked")
	}
	// A rate limit is not reported for some minutes.
	w.refusing("C0APPROVALS", "429 30")
	w.saved("01S", "payments-dev", "C0APPROVALS")
	w.feed()
	w.minutes(4)
	if w.seen(with("U0DEV1")) != "" {
		t.Errorf("told after four minutes: %s", w.seen(with("U0DEV1")))
	}
	w.minutes(2)
	wantText(t, "direct message", w.seen(with("U0DEV1")), "Nobody could be asked")
}

func TestMessagesThatCannotBeSentAreParked(t *testing.T) {
	for code, c := range map[string]struct{ operators, log string }{
		"message_not_found": {"", "person no longer exists"},
		"invalid_blocks": {"one of the messages in C0APPROVALS, is not posted, because Slack refuses its form",
			"a message is set aside, because Slack refuses its form"},
	} {
		w := newWorld(t)
		r := w.saved("01R", "payments-prod", "C0APPROVALS")
		w.feed()
		w.refuse = func(method, _, _ string) string { return map[string]string{"chat.update": code}[method] }
		w.approved(r)
		w.feed()
		w.minutes(3)
		if n := len(slices.DeleteFunc(slices.Clone(w.calls),
			func(call string) bool { return !strings.HasSuffix(call, code) })); n != 1 || w.owed() != "" {
			t.Errorf("%s: tried %d times, want once; owed %q", code, n, w.owed())
		}
		wantText(t, "log of "+code, w.logs.String(), c.log)
		wantText(t, "operators of "+code, w.seen(in("C0OPS")), c.operators)
		if c.operators == "" && w.seen(in("C0OPS")) != "" {
			t.Errorf("%s: operators were told %s", code, w.seen(in("C0OPS")))
		}
	}
}

// Slack says in Retry-After how long to wait.
func TestRetryAfterIsHonoured(t *testing.T) {
	w := newWorld(t)
	w.refusing("C0APPROVALS", "429 90")
	w.saved("01R", "one", "C0APPROVALS")
	w.saved("01T", "three", "C0PAYMENTS")
	w.feed()
	w.minutes(1)
	count := func() (n int) {
		for _, call := range w.calls {
			if strings.HasPrefix(call, "chat.postMessage C0APPROVALS") {
				n++
			}
		}
		return n
	}
	if n := count(); n != 1 || w.told("C0PAYMENTS", "three") != 1 {
		t.Errorf("%d calls within 90 s, want one, and the other channel's card", n)
	}
	w.refuse = nil
	w.minutes(1)
	if w.told("C0APPROVALS", "AWS access wanted") != 1 || count() != 2 {
		t.Errorf("after 120 s: %d cards and %d calls, want 1 and 2", w.told("C0APPROVALS", "AWS access wanted"), count())
	}
}

// Slack accepts one message per second and channel. The second card waits for that
// second in the same invocation, after the messages of all others.
func TestAShortRateLimitDelaysOnlyItsOwnMessage(t *testing.T) {
	w := newWorld(t)
	last := map[string]time.Time{}
	var order []string
	w.refuse = func(method, channel, _ string) string {
		if method == "chat.postMessage" && w.clock().Sub(last[channel]) < time.Second {
			return "429 1"
		}
		last[channel] = w.clock()
		order = append(order, channel)
		return ""
	}
	w.Notify.Wait = func(_ context.Context, d time.Duration) error { w.pass(d); return nil }
	w.saved("01R", "one", "C0APPROVALS")
	w.saved("01S", "two", "C0APPROVALS")
	w.saved("01T", "three", "C0PAYMENTS")
	began := w.clock()
	w.feed()
	if got := strings.Join(order, " "); got != "C0APPROVALS C0PAYMENTS C0APPROVALS" ||
		w.clock().Sub(began) != time.Second || w.owed() != "" {
		t.Errorf("posted to %s after %s, owed %q; want all three, the second card last, after 1 s", got, w.clock().Sub(began),
			w.owed())
	}
	for i := range 10 { // in two seconds at most, and then the tick continues
		w.saved(fmt.Sprintf("01U%d", i), "many", "C0APPROVALS")
	}
	began = w.clock()
	w.feed()
	if waited := w.clock().Sub(began); waited > notifyTimeout || w.owed() == "" {
		t.Errorf("waited %s, owed %q; want at most %s", waited, w.owed(), notifyTimeout)
	}
	w.Tick.Messages.Wait = w.Notify.Wait
	w.minutes(1)
	if n := w.told("C0APPROVALS", "many"); n != 10 || w.owed() != "" {
		t.Errorf("%d cards after a tick, want 10; owed %s", n, w.owed())
	}
}

// After the app was installed anew, the old token is refused with account_inactive. The
// card waits for the new token.
func TestWithoutAValidTokenEveryMessageIsOwed(t *testing.T) {
	for _, code := range []string{"account_inactive", "token_revoked", "org_login_required"} {
		w := newWorld(t)
		w.refuse = func(string, string, string) string { return code }
		w.saved("01R", "one", "C0APPROVALS")
		w.saved("01S", "two", "C0PAYMENTS")
		w.feed()
		for range 30 {
			w.pass(time.Minute)
			if err := w.Notify.SendOwed(context.Background(), w.store); err != nil {
				t.Fatal(err)
			}
		}
		w.refuse = nil
		w.minutes(2)
		if w.told("C0APPROVALS", "one") != 1 || w.told("C0PAYMENTS", "two") != 1 || w.owed() != "" {
			t.Errorf("%s: cards %d and %d, owed %q", code, w.told("C0APPROVALS", "one"), w.told("C0PAYMENTS", "two"), w.owed())
		}
	}
}

// A message about a request that ended a day ago helps nobody. When it is dropped, the
// operators read that the problem is over.
func TestOwedMessagesAreDroppedADayAfterTheRequestIsOver(t *testing.T) {
	w := newWorld(t)
	w.refusing("C0APPROVALS", "not_in_channel")
	r := w.saved("01R", "one", "C0APPROVALS")
	w.feed()
	w.saves(r.Cancel(r.Requester, w.clock()))
	w.feed()
	for range 24*60 - 10 {
		w.pass(time.Minute)
		if err := w.Notify.SendOwed(context.Background(), w.store); err != nil {
			t.Fatal(err)
		}
	}
	if w.owed() == "" {
		t.Fatal("given up before a day was over")
	}
	w.minutes(15)
	if w.owed() != "" || !strings.Contains(w.logs.String(), "a message was given up") {
		t.Errorf("owed after a day: %q", w.owed())
	}
	const closed = "No message waits for Slack any more. Before, Slack did not accept messages in C0APPROVALS " +
		"(not_in_channel)."
	if n := w.told("C0OPS", closed); n != 1 {
		t.Errorf("the case was closed %d times, want once: %s", n, w.seen(in("C0OPS")))
	}
	// The next request that meets the problem is reported again.
	w.saved("01S", "two", "C0APPROVALS")
	w.feed()
	if n := w.told("C0OPS", "does not accept messages in C0APPROVALS"); n != 2 {
		t.Errorf("told %d times, want again for a new case", n)
	}
}

// Two invocations run at the same time. One claims the message, and the other leaves it
// alone.
func TestTwoTicksSendAnOwedMessageOnce(t *testing.T) {
	w := newWorld(t)
	w.refusing("C0APPROVALS", "not_in_channel")
	r := w.saved("01R", "one", "C0APPROVALS")
	w.feed()
	w.pass(time.Minute)
	w.refuse = nil
	done := false
	w.refuse = func(method, channel, _ string) string { // in the middle of the first tick's call
		if method == "chat.postMessage" && channel == "C0APPROVALS" && !done {
			done = true
			if err := w.Notify.SendOwed(context.Background(), w.store); err != nil {
				t.Error(err)
			}
			w.approved(r) // and the request moves, and notify hears of it
			w.feed()
		}
		return ""
	}
	w.tick()
	if n := w.told("C0APPROVALS", "one"); n != 1 || w.owed() != "" {
		t.Errorf("%d cards, want one; owed %q", n, w.owed())
	}
	wantText(t, "card", w.seen(in("C0APPROVALS")), "AWS access granted")
	wantText(t, "direct message", w.seen(with("U0DEV1")), "Open AWS console")
}

// Vend honours a rate limit too, and reports a problem that an operator can fix.
func TestVendHonoursRetryAfterAndTellsTheOperators(t *testing.T) {
	w := newWorld(t)
	r := w.granted()
	began, tries := w.clock(), 0
	w.Vend.Wait = func(_ context.Context, d time.Duration) error { w.pass(d); return nil }
	w.refuse = func(method, _, _ string) string {
		if method != "chat.postEphemeral" {
			return ""
		}
		if tries++; tries < 3 {
			return "429 2"
		}
		return ""
	}
	w.http(w.clicked("U0DEV1", "console", r.ID))
	w.order()
	wantText(t, "private answer", w.seen(onlyTo("U0DEV1")), "SigninToken=canary-link")
	if waited := w.clock().Sub(began); waited != 4*time.Second {
		t.Errorf("waited %s, want twice two seconds", waited)
	}
	w.refuse = func(method, _, _ string) string {
		return map[string]string{"chat.postEphemeral": "messages_tab_disabled"}[method]
	}
	for range 2 {
		w.http(w.clicked("U0DEV1", "console", r.ID))
		if err := w.Vend.HandleOrder(context.Background(), w.orders[0]); err == nil {
			t.Error("the answer counts as posted")
		}
		w.orders = nil
		w.pass(time.Second)
	}
	if n := w.told("C0OPS", "messages_tab_disabled"); n != 1 {
		t.Errorf("operators were told %d times, want once: %s", n, w.seen(in("C0OPS")))
	}
}
