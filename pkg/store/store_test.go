package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/aws-access/aws-access/pkg/access"
)

var noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)

func TestDecodeRefusesUnknownFormatsAndFields(t *testing.T) {
	item := func(format int, body string) Item { return Item{PK: "p", SK: "s", Format: format, Body: body} }
	for name, c := range map[string]struct {
		item  Item
		newer bool
		says  string
	}{
		"newer format":         {item(Format+1, `{}`), true, "has format 2, this software knows 1"},
		"no format":            {item(0, `{}`), true, "has format 0"},
		"unknown field":        {item(1, `{"Seq":1,"Unknown":2}`), true, `unknown field "Unknown"`},
		"unknown nested field": {item(1, `{"Actor":{"Unknown":2}}`), true, `unknown field "Unknown"`},
		"not JSON":             {item(1, `{"Seq":`), false, "not one JSON value"},
		"empty":                {item(1, ""), false, "not one JSON value"},
		"two values":           {item(1, `{} {}`), false, "not one JSON value"},
		"another type":         {item(1, `{"Seq":"1"}`), false, "item p s: json: cannot unmarshal string"},
		"not an object":        {item(1, `[]`), false, "cannot unmarshal array"},
	} {
		var e access.Event
		err := c.item.Decode(&e)
		if err == nil || errors.Is(err, access.ErrNewer) != c.newer || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v; want newer %v and %q", name, err, c.newer, c.says)
		}
	}
}

func TestFromImageRefusesMissingOrWrongAttributes(t *testing.T) {
	text, number := events.NewStringAttribute, events.NewNumberAttribute
	for name, c := range map[string]struct {
		attribute string
		value     events.DynamoDBAttributeValue
		says      string
	}{
		"key missing":         {"pk", events.DynamoDBAttributeValue{}, `no text "pk"`},
		"key is a number":     {"sk", number("1"), `no text "sk"`},
		"body is binary":      {"body", events.NewBinaryAttribute([]byte("{}")), `no text "body"`},
		"format is a text":    {"format", text("1"), `no number "format"`},
		"format is a decimal": {"format", number("1.5"), `"1.5": invalid syntax`},
		"format is too large": {"format", number("1e400"), `"1e400": invalid syntax`},
	} {
		image := Item{PK: "p", SK: "s", Format: 1, Body: "{}"}.Image()
		image[c.attribute] = c.value
		if _, err := FromImage(image); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %q", name, err, c.says)
		}
	}
}

func TestAnImageHasOnlyTheAttributesInUse(t *testing.T) {
	r := access.Request{
		ID: "01A", Version: 3, State: access.Pending, Requester: access.Person{ID: "U1"}, Submitted: noon,
		AnswerBy: noon.Add(time.Hour),
	}
	request, err := RequestItem(r)
	event, err2 := EventItem(access.Event{Request: "01A", Seq: 3})
	once, err3 := OnceItem("form:1", "01A", noon)
	if err := errors.Join(err, err2, err3); err != nil {
		t.Fatal(err)
	}
	r.State = access.Denied
	final, err := RequestItem(r)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		item Item
		want string
	}{
		"request":    {request, "body due format pk requester sk state submitted version"},
		"final":      {final, "body format pk requester sk submitted version"},
		"event":      {event, "body format pk sk"},
		"unique key": {once, "body forget format pk sk"},
		"empty item": {Item{PK: "p", SK: "s"}, "body format pk sk"},
	} {
		image := c.item.Image()
		var names []string
		for attribute := range image {
			names = append(names, attribute)
		}
		slices.Sort(names)
		if got := strings.Join(names, " "); got != c.want {
			t.Errorf("%s: got %s, want %s", name, got, c.want)
		}
	}
	if got := request.Image()["due"].String(); got != "2026-11-21T13:00:00.000000000Z" {
		t.Errorf("due: got %s", got)
	}
	if got := event.SK; got != "event#000003" {
		t.Errorf("event key: got %s", got)
	}
	if got := once.Image()["forget"].Number(); got != "1795262400" {
		t.Errorf("forget: got %s, want seconds", got)
	}
}

func TestMoveItemsRefusesAnEventOfAnotherMove(t *testing.T) {
	next := access.Request{ID: "01A", Version: 2}
	for name, c := range map[string]struct {
		event access.Event
		once  string
		says  string
	}{
		"another request": {access.Event{Request: "01B", Seq: 2}, "", "is not the move that leads to version 2"},
		"another version": {access.Event{Request: "01A", Seq: 1}, "", "is not the move that leads to version 2"},
		"a long key":      {access.Event{Request: "01A", Seq: 2}, strings.Repeat("k", MaxKey), "at most 1024"},
		"a long reason": {
			access.Event{Request: "01A", Seq: 2, Why: strings.Repeat("k", MaxItem)}, "", "larger than an item",
		},
	} {
		if _, err := MoveItems(next, c.event, c.once, noon); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: got %v, want %q", name, err, c.says)
		}
	}
}

