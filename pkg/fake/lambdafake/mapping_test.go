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

// stage is a table, a function behind its stream, and what it is given.
type stage struct {
	*Server
	table  dynamotest.Table
	client *dynamodb.Client
	desk   *desk
	kept   *destination
	mapped Mapping
	came   chan struct{} // with each batch

	mu      sync.Mutex
	batches []string // the sort keys of each, "1 2 3"
}

func newStage(t *testing.T, o Options) *stage {
	d := newDesk(t)
	o.Poll, o.ThrottleWait = cmp.Or(o.Poll, 10*time.Millisecond), soon
	st := &stage{table: dynamotest.NewTable(t), desk: d, kept: &destination{}, came: make(chan struct{}, 1000)}
	st.Server = serve(t, o, func(f *Function) { f.Env = map[string]string{"RELAY": d.URL} })
	st.client = st.table.Client(nil)
	about, err := st.client.DescribeTable(t.Context(), &dynamodb.DescribeTableInput{TableName: &st.table.Name})
	if err != nil {
		t.Fatal(err)
	}
	st.mapped = Mapping{
		Function: "echo", StreamARN: *about.Table.LatestStreamArn, Retry: soon, OnFailure: st.kept.take, Retries: 2,
		Streams: dynamodbstreams.New(dynamodbstreams.Options{
			Region: "eu-west-1", BaseEndpoint: aws.String(st.table.Endpoint),
			Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
		}),
	}
	return st
}

func (st *stage) write(t *testing.T, pk, sk string) {
	t.Helper()
	_, err := st.client.PutItem(t.Context(), &dynamodb.PutItemInput{TableName: &st.table.Name, Item: map[string]ddb.AttributeValue{
		"pk": &ddb.AttributeValueMemberS{Value: pk}, "sk": &ddb.AttributeValueMemberS{Value: sk},
	}})
	if err != nil {
		t.Fatal(err)
	}
}

// mapTo starts the mapping; how answers each batch, given its sort keys and its
// sequence numbers.
func (st *stage) mapTo(t *testing.T, how func(keys, numbers []string) (string, bool)) (stop func()) {
	t.Helper()
	st.desk.attend(t, func(event []byte) (string, bool) {
		var e events.DynamoDBEvent
		if err := json.Unmarshal(event, &e); err != nil {
			panic(err)
		}
		var keys, numbers []string
		for _, r := range e.Records {
			keys, numbers = append(keys, r.Change.Keys["sk"].String()), append(numbers, r.Change.SequenceNumber)
		}
		st.mu.Lock()
		st.batches = append(st.batches, strings.Join(keys, " "))
		st.mu.Unlock()
		st.came <- struct{}{}
		return how(keys, numbers)
	})
	stop, err := st.Map(st.mapped)
	if err != nil {
		t.Fatal(err)
	}
	return stop
}

func (st *stage) got() []string {
	st.mu.Lock()
	defer st.mu.Unlock()
	return slices.Clone(st.batches)
}

func all([]string, []string) (string, bool) { return "{}", true }

func (st *stage) expect(t *testing.T, batches ...string) {
	t.Helper()
	quiet(t, st.Server)
	if got := st.got(); !slices.Equal(got, batches) {
		t.Errorf("the function was given %q, want %q", got, batches)
	}
}

// parked are the keys and the condition of each record that was kept.
func (st *stage) parked() (kept []string) {
	for _, r := range st.kept.all() {
		var e events.DynamoDBEvent
		if err := json.Unmarshal(mustJSON(r["payload"]), &e); err != nil {
			panic(err)
		}
		text := r["requestContext"].(map[string]any)["condition"].(string) + ":"
		for _, record := range e.Records {
			text += " " + record.Change.Keys["sk"].String()
		}
		kept = append(kept, text)
	}
	return kept
}

func (st *stage) writeAll(t *testing.T, keys string) {
	t.Helper()
	for _, sk := range strings.Fields(keys) {
		st.write(t, "p", sk)
	}
}

func TestRecordsComeInOrderFromTheOldestOnInBatches(t *testing.T) {
	st := newStage(t, Options{})
	st.mapped.BatchSize = 2
	st.mapped.Filter = func(r events.DynamoDBEventRecord) bool {
		return r.EventName == "INSERT" && r.Change.Keys["sk"].String() != "c"
	}
	st.writeAll(t, "a b c d e a") // the second a changes nothing: it is no record
	stop := st.mapTo(t, all)
	st.expect(t, "a b", "d e")
	st.writeAll(t, "f")
	st.expect(t, "a b", "d e", "f")
	stop()
	st.writeAll(t, "g")
	st.expect(t, "a b", "d e", "f")
}

