// Package dynamo is the store on AWS: one DynamoDB table, whose stream delivers
// every new event to notify, and a second one for the devices of people, which only the
// functions that take calls of the command line know.
//
// A request and its event are written in one transaction, on the condition that the
// version in the table is the one that was read. No decision ever depends on an
// index, on TTL, or on a read that may be stale. An item that a newer version of the
// software wrote is refused (access.ErrNewer).
//
// The package needs dynamodb:PutItem, dynamodb:ConditionCheckItem (for moves that give access)
// and dynamodb:BatchGetItem on the table and
// dynamodb:Query on its indexes, dynamodb:GetItem on the table of devices and, to change
// them, dynamodb:PutItem on it, and nothing else. It never deletes an item.
package dynamo

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb"
	"github.com/aws/aws-sdk-go-v2/service/dynamodb/types"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/store"
)

// Store is a table, and perhaps that of devices. It is safe for concurrent use.
type Store struct {
	client  *dynamodb.Client
	table   string
	devices string // "" if this process has nothing to do with devices
	now     func() time.Time
}

// New returns the store in a table with the keys and indexes of TableInput. The clock
// only sets the time after which an item may be deleted.
func New(client *dynamodb.Client, table string, now func() time.Time) *Store {
	return &Store{client: client, table: table, now: now}
}

// Load reads a request, the directory and the request's messages in one call. The
// directory and the messages are zero if they were never written. Errors:
// access.ErrNotFound, access.ErrNewer.
func (s *Store) Load(ctx context.Context, id string) (
	r access.Request, d access.Directory, m access.Messages, err error,
) {
	found, err := s.readRequest(ctx, id, directoryKey)
	if err == nil {
		err = found.decode(requestKey(id), &r)
	}
	if err == nil {
		err = found.decode(directoryKey, &d)
	}
	if err == nil {
		err = found.decode(messagesKey(id), &m)
	}
	return r, d, m, err
}

// Messages reads a request and its posted messages in one call. Errors:
// access.ErrNotFound, access.ErrNewer.
func (s *Store) Messages(ctx context.Context, id string) (r access.Request, m access.Messages, err error) {
	found, err := s.readRequest(ctx, id)
	if err == nil {
		err = found.decode(requestKey(id), &r)
	}
	if err == nil {
		err = found.decode(messagesKey(id), &m)
	}
	return r, m, err
}

// readRequest reads a request, its messages and the items of more keys.
func (s *Store) readRequest(ctx context.Context, id string, more ...key) (items, error) {
	// An id comes from a button that somebody may have tampered with. An id that
	// cannot be a key belongs to no request.
	if len(id) > store.MaxKey {
		return nil, fmt.Errorf("request with an id of %d bytes: %w", len(id), access.ErrNotFound)
	}
	found, err := s.read(ctx, append(more, requestKey(id), messagesKey(id))...)
	if _, there := found[requestKey(id)]; err == nil && !there {
		err = fmt.Errorf("request %q: %w", id, access.ErrNotFound)
	}
	return found, err
}

// Directory reads the directory; it is zero if it was never written. Errors:
// access.ErrNewer.
func (s *Store) Directory(ctx context.Context) (access.Directory, error) {
	return readOne[access.Directory](ctx, s, directoryKey)
}

// LoadForSubmit reads in one call what a new request of a user depends on: the
// directory and the record that limits the user. Errors: *access.Duplicate if the
// unique key once was used before, access.ErrNewer.
func (s *Store) LoadForSubmit(ctx context.Context, user, once string) (d access.Directory, a access.Asker, err error) {
	keys := []key{directoryKey, askerKey(user)}
	if once != "" {
		keys = append(keys, onceKey(once))
	}
	found, err := s.read(ctx, keys...)
	if err != nil {
		return d, a, err
	}
	if item, used := found[onceKey(once)]; used {
		var used access.Duplicate
		if err := item.Decode(&used.Request); err != nil {
			return d, a, err
		}
		return d, a, &used
	}
	if err = found.decode(directoryKey, &d); err == nil {
		err = found.decode(askerKey(user), &a)
	}
	return d, a, err
}

// Requests reads the present state of requests, 100 in one call, without those that
// do not exist. Errors: access.ErrNewer.
func (s *Store) Requests(ctx context.Context, ids []string) (found []access.Request, err error) {
	keys := make([]key, len(ids))
	for i, id := range ids {
		keys[i] = requestKey(id)
	}
	return s.requests(ctx, keys)
}

// Reading reads the progress of reading people from Slack; it is zero if it was
// never written. Errors: access.ErrNewer.
func (s *Store) Reading(ctx context.Context) (access.Reading, error) {
	return readOne[access.Reading](ctx, s, readingKey)
}

// Problems reads the problems that operators were told about; it is zero if it was
// never written. Errors: access.ErrNewer.
func (s *Store) Problems(ctx context.Context) (access.Problems, error) {
	return readOne[access.Problems](ctx, s, problemsKey)
}

// Builds reads the builds that have run; it is zero if it was never written. Errors:
// access.ErrNewer.
func (s *Store) Builds(ctx context.Context) (access.Builds, error) {
	return readOne[access.Builds](ctx, s, buildsKey)
}

// CutList reads the cut list of a role consistently; it is zero if it was never written.
// Errors: access.ErrNewer.
func (s *Store) CutList(ctx context.Context, k access.CutKey) (access.CutList, error) {
	return readOne[access.CutList](ctx, s, cutListKey(k))
}

