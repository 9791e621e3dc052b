package functions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
	"github.com/aws-access/aws-access/pkg/lifecycle"
	"github.com/aws-access/aws-access/pkg/slackui"
	"github.com/aws-access/aws-access/pkg/wire"
)

var codeForm = regexp.MustCompile(`[0-7][0-9A-HJKMNP-TV-Z]{4}(-[0-9A-HJKMNP-TV-Z]{5}){4}-[0-9A-HJKMNP-TV-Z]`)

// private returns what a person alone reads in the conversation with the app.
func (w *world) private(user string) string {
	return w.seen(func(m slackfake.Message) bool { return m.To == user && m.DMWith == user })
}

// direct returns the messages that stay in a person's conversation with the app.
func (w *world) direct(user string) string {
	return w.seen(func(m slackfake.Message) bool { return m.To == "" && m.DMWith == user })
}

// login types /aws-access login, and returns the code that the person reads.
func (w *world) login(user string) string {
	w.t.Helper()
	before := len(w.private(user))
	answer := w.http(w.typed(user, "login"))
	if !strings.Contains(answer.Body, "your messages from this app") {
		w.t.Fatalf("answered %s", answer.Body)
	}
	w.orderDevices()
	return codeForm.FindString(w.private(user)[before:])
}

func computer(n int) string { return fmt.Sprintf("%043d", n) }

// pairs pairs a computer by a code, as a call through /v1 does.
func (w *world) pairsBy(code string, n int) (access.Device, error) {
	w.t.Helper()
	parsed, err := wire.ParsePairingCode(access.NewSecret(code))
	if err != nil {
		w.t.Fatal(err)
	}
	key, err := parsed.PublicKey()
	if err != nil {
		w.t.Fatal(err)
	}
	d, _, err := w.Vend.Devices.Step.Pair(context.Background(), lifecycle.Pairing{
		Device: computer(n), Key: "{}", Code: key, Name: fmt.Sprint("pc", n),
	})
	return d, err
}

func TestLoginShowsTheCodeToThePersonAlone(t *testing.T) {
	w := newWorld(t)
	code := w.login("U0DEV1")
	got := w.private("U0DEV1")
	wantText(t, "the private answer", got, "aws-access login "+deviceURL, "Nobody will ever ask you for this code.")
	if command, at, safe := strings.Index(got, "aws-access login"), strings.Index(got, code),
		strings.Index(got, "Nobody"); code == "" || command > at || at > safe {
		t.Errorf("the command, the code and the sentence are in another order: %s", got)
	}
	all := w.seen(func(m slackfake.Message) bool { return m.To != "U0DEV1" || m.DMWith != "U0DEV1" })
	if strings.Contains(all, code) {
		t.Errorf("somebody else reads the code: %s", all)
	}
	if d, err := w.pairsBy(code, 1); err != nil || d.Owner != "U0DEV1" {
		t.Errorf("the code pairs %+v, %v", d, err)
	}
}

// The code is in the private answer and nowhere else.
func TestTheCodeIsInNoLogTableOrError(t *testing.T) {
	w := newWorld(t)
	code := w.login("U0DEV1")
	parsed, err := wire.ParsePairingCode(access.NewSecret(code))
	if err != nil {
		t.Fatal(err)
	}
	w.refuse = func(method, _, _ string) string {
		if method == "chat.postEphemeral" {
			return "invalid_blocks"
		}
		return ""
	}
	w.http(w.typed("U0DEV1", "login"))
	text, _ := json.Marshal(map[string]access.DeviceOrder{"device": w.devices[0]})
	_, undelivered := w.Vend.Handle(t.Context(), text)
	if undelivered == nil {
		t.Fatal("an answer that Slack refuses is no error")
	}
	all := w.logs.String() + undelivered.Error() + fmt.Sprint(parsed)
	for _, item := range w.store.DeviceItems() {
		all += fmt.Sprint(item)
	}
	records, _ := w.store.Records(0, 1000)
	stream, _ := json.Marshal(records)
	all += string(stream) + w.seen(in("C0OPS"))
	if found := codeForm.FindString(all); found != "" || strings.Contains(all, strings.ReplaceAll(code, "-", "")) {
		t.Errorf("the code %s is in: %s", found, all)
	}
	if !strings.Contains(all, "code#") {
		t.Error("no code is stored: this test looks at nothing")
	}
}

