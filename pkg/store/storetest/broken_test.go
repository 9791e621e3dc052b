package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/store"
	"github.com/aws-access/aws-access/pkg/store/memory"
)

// open returns the memory store as a subject of the contract.
func open() (*memory.Store, Subject) {
	s := memory.New(func() time.Time { return Now })
	return s, Subject{
		Store:   s,
		PutItem: func(_ context.Context, item store.Item) error { s.Put(item); return nil },
		StreamRecords: func(context.Context) (carried []events.DynamoDBEventRecord, err error) {
			records, _ := s.Records(0, 1<<20)
			text, err := json.Marshal(records)
			return carried, errors.Join(err, json.Unmarshal(text, &carried))
		},
	}
}

func TestASoundStorePasses(t *testing.T) {
	Run(t, func(*testing.T) Subject {
		_, s := open()
		twice := s.StreamRecords
		s.StreamRecords = func(ctx context.Context) ([]events.DynamoDBEventRecord, error) { // at least once
			once, err := twice(ctx)
			return slices.Concat(once, once), err
		}
		return s
	})
}

// saving, loading and so on are a store of which one method is another one.
type (
	saving struct {
		Store
		save func(context.Context, access.Request, access.Event, string) error
	}
	loading struct {
		Store
		load func(context.Context, string) (access.Request, access.Directory, access.Messages, error)
	}
	timing struct {
		Store
		due func(context.Context, time.Time, int) ([]string, error)
	}
	listing struct {
		Store
		requester func(context.Context, string, int) ([]access.Request, error)
		state     func(context.Context, access.State, int) ([]access.Request, error)
	}
	warning struct {
		Store
		problems func(context.Context, access.Problems) error
	}
	asking struct {
		Store
		submit   func(context.Context, access.Request, access.Event, access.Asker, string) error
		asker    func(context.Context, string, access.Asker) error
		asking   func(context.Context, string, string) (access.Directory, access.Asker, error)
		requests func(context.Context, []string) ([]access.Request, error)
	}
	continuing struct {
		Store
		reading func(context.Context, access.Reading) error
	}
	keeping struct {
		Store
		directory func(context.Context, access.Directory) error
		messages  func(context.Context, string, access.Messages) error
	}
)

func (s saving) Save(ctx context.Context, next access.Request, event access.Event, once string) error {
	return s.save(ctx, next, event, once)
}

func (s loading) Load(ctx context.Context, id string) (access.Request, access.Directory, access.Messages, error) {
	return s.load(ctx, id)
}

func (s timing) Due(ctx context.Context, now time.Time, limit int) ([]string, error) {
	return s.due(ctx, now, limit)
}

func (s listing) ByRequester(ctx context.Context, user string, limit int) ([]access.Request, error) {
	return s.requester(ctx, user, limit)
}

func (s listing) InState(ctx context.Context, state access.State, limit int) ([]access.Request, error) {
	return s.state(ctx, state, limit)
}

func (s asking) Submit(
	ctx context.Context, r access.Request, event access.Event, next access.Asker, once string,
) error {
	return s.submit(ctx, r, event, next, once)
}

func (s asking) SaveAsker(ctx context.Context, user string, next access.Asker) error {
	return s.asker(ctx, user, next)
}

func (s asking) LoadForSubmit(ctx context.Context, user, once string) (access.Directory, access.Asker, error) {
	return s.asking(ctx, user, once)
}

func (s asking) Requests(ctx context.Context, ids []string) ([]access.Request, error) {
	return s.requests(ctx, ids)
}

func (s keeping) SaveDirectory(ctx context.Context, next access.Directory) error {
	return s.directory(ctx, next)
}

func (s continuing) SaveReading(ctx context.Context, next access.Reading) error {
	return s.reading(ctx, next)
}

func (s warning) SaveProblems(ctx context.Context, next access.Problems) error {
	return s.problems(ctx, next)
}

func (s keeping) SaveMessages(ctx context.Context, id string, next access.Messages) error {
	return s.messages(ctx, id, next)
}

