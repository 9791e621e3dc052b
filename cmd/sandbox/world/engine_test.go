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

// engineTest is an engine with functions and a stream that the test controls.
type engineTest struct {
	*Engine
	clock *Clock

	mu      sync.Mutex
	stream  []events.DynamoDBEventRecord
	batches [][]string // event ids, as they were delivered
	orders  []string
	ticks   int
	refuse  func(id string, times int) bool // whether notify fails a record the nth time
	times   map[string]int                  // deliveries, by event id
	failing error                           // error of notify itself
}

func newEngineTest(t *testing.T) *engineTest {
	t.Helper()
	w := &engineTest{
		clock: NewClock(noon, time.Now), times: make(map[string]int), refuse: func(string, int) bool { return false },
	}
	w.clock.Hold()
	w.Engine = newEngine(&Engine{
		now: w.clock.Now, faults: &Faults{now: w.clock.Now}, log: slog.New(slog.DiscardHandler), invoke: w.invoke,
		records: func(after, most int) ([]events.DynamoDBEventRecord, int) {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.stream[after:], len(w.stream)
		},
	})
	t.Cleanup(w.close)
	return w
}

func (w *engineTest) invoke(_ context.Context, function string, event []byte) ([]byte, error) {
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
			failure := events.DynamoDBBatchItemFailure{ItemIdentifier: r.Change.SequenceNumber}
			answer.BatchItemFailures = append(answer.BatchItemFailures, failure)
		}
	}
	w.batches = append(w.batches, ids)
	if w.failing != nil {
		return nil, w.failing
	}
	return json.Marshal(answer)
}

// write puts the nth event of a request into the stream.
func (w *engineTest) write(request string, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stream = append(w.stream, events.DynamoDBEventRecord{
		EventID: fmt.Sprintf("%s-%d", request, n), EventName: "INSERT",
		Change: events.DynamoDBStreamRecord{
			Keys: map[string]events.DynamoDBAttributeValue{
				"pk": events.NewStringAttribute("request#" + request),
				"sk": events.NewStringAttribute(fmt.Sprintf("event#%06d", n)),
			},
			SequenceNumber:              fmt.Sprintf("%024d", len(w.stream)+1),
			ApproximateCreationDateTime: events.SecondsEpochTime{Time: w.clock.Now()},
		},
	})
}

func (w *engineTest) settle(t *testing.T) {
	t.Helper()
	if err := w.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// advance lets time pass and returns the times after noon at which something was
// due.
func (w *engineTest) advance(t *testing.T, d time.Duration) (due []string) {
	t.Helper()
	to := w.clock.Now().Add(d)
	for {
		w.settle(t)
		next, ok := w.NextDue()
		if !ok || next.After(to) {
			_ = w.clock.Set(to)
			return due
		}
		due = append(due, next.Sub(noon).Round(time.Millisecond).String())
		if err := w.clock.Set(next); err != nil {
			t.Fatal(err)
		}
	}
}

// A record that fails is retried together with the records after it; those before
// it are not delivered again. The waits grow to 30 s.
func TestAFailedRecordIsRetriedWithThoseAfterIt(t *testing.T) {
	w := newEngineTest(t)
	for n := 1; n <= 3; n++ {
		w.write("a", n)
	}
	w.refuse = func(id string, times int) bool { return id == "a-2" && times <= 7 }
	at := w.advance(t, 5*time.Minute)
	if got, want := strings.Join(at, " "), "1s 3s 7s 15s 31s 1m1s 1m31s"; got != want {
		t.Errorf("retried at %s, want %s", got, want)
	}
	if w.times["a-1"] != 1 || w.times["a-2"] != 8 || w.times["a-3"] != 8 {
		t.Errorf("deliveries: %v", w.times)
	}
	for i, batch := range w.batches[1:] {
		if !slices.Equal(batch, []string{"a-2", "a-3"}) {
			t.Errorf("try %d had %v", i+1, batch)
		}
	}
}

func TestAFunctionThatFailsGetsTheWholeBatchAgain(t *testing.T) {
	w := newEngineTest(t)
	w.failing = errors.New("out of memory")
	w.write("a", 1)
	w.write("a", 2)
	w.settle(t)
	w.failing = nil
	w.advance(t, time.Second)
	if len(w.batches) != 2 || !slices.Equal(w.batches[0], w.batches[1]) || len(w.batches[0]) != 2 {
		t.Errorf("got %v", w.batches)
	}
}

// An answer with an identifier that is not in the batch, or that cannot be read,
// fails the whole batch (docs/facts.md#f3).
func TestRecordsBeforeTheFirstFailureAreAccepted(t *testing.T) {
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
			t.Errorf("%s: %d are accepted, want %d", answer, got, want)
		}
	}
}

