// Package store defines the stored form of requests, events, messages, the
// directory and the other records, for both stores: pkg/store/dynamo and
// pkg/store/memory.
//
// A request and each of its events are one item each, under the same partition
// key. The record itself is JSON in the attribute "body". Beside it stand only the
// few attributes that keys, indexes and conditions need.
//
// An item that a newer version of the software wrote is refused with
// access.ErrNewer. This package never guesses at its meaning, and never reads or
// writes a store itself.
package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/aws-access/aws-access/pkg/access"
)

// Format is the version of the items that this software writes. It reads this
// version and all earlier ones.
const Format = 1

// Item is one item of the table.
type Item struct {
	PK, SK    string
	Format    int
	Body      string    // JSON
	Version   int       // checked by the condition of a write; 0 for events and unique keys
	State     string    // of open requests, Ending, Owed, Unsent or Cutting; "" keeps an item out of the index
	Requester string    // requests: Slack id
	Submitted string    // requests: RFC 3339 with nanoseconds, sorts by time
	Due       time.Time // items with a State: the next time at which something must happen
	ExpiresAt time.Time // after this time DynamoDB may delete the item; zero means never
	Cut       string    // events that order a cut: the cut list, as access.CutKey writes it
	Frozen    bool      // the freeze, while it is on
	Held      bool      // the sweep, while it is held
}

// EventPrefix is the prefix of the sort keys of events.
const EventPrefix = "event#"

// StreamFilter is the filter of the stream mapping in template.yaml. It passes new
// events and notices to notify, and nothing else.
const StreamFilter = `{"eventName":["INSERT"],"dynamodb":{"Keys":{"sk":{"S":[{"prefix":"` + EventPrefix +
	`"},"` + NoticeSort + `"]}}}}`

// CutFilter is the filter of cut's stream mapping in template.yaml. It passes the events that
// order a cut, and nothing else.
const CutFilter = `{"eventName":["INSERT"],"dynamodb":{"NewImage":{"cut":{"S":[{"exists":true}]}}}}`

// CutListPrefix is the prefix of the partition keys of cut lists.
const CutListPrefix = "cut#"

// CutListKey returns the partition key of the cut list of a role.
func CutListKey(k access.CutKey) string { return CutListPrefix + k.String() }

// OnceKey returns the partition key of a unique key.
func OnceKey(key string) string { return "once#" + key }

// RequestKey returns the partition key of a request and everything that belongs
// to it.
func RequestKey(id string) string { return "request#" + id }

// AskerKey returns the partition key of the record that limits one person or pipeline
// (access.Person.AskerID).
func AskerKey(user string) string { return "asker#" + user }

// MaxItem is the largest body that is written, in bytes. DynamoDB allows 400 KB
// for a whole item; the rest is left for names and the other attributes.
const MaxItem = 390 << 10

// MaxKey is the longest partition key, in bytes. DynamoDB allows 2,048. Real ids
// and unique keys are far shorter, so a longer one was not made by this software.
const MaxKey = 1024

// OnceLife is the minimum time for which a unique key is kept. Slack's signatures
// are valid for five minutes only, so a day is enough.
const OnceLife = 24 * time.Hour

// AskerLife is the minimum time for which the record of what a person asked for is
// kept. It is longer than a request can wait (30 days) plus the longest grant (30
// days).
const AskerLife = 90 * 24 * time.Hour