// brokenSave are stores whose Save is not what it should be.
func brokenSave(m *memory.Store) map[string]func(context.Context, access.Request, access.Event, string) error {
	items := func(next access.Request, event access.Event, once string) []store.Item {
		all, _ := store.MoveItems(next, event, once, Now)
		return all
	}
	return map[string]func(context.Context, access.Request, access.Event, string) error{
		"a move lands on the version before it only": func(
			ctx context.Context, next access.Request, event access.Event, once string,
		) error {
			err := m.Save(ctx, next, event, once)
			if errors.Is(err, access.ErrStale) { // no condition: the last writer wins
				m.Put(items(next, event, once)[0])
				return nil
			}
			return err
		},
		"the outbox carries every event in order": func(
			ctx context.Context, next access.Request, event access.Event, once string,
		) error {
			r, _, _, err := m.Load(ctx, next.ID)
			if err == nil && r.Version == next.Version-1 { // no event
				m.Put(items(next, event, once)[0])
				return nil
			}
			return m.Save(ctx, next, event, once)
		},
		"a used key writes nothing and names its request": func(
			ctx context.Context, next access.Request, event access.Event, _ string,
		) error {
			return m.Save(ctx, next, event, "") // no key
		},
		"many submits of one form: one request": func(
			ctx context.Context, next access.Request, event access.Event, _ string,
		) error {
			return m.Save(ctx, next, event, "")
		},
		"a stale move writes nothing": func(ctx context.Context, next access.Request, event access.Event, once string) error {
			err := m.Save(ctx, next, event, once)
			if errors.Is(err, access.ErrStale) { // the key is written apart
				for _, item := range items(next, event, once)[2:] {
					m.Put(item)
				}
			}
			return err
		},
		"a request and its event come back as they were saved": func(
			ctx context.Context, next access.Request, event access.Event, once string,
		) error {
			next.Reason = string([]rune(next.Reason)[:min(2999, len([]rune(next.Reason)))])
			return m.Save(ctx, next, event, once)
		},
		"times keep their instant": func(ctx context.Context, next access.Request, event access.Event, once string) error {
			next.Submitted = next.Submitted.Truncate(time.Millisecond)
			return m.Save(ctx, next, event, once)
		},
		"a move and its event belong together": func(
			ctx context.Context, next access.Request, event access.Event, once string,
		) error {
			event.Request, event.Seq = next.ID, next.Version
			return m.Save(ctx, next, event, once)
		},
		"what is too large is refused whole": func(
			ctx context.Context, next access.Request, event access.Event, once string,
		) error {
			err := m.Save(ctx, next, event, once)
			if err != nil && len(event.Why) > store.MaxItem {
				event.Why = ""
				m.Put(items(next, event, once)[1])
			}
			return err
		},
		"many movers: one winner each version, one event each": func(
			ctx context.Context, next access.Request, event access.Event, once string,
		) error {
			r, _, _, _ := m.Load(ctx, next.ID)
			if r.Version != next.Version-1 { // read and compared, then written
				return access.ErrStale
			}
			runtime.Gosched()
			for _, item := range items(next, event, once) {
				m.Put(item)
			}
			return nil
		},
		"what a newer version wrote is refused": func(
			ctx context.Context, next access.Request, event access.Event, once string,
		) error {
			err := m.Save(ctx, next, event, once)
			if errors.Is(err, access.ErrNewer) {
				m.Put(items(next, event, once)[0])
				return nil
			}
			return err
		},
	}
}

// brokenAsking are stores that do not keep what limits a person as they should.
func brokenAsking(m *memory.Store) map[string]Store {
	sound := func(change func(*asking)) Store {
		s := asking{m, m.Submit, m.SaveAsker, m.LoadForSubmit, m.Requests}
		change(&s)
		return s
	}
	put := func(user string, a access.Asker) {
		item, _ := store.AskerItem(user, a, Now)
		m.Put(item)
	}
	return map[string]Store{
		"what limits a person has its own versions": sound(func(s *asking) {
			s.asker = func(_ context.Context, user string, next access.Asker) error { put(user, next); return nil }
		}),
		"a request is written with what limits its person, or not at all": sound(func(s *asking) {
			s.submit = func(ctx context.Context, r access.Request, event access.Event, next access.Asker, once string) error {
				return errors.Join(m.Save(ctx, r, event, once), m.SaveAsker(ctx, r.Requester.ID, next)) // one after the other
			}
		}),
		"a used key is found before a request is made": sound(func(s *asking) {
			s.asking = func(ctx context.Context, user, _ string) (access.Directory, access.Asker, error) {
				return m.LoadForSubmit(ctx, user, "")
			}
		}),
		"requests are read as they stand": sound(func(s *asking) {
			s.requests = func(ctx context.Context, ids []string) ([]access.Request, error) {
				found, err := m.Requests(ctx, ids)
				for i := range found {
					found[i].State = access.Pending // as they were when they were listed
				}
				return found, err
			}
		}),
		"many submits of one person: one winner each version": sound(func(s *asking) {
			s.submit = func(ctx context.Context, r access.Request, event access.Event, next access.Asker, once string) error {
				// read and compared, then written
				if _, a, _ := m.LoadForSubmit(ctx, r.Requester.ID, ""); a.Version != next.Version-1 {
					return access.ErrStale
				}
				runtime.Gosched()
				put(r.Requester.ID, next)
				return m.Save(ctx, r, event, once)
			}
		}),
	}
}

