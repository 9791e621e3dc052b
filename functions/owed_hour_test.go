package functions

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// hour is 500 requests in an hour, while 30 % of the calls to Slack fail.
type hour struct {
	*world
	random  *rand.Rand
	failing bool
	refused int
	tried   map[string]time.Time // the last failed call of each message that was not posted yet
	late    []string
	shards  [4][]arrival
	again   []arrival            // records that are delivered once more
	first   map[string]time.Time // of each request: its first call
	made    map[string]time.Time
}

// arrival is a record that reaches notify at a certain time.
type arrival struct {
	record events.DynamoDBEventRecord
	due    time.Time
}

const hourOfRequests = 500

// its finds the request that a message is about, by the name of the account.
var its = regexp.MustCompile(`hour-\d{3}`)

func newHour(t *testing.T, seed uint64) *hour {
	h := &hour{
		world: newWorld(t), random: rand.New(rand.NewPCG(seed, 1)), failing: true,
		tried: make(map[string]time.Time), first: make(map[string]time.Time), made: make(map[string]time.Time),
	}
	h.refuse = h.weather
	h.Notify.Wait = func(_ context.Context, d time.Duration) error { h.pass(d); return nil }
	h.Tick.Messages.Wait = func(_ context.Context, d time.Duration) error { // notify runs meanwhile
		for end := h.clock().Add(d); h.clock().Before(end); h.deliver() {
			h.pass(min(time.Second, end.Sub(h.clock())))
		}
		return nil
	}
	return h
}

// weather fails 30 % of the calls before they have an effect, and records how long a
// message waits after its call has failed.
func (h *hour) weather(method, channel, text string) string {
	now := h.clock()
	name := its.FindString(text)
	if _, seen := h.first[name]; !seen {
		h.first[name] = now
	}
	message := method + " " + channel + " " + name
	if before, failed := h.tried[message]; failed && now.Sub(before) > 5*time.Minute {
		h.late = append(h.late, fmt.Sprintf("%s: %s", message, now.Sub(before)))
	}
	how := ""
	if h.failing && h.random.IntN(10) < 3 {
		how = [...]string{"429 1", fmt.Sprint("429 ", 1+h.random.IntN(60)), "500",
			fmt.Sprint("code_of_tomorrow_", h.random.IntN(5))}[h.random.IntN(4)]
	}
	delete(h.tried, message)
	if how != "" {
		h.refused++
		h.tried[message] = now
	}
	return how
}

// deliver gives notify the records that are due: each batch twice, as AWS may do, and
// some records a third time much later.
func (h *hour) deliver() {
	h.t.Helper()
	records, last := h.store.Records(h.fed, 1000)
	h.fed = last
	for _, record := range records {
		pk := record.Change.Keys["pk"].String()
		shard := &h.shards[int(pk[len(pk)-1])%len(h.shards)]
		*shard = append(*shard, arrival{record, h.clock().Add(time.Duration(h.random.IntN(20)) * time.Second)})
	}
	h.again = slices.DeleteFunc(h.again, func(d arrival) bool {
		if d.due.After(h.clock()) {
			return false
		}
		h.hand([]events.DynamoDBEventRecord{d.record})
		return true
	})
	for i := range h.shards {
		var batch []events.DynamoDBEventRecord
		for len(h.shards[i]) > 0 && !h.shards[i][0].due.After(h.clock()) && len(batch) < 25 {
			batch = append(batch, h.shards[i][0].record)
			h.shards[i] = h.shards[i][1:]
		}
		if len(batch) == 0 {
			continue
		}
		for range 2 {
			h.hand(batch)
		}
		if h.random.IntN(4) == 0 {
			again := batch[h.random.IntN(len(batch))]
			h.again = append(h.again, arrival{again, h.clock().Add(time.Duration(h.random.IntN(600)) * time.Second)})
		}
	}
}

func (h *hour) hand(batch []events.DynamoDBEventRecord) {
	h.t.Helper()
	text, err := json.Marshal(events.DynamoDBEvent{Records: batch})
	if err != nil {
		h.t.Fatal(err)
	}
	var answer events.DynamoDBEventResponse
	if err := json.Unmarshal(invoke(h.t, h.Notify.Handle, text), &answer); err != nil ||
		len(answer.BatchItemFailures) > 0 {
		h.t.Fatalf("failed records: %v (%v), want none", answer.BatchItemFailures, err)
	}
}

