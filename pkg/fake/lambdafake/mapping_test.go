package lambdafake

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	ddb "github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"

	"github.com/aws-access/aws-access/pkg/store/dynamo/dynamotest"
)

// streamWorld is a table, a function that gets its stream, and what both did.
type streamWorld struct {
	*Server
	table    dynamotest.Table
	client   *dynamodb.Client
	relay    *relayServer
	failures *destination // of the mapping
	mapping  Mapping
	arrived  chan struct{} // receives a value with each batch

	mu      sync.Mutex
	batches []string // the sort keys of each batch, such as "1 2 3"
}

// newStreamWorld skips the test in short mode, because it needs DynamoDB Local.
func newStreamWorld(t *testing.T, o Options) *streamWorld {
	t.Helper()
	if testing.Short() {
		t.Skip("needs DynamoDB Local")
	}
	relay := newRelay(t)
	o.Poll, o.ThrottleWait = cmp.Or(o.Poll, 10*time.Millisecond), soon
	w := &streamWorld{
		table: dynamotest.NewTable(t), relay: relay,
		failures: &destination{}, arrived: make(chan struct{}, 1000),
	}
	w.Server = serve(t, o, withRelay(relay))
	w.client = w.table.Client(nil)
	about, err := w.client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &w.table.Name})
	if err != nil {
		t.Fatal(err)
	}
	w.mapping = Mapping{
		Function: "echo", StreamARN: *about.Table.LatestStreamArn, Retries: 2,
		Retry: soon, OnFailure: w.failures.take,
		Streams: dynamodbstreams.New(dynamodbstreams.Options{
			Region: "eu-west-1", BaseEndpoint: aws.String(w.table.Endpoint),
			Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
		}),
	}
	return w
}

func (w *streamWorld) write(t *testing.T, pk, sk string) {
	t.Helper()
	item := map[string]ddb.AttributeValue{
		"pk": &ddb.AttributeValueMemberS{Value: pk}, "sk": &ddb.AttributeValueMemberS{Value: sk},
	}
	_, err := w.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &w.table.Name, Item: item})
	if err != nil {
		t.Fatal(err)
	}
}

// mapTo starts the mapping. reply answers each batch, given its sort keys and its
// sequence numbers; ok is false for an error of the function.
func (w *streamWorld) mapTo(
	t *testing.T, reply func(keys, numbers []string) (body string, ok bool),
) (stop func()) {
	t.Helper()
	w.relay.answerAll(t, func(event []byte) (string, bool) {
		var e events.DynamoDBEvent
		if err := json.Unmarshal(event, &e); err != nil {
			panic(err)
		}
		var keys, numbers []string
		for _, r := range e.Records {
			keys, numbers = append(keys, r.Change.Keys["sk"].String()), append(numbers, r.Change.SequenceNumber)
		}
		w.mu.Lock()
		w.batches = append(w.batches, strings.Join(keys, " "))
		w.mu.Unlock()
		w.arrived <- struct{}{}
		return reply(keys, numbers)
	})
	stop, err := w.Map(w.mapping)
	if err != nil {
		t.Fatal(err)
	}
	return stop
}

func (w *streamWorld) got() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.batches)
}

// handleAll is a function that handles every batch.
func handleAll([]string, []string) (string, bool) { return "{}", true }

// expect waits until the mapping is idle, and compares all batches so far.
func (w *streamWorld) expect(t *testing.T, batches ...string) {
	t.Helper()
	waitIdle(t, w.Server)
	if got := w.got(); !slices.Equal(got, batches) {
		t.Errorf("the function got the batches %q, want %q", got, batches)
	}
}

// parked returns condition and sort keys of each failure record.
func (w *streamWorld) parked() (list []string) {
	for _, r := range w.failures.all() {
		var e events.DynamoDBEvent
		if err := json.Unmarshal(mustJSON(r["payload"]), &e); err != nil {
			panic(err)
		}
		text := r["requestContext"].(map[string]any)["condition"].(string) + ":"
		for _, record := range e.Records {
			text += " " + record.Change.Keys["sk"].String()
		}
		list = append(list, text)
	}
	return list
}

func (w *streamWorld) writeAll(t *testing.T, keys string) {
	t.Helper()
	for _, sk := range strings.Fields(keys) {
		w.write(t, "p", sk)
	}
}

func TestRecordsArriveInBatchesFromTheOldestOn(t *testing.T) {
	w := newStreamWorld(t, Options{})
	w.mapping.BatchSize = 2
	w.mapping.Filter = func(r events.DynamoDBEventRecord) bool {
		return r.EventName == "INSERT" && r.Change.Keys["sk"].String() != "c"
	}
	w.writeAll(t, "a b c d e a") // the second a changes nothing, so the stream has no record of it
	stop := w.mapTo(t, handleAll)
	w.expect(t, "a b", "d e")
	w.writeAll(t, "f")
	w.expect(t, "a b", "d e", "f")
	stop()
	w.writeAll(t, "g")
	w.expect(t, "a b", "d e", "f")
}