func TestAFunctionNamesWhatFailed(t *testing.T) {
	st := newStage(t, Options{})
	st.mapped.ReportFailures, st.mapped.Retries = true, 10
	report := func(ids ...any) (string, bool) {
		var failures []map[string]any
		for _, id := range ids {
			failures = append(failures, map[string]any{"itemIdentifier": id})
		}
		return string(mustJSON(map[string]any{"batchItemFailures": failures})), true
	}
	try := 0
	st.writeAll(t, "a b c d e")
	st.mapTo(t, func(keys, numbers []string) (string, bool) {
		try++
		switch try {
		case 1:
			return report(numbers[2], numbers[1], numbers[3]) // the lowest counts
		case 2:
			return report("")
		case 3:
			return report(numbers[1], "12345") // none of this batch
		case 4:
			return report(nil)
		case 5:
			return `{"batchItemFailures":[{"ItemIdentifier":"` + numbers[2] + `"}]}`, true
		case 6:
			return `"no object"`, true
		case 7:
			return report(numbers[3])
		}
		return []string{"null", `{"batchItemFailures":null}`, `{"batchItemFailures":[]}`, "{}"}[try%4], true
	})
	st.expect(t, "a b c d e", "b c d e", "b c d e", "b c d e", "b c d e", "b c d e", "b c d e", "e")
	for _, sk := range []string{"f", "g", "h"} { // each of the answers above that names nothing
		st.writeAll(t, sk)
		quiet(t, st.Server)
	}
	if try != 11 || len(st.parked()) != 0 {
		t.Errorf("%d tries, parked %q", try, st.parked())
	}
}

// What a function answers means nothing unless the mapping asks for it.
func TestAReportIsNotReadUnlessAskedFor(t *testing.T) {
	st := newStage(t, Options{})
	st.writeAll(t, "a b")
	st.mapTo(t, func(_, numbers []string) (string, bool) {
		return `{"batchItemFailures":[{"itemIdentifier":"` + numbers[0] + `"}]}`, true
	})
	st.expect(t, "a b")
}

func TestHalvingIsolatesAPoisonRecordAndKeepsIt(t *testing.T) {
	st := newStage(t, Options{})
	st.mapped.Bisect, st.mapped.Retries = true, 1
	st.writeAll(t, "a b poison c d")
	st.mapTo(t, func(keys, _ []string) (string, bool) { return "{}", !slices.Contains(keys, "poison") })
	st.expect(t, "a b poison c d", "a b", "poison c d", "poison", "poison", "c d")
	if got := st.parked(); !slices.Equal(got, []string{"RetryAttemptsExhausted: poison"}) {
		t.Fatalf("parked %q", got)
	}
	kept := st.kept.all()[0]
	about, batch := kept["requestContext"].(map[string]any), kept["DDBStreamBatchInfo"].(map[string]any)
	record := kept["payload"].(map[string]any)["Records"].([]any)[0].(map[string]any)["dynamodb"].(map[string]any)
	if about["functionArn"] != st.ARN("echo") || kept["responseContext"].(map[string]any)["functionError"] != "Unhandled" ||
		batch["batchSize"] != 1.0 || batch["startSequenceNumber"] != record["SequenceNumber"] || batch["endSequenceNumber"] != record["SequenceNumber"] ||
		batch["streamArn"] != st.mapped.StreamARN || batch["shardId"] == "" || kept["version"] != "1.0" {
		t.Errorf("kept %s", mustJSON(kept))
	}
	st.writeAll(t, "e")
	st.expect(t, "a b poison c d", "a b", "poison c d", "poison", "poison", "c d", "e")
}

// As the documentation has it: a report moves the batch up to what it names,
// and what is left is tried as often as is set and then parked as a whole.
func TestWhatIsLeftBehindAReportIsParkedTogether(t *testing.T) {
	st := newStage(t, Options{})
	st.mapped.Bisect, st.mapped.ReportFailures, st.mapped.Retries = true, true, 2
	st.writeAll(t, "a poison b")
	st.mapTo(t, func(keys, numbers []string) (string, bool) {
		if at := slices.Index(keys, "poison"); at >= 0 {
			return `{"batchItemFailures":[{"itemIdentifier":"` + numbers[at] + `"}]}`, true
		}
		return "{}", true
	})
	st.expect(t, "a poison b", "poison b", "poison b")
	if got := st.parked(); !slices.Equal(got, []string{"RetryAttemptsExhausted: poison b"}) {
		t.Errorf("parked %q", got)
	}
	if _, failed := st.kept.all()[0]["responseContext"].(map[string]any)["functionError"]; failed {
		t.Errorf("kept %s", mustJSON(st.kept.all()[0]))
	}
}

func TestABatchIsTriedAsOftenAsIsSet(t *testing.T) {
	for retries, tries := range map[int]int{0: 1, 2: 3, -1: 20} {
		st := newStage(t, Options{})
		st.mapped.Retries = retries
		st.writeAll(t, "a b")
		count := 0
		st.mapTo(t, func([]string, []string) (string, bool) { count++; return "{}", count >= 20 })
		quiet(t, st.Server)
		parked := []string{"RetryAttemptsExhausted: a b"}
		if retries < 0 {
			parked = nil
		}
		if count != tries || !slices.Equal(st.parked(), parked) {
			t.Errorf("%d retries: %d tries, parked %q", retries, count, st.parked())
		}
	}
}