// No record is dropped silently, and none blocks the others for ever.
func TestARecordThatNeverSucceedsIsParkedAfterADay(t *testing.T) {
	w := newEngineTest(t)
	w.write("a", 1)
	w.write("a", 2)
	w.refuse = func(id string, _ int) bool { return id == "a-1" }
	w.advance(t, 23*time.Hour)
	if w.times["a-1"] < 2000 || len(w.Parked()) != 0 {
		t.Errorf("after 23 hours: %d tries, parked %v", w.times["a-1"], w.Parked())
	}
	tries := w.times["a-2"]
	w.advance(t, 2*time.Hour)
	if up := w.Parked(); len(up) != 1 || up[0].EventID != "a-1" || w.times["a-2"] <= tries {
		t.Errorf("after a day: parked %v, the record after it was delivered %d times", up, w.times["a-2"])
	}
	if _, waits := w.NextDue(); waits {
		t.Error("something still waits")
	}
}

// Under doubled and delayed deliveries, all records of a request still arrive, in
// order.
func TestOrderIsKeptForEachRequest(t *testing.T) {
	for _, hows := range [][]string{{}, {FaultDouble}, {FaultDelay}, {FaultDouble, FaultDelay}} {
		w := newEngineTest(t)
		for _, how := range hows {
			w.faults.Add(Fault{At: Feed, How: how})
		}
		w.refuse = func(id string, times int) bool { return strings.HasSuffix(id, "3") && times == 1 }
		for n := 1; n <= 30; n++ {
			for _, request := range []string{"a", "b", "c", "d", "e"} {
				w.write(request, n)
			}
		}
		w.advance(t, time.Hour)
		last := make(map[string]int)
		for _, batch := range w.batches {
			for _, id := range batch {
				request, text, _ := strings.Cut(id, "-")
				var n int
				_, _ = fmt.Sscan(text, &n)
				if n > last[request]+1 {
					t.Fatalf("%v: %s arrived before %d of its request", hows, id, last[request]+1)
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
			t.Errorf("%v: a record arrived %d times", hows, w.times["a-1"])
		}
	}
}

// The filter of the event source mapping lets only inserted audit events through.
func TestOnlyEventsPassTheFilter(t *testing.T) {
	w := newEngineTest(t)
	w.write("a", 1)
	w.write("a", 2)
	w.write("a", 3)
	w.stream[0].EventName = "REMOVE"
	w.stream[1].Change.Keys["sk"] = events.NewStringAttribute("request")
	w.settle(t)
	if len(w.batches) != 1 || !slices.Equal(w.batches[0], []string{"a-3"}) {
		t.Errorf("got %v", w.batches)
	}
}

// An order is delivered once, whatever became of it, and not after a minute.
func TestOrdersAreNotRetried(t *testing.T) {
	w := newEngineTest(t)
	check := func(when, want string) {
		t.Helper()
		w.settle(t)
		if got := strings.Join(w.orders, ""); got != want {
			t.Errorf("%s: delivered %s, want %s", when, got, want)
		}
	}
	w.order("vend", []byte("1"))
	w.settle(t)
	w.faults.Add(Fault{At: Feed, How: FaultDouble, Times: 1})
	w.order("vend", []byte("2"))
	w.settle(t)
	w.faults.Add(Fault{At: Feed, How: FaultDelay, Times: 1})
	w.order("vend", []byte("3"))
	check("at once", "122")
	w.advance(t, 30*time.Second)
	check("after the delay", "1223")
	w.faults.Add(Fault{At: Feed, How: FaultDelay, Times: 1})
	w.order("vend", []byte("4"))
	if err := w.clock.Set(w.clock.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	check("a minute late", "1223")
}