func TestLoginIsRefusedAtOnceWhenThePolicyHasNoDevices(t *testing.T) {
	w := newWorld(t)
	w.policy = w.compiled(strings.Replace(readPolicy(t), "devices: {for: 30d, most: 5}", "devices: none", 1))
	w.rebuild()
	for _, line := range []string{"login", "devices"} {
		answer := w.http(w.typed("U0DEV1", line))
		wantText(t, line, answer.Body, "The policy does not allow the command line for people.")
	}
	if len(w.devices) != 0 {
		t.Errorf("orders were sent: %+v", w.devices)
	}
	if help := w.http(w.typed("U0DEV1", "help")); strings.Contains(help.Body, "login") {
		t.Errorf("help offers it: %s", help.Body)
	}
}

func TestLoginCountsTowardsTheLimitOfCommands(t *testing.T) {
	w := newWorld(t)
	for range rateBurst {
		w.http(w.typed("U0DEV1", "login"))
	}
	wantText(t, "one more", w.http(w.typed("U0DEV1", "login")).Body, "too fast")
	if len(w.devices) != rateBurst {
		t.Errorf("%d orders, want %d", len(w.devices), rateBurst)
	}
	for _, o := range w.devices {
		o.At = w.clock()
	}
	w.orderDevices()
	if n := len(codeForm.FindAllString(w.private("U0DEV1"), -1)) / 2; n != access.MaxCodeOrders { // text and block
		t.Errorf("%d codes were given, want %d", n, access.MaxCodeOrders)
	}
	wantText(t, "the answer to the others", w.private("U0DEV1"), "You have asked for 20 pairing codes")
}

func TestAGuestAndSomebodyWhoHasLeftGetNoCode(t *testing.T) {
	w := newWorld(t)
	for _, user := range []string{"U0GUEST"} {
		if code := w.login(user); code != "" {
			t.Errorf("%s got a code", user)
		}
		wantText(t, user, w.private(user), "Guests of this workspace cannot use AWS access.")
	}
	if n := len(w.store.DeviceItems()); n != 0 {
		t.Errorf("%d items were written", n)
	}
}

// Lambda may deliver an order twice. The person gets one code.
func TestAnOrderThatComesTwiceGivesOneCode(t *testing.T) {
	w := newWorld(t)
	w.http(w.typed("U0DEV1", "login"))
	w.devices = append(w.devices, w.devices[0])
	w.orderDevices()
	if n := len(codeForm.FindAllString(w.private("U0DEV1"), -1)) / 2; n != 1 {
		t.Errorf("%d codes, want one", n)
	}
	if got := w.private("U0DEV1"); strings.Contains(got, "already") {
		t.Errorf("the second delivery is answered too: %s", got)
	}
	late := access.DeviceOrder{Do: access.ListDevices, ID: "late", By: "U0DEV1", At: w.clock().Add(-access.OrderLife)}
	w.devices = []access.DeviceOrder{late}
	w.orderDevices()
	wantText(t, "an old order", w.private("U0DEV1"), "too late")
}

