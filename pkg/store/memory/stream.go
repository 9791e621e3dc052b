package memory

import (
	"fmt"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/aws-access/aws-access/pkg/store"
)

// change is an item that replaced another. old has no key before an insert, and new
// has none after a removal.
type change struct {
	at       time.Time
	old, new store.Item
}

// streamLife is how long DynamoDB keeps the records of a stream.
const streamLife = 24 * time.Hour

// streamARN has the form of a real one; the account does not exist.
const streamARN = "arn:aws:dynamodb:eu-west-1:000000000000:table/aws-access/stream/2026-01-01T00:00:00.000"

// Records returns at most limit records of the table's stream after the position
// after, in order. last is the position at which to continue. Positions begin at 0.
// As in DynamoDB, records older than a day are dropped.
func (s *Store) Records(after, limit int) (records []events.DynamoDBEventRecord, last int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	last = max(after, s.dropped)
	for last-s.dropped < len(s.stream) && len(records) < limit {
		change := s.stream[last-s.dropped]
		last++
		records = append(records, change.record(last))
	}
	return records, last
}

// Wait returns a channel that is closed when there are records after the position
// after. It is closed already if there are some now.
func (s *Store) Wait(after int) <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	if after < s.dropped+len(s.stream) {
		closed := make(chan struct{})
		close(closed)
		return closed
	}
	return s.more
}

// write stores items and appends them to the stream. The caller holds the lock.
func (s *Store) write(items ...store.Item) {
	for _, item := range items {
		s.appendToStream(change{at: s.now(), old: s.items[keyOf(item)], new: item})
		s.items[keyOf(item)] = item
	}
}

func (s *Store) appendToStream(c change) {
	s.stream = append(s.stream, c)
	for c.at.Sub(s.stream[0].at) > streamLife {
		s.stream = s.stream[1:]
		s.dropped++
	}
	close(s.more)
	s.more = make(chan struct{})
}

// record returns the change as a stream mapping delivers it.
func (c change) record(sequence int) events.DynamoDBEventRecord {
	record := events.DynamoDBEventRecord{
		AWSRegion: "eu-west-1", EventID: fmt.Sprintf("%032x", sequence),
		EventName:   string(events.DynamoDBOperationTypeModify),
		EventSource: "aws:dynamodb", EventVersion: "1.1", EventSourceArn: streamARN,
		Change: events.DynamoDBStreamRecord{
			ApproximateCreationDateTime: events.SecondsEpochTime{Time: c.at},
			SequenceNumber:              fmt.Sprintf("1%024d", sequence),
			StreamViewType:              string(events.DynamoDBStreamViewTypeNewAndOldImages),
		},
	}
	stream := &record.Change
	if c.old.PK != "" {
		stream.Keys, stream.OldImage = keys(c.old), c.old.Image()
	} else {
		record.EventName = string(events.DynamoDBOperationTypeInsert)
	}
	if c.new.PK != "" {
		stream.Keys, stream.NewImage = keys(c.new), c.new.Image()
	} else {
		record.EventName = string(events.DynamoDBOperationTypeRemove)
		record.UserIdentity = &events.DynamoDBUserIdentity{Type: "Service", PrincipalID: "dynamodb.amazonaws.com"}
	}
	stream.SizeBytes = size(stream.Keys) + size(stream.NewImage) + size(stream.OldImage)
	return record
}

func keys(i store.Item) map[string]events.DynamoDBAttributeValue {
	return map[string]events.DynamoDBAttributeValue{
		"pk": events.NewStringAttribute(i.PK), "sk": events.NewStringAttribute(i.SK),
	}
}

// size counts bytes as DynamoDB does: names and texts in bytes, and about one byte
// for two digits of a number.
func size(image map[string]events.DynamoDBAttributeValue) (n int64) {
	for name, v := range image {
		n += int64(len(name))
		switch v.DataType() {
		case events.DataTypeNumber:
			n += int64(len(v.Number())+1)/2 + 1
		default:
			n += int64(len(v.String()))
		}
	}
	return n
}
