package functions

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/slackapi"
	"github.com/aws-access/aws-access/pkg/store"
)

type image = map[string]events.DynamoDBAttributeValue

// recorded is what an earlier version wrote and received, in
// testdata/recorded-by-version-1.json. It is never rewritten: a table that is in
// use holds such items, streams hold such records for a day, and messages in
// Slack show such buttons for years.
type recorded struct {
	At      time.Time                    `json:"at"`
	Items   []image                      `json:"items"`
	Records []events.DynamoDBEventRecord `json:"records"`
	Orders  []json.RawMessage            `json:"orders"`
	Clicks  []struct {
		Does    string          `json:"does"`
		Request string          `json:"request"`
		Payload json.RawMessage `json:"payload"`
	} `json:"clicks"`
	Requests map[string]string `json:"requests"` // ids by what became of the request
}

func readRecorded(t *testing.T) (r recorded) {
	t.Helper()
	text, err := os.ReadFile("testdata/recorded-by-version-1.json")
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// restored is a world whose table holds the recorded items, at the time of the
// recording.
func restored(t *testing.T) (*world, recorded) {
	t.Helper()
	r := readRecorded(t)
	w := newWorld(t)
	w.pass(r.At.Sub(w.clock()))
	for _, i := range r.Items {
		w.store.Put(itemOf(t, i))
	}
	_, w.fed = w.store.Records(0, 1<<20)
	w.ids = 100 // ids that the recording does not use
	// The direct channels of the recording exist in Slack.
	for _, user := range []string{"U0DEV1", "U0DEV2", "U0LEAD2"} {
		if _, _, err := w.Slack.Slack.Post(t.Context(), user, slackapi.Message{Text: "an earlier message"}); err != nil {
			t.Fatal(err)
		}
	}
	return w, r
}

// itemOf is a recorded item with all its attributes.
func itemOf(t *testing.T, i image) store.Item {
	t.Helper()
	item, err := store.FromImage(i)
	if err != nil {
		t.Fatal(err)
	}
	for name, into := range map[string]*string{
		"state": &item.State, "requester": &item.Requester, "submitted": &item.Submitted,
	} {
		if v, ok := i[name]; ok {
			*into = v.String()
		}
	}
	if v, ok := i["due"]; ok {
		item.Due, err = time.Parse(time.RFC3339, v.String())
	}
	if v, ok := i["version"]; ok && err == nil {
		item.Version, err = strconv.Atoi(v.Number())
	}
	if err != nil {
		t.Fatal(err)
	}
	return item
}

// storedType returns a new value of the type that a recorded item's body decodes to.
func storedType(t *testing.T, item store.Item) any {
	t.Helper()
	switch kind, _, _ := strings.Cut(item.SK, "#"); kind {
	case "request":
		return new(access.Request)
	case "event":
		return new(access.Event)
	case "messages":
		return new(access.Messages)
	case "directory":
		return new(access.Directory)
	case "reading":
		return new(access.Reading)
	case "problems":
		return new(access.Problems)
	case "builds": // of later versions: the recording has none
		return new(access.Builds)
	case "asker":
		return new(access.Asker)
	case "once":
		return new(string)
	}
	t.Fatalf("item %s %s is of no known kind", item.PK, item.SK)
	return nil
}

func TestRecordedItemsDecodeAndEncodeWithoutChange(t *testing.T) {
	kinds := make(map[string]bool)
	for _, i := range readRecorded(t).Items {
		item := itemOf(t, i)
		value := storedType(t, item)
		if err := item.Decode(value); err != nil {
			t.Fatalf("decode %s %s: %v", item.PK, item.SK, err)
		}
		again, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		var was, is any
		if err := json.Unmarshal([]byte(item.Body), &was); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(again, &is); err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(was, is) {
			t.Errorf("%s %s:\nstored  %s\nwritten %s", item.PK, item.SK, item.Body, again)
		}
		kind, _, _ := strings.Cut(item.SK, "#")
		kinds[kind] = true
	}
	if len(kinds) != 8 {
		t.Errorf("the recording holds items of %d kinds, want all 8: %v", len(kinds), kinds)
	}
}

func TestRecordedStreamRecordsAreProcessed(t *testing.T) {
	w, r := restored(t)
	text, err := json.Marshal(events.DynamoDBEvent{Records: r.Records})
	if err != nil {
		t.Fatal(err)
	}
	var answer events.DynamoDBEventResponse
	if err := json.Unmarshal(invoke(t, w.Notify.Handle, text), &answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.BatchItemFailures) != 0 || len(r.Records) != 23 {
		t.Errorf("%d of %d records failed: %s", len(answer.BatchItemFailures), len(r.Records), w.logs)
	}
	w.minutes(15) // the card that the recording owes is tried again
	wantText(t, "the card that was owed", w.seen(in("C0PAYMENTS")), "its card is owed", `"Approve"`)
}

func TestRecordedClicksStillDoTheirWork(t *testing.T) {
	sessions := func(n int) func(*testing.T, *world, access.Request) {
		return func(t *testing.T, w *world, _ access.Request) {
			if len(w.orders) != n {
				t.Errorf("%d orders, want %d", len(w.orders), n)
			}
		}
	}
	becomes := func(state access.State) func(*testing.T, *world, access.Request) {
		return func(t *testing.T, w *world, r access.Request) {
			if r.State != state {
				t.Errorf("the request is %s, want %s\n%s", r.State, state, w.logs)
			}
		}
	}
	opensForm := func(t *testing.T, w *world, _ access.Request) {
		// The trigger of the recording is unknown to the fake Slack: a form was to be opened.
		wantText(t, "logs", w.logs.String(), "views.open", "invalid_trigger")
	}
	then := map[string]func(*testing.T, *world, access.Request){
		"console": sessions(1), "keys": sessions(1),
		"keys as PowerShell": sessions(1), "keys as Credentials file": sessions(1), "keys as JSON": sessions(1),
		"end": becomes(access.Ended), "revoke": opensForm, "open the form to deny": opensForm,
		"approve": becomes(access.Active), "approve the second time": becomes(access.Active),
		"cancel": becomes(access.Cancelled), "send the form to deny": becomes(access.Denied),
		"choose an account": func(*testing.T, *world, access.Request) {},
		"send the form to request": func(t *testing.T, w *world, _ access.Request) {
			if n := len(w.store.All(context.Background())); n != 10 {
				t.Errorf("%d requests, want 10: the recorded 9 and a new one\n%s", n, w.logs)
			}
		},
	}
	clicks := readRecorded(t).Clicks
	if len(clicks) != len(then) {
		t.Fatalf("%d recorded clicks, %d expectations", len(clicks), len(then))
	}
	for _, c := range clicks {
		t.Run(c.Does, func(t *testing.T) {
			w, _ := restored(t)
			w.tick() // reads groups and people again
			body := url.Values{"payload": {string(c.Payload)}}.Encode()
			opens := c.Does == "open the form to deny" || c.Does == "revoke"
			answer := w.http(w.signed("/slack/interactions", body))
			if (answer.StatusCode != http.StatusOK) != opens {
				t.Fatalf("status %d: %s", answer.StatusCode, answer.Body)
			}
			var r access.Request
			for _, one := range w.store.All(context.Background()) {
				if one.ID == c.Request {
					r = one
				}
			}
			then[c.Does](t, w, r)
			if logs := w.logs.String(); strings.Contains(logs, `"ERROR"`) && !opens {
				t.Errorf("errors: %s", logs)
			}
		})
	}
}

func TestARecordedOrderIsStillUnderstood(t *testing.T) {
	w, r := restored(t)
	if len(r.Orders) != 1 {
		t.Fatalf("%d recorded orders, want 1", len(r.Orders))
	}
	// It is older than an order may be: vend answers so, which proves that it read it.
	invoke(t, w.Vend.HandleOrder, r.Orders[0])
	if logs := w.logs.String(); !strings.Contains(logs, "order_late") {
		t.Errorf("vend says: %s", logs)
	}
}
