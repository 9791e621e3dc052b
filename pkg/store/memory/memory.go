// Package memory is the store of the sandbox and of tests. It keeps in this process
// what pkg/store/dynamo keeps in a table, together with the table's stream. Items
// have the table's own encoding, so that no caller shares memory with the store and
// a newer format is refused here too.
//
// It writes nothing to disk, and it must never be linked into a function.
package memory

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/store"
)

// Store is both tables in memory. It is safe for concurrent use; each method is atomic.
type Store struct {
	now func() time.Time

	mu      sync.Mutex
	items   map[key]store.Item
	devices map[key]store.Item // the table of devices, which has no stream
	stream  []change
	dropped int           // how many changes were removed from the start of stream
	more    chan struct{} // closed by the next change
}

type key struct{ pk, sk string }

// New returns an empty store. The clock gives stream records and unique keys their
// times, and decides nothing.
func New(now func() time.Time) *Store {
	return &Store{
		now: now, items: make(map[key]store.Item), devices: make(map[key]store.Item), more: make(chan struct{}),
	}
}

// Load reads a request, the directory and the request's messages. The directory and
// the messages are zero if they were never written. Errors: access.ErrNotFound,
// access.ErrNewer.
func (s *Store) Load(_ context.Context, id string) (
	r access.Request, d access.Directory, m access.Messages, err error,
) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err = s.request(id, &r); err == nil {
		err = s.read(store.DirectoryKey, store.DirectoryKey, &d)
	}
	if err == nil {
		err = s.read(store.RequestKey(id), store.MessagesSort, &m)
	}
	return r, d, m, err
}

// Messages reads a request and its posted messages. Errors: access.ErrNotFound,
// access.ErrNewer.
func (s *Store) Messages(_ context.Context, id string) (r access.Request, m access.Messages, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err = s.request(id, &r); err == nil {
		err = s.read(store.RequestKey(id), store.MessagesSort, &m)
	}
	return r, m, err
}

// Directory reads the directory; it is zero if it was never written. Errors:
// access.ErrNewer.
func (s *Store) Directory(_ context.Context) (access.Directory, error) {
	return readOne[access.Directory](s, store.DirectoryKey, store.DirectoryKey)
}

// Save writes a request, its event and, if once is not empty, the unique key once:
// all or none. Errors: *access.Duplicate if the key was used before,
// access.ErrStale unless the stored version is the one before next's,
// access.ErrNewer if a newer version of the software wrote the stored item,
// access.ErrFrozen if the move gives access while everything is frozen, access.ErrHeld if it is an
// intent to vend while a sweep is held.
func (s *Store) Save(_ context.Context, next access.Request, event access.Event, once string) error {
	items, err := store.MoveItems(next, event, once, s.now())
	return s.commit(items, err, once, event)
}

// SaveCut writes a request and its event as Save does, and with them the cut list that the
// request is on. Errors: as Save; access.ErrStale also if the stored list is not the version
// before l's.
func (s *Store) SaveCut(_ context.Context, next access.Request, event access.Event, l access.CutList) error {
	items, err := store.CutItems(next, event, l, s.now())
	return s.commit(items, err, "", access.Event{})
}

// CutList reads the cut list of a role; it is zero if it was never written. Errors:
// access.ErrNewer.
func (s *Store) CutList(_ context.Context, k access.CutKey) (access.CutList, error) {
	return readOne[access.CutList](s, store.CutListKey(k), store.CutSort)
}

// SaveCutList writes a cut list. Errors: as SaveDirectory.
func (s *Store) SaveCutList(_ context.Context, next access.CutList) error {
	return s.replace(store.CutListItem(next))
}