// live lets the hour pass. Every seven seconds a request is made and later approved, and
// every second requester ends the access.
func (h *hour) live() {
	h.t.Helper()
	channels := []string{"C0APPROVALS", "C0PAYMENTS"}
	moves := map[int][]func(){}
	minute := h.clock()
	for second := range 4300 {
		h.failing = second < 3600
		if n := second / 7; second%7 == 0 && n < hourOfRequests {
			name := fmt.Sprintf("hour-%03d", n)
			r := h.saved(fmt.Sprintf("01H%03d", n), name, channels[n%2])
			h.made[name] = h.clock()
			soon := second + 60 + h.random.IntN(300)
			moves[soon] = append(moves[soon], func() { r = h.approved(r) })
			if n%2 == 0 {
				over := soon + 1 + h.random.IntN(300)
				moves[over] = append(moves[over], func() { r = h.saves(r.End(r.Requester, h.clock())) })
			}
		}
		for _, move := range moves[second] {
			move()
		}
		h.deliver()
		if h.clock().Sub(minute) >= time.Minute {
			minute = minute.Add(time.Minute)
			h.pay()
		}
		h.pass(time.Second)
	}
	for range 10 {
		h.pass(time.Minute)
		h.deliver()
		h.pay()
	}
}

// pay runs the tick twice, because its event may come twice.
func (h *hour) pay() {
	h.t.Helper()
	for range 2 {
		if err := errors.Join(h.Tick.Messages.SendOwed(context.Background(), h.store),
			h.Operators.Deliver(context.Background())); err != nil {
			h.t.Fatal(err)
		}
	}
}

func TestAnHourOfFailingCallsLosesNoMessageAndSendsNoneTwice(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates an hour of failing calls")
	}
	h := newHour(t, 7)
	h.live()
	if h.refused < 300 || len(h.made) != hourOfRequests {
		t.Fatalf("%d calls failed, %d requests were made: too few to prove anything", h.refused, len(h.made))
	}
	if left := h.owed(); left != "" {
		t.Errorf("still owed:\n%s", left)
	}
	for _, one := range h.late {
		t.Errorf("a message was left alone for more than five minutes: %s", one)
	}
	for name, made := range h.made {
		// A record arrives after up to 20 s, and so do those before it in its shard.
		if waited := h.first[name].Sub(made); waited > 50*time.Second {
			t.Errorf("%s: first tried after %s: it waited for another one", name, waited)
		}
	}
	h.check()
	t.Logf("%d calls, %d of them failed", len(h.calls), h.refused)
}

// check counts the messages of each request: one card with the present state, one
// direct message about the grant, and one about its end.
func (h *hour) check() {
	h.t.Helper()
	cards, grants, ends, states := map[string]int{}, map[string]int{}, map[string]int{}, map[string]access.State{}
	for _, r := range h.store.All(context.Background()) {
		states[r.AccountName] = r.State
	}
	for _, m := range h.slack.Messages() {
		text := m.Text + string(m.Blocks)
		name := its.FindString(text)
		switch {
		case strings.HasPrefix(m.Channel, "C0OPS"):
		case m.DMWith == "":
			cards[name]++
			h.stands(states[name], m)
		case strings.Contains(m.Text, "You gave back"):
			ends[name]++
		case strings.Contains(text, "Nobody could be asked"), strings.Contains(text, "have been asked now"):
		default:
			grants[name]++
		}
	}
	for n, state := range states {
		over := map[bool]int{true: 1}[state == access.Ended]
		if cards[n] != 1 || grants[n] != 1 || ends[n] != over {
			h.t.Errorf("%s (%s): %d cards, %d messages of the grant, %d of its end; want 1, 1, %d", n, state, cards[n],
				grants[n], ends[n], over)
		}
	}
	for code := range 5 {
		if n := strings.Count(h.seen(in("C0OPS")), fmt.Sprintf("code_of_tomorrow_%d", code)); n != 2 { // text and block
			h.t.Errorf("operators were told of code_of_tomorrow_%d in %d places, want one message", code, n)
		}
	}
}

// stands checks that a card shows the present state of its request.
func (h *hour) stands(state access.State, m slackfake.Message) {
	h.t.Helper()
	want := map[access.State]string{access.Active: "AWS access granted", access.Ended: "AWS access given back"}
	if want[state] == "" || !strings.Contains(string(m.Blocks), want[state]) {
		h.t.Errorf("a request is %s, and its card says %s", state, m.Text)
	}
}
