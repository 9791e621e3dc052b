package lambdafake

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// delivery brings one batch to its function, until each of its records was
// taken or given up.
type delivery struct {
	r       *reader
	failed  *FunctionError // the last time
	invoked int
}

// outcome is what became of one try.
type outcome struct {
	taken     int  // records from the first one that are done with
	throttled bool // it was not run
	broken    bool // the function failed, or what it reports means nothing
	stopped   bool
}

// hand hands over records that were tried so often already. The tries of
// what is left are not counted anew when it gets shorter, and a half inherits
// them: Lambda's documentation promises no more than that halving is no retry.
func (d *delivery) hand(records []events.DynamoDBEventRecord, tries int) {
	m := d.r.m
	for throttled := 0; ; {
		if records = d.tooOld(records); len(records) == 0 {
			return
		}
		said := d.try(records)
		records = records[said.taken:]
		switch {
		case said.stopped || len(records) == 0:
			return
		case said.throttled: // which never reached the function, and is no retry
			throttled++
			if !wait(m.ctx, m.s.o.ThrottleWait(throttled)) {
				return
			}
			continue
		case said.broken && m.Bisect && len(records) > 1:
			half := len(records) / 2
			d.hand(records[:half], tries)
			records = records[half:]
			continue
		case m.Retries >= 0 && tries >= m.Retries:
			d.park(records, "RetryAttemptsExhausted")
			return
		}
		tries++
		if !wait(m.ctx, m.Retry(tries)) {
			return
		}
	}
}

// tooOld parks the records at the front that are older than they may get.
func (d *delivery) tooOld(records []events.DynamoDBEventRecord) []events.DynamoDBEventRecord {
	m := d.r.m
	if m.MaxAge == 0 {
		return records
	}
	now, old := m.s.o.Now(), 0
	for old < len(records) && now.Sub(records[old].Change.ApproximateCreationDateTime.Time) > m.MaxAge {
		old++
	}
	if old > 0 {
		d.park(records[:old], "RecordAgeExpired")
	}
	return records[old:]
}

// try invokes the function once with all the records.
func (d *delivery) try(records []events.DynamoDBEventRecord) outcome {
	m := d.r.m
	event := payload(records)
	ctx := context.WithoutCancel(m.ctx) // what is on its way is waited for
	if m.s.o.Duplicate(m.Function) {    // as if the first answer had been lost
		_, _ = m.s.invoke(ctx, m.f, newID(), event)
	}
	answer, err := m.s.invoke(ctx, m.f, newID(), event)
	failed, isFunction := errors.AsType[*FunctionError](err)
	switch {
	case err != nil && m.ctx.Err() != nil: // stopped or closed, which is no failure of the function
		return outcome{stopped: true}
	case isFunction:
		d.failed = failed
		d.invoked++
		return outcome{broken: true}
	case err != nil: // nor is this: the function was not run
		if !errors.Is(err, ErrThrottled) {
			m.s.o.Log.Error("a function cannot be run", "function", m.Function, "error", err)
		}
		return outcome{throttled: true}
	}
	d.invoked++
	if !m.ReportFailures {
		return outcome{taken: len(records)}
	}
	taken, ok := checkpoint(records, answer)
	d.failed = nil
	return outcome{taken: taken, broken: !ok}
}

// checkpoint reads which records a function took: those before the first that
// it names. Nothing said, null, or no names: it took them all. ok is false when
// a name is missing, empty or none of the batch's: then the whole batch failed.
// Keys count letter by letter, as on Lambda, which Go's decoder would not do.
func checkpoint(records []events.DynamoDBEventRecord, answer []byte) (taken int, ok bool) {
	if len(answer) == 0 {
		return len(records), true
	}
	var said map[string]json.RawMessage
	if err := json.Unmarshal(answer, &said); err != nil {
		return 0, false
	}
	var failures []map[string]any
	if list, named := said["batchItemFailures"]; named {
		if err := json.Unmarshal(list, &failures); err != nil {
			return 0, false
		}
	}
	taken = len(records)
	for _, failure := range failures {
		at := slices.IndexFunc(records, func(r events.DynamoDBEventRecord) bool {
			return r.Change.SequenceNumber == failure["itemIdentifier"]
		})
		if at < 0 {
			return 0, false
		}
		taken = min(taken, at)
	}
	return taken, true
}

// park gives records up, and the shard goes on.
func (d *delivery) park(records []events.DynamoDBEventRecord, condition string) {
	m := d.r.m
	first, last := records[0].Change, records[len(records)-1].Change
	m.s.o.Log.Warn("records of a stream were given up", "function", m.Function, "condition", condition,
		"records", len(records), "first", first.SequenceNumber)
	if m.OnFailure == nil {
		return
	}
	record := map[string]any{
		"version": "1.0", "timestamp": m.s.o.Now().UTC().Format(timestamp),
		"requestContext": map[string]any{
			"requestId": newID(), "functionArn": m.s.ARN(m.Function), "condition": condition, "approximateInvokeCount": d.invoked,
		},
		"DDBStreamBatchInfo": map[string]any{
			"shardId": d.r.shard, "streamArn": m.StreamARN, "batchSize": len(records),
			"startSequenceNumber": first.SequenceNumber, "endSequenceNumber": last.SequenceNumber,
			"approximateArrivalOfFirstRecord": arrival(first), "approximateArrivalOfLastRecord": arrival(last),
		},
		"payload": json.RawMessage(payload(records)),
	}
	if d.invoked > 0 {
		response := responseContext()
		if d.failed == nil { // it answered, and named what failed
			delete(response, "functionError")
		}
		record["responseContext"] = response
	}
	m.OnFailure(mustJSON(record))
}

func arrival(r events.DynamoDBStreamRecord) string {
	return r.ApproximateCreationDateTime.UTC().Format(time.RFC3339)
}

// payload is the event that carries records.
func payload(records []events.DynamoDBEventRecord) []byte {
	return mustJSON(events.DynamoDBEvent{Records: records})
}
