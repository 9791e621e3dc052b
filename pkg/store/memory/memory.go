// Package memory is the store of the sandbox and of tests: what pkg/store/dynamo
// keeps in a table, kept in this process, with the table's stream. Things are
// held in the table's own encoding, so that no caller shares memory with the
// store and a newer format is refused here too.
//
// It must never be linked into a function.
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

// Store is a table in memory. It is safe for use by many at once; each method
// happens at one moment.
type Store struct {
	now func() time.Time

	mu      sync.Mutex
	items   map[key]store.Item
	stream  []change
	dropped int           // changes that are older than the stream is long
	more    chan struct{} // closed by the next change
}

type key struct{ pk, sk string }

// New returns an empty store. The clock dates stream records and unique keys,
// and decides nothing.
func New(now func() time.Time) *Store {
	return &Store{now: now, items: make(map[key]store.Item), more: make(chan struct{})}
}

// Load reads a request and what is known about it. The directory and the
// messages are zero if they were never written. Errors: access.ErrNotFound,
// access.ErrNewer.
func (s *Store) Load(_ context.Context, id string) (r access.Request, d access.Directory, m access.Messages, err error) {
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

// Messages reads a request and the record of its messages. Errors:
// access.ErrNotFound, access.ErrNewer.
func (s *Store) Messages(_ context.Context, id string) (r access.Request, m access.Messages, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err = s.request(id, &r); err == nil {
		err = s.read(store.RequestKey(id), store.MessagesSort, &m)
	}
	return r, m, err
}

// Directory reads the directory, the zero value if it was never written.
// Errors: access.ErrNewer.
func (s *Store) Directory(_ context.Context) (d access.Directory, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err = s.read(store.DirectoryKey, store.DirectoryKey, &d)
	return d, err
}

// Save writes a request, its event and, unless it is empty, the unique key
// once, as one. Errors: *access.Taken if the key was used before,
// access.ErrStale unless the stored version is the one before next's,
// access.ErrNewer if a newer version of the software wrote what is there.
func (s *Store) Save(_ context.Context, next access.Request, event access.Event, once string) error {
	items, err := store.MoveItems(next, event, once, s.now())
	return s.commit(items, err, once)
}

// Submit writes a new request and its event, as Save does, and with them what
// limits the person who made it. Errors: as Save; access.ErrStale also if
// somebody wrote next's Asker meanwhile.
func (s *Store) Submit(_ context.Context, r access.Request, event access.Event, next access.Asker, once string) error {
	items, err := store.SubmitItems(r, event, next, once, s.now())
	return s.commit(items, err, once)
}

// commit writes the items of a move, all or none.
func (s *Store) commit(items []store.Item, err error, once string) error {
	if err != nil {
		return fmt.Errorf("save a request: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if once != "" {
		if err := s.taken(once); err != nil {
			return err
		}
	}
	for _, item := range items {
		if item.Version == 0 {
			continue
		}
		if err := s.before(item); err != nil {
			return err
		}
	}
	if _, found := s.items[keyOf(items[1])]; found {
		return fmt.Errorf("save a request: %s %s is there already", items[1].PK, items[1].SK)
	}
	s.write(items...)
	return nil
}

// SaveDirectory writes the directory. Errors: access.ErrStale unless the stored
// version is the one before next's or the very same is stored already,
// access.ErrNewer.
func (s *Store) SaveDirectory(_ context.Context, next access.Directory) error {
	return s.replace(store.DirectoryItem(next))
}

// Reading reads how far the reading of people is, the zero value if it was never
// written. Errors: access.ErrNewer.
func (s *Store) Reading(_ context.Context) (r access.Reading, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err = s.read(store.ReadingKey, store.ReadingKey, &r)
	return r, err
}

// SaveReading writes how far the reading of people is. Errors: as SaveDirectory.
func (s *Store) SaveReading(_ context.Context, next access.Reading) error {
	return s.replace(store.ReadingItem(next))
}

// Problems reads what the operators were told, the zero value if it was never
// written. Errors: access.ErrNewer.
func (s *Store) Problems(_ context.Context) (p access.Problems, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	err = s.read(store.ProblemsKey, store.ProblemsKey, &p)
	return p, err
}

// LoadForSubmit reads all that somebody's next request depends on: the directory, and
// what limits that person. Errors: *access.Taken if the key once was used,
// access.ErrNewer.
func (s *Store) LoadForSubmit(_ context.Context, user, once string) (d access.Directory, a access.Asker, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if once != "" {
		if err := s.taken(once); err != nil {
			return d, a, err
		}
	}
	if err = s.read(store.DirectoryKey, store.DirectoryKey, &d); err == nil {
		err = s.read(store.AskerKey(user), store.AskerSort, &a)
	}
	return d, a, err
}

// Requests reads requests as they stand now; those that do not exist are left
// out. Errors: access.ErrNewer.
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

// SaveAsker writes what limits somebody. Errors: as SaveDirectory.
func (s *Store) SaveAsker(_ context.Context, user string, next access.Asker) error {
	return s.replace(store.AskerItem(user, next, s.now().Add(store.AskerLife)))
}

// SaveProblems writes what the operators were told. Errors: as SaveDirectory.
func (s *Store) SaveProblems(_ context.Context, next access.Problems) error {
	return s.replace(store.ProblemsItem(next))
}

// SaveMessages writes the record of a request's messages. Errors: as
// SaveDirectory.
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
	if err := s.before(next); err != nil {
		return err
	}
	s.write(next)
	return nil
}

// Due lists the requests that time matters to at now, the longest overdue
// first, at most most of them.
func (s *Store) Due(_ context.Context, now time.Time, most int) ([]string, error) {
	return s.due(store.RequestSort, now, most), nil
}

// Owed lists the requests of whose messages one is owed and may be tried at
// now, the longest overdue first, at most most of them.
func (s *Store) Owed(_ context.Context, now time.Time, most int) ([]string, error) {
	return s.due(store.MessagesSort, now, most), nil
}

func (s *Store) due(sk string, now time.Time, most int) (ids []string) {
	found := s.pick(sk, func(i store.Item) bool { return !i.Due.IsZero() && !i.Due.After(now) })
	slices.SortFunc(found, func(a, b store.Item) int { return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.PK, b.PK)) })
	for _, i := range first(found, most) {
		ids = append(ids, strings.TrimPrefix(i.PK, store.RequestKey("")))
	}
	return ids
}

