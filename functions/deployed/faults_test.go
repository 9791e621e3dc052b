package deployed_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/store"
)

const line = `/aws-access payments-prod ReadOnly 2h "stuck payouts"`

// granted returns a world in which U0DEV1 has ReadOnly in payments-prod.
func granted(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	w.command("U0DEV1", line)
	w.click("U0LEAD1", "Approve", "C0APPROVALS")
	if r := w.request(); r.State != access.Active {
		t.Fatalf("the request is %s, want active", r.State)
	}
	return w
}

// verbs returns the events of a request, in order.
func (w *world) verbs() string {
	w.t.Helper()
	var all []string
	for _, e := range w.events() {
		verb := string(e.Verb)
		if e.Outcome != "" {
			verb += " " + string(e.Outcome)
		}
		all = append(all, verb)
	}
	return strings.Join(all, ", ")
}

// Answers of a table that does not work.
var tableAnswers = map[string]func(http.ResponseWriter, []byte){
	"throttled":     answers(http.StatusBadRequest, "ProvisionedThroughputExceededException"),
	"request limit": answers(http.StatusBadRequest, "ThrottlingException"),
	"gone":          answers(http.StatusBadRequest, "ResourceNotFoundException"),
	"broken":        answers(http.StatusInternalServerError, "InternalServerError"),
	"access taken":  answers(http.StatusBadRequest, "AccessDeniedException"),
	"not AWS":       repeats,
}

// A person who asks while the table is unreachable is told so, and nothing is kept. The
// same command works when the table is back.
func TestAnUnreachableTableLosesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for how, answer := range tableAnswers {
		w.wire.breaks(rule{op: "dynamodb:", how: answer})
		out := w.command("U0DEV1", line)
		if !strings.Contains(out.Body, "Something went wrong") || out.Status != http.StatusOK {
			t.Errorf("%s: asked, got %d %s", how, out.Status, out.Body)
		}
		reference := lastWord(out.Body)
		if !strings.Contains(w.logs("slack"), reference) {
			t.Errorf("%s: the reference %s is not in the log", how, reference)
		}
		w.wire.recovers()
		if n := len(w.requests()); n != 0 {
			t.Fatalf("%s: there are %d requests", how, n)
		}
	}
	if out := w.command("U0DEV1", line); !strings.Contains(out.Body, "Asked for") || w.request().State != access.Pending {
		t.Errorf("afterwards: got %s", out.Body)
	}
}

// lastWord returns the last word of the answer to a command.
func lastWord(body string) string {
	var said struct{ Text string }
	_ = json.Unmarshal([]byte(body), &said)
	words := strings.Fields(said.Text)
	if len(words) == 0 {
		return "(no answer)"
	}
	return words[len(words)-1]
}

// If a write was done and its answer was lost, the request moves once.
func TestALostAnswerOfTheTableIsOneMove(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	lose := func(function string) {
		w.wire.recovers()
		w.wire.breaks(rule{op: "dynamodb:TransactWriteItems", by: function, limit: 1, lost: true})
		w.wire.breaks(rule{op: "dynamodb:PutItem", by: "notify", limit: 1, lost: true})
	}
	lose("slack")
	if out := w.command("U0DEV1", line); !strings.Contains(out.Body, "Asked for") {
		t.Errorf("asked: got %s", out.Body)
	}
	lose("slack")
	w.click("U0LEAD1", "Approve", "C0APPROVALS")
	lose("vend")
	w.click("U0DEV1", "Get temporary keys", "@U0DEV1")
	lose("tick")
	w.pass(2 * time.Hour)
	if got, want := w.verbs(), "submit, approve, vend ordered, vend issued, tick"; got != want {
		t.Errorf("the events are %s, want %s", got, want)
	}
	if n := len(w.aws.Sessions()); n != 1 {
		t.Errorf("%d sessions were made, want one", n)
	}
	if cards, direct := len(w.messages(in("C0APPROVALS"))), len(w.messages(with("U0DEV1"))); cards != 1 || direct != 2 {
		t.Errorf("%d cards and %d direct messages, want 1 and 2", cards, direct)
	}
	if keys := w.keysOf("U0DEV1"); len(keys) != 1 {
		t.Errorf("keys came %d times, want once", len(keys))
	}
}

