package dynamo_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/store/dynamo"
	"github.com/aws-access/aws-access/pkg/store/dynamo/dynamotest"
)

func asJSON(t *testing.T, v any) string {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// DynamoDB's TTL deletes items late, so an expired key that still exists counts.
func TestAUsedKeyCountsUntilItIsDeleted(t *testing.T) {
	table := dynamotest.NewTable(t)
	longAgo := func() time.Time { return now().AddDate(-1, 0, 0) }
	if err := save(t.Context(), dynamo.New(table.Client(nil), table.Name, longAgo), "01A", 1, "form:1"); err != nil {
		t.Fatal(err)
	}
	var used *access.Duplicate
	err := save(t.Context(), dynamo.New(table.Client(nil), table.Name, now), "01B", 1, "form:1")
	if !errors.As(err, &used) || used.Request != "01A" {
		t.Errorf("got %v, want a duplicate of 01A", err)
	}
}

func TestListsReadMoreThanOneBatch(t *testing.T) {
	table := dynamotest.NewTable(t)
	w := &wire{before: func(c *call) *http.Response {
		if c.op == "Query" { // the index returns its keys in small pages
			c.body["Limit"] = min(c.body["Limit"].(float64), 90)
		}
		return nil
	}}
	s := dynamo.New(table.Client(w), table.Name, now)
	const all = 230
	for i := range all {
		r, e := version(fmt.Sprintf("01%03d", i), 1)
		r.Submitted = r.Submitted.Add(time.Duration(i) * time.Second)
		if err := s.Save(t.Context(), r, e, ""); err != nil {
			t.Fatal(err)
		}
	}
	for limit, batches := range map[int]int{1000: 3, all: 3, 101: 2, 100: 1, 1: 1, 0: 0} {
		w.calls = nil
		got, err := s.ByRequester(t.Context(), "U0DEV1", limit)
		if want := min(limit, all); err != nil || len(got) != want {
			t.Fatalf("at most %d: got %d requests, %v; want %d", limit, len(got), err, want)
		}
		for i, r := range got {
			if want := fmt.Sprintf("01%03d", all-1-i); r.ID != want {
				t.Fatalf("at most %d: position %d has %s, want %s", limit, i, r.ID, want)
			}
		}
		if n := len(w.callsOf("BatchGetItem")); n != batches {
			t.Errorf("at most %d: %d reads, want %d", limit, n, batches)
		}
	}
}

// An index may lag, so lists show the present state from the table.
func TestAListFromAStaleIndexShowsThePresentState(t *testing.T) {
	table := dynamotest.NewTable(t)
	w := &wire{before: func(c *call) *http.Response {
		if c.op != "Query" {
			return nil
		}
		return answer(http.StatusOK, `{"Items":[{"pk":{"S":"request#01GONE"},"sk":{"S":"request"}},`+
			`{"pk":{"S":"request#01A"},"sk":{"S":"request"}}]}`)
	}}
	s := dynamo.New(table.Client(w), table.Name, now)
	if err := save(t.Context(), s, "01A", 1, ""); err != nil {
		t.Fatal(err)
	}
	active, err := s.InState(t.Context(), access.Active, 10)
	if err != nil || len(active) != 0 {
		t.Errorf("a pending request is listed as active: %+v, %v", active, err)
	}
	mine, err := s.ByRequester(t.Context(), "U0DEV1", 10)
	if err != nil || len(mine) != 1 || mine[0].ID != "01A" {
		t.Errorf("got %+v, %v; want 01A alone", mine, err)
	}
}

// A step reads everything that it decides by consistently and in one call. Lists from
// an index decide nothing, and their requests are read from the table again.
func TestReadsAreConsistentAndOneCall(t *testing.T) {
	table := dynamotest.NewTable(t)
	w := &wire{}
	s := dynamo.New(table.Client(w), table.Name, now)
	if err := save(t.Context(), s, "01A", 1, ""); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		do    func() error
		calls string
	}{
		"load":      {func() error { _, _, _, err := s.Load(t.Context(), "01A"); return err }, "BatchGetItem"},
		"messages":  {func() error { _, _, err := s.Messages(t.Context(), "01A"); return err }, "BatchGetItem"},
		"directory": {func() error { _, err := s.Directory(t.Context()); return err }, "BatchGetItem"},
		"load for submit": {func() error {
			_, _, err := s.LoadForSubmit(t.Context(), "U0DEV1", "form:2")
			return err
		}, "BatchGetItem"},
		"requests": {func() error { _, err := s.Requests(t.Context(), []string{"01A", "01B"}); return err },
			"BatchGetItem"},
		"due": {func() error { _, err := s.Due(t.Context(), now(), 10); return err }, "Query Query"},
		"by requester": {func() error { _, err := s.ByRequester(t.Context(), "U0DEV1", 10); return err },
			"Query BatchGetItem"},
		"in state": {func() error { _, err := s.InState(t.Context(), access.Pending, 10); return err },
			"Query BatchGetItem"},
		"save": {func() error { return save(t.Context(), s, "01A", 2, "k") }, "TransactWriteItems"},
		"submit": {func() error {
			r, e := version("01S", 1)
			return s.Submit(t.Context(), r, e, access.Asker{}.Opens(r, now()), "form:1")
		}, "TransactWriteItems"},
		"asker written": {func() error { return s.SaveAsker(t.Context(), "U0DEV2", access.Asker{Version: 1}) }, "PutItem"},
		"messages written": {func() error {
			return s.SaveMessages(t.Context(), "01A", access.Messages{Version: 1})
		}, "PutItem"},
	} {
		w.calls = nil
		if err := c.do(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		calls := ""
		for _, call := range w.calls {
			calls += " " + call.op
			if call.op != "BatchGetItem" {
				continue
			}
			asked := call.body["RequestItems"].(map[string]any)[table.Name].(map[string]any)
			if asked["ConsistentRead"] != true {
				t.Errorf("%s: reads without consistency: %v", name, asked)
			}
		}
		if calls != " "+c.calls {
			t.Errorf("%s: calls%s, want %s", name, calls, c.calls)
		}
	}
}

func TestReadsOfDevicesAreConsistentAndOneCall(t *testing.T) {
	table := dynamotest.NewTable(t)
	w := &wire{}
	s := dynamo.New(table.Client(w), table.Name, now).WithDevices(table.Devices)
	for name, c := range map[string]struct {
		do   func() error
		call string
	}{
		"device":      {func() error { _, err := s.Device(t.Context(), "d"); return err }, "GetItem"},
		"code":        {func() error { _, err := s.PairingCode(t.Context(), "c"); return err }, "GetItem"},
		"device list": {func() error { _, err := s.DeviceList(t.Context(), "U0DEV1"); return err }, "GetItem"},
		"notices":     {func() error { _, err := s.Notices(t.Context(), now(), 10); return err }, "Query"},
		"devices written": {func() error {
			list := access.DeviceList{Version: 1, Owner: "U0DEV1"}
			return s.SaveDevices(t.Context(), access.DeviceChange{List: list, Notice: &access.Notice{
				ID: "01N", Version: 1, To: "U0DEV1", Kind: access.DeviceRemoved, At: now(),
			}})
		}, "TransactWriteItems"},
	} {
		w.calls = nil
		if err := c.do(); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if len(w.calls) != 1 || w.calls[0].op != c.call {
			t.Fatalf("%s: %d calls, want one %s", name, len(w.calls), c.call)
		}
		body := w.calls[0].body
		if c.call == "GetItem" && (body["ConsistentRead"] != true || body["TableName"] != table.Devices) {
			t.Errorf("%s: reads without consistency: %v", name, body)
		}
	}
}

// A function that has nothing to do with devices does not know their table.
func TestAStoreWithoutTheTableOfDevicesRefuses(t *testing.T) {
	s := dynamo.New(nil, "main", now)
	_, err := s.Device(t.Context(), "d")
	err2 := s.SaveDevices(t.Context(), access.DeviceChange{List: access.DeviceList{Version: 1, Owner: "U0DEV1"}})
	for _, err := range []error{err, err2} {
		if err == nil || !strings.Contains(err.Error(), "has no table of devices") {
			t.Errorf("got %v", err)
		}
	}
}