// ByRequester lists somebody's requests, the newest first, at most most of
// them. Errors: access.ErrNewer.
func (s *Store) ByRequester(_ context.Context, user string, most int) ([]access.Request, error) {
	return newest(s.pick(store.RequestSort, func(i store.Item) bool { return user != "" && i.Requester == user }), most)
}

// InState lists the requests in a state that is not final, the one that time will
// matter to first coming first, at most most of them. Errors: access.ErrNewer.
func (s *Store) InState(_ context.Context, state access.State, most int) ([]access.Request, error) {
	if state != access.Pending && state != access.Active {
		return nil, fmt.Errorf("requests in the state %q are not kept in an index", state)
	}
	found := s.pick(store.RequestSort, func(i store.Item) bool { return i.State == string(state) })
	slices.SortFunc(found, func(a, b store.Item) int { return cmp.Or(a.Due.Compare(b.Due), cmp.Compare(a.PK, b.PK)) })
	return decoded(first(found, most))
}

// All is every request, the oldest first, without those of a newer format.
func (s *Store) All(_ context.Context) []access.Request {
	found := s.pick(store.RequestSort, func(i store.Item) bool { return !i.Newer() })
	all, _ := newest(found, len(found)) // what this process encoded, it decodes
	slices.Reverse(all)
	return all
}

// Events is every event, the oldest first, without those of a newer format.
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

// DeleteExpired removes what housekeeping may remove, as DynamoDB does some days after
// an item's time to be forgotten.
func (s *Store) DeleteExpired() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, item := range s.items {
		if !item.ExpiresAt.IsZero() && item.ExpiresAt.Before(s.now()) {
			s.tell(change{at: s.now(), old: item})
			delete(s.items, keyOf(item))
		}
	}
}

// Put writes an item as it is, without any condition: what another version of
// the software, or an operator, may have written.
func (s *Store) Put(item store.Item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.write(item)
}

func first(found []store.Item, most int) []store.Item { return found[:max(0, min(most, len(found)))] }

func newest(found []store.Item, most int) ([]access.Request, error) {
	slices.SortFunc(found, func(a, b store.Item) int {
		return cmp.Or(cmp.Compare(b.Submitted, a.Submitted), cmp.Compare(b.PK, a.PK))
	})
	return decoded(first(found, most))
}

func decoded(found []store.Item) ([]access.Request, error) {
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

func (s *Store) pick(sk string, wanted func(store.Item) bool) (found []store.Item) {
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

// read leaves out alone when there is no such item.
func (s *Store) read(pk, sk string, out any) error {
	item, found := s.items[key{pk, sk}]
	if !found {
		return nil
	}
	return item.Decode(out)
}

func (s *Store) taken(once string) error {
	item, found := s.items[key{store.OnceKey(once), store.OnceSort}]
	if !found {
		return nil
	}
	var taken access.Duplicate
	if err := item.Decode(&taken.Request); err != nil {
		return err
	}
	return &taken
}

// before refuses unless the item that is stored is the version before next.
func (s *Store) before(next store.Item) error {
	old := s.items[keyOf(next)]
	switch {
	case old.PK != "" && old.Newer():
		return old.Decode(nil)
	case old.Version != next.Version-1:
		return fmt.Errorf("save %s %s: %w", next.PK, next.SK, access.ErrStale)
	}
	return nil
}

func keyOf(i store.Item) key { return key{i.PK, i.SK} }
