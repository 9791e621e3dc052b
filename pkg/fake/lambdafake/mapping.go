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

// Mapping is an event source mapping. It delivers the records of a table's stream to
// a function: from the oldest one (TRIM_HORIZON), in order within each shard, one
// batch of a shard at a time (ParallelizationFactor 1).
type Mapping struct {
	Function  string
	Streams   *dynamodbstreams.Client
	StreamARN string
	// Filter decides which records to deliver (FilterCriteria). The others count as
	// handled. nil delivers all.
	Filter    func(events.DynamoDBEventRecord) bool
	BatchSize int // 1 to 10,000; 0 means 100
	// Bisect splits a batch in half when the function failed
	// (BisectBatchOnFunctionError). A split is not a retry.
	Bisect bool
	// ReportFailures reads the records that failed from the function's answer
	// (ReportBatchItemFailures). The first of them begins the next try.
	ReportFailures bool
	Retries        int           // for the rest of a batch: 0 to 10,000, or -1 for ever
	MaxAge         time.Duration // 60 s to 7 days; 0 means no limit
	// OnFailure receives the failure record together with the stream records that
	// were given up, in the format of an S3 destination. nil drops them.
	OnFailure func(record []byte)
	// Retry returns how long to wait after a number of failed tries. nil means 1 s,
	// doubling up to 30 s.
	Retry func(tries int) time.Duration
}

// mapping is a Mapping that runs.
type mapping struct {
	Mapping
	s      *Server
	f      *function
	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup

	discovery sync.Mutex // held by discover, so that it runs once at a time

	mu      sync.Mutex
	readers map[string]*reader // by shard, including those that are done
	changed chan struct{}      // closed and replaced each time a reader makes progress
}

// Map starts a mapping. stop ends it, and waits for the batches that are being
// delivered. A mapping does not remember its position: the next mapping of the same
// stream begins at the oldest record again. The error wraps ErrNoFunction or
// ErrClosed, or says what Lambda refuses or why the stream cannot be read.
func (s *Server) Map(m Mapping) (stop func(), err error) {
	f, err := s.function(m.Function)
	if err != nil {
		return nil, err
	}
	if err := m.complete(); err != nil {
		return nil, fmt.Errorf("map %s to %s: %w", m.StreamARN, m.Function, err)
	}
	started := &mapping{Mapping: m, s: s, f: f, readers: make(map[string]*reader), changed: make(chan struct{})}
	started.ctx, started.cancel = context.WithCancel(s.ctx)
	if err := started.discover(started.ctx); err != nil {
		started.stop()
		return nil, fmt.Errorf("map %s to %s: %w", m.StreamARN, m.Function, err)
	}
	if !s.add(started) {
		started.stop()
		return nil, ErrClosed
	}
	return func() {
		started.stop()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.mappings = slices.DeleteFunc(s.mappings, func(other *mapping) bool { return other == started })
	}, nil
}

// add returns false if the server was closed.
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

// complete sets Lambda's defaults, and refuses what Lambda refuses.
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
		return fmt.Errorf("the batch size must be 1 to 10,000 records, not %d", m.BatchSize)
	case m.Retries < -1 || m.Retries > 10000:
		return fmt.Errorf("retries must be -1 to 10,000, not %d", m.Retries)
	case m.MaxAge != 0 && (m.MaxAge < time.Minute || m.MaxAge > 7*24*time.Hour):
		return fmt.Errorf("the age of a record must be 60 s to 7 days, not %v", m.MaxAge)
	}
	return nil
}

// stop ends all readers and waits for them. After cancel under the lock, discover
// starts no new one.
func (m *mapping) stop() {
	m.mu.Lock()
	m.cancel()
	m.mu.Unlock()
	m.work.Wait()
}

// rediscover is how often a stream is asked for new shards.
const rediscover = time.Second

// watch looks for new shards until the mapping ends.
func (m *mapping) watch() {
	for wait(m.ctx, rediscover) {
		if err := m.discover(m.ctx); err != nil && m.ctx.Err() == nil {
			m.s.o.Log.Warn("cannot describe stream", "stream", m.StreamARN, "error", err)
		}
	}
	m.stop()
}

// discover starts a reader for each shard that has none. A shard whose parent is not
// read to its end must wait, because the records of the parent come first.
func (m *mapping) discover(ctx context.Context) error {
	m.discovery.Lock()
	defer m.discovery.Unlock()
	shards, err := m.shards(ctx)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	listed := make(map[string]bool)
	for _, shard := range shards {
		listed[*shard.ShardId] = true
	}
	for _, shard := range shards {
		if m.readers[*shard.ShardId] != nil || m.ctx.Err() != nil {
			continue
		}
		if parent := shard.ParentShardId; parent != nil && listed[*parent] && !m.readers[*parent].isDone() {
			continue
		}
		r := &reader{m: m, shard: *shard.ShardId, wake: make(chan struct{}, 1)}
		m.readers[r.shard] = r
		m.work.Go(r.run)
	}
	return nil
}

// shards lists the shards of the stream.
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

// progress tells readToEnd that a reader made progress. The caller holds the lock.
func (m *mapping) progress() {
	close(m.changed)
	m.changed = make(chan struct{})
}

// readToEnd waits until every shard was empty in a read that began after the call.
func (m *mapping) readToEnd(ctx context.Context) error {
	if err := m.discover(ctx); err != nil {
		if m.ctx.Err() != nil {
			return nil // the mapping was stopped
		}
		return fmt.Errorf("find end of %s: %w", m.StreamARN, err)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.readers {
		r.wanted++
		r.wakeUp()
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
			return fmt.Errorf("records of %s are not read or not handled: %w", m.StreamARN, err)
		}
	}
	return nil
}

func (m *mapping) atEnd() bool {
	for _, r := range m.readers {
		if !r.done && r.empty < r.wanted {
			return false
		}
	}
	return true
}
