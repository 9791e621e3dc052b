package world

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// wired is an engine before functions that the test plays.
type wired struct {
	*Engine
	clock *Clock

	mu      sync.Mutex
	stream  []events.DynamoDBEventRecord
	batches [][]string // event ids, as they were handed over
	orders  []string
	ticks   int
	refuse  func(id string, times int) bool // a record fails
	times   map[string]int
	failing error // of the function itself
}

func wire(t *testing.T) *wired {
	t.Helper()
	w := &wired{clock: NewClock(noon, time.Now), times: make(map[string]int), refuse: func(string, int) bool { return false }}
	w.clock.Hold()
	w.Engine = newEngine(&Engine{
		now: w.clock.Now, faults: &Faults{now: w.clock.Now}, log: slog.New(slog.DiscardHandler), invoke: w.run,
		records: func(after, most int) ([]events.DynamoDBEventRecord, int) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.stream[after:], len(w.stream)
		},
	})
	t.Cleanup(w.close)
	return w
}

func (w *wired) run(_ context.Context, function string, event []byte) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch function {
	case "vend":
		w.orders = append(w.orders, string(event))
		return nil, nil
	case "tick":
		w.ticks++
		return nil, nil
	}
	var batch events.DynamoDBEvent
	if err := json.Unmarshal(event, &batch); err != nil {
		return nil, err
	}
	var ids []string
	var answer events.DynamoDBEventResponse
	for _, r := range batch.Records {
		ids = append(ids, r.EventID)
		w.times[r.EventID]++
		if w.refuse(r.EventID, w.times[r.EventID]) {
			answer.BatchItemFailures = append(answer.BatchItemFailures, events.DynamoDBBatchItemFailure{ItemIdentifier: r.Change.SequenceNumber})
		}
	}
	w.batches = append(w.batches, ids)
	if w.failing != nil {
		return nil, w.failing
	}
	return json.Marshal(answer)
}

// write puts an event of a request into the stream.
func (w *wired) write(request string, n int) {
	id := fmt.Sprintf("%s-%d", request, n)
	w.mu.Lock()
	w.stream = append(w.stream, events.DynamoDBEventRecord{
		EventID: id, EventName: "INSERT", Change: events.DynamoDBStreamRecord{
			Keys: map[string]events.DynamoDBAttributeValue{
				"pk": events.NewStringAttribute("request#" + request), "sk": events.NewStringAttribute(fmt.Sprintf("event#%06d", n)),
			},
			SequenceNumber: fmt.Sprintf("%024d", len(w.stream)+1), ApproximateCreationDateTime: events.SecondsEpochTime{Time: w.clock.Now()},
		},
	})
	w.mu.Unlock()
}