// DueCuts returns at most limit cut lists that are due at now, the longest overdue first.
func (s *Store) DueCuts(_ context.Context, now time.Time, limit int) (keys []access.CutKey, err error) {
	for _, text := range s.due(store.CutSort, store.CutListPrefix, now, limit, store.Cutting) {
		if k, ok := access.CutKeyOf(text); ok {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// Freeze reads the freeze; it is zero if there was never one. Errors: access.ErrNewer.
func (s *Store) Freeze(_ context.Context) (access.Freeze, error) {
	return readOne[access.Freeze](s, store.FreezeKey, store.FreezeKey)
}

// SaveFreeze writes the freeze. Errors: as SaveDirectory.
func (s *Store) SaveFreeze(_ context.Context, next access.Freeze) error {
	return s.replace(store.FreezeItem(next))
}

// Sweep reads the record of the last sweep; it is zero if there was never one. Errors:
// access.ErrNewer.
func (s *Store) Sweep(_ context.Context) (access.Sweep, error) {
	return readOne[access.Sweep](s, store.SweepKey, store.SweepKey)
}

// SaveSweep writes the record of the last sweep. Errors: as SaveDirectory.
func (s *Store) SaveSweep(_ context.Context, next access.Sweep) error {
	return s.replace(store.SweepItem(next))
}

// Submit writes a new request and its event as Save does, and with them next, the
// record that limits the requester. Errors: as Save; access.ErrStale also if another
// request wrote that record meanwhile.
func (s *Store) Submit(_ context.Context, r access.Request, event access.Event, next access.Asker, once string) error {
	items, err := store.SubmitItems(r, event, next, once, s.now())
	return s.commit(items, err, once, event)
}

// commit writes the items of a move: all or none. A move that gives access is refused while
// everything is frozen, and an intent to vend while a sweep is held.
func (s *Store) commit(items []store.Item, err error, once string, event access.Event) error {
	if err != nil {
		return fmt.Errorf("save a request: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if once != "" {
		if err := s.checkUnused(once); err != nil {
			return err
		}
	}
	for _, item := range items {
		if item.Version == 0 {
			continue
		}
		if err := s.checkVersion(item); err != nil {
			return err
		}
	}
	if store.Gives(event) && s.frozen() {
		return fmt.Errorf("save a request: %w", access.ErrFrozen)
	}
	if store.Vends(event) && s.items[key{store.SweepKey, store.SweepKey}].Held {
		return fmt.Errorf("save a request: %w", access.ErrHeld)
	}
	if _, found := s.items[keyOf(items[1])]; found {
		return fmt.Errorf("save a request: %s %s exists already", items[1].PK, items[1].SK)
	}
	s.write(items...)
	return nil
}

// SaveDirectory writes the directory. Errors: access.ErrStale unless the stored
// version is the one before next's, or equals next; access.ErrNewer.
func (s *Store) SaveDirectory(_ context.Context, next access.Directory) error {
	return s.replace(store.DirectoryItem(next))
}

// Reading reads the progress of reading people from Slack; it is zero if it was
// never written. Errors: access.ErrNewer.
func (s *Store) Reading(_ context.Context) (access.Reading, error) {
	return readOne[access.Reading](s, store.ReadingKey, store.ReadingKey)
}

// SaveReading writes the progress of reading people. Errors: as SaveDirectory.
func (s *Store) SaveReading(_ context.Context, next access.Reading) error {
	return s.replace(store.ReadingItem(next))
}

// Problems reads the problems that operators were told about; it is zero if it was
// never written. Errors: access.ErrNewer.
func (s *Store) Problems(_ context.Context) (access.Problems, error) {
	return readOne[access.Problems](s, store.ProblemsKey, store.ProblemsKey)
}

// Builds reads the builds that have run; it is zero if it was never written. Errors:
// access.ErrNewer.
func (s *Store) Builds(_ context.Context) (access.Builds, error) {
	return readOne[access.Builds](s, store.BuildsKey, store.BuildsKey)
}

// LoadForSubmit reads what a new request of a user depends on: the directory and the
// record that limits the user. Errors: *access.Duplicate if the unique key once was
// used before, access.ErrNewer.
func (s *Store) LoadForSubmit(_ context.Context, user, once string) (d access.Directory, a access.Asker, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if once != "" {
		if err := s.checkUnused(once); err != nil {
			return d, a, err
		}
	}
	if err = s.read(store.DirectoryKey, store.DirectoryKey, &d); err == nil {
		err = s.read(store.AskerKey(user), store.AskerSort, &a)
	}
	return d, a, err
}

// Requests reads the present state of requests, without those that do not exist.
// Errors: access.ErrNewer.
func (s *Store) Requests(_ context.Context, ids []string) (found []access.Request, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range ids {
		var r access.Request
		if err := s.request(id, &r); errors.Is(err, access.ErrNotFound) {
			continue
		} else if err != nil {
			return nil, err
		}
		found = append(found, r)
	}
	return found, nil
}

// SaveAsker writes the record that limits a user. Errors: as SaveDirectory.
func (s *Store) SaveAsker(_ context.Context, user string, next access.Asker) error {
	return s.replace(store.AskerItem(user, next, s.now().Add(store.AskerLife)))
}

// SaveProblems writes the problems that operators were told about. Errors: as
// SaveDirectory.
func (s *Store) SaveProblems(_ context.Context, next access.Problems) error {
	return s.replace(store.ProblemsItem(next))
}

// SaveBuilds writes the builds that have run. Errors: as SaveDirectory.
func (s *Store) SaveBuilds(_ context.Context, next access.Builds) error {
	return s.replace(store.BuildsItem(next))
}

// SaveMessages writes a request's posted messages. Errors: as SaveDirectory.
func (s *Store) SaveMessages(_ context.Context, id string, next access.Messages) error {
	return s.replace(store.MessagesItem(id, next))
}

func (s *Store) replace(next store.Item, err error) error {
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, found := s.items[keyOf(next)]; found && old.Body == next.Body {
		return nil
	}
	if err := s.checkVersion(next); err != nil {
		return err
	}
	s.write(next)
	return nil
}

// Due returns the ids of at most limit requests that are due at now, the longest
// overdue first.
func (s *Store) Due(_ context.Context, now time.Time, limit int) ([]string, error) {
	return s.due(store.RequestSort, store.RequestKey(""), now, limit, string(access.Pending), string(access.Active)), nil
}

// Ending returns the ids of at most limit closed requests whose cut was first ordered before now
// and is not known to be done, the longest waiting first.
func (s *Store) Ending(_ context.Context, now time.Time, limit int) ([]string, error) {
	return s.due(store.RequestSort, store.RequestKey(""), now, limit, store.Ending), nil
}

// Owed returns the ids of at most limit requests with a message that Slack has not
// accepted and that may be tried again at now, the longest overdue first.
func (s *Store) Owed(_ context.Context, now time.Time, limit int) ([]string, error) {
	return s.due(store.MessagesSort, store.RequestKey(""), now, limit, store.Owed), nil
}

func (s *Store) due(sk, prefix string, now time.Time, limit int, states ...string) (ids []string) {
	found := s.itemsWhere(sk, func(i store.Item) bool { return slices.Contains(states, i.State) && !i.Due.After(now) })
	slices.SortFunc(found, func(a, b store.Item) int { return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.PK, b.PK)) })
	for _, i := range atMost(found, limit) {
		ids = append(ids, strings.TrimPrefix(i.PK, prefix))
	}
	return ids
}

// ByRequester returns at most limit requests of a user, the newest first. Errors:
// access.ErrNewer.
func (s *Store) ByRequester(_ context.Context, user string, limit int) ([]access.Request, error) {
	found := s.itemsWhere(store.RequestSort, func(i store.Item) bool { return user != "" && i.Requester == user })
	return newestFirst(found, limit)
}

// InState returns at most limit requests in the state pending or active, the one
// that is due first coming first. Errors: access.ErrNewer.
func (s *Store) InState(_ context.Context, state access.State, limit int) ([]access.Request, error) {
	if state != access.Pending && state != access.Active {
		return nil, fmt.Errorf("list requests in the state %q: only pending and active ones are in an index", state)
	}
	found := s.itemsWhere(store.RequestSort, func(i store.Item) bool { return i.State == string(state) })
	slices.SortFunc(found, func(a, b store.Item) int { return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.PK, b.PK)) })
	return decodeRequests(atMost(found, limit))
}

