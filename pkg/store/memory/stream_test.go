package memory

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/store"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

// save writes the first version of a request, with a unique key.
func save(t *testing.T, s *Store, id string) access.Event {
	t.Helper()
	r := access.Request{ID: id, Version: 1, State: access.Pending, Submitted: noon, AnswerBy: noon.Add(time.Hour)}
	e := access.Event{Request: id, Seq: 1, Verb: access.Submit, To: access.Pending, At: noon}
	if err := s.Save(t.Context(), r, e, "form:"+id); err != nil {
		t.Fatal(err)
	}
	return e
}

func saveDirectory(t *testing.T, s *Store, version int) {
	t.Helper()
	if err := s.SaveDirectory(t.Context(), access.Directory{Version: version, Size: version}); err != nil {
		t.Fatal(err)
	}
}

func TestTheStreamKeepsRecordsForADay(t *testing.T) {
	now := noon
	s := New(func() time.Time { return now })
	save(t, s, "A")
	now = now.Add(streamLife)
	saveDirectory(t, s, 1)
	if records, last := s.Records(0, 100); len(records) != 4 || last != 4 {
		t.Fatalf("after a day: %d records up to %d, want 4", len(records), last)
	}
	now = now.Add(time.Nanosecond)
	saveDirectory(t, s, 2)
	if records, last := s.Records(0, 100); len(records) != 2 || last != 5 {
		t.Fatalf("after more than a day: %d records up to %d, want the last 2 of 5", len(records), last)
	}
}

func TestRecordsHaveTheFormOfAStreamMapping(t *testing.T) {
	s := New(func() time.Time { return noon })
	want := save(t, s, "A")
	saveDirectory(t, s, 1)
	saveDirectory(t, s, 2)
	records, _ := s.Records(0, 100)
	var got []string
	var events []access.Event
	for _, record := range records {
		record = throughJSON(t, record)
		c := record.Change
		got = append(got, fmt.Sprintf("%s %s new:%v old:%v",
			record.EventName, c.Keys["sk"].String(), c.NewImage != nil, c.OldImage != nil))
		if e, ok, err := store.EventOf(record); ok && err == nil {
			events = append(events, e)
		}
	}
	lines := []string{
		"INSERT request new:true old:false", "INSERT event#000001 new:true old:false", "INSERT once new:true old:false",
		"INSERT directory new:true old:false", "MODIFY directory new:true old:true",
	}
	if diff := cmp.Diff(lines, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]access.Event{want}, events); diff != "" {
		t.Error(diff)
	}
}

func throughJSON(t *testing.T, record events.DynamoDBEventRecord) (back events.DynamoDBEventRecord) {
	t.Helper()
	text, err := json.Marshal(record)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(text, &back); err != nil {
		t.Fatal(err)
	}
	return back
}

func TestAnExpiredKeyIsRemovedByTheService(t *testing.T) {
	now := noon
	s := New(func() time.Time { return now })
	save(t, s, "A")
	s.DeleteExpired()
	if records, _ := s.Records(3, 100); len(records) != 0 {
		t.Errorf("removed before its time: %+v", records)
	}
	now = now.Add(store.OnceLife + time.Second)
	s.DeleteExpired()
	records, _ := s.Records(3, 100)
	if len(records) != 1 || records[0].EventName != "REMOVE" || records[0].UserIdentity == nil ||
		records[0].Change.NewImage != nil || records[0].Change.OldImage == nil {
		t.Fatalf("got %+v, want one REMOVE with the old image", records)
	}
	if _, ok, err := store.EventOf(throughJSON(t, records[0])); ok || err != nil {
		t.Errorf("a removal was read as an event: %v, %v", ok, err)
	}
}

func TestReadingContinuesAtAPosition(t *testing.T) {
	s := New(func() time.Time { return noon })
	quiet := s.Wait(0)
	select {
	case <-quiet:
		t.Fatal("Wait reports a record before there is one")
	default:
	}
	save(t, s, "A")
	<-quiet
	<-s.Wait(2)
	first, last := s.Records(0, 2)
	rest, end := s.Records(last, 2)
	none, still := s.Records(end, 2)
	if len(first) != 2 || len(rest) != 1 || len(none) != 0 || end != 3 || still != 3 {
		t.Fatalf("got %d, %d, %d records up to %d and %d; want 2, 1, 0 up to 3", len(first), len(rest), len(none), end, still)
	}
	if first[1].Change.SequenceNumber >= rest[0].Change.SequenceNumber ||
		len(first[1].Change.SequenceNumber) != len(rest[0].Change.SequenceNumber) {
		t.Errorf("sequence numbers %s and %s do not increase", first[1].Change.SequenceNumber, rest[0].Change.SequenceNumber)
	}
}

func TestAllRequestsAndEventsAreListedInOrder(t *testing.T) {
	s := New(func() time.Time { return noon })
	want := []access.Event{save(t, s, "A"), save(t, s, "B")}
	if diff := cmp.Diff(want, s.Events()); diff != "" {
		t.Error(diff)
	}
	s.Put(store.Item{PK: store.RequestKey("C"), SK: store.RequestSort, Format: store.Format + 1, Body: "?"})
	if all := s.All(t.Context()); len(all) != 2 || all[0].ID != "A" || all[1].ID != "B" {
		t.Errorf("got %+v, want A and B", all)
	}
}
