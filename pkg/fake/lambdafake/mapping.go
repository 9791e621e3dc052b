package lambdafake

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// Mapping hands the records of a table's stream to a function: from the oldest
// on (TRIM_HORIZON), in order within each shard, one batch of a shard at a time
// (ParallelizationFactor 1).
type Mapping struct {
	Function  string
	Streams   *dynamodbstreams.Client
	StreamARN string
	// Filter lets records pass; what it does not is taken and forgotten, as with
	// FilterCriteria. nil lets all pass.
	Filter    func(events.DynamoDBEventRecord) bool
	BatchSize int // 1 to 10,000; 0 is 100
	// Bisect halves a batch whose function failed (BisectBatchOnFunctionError).
	// That is no retry.
	Bisect bool
	// ReportFailures takes the answer for what failed (ReportBatchItemFailures):
	// the batch goes on from the first record that is named.
	ReportFailures bool
	Retries        int           // of what is left of a batch: 0 to 10,000, or -1 for ever
	MaxAge         time.Duration // 60 s to 7 days; 0 is no limit
	// OnFailure takes what was given up, as the S3 destination keeps it: with the
	// records. nil drops it.
	OnFailure func(record []byte)
	// Retry is the wait after so many failed tries; nil is 1 s, doubling to 30 s.
	Retry func(tries int) time.Duration
}

// mapping is a Mapping at work.
type mapping struct {
	Mapping
	s      *Server
	f      *function
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	discovery sync.Mutex // one at a time

	mu      sync.Mutex
	readers map[string]*reader // by shard, those that are done too
	changed chan struct{}      // closed and replaced whenever a reader got further
}

// Map starts a mapping. stop ends it, and waits for the batches on their way. A
// mapping does not remember where it was: the next one begins at the oldest
// record again.
func (s *Server) Map(m Mapping) (stop func(), err error) {
	f, err := s.function(m.Function)
	if err != nil {
		return nil, err
	}
	if err := m.complete(); err != nil {
		return nil, fmt.Errorf("map %s to %s: %w", m.StreamARN, m.Function, err)
	}
	at := &mapping{Mapping: m, s: s, f: f, readers: make(map[string]*reader), changed: make(chan struct{})}
	at.ctx, at.cancel = context.WithCancel(s.ctx)
	if err := at.discover(at.ctx); err != nil {
		at.stop()
		return nil, fmt.Errorf("map %s to %s: %w", m.StreamARN, m.Function, err)
	}
	if !s.add(at) {
		at.stop()
		return nil, ErrClosed
	}
	return func() {
		at.stop()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.mappings = slices.DeleteFunc(s.mappings, func(other *mapping) bool { return other == at })
	}, nil
}

// add is false when the server was closed.
func (s *Server) add(m *mapping) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.mappings = append(s.mappings, m)
	s.work.Go(m.watch)
	return true
}

// complete fills in Lambda's defaults, and refuses what Lambda refuses.
func (m *Mapping) complete() error {
	m.BatchSize = cmp.Or(m.BatchSize, 100)
	if m.Retry == nil {
		m.Retry = backoff
	}
	if m.Filter == nil {
		m.Filter = func(events.DynamoDBEventRecord) bool { return true }
	}
	switch {
	case m.BatchSize < 1 || m.BatchSize > 10000:
		return fmt.Errorf("a batch is 1 to 10,000 records, not %d", m.BatchSize)
	case m.Retries < -1 || m.Retries > 10000:
		return fmt.Errorf("retries are -1 to 10,000, not %d", m.Retries)
	case m.MaxAge != 0 && (m.MaxAge < time.Minute || m.MaxAge > 7*24*time.Hour):
		return fmt.Errorf("the age of a record is 60 s to 7 days, not %v", m.MaxAge)
	}
	return nil
}

// stop waits until no reader is left; behind the lock none begins any more.
func (m *mapping) stop() {
	m.mu.Lock()
	m.cancel()
	m.mu.Unlock()
	m.work.Wait()
}

// rediscover is how often a stream is asked for new shards.
const rediscover = time.Second

// watch finds shards that came up since, and ends with the mapping.
func (m *mapping) watch() {
	for wait(m.ctx, rediscover) {
		if err := m.discover(m.ctx); err != nil && m.ctx.Err() == nil {
			m.s.o.Log.Warn("a stream cannot be described", "stream", m.StreamARN, "error", err)
		}
	}
	m.stop()
}

// discover starts a reader for each shard that has none, unless its parent is
// still being read: its records come first.
func (m *mapping) discover(ctx context.Context) error {
	m.discovery.Lock()
	defer m.discovery.Unlock()
	shards, err := m.shards(ctx)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	there := make(map[string]bool)
	for _, shard := range shards {
		there[*shard.ShardId] = true
	}
	for _, shard := range shards {
		if m.readers[*shard.ShardId] != nil || m.ctx.Err() != nil {
			continue
		}
		if parent := shard.ParentShardId; parent != nil && there[*parent] && !m.readers[*parent].isDone() {
			continue
		}
		r := &reader{m: m, shard: *shard.ShardId, wake: make(chan struct{}, 1)}
		m.readers[r.shard] = r
		m.work.Go(r.run)
	}
	return nil
}

// shards lists the stream's.
func (m *mapping) shards(ctx context.Context) (shards []types.Shard, err error) {
	in := &dynamodbstreams.DescribeStreamInput{StreamArn: &m.StreamARN}
	for {
		out, err := m.Streams.DescribeStream(ctx, in)
		if err != nil {
			return nil, err
		}
		shards = append(shards, out.StreamDescription.Shards...)
		if in.ExclusiveStartShardId = out.StreamDescription.LastEvaluatedShardId; in.ExclusiveStartShardId == nil {
			return shards, nil
		}
	}
}

// progress tells readToEnd that a reader got further. The caller holds the lock.
func (m *mapping) progress() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// readToEnd returns once every shard was found empty by a read that began after
// the call.
func (m *mapping) readToEnd(ctx context.Context) error {
	if err := m.discover(ctx); err != nil {
		if m.ctx.Err() != nil {
			return nil // stopped: nobody reads it any more
		}
		return fmt.Errorf("find the end of %s: %w", m.StreamARN, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.readers {
		r.asked++
		r.poke()
	}
	for !m.atEnd() {
		changed := m.changed
		m.mu.Unlock()
		select {
		case <-changed:
		case <-m.ctx.Done():
		case <-ctx.Done():
		}
		m.mu.Lock()
		if m.ctx.Err() != nil {
			return nil
		}
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("records of %s are unread or not taken: %w", m.StreamARN, err)
		}
	}
	return nil
}

func (m *mapping) atEnd() bool {
	for _, r := range m.readers {
		if !r.done && r.seen < r.asked {
			return false
		}
	}
	return true
}