func TestFunctionCanNameTheRecordsThatFailed(t *testing.T) {
	w := newStreamWorld(t, Options{})
	w.mapping.ReportFailures, w.mapping.Retries = true, 10
	report := func(ids ...any) (string, bool) {
		var failures []map[string]any
		for _, id := range ids {
			failures = append(failures, map[string]any{"itemIdentifier": id})
		}
		return string(mustJSON(map[string]any{"batchItemFailures": failures})), true
	}
	try := 0
	w.writeAll(t, "a b c d e")
	w.mapTo(t, func(keys, numbers []string) (string, bool) {
		try++
		switch try {
		case 1:
			return report(numbers[2], numbers[1], numbers[3]) // the lowest one decides
		case 2:
			return report("")
		case 3:
			return report(numbers[1], "12345") // not in this batch
		case 4:
			return report(nil)
		case 5:
			return `{"batchItemFailures":[{"ItemIdentifier":"` + numbers[2] + `"}]}`, true
		case 6:
			return `"not an object"`, true
		case 7:
			return report(numbers[3])
		}
		return []string{"null", `{"batchItemFailures":null}`, `{"batchItemFailures":[]}`, "{}"}[try%4], true
	})
	w.expect(t, "a b c d e", "b c d e", "b c d e", "b c d e", "b c d e", "b c d e", "b c d e", "e")
	for _, sk := range []string{"f", "g", "h"} { // one for each answer above that names no record
		w.writeAll(t, sk)
		waitIdle(t, w.Server)
	}
	if try != 11 || len(w.parked()) != 0 {
		t.Errorf("%d tries, parked %q", try, w.parked())
	}
}

func TestReportIsIgnoredWithoutReportFailures(t *testing.T) {
	w := newStreamWorld(t, Options{})
	w.writeAll(t, "a b")
	w.mapTo(t, func(_, numbers []string) (string, bool) {
		return `{"batchItemFailures":[{"itemIdentifier":"` + numbers[0] + `"}]}`, true
	})
	w.expect(t, "a b")
}

func TestBisectParksOnlyThePoisonRecord(t *testing.T) {
	w := newStreamWorld(t, Options{})
	w.mapping.Bisect, w.mapping.Retries = true, 1
	w.writeAll(t, "a b poison c d")
	w.mapTo(t, func(keys, _ []string) (string, bool) { return "{}", !slices.Contains(keys, "poison") })
	w.expect(t, "a b poison c d", "a b", "poison c d", "poison", "poison", "c d")
	if got := w.parked(); !slices.Equal(got, []string{"RetryAttemptsExhausted: poison"}) {
		t.Fatalf("parked %q", got)
	}
	parked := w.failures.all()[0]
	about, batch := parked["requestContext"].(map[string]any), parked["DDBStreamBatchInfo"].(map[string]any)
	record := parked["payload"].(map[string]any)["Records"].([]any)[0].(map[string]any)["dynamodb"].(map[string]any)
	response := parked["responseContext"].(map[string]any)
	number := record["SequenceNumber"]
	if about["functionArn"] != w.ARN("echo") || response["functionError"] != "Unhandled" ||
		batch["batchSize"] != 1.0 || batch["startSequenceNumber"] != number || batch["endSequenceNumber"] != number ||
		batch["streamArn"] != w.mapping.StreamARN || batch["shardId"] == "" || parked["version"] != "1.0" {
		t.Errorf("parked %s", mustJSON(parked))
	}
	w.writeAll(t, "e")
	w.expect(t, "a b poison c d", "a b", "poison c d", "poison", "poison", "c d", "e")
}

// According to the documentation, a batch continues with the first record that a
// report names. After the last retry, all records that are left are parked together.
func TestRecordsAfterAReportedFailureAreParkedTogether(t *testing.T) {
	w := newStreamWorld(t, Options{})
	w.mapping.Bisect, w.mapping.ReportFailures, w.mapping.Retries = true, true, 2
	w.writeAll(t, "a poison b")
	w.mapTo(t, func(keys, numbers []string) (string, bool) {
		if at := slices.Index(keys, "poison"); at >= 0 {
			return `{"batchItemFailures":[{"itemIdentifier":"` + numbers[at] + `"}]}`, true
		}
		return "{}", true
	})
	w.expect(t, "a poison b", "poison b", "poison b")
	if got := w.parked(); !slices.Equal(got, []string{"RetryAttemptsExhausted: poison b"}) {
		t.Errorf("parked %q", got)
	}
	if _, failed := w.failures.all()[0]["responseContext"].(map[string]any)["functionError"]; failed {
		t.Errorf("parked %s", mustJSON(w.failures.all()[0]))
	}
}

func TestBatchIsRetriedAsOftenAsConfigured(t *testing.T) {
	for retries, tries := range map[int]int{0: 1, 2: 3, -1: 20} {
		w := newStreamWorld(t, Options{})
		w.mapping.Retries = retries
		w.writeAll(t, "a b")
		count := 0
		w.mapTo(t, func([]string, []string) (string, bool) { count++; return "{}", count >= 20 })
		waitIdle(t, w.Server)
		parked := []string{"RetryAttemptsExhausted: a b"}
		if retries < 0 {
			parked = nil
		}
		if count != tries || !slices.Equal(w.parked(), parked) {
			t.Errorf("%d retries: %d tries, parked %q", retries, count, w.parked())
		}
	}
}
