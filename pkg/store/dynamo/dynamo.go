// Package dynamo is the store in AWS: one DynamoDB table, whose stream is the
// outbox.
//
// A request and its event are written in one transaction, conditioned on the
// version that was read; nothing is ever decided by an index, by TTL, or by a
// read that may be old. An item that a newer version of the software wrote is
// refused (access.ErrNewer).
//
// It needs dynamodb:PutItem and dynamodb:BatchGetItem on the table and
// dynamodb:Query on its indexes, and nothing else.
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

// Store is a table. It is safe for use by many at once.
type Store struct {
	client *dynamodb.Client
	table  string
	now    func() time.Time
}

// New returns the store in a table that has the keys and indexes of TableInput.
// The clock only says when a unique key may be forgotten.
func New(client *dynamodb.Client, table string, now func() time.Time) *Store {
	return &Store{client: client, table: table, now: now}
}

// Load reads a request and what is known about it, in one call. The directory
// and the messages are zero if they were never written. Errors:
// access.ErrNotFound, access.ErrNewer.
func (s *Store) Load(ctx context.Context, id string) (r access.Request, d access.Directory, m access.Messages, err error) {
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

// Messages reads a request and the record of its messages, in one call. Errors:
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

// readRequest reads a request, its messages and more.
func (s *Store) readRequest(ctx context.Context, id string, more ...key) (items, error) {
	// An id comes out of a button that somebody may have tampered with: what
	// cannot be a key is not there.
	if len(id) > store.MaxKey {
		return nil, fmt.Errorf("request with an id of %d bytes: %w", len(id), access.ErrNotFound)
	}
	found, err := s.read(ctx, append(more, requestKey(id), messagesKey(id))...)
	if _, there := found[requestKey(id)]; err == nil && !there {
		err = fmt.Errorf("request %q: %w", id, access.ErrNotFound)
	}
	return found, err
}

// Directory reads the directory, the zero value if it was never written.
// Errors: access.ErrNewer.
func (s *Store) Directory(ctx context.Context) (d access.Directory, err error) {
	found, err := s.read(ctx, directoryKey)
	if err == nil {
		err = found.decode(directoryKey, &d)
	}
	return d, err
}

// LoadForSubmit reads all that somebody's next request depends on, in one call: the
// directory, and what limits that person. Errors: *access.Taken if the key once
// was used, access.ErrNewer.
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
		var taken access.Duplicate
		if err := item.Decode(&taken.Request); err != nil {
			return d, a, err
		}
		return d, a, &taken
	}
	if err = found.decode(directoryKey, &d); err == nil {
		err = found.decode(askerKey(user), &a)
	}
	return d, a, err
}

// Requests reads requests as they stand now, in one call for each 100; those
// that do not exist are left out. Errors: access.ErrNewer.
func (s *Store) Requests(ctx context.Context, ids []string) (found []access.Request, err error) {
	keys := make([]key, len(ids))
	for i, id := range ids {
		keys[i] = requestKey(id)
	}
	return s.requests(ctx, keys)
}

// Reading reads how far the reading of people is, the zero value if it was never
// written. Errors: access.ErrNewer.
func (s *Store) Reading(ctx context.Context) (r access.Reading, err error) {
	found, err := s.read(ctx, readingKey)
	if err == nil {
		err = found.decode(readingKey, &r)
	}
	return r, err
}

// Problems reads what the operators were told, the zero value if it was never
// written. Errors: access.ErrNewer.
func (s *Store) Problems(ctx context.Context) (p access.Problems, err error) {
	found, err := s.read(ctx, problemsKey)
	if err == nil {
		err = found.decode(problemsKey, &p)
	}
	return p, err
}

// Due lists the requests that time matters to at now, the longest overdue
// first, at most most of them. The index may lag behind the table by moments:
// a request that is listed may have moved, and one that is missing comes with
// the next tick.
func (s *Store) Due(ctx context.Context, now time.Time, most int) ([]string, error) {
	return s.due(ctx, now, most, string(access.Pending), string(access.Active))
}

// Owed lists the requests of whose messages one is owed and may be tried at
// now, the longest overdue first, at most most of them. The index may lag, as
// in Due.
func (s *Store) Owed(ctx context.Context, now time.Time, most int) ([]string, error) {
	return s.due(ctx, now, most, store.Owed)
}

func (s *Store) due(ctx context.Context, now time.Time, most int, states ...string) ([]string, error) {
	var found []listed
	for _, state := range states {
		due, err := s.query(ctx, IndexState, most, &dynamodb.QueryInput{
			KeyConditionExpression:    aws.String("#state = :state AND due <= :now"),
			ExpressionAttributeNames:  map[string]string{"#state": IndexState},
			ExpressionAttributeValues: map[string]types.AttributeValue{":state": text(state), ":now": text(store.TimeKey(now))},
		})
		if err != nil {
			return nil, err
		}
		found = append(found, due...)
	}
	slices.SortStableFunc(found, func(a, b listed) int { return cmp.Compare(a.due, b.due) })
	var ids []string
	for _, one := range found[:min(most, len(found))] {
		ids = append(ids, strings.TrimPrefix(one.pk, store.RequestKey("")))
	}
	return ids, nil
}

// ByRequester lists somebody's requests, the newest first, at most most of
// them, each as it stands in the table. One that was submitted a moment ago may
// be missing. Errors: access.ErrNewer.
func (s *Store) ByRequester(ctx context.Context, user string, most int) ([]access.Request, error) {
	if user == "" || len(user) > store.MaxKey {
		return nil, nil
	}
	return s.list(ctx, IndexRequester, user, most, false)
}

// InState lists the requests in a state that is not final, the one that time will
// matter to first coming first, at most most of them, each as it stands in the
// table. One that moved a moment ago may be missing. Errors: access.ErrNewer.
func (s *Store) InState(ctx context.Context, state access.State, most int) ([]access.Request, error) {
	if state != access.Pending && state != access.Active {
		return nil, fmt.Errorf("requests in the state %q are not kept in an index", state)
	}
	all, err := s.list(ctx, IndexState, string(state), most, true)
	var found []access.Request
	for _, r := range all {
		if r.State == state { // the index may be behind
			found = append(found, r)
		}
	}
	return found, err
}

// list reads the requests that an index has under a partition key, which is
// the attribute of the index's name.
func (s *Store) list(ctx context.Context, index, partition string, most int, forward bool) ([]access.Request, error) {
	found, err := s.query(ctx, index, most, &dynamodb.QueryInput{
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

// requests are those that exist, in the order of their keys.
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
