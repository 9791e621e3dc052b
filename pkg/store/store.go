// Package store is what the stores have in common: their errors, and the form
// in which things are kept. A request and its events are one item each under
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
	State     string    // requests
	Requester string    // requests: Slack id
	Submitted string    // requests: RFC 3339 with nanoseconds, sorts by time
	Due       time.Time // requests: when time will next matter; zero for never
	Forget    time.Time // when the item may be swept; zero for never. Housekeeping only
}

// EventPrefix begins the sort key of every event: the stream's filter.
const EventPrefix = "event#"

// RequestKey is the partition key of a request and of all that belongs to it.
func RequestKey(id string) string { return "request#" + id }

// timeKey is a time format that sorts as text.
const timeKey = "2006-01-02T15:04:05.000000000Z"

// RequestItem is how a request is kept.
func RequestItem(r access.Request) (Item, error) {
	due, _ := r.Due()
	item, err := newItem(RequestKey(r.ID), "request", r)
	item.Version, item.State, item.Requester = r.Version, string(r.State), r.Requester.ID
	item.Submitted, item.Due = r.Submitted.UTC().Format(timeKey), due
	return item, err
}

// EventItem is how an event is kept.
func EventItem(e access.Event) (Item, error) {
	return newItem(RequestKey(e.Request), fmt.Sprintf("%s%06d", EventPrefix, e.Seq), e)
}

// MessagesItem is how the record of posted messages is kept.
func MessagesItem(request string, m access.Messages) (Item, error) {
	item, err := newItem(RequestKey(request), "messages", m)
	item.Version = m.Version
	return item, err
}

// DirectoryItem is how the directory is kept.
func DirectoryItem(d access.Directory) (Item, error) {
	item, err := newItem("directory", "directory", d)
	item.Version = d.Version
	return item, err
}

// OnceItem keeps a unique key, with the request that it led to.
func OnceItem(key, request string, forget time.Time) (Item, error) {
	item, err := newItem("once#"+key, "once", request)
	item.Forget = forget
	return item, err
}

func newItem(pk, sk string, body any) (Item, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return Item{}, fmt.Errorf("encode %s: %w", sk, err)
	}
	return Item{PK: pk, SK: sk, Format: Format, Body: string(text)}, nil
}

// Decode reads an item's body into out.
func (i Item) Decode(out any) error {
	if i.Format > Format || i.Format < 1 {
		return fmt.Errorf("item %s %s has format %d, this software knows %d: %w", i.PK, i.SK, i.Format, Format, access.ErrNewer)
	}
	if err := json.Unmarshal([]byte(i.Body), out); err != nil {
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
		image["due"] = events.NewStringAttribute(i.Due.UTC().Format(timeKey))
	}
	if !i.Forget.IsZero() {
		image["forget"] = events.NewNumberAttribute(strconv.FormatInt(i.Forget.Unix(), 10))
	}
	return image
}

// FromImage reads what Decode needs back out of a stream record's image.
func FromImage(image map[string]events.DynamoDBAttributeValue) (Item, error) {
	var item Item
	for name, out := range map[string]*string{"pk": &item.PK, "sk": &item.SK, "body": &item.Body} {
		v, ok := image[name]
		if !ok || v.DataType() != events.DataTypeString {
			return item, fmt.Errorf("stream record has no text %q", name)
		}
		*out = v.String()
	}
	v, ok := image["format"]
	if !ok || v.DataType() != events.DataTypeNumber {
		return item, errors.New(`stream record has no number "format"`)
	}
	n, err := v.Integer()
	if err != nil {
		return item, fmt.Errorf("stream record's format: %w", err)
	}
	item.Format = int(n)
	return item, nil
}
