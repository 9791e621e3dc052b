package world

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// orderTTL is the age at which an order to vend or to cut is dropped instead of
// delivered, as template.yaml sets it (docs/facts.md#f3).
const orderTTL = time.Minute

// Engine carries serialised events from function to function, as AWS does:
// stream records to notify and cut, in order and until they accept them; orders
// to vend and cut, once; and ticks. Everything that is due by the sandbox's clock
// runs at once and concurrently, except that ticks run one after the other, and
// so do the batches of one shard of a mapping.
type Engine struct {
	now    func() time.Time
	faults *Faults
	log    *slog.Logger
	// records reads at most limit records of the table's stream after a position.
	// It returns the position of the last record read.
	records func(after, limit int) ([]events.DynamoDBEventRecord, int)
	// invoke runs a function on one event.
	invoke func(ctx context.Context, function string, event []byte) ([]byte, error)

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced whenever something ended
	closed   bool
	running  int // functions that run and do not wait for the clock
	position int // in the stream
	mappings []*mapping
	orders   []order
	sleepers []sleeper
	ticks    []time.Time // requested and not started
	ticking  bool
	delays   int // deliveries that were delayed so far
	parked   []ParkedRecord
}

// sleeper is a function that waits for the clock.
type sleeper struct {
	until time.Time
	wake  chan struct{}
}

// order is an event of an asynchronous invocation.
type order struct {
	function string
	payload  []byte
	at, due  time.Time
}

// newEngine completes an Engine.
func newEngine(e *Engine) *Engine {
	e.changed, e.mappings = make(chan struct{}), newMappings()
	return e
}

// StartDue starts everything that is due, and does not wait for it.
func (e *Engine) StartDue() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.startDue()
}

// Settle returns when nothing more can run at the present time, or with the
// error of ctx.
func (e *Engine) Settle(ctx context.Context) error {
	for {
		e.mu.Lock()
		e.startDue()
		settled, changed := e.running == 0, e.changed
		e.mu.Unlock()
		if settled {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// close lets nothing more start, and waits for what runs.
func (e *Engine) close() {
	e.mu.Lock()
	e.closed = true
	e.mu.Unlock()
	_ = e.Settle(context.Background()) // that context never ends
}

// NextDue is the earliest time at which something falls due; ok is false when
// nothing waits. Call it only after Settle.
func (e *Engine) NextDue() (at time.Time, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	consider := func(t time.Time) {
		if !ok || t.Before(at) {
			at, ok = t, true
		}
	}
	for _, m := range e.mappings {
		for i := range m.shards {
			// A busy shard waits for the sleeper that holds its batch.
			if s := &m.shards[i]; len(s.pending) > 0 && !s.busy {
				consider(s.due())
			}
		}
	}
	for _, o := range e.orders {
		consider(o.due)
	}
	for _, s := range e.sleepers {
		consider(s.until)
	}
	return at, ok
}

// order accepts an event for a function, as Lambda's asynchronous Invoke does.
func (e *Engine) order(function string, payload []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	now := e.now()
	e.orders = append(e.orders, order{function: function, payload: payload, at: now, due: now.Add(e.delay())})
	e.startDue()
}

// call runs a function at once on behalf of a caller that waits for its answer, as
// Lambda's synchronous Invoke does.
func (e *Engine) call(ctx context.Context, function string, payload []byte) (answer []byte, err error) {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return nil, context.Canceled
	}
	ended := make(chan struct{})
	e.start(func() { answer, err = e.invoke(ctx, function, payload) }, func() { close(ended) })
	e.mu.Unlock()
	<-ended
	return answer, err
}

// tick requests a tick now.
func (e *Engine) tick() {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.ticks = append(e.ticks, e.now())
	e.startDue()
}

// delay is how much later a delivery arrives. The delays differ, so that what
// was sent first may arrive last. The caller holds the lock.
func (e *Engine) delay() time.Duration {
	if !e.faults.takeDelivery(FaultDelay) {
		return 0
	}
	e.delays++
	return time.Duration(e.delays*13%30+1) * time.Second
}

// startDue starts everything that is due. The caller holds the lock.
func (e *Engine) startDue() {
	now := e.now()
	e.wakeSleepers(now)
	e.readStream()
	if e.closed {
		return
	}
	for _, m := range e.mappings {
		for i := range m.shards {
			e.startShard(m, &m.shards[i], now)
		}
	}
	notDue := e.orders[:0]
	for _, o := range e.orders {
		if o.due.After(now) {
			notDue = append(notDue, o)
			continue
		}
		e.start(func() { e.carryOut(o) }, func() {})
	}
	e.orders = notDue
	if len(e.ticks) > 0 && !e.ticking {
		at := e.ticks[0]
		e.ticks, e.ticking = e.ticks[1:], true
		e.start(func() { e.runTick(at) }, func() { e.ticking = false })
	}
}

// start runs work in the background, and then end under the lock. The caller
// holds the lock.
func (e *Engine) start(work, end func()) {
	e.running++
	go func() {
		work()
		e.mu.Lock()
		defer e.mu.Unlock()
		end()
		e.running--
		e.startDue()
		e.signalChange()
	}()
}

// signalChange wakes those who wait in Settle. The caller holds the lock.
func (e *Engine) signalChange() {
	close(e.changed)
	e.changed = make(chan struct{})
}

// wait lets a function wait by the sandbox's clock. Meanwhile the engine counts
// the function as not running.
func (e *Engine) wait(ctx context.Context, d time.Duration) error {
	e.mu.Lock()
	if e.closed {
		e.mu.Unlock()
		return context.Canceled
	}
	s := sleeper{until: e.now().Add(d), wake: make(chan struct{})}
	e.sleepers = append(e.sleepers, s)
	e.running--
	e.signalChange()
	e.mu.Unlock()
	<-s.wake
	return ctx.Err()
}

// wakeSleepers wakes the functions whose time has come, and all of them when the
// engine closes. The caller holds the lock.
func (e *Engine) wakeSleepers(now time.Time) {
	asleep := e.sleepers[:0]
	for _, s := range e.sleepers {
		if !e.closed && s.until.After(now) {
			asleep = append(asleep, s)
			continue
		}
		e.running++
		close(s.wake)
	}
	e.sleepers = asleep
}

// deliveries is how often an event is delivered: twice under FaultDouble.
func (e *Engine) deliveries() int {
	if e.faults.takeDelivery(FaultDouble) {
		return 2
	}
	return 1
}

// carryOut delivers one order. Nobody reads the function's answer: vend itself
// tells the person, and cut writes the table.
func (e *Engine) carryOut(o order) {
	for range e.deliveries() {
		if age := e.now().Sub(o.at); age >= orderTTL {
			e.log.Warn("an order to "+o.function+" was dropped: too old", "age", age.String())
			return
		}
		if _, err := e.invoke(context.Background(), o.function, o.payload); err != nil {
			e.log.Warn(o.function+" failed", "error", err)
		}
	}
}

func (e *Engine) runTick(at time.Time) {
	for range e.deliveries() {
		if _, err := e.invoke(context.Background(), "tick", scheduledEvent(at)); err != nil {
			e.log.Warn("tick failed", "error", err)
		}
	}
}
