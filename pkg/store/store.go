// Package store is what the stores have in common: the form in which things are
// kept. A request and its events are one item each under
// one partition key; what is kept is JSON in the attribute "body", with the
// few attributes that keys, indexes and conditions need beside it.
//
// It promises that an item written by a newer version of the software is
// refused, never guessed at (access.ErrNewer).
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
// one and those before.
const Format = 1

// Item is one item of the table.
type Item struct {
	PK, SK    string
	Format    int
	Body      string    // JSON
	Version   int       // requests, messages, directory: what a write is conditioned on
	State     string    // open requests, and messages that are owed (Owed); "" keeps the rest out of the index
	Requester string    // requests: Slack id
	Submitted string    // requests: RFC 3339 with nanoseconds, sorts by time
	Due       time.Time // of what has a State: when time will next matter
	ExpiresAt time.Time // when the item may be swept; zero for never. Housekeeping only
}

// EventPrefix begins the sort key of every event.
const EventPrefix = "event#"

// StreamFilter lets new events through to notify, and nothing else, in the words
// of template.yaml.
const StreamFilter = `{"eventName":["INSERT"],"dynamodb":{"Keys":{"sk":{"S":[{"prefix":"` + EventPrefix + `"}]}}}}`

// OnceKey is the partition key of a unique key.
func OnceKey(key string) string { return "once#" + key }

// RequestKey is the partition key of a request and of all that belongs to it.
func RequestKey(id string) string { return "request#" + id }

// AskerKey is the partition key of what limits one person.
func AskerKey(user string) string { return "asker#" + user }

// MaxItem is the largest item that is written, in bytes. DynamoDB takes 400 KB
// with the names and the attributes beside the body; the rest is left for them.
const MaxItem = 390 << 10

// MaxKey is the longest text that may become part of a key, in bytes. DynamoDB
// takes 2,048 for a partition key; ids and unique keys are far shorter, so what
// is longer was made up.
const MaxKey = 1024

// OnceLife is how long a unique key is kept at the least. Slack's signatures
// are good for five minutes, so a day is plenty.
const OnceLife = 24 * time.Hour

// AskerLife is how long it is kept at the least what somebody asked for: longer
// than a request can wait (30 days) and its grant can last (30 days).
const AskerLife = 90 * 24 * time.Hour

