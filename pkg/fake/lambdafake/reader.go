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

// reader reads one shard and delivers its records.
type reader struct {
	m     *mapping
	shard string
	wake  chan struct{}

	iterator *string
	last     string // sequence number of the last record that was read

	// Under the mapping's lock. Each call of readToEnd increments wanted. A read
	// without records sets empty to the value of wanted when it began.
	wanted, empty int
	done          bool // the shard is closed and read to its end
}

// isDone returns false for nil, a reader that was not started yet. The caller holds
// the lock.
func (r *reader) isDone() bool { return r != nil && r.done }

// wakeUp ends the pause before the next read.
func (r *reader) wakeUp() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// run reads until the shard or the mapping ends.
func (r *reader) run() {
	for r.m.ctx.Err() == nil {
		r.m.mu.Lock()
		wanted := r.wanted
		r.m.mu.Unlock()
		records, open, err := r.read()
		switch {
		case r.m.ctx.Err() != nil:
			return
		case err != nil:
			r.m.s.o.Log.Warn("cannot read shard", "shard", r.shard, "error", err)
			r.pause()
		case len(records) > 0:
			r.m.s.notIdle()
			r.deliver(records)
		case open:
			r.foundEmpty(wanted)
			r.pause()
		}
		if err == nil && !open {
			r.finish()
			return
		}
	}
}

// read reads the next page. open is false at the end of a closed shard.
func (r *reader) read() (records []events.DynamoDBEventRecord, open bool, err error) {
	if r.iterator == nil {
		if r.iterator, err = r.position(); err != nil {
			return nil, true, err
		}
	}
	out, err := r.m.Streams.GetRecords(r.m.ctx, &dynamodbstreams.GetRecordsInput{ShardIterator: r.iterator})
	if err != nil {
		r.iterator = nil // it may have expired: the next read makes a new one
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

// position returns an iterator after the last record that was read.
func (r *reader) position() (*string, error) {
	in := &dynamodbstreams.GetShardIteratorInput{
		StreamArn: &r.m.StreamARN, ShardId: &r.shard, ShardIteratorType: types.ShardIteratorTypeTrimHorizon,
	}
	if r.last != "" {
		in.ShardIteratorType, in.SequenceNumber = types.ShardIteratorTypeAfterSequenceNumber, aws.String(r.last)
	}
	out, err := r.m.Streams.GetShardIterator(r.m.ctx, in)
	if err != nil {
		return nil, fmt.Errorf("get iterator of shard %s: %w", r.shard, err)
	}
	return out.ShardIterator, nil
}

// pause waits until the next poll or wakeUp.
func (r *reader) pause() {
	timer := time.NewTimer(r.m.s.o.Poll)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.wake:
	case <-r.m.ctx.Done():
	}
}

// foundEmpty notes a read without records.
func (r *reader) foundEmpty(wanted int) {
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	r.empty = wanted
	r.m.progress()
}

// finish marks the shard as done, and starts the readers of its children.
func (r *reader) finish() {
	r.m.mu.Lock()
	r.done = true
	r.m.mu.Unlock()
	r.m.s.notIdle()
	if err := r.m.discover(r.m.ctx); err != nil && r.m.ctx.Err() == nil {
		r.m.s.o.Log.Warn("cannot find child shards", "shard", r.shard, "error", err)
	}
	r.m.mu.Lock()
	defer r.m.mu.Unlock()
	r.m.progress()
}

// deliver delivers the records that pass the filter, in batches.
func (r *reader) deliver(records []events.DynamoDBEventRecord) {
	var passed []events.DynamoDBEventRecord
	for _, record := range records {
		if r.m.Filter(record) {
			passed = append(passed, record)
		}
	}
	for len(passed) > 0 && r.m.ctx.Err() == nil {
		batch := passed[:min(len(passed), r.m.BatchSize)]
		for len(payload(batch)) > maxSync && len(batch) > 1 { // an event has a limit
			batch = batch[:len(batch)/2]
		}
		passed = passed[len(batch):]
		d := delivery{r: r}
		d.deliver(batch, 0)
	}
}
