package deployed_test

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
	"github.com/aws-access/aws-access/pkg/store"
)

// kills ends a function when one of its calls was done, before it receives the answer.
func (w *world) kills(function, op string) {
	w.wire.breaks(rule{op: op, limit: 1, lost: true, then: func() { w.lambda.Kill(name(function)) }})
}

// Vend is killed after it has recorded the intent, and after STS has answered. No session
// is handed out, the order is kept, the tick tells the person, and the next click works.
func TestVendIsKilledBetweenItsWrites(t *testing.T) {
	t.Parallel()
	for op, sessions := range map[string]int{"dynamodb:TransactWriteItems": 0, "sts:AssumeRole": 1} {
		t.Run(op, func(t *testing.T) {
			w := granted(t)
			w.kills("vend", op)
			w.click("U0DEV1", "Get temporary keys", "@U0DEV1")
			if got, want := w.verbs(), "submit, approve, vend ordered"; got != want {
				t.Errorf("the events are %s, want %s", got, want)
			}
			if len(w.keysOf("U0DEV1")) != 0 || len(w.aws.Sessions()) != sessions {
				t.Errorf("keys came %d times; %d sessions, want %d", len(w.keysOf("U0DEV1")), len(w.aws.Sessions()), sessions)
			}
			if kept := string(join(w.given(&w.undone))); !strings.Contains(kept, w.request().ID) ||
				!strings.Contains(kept, "Runtime.ExitError") {
				t.Errorf("kept for the operators: %s", kept)
			}
			w.pass(2 * time.Minute)
			if told := w.last(with("U0DEV1")); !strings.Contains(told, "came to nothing. Press the button again.") {
				t.Errorf("the person was told: %s", told)
			}
			w.click("U0DEV1", "Get temporary keys", "@U0DEV1")
			if got, want := w.verbs(), "submit, approve, vend ordered, tick failed, vend ordered, vend issued"; got != want {
				t.Errorf("the events are %s, want %s", got, want)
			}
			if len(w.keysOf("U0DEV1")) != 1 {
				t.Error("the next click gave no keys")
			}
		})
	}
}

// Notify is killed after it has posted a card and before it has recorded that. The card
// is posted again, and a click on either of them works.
func TestNotifyIsKilledAfterItPosted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.kills("notify", "slack:chat.postMessage")
	w.command("U0DEV1", line)
	cards := w.messages(in("C0APPROVALS"))
	if len(cards) != 2 {
		t.Fatalf("%d cards were posted, want the lost one and another", len(cards))
	}
	w.wire.recovers()
	press := w.pressing("U0LEAD1", "Approve", "C0APPROVALS")
	press.On = cards[0].Channel + "/" + cards[0].TS // the one that is not recorded
	w.acts(press)                                   // the click opens a form, in which the person decides
	views := w.slack.Views()
	if r := w.request(); r.State != access.Pending || len(views) != 1 {
		t.Fatalf("the request is %s and %d forms are open, want pending and one form that asks", r.State, len(views))
	}
	w.acts(slackfake.UserAction{As: "U0LEAD1", Submit: views[0].ID})
	if r := w.request(); r.State != access.Active {
		t.Errorf("the request is %s, want active", r.State)
	}
	if card := w.messages(in("C0APPROVALS"))[1]; !strings.Contains(card.Text, "AWS access granted") {
		t.Errorf("the known card says %q", card.Text)
	}
}

// The slack function is killed after its write, before it answers. The person sees an
// error, and the card of the request is posted. If Slack or the person sends the command
// again, there is still one request.
func TestSlackIsKilledAfterItsWrite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.kills("slack", "dynamodb:TransactWriteItems")
	if out := w.command("U0DEV1", line); !strings.Contains(out.Shown, "dispatch_failed") {
		t.Errorf("the person sees %+v", out)
	}
	if r := w.request(); r.State != access.Pending || len(w.messages(in("C0APPROVALS"))) != 1 {
		t.Errorf("the request is %s, with %d cards", r.State, len(w.messages(in("C0APPROVALS"))))
	}
	w.lambda.Crash(name("slack"), func(n int) bool { return n == 1 }) // it is killed while it answers
	w.click("U0LEAD1", "Approve", "C0APPROVALS")
	w.click("U0LEAD1", "Approve", "C0APPROVALS")
	if got, want := w.verbs(), "submit, approve"; got != want {
		t.Errorf("the events are %s, want %s", got, want)
	}
}

