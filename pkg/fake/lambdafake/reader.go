package lambdafake

import (
	"errors"
	"fmt"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams/types"
)

// reader reads one shard and hands over what it holds.
type reader struct {
	m     *mapping
	shard string
	wake  chan struct{}

	iterator *string
	last     string // sequence number of the last record that was read

	// Under the mapping's lock:
	asked, seen int  // readToEnd wants an empty read that began after it asked
	done        bool // the shard is closed and read to its end
}

// isDone is false for a reader that is not there yet. The caller holds the lock.
func (r *reader) isDone() bool { return r != nil && r.done }

// poke ends the pause before the next read.
func (r *reader) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// run reads until the shard or the mapping ends.
func (r *reader) run() {
	for r.m.ctx.Err() == nil {
		r.m.mu.Lock()
		asked := r.asked
		r.m.mu.Unlock()
		records, open, err := r.read()
		switch {
		case r.m.ctx.Err() != nil:
			return
		case err != nil:
			r.m.s.o.Log.Warn("a shard cannot be read", "shard", r.shard, "error", err)
			r.pause()
		case len(records) > 0:
			r.m.s.moved()
			r.hand(records)
		case open:
			r.found(asked)
			r.pause()
		}
		if err == nil && !open {
			r.finish()
			return
		}
	}
}

// read reads the next page; open is false at the end of a shard that is closed.
func (r *reader) read() (records []events.DynamoDBEventRecord, open bool, err error) {
	if r.iterator == nil {
		if r.iterator, err = r.position(); err != nil {
			return nil, true, err
		}
	}
	out, err := r.m.Streams.GetRecords(r.m.ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: r.iterator})
	if err != nil {
		r.iterator = nil // it may have expired: another one is made of the position
		if _, trimmed := errors.AsType[*types.TrimmedDataAccessException](err); trimmed {
			r.last = ""
		}
		return nil, true, err
	}
	for _, raw := range out.Records {
		record, err := recordOf(raw, r.m.StreamARN)
		if err != nil {
			return nil, true, err
		}
		r.last = record.Change.SequenceNumber
		records = append(records, record)
	}
	r.iterator = out.NextShardIterator
	return records, r.iterator != nil, nil
}

// position is an iterator behind what was read.
func (r *reader) position() (*string, error) {
	in := &dynamodbstreams.GetShardIteratorInput{
		StreamArn: &r.m.StreamARN, ShardId: &r.shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
	}
	if r.last != "" {
		in.ShardIteratorType, in.SequenceNumber = types.ShardIteratorTypeAfterSequenceNumber, aws.String(r.last)
	}
	out, err := r.m.Streams.GetShardIterator(r.m.ctx, in)
	if err != nil {
		return nil, fmt.Errorf("find a place in shard %s: %w", r.shard, err)
	}
	return out.ShardIterator, nil
}

// pause waits for the next poll, or for somebody who wants it now.
func (r *reader) pause() {
	timer := time.NewTimer(r.m.s.o.Poll)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.wake:
	case <-r.m.ctx.Done():
	}
}

// found notes an empty read.
func (r *reader) found(asked int) {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	r.seen = asked
	r.m.progress()
}

// finish ends the shard, and has its children begin.
func (r *reader) finish() {
	r.m.mu.Lock()
	r.done = true
	r.m.mu.Unlock()
	r.m.s.moved()
	if err := r.m.discover(r.m.ctx); err != nil && r.m.ctx.Err() == nil {
		r.m.s.o.Log.Warn("the shards after one cannot be found yet", "shard", r.shard, "error", err)
	}
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	r.m.progress()
}

// hand delivers what passes the filter, in batches.
func (r *reader) hand(records []events.DynamoDBEventRecord) {
	var passed []events.DynamoDBEventRecord
	for _, record := range records {
		if r.m.Filter(record) {
			passed = append(passed, record)
		}
	}
	for len(passed) > 0 && r.m.ctx.Err() == nil {
		batch := passed[:min(len(passed), r.m.BatchSize)]
		for len(payload(batch)) > maxSync && len(batch) > 1 { // what fits into an event
			batch = batch[:len(batch)/2]
		}
		passed = passed[len(batch):]
		d := delivery{r: r}
		d.hand(batch, 0)
	}
}