func TestVendRefusesMalformedOrdersAboutDevicesBeforeAnythingIsDone(t *testing.T) {
	w := newWorld(t)
	before := w.slackCalls.Load()
	for name, payload := range map[string]string{
		"no verb":         `{"device":{"id":"1","by":"U0DEV1","at":"2026-11-21T12:00:00Z"}}`,
		"another verb":    `{"device":{"do":"give","id":"1","by":"U0DEV1","at":"2026-11-21T12:00:00Z"}}`,
		"a channel":       `{"device":{"do":"pair","id":"1","by":"C0APPROVALS","at":"2026-11-21T12:00:00Z"}}`,
		"another field":   `{"device":{"do":"pair","id":"1","by":"U0DEV1","at":"2026-11-21T12:00:00Z","to":"U0EVIL"}}`,
		"two kinds":       `{"device":{"do":"pair","id":"1","by":"U0DEV1","at":"2026-11-21T12:00:00Z"},"check":{}}`,
		"null":            `{"device":null}`,
		"remove nothing":  `{"device":{"do":"remove","id":"1","by":"U0DEV1","at":"2026-11-21T12:00:00Z"}}`,
		"remove a secret": `{"device":{"do":"remove","id":"1","by":"U0DEV1","device":"SECRET","at":"2026-11-21T12:00:00Z"}}`,
	} {
		_, err := w.Vend.Handle(t.Context(), json.RawMessage(payload))
		if !errors.Is(err, access.ErrBadOrder) && !errors.Is(err, errUnknownTask) || strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: got %v", name, err)
		}
	}
	if calls := w.slackCalls.Load() - before; calls != 0 || len(w.store.DeviceItems()) != 0 {
		t.Errorf("%d calls of Slack, %d items", calls, len(w.store.DeviceItems()))
	}
	if strings.Contains(w.logs.String(), "SECRET") {
		t.Errorf("the log quotes an order: %s", w.logs)
	}
}

func TestAPairedComputerIsAnnouncedListedAndRemoved(t *testing.T) {
	w := newWorld(t)
	d, err := w.pairsBy(w.login("U0DEV1"), 1)
	if err != nil {
		t.Fatal(err)
	}
	w.feed()
	wantText(t, "the notice", w.direct("U0DEV1"), "pc1", "was paired with you", "If this was not you", `"remove_device"`)
	w.http(w.typed("U0DEV1", "devices"))
	w.orderDevices()
	wantText(t, "the list", w.private("U0DEV1"), "Your paired computers", "pc1", d.ID)

	notice := w.slack.Messages()[slices.IndexFunc(w.slack.Messages(), func(m slackfake.Message) bool {
		return m.DMWith == "U0DEV1" && m.To == "" && strings.Contains(m.Text, "was paired with you")
	})]
	w.press("U0DEV1", notice.Channel, notice.TS, "Remove")
	w.orderDevices()
	wantText(t, "the answer", w.private("U0DEV1"), "*pc1* ("+access.ShortDevice(d.ID)+") was removed.")
	w.feed()
	wantText(t, "the second notice", w.direct("U0DEV1"), "was removed from your paired computers")
	w.press("U0DEV1", notice.Channel, notice.TS, "Remove") // again
	w.orderDevices()
	w.tick()
	w.checkPairingNotice(notice, false)
	if n := strings.Count(w.direct("U0DEV1"), "was removed from your paired computers"); n != 2 { // text and block
		t.Errorf("the removal was announced %d times", n)
	}
}

// checkPairingNotice checks whether the message about a pairing has a button that removes the computer.
func (w *world) checkPairingNotice(was slackfake.Message, wants bool) {
	w.t.Helper()
	m, found := w.slack.Message(was.Channel, was.TS)
	if has := strings.Contains(string(m.Blocks), `"remove_device"`); !found || has != wants ||
		strings.Contains(m.Text, "It was removed, ") == wants {
		w.t.Errorf("the notice has a button: %v, want %v: %s %s", has, wants, m.Text, m.Blocks)
	}
}

// pairingNotice is the message about the pairing of a computer.
func (w *world) pairingNotice(user, name string) slackfake.Message {
	w.t.Helper()
	for _, m := range w.slack.Messages() {
		about := strings.Contains(m.Text, name) && strings.Contains(m.Text, "was paired with you")
		if m.DMWith == user && m.To == "" && about {
			return m
		}
	}
	w.t.Fatalf("%s has no notice of %s", user, name)
	return slackfake.Message{}
}