// Notify receives the records again that it could not handle.
func TestNotifyContinuesWhenTheTableIsBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for how, answer := range tableAnswers {
		before := len(w.messages(in("C0APPROVALS")))
		w.wire.breaks(rule{op: "dynamodb:BatchGetItem", by: "notify", limit: 5, how: answer})
		w.wire.breaks(rule{op: "dynamodb:PutItem", by: "notify", limit: 1, how: answer})
		w.command("U0DEV1", line)
		if n := len(w.messages(in("C0APPROVALS"))) - before; n != 1 {
			t.Errorf("%s: %d cards were posted, want one", how, n)
		}
		w.wire.recovers()
		w.click("U0DEV1", "Cancel", "C0APPROVALS") // otherwise the next one is refused as already_asked
	}
	if n := len(w.given(&w.parked)); n != 0 {
		t.Errorf("%d records were given up", n)
	}
}

// An order for which vend cannot read the request is kept for the operators and has no
// effect. The next click works.
func TestAnOrderThatCannotBeReadIsKept(t *testing.T) {
	t.Parallel()
	w := granted(t)
	w.wire.breaks(rule{op: "dynamodb:", by: "vend", how: tableAnswers["gone"]})
	w.click("U0DEV1", "Get temporary keys", "@U0DEV1")
	kept := w.given(&w.undone)
	if len(kept) != 1 || !strings.Contains(string(kept[0]), w.request().ID) ||
		!strings.Contains(string(kept[0]), "RetriesExhausted") {
		t.Errorf("kept: %s", kept)
	}
	if n := len(w.aws.Sessions()); n != 0 {
		t.Errorf("%d sessions were made", n)
	}
	w.wire.recovers()
	w.click("U0DEV1", "Get temporary keys", "@U0DEV1")
	if len(w.keysOf("U0DEV1")) != 1 {
		t.Error("the next click gave no keys")
	}
}

// A session that cannot be recorded is not handed out. The person is told, and the tick
// closes the order.
func TestASessionThatCannotBeRecordedIsNotHandedOut(t *testing.T) {
	t.Parallel()
	w := granted(t)
	w.wire.breaks(rule{op: "dynamodb:TransactWriteItems", by: "vend", skip: 1, how: tableAnswers["broken"]})
	w.click("U0DEV1", "Get temporary keys", "@U0DEV1")
	if n := len(w.keysOf("U0DEV1")); n != 0 || len(w.aws.Sessions()) != 1 {
		t.Errorf("keys came %d times of %d sessions", n, len(w.aws.Sessions()))
	}
	if told := w.last(onlyTo("U0DEV1")); !strings.Contains(told, "No session for ReadOnly in payments-prod") {
		t.Errorf("the person was told: %s", told)
	}
	w.wire.recovers()
	w.pass(2 * time.Minute)
	if got, want := w.verbs(), "submit, approve, vend ordered, tick failed"; got != want {
		t.Errorf("the events are %s, want %s", got, want)
	}
	if told := w.last(with("U0DEV1")); !strings.Contains(told, "came to nothing") {
		t.Errorf("the person was told: %s", told)
	}
	w.click("U0DEV1", "Get temporary keys", "@U0DEV1")
	if len(w.keysOf("U0DEV1")) != 1 {
		t.Error("the next click gave no keys")
	}
}

// A tick that fails returns an error, for the alarm. The next tick does its work.
func TestTheNextTickDoesTheWorkOfAFailedOne(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.command("U0DEV1", line)
	w.age(time.Hour)
	w.wire.breaks(rule{op: "dynamodb:", by: "tick", how: tableAnswers["throttled"]})
	event, _ := json.Marshal(scheduled())
	if _, err := w.lambda.Invoke(t.Context(), name("tick"), event); err == nil ||
		!strings.Contains(err.Error(), "list due requests") {
		t.Errorf("the tick says %v", err)
	}
	w.wire.recovers()
	w.tick()
	if r := w.request(); r.State != access.TimedOut {
		t.Errorf("the request is %s, want timed out", r.State)
	}
}

