package world

import (
	"context"
	"encoding/json"
	"hash/fnv"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/aws-access/aws-access/pkg/store"
)

// What AWS does between functions, as template.yaml asks for it (docs/facts.md#f3).
const (
	shards     = 4                // of the table's stream: order is kept in each, so per request
	batchSize  = 25               // records handed to notify at once
	firstRetry = time.Second      // after a batch failed; doubles
	lastRetry  = 30 * time.Second // and grows no more
	giveUp     = 24 * time.Hour   // age at which a record is parked instead of tried again
	orderAge   = time.Minute      // age at which an order to vend is dropped: it is never tried again
)

// engine hands serialised events from function to function: stream records to
// notify in order and until they are taken, orders to vend once, and ticks.
// What is due by the sandbox's clock runs at once, and all at the same time.
type Engine struct {
	now    func() time.Time
	faults *Faults
	log    *slog.Logger
	// records reads the table's stream behind a position.
	records func(after, most int) ([]events.DynamoDBEventRecord, int)
	// invoke runs a function on one event.
	invoke func(ctx context.Context, function string, event []byte) ([]byte, error)

	mu      sync.Mutex
	changed chan struct{} // closed and replaced whenever something ended
	closed  bool
	running int
	cursor  int // position in the stream
	shards  [shards]shard
	orders  []order
	asleep  []sleeper
	ticks   []time.Time // asked for and not begun
	ticking bool
	delays  int
	parked  []ParkedRecord
}

// shard is a part of the stream. One batch of it runs at a time.
type shard struct {
	waiting []waiting
	busy    bool
	tries   int       // of the first record
	retry   time.Time // not before
}

type waiting struct {
	record events.DynamoDBEventRecord
	due    time.Time
}

// sleeper is a function that lets time pass.
type sleeper struct {
	until time.Time
	wake  chan struct{}
}

type order struct {
	payload []byte
	at, due time.Time
}

// parked is a record that was given up: nothing is dropped in silence.
type ParkedRecord struct {
	EventID string    `json:"event_id"`
	At      time.Time `json:"at"`
	Tries   int       `json:"tries"`
}

// newEngine fills in what an engine begins with.
func newEngine(e *Engine) *Engine {
	e.changed = make(chan struct{})
	return e
}

// RunDue starts whatever is due, and does not wait for it.
func (e *Engine) RunDue() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.start()
}

// settle returns when nothing more can run at the present time.
func (e *Engine) Settle(ctx context.Context) error {
	for {
		e.mu.Lock()
		e.start()
		quiet, changed := e.running == 0, e.changed
		e.mu.Unlock()
		if quiet {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// close lets nothing more begin, and waits for what runs.
func (e *Engine) close() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	_ = e.Settle(context.Background()) // that context does not end
}

// next is the earliest moment after now at which something falls due; ok is
// false when nothing waits. It is meant for when the engine is quiet.
func (e *Engine) NextDue() (at time.Time, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	earlier := func(t time.Time) {
		if !ok || t.Before(at) {
			at, ok = t, true
		}
	}
	for i := range e.shards {
		if s := &e.shards[i]; len(s.waiting) > 0 && !s.busy { // a busy one waits for the sleeper that has its batch
			earlier(s.ready())
		}
	}
	for _, o := range e.orders {
		earlier(o.due)
	}
	for _, s := range e.asleep {
		earlier(s.until)
	}
	return at, ok
}

// ready is when the first record may be handed over.
func (s *shard) ready() time.Time {
	if s.retry.After(s.waiting[0].due) {
		return s.retry
	}
	return s.waiting[0].due
}

// order takes an event for vend, as Lambda's asynchronous invocation does.
func (e *Engine) order(payload []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.now()
	e.orders = append(e.orders, order{payload: payload, at: now, due: now.Add(e.delay())})
	e.start()
}

// tick asks for a tick now. Ticks run one after the other.
func (e *Engine) tick() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ticks = append(e.ticks, e.now())
	e.start()
}

// delay is how much later a delivery comes. The delays differ, so that what
// was sent first may come last.
func (e *Engine) delay() time.Duration {
	if !e.faults.feeds(FaultDelay) {
		return 0
	}
	e.delays++
	return time.Duration(e.delays*13%30+1) * time.Second
}

// start begins everything that is due. The caller holds the lock.
func (e *Engine) start() {
	now := e.now()
	e.wake(now)
	e.pull()
	if e.closed {
		return
	}
	for i := range e.shards {
		e.startShard(&e.shards[i], now)
	}
	rest := e.orders[:0]
	for _, o := range e.orders {
		if o.due.After(now) {
			rest = append(rest, o)
			continue
		}
		e.begin(func() { e.vend(o) }, func() {})
	}
	e.orders = rest
	if len(e.ticks) > 0 && !e.ticking {
		at := e.ticks[0]
		e.ticks, e.ticking = e.ticks[1:], true
		e.begin(func() { e.runTick(at) }, func() { e.ticking = false })
	}
}

// wait lets a function wait on the sandbox's clock. While it waits the engine is
// quiet, as if the function did not run.
func (e *Engine) wait(ctx context.Context, d time.Duration) error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return context.Canceled
	}
	s := sleeper{until: e.now().Add(d), wake: make(chan struct{})}
	e.asleep = append(e.asleep, s)
	e.running--
	close(e.changed)
	e.changed = make(chan struct{})
	e.mu.Unlock()
	<-s.wake
	return ctx.Err()
}

