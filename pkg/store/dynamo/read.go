package dynamo

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"
	smithytime "github.com/aws/smithy-go/time"

	"github.com/aws-access/aws-access/pkg/store"
)

// key is the primary key of an item.
type key struct{ pk, sk string }

var (
	directoryKey = key{store.DirectoryKey, store.DirectoryKey}
	readingKey   = key{store.ReadingKey, store.ReadingKey}
	problemsKey  = key{store.ProblemsKey, store.ProblemsKey}
)

func requestKey(id string) key  { return key{store.RequestKey(id), store.RequestSort} }
func askerKey(user string) key  { return key{store.AskerKey(user), store.AskerSort} }
func onceKey(once string) key   { return key{store.OnceKey(once), store.OnceSort} }
func messagesKey(id string) key { return key{store.RequestKey(id), store.MessagesSort} }

// items are what a read found.
type items map[key]store.Item

// decode leaves out alone if the item was not found.
func (i items) decode(k key, out any) error {
	item, found := i[k]
	if !found {
		return nil
	}
	return item.Decode(out)
}

// batch is how many items one BatchGetItem may ask for.
const batch = 100

// read reads items as the table holds them now.
//
// Each item is read strongly consistent; the items together are no snapshot,
// because nothing needs one: a request and its directory have versions of their
// own, and a write is conditioned on the request's. TransactGetItems would be
// a snapshot, at twice the price, and fails while somebody writes.
func (s *Store) read(ctx context.Context, keys ...key) (items, error) {
	var left []map[string]types.AttributeValue
	for _, k := range keys {
		left = append(left, map[string]types.AttributeValue{"pk": text(k.pk), "sk": text(k.sk)})
	}
	found := make(items, len(keys))
	for stalled := 0; len(left) > 0; {
		n := min(len(left), batch)
		out, err := s.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
			s.table: {Keys: left[:n], ConsistentRead: aws.Bool(true)},
		}})
		if err != nil {
			return nil, fmt.Errorf("read items: %w", err)
		}
		if err := found.add(out.Responses[s.table]); err != nil {
			return nil, err
		}
		// Throttled, or more than 16 MB: the rest is asked for again.
		unread := out.UnprocessedKeys[s.table].Keys
		left = slices.Concat(left[n:], unread)
		if len(unread) < n {
			continue
		}
		if stalled++; stalled == tries {
			return nil, errors.New("read items: the table is throttled")
		}
		if err := pause(ctx, stalled); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (i items) add(held []map[string]types.AttributeValue) error {
	for _, h := range held {
		item, err := itemOf(h)
		if err != nil {
			return fmt.Errorf("read items: %w", err)
		}
		i[key{item.PK, item.SK}] = item
	}
	return nil
}

// listed is an entry of an index.
type listed struct {
	key
	due string // in IndexState; sorts by time
}

// query returns what an index holds, in its order, at most most.
func (s *Store) query(ctx context.Context, index string, most int, in *dynamodb.QueryInput) ([]listed, error) {
	in.TableName, in.IndexName = &s.table, &index
	var found []listed
	for len(found) < most {
		in.Limit = aws.Int32(int32(min(most-len(found), 1000))) //nolint:gosec // at most 1000
		out, err := s.client.Query(ctx, in)
		if err != nil {
			return nil, fmt.Errorf("query index %s: %w", index, err)
		}
		for _, held := range out.Items {
			pk, _ := held["pk"].(*types.AttributeValueMemberS)
			sk, _ := held["sk"].(*types.AttributeValueMemberS)
			if pk == nil || sk == nil {
				return nil, fmt.Errorf("query index %s: an item without a key", index)
			}
			one := listed{key: key{pk.Value, sk.Value}}
			if due, ok := held["due"].(*types.AttributeValueMemberS); ok {
				one.due = due.Value
			}
			found = append(found, one)
		}
		if in.ExclusiveStartKey = out.LastEvaluatedKey; len(in.ExclusiveStartKey) == 0 {
			break
		}
	}
	return found, nil
}

// tries is how often something is tried that DynamoDB was too busy for. The
// pauses between add up to less than a second: somebody's click has three.
const tries = 6

// pause waits before another try, longer each time, and not all at once.
func pause(ctx context.Context, try int) error {
	longest := 12 * time.Millisecond << try
	return smithytime.SleepWithContext(ctx, rand.N(longest)) //nolint:gosec // spreads tries, protects nothing
}