// broken are stores that break one promise each, by the promise.
func broken(m *memory.Store) map[string]Store {
	stores := make(map[string]Store)
	for promise, save := range brokenSave(m) {
		stores[promise] = saving{m, save}
	}
	var mu sync.Mutex
	kept := make(map[string]access.Request)
	stores["values do not share memory with the store"] = loading{saving{m, func(ctx context.Context, next access.Request, event access.Event, once string) error {
		mu.Lock()
		defer mu.Unlock()
		kept[next.ID] = next
		return m.Save(ctx, next, event, once)
	}}, func(ctx context.Context, id string) (access.Request, access.Directory, access.Messages, error) {
		mu.Lock()
		defer mu.Unlock()
		_, d, p, err := m.Load(ctx, id)
		return kept[id], d, p, err
	}}
	stores["what was never written is not there"] = loading{m, func(ctx context.Context, id string) (access.Request, access.Directory, access.Messages, error) {
		r, d, p, err := m.Load(ctx, id)
		if errors.Is(err, access.ErrNotFound) {
			err = nil
		}
		return r, d, p, err
	}}
	stores["due lists the longest overdue first"] = timing{m, func(ctx context.Context, now time.Time, limit int) ([]string, error) {
		return m.Due(ctx, now.Add(-1), limit) // what is due now is left out
	}}
	stores["what is owed is listed by its time, until it is paid"] = keeping{m, m.SaveDirectory,
		func(ctx context.Context, id string, next access.Messages) error {
			item, _ := store.MessagesItem(id, next)
			item.State, item.Due = store.Owed, Now // listed for ever
			m.Put(item)
			return nil
		}}
	var once []string
	stores["due follows the request until it is over"] = timing{m, func(ctx context.Context, now time.Time, limit int) ([]string, error) {
		ids, err := m.Due(ctx, now, limit) // never forgets
		once = append(once, ids...)
		slices.Sort(once)
		return slices.Compact(once), err
	}}
	stores["a requester's requests are listed newest first"] = listing{m, func(ctx context.Context, user string, limit int) ([]access.Request, error) {
		found, err := m.ByRequester(ctx, user, limit)
		slices.Reverse(found)
		return found, err
	}, m.InState}
	stores["the open requests in a state are listed in the order of their time"] = listing{m, m.ByRequester, func(ctx context.Context, state access.State, limit int) ([]access.Request, error) {
		found, err := m.InState(ctx, state, 1000)
		slices.Reverse(found)
		return found[:min(limit, len(found))], err
	}}
	stores["the directory has its own versions"] = keeping{m, func(ctx context.Context, next access.Directory) error {
		item, _ := store.DirectoryItem(next)
		m.Put(item)
		return nil
	}, m.SaveMessages}
	stores["many writers of the directory: one winner each version"] = keeping{m, func(ctx context.Context, next access.Directory) error {
		d, _ := m.Directory(ctx)
		if d.Version != next.Version-1 {
			return access.ErrStale
		}
		runtime.Gosched()
		item, _ := store.DirectoryItem(next)
		m.Put(item)
		return nil
	}, m.SaveMessages}
	stores["the reading of people has its own versions"] = continuing{m,
		func(_ context.Context, next access.Reading) error {
			item, _ := store.ReadingItem(next)
			m.Put(item)
			return nil
		}}
	stores["problems have their own versions"] = warning{m, func(_ context.Context, next access.Problems) error {
		item, _ := store.ProblemsItem(next)
		m.Put(item)
		return nil
	}}
	stores["messages have their own versions"] = keeping{m, m.SaveDirectory, func(ctx context.Context, id string, next access.Messages) error {
		item, _ := store.MessagesItem(id, next)
		m.Put(item)
		return nil
	}}
	maps.Copy(stores, brokenAsking(m))
	stores["moves without a key are not held against each other"] = saving{m, func(ctx context.Context, next access.Request, event access.Event, once string) error {
		return m.Save(ctx, next, event, "key "+once)
	}}
	return stores
}

// A contract that a broken store passes is none: for each check there is a
// store that breaks its promise, and the check has to see it.
func TestEveryCheckFailsTheStoreThatBreaksItsPromise(t *testing.T) {
	checks := Checks()
	for promise := range broken(nil) {
		if !slices.ContainsFunc(checks, func(c Check) bool { return c.Name == promise }) {
			t.Errorf("the contract has no check %q", promise)
		}
	}
	for _, c := range checks {
		m, s := open()
		s.Store = broken(m)[c.Name]
		if s.Store == nil {
			t.Errorf("no broken store for %q", c.Name)
			continue
		}
		if err := c.Do(t.Context(), s); err == nil {
			t.Errorf("%q: passed by a store that breaks it", c.Name)
		}
	}
}

func TestAFeedThatLosesOrTurnsEventsFails(t *testing.T) {
	for name, spoil := range map[string]func([]events.DynamoDBEventRecord){
		"turned": slices.Reverse[[]events.DynamoDBEventRecord],
		"lost":   func(records []events.DynamoDBEventRecord) { clear(records[:2]) },
	} {
		_, s := open()
		sound := s.StreamRecords
		s.StreamRecords = func(ctx context.Context) ([]events.DynamoDBEventRecord, error) {
			records, err := sound(ctx)
			spoil(records)
			return records, err
		}
		if err := outbox(t.Context(), s); err == nil {
			t.Errorf("%s: passed", name)
		}
	}
}