// wake lets functions go on whose time has come, and all when the engine closes.
// The caller holds the lock.
func (e *Engine) wake(now time.Time) {
	rest := e.asleep[:0]
	for _, s := range e.asleep {
		if !e.closed && s.until.After(now) {
			rest = append(rest, s)
			continue
		}
		e.running++
		close(s.wake)
	}
	e.asleep = rest
}

// begin runs work beside everything else, then ends it under the lock.
func (e *Engine) begin(work, end func()) {
	e.running++
	go func() {
		work()
		e.mu.Lock()
		defer e.mu.Unlock()
		end()
		e.running--
		e.start()
		close(e.changed)
		e.changed = make(chan struct{})
	}()
}

// pull reads what is new in the stream. The mapping's filter lets events pass
// and nothing else.
func (e *Engine) pull() {
	for {
		records, last := e.records(e.cursor, 1000)
		e.cursor = last
		if len(records) == 0 {
			return
		}
		for _, record := range records {
			keys := record.Change.Keys
			if record.EventName != string(events.DynamoDBOperationTypeInsert) || !strings.HasPrefix(keys["sk"].String(), store.EventPrefix) {
				continue
			}
			s := &e.shards[shardOf(keys["pk"].String())]
			s.waiting = append(s.waiting, waiting{record: record, due: e.now().Add(e.delay())})
		}
	}
}

func shardOf(key string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key)) // never fails
	return int(h.Sum32() % shards)
}

// startShard hands the next batch of a shard over, if it is time.
func (e *Engine) startShard(s *shard, now time.Time) {
	if s.busy || len(s.waiting) == 0 || s.ready().After(now) {
		return
	}
	var batch []events.DynamoDBEventRecord
	for _, w := range s.waiting {
		if w.due.After(now) || len(batch) == batchSize {
			break
		}
		batch = append(batch, w.record)
	}
	s.busy = true
	var taken int
	e.begin(func() { taken = e.deliver(batch) }, func() { e.delivered(s, taken, len(batch)) })
}

// deliver hands a batch to notify and returns how many records, from the
// first, are done with. A double is the whole batch again, as if the first
// answer had been lost.
func (e *Engine) deliver(batch []events.DynamoDBEventRecord) (taken int) {
	if e.faults.feeds(FaultDouble) {
		e.hand(batch)
	}
	return e.hand(batch)
}

func (e *Engine) hand(batch []events.DynamoDBEventRecord) (taken int) {
	payload, err := json.Marshal(events.DynamoDBEvent{Records: batch})
	if err != nil {
		e.log.Error("a batch cannot be written as JSON", "error", err)
		return 0
	}
	answer, err := e.invoke(context.Background(), "notify", payload)
	if err != nil {
		e.log.Warn("notify failed", "records", len(batch), "error", err)
		return 0
	}
	return checkpoint(batch, answer)
}

// checkpoint reads which records a function took: those before the first that
// it names. An answer that names none of the batch fails it whole, as in AWS.
func checkpoint(batch []events.DynamoDBEventRecord, answer []byte) (taken int) {
	var said events.DynamoDBEventResponse
	if err := json.Unmarshal(answer, &said); err != nil {
		return 0
	}
	taken = len(batch)
	for _, failure := range said.BatchItemFailures {
		at := 0
		for i, record := range batch {
			if record.Change.SequenceNumber == failure.ItemIdentifier {
				at = i
			}
		}
		taken = min(taken, at)
	}
	return taken
}

// delivered goes on behind what was taken, or tries the rest again later. The
// caller holds the lock.
func (e *Engine) delivered(s *shard, taken, of int) {
	s.busy = false
	s.waiting = s.waiting[taken:]
	if taken == of {
		s.tries, s.retry = 0, time.Time{}
		return
	}
	if taken > 0 {
		s.tries = 0
	}
	s.tries++
	now := e.now()
	s.retry = now.Add(backoff(s.tries))
	if first := s.waiting[0].record; now.Sub(first.Change.ApproximateCreationDateTime.Time) >= giveUp {
		e.log.Error("a stream record was given up and parked", "event", first.EventID, "tries", s.tries)
		e.parked = append(e.parked, ParkedRecord{EventID: first.EventID, At: now, Tries: s.tries})
		s.waiting = s.waiting[1:]
		s.tries, s.retry = 0, time.Time{}
	}
}

// backoff is the wait after so many tries: 1 s, 2 s, 4 s, up to 30 s.
func backoff(tries int) time.Duration {
	return min(firstRetry<<min(tries-1, 10), lastRetry)
}

// vend runs one order, once, or twice when deliveries are doubled. What it
// answers is nobody's: the function tells the person itself.
func (e *Engine) vend(o order) {
	times := 1
	if e.faults.feeds(FaultDouble) {
		times = 2
	}
	for range times {
		if age := e.now().Sub(o.at); age >= orderAge {
			e.log.Warn("an order to vend was dropped: too old", "age", age.String())
			return
		}
		if _, err := e.invoke(context.Background(), "vend", o.payload); err != nil {
			e.log.Warn("vend failed", "error", err)
		}
	}
}

// runTick runs one tick, twice when deliveries are doubled.
func (e *Engine) runTick(at time.Time) {
	times := 1
	if e.faults.feeds(FaultDouble) {
		times = 2
	}
	for range times {
		if _, err := e.invoke(context.Background(), "tick", scheduled(at)); err != nil {
			e.log.Warn("tick failed", "error", err)
		}
	}
}

// Parked are the records that were parked.
func (e *Engine) Parked() []ParkedRecord {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]ParkedRecord{}, e.parked...)
}