// TimeKey formats a time as a text that sorts by time.
func TimeKey(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000000Z") }

// RequestSort, MessagesSort, OnceSort, AskerSort and NoticeSort are the sort keys of a
// request, of its posted messages, of a unique key, of the record that limits one person
// and of a notice.
// CutSort is that of a cut list.
// DirectoryKey, ReadingKey, ProblemsKey, BuildsKey, FreezeKey and SweepKey are both the partition
// key and the sort key of the directory, of the progress of reading people from Slack, of the
// problems that operators were told about, of the builds that have run, of the freeze, and of the
// record of the last sweep.
const (
	RequestSort  = "request"
	MessagesSort = "messages"
	OnceSort     = "once"
	AskerSort    = "asker"
	NoticeSort   = "notice"
	DirectoryKey = "directory"
	ReadingKey   = "reading"
	ProblemsKey  = "problems"
	BuildsKey    = "builds"
	CutSort      = "cut"
	FreezeKey    = "freeze"
	SweepKey     = "sweep"
)

// RequestItem returns the stored form of a request.
func RequestItem(r access.Request) (Item, error) {
	item, err := newItem(RequestKey(r.ID), RequestSort, r)
	item.Version, item.Requester, item.Submitted = r.Version, r.Requester.ID, TimeKey(r.Submitted)
	if due, open := r.Due(); open {
		item.State, item.Due = string(r.State), due
	} else if r.Cut == access.CutEnding {
		item.State, item.Due = Ending, r.CutSince
	}
	return item, err
}

// Ending is the State of a closed request whose cut has been ordered and is not known to be done.
// access.State has no such value.
const Ending = "ending"

// EventItem returns the stored form of an event.
func EventItem(e access.Event) (Item, error) {
	item, err := newItem(RequestKey(e.Request), fmt.Sprintf("%s%06d", EventPrefix, e.Seq), e)
	if e.Cut == access.CutEnding {
		item.Cut = access.CutKey{Account: e.Account, Role: e.Role}.String()
	}
	return item, err
}

// Cutting is the State of a cut list with something on it. No request has this state.
const Cutting = "cut"

// CutListItem returns the stored form of a cut list.
func CutListItem(l access.CutList) (Item, error) {
	item, err := newItem(CutListKey(access.CutKey{Account: l.Account, Role: l.Role}), CutSort, l)
	item.Version = l.Version
	if due, ok := l.Due(); ok {
		item.State, item.Due = Cutting, due
	}
	return item, err
}

// FreezeItem returns the stored form of the freeze.
func FreezeItem(f access.Freeze) (Item, error) {
	item, err := newItem(FreezeKey, FreezeKey, f)
	item.Version, item.Frozen = f.Version, f.On
	return item, err
}

// SweepItem returns the stored form of the record of the last sweep.
func SweepItem(s access.Sweep) (Item, error) {
	item, err := newItem(SweepKey, SweepKey, s)
	item.Version, item.Held = s.Version, s.Held
	return item, err
}

// Vends reports whether a move records an intent to vend, and must therefore not be saved while
// a sweep is held.
func Vends(e access.Event) bool { return e.Outcome == access.Ordered }

// Gives reports whether a move gives access, and must therefore not be saved while everything is
// frozen: it makes a request active, or records an intent to vend.
func Gives(e access.Event) bool {
	return e.To == access.Active && (e.From != access.Active || e.Outcome == access.Ordered)
}

// Owed is the State of a request's messages while Slack has not accepted all of
// them. No request has this state.
const Owed = "owed"

// MessagesItem returns the stored form of a request's posted messages.
func MessagesItem(request string, m access.Messages) (Item, error) {
	item, err := newItem(RequestKey(request), MessagesSort, m)
	item.Version = m.Version
	if due, owed := m.Due(); owed {
		item.State, item.Due = Owed, due
	}
	return item, err
}

// DirectoryItem returns the stored form of the directory.
func DirectoryItem(d access.Directory) (Item, error) {
	item, err := newItem(DirectoryKey, DirectoryKey, d)
	item.Version = d.Version
	return item, err
}

// ReadingItem returns the stored form of the progress of reading people.
func ReadingItem(r access.Reading) (Item, error) {
	item, err := newItem(ReadingKey, ReadingKey, r)
	item.Version = r.Version
	return item, err
}

// ProblemsItem returns the stored form of the problems that operators were told
// about.
func ProblemsItem(p access.Problems) (Item, error) {
	item, err := newItem(ProblemsKey, ProblemsKey, p)
	item.Version = p.Version
	return item, err
}

// BuildsItem returns the stored form of the builds that have run.
func BuildsItem(b access.Builds) (Item, error) {
	item, err := newItem(BuildsKey, BuildsKey, b)
	item.Version = b.Version
	return item, err
}

// AskerItem returns the stored form of the record that limits one person.
func AskerItem(user string, a access.Asker, expires time.Time) (Item, error) {
	item, err := newItem(AskerKey(user), AskerSort, a)
	item.Version, item.ExpiresAt = a.Version, expires
	return item, err
}

// OnceItem returns the stored form of a unique key with the id of the request that
// it led to.
func OnceItem(key, request string, expires time.Time) (Item, error) {
	item, err := newItem(OnceKey(key), OnceSort, request)
	item.ExpiresAt = expires
	return item, err
}

// MoveItems returns the items that one move writes in one transaction: the request,
// its event and, if once is not empty, the unique key. It refuses an event that
// does not belong to the move.
func MoveItems(next access.Request, event access.Event, once string, now time.Time) ([]Item, error) {
	if next.Version < 1 || event.Request != next.ID || event.Seq != next.Version {
		return nil, fmt.Errorf("event %d of request %q is not the move that leads to version %d of %q",
			event.Seq, event.Request, next.Version, next.ID)
	}
	request, err := RequestItem(next)
	fact, err2 := EventItem(event)
	items := []Item{request, fact}
	if once == "" {
		return items, errors.Join(err, err2)
	}
	key, err3 := OnceItem(once, next.ID, now.Add(OnceLife))
	return append(items, key), errors.Join(err, err2, err3)
}

// CutItems returns the items that a move writes which orders a cut: those of MoveItems and, last,
// the cut list. It refuses a list of another role, or without the request.
func CutItems(next access.Request, event access.Event, l access.CutList, now time.Time) ([]Item, error) {
	items, err := MoveItems(next, event, "", now)
	if l.Account != next.Account || l.Role != next.Role || !l.Has(next.ID, time.Time{}) {
		return nil, errors.Join(err, fmt.Errorf("request %s is not on the cut list of %s", next.ID, next.CutKey()))
	}
	list, err2 := CutListItem(l)
	return append(items, list), errors.Join(err, err2)
}

// SubmitItems returns the items that a new request writes in one transaction: those
// of MoveItems and, last, the record that limits the requester.
func SubmitItems(r access.Request, event access.Event, a access.Asker, once string, now time.Time) ([]Item, error) {
	items, err := MoveItems(r, event, once, now)
	asker, err2 := AskerItem(r.Requester.AskerID(), a, now.Add(AskerLife))
	return append(items, asker), errors.Join(err, err2)
}

func newItem(pk, sk string, body any) (Item, error) {
	text, err := json.Marshal(body)
	switch {
	case err != nil:
		return Item{}, fmt.Errorf("encode %s: %w", sk, err)
	case len(text) > MaxItem:
		return Item{}, fmt.Errorf("%s of %d bytes is larger than an item may be (at most %d)", sk, len(text), MaxItem)
	case len(pk) > MaxKey:
		return Item{}, fmt.Errorf("%s with a key of %d bytes: at most %d", sk, len(pk), MaxKey)
	}
	return Item{PK: pk, SK: sk, Format: Format, Body: string(text)}, nil
}

// Newer reports whether a newer version of the software wrote the item.
func (i Item) Newer() bool { return i.Format > Format || i.Format < 1 }

// Decode reads an item's body into out, which should be a zero value. It returns
// access.ErrNewer for a format or a field that this software does not know, because
// writing such an item back would lose what the newer version added.
func (i Item) Decode(out any) error {
	if i.Newer() {
		return fmt.Errorf(
			"item %s %s has format %d, this software knows %d: %w", i.PK, i.SK, i.Format, Format, access.ErrNewer,
		)
	}
	err := errors.New("not one JSON value")
	if json.Valid([]byte(i.Body)) {
		body := json.NewDecoder(strings.NewReader(i.Body))
		body.DisallowUnknownFields()
		err = body.Decode(out)
	}
	if err != nil && strings.HasPrefix(err.Error(), "json: unknown field") {
		err = fmt.Errorf("%w: %w", access.ErrNewer, err)
	}
	if err != nil {
		return fmt.Errorf("item %s %s: %w", i.PK, i.SK, err)
	}
	return nil
}

// NoticeOf reads the id of a new notice from a stream record. ok is false if the record is
// about something else.
func NoticeOf(record events.DynamoDBEventRecord) (id string, ok bool) {
	pk, sk := record.Change.Keys["pk"], record.Change.Keys["sk"]
	if record.EventName != string(events.DynamoDBOperationTypeInsert) || pk.DataType() != events.DataTypeString ||
		sk.DataType() != events.DataTypeString || sk.String() != NoticeSort {
		return "", false
	}
	return strings.CutPrefix(pk.String(), NoticeKey(""))
}

// CutOrderOf reads from a stream record which cut list an event put its grant on. ok is false if
// the record is about something else.
func CutOrderOf(record events.DynamoDBEventRecord) (k access.CutKey, ok bool) {
	text := record.Change.NewImage["cut"]
	if record.EventName != string(events.DynamoDBOperationTypeInsert) || text.DataType() != events.DataTypeString {
		return access.CutKey{}, false
	}
	return access.CutKeyOf(text.String())
}

// EventOf reads an event from a stream record. ok is false if the record is about
// something else.
func EventOf(record events.DynamoDBEventRecord) (e access.Event, ok bool, err error) {
	sk := record.Change.Keys["sk"]
	if sk.DataType() != events.DataTypeString || !strings.HasPrefix(sk.String(), EventPrefix) {
		return e, false, nil
	}
	if record.EventName != string(events.DynamoDBOperationTypeInsert) {
		return e, false, nil // events are written once; removals are expired items
	}
	item, err := FromImage(record.Change.NewImage)
	if err != nil {
		return e, true, err
	}
	return e, true, item.Decode(&e)
}

// Image returns the item as a stream record carries it.
func (i Item) Image() map[string]events.DynamoDBAttributeValue {
	image := map[string]events.DynamoDBAttributeValue{
		"pk": events.NewStringAttribute(i.PK), "sk": events.NewStringAttribute(i.SK),
		"format": events.NewNumberAttribute(strconv.Itoa(i.Format)), "body": events.NewStringAttribute(i.Body),
	}
	if i.Version != 0 {
		image["version"] = events.NewNumberAttribute(strconv.Itoa(i.Version))
	}
	for name, text := range map[string]string{"state": i.State, "requester": i.Requester, "submitted": i.Submitted} {
		if text != "" {
			image[name] = events.NewStringAttribute(text)
		}
	}
	if !i.Due.IsZero() {
		image["due"] = events.NewStringAttribute(TimeKey(i.Due))
	}
	if i.Cut != "" {
		image["cut"] = events.NewStringAttribute(i.Cut)
	}
	if i.Frozen {
		image["frozen"] = events.NewStringAttribute("true")
	}
	if i.Held {
		image["held"] = events.NewStringAttribute("true")
	}
	if !i.ExpiresAt.IsZero() {
		image["forget"] = events.NewNumberAttribute(strconv.FormatInt(i.ExpiresAt.Unix(), 10))
	}
	return image
}

// FromImage reads an item from a stream record's image, or from the attributes of
// an item in the table. It reads only what Decode needs.
func FromImage(image map[string]events.DynamoDBAttributeValue) (Item, error) {
	var item Item
	for name, out := range map[string]*string{"pk": &item.PK, "sk": &item.SK, "body": &item.Body} {
		v, ok := image[name]
		if !ok || v.DataType() != events.DataTypeString {
			return item, fmt.Errorf("read item: no text %q", name)
		}
		*out = v.String()
	}
	v, ok := image["format"]
	if !ok || v.DataType() != events.DataTypeNumber {
		return item, errors.New(`read item: no number "format"`)
	}
	n, err := strconv.Atoi(v.Number()) // Integer of aws-lambda-go would read 1.5 as 1
	if err != nil {
		return item, fmt.Errorf("read item: format: %w", err)
	}
	item.Format = n
	return item, nil
}