func (w *wired) quiet(t *testing.T) {
	t.Helper()
	if err := w.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// pass lets time pass from one due moment to the next, and says which they were.
func (w *wired) pass(t *testing.T, d time.Duration) (at []string) {
	t.Helper()
	to := w.clock.Now().Add(d)
	for {
		w.quiet(t)
		next, ok := w.NextDue()
		if !ok || next.After(to) {
			_ = w.clock.Set(to)
			return at
		}
		at = append(at, next.Sub(noon).Round(time.Millisecond).String())
		if err := w.clock.Set(next); err != nil {
			t.Fatal(err)
		}
	}
}

// A record that fails keeps those behind it, in order; those before it are not
// handed over again. The waits grow to 30 s.
func TestAFailedRecordComesAgainWithThoseBehindIt(t *testing.T) {
	w := wire(t)
	for n := 1; n <= 3; n++ {
		w.write("a", n)
	}
	w.refuse = func(id string, times int) bool { return id == "a-2" && times <= 7 }
	at := w.pass(t, 5*time.Minute)
	if got, want := strings.Join(at, " "), "1s 3s 7s 15s 31s 1m1s 1m31s"; got != want {
		t.Errorf("tried again at %s, want %s", got, want)
	}
	if w.times["a-1"] != 1 || w.times["a-2"] != 8 || w.times["a-3"] != 8 {
		t.Errorf("handed over: %v", w.times)
	}
	for i, batch := range w.batches[1:] {
		if !slices.Equal(batch, []string{"a-2", "a-3"}) {
			t.Errorf("try %d had %v", i+1, batch)
		}
	}
}

func TestAFunctionThatFailsGetsTheWholeBatchAgain(t *testing.T) {
	w := wire(t)
	w.failing = errors.New("out of memory")
	w.write("a", 1)
	w.write("a", 2)
	w.quiet(t)
	w.failing = nil
	w.pass(t, time.Second)
	if len(w.batches) != 2 || !slices.Equal(w.batches[0], w.batches[1]) || len(w.batches[0]) != 2 {
		t.Errorf("got %v", w.batches)
	}
}

// Names that are not of the batch, or none, fail it whole (docs/facts.md#f3).
func TestCheckpoints(t *testing.T) {
	batch := make([]events.DynamoDBEventRecord, 3)
	for i := range batch {
		batch[i].Change.SequenceNumber = fmt.Sprint(i)
	}
	for answer, want := range map[string]int{
		`{"batchItemFailures":[]}`: 3, `{}`: 3, `null`: 3, ``: 0, `x`: 0,
		`{"batchItemFailures":[{"itemIdentifier":"1"}]}`:                        1,
		`{"batchItemFailures":[{"itemIdentifier":"2"},{"itemIdentifier":"1"}]}`: 1,
		`{"batchItemFailures":[{"itemIdentifier":"0"}]}`:                        0,
		`{"batchItemFailures":[{"itemIdentifier":""}]}`:                         0,
		`{"batchItemFailures":[{"itemIdentifier":"9"},{"itemIdentifier":"2"}]}`: 0,
	} {
		if got := countAccepted(batch, []byte(answer)); got != want {
			t.Errorf("%s: %d are done, want %d", answer, got, want)
		}
	}
}

// Nothing is dropped in silence, and nothing blocks for ever.
func TestARecordThatNeverSucceedsIsParkedAfterADay(t *testing.T) {
	w := wire(t)
	w.write("a", 1)
	w.write("a", 2)
	w.refuse = func(id string, _ int) bool { return id == "a-1" }
	w.pass(t, 23*time.Hour)
	if w.times["a-1"] < 2000 || len(w.Parked()) != 0 {
		t.Errorf("after 23 hours: %d tries, parked %v", w.times["a-1"], w.Parked())
	}
	tries := w.times["a-2"]
	w.pass(t, 2*time.Hour)
	if up := w.Parked(); len(up) != 1 || up[0].EventID != "a-1" || w.times["a-2"] <= tries {
		t.Errorf("after a day: parked %v, the one behind it was tried %d times", up, w.times["a-2"])
	}
	if _, waits := w.NextDue(); waits {
		t.Error("something still waits")
	}
}

// Whatever the feed does, each request's records come in order, and all of
// them.
func TestOrderIsKeptForEachRequest(t *testing.T) {
	for _, hows := range [][]string{{}, {FaultDouble}, {FaultDelay}, {FaultDouble, FaultDelay}} {
		w := wire(t)
		for _, how := range hows {
			w.faults.Add(Fault{At: Feed, How: how})
		}
		w.refuse = func(id string, times int) bool { return strings.HasSuffix(id, "3") && times == 1 }
		for n := 1; n <= 30; n++ {
			for _, request := range []string{"a", "b", "c", "d", "e"} {
				w.write(request, n)
			}
		}
		w.pass(t, time.Hour)
		last := make(map[string]int)
		for _, batch := range w.batches {
			for _, id := range batch {
				request, text, _ := strings.Cut(id, "-")
				var n int
				_, _ = fmt.Sscan(text, &n)
				if n > last[request]+1 {
					t.Fatalf("%v: %s came before %d of its request", hows, id, last[request]+1)
				}
				last[request] = max(last[request], n)
			}
		}
		for request, n := range last {
			if n != 30 {
				t.Errorf("%v: %s stopped at %d", hows, request, n)
			}
		}
		if doubled := w.times["a-1"] > 1; doubled != slices.Contains(hows, FaultDouble) {
			t.Errorf("%v: a record came %d times", hows, w.times["a-1"])
		}
	}
}

// The filter of the mapping: only events pass, and only when they are written.
func TestOnlyEventsPassTheFilter(t *testing.T) {
	w := wire(t)
	w.write("a", 1)
	w.write("a", 2)
	w.write("a", 3)
	w.stream[0].EventName = "REMOVE"
	w.stream[1].Change.Keys["sk"] = events.NewStringAttribute("request")
	w.quiet(t)
	if len(w.batches) != 1 || !slices.Equal(w.batches[0], []string{"a-3"}) {
		t.Errorf("got %v", w.batches)
	}
}

// An order is handed over once, whatever came of it, and not after a minute.
func TestOrdersAreNotTriedAgain(t *testing.T) {
	w := wire(t)
	w.order([]byte("1"))
	w.quiet(t)
	w.faults.Add(Fault{At: Feed, How: FaultDouble, Times: 1})
	w.order([]byte("2"))
	w.quiet(t)
	w.faults.Add(Fault{At: Feed, How: FaultDelay, Times: 1})
	w.order([]byte("3"))
	w.quiet(t)
	if got := strings.Join(w.orders, ""); got != "122" {
		t.Errorf("handed over %s, want 122", got)
	}
	w.pass(t, 30*time.Second)
	if got := strings.Join(w.orders, ""); got != "1223" {
		t.Errorf("after the delay %s, want 1223", got)
	}
	w.faults.Add(Fault{At: Feed, How: FaultDelay, Times: 1})
	w.order([]byte("4"))
	if err := w.clock.Set(w.clock.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	w.quiet(t)
	if got := strings.Join(w.orders, ""); got != "1223" {
		t.Errorf("a minute late %s, want 1223", got)
	}
}