// In whatever way a computer is removed, the message about its pairing has no button any more.
func TestTheNoticeOfAPairingLosesItsButtonWithTheComputer(t *testing.T) {
	for how, remove := range map[string]func(*world, access.Device) error{
		"from the list, or by the command line": func(w *world, d access.Device) error {
			_, err := w.Vend.Devices.Step.Remove(context.Background(), "U0DEV1", d.ID)
			return err
		},
		"with everything of the person": func(w *world, _ access.Device) error {
			_, err := w.Vend.Devices.Step.RemoveAll(context.Background(), "U0DEV1")
			return err
		},
		"because the person has left": func(w *world, _ access.Device) error {
			return w.Vend.Devices.Step.Forget(context.Background(), "U0DEV1")
		},
	} {
		w := newWorld(t)
		d, err := w.pairsBy(w.login("U0DEV1"), 1)
		if err != nil {
			t.Fatal(err)
		}
		w.feed()
		w.pass(time.Hour)
		notice := w.pairingNotice("U0DEV1", "pc1")
		w.tick()
		w.checkPairingNotice(notice, true)
		if err := remove(w, d); err != nil {
			t.Fatalf("%s: %v", how, err)
		}
		w.feed()
		w.tick()
		w.checkPairingNotice(notice, false)
		if strings.Contains(w.logs.String(), "late") {
			t.Errorf("%s: it is taken for a message that is late: %s", how, w.logs)
		}
		updates := w.counted["chat.update"]
		w.minutes(3)
		if more := w.counted["chat.update"] - updates; more != 0 {
			t.Errorf("%s: the message was updated %d times more", how, more)
		}
	}
}