// All returns every request, the oldest first, without those of a newer format.
func (s *Store) All(_ context.Context) []access.Request {
	found := s.itemsWhere(store.RequestSort, func(i store.Item) bool { return !i.Newer() })
	all, _ := newestFirst(found, len(found)) // cannot fail: this process encoded them
	slices.Reverse(all)
	return all
}

// Events returns every event, the oldest first, without those of a newer format.
func (s *Store) Events() []access.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []access.Event
	for k, item := range s.items {
		var e access.Event
		if strings.HasPrefix(k.sk, store.EventPrefix) && item.Decode(&e) == nil {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b access.Event) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Request, b.Request), cmp.Compare(a.Seq, b.Seq))
	})
	return all
}

// DeleteExpired deletes the items whose ExpiresAt is over, as DynamoDB's time to
// live does after some days.
func (s *Store) DeleteExpired() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, item := range s.items {
		if !item.ExpiresAt.IsZero() && item.ExpiresAt.Before(s.now()) {
			s.appendToStream(change{at: s.now(), old: item})
			delete(s.items, keyOf(item))
		}
	}
	for k, item := range s.devices {
		if !item.ExpiresAt.IsZero() && item.ExpiresAt.Before(s.now()) {
			delete(s.devices, k)
		}
	}
}

