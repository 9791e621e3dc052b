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

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/store"
)

// key is the primary key of an item.
type key struct{ pk, sk string }

var (
	directoryKey = key{store.DirectoryKey, store.DirectoryKey}
	readingKey   = key{store.ReadingKey, store.ReadingKey}
	problemsKey  = key{store.ProblemsKey, store.ProblemsKey}
	buildsKey    = key{store.BuildsKey, store.BuildsKey}
	freezeKey    = key{store.FreezeKey, store.FreezeKey}
	sweepKey     = key{store.SweepKey, store.SweepKey}
)

func requestKey(id string) key  { return key{store.RequestKey(id), store.RequestSort} }
func askerKey(user string) key  { return key{store.AskerKey(user), store.AskerSort} }
func onceKey(once string) key   { return key{store.OnceKey(once), store.OnceSort} }
func messagesKey(id string) key { return key{store.RequestKey(id), store.MessagesSort} }

func cutListKey(k access.CutKey) key { return key{store.CutListKey(k), store.CutSort} }

// items are the items that a read found.
type items map[key]store.Item

// decode decodes an item into out. It leaves out unchanged if it was not found.
func (i items) decode(k key, out any) error {
	item, found := i[k]
	if !found {
		return nil
	}
	return item.Decode(out)
}

// maxBatch is how many items one BatchGetItem may ask for.
const maxBatch = 100

// readOne reads one item with strong consistency; it is zero if it was never written.
func readOne[T any](ctx context.Context, s *Store, k key) (v T, err error) {
	found, err := s.read(ctx, k)
	if err == nil {
		err = found.decode(k, &v)
	}
	return v, err
}

// read reads the present state of items.
//
// Each item is read with strong consistency. Together they are not a snapshot, and
// nothing needs one: a request and its directory have their own versions, and a
// write is conditioned on the version of the request. TransactGetItems would give a
// snapshot, but costs twice as much and fails while somebody writes.
func (s *Store) read(ctx context.Context, keys ...key) (items, error) {
	var left []map[string]types.AttributeValue
	for _, k := range keys {
		left = append(left, map[string]types.AttributeValue{"pk": text(k.pk), "sk": text(k.sk)})
	}
	found := make(items, len(keys))
	for stalled := 0; len(left) > 0; {
		n := min(len(left), maxBatch)
		out, err := s.client.BatchGetItem(ctx, &dynamodb.BatchGetItemInput{RequestItems: map[string]types.KeysAndAttributes{
			s.table: {Keys: left[:n], ConsistentRead: aws.Bool(true)},
		}})
		if err != nil {
			return nil, fmt.Errorf("read items: %w", err)
		}
		if err := found.add(out.Responses[s.table]); err != nil {
			return nil, err
		}
		// DynamoDB was throttled or reached 16 MB: ask for the rest again.
		unread := out.UnprocessedKeys[s.table].Keys
		left = slices.Concat(left[n:], unread)
		if len(unread) < n {
			continue
		}
		if stalled++; stalled == maxAttempts {
			return nil, errors.New("read items: the table is throttled")
		}
		if err := backOff(ctx, stalled); err != nil {
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

// indexEntry is an entry of an index.
type indexEntry struct {
	key
	due string // in IndexState; sorts by time
}

// query returns at most limit entries of an index, in its order.
func (s *Store) query(ctx context.Context, index string, limit int, in *dynamodb.QueryInput) ([]indexEntry, error) {
	in.TableName, in.IndexName = &s.table, &index
	var found []indexEntry
	for len(found) < limit {
		in.Limit = aws.Int32(int32(min(limit-len(found), 1000))) //nolint:gosec // at most 1000
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
			one := indexEntry{key: key{pk.Value, sk.Value}}
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

// maxAttempts is how often a call is made while DynamoDB is too busy for it. The
// pauses between add up to less than a second, because a click has three seconds.
const maxAttempts = 6

// backOff waits before another attempt: longer each time, and for a random time.
func backOff(ctx context.Context, attempt int) error {
	maxPause := 12 * time.Millisecond << attempt
	return smithytime.SleepWithContext(ctx, rand.N(maxPause)) //nolint:gosec // spreads attempts, protects nothing
}
