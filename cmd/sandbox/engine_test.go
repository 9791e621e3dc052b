package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/aws-access/aws-access/pkg/access"
)

// wired is an engine before functions that the test plays.
type wired struct {
	*engine
	clock *clock

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
	w := &wired{clock: newClock(noon, time.Now), times: make(map[string]int), refuse: func(string, int) bool { return false }}
	w.clock.Hold()
	_, log := newLogs(nil)
	w.engine = newEngine(&engine{
		now: w.clock.Now, faults: &faults{now: w.clock.Now}, log: log, invoke: w.run,
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
	if err := w.settle(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// pass lets time pass from one due moment to the next, and says which they were.
func (w *wired) pass(t *testing.T, d time.Duration) (at []string) {
	t.Helper()
	to := w.clock.Now().Add(d)
	for {
		w.quiet(t)
		next, ok := w.next()
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
		if got := checkpoint(batch, []byte(answer)); got != want {
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
	if w.times["a-1"] < 2000 || len(w.givenUp()) != 0 {
		t.Errorf("after 23 hours: %d tries, parked %v", w.times["a-1"], w.givenUp())
	}
	tries := w.times["a-2"]
	w.pass(t, 2*time.Hour)
	if up := w.givenUp(); len(up) != 1 || up[0].EventID != "a-1" || w.times["a-2"] <= tries {
		t.Errorf("after a day: parked %v, the one behind it was tried %d times", up, w.times["a-2"])
	}
	if _, waits := w.next(); waits {
		t.Error("something still waits")
	}
}

// Whatever the feed does, each request's records come in order, and all of
// them.
func TestOrderIsKeptForEachRequest(t *testing.T) {
	for _, hows := range [][]string{{}, {howDouble}, {howDelay}, {howDouble, howDelay}} {
		w := wire(t)
		for _, how := range hows {
			w.faults.add(fault{At: feed, How: how})
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
		if doubled := w.times["a-1"] > 1; doubled != slices.Contains(hows, howDouble) {
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
	w.faults.add(fault{At: feed, How: howDouble, Times: 1})
	w.order([]byte("2"))
	w.quiet(t)
	w.faults.add(fault{At: feed, How: howDelay, Times: 1})
	w.order([]byte("3"))
	w.quiet(t)
	if got := strings.Join(w.orders, ""); got != "122" {
		t.Errorf("handed over %s, want 122", got)
	}
	w.pass(t, 30*time.Second)
	if got := strings.Join(w.orders, ""); got != "1223" {
		t.Errorf("after the delay %s, want 1223", got)
	}
	w.faults.add(fault{At: feed, How: howDelay, Times: 1})
	w.order([]byte("4"))
	if err := w.clock.Set(w.clock.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	w.quiet(t)
	if got := strings.Join(w.orders, ""); got != "1223" {
		t.Errorf("a minute late %s, want 1223", got)
	}
}

func TestFaultsAreForTheirCallsAndForTheirTime(t *testing.T) {
	c := newClock(noon, time.Now)
	c.Hold()
	f := &faults{now: c.Now}
	until := noon.Add(30 * time.Minute)
	f.add(fault{At: "slack:chat.postMessage", How: howError, Times: 2})
	f.add(fault{At: "slack:*", How: howLost, Until: &until})
	f.add(fault{At: "*", How: howSlow, Times: 1})
	take := func(want string, names ...string) {
		t.Helper()
		if got := f.take(names...); got != want {
			t.Errorf("%v: got %q, want %q", names, got, want)
		}
	}
	take(howError, "slack:chat.postMessage")
	take(howLost, "slack:chat.update")
	take(howError, "slack:chat.postMessage")
	take(howLost, "slack:chat.postMessage")
	take(howSlow, "sts:AssumeRole")
	take("", "sts:AssumeRole")
	if f.feeds(howDouble) || f.feeds(howDelay) {
		t.Error("a call's fault touched a delivery")
	}
	if end, ok := f.nextEnd(); !ok || !end.Equal(until) {
		t.Errorf("ends %v %v, want %v", end, ok, until)
	}
	if err := c.Set(until); err != nil {
		t.Fatal(err)
	}
	take("", "slack:chat.update")
	if n := len(f.inForce()); n != 0 {
		t.Errorf("%d faults are in force, want none", n)
	}
	f.add(fault{At: "store:load", How: howError, Times: 1})
	take("", "store:save")
	take(howError, "store:due", "store:load")
	f.add(fault{At: "*", How: howError})
	f.clear()
	take("", "slack:chat.update")
}

func TestLengths(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30m": 30 * time.Minute, "1h30m": 90 * time.Minute, "90s": 90 * time.Second, "2d": 48 * time.Hour, "1d12h": 36 * time.Hour, "0s": 0, "365d": 365 * 24 * time.Hour,
	} {
		if got, err := parseLength(text); err != nil || got != want {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "1", "d", "-1d", "-1h", "1d-1h", "1 h", "1y", "99999999999d", "999999999h", "NaNd"} {
		if got, err := parseLength(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func FuzzParseLength(f *testing.F) {
	for _, seed := range []string{"30m", "1d12h", "-1d", "9e9d", "1d1d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := parseLength(text); err == nil && (d < 0 || d > maxLength) {
			t.Fatalf("%q is %v", text, d)
		}
	})
}

// What was known stays as fresh as it was; what was not known stays unknown.
func TestWhatIsKnownIsCarriedOverSkippedTime(t *testing.T) {
	d := access.Directory{PeopleAt: noon.Add(-time.Minute), Groups: map[string]access.Group{
		"fresh": {ReadAt: noon.Add(-2 * time.Minute)}, "stale": {ReadAt: noon.Add(-11 * time.Minute)}, "never": {},
	}}
	carry(&d, time.Hour, noon.Add(time.Hour))
	for name, c := range map[string]struct{ got, want time.Time }{
		"people": {d.PeopleAt, noon.Add(59 * time.Minute)}, "fresh": {d.Groups["fresh"].ReadAt, noon.Add(58 * time.Minute)},
		"stale": {d.Groups["stale"].ReadAt, noon.Add(-11 * time.Minute)}, "never": {d.Groups["never"].ReadAt, time.Time{}},
	} {
		if !c.got.Equal(c.want) {
			t.Errorf("%s: read at %v, want %v", name, c.got, c.want)
		}
	}
}