// TimeKey is a time as text that sorts by time.
func TimeKey(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000000000Z") }

// RequestSort, MessagesSort, OnceSort and AskerSort are the sort keys of a
// request, of the record of its messages, of a unique key and of what limits
// one person; DirectoryKey, ReadingKey and ProblemsKey are both keys of the
// directory, of the reading of people and of what the operators were told.
const (
	RequestSort  = "request"
	MessagesSort = "messages"
	OnceSort     = "once"
	AskerSort    = "asker"
	DirectoryKey = "directory"
	ReadingKey   = "reading"
	ProblemsKey  = "problems"
)

// RequestItem is how a request is kept.
func RequestItem(r access.Request) (Item, error) {
	item, err := newItem(RequestKey(r.ID), RequestSort, r)
	item.Version, item.Requester, item.Submitted = r.Version, r.Requester.ID, TimeKey(r.Submitted)
	if due, open := r.Due(); open {
		item.State, item.Due = string(r.State), due
	}
	return item, err
}

// EventItem is how an event is kept.
func EventItem(e access.Event) (Item, error) {
	return newItem(RequestKey(e.Request), fmt.Sprintf("%s%06d", EventPrefix, e.Seq), e)
}

// Owed is the State of the messages of a request while Slack has not taken all
// of them. No request has it.
const Owed = "owed"

// MessagesItem is how the record of posted messages is kept.
func MessagesItem(request string, m access.Messages) (Item, error) {
	item, err := newItem(RequestKey(request), MessagesSort, m)
	item.Version = m.Version
	if due, owed := m.Due(); owed {
		item.State, item.Due = Owed, due
	}
	return item, err
}

// DirectoryItem is how the directory is kept.
func DirectoryItem(d access.Directory) (Item, error) {
	item, err := newItem(DirectoryKey, DirectoryKey, d)
	item.Version = d.Version
	return item, err
}

// ReadingItem is how the reading of people is kept.
func ReadingItem(r access.Reading) (Item, error) {
	item, err := newItem(ReadingKey, ReadingKey, r)
	item.Version = r.Version
	return item, err
}

// ProblemsItem is how the record of what the operators were told is kept.
func ProblemsItem(p access.Problems) (Item, error) {
	item, err := newItem(ProblemsKey, ProblemsKey, p)
	item.Version = p.Version
	return item, err
}

// AskerItem is how it is kept what one person asked for.
func AskerItem(user string, a access.Asker, forget time.Time) (Item, error) {
	item, err := newItem(AskerKey(user), AskerSort, a)
	item.Version, item.ExpiresAt = a.Version, forget
	return item, err
}

// OnceItem keeps a unique key, with the request that it led to.
func OnceItem(key, request string, forget time.Time) (Item, error) {
	item, err := newItem(OnceKey(key), OnceSort, request)
	item.ExpiresAt = forget
	return item, err
}

// MoveItems are the items that one move writes, all or none: the request, its
// event and, if once is not empty, the unique key.
func MoveItems(next access.Request, event access.Event, once string, now time.Time) ([]Item, error) {
	if next.Version < 1 || event.Request != next.ID || event.Seq != next.Version {
		return nil, fmt.Errorf("event %d of request %q is not the move that leads to version %d of %q", event.Seq, event.Request, next.Version, next.ID)
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

// SubmitItems are the items that a new request writes, all or none: those of
// its move and, last, what limits the person who made it.
func SubmitItems(r access.Request, event access.Event, a access.Asker, once string, now time.Time) ([]Item, error) {
	items, err := MoveItems(r, event, once, now)
	asker, err2 := AskerItem(r.Requester.ID, a, now.Add(AskerLife))
	return append(items, asker), errors.Join(err, err2)
}

func newItem(pk, sk string, body any) (Item, error) {
	text, err := json.Marshal(body)
	switch {
	case err != nil:
		return Item{}, fmt.Errorf("encode %s: %w", sk, err)
	case len(text) > MaxItem:
		return Item{}, fmt.Errorf("%s of %d bytes is larger than an item of the table may be (%d)", sk, len(text), MaxItem)
	case len(pk) > MaxKey:
		return Item{}, fmt.Errorf("%s with a key of %d bytes: at most %d", sk, len(pk), MaxKey)
	}
	return Item{PK: pk, SK: sk, Format: Format, Body: string(text)}, nil
}

// Newer reports whether this software cannot know what the item means.
func (i Item) Newer() bool { return i.Format > Format || i.Format < 1 }

// Decode reads an item's body into out, which should be a zero value. A format
// or a field that this software does not know is access.ErrNewer: writing such
// an item back would lose what the newer version knows.
func (i Item) Decode(out any) error {
	if i.Newer() {
		return fmt.Errorf("item %s %s has format %d, this software knows %d: %w", i.PK, i.SK, i.Format, Format, access.ErrNewer)
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

// EventOf reads an event out of a stream record. ok is false when the record
// tells of something else.
func EventOf(record events.DynamoDBEventRecord) (e access.Event, ok bool, err error) {
	sk := record.Change.Keys["sk"]
	if sk.DataType() != events.DataTypeString || !strings.HasPrefix(sk.String(), EventPrefix) {
		return e, false, nil
	}
	if record.EventName != string(events.DynamoDBOperationTypeInsert) {
		return e, false, nil // events are written once; a removal is housekeeping
	}
	item, err := FromImage(record.Change.NewImage)
	if err != nil {
		return e, true, err
	}
	return e, true, item.Decode(&e)
}

// Image is the item as a stream record carries it.
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
	if !i.ExpiresAt.IsZero() {
		image["forget"] = events.NewNumberAttribute(strconv.FormatInt(i.ExpiresAt.Unix(), 10))
	}
	return image
}

// FromImage reads what Decode needs back out of a stream record's image, or of
// an item as the table holds it.
func FromImage(image map[string]events.DynamoDBAttributeValue) (Item, error) {
	var item Item
	for name, out := range map[string]*string{"pk": &item.PK, "sk": &item.SK, "body": &item.Body} {
		v, ok := image[name]
		if !ok || v.DataType() != events.DataTypeString {
			return item, fmt.Errorf("item has no text %q", name)
		}
		*out = v.String()
	}
	v, ok := image["format"]
	if !ok || v.DataType() != events.DataTypeNumber {
		return item, errors.New(`item has no number "format"`)
	}
	n, err := strconv.Atoi(v.Number()) // Integer would read 1.5 as 1
	if err != nil {
		return item, fmt.Errorf("item's format: %w", err)
	}
	item.Format = n
	return item, nil
}
