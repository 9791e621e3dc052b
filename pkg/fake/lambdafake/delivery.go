package lambdafake

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/aws/aws-lambda-go/events"
)

// delivery delivers one batch to its function, until every record was handled or
// given up.
type delivery struct {
	r       *reader
	failed  *FunctionError // error of the last try; nil if the function answered
	invoked int            // tries so far, without throttled ones
}

// outcome is the result of one try.
type outcome struct {
	handled   int  // number of records, from the first one, that the function handled
	throttled bool // the function did not run
	failed    bool // the function failed, or its report is invalid
	stopped   bool // the mapping or the server was stopped
}

// deliver delivers records that have failed a number of times. When part of them is
// handled, the rest keeps the number of tries, and so do the halves of a split
// batch: Lambda's documentation promises only that a split is not a retry.
func (d *delivery) deliver(records []events.DynamoDBEventRecord, tries int) {
	m := d.r.m
	for throttled := 0; ; {
		if records = d.parkOld(records); len(records) == 0 {
			return
		}
		result := d.try(records)
		records = records[result.handled:]
		switch {
		case result.stopped || len(records) == 0:
			return
		case result.throttled: // the function did not run, so this does not count as a try
			throttled++
			if !wait(m.ctx, m.s.o.ThrottleWait(throttled)) {
				return
			}
			continue
		case result.failed && m.Bisect && len(records) > 1:
			half := len(records) / 2
			d.deliver(records[:half], tries)
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

// parkOld parks the first records if they are older than MaxAge, and returns the
// others.
func (d *delivery) parkOld(records []events.DynamoDBEventRecord) []events.DynamoDBEventRecord {
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

// try invokes the function once with all records.
func (d *delivery) try(records []events.DynamoDBEventRecord) outcome {
	m := d.r.m
	event := payload(records)
	ctx := context.WithoutCancel(m.ctx) // stop waits for an invocation that has begun
	if m.s.o.Duplicate(m.Function) {    // as if the first answer had been lost
		_, _ = m.s.invoke(ctx, m.f, newID(), event)
	}
	answer, err := m.s.invoke(ctx, m.f, newID(), event)
	failed, isFunction := errors.AsType[*FunctionError](err)
	switch {
	case err != nil && m.ctx.Err() != nil: // stopped: this is not a failure of the function
		return outcome{stopped: true}
	case isFunction:
		d.failed = failed
		d.invoked++
		return outcome{failed: true}
	case err != nil: // the function did not run
		if !errors.Is(err, ErrThrottled) {
			m.s.o.Log.Error("function cannot run", "function", m.Function, "error", err)
		}
		return outcome{throttled: true}
	}
	d.invoked++
	if !m.ReportFailures {
		return outcome{handled: len(records)}
	}
	handled, ok := readReport(records, answer)
	d.failed = nil
	return outcome{handled: handled, failed: !ok}
}

// readReport returns how many records a function handled: those before the first
// one that it names as failed. It handled all of them if the answer is empty or
// null, or names none. ok is false if a name is missing, empty or not in the batch;
// then the whole batch has failed. The letter case of keys matters, as on Lambda;
// Go's decoder would ignore it for a struct.
func readReport(records []events.DynamoDBEventRecord, answer []byte) (handled int, ok bool) {
	if len(answer) == 0 {
		return len(records), true
	}
	var report map[string]json.RawMessage
	if err := json.Unmarshal(answer, &report); err != nil {
		return 0, false
	}
	var failures []map[string]any
	if list, named := report["batchItemFailures"]; named {
		if err := json.Unmarshal(list, &failures); err != nil {
			return 0, false
		}
	}
	handled = len(records)
	for _, failure := range failures {
		at := slices.IndexFunc(records, func(r events.DynamoDBEventRecord) bool {
			return r.Change.SequenceNumber == failure["itemIdentifier"]
		})
		if at < 0 {
			return 0, false
		}
		handled = min(handled, at)
	}
	return handled, true
}

// park gives records up, so that the rest of the shard can be delivered.
func (d *delivery) park(records []events.DynamoDBEventRecord, condition string) {
	m := d.r.m
	first, last := records[0].Change, records[len(records)-1].Change
	m.s.o.Log.Warn("records of a stream were given up", "function", m.Function, "condition", condition,
		"records", len(records), "first", first.SequenceNumber)
	if m.OnFailure == nil {
		return
	}
	record := map[string]any{
		"version": "1.0", "timestamp": m.s.o.Now().UTC().Format(timeFormat),
		"requestContext": map[string]any{
			"requestId": newID(), "functionArn": m.s.ARN(m.Function),
			"condition": condition, "approximateInvokeCount": d.invoked,
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
		if d.failed == nil { // the function answered, and named the records that failed
			delete(response, "functionError")
		}
		record["responseContext"] = response
	}
	m.OnFailure(mustJSON(record))
}

func arrival(r events.DynamoDBStreamRecord) string {
	return r.ApproximateCreationDateTime.UTC().Format(time.RFC3339)
}

// payload is the event with these records.
func payload(records []events.DynamoDBEventRecord) []byte {
	return mustJSON(events.DynamoDBEvent{Records: records})
}