// records returns all records of events in the stream.
func (w *world) records() []events.DynamoDBEventRecord {
	w.t.Helper()
	all, err := w.table.Records(w.t.Context())
	w.must(err)
	return slices.DeleteFunc(all, func(r events.DynamoDBEventRecord) bool {
		return r.EventName != "INSERT" || !strings.HasPrefix(r.Change.Keys["sk"].String(), store.EventPrefix)
	})
}

// Lambda delivers each record at least once. The same records again, forwards and
// backwards, one by one and all together, change nothing that people see.
func TestRepeatedRecordsChangeNothing(t *testing.T) {
	t.Parallel()
	w := granted(t)
	w.click("U0DEV1", "Get temporary keys", "@U0DEV1")
	w.click("U0DEV1", "I'm done", "@U0DEV1")
	w.command("U0DEV2", `/aws-access payments-prod Operator 1h "stuck payouts"`)
	w.age(15 * time.Minute)
	w.tick() // a reminder
	before, _ := json.Marshal(w.slack.Messages())
	forward := w.records()
	if len(forward) != 8 {
		t.Fatalf("the stream carried %d events: %s", len(forward), w.verbs())
	}
	backward := slices.Clone(forward)
	slices.Reverse(backward)
	for _, batch := range [][]events.DynamoDBEventRecord{
		forward, backward, append(slices.Clone(forward), backward...), backward[:1], forward[:1],
	} {
		var answer events.DynamoDBEventResponse
		w.must(json.Unmarshal(w.invoke("notify", events.DynamoDBEvent{Records: batch}), &answer))
		if len(answer.BatchItemFailures) != 0 {
			t.Errorf("failed: %+v", answer)
		}
	}
	if after, _ := json.Marshal(w.slack.Messages()); !bytes.Equal(before, after) {
		t.Errorf("the messages changed\nfrom %s\nto   %s", before, after)
	}
}

// Lambda invokes each function twice with each event, vend too.
func TestEveryDeliveryTwiceHasOneEffect(t *testing.T) {
	t.Parallel()
	w := newWorld(t, func(w *world) { w.double = true })
	w.command("U0DEV1", line)
	w.click("U0LEAD1", "Approve", "C0APPROVALS")
	w.click("U0DEV1", "Get temporary keys", "@U0DEV1")
	w.click("U0DEV1", "I'm done", "@U0DEV1")
	if got, want := w.verbs(), "submit, approve, vend ordered, vend issued, end, cut"; got != want {
		t.Errorf("the events are %s, want %s", got, want)
	}
	cards, direct := len(w.messages(in("C0APPROVALS"))), len(w.messages(with("U0DEV1")))
	if keys := len(w.keysOf("U0DEV1")); cards != 1 || direct != 2 || keys != 1 {
		t.Errorf("%d cards, %d direct messages, keys %d times; want 1, 2, 1", cards, direct, keys)
	}
	if n := len(w.sessions()); n != 1 {
		t.Errorf("%d sessions were made, want one", n)
	}
}

// A tick that is killed between two requests has moved the first one. The next tick
// moves the other.
func TestTickIsKilledBetweenTwoRequests(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.command("U0DEV1", line)
	w.command("U0DEV2", line)
	w.age(time.Hour)
	w.kills("tick", "dynamodb:TransactWriteItems")
	event, _ := json.Marshal(scheduled())
	if _, err := w.lambda.Invoke(t.Context(), name("tick"), event); err == nil {
		t.Error("the tick that was killed did not fail")
	}
	states := func() (states []string) {
		for _, r := range w.requests() {
			states = append(states, string(r.State))
		}
		slices.Sort(states)
		return states
	}
	if got := states(); !slices.Equal(got, []string{"pending", "timed_out"}) {
		t.Errorf("after the tick that was killed: %v", got)
	}
	w.tick()
	if got := w.verbs(); got != "submit, tick, submit, tick" {
		t.Errorf("the events are %s", got)
	}
}