// A function does nothing without its secrets, and works when they are back.
func TestSecretsThatCannotBeRead(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.ssm.Refuse(signingAt, true)
	if out := w.command("U0DEV1", line); out.Status != http.StatusUnauthorized || len(w.requests()) != 0 {
		t.Errorf("without the signing secret: got %d, %d requests", out.Status, len(w.requests()))
	}
	w.ssm.Refuse(signingAt, false)
	w.ssm.Refuse(tokenAt, true)
	if out := w.command("U0DEV1", "/aws-access"); !strings.Contains(out.Body, "Something went wrong") ||
		len(w.slack.Views()) != 0 {
		t.Errorf("without the bot token: got %s, %d forms", out.Body, len(w.slack.Views()))
	}
	w.ssm.Refuse(tokenAt, false)
	if w.command("U0DEV1", "/aws-access"); len(w.slack.Views()) != 1 {
		t.Error("with the token back, no form opened")
	}
	w.command("U0DEV1", line)
	w.click("U0LEAD1", "Approve", "C0APPROVALS")
	w.ssm.Refuse(externAt, true)
	w.click("U0DEV1", "Get temporary keys", "@U0DEV1")
	if told := w.last(onlyTo("U0DEV1")); !strings.Contains(told, "ReadOnly in payments-prod") ||
		len(w.aws.Sessions()) != 0 {
		t.Errorf("without the external id: told %q, %d sessions", told, len(w.aws.Sessions()))
	}
	w.ssm.Refuse(externAt, false)
	w.click("U0DEV1", "Get temporary keys", "@U0DEV1")
	if got, want := w.verbs(), "submit, approve, vend ordered, vend failed, vend ordered, vend issued"; got != want {
		t.Errorf("the events are %s, want %s", got, want)
	}
}

// When STS refuses, the person reads the account and the role, and the log has the reason.
func TestSTSRefuses(t *testing.T) {
	t.Parallel()
	w := granted(t)
	w.aws.RemoveRole("111111111111", "ReadOnly")
	w.click("U0DEV1", "Open AWS console", "@U0DEV1")
	if told := w.last(onlyTo("U0DEV1")); !strings.Contains(told, "ReadOnly in payments-prod (111111111111)") {
		t.Errorf("the person was told: %s", told)
	}
	if log := w.logs("vend"); !strings.Contains(log, "AccessDenied") || !strings.Contains(log, `"code":"aws_refused"`) {
		t.Errorf("the log says: %s", log)
	}
	w.trust(w.external)
	w.click("U0DEV1", "Open AWS console", "@U0DEV1")
	if got, want := w.verbs(), "submit, approve, vend ordered, vend failed, vend ordered, vend issued"; got != want {
		t.Errorf("the events are %s, want %s", got, want)
	}
}

// A record that cannot be decoded is kept as it is, and holds up no other message.
func TestARecordThatCannotBeDecodedIsKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.put(item{
		"pk": text(store.RequestKey("01BAD")), "sk": text(store.EventPrefix + "000001"), "format": number("1"),
		"body": text(`{"cut off`),
	})
	w.put(
		item{"pk": text(store.RequestKey("01WORSE")), "sk": text(store.EventPrefix + "000001"), "body": text("no format")})
	for _, line := range []string{line, `/aws-access payments-prod Operator 1h "stuck payouts"`} {
		w.command("U0DEV1", line)
	}
	if a, b := len(w.messages(in("C0APPROVALS"))), len(w.messages(in("C0PAYMENTS"))); a != 1 || b != 1 {
		t.Errorf("%d and %d cards were posted, want one each", a, b)
	}
	kept := string(join(w.given(&w.parked)))
	for _, want := range []string{"request#01BAD", `{\"cut off`, "request#01WORSE", "RetryAttemptsExhausted"} {
		if !strings.Contains(kept, want) {
			t.Errorf("%s is not in what was kept: %.2000s", want, kept)
		}
	}
	if log := w.logs("notify"); !strings.Contains(log, "a stream record could not be processed") || !strings.Contains(log,
		"request#01BAD") {
		t.Errorf("the log does not name the item: %.2000s", log)
	}
}
