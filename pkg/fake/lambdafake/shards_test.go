package lambdafake

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-lambda-go/events"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/dynamodbstreams"
)

// fakeStream is a fake of DynamoDB Streams for cases that DynamoDB Local shows only
// after hours: a closed shard with children, and iterators that expire.
type fakeStream struct {
	mu      sync.Mutex
	shards  map[string][]string // sort keys
	closed  map[string]bool
	parents map[string]string
	expire  int // number of reads that fail with an expired iterator
	reads   []string
}

func (s *fakeStream) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var in struct{ ShardId, ShardIterator, ShardIteratorType, SequenceNumber string }
	_ = json.NewDecoder(r.Body).Decode(&in)
	w.Header().Set("Content-Type", "application/x-amz-json-1.0")
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	switch operation {
	case "DescribeStream":
		var shards []map[string]string
		for id := range s.shards {
			shard := map[string]string{"ShardId": id}
			if parent := s.parents[id]; parent != "" {
				shard["ParentShardId"] = parent
			}
			shards = append(shards, shard)
		}
		_, _ = w.Write(mustJSON(map[string]any{"StreamDescription": map[string]any{"Shards": shards}}))
	case "GetShardIterator":
		at := 0
		if in.ShardIteratorType == "AFTER_SEQUENCE_NUMBER" {
			at = slices.Index(s.shards[in.ShardId], in.SequenceNumber) + 1
		}
		_, _ = w.Write(mustJSON(map[string]any{"ShardIterator": fmt.Sprint(in.ShardId, " ", at)}))
	case "GetRecords":
		s.records(w, in.ShardIterator)
	}
}

// records returns one record at a time.
func (s *fakeStream) records(w http.ResponseWriter, iterator string) {
	var shard string
	var at int
	_, _ = fmt.Sscan(iterator, &shard, &at)
	if at > 0 && s.expire > 0 {
		s.expire--
		w.WriteHeader(http.StatusBadRequest)
		const kind = "com.amazonaws.dynamodb.v20120810#ExpiredIteratorException"
		_, _ = w.Write(mustJSON(map[string]string{"__type": kind, "message": "expired"}))
		return
	}
	out := map[string]any{"Records": []any{}}
	if at < len(s.shards[shard]) {
		sk := s.shards[shard][at]
		s.reads = append(s.reads, sk)
		at++
		out["Records"] = []any{map[string]any{
			"eventID": sk, "eventName": "INSERT", "dynamodb": map[string]any{
				"SequenceNumber": sk, "Keys": map[string]any{"sk": map[string]string{"S": sk}},
			},
		}}
	}
	if !s.closed[shard] || at < len(s.shards[shard]) {
		out["NextShardIterator"] = fmt.Sprint(shard, " ", at)
	}
	_, _ = w.Write(mustJSON(out))
}

func TestShardIsReadToItsEndBeforeItsChildren(t *testing.T) {
	fake := &fakeStream{
		shards: map[string][]string{"old": {"a", "b", "c"}, "new": {"d", "e"}, "other": {"f"}},
		closed: map[string]bool{"old": true}, expire: 2,
		parents: map[string]string{"new": "old", "other": "trimmed"},
	}
	server := httptest.NewServer(fake)
	defer server.Close()
	relay := newRelay(t)
	s := serve(t, Options{Poll: 1}, withRelay(relay))
	var mu sync.Mutex
	var got []string
	relay.answerAll(t, func(event []byte) (string, bool) {
		var e events.DynamoDBEvent
		_ = json.Unmarshal(event, &e)
		mu.Lock()
		defer mu.Unlock()
		for _, r := range e.Records {
			got = append(got, r.Change.SequenceNumber)
		}
		return "{}", true
	})
	client := dynamodbstreams.New(dynamodbstreams.Options{
		Region: "eu-west-1", BaseEndpoint: &server.URL,
		Credentials: credentials.NewStaticCredentialsProvider("local", "local", ""),
	})
	_, err := s.Map(Mapping{Function: "echo", StreamARN: "arn", Retries: -1, Streams: client})
	if err != nil {
		t.Fatal(err)
	}
	waitIdle(t, s)
	mu.Lock()
	defer mu.Unlock()
	rest := slices.DeleteFunc(slices.Clone(got), func(sk string) bool { return sk == "f" })
	if len(got) != 6 || strings.Join(rest, "") != "abcde" {
		t.Errorf("got %q", got)
	}
}