// Put writes an item without any condition, as another version of the software or an
// operator may do.
func (s *Store) Put(item store.Item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write(item)
}

func atMost(found []store.Item, limit int) []store.Item {
	return found[:max(0, min(limit, len(found)))]
}

func newestFirst(found []store.Item, limit int) ([]access.Request, error) {
	slices.SortFunc(found, func(a, b store.Item) int {
		return cmp.Or(cmp.Compare(b.Submitted, a.Submitted), cmp.Compare(b.PK, a.PK))
	})
	return decodeRequests(atMost(found, limit))
}

func decodeRequests(found []store.Item) ([]access.Request, error) {
	var requests []access.Request
	for _, i := range found {
		var r access.Request
		if err := i.Decode(&r); err != nil {
			return nil, err
		}
		requests = append(requests, r)
	}
	return requests, nil
}

func (s *Store) itemsWhere(sk string, wanted func(store.Item) bool) (found []store.Item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for k, item := range s.items {
		if k.sk == sk && wanted(item) {
			found = append(found, item)
		}
	}
	return found
}

func (s *Store) request(id string, r *access.Request) error {
	if _, found := s.items[key{store.RequestKey(id), store.RequestSort}]; !found {
		return fmt.Errorf("request %q: %w", id, access.ErrNotFound)
	}
	return s.read(store.RequestKey(id), store.RequestSort, r)
}

// read decodes an item into out. It leaves out unchanged if there is no such item.
// readOne reads one item, which is zero if it was never written.
func readOne[T any](s *Store, pk, sk string) (v T, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err = s.read(pk, sk, &v)
	return v, err
}

func (s *Store) read(pk, sk string, out any) error {
	item, found := s.items[key{pk, sk}]
	if !found {
		return nil
	}
	return item.Decode(out)
}

func (s *Store) frozen() bool { return s.items[key{store.FreezeKey, store.FreezeKey}].Frozen }

func (s *Store) checkUnused(once string) error {
	item, found := s.items[key{store.OnceKey(once), store.OnceSort}]
	if !found {
		return nil
	}
	var used access.Duplicate
	if err := item.Decode(&used.Request); err != nil {
		return err
	}
	return &used
}

// checkVersion returns an error unless the stored item is the version before next.
func (s *Store) checkVersion(next store.Item) error {
	return checkAfter(s.items[keyOf(next)], next)
}

// checkAfter returns an error unless old is the version before next.
func checkAfter(old, next store.Item) error {
	switch {
	case old.PK != "" && old.Newer():
		return old.Decode(nil)
	case old.Version != next.Version-1:
		return fmt.Errorf("save %s %s: %w", next.PK, next.SK, access.ErrStale)
	}
	return nil
}

func keyOf(i store.Item) key { return key{i.PK, i.SK} }