// The computer is removed before the message about its pairing was posted, or while it is being posted.
func TestANoticeOfAPairingThatComesLateHasNoButton(t *testing.T) {
	w := newWorld(t)
	d, err := w.pairsBy(w.login("U0DEV1"), 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Vend.Devices.Step.Remove(t.Context(), "U0DEV1", d.ID); err != nil {
		t.Fatal(err)
	}
	w.feed()
	w.checkPairingNotice(w.pairingNotice("U0DEV1", "pc1"), false)

	if d, err = w.pairsBy(w.login("U0DEV1"), 2); err != nil {
		t.Fatal(err)
	}
	w.refuse = func(method, _, text string) string {
		if method == "chat.postMessage" && strings.Contains(text, "pc2") && strings.Contains(text, "was paired with you") {
			w.refuse = nil
			_, err = w.Vend.Devices.Step.Remove(context.Background(), "U0DEV1", d.ID)
		}
		return ""
	}
	w.feed()
	w.pass(time.Minute)
	w.minutes(2)
	if err != nil {
		t.Fatal(err)
	}
	w.checkPairingNotice(w.pairingNotice("U0DEV1", "pc2"), false)
	if n := w.told(w.pairingNotice("U0DEV1", "pc2").Channel, "pc2* ("+access.ShortDevice(d.ID)+") was paired"); n != 1 {
		t.Errorf("the pairing was announced %d times", n)
	}
}

// Anybody can make the button of somebody else's computer appear, and click it.
func TestNobodyRemovesTheComputerOfSomebodyElse(t *testing.T) {
	w := newWorld(t)
	d, err := w.pairsBy(w.login("U0DEV1"), 1)
	if err != nil {
		t.Fatal(err)
	}
	w.http(w.clickedElsewhere("U0DEV2", slackui.ActionRemoveDevice, d.ID))
	w.orderDevices()
	wantText(t, "the answer", w.private("U0DEV2"), "You have no such device.")
	if got, err := w.store.Device(t.Context(), d.ID); err != nil || !got.Removed.IsZero() {
		t.Errorf("%+v, %v", got, err)
	}
	w.http(w.clickedElsewhere("U0DEV2", slackui.ActionRemoveDevice, "no device"))
	if len(w.devices) != 0 {
		t.Errorf("orders were sent: %+v", w.devices)
	}
}

// A thief used the code first. Its owner learns of the thief's computer, which is removed
// as soon as the owner types the code.
func TestAStolenCodeIsNoticed(t *testing.T) {
	w := newWorld(t)
	code := w.login("U0DEV1")
	if _, err := w.pairsBy(code, 66); err != nil {
		t.Fatal(err)
	}
	w.feed()
	wantText(t, "the notice", w.direct("U0DEV1"), "pc66", "was paired with you")
	if _, err := w.pairsBy(code, 1); access.Code(err) != access.CodeCodeUsed {
		t.Errorf("the owner: %v", err)
	}
	w.feed()
	wantText(t, "the second notice", w.direct("U0DEV1"), "came from another computer too", "pc66", "security team")
}

func TestANoticeWaitsUntilSlackAcceptsIt(t *testing.T) {
	for how, inTheEnd := range map[string]bool{"500": true, "messages_tab_disabled": true, "brand_new_code": true,
		"429 30": true, "invalid_auth": true, "user_not_found": false, "channel_not_found": false, "invalid_blocks": false} {
		w := newWorld(t)
		code := w.login("U0DEV1")
		w.refuse = func(method, _, text string) string {
			if method == "chat.postMessage" && strings.Contains(text, "was paired with you") {
				return how
			}
			return ""
		}
		if _, err := w.pairsBy(code, 1); err != nil {
			t.Fatal(err)
		}
		if failed := w.feed(); len(failed) != 0 {
			t.Errorf("%s: the record failed", how)
		}
		w.minutes(3)
		w.refuse = nil
		w.minutes(5)
		if n := strings.Count(w.direct("U0DEV1"), "was paired with you") / 2; n == 1 != inTheEnd {
			t.Errorf("%s: announced %d times", how, n)
		}
		if left, err := w.store.Notices(t.Context(), w.clock().Add(time.Hour), 10); err != nil || len(left) != 0 {
			t.Errorf("%s: %v are still owed, %v", how, left, err)
		}
		if p, err := w.store.Problems(t.Context()); err != nil || inTheEnd && hasOpen(p) {
			t.Errorf("%s: the operators' problems %+v, %v", how, p.Current, err)
		}
	}
}

// hasOpen reports whether a problem that has an end is not over.
func hasOpen(p access.Problems) bool {
	for _, one := range p.Current {
		if one.Forget.IsZero() && !one.Over {
			return true
		}
	}
	return false
}

// Two deliveries of one record, and the tick at the same time, post a notice once.
func TestANoticeIsPostedOnce(t *testing.T) {
	w := newWorld(t)
	if _, err := w.pairsBy(w.login("U0DEV1"), 1); err != nil {
		t.Fatal(err)
	}
	w.feed()
	w.fed = 0
	w.feed()
	w.minutes(3)
	if n := strings.Count(w.direct("U0DEV1"), "was paired with you") / 2; n != 1 {
		t.Errorf("announced %d times", n)
	}
}

// While one invocation waits for Slack, the tick does not post the same notice.
func TestANoticeIsPostedByOneInvocationAtATime(t *testing.T) {
	w := newWorld(t)
	if _, err := w.pairsBy(w.login("U0DEV1"), 1); err != nil {
		t.Fatal(err)
	}
	nested := false
	w.refuse = func(method, _, text string) string {
		if method == "chat.postMessage" && strings.Contains(text, "was paired with you") && !nested {
			nested = true
			if err := w.Notify.SendOwed(context.Background(), w.store); err != nil {
				t.Error(err)
			}
		}
		return ""
	}
	w.feed()
	if n := strings.Count(w.direct("U0DEV1"), "was paired with you") / 2; n != 1 || !nested {
		t.Errorf("announced %d times", n)
	}
}

// The operators are told once that direct messages are refused, and of the end only when
// the notice has arrived.
func TestTheOperatorsLearnThatNoticesAreRefused(t *testing.T) {
	w := newWorld(t)
	code := w.login("U0DEV1")
	w.refuse = func(method, _, text string) string {
		if method == "chat.postMessage" && strings.Contains(text, "was paired with you") {
			return "messages_tab_disabled"
		}
		return ""
	}
	if _, err := w.pairsBy(code, 1); err != nil {
		t.Fatal(err)
	}
	w.feed()
	w.minutes(6)
	if n := w.told("C0OPS", ""); n != 1 || w.told("C0OPS", "messages_tab_disabled") != 1 {
		t.Errorf("the operators read %d messages, want one: %s", n, w.seen(in("C0OPS")))
	}
	w.refuse = nil
	w.minutes(2)
	if n := w.told("C0OPS", ""); n != 2 {
		t.Errorf("the operators read %d messages, want two: %s", n, w.seen(in("C0OPS")))
	}
}