// DueCuts returns at most limit cut lists that are due at now, the longest overdue first. The
// index may lag as in Due.
func (s *Store) DueCuts(ctx context.Context, now time.Time, limit int) (keys []access.CutKey, err error) {
	due, err := s.due(ctx, now, limit, store.CutListPrefix, store.Cutting)
	for _, text := range due {
		if k, ok := access.CutKeyOf(text); ok {
			keys = append(keys, k)
		}
	}
	return keys, err
}

// Freeze reads the freeze consistently; it is zero if there was never one. Errors:
// access.ErrNewer.
func (s *Store) Freeze(ctx context.Context) (access.Freeze, error) {
	return readOne[access.Freeze](ctx, s, freezeKey)
}

// Sweep reads the record of the last sweep consistently; it is zero if there was never one.
// Errors: access.ErrNewer.
func (s *Store) Sweep(ctx context.Context) (access.Sweep, error) {
	return readOne[access.Sweep](ctx, s, sweepKey)
}

// Ending returns the ids of at most limit closed requests whose cut was first ordered before now
// and is not known to be done, the longest waiting first. The index may lag as in Due.
func (s *Store) Ending(ctx context.Context, now time.Time, limit int) ([]string, error) {
	return s.due(ctx, now, limit, store.RequestKey(""), store.Ending)
}

// Due returns the ids of at most limit requests that are due at now, the longest
// overdue first. The index may lag behind the table for a short time: a listed
// request may have changed, and a missing one is found by the next tick.
func (s *Store) Due(ctx context.Context, now time.Time, limit int) ([]string, error) {
	return s.due(ctx, now, limit, store.RequestKey(""), string(access.Pending), string(access.Active))
}

// Owed returns the ids of at most limit requests with a message that Slack has not
// accepted and that may be tried again at now, the longest overdue first. The index
// may lag as in Due.
func (s *Store) Owed(ctx context.Context, now time.Time, limit int) ([]string, error) {
	return s.due(ctx, now, limit, store.RequestKey(""), store.Owed)
}

func (s *Store) due(
	ctx context.Context, now time.Time, limit int, prefix string, states ...string,
) ([]string, error) {
	var found []indexEntry
	for _, state := range states {
		due, err := s.query(ctx, IndexState, limit, &dynamodb.QueryInput{
			KeyConditionExpression:    aws.String("#state = :state AND due <= :now"),
			ExpressionAttributeNames:  map[string]string{"#state": IndexState},
			ExpressionAttributeValues: map[string]types.AttributeValue{":state": text(state), ":now": text(store.TimeKey(now))},
		})
		if err != nil {
			return nil, err
		}
		found = append(found, due...)
	}
	slices.SortStableFunc(found, func(a, b indexEntry) int { return cmp.Compare(a.due, b.due) })
	var ids []string
	for _, one := range found[:min(limit, len(found))] {
		ids = append(ids, strings.TrimPrefix(one.pk, prefix))
	}
	return ids, nil
}

// ByRequester returns the present state of at most limit requests of a user, the
// newest first. A request submitted shortly before may be missing. Errors:
// access.ErrNewer.
func (s *Store) ByRequester(ctx context.Context, user string, limit int) ([]access.Request, error) {
	if user == "" || len(user) > store.MaxKey {
		return nil, nil
	}
	return s.list(ctx, IndexRequester, user, limit, false)
}

// InState returns at most limit requests in the state pending or active, the one
// that is due first coming first. A request that changed shortly before may be
// missing. Errors: access.ErrNewer.
func (s *Store) InState(ctx context.Context, state access.State, limit int) ([]access.Request, error) {
	if state != access.Pending && state != access.Active {
		return nil, fmt.Errorf("list requests in the state %q: only pending and active ones are in an index", state)
	}
	all, err := s.list(ctx, IndexState, string(state), limit, true)
	var found []access.Request
	for _, r := range all {
		if r.State == state { // the index may lag behind
			found = append(found, r)
		}
	}
	return found, err
}

// list reads the requests that an index holds under a partition key. The attribute
// of that key has the same name as the index.
func (s *Store) list(ctx context.Context, index, partition string, limit int, forward bool) ([]access.Request, error) {
	found, err := s.query(ctx, index, limit, &dynamodb.QueryInput{
		KeyConditionExpression:    aws.String("#partition = :partition"),
		ExpressionAttributeNames:  map[string]string{"#partition": index},
		ExpressionAttributeValues: map[string]types.AttributeValue{":partition": text(partition)},
		ScanIndexForward:          aws.Bool(forward),
	})
	if err != nil {
		return nil, err
	}
	var keys []key
	for _, one := range found {
		keys = append(keys, one.key)
	}
	return s.requests(ctx, keys)
}

// requests reads the requests that exist, in the order of their keys.
func (s *Store) requests(ctx context.Context, keys []key) ([]access.Request, error) {
	items, err := s.read(ctx, keys...)
	if err != nil {
		return nil, err
	}
	var requests []access.Request
	for _, k := range keys {
		if _, there := items[k]; !there {
			continue
		}
		var r access.Request
		if err := items.decode(k, &r); err != nil {
			return nil, err
		}
		requests = append(requests, r)
	}
	return requests, nil
}
