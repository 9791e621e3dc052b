package world

import (
	"context"
	"encoding/json"
	"hash/fnv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/aws-access/aws-access/pkg/store"
)

// The event source mappings between the table's stream and its two readers, as
// template.yaml configures them (docs/facts.md#f3).
const (
	shards      = 4                // of the stream; order is kept within each, and so for each request
	batchSize   = 25               // most records in one event
	firstRetry  = time.Second      // wait after a batch failed; doubles with each failure
	maxRetry    = 30 * time.Second // longest wait
	recordTTL   = 24 * time.Hour   // age at which a record that notify fails is parked instead of retried
	cutTTL      = 2 * time.Hour    // the same for cut
	readAtOnce  = 1000             // records read from the stream at once
	maxDoubling = 10               // bounds the shift in backoff
)

// mapping carries the records of the stream that its filter passes to one function.
type mapping struct {
	function string
	passes   func(events.DynamoDBEventRecord) bool
	ttl      time.Duration // age at which a failing record is parked
	shards   [shards]shard
}

// newMappings are the mappings of template.yaml.
func newMappings() []*mapping {
	return []*mapping{
		{function: "notify", passes: forNotify, ttl: recordTTL},
		{function: "cut", passes: forCut, ttl: cutTTL},
	}
}

// forNotify is store.StreamFilter: inserted audit events and notices.
func forNotify(record events.DynamoDBEventRecord) bool {
	sk := record.Change.Keys["sk"].String()
	return record.EventName == string(events.DynamoDBOperationTypeInsert) &&
		(strings.HasPrefix(sk, store.EventPrefix) || sk == store.NoticeSort)
}

// forCut is store.CutFilter: inserted items that order a cut.
func forCut(record events.DynamoDBEventRecord) bool {
	cut, ok := record.Change.NewImage["cut"]
	return record.EventName == string(events.DynamoDBOperationTypeInsert) && ok &&
		cut.DataType() == events.DataTypeString
}

// shard is a part of the stream. One batch of it runs at a time.
type shard struct {
	pending []pendingRecord
	busy    bool
	tries   int       // of the first record
	retryAt time.Time // the zero time unless the first record failed
}

type pendingRecord struct {
	record events.DynamoDBEventRecord
	due    time.Time
}

// due is when the first record may be delivered.
func (s *shard) due() time.Time {
	if s.retryAt.After(s.pending[0].due) {
		return s.retryAt
	}
	return s.pending[0].due
}

// ParkedRecord is a stream record that was given up.
type ParkedRecord struct {
	EventID  string    `json:"event_id"`
	Function string    `json:"function"` // that failed
	At       time.Time `json:"at"`
	Tries    int       `json:"tries"`
}

// Parked lists the records that were given up. It is never nil.
func (e *Engine) Parked() []ParkedRecord {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]ParkedRecord{}, e.parked...)
}

// readStream reads what is new in the stream, for each mapping what its filter
// passes. The caller holds the lock.
func (e *Engine) readStream() {
	for {
		records, last := e.records(e.position, readAtOnce)
		e.position = last
		if len(records) == 0 {
			return
		}
		for _, record := range records {
			for _, m := range e.mappings {
				if !m.passes(record) {
					continue
				}
				s := &m.shards[shardOf(record.Change.Keys["pk"].String())]
				s.pending = append(s.pending, pendingRecord{record: record, due: e.now().Add(e.delay())})
			}
		}
	}
}

func shardOf(key string) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(key)) // never fails
	return int(h.Sum32() % shards)
}

// startShard delivers the next batch of a shard, if it is due. The caller holds
// the lock.
func (e *Engine) startShard(m *mapping, s *shard, now time.Time) {
	if s.busy || len(s.pending) == 0 || s.due().After(now) {
		return
	}
	var batch []events.DynamoDBEventRecord
	for _, p := range s.pending {
		if p.due.After(now) || len(batch) == batchSize {
			break
		}
		batch = append(batch, p.record)
	}
	s.busy = true
	var accepted int
	e.start(func() { accepted = e.deliver(m.function, batch) }, func() { e.delivered(m, s, accepted, len(batch)) })
}

// deliver delivers a batch to a function and returns how many records, from the
// first one on, it accepted. Under FaultDouble the whole batch comes twice, as
// if the first answer had been lost.
func (e *Engine) deliver(function string, batch []events.DynamoDBEventRecord) (accepted int) {
	for range e.deliveries() {
		accepted = e.invokeBatch(function, batch)
	}
	return accepted
}

func (e *Engine) invokeBatch(function string, batch []events.DynamoDBEventRecord) (accepted int) {
	payload, err := json.Marshal(events.DynamoDBEvent{Records: batch})
	if err != nil {
		e.log.Error("a batch cannot be written as JSON", "error", err)
		return 0
	}
	answer, err := e.invoke(context.Background(), function, payload)
	if err != nil {
		e.log.Warn(function+" failed", "records", len(batch), "error", err)
		return 0
	}
	return countAccepted(batch, answer)
}

// countAccepted counts the records before the first one that a function reports
// as failed. An identifier that is not in the batch fails the whole batch, as
// in AWS (docs/facts.md#f3).
func countAccepted(batch []events.DynamoDBEventRecord, answer []byte) int {
	var response events.DynamoDBEventResponse
	if err := json.Unmarshal(answer, &response); err != nil {
		return 0
	}
	accepted := len(batch)
	for _, failure := range response.BatchItemFailures {
		failed := 0
		for i, record := range batch {
			if record.Change.SequenceNumber == failure.ItemIdentifier {
				failed = i
			}
		}
		accepted = min(accepted, failed)
	}
	return accepted
}

// delivered notes that a shard's batch of size records was delivered, and when
// the rest of it is retried. The caller holds the lock.
func (e *Engine) delivered(m *mapping, s *shard, accepted, size int) {
	s.busy = false
	s.pending = s.pending[accepted:]
	if accepted == size {
		s.tries, s.retryAt = 0, time.Time{}
		return
	}
	if accepted > 0 {
		s.tries = 0
	}
	s.tries++
	now := e.now()
	s.retryAt = now.Add(backoff(s.tries))
	if first := s.pending[0].record; now.Sub(first.Change.ApproximateCreationDateTime.Time) >= m.ttl {
		e.log.Error("a stream record was given up and parked",
			"function", m.function, "event", first.EventID, "tries", s.tries)
		e.parked = append(e.parked, ParkedRecord{EventID: first.EventID, Function: m.function, At: now, Tries: s.tries})
		s.pending = s.pending[1:]
		s.tries, s.retryAt = 0, time.Time{}
	}
}

// backoff is the wait after a number of tries: 1 s, 2 s, 4 s, up to 30 s.
func backoff(tries int) time.Duration {
	return min(firstRetry<<min(tries-1, maxDoubling), maxRetry)
}
