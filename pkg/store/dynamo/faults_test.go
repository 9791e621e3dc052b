package dynamo_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/store"
	"github.com/aws-access/aws-access/pkg/store/dynamo"
	"github.com/aws-access/aws-access/pkg/store/dynamo/dynamotest"
)

// version returns a request at a version, with the event that led to it.
func version(id string, n int) (access.Request, access.Event) {
	at := now()
	r := access.Request{
		ID: id, Version: n, State: access.Pending, Requester: access.Person{ID: "U0DEV1"},
		Submitted: at, AnswerBy: at.Add(time.Hour),
	}
	return r, access.Event{
		Request: id, Seq: n, At: at, Verb: access.Approve, From: access.Pending, To: access.Pending,
	}
}

func save(ctx context.Context, s *dynamo.Store, id string, n int, once string) error {
	next, event := version(id, n)
	return s.Save(ctx, next, event, once)
}

// wantVersion fails the test unless the table has the request at version n, and the
// stream each of its events once.
func wantVersion(t *testing.T, table dynamotest.Table, id string, n int) {
	t.Helper()
	r, _, _, err := dynamo.New(table.Client(nil), table.Name, now).Load(t.Context(), id)
	if err != nil || r.Version != n {
		t.Errorf("the table has version %d (%v), want %d", r.Version, err, n)
	}
	records, err := table.Records(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var got, want []int
	for _, record := range records {
		if e, ok, err := store.EventOf(record); err != nil {
			t.Fatal(err)
		} else if ok && e.Request == id {
			got = append(got, e.Seq)
		}
	}
	for seq := 1; seq <= n; seq++ {
		want = append(want, seq)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

// loseAnswers loses the first answers of an operation: after the work was done, or
// instead of it.
func loseAnswers(op string, times int, done bool) *wire {
	w := &wire{}
	lose := func(c *call) bool { return c.op == op && c.nth <= times }
	if done {
		w.after = func(c *call) error {
			if lose(c) {
				return errLost
			}
			return nil
		}
		return w
	}
	w.before = func(c *call) *http.Response {
		if lose(c) {
			return answer(http.StatusInternalServerError, `{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError"}`)
		}
		return nil
	}
	return w
}

func TestARepeatedCallIsNeitherAppliedTwiceNorStale(t *testing.T) {
	for _, done := range []bool{true, false} {
		for _, times := range []int{1, 2} {
			t.Run(fmt.Sprintf("done %v, %d times", done, times), func(t *testing.T) { repeatCalls(t, done, times) })
		}
	}
}

// repeatCalls writes while the first answers are lost. Each write must succeed.
func repeatCalls(t *testing.T, done bool, times int) {
	table := dynamotest.NewTable(t)
	for _, c := range []struct {
		name, op string
		write    func(s *dynamo.Store) error
	}{
		{"submit", "TransactWriteItems", func(s *dynamo.Store) error {
			return save(t.Context(), s, "01A", 1, "form:1")
		}},
		{"directory", "PutItem", func(s *dynamo.Store) error {
			return s.SaveDirectory(t.Context(), access.Directory{Version: 1, Size: 7})
		}},
		{"messages", "PutItem", func(s *dynamo.Store) error {
			return s.SaveMessages(t.Context(), "01A", access.Messages{Version: 1})
		}},
	} {
		w := loseAnswers(c.op, times, done)
		if err := c.write(dynamo.New(table.Client(w), table.Name, now)); err != nil || len(w.calls) != times+1 {
			t.Errorf("%s: %v after %d calls, want none after %d", c.name, err, len(w.calls), times+1)
		}
	}
	w := loseAnswers("TransactWriteItems", times, done)
	if err := save(t.Context(), dynamo.New(table.Client(w), table.Name, now), "01A", 2, ""); err != nil {
		t.Errorf("move: %v", err)
	}
	wantVersion(t, table, "01A", 2)
}

func TestRepeatsOfACallShareATokenAndTheNextCallHasAnother(t *testing.T) {
	table := dynamotest.NewTable(t)
	w := loseAnswers("TransactWriteItems", 1, true)
	s := dynamo.New(table.Client(w), table.Name, now)
	if err := errors.Join(save(t.Context(), s, "01A", 1, ""), save(t.Context(), s, "01A", 2, "")); err != nil {
		t.Fatal(err)
	}
	var tokens []any
	for _, c := range w.callsOf("TransactWriteItems") {
		tokens = append(tokens, c.body["ClientRequestToken"])
	}
	if len(tokens) != 3 || tokens[0] == nil || tokens[0] != tokens[1] || tokens[1] == tokens[2] {
		t.Errorf("tokens %v, want the first two equal and the third different", tokens)
	}
}

// Another call moves the request before the SDK repeats the lost one.
func TestALostAnswerIsASuccessEvenIfTheRequestMovedOn(t *testing.T) {
	table := dynamotest.NewTable(t)
	other := dynamo.New(table.Client(nil), table.Name, now)
	w := &wire{after: func(c *call) error {
		if c.nth > 1 {
			return nil
		}
		if err := save(context.Background(), other, "01A", 2, ""); err != nil {
			t.Errorf("the other move: %v", err)
		}
		return errLost
	}}
	if err := save(t.Context(), dynamo.New(table.Client(w), table.Name, now), "01A", 1, "form:1"); err != nil {
		t.Errorf("got %v, want a success", err)
	}
	wantVersion(t, table, "01A", 2)
}

// If every answer is lost, the caller cannot know what happened. The same move again
// tells.
func TestAfterLostAnswersTheSameMoveTellsWhatHappened(t *testing.T) {
	table := dynamotest.NewTable(t)
	w := loseAnswers("TransactWriteItems", 3, true)
	s := dynamo.New(table.Client(w), table.Name, now)
	var used *access.Duplicate
	if err := save(t.Context(), s, "01A", 1, "form:1"); !errors.Is(err, errLost) || errors.Is(err, access.ErrStale) ||
		errors.As(err, &used) {
		t.Errorf("three lost answers: got %v, want the cause", err)
	}
	if err := save(t.Context(), s, "01A", 1, "form:1"); !errors.As(err, &used) || used.Request != "01A" {
		t.Errorf("the same submission: got %v, want a duplicate of itself", err)
	}
	if err := save(t.Context(), s, "01A", 1, ""); !errors.Is(err, access.ErrStale) {
		t.Errorf("the same move without a key: got %v, want %v", err, access.ErrStale)
	}
	wantVersion(t, table, "01A", 1)
}

// cancelled returns the answer to a transaction that was cancelled for these reasons.
func cancelled(codes ...string) *http.Response {
	var reasons []string
	for _, code := range codes {
		item := ""
		if strings.HasPrefix(code, "Conditional") {
			item = `,"Item":{"pk":{"S":"once#form:1"},"sk":{"S":"once"},"format":{"N":"1"},"body":{"S":"\"01FIRST\""}}`
		}
		reasons = append(reasons, `{"Code":"`+code+`"`+item+`}`)
	}
	return answer(http.StatusBadRequest,
		`{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"cancelled",`+
			`"CancellationReasons":[`+strings.Join(reasons, ",")+`]}`)
}

func TestACancelledTransactionIsReportedByItsReasons(t *testing.T) {
	const none, condition, conflict, throttled = "None", "ConditionalCheckFailed", "TransactionConflict", "ThrottlingError"
	stale := func(err error) bool { return errors.Is(err, access.ErrStale) }
	duplicate := func(err error) bool {
		var used *access.Duplicate
		return errors.As(err, &used) && used.Request == "01FIRST"
	}
	done := func(err error) bool { return err == nil }
	other := func(err error) bool { return err != nil && !stale(err) && !duplicate(err) }
	for name, c := range map[string]struct {
		codes [][]string // of the first calls; the last of them repeats
		times int        // how many calls are cancelled; 0 means all
		calls int
		want  func(error) bool
	}{
		"conflict, then free":           {[][]string{{conflict, none, none}, {none, none, conflict}}, 2, 3, done},
		"conflict each time":            {[][]string{{conflict, none, none}}, 0, 6, stale},
		"throttled, then free":          {[][]string{{throttled, none, none}}, 1, 2, done},
		"throttled each time":           {[][]string{{throttled, none, none}}, 0, 6, other},
		"key used, request in conflict": {[][]string{{conflict, none, condition}}, 0, 1, duplicate},
		"request stale, key in conflict": {
			[][]string{{condition, none, conflict}, {condition, none, condition}}, 2, 2, duplicate,
		},
		"request stale, key in conflict each time": {[][]string{{condition, none, conflict}}, 0, 6, stale},
		"request stale":                    {[][]string{{condition, none, none}}, 0, 1, stale},
		"event exists without its request": {[][]string{{none, condition, none}}, 0, 1, other},
		"not valid":                        {[][]string{{"ValidationError", none, none}}, 0, 1, other},
		"reasons missing":                  {[][]string{{condition}}, 0, 1, other},
	} {
		t.Run(name, func(t *testing.T) {
			w := &wire{before: func(call *call) *http.Response {
				if c.times > 0 && call.nth > c.times {
					return answer(http.StatusOK, `{}`)
				}
				return cancelled(c.codes[min(call.nth, len(c.codes))-1]...)
			}}
			s := dynamo.New(dynamotest.Table{Endpoint: "http://127.0.0.1:1"}.Client(w), "table", now)
			if err := save(t.Context(), s, "01A", 1, "form:1"); !c.want(err) || len(w.calls) != c.calls {
				t.Errorf("got %v after %d calls, want %d", err, len(w.calls), c.calls)
			}
		})
	}
}

func TestUnprocessedKeysAreReadAgain(t *testing.T) {
	table := dynamotest.NewTable(t)
	s := dynamo.New(table.Client(nil), table.Name, now)
	if err := save(t.Context(), s, "01A", 1, ""); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		times, calls int
		says         string
	}{
		"twice":     {2, 3, ""},
		"each time": {100, 6, "the table is throttled"},
	} {
		w := &wire{before: func(c2 *call) *http.Response {
			if c2.nth > c.times {
				return nil
			}
			asked := c2.body["RequestItems"].(map[string]any)[table.Name].(map[string]any)["Keys"]
			return answer(http.StatusOK,
				fmt.Sprintf(`{"Responses":{},"UnprocessedKeys":{%q:{"Keys":%s}}}`, table.Name, asJSON(t, asked)))
		}}
		r, _, _, err := dynamo.New(table.Client(w), table.Name, now).Load(t.Context(), "01A")
		switch {
		case len(w.calls) != c.calls:
			t.Errorf("%s: %d calls, want %d", name, len(w.calls), c.calls)
		case c.says == "" && (err != nil || r.ID != "01A"):
			t.Errorf("%s: got %q, %v", name, r.ID, err)
		case c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)):
			t.Errorf("%s: got %v, want %q", name, err, c.says)
		}
	}
}

func TestAMissingTableIsNeitherNotFoundNorStale(t *testing.T) {
	table := dynamotest.NewTable(t)
	s := dynamo.New(table.Client(nil), "gone", now)
	_, _, _, err := s.Load(t.Context(), "01A")
	_, err2 := s.Due(t.Context(), now(), 1)
	_, err3 := s.InState(t.Context(), access.Pending, 1)
	for what, err := range map[string]error{
		"load": err, "due": err2, "open": err3, "save": save(t.Context(), s, "01A", 1, "form:1"),
		"directory": s.SaveDirectory(t.Context(), access.Directory{Version: 1}),
	} {
		if err == nil || !strings.Contains(err.Error(), "ResourceNotFoundException") ||
			errors.Is(err, access.ErrNotFound) || errors.Is(err, access.ErrStale) {
			t.Errorf("%s: got %v, want ResourceNotFoundException", what, err)
		}
	}
}