// No stream record causes a panic, and this software can write each event that it
// accepts again without losing anything.
func FuzzEventOf(f *testing.F) {
	item, err := EventItem(access.Event{
		Request: "01A", Seq: 1, At: noon, Verb: access.Submit, To: access.Pending, Why: "wh\u00ff \u2028",
	})
	if err != nil {
		f.Fatal(err)
	}
	record := events.DynamoDBEventRecord{EventName: "INSERT"}
	record.Change.Keys = map[string]events.DynamoDBAttributeValue{"sk": events.NewStringAttribute(item.SK)}
	record.Change.NewImage = item.Image()
	seed, err := json.Marshal(record)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(
		`{"eventName":"INSERT","dynamodb":{"Keys":{"sk":{"S":"event#1"}},` +
			`"NewImage":{"pk":{"S":"p"},"sk":{"S":"s"},"body":{"S":"{}"},"format":{"N":"1.5"}}}}`,
	))
	f.Add([]byte(`{"eventName":"REMOVE","dynamodb":{"Keys":{"sk":{"NULL":true}},"OldImage":{"sk":{"L":[{"M":{}}]}}}}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var record events.DynamoDBEventRecord
		if json.Unmarshal(text, &record) != nil {
			return
		}
		e, ok, err := EventOf(record)
		if !ok || err != nil {
			return
		}
		again, err := EventItem(e)
		if err != nil {
			return // an event that is too large to be written
		}
		var back access.Event
		if err := again.Decode(&back); err != nil {
			t.Fatalf("%+v cannot be read back: %v", e, err)
		}
		if diff := cmp.Diff(e, back); diff != "" {
			t.Fatal(diff)
		}
	})
}

// An active grant can always be ended, and the move that ends it fits into the
// table, however many sessions were ordered and however long all texts are.
func TestTheMoveThatEndsAGrantAlwaysFits(t *testing.T) {
	text := func(rt *rapid.T, what string, length int) string { // three of them take six bytes in JSON
		return strings.Repeat(rapid.SampledFrom([]string{"a", "\x00", "<", "\u2028", "👩", "é"}).Draw(rt, what), length)
	}
	rapid.Check(t, func(rt *rapid.T) {
		person := func(id string) access.Person {
			return access.Person{ID: id + strings.Repeat("0", 20), Name: text(rt, "name", 80), Email: text(rt, "address", 254),
				Membership: access.Member}
		}
		by, other := person("U0DEV"), person("U0LEAD")
		terms := access.Terms{Max: 30 * 24 * time.Hour, Met: true, Give: []access.Kind{access.Console, access.Keys},
			AnswerWithin: time.Hour}
		now := time.Date(2026, 11, 21, 12, 0, 0, 123456789, time.UTC)
		r, _, err := access.New(access.Ask{
			ID: "01ARZ3NDEKTSV4RRFFQ69G5FAV", Requester: by, Account: "111111111111", AccountName: text(rt, "account", 100),
			Role: strings.Repeat("r", 64), For: terms.Max, Reason: "a" + text(rt, "reason", access.MaxReason-1),
			Ticket: text(rt, "ticket", 200),
		}, terms, now)
		if err != nil {
			rt.Fatal(err)
		}
		pace := rapid.SampledFrom([]time.Duration{0, time.Second, 3 * time.Second, time.Minute}).Draw(rt, "pace")
		issues := rapid.Bool().Draw(rt, "issues")
		for i := range 3 * access.MaxUsedOrders {
			now = now.Add(pace)
			id := fmt.Sprintf("%0*d", access.MaxOrderField, i)
			o := access.Order{ID: id, Request: r.ID, By: by.ID, Kind: access.Keys, At: now}
			if err := o.Check(); err != nil {
				rt.Fatal(err)
			}
			next, _, err := r.Order(by, o, terms, now)
			if err != nil {
				continue
			}
			if r = next; !issues {
				r, _, err = r.Fail(id, "error", now)
			} else {
				key := access.IssuedKey{AccessKeyID: strings.Repeat("A", 128), Expires: now.Add(time.Hour)}
				r, _, err = r.Issue(id, key, key, now)
			}
			if err != nil {
				rt.Fatal(err)
			}
		}
		why := text(rt, "why", access.MaxReason)
		for name, end := range map[string]func() (access.Request, access.Event, error){
			"end":    func() (access.Request, access.Event, error) { return r.End(by, now) },
			"revoke": func() (access.Request, access.Event, error) { return r.Revoke(other, why, now) },
			"expire": func() (access.Request, access.Event, error) { return r.Tick(r.Ends) },
		} {
			next, event, err := end()
			if err == nil {
				_, err = MoveItems(next, event, "", now)
			}
			if err != nil {
				rt.Errorf("%s after %d clicks and %d sessions: %v", name, len(r.UsedOrders), len(r.Sessions), err)
			}
		}
	})
}

// Other messages must not pay for an index entry.
func TestMessagesAreInTheIndexOnlyWhileOneIsOwed(t *testing.T) {
	m := access.Messages{Version: 3, Posted: []access.Message{{Slot: "grant", Channel: "D1", TS: "1.000001", Shows: 2}}}
	item, err := MessagesItem("01A", m)
	if err != nil {
		t.Fatal(err)
	}
	for _, attribute := range []string{"state", "due"} {
		if _, there := item.Image()[attribute]; there {
			t.Errorf("nothing is owed, but the item has the attribute %s", attribute)
		}
	}
	if want := `{"Version":3,"Posted":[{"Slot":"grant","Channel":"D1","TS":"1.000001","Shows":2}]}`; item.Body != want {
		t.Errorf("the item grew: got %s, want %s", item.Body, want)
	}
	m.Owe(access.Owed{Slot: "card:C1", Channel: "C1", Next: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)})
	if item, err = MessagesItem("01A", m); err != nil || item.State != Owed || !item.Due.Equal(m.Owed[0].Next) {
		t.Errorf("something is owed: got state %q, due %s (%v)", item.State, item.Due, err)
	}
	var before access.Messages // as an earlier version wrote it
	if err := (Item{Format: 1,
		Body: `{"Version":1,"Posted":[{"Slot":"grant","Channel":"D1","TS":"-","Shows":1}]}`}).Decode(&before); err != nil ||
		before.Owed != nil {
		t.Errorf("an item of an earlier version: got %+v, %v", before, err)
	}
}
