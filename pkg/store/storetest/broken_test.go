package storetest

import (
	"context"
	"encoding/json"
	"errors"
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

// newSubject returns the memory store as a subject of the contract.
func newSubject() (*memory.Store, Subject) {
	s := memory.New(func() time.Time { return Now })
	return s, Subject{
		Store:     s,
		PutItem:   func(_ context.Context, item store.Item) error { s.Put(item); return nil },
		PutDevice: func(_ context.Context, item store.Item) error { s.PutDevice(item); return nil },
		StreamRecords: func(context.Context) (records []events.DynamoDBEventRecord, err error) {
			all, _ := s.Records(0, 1<<20)
			text, err := json.Marshal(all)
			return records, errors.Join(err, json.Unmarshal(text, &records))
		},
	}
}

// The stream delivers each record at least once, so the checks must accept records
// that come twice.
func TestAStoreThatKeepsTheContractPasses(t *testing.T) {
	Run(t, func(*testing.T) Subject {
		_, s := newSubject()
		records := s.StreamRecords
		s.StreamRecords = func(ctx context.Context) ([]events.DynamoDBEventRecord, error) {
			once, err := records(ctx)
			return slices.Concat(once, once), err
		}
		return s
	})
}

// Types of the methods that broken stores replace.
type (
	saveFunc   = func(ctx context.Context, next access.Request, event access.Event, once string) error
	loadFunc   = func(ctx context.Context, id string) (access.Request, access.Directory, access.Messages, error)
	submitFunc = func(
		ctx context.Context, r access.Request, event access.Event, next access.Asker, once string,
	) error
	loadForSubmitFunc = func(ctx context.Context, user, once string) (access.Directory, access.Asker, error)
)

// brokenStore is a store of which some methods are replaced; nil ones are not.
type brokenStore struct {
	Store
	save          saveFunc
	load          loadFunc
	submit        submitFunc
	loadForSubmit loadForSubmitFunc
	requests      func(ctx context.Context, ids []string) ([]access.Request, error)
	due           func(ctx context.Context, now time.Time, limit int) ([]string, error)
	byRequester   func(ctx context.Context, user string, limit int) ([]access.Request, error)
	inState       func(ctx context.Context, state access.State, limit int) ([]access.Request, error)
	saveAsker     func(ctx context.Context, user string, next access.Asker) error
	saveDirectory func(ctx context.Context, next access.Directory) error
	saveReading   func(ctx context.Context, next access.Reading) error
	saveProblems  func(ctx context.Context, next access.Problems) error
	saveBuilds    func(ctx context.Context, next access.Builds) error
	saveMessages  func(ctx context.Context, id string, next access.Messages) error
	device        func(ctx context.Context, id string) (access.Device, error)
	saveDevices   func(ctx context.Context, change access.DeviceChange) error
	saveNotice    func(ctx context.Context, next access.Notice) error
	notices       func(ctx context.Context, now time.Time, limit int) ([]string, error)
	saveCut       saveCutFunc
	saveCutList   func(ctx context.Context, next access.CutList) error
	dueCuts       func(ctx context.Context, now time.Time, limit int) ([]access.CutKey, error)
	freeze        func(ctx context.Context) (access.Freeze, error)
	saveFreeze    func(ctx context.Context, next access.Freeze) error
	saveSweep     func(ctx context.Context, next access.Sweep) error
	sweep         func(ctx context.Context) (access.Sweep, error)
	ending        func(ctx context.Context, now time.Time, limit int) ([]string, error)
}

func (s brokenStore) Save(ctx context.Context, next access.Request, event access.Event, once string) error {
	if s.save == nil {
		return s.Store.Save(ctx, next, event, once)
	}
	return s.save(ctx, next, event, once)
}

func (s brokenStore) Load(ctx context.Context, id string) (
	access.Request, access.Directory, access.Messages, error,
) {
	if s.load == nil {
		return s.Store.Load(ctx, id)
	}
	return s.load(ctx, id)
}

func (s brokenStore) Submit(
	ctx context.Context, r access.Request, event access.Event, next access.Asker, once string,
) error {
	if s.submit == nil {
		return s.Store.Submit(ctx, r, event, next, once)
	}
	return s.submit(ctx, r, event, next, once)
}

func (s brokenStore) LoadForSubmit(ctx context.Context, user, once string) (access.Directory, access.Asker, error) {
	if s.loadForSubmit == nil {
		return s.Store.LoadForSubmit(ctx, user, once)
	}
	return s.loadForSubmit(ctx, user, once)
}

func (s brokenStore) Requests(ctx context.Context, ids []string) ([]access.Request, error) {
	if s.requests == nil {
		return s.Store.Requests(ctx, ids)
	}
	return s.requests(ctx, ids)
}

func (s brokenStore) Due(ctx context.Context, now time.Time, limit int) ([]string, error) {
	if s.due == nil {
		return s.Store.Due(ctx, now, limit)
	}
	return s.due(ctx, now, limit)
}

func (s brokenStore) ByRequester(ctx context.Context, user string, limit int) ([]access.Request, error) {
	if s.byRequester == nil {
		return s.Store.ByRequester(ctx, user, limit)
	}
	return s.byRequester(ctx, user, limit)
}

func (s brokenStore) InState(ctx context.Context, state access.State, limit int) ([]access.Request, error) {
	if s.inState == nil {
		return s.Store.InState(ctx, state, limit)
	}
	return s.inState(ctx, state, limit)
}

func (s brokenStore) SaveAsker(ctx context.Context, user string, next access.Asker) error {
	if s.saveAsker == nil {
		return s.Store.SaveAsker(ctx, user, next)
	}
	return s.saveAsker(ctx, user, next)
}

func (s brokenStore) SaveDirectory(ctx context.Context, next access.Directory) error {
	if s.saveDirectory == nil {
		return s.Store.SaveDirectory(ctx, next)
	}
	return s.saveDirectory(ctx, next)
}

func (s brokenStore) SaveReading(ctx context.Context, next access.Reading) error {
	if s.saveReading == nil {
		return s.Store.SaveReading(ctx, next)
	}
	return s.saveReading(ctx, next)
}

func (s brokenStore) SaveProblems(ctx context.Context, next access.Problems) error {
	if s.saveProblems == nil {
		return s.Store.SaveProblems(ctx, next)
	}
	return s.saveProblems(ctx, next)
}

func (s brokenStore) SaveBuilds(ctx context.Context, next access.Builds) error {
	if s.saveBuilds == nil {
		return s.Store.SaveBuilds(ctx, next)
	}
	return s.saveBuilds(ctx, next)
}

func (s brokenStore) SaveMessages(ctx context.Context, id string, next access.Messages) error {
	if s.saveMessages == nil {
		return s.Store.SaveMessages(ctx, id, next)
	}
	return s.saveMessages(ctx, id, next)
}

func (s brokenStore) Device(ctx context.Context, id string) (access.Device, error) {
	if s.device == nil {
		return s.Store.Device(ctx, id)
	}
	return s.device(ctx, id)
}

func (s brokenStore) SaveDevices(ctx context.Context, change access.DeviceChange) error {
	if s.saveDevices == nil {
		return s.Store.SaveDevices(ctx, change)
	}
	return s.saveDevices(ctx, change)
}

func (s brokenStore) SaveNotice(ctx context.Context, next access.Notice) error {
	if s.saveNotice == nil {
		return s.Store.SaveNotice(ctx, next)
	}
	return s.saveNotice(ctx, next)
}

func (s brokenStore) Notices(ctx context.Context, now time.Time, limit int) ([]string, error) {
	if s.notices == nil {
		return s.Store.Notices(ctx, now, limit)
	}
	return s.notices(ctx, now, limit)
}

// brokenStores maps each check of the contract to a store that breaks its promise.
var brokenStores = map[string]func(m *memory.Store) brokenStore{
	"an empty store has nothing": func(m *memory.Store) brokenStore {
		return brokenStore{load: func(ctx context.Context, id string) (
			access.Request, access.Directory, access.Messages, error,
		) {
			r, d, p, err := m.Load(ctx, id)
			if errors.Is(err, access.ErrNotFound) {
				err = nil
			}
			return r, d, p, err
		}}
	},
	"values do not share memory with the store": sharesMemory,

	"a request and its event come back as they were saved": brokenSave(cutsTheReason),
	"times are kept to the nanosecond":                     brokenSave(truncatesTimes),
	"a move is saved only over the version before it":      brokenSave(lastWriterWins),
	"a stale move writes nothing":                          brokenSave(writesTheKeyOfAStaleMove),
	"a used key writes nothing and names its request":      brokenSave(ignoresTheKey),
	"moves without a key do not exclude each other":        brokenSave(makesUpAKey),
	"an event of another move is refused":                  brokenSave(correctsTheEvent),
	"the stream carries every event in order":              brokenSave(leavesTheEventOut),
	"items of a newer version are refused":                 brokenSave(overwritesNewerItems),
	"an item that is too large is refused and nothing is written": brokenSave(
		writesTheEventOfARefusedMove),
	"concurrent moves: one winner and one event for each version": brokenSave(comparesThenWrites),
	"concurrent submissions of one form: one request":             brokenSave(ignoresTheKey),

	"due lists the longest overdue first": func(m *memory.Store) brokenStore {
		return brokenStore{due: func(ctx context.Context, now time.Time, limit int) ([]string, error) {
			return m.Due(ctx, now.Add(-1), limit) // leaves out requests that are due exactly now
		}}
	},
	"a request is due until it is final": neverForgetsDueRequests,
	"a requester's requests are listed newest first": func(m *memory.Store) brokenStore {
		return brokenStore{byRequester: func(ctx context.Context, user string, limit int) ([]access.Request, error) {
			found, err := m.ByRequester(ctx, user, limit)
			slices.Reverse(found)
			return found, err
		}}
	},
	"requests in a state are listed by due time": func(m *memory.Store) brokenStore {
		return brokenStore{inState: func(ctx context.Context, state access.State, limit int) ([]access.Request, error) {
			found, err := m.InState(ctx, state, 1000)
			slices.Reverse(found)
			return found[:min(limit, len(found))], err
		}}
	},
	"requests are read in their present state": func(m *memory.Store) brokenStore {
		return brokenStore{requests: func(ctx context.Context, ids []string) ([]access.Request, error) {
			found, err := m.Requests(ctx, ids)
			for i := range found {
				found[i].State = access.Pending // an earlier state
			}
			return found, err
		}}
	},
	"owed messages are listed by time until Slack accepts them": func(m *memory.Store) brokenStore {
		return brokenStore{saveMessages: func(_ context.Context, id string, next access.Messages) error {
			item, err := store.MessagesItem(id, next)
			item.State, item.Due = store.Owed, Now // listed forever
			return put(m, item, err)
		}}
	},

	"the directory has its own versions": func(m *memory.Store) brokenStore {
		return brokenStore{saveDirectory: func(_ context.Context, next access.Directory) error {
			item, err := store.DirectoryItem(next)
			return put(m, item, err)
		}}
	},
	"messages have their own versions": func(m *memory.Store) brokenStore {
		return brokenStore{saveMessages: func(_ context.Context, id string, next access.Messages) error {
			item, err := store.MessagesItem(id, next)
			return put(m, item, err)
		}}
	},
	"the progress of reading people has its own versions": func(m *memory.Store) brokenStore {
		return brokenStore{saveReading: func(_ context.Context, next access.Reading) error {
			item, err := store.ReadingItem(next)
			return put(m, item, err)
		}}
	},
	"problems have their own versions": func(m *memory.Store) brokenStore {
		return brokenStore{saveProblems: func(_ context.Context, next access.Problems) error {
			item, err := store.ProblemsItem(next)
			return put(m, item, err)
		}}
	},
	"the builds that have run have their own versions": func(m *memory.Store) brokenStore {
		return brokenStore{saveBuilds: func(_ context.Context, next access.Builds) error {
			item, err := store.BuildsItem(next)
			return put(m, item, err)
		}}
	},
	"the limits of a person have their own versions": func(m *memory.Store) brokenStore {
		return brokenStore{saveAsker: func(_ context.Context, user string, next access.Asker) error {
			return putAsker(m, user, next)
		}}
	},
	"concurrent writers of the directory: one winner for each version": func(m *memory.Store) brokenStore {
		return brokenStore{saveDirectory: func(ctx context.Context, next access.Directory) error {
			if d, _ := m.Directory(ctx); d.Version != next.Version-1 {
				return access.ErrStale
			}
			runtime.Gosched() // between the comparison and the write
			item, err := store.DirectoryItem(next)
			return put(m, item, err)
		}}
	},

	"a used key is found before a request is made": func(m *memory.Store) brokenStore {
		return brokenStore{loadForSubmit: func(ctx context.Context, user, _ string) (
			access.Directory, access.Asker, error,
		) {
			return m.LoadForSubmit(ctx, user, "")
		}}
	},
	"a request is written together with its person's limits or not at all": func(m *memory.Store) brokenStore {
		return brokenStore{submit: func(
			ctx context.Context, r access.Request, event access.Event, next access.Asker, once string,
		) error {
			return errors.Join(m.Save(ctx, r, event, once), m.SaveAsker(ctx, r.Requester.ID, next)) // two writes
		}}
	},
	"concurrent submissions of one person: one winner for each version": func(m *memory.Store) brokenStore {
		return brokenStore{submit: func(
			ctx context.Context, r access.Request, event access.Event, next access.Asker, once string,
		) error {
			if _, a, _ := m.LoadForSubmit(ctx, r.Requester.ID, ""); a.Version != next.Version-1 {
				return access.ErrStale
			}
			runtime.Gosched() // between the comparison and the write
			return errors.Join(putAsker(m, r.Requester.ID, next), m.Save(ctx, r, event, once))
		}}
	},

	"an empty store has no devices": func(m *memory.Store) brokenStore {
		return brokenStore{device: func(_ context.Context, id string) (access.Device, error) {
			return access.Device{ID: id}, nil
		}}
	},
	"devices, codes and lists come back as they were saved": brokenDevices(forgetsTheRemoval),
	"a person's devices are changed together or not at all": brokenDevices(writesTheNoticeOfAStaleChange),

	"parts of somebody else's devices are refused":                              brokenDevices(correctsTheOwner),
	"devices of a newer version are refused":                                    brokenDevices(overwritesNewerDevices),
	"a new notice is in the stream once":                                        brokenDevices(leavesTheNoticeOut),
	"concurrent pairings by one code: one device":                               brokenDevices(comparesDevicesThenWrites),
	"an empty store has no cuts and is not frozen":                              brokenCuts(isFrozenFromTheStart),
	"a grant and the cut list that it is on are written together or not at all": brokenCuts(writesTheListAfterwards),
	"a cut list without the request, or of another role, is refused":            brokenCuts(takesAnyList),
	"cut lists have their own versions":                                         brokenCuts(overwritesLists),
	"cut lists are listed by time until they are empty":                         brokenCuts(listsTheLatestFirst),
	"only an event that orders a cut passes the filter of cut's mapping":        brokenCuts(ordersNoCut),
	"concurrent cuts of one role: no name is lost":                              brokenCuts(losesNames),
	"nothing is given while everything is frozen":                               brokenCuts(neverFreezes),
	"everything else goes on while it is frozen":                                brokenCuts(freezesEverything),
	"the freeze has its own versions":                                           brokenCuts(overwritesTheFreeze),
	"an empty store has no sweep and nothing that is ending":                    brokenCuts(isHeldFromTheStart),
	"nothing is vended while a sweep is held":                                   brokenCuts(neverHolds),
	"everything else goes on while a sweep is held":                             brokenCuts(holdsEverything),
	"the record of the sweep has its own versions":                              brokenCuts(overwritesTheSweep),
	"closed requests are listed until their cut is done":                        brokenCuts(forgetsEnding),
	"notices have their own versions": func(m *memory.Store) brokenStore {
		return brokenStore{saveNotice: func(_ context.Context, next access.Notice) error {
			item, err := store.NoticeItem(next)
			return put(m, item, err)
		}}
	},
	"notices are listed by time until they were sent": func(m *memory.Store) brokenStore {
		return brokenStore{notices: func(ctx context.Context, now time.Time, limit int) ([]string, error) {
			found, err := m.Notices(ctx, now, limit)
			slices.Reverse(found)
			return found, err
		}}
	},
}

// put writes an item without its condition.
func put(m *memory.Store, item store.Item, err error) error {
	m.Put(item)
	return err
}

func brokenDevices(
	save func(ctx context.Context, m *memory.Store, change access.DeviceChange) error,
) func(m *memory.Store) brokenStore {
	return func(m *memory.Store) brokenStore {
		return brokenStore{saveDevices: func(ctx context.Context, change access.DeviceChange) error {
			return save(ctx, m, change)
		}}
	}
}

// putDevices writes a change without its conditions.
func putDevices(m *memory.Store, change access.DeviceChange) error {
	devices, main, err := store.DeviceItems(change, Now)
	for _, item := range devices {
		m.PutDevice(item)
	}
	for _, item := range main {
		m.Put(item)
	}
	return err
}

func forgetsTheRemoval(ctx context.Context, m *memory.Store, change access.DeviceChange) error {
	change.Devices = slices.Clone(change.Devices)
	for i := range change.Devices {
		change.Devices[i].Removed = time.Time{}
	}
	return m.SaveDevices(ctx, change)
}

func writesTheNoticeOfAStaleChange(ctx context.Context, m *memory.Store, change access.DeviceChange) error {
	err := m.SaveDevices(ctx, change)
	if errors.Is(err, access.ErrStale) && change.Notice != nil {
		_ = m.SaveNotice(ctx, *change.Notice)
	}
	return err
}

func correctsTheOwner(ctx context.Context, m *memory.Store, change access.DeviceChange) error {
	if change.Notice != nil {
		change.Notice.To = change.List.Owner
	}
	return m.SaveDevices(ctx, change)
}

func overwritesNewerDevices(ctx context.Context, m *memory.Store, change access.DeviceChange) error {
	err := m.SaveDevices(ctx, change)
	if errors.Is(err, access.ErrNewer) {
		return putDevices(m, change)
	}
	return err
}

func leavesTheNoticeOut(ctx context.Context, m *memory.Store, change access.DeviceChange) error {
	change.Notice = nil
	return m.SaveDevices(ctx, change)
}

func comparesDevicesThenWrites(ctx context.Context, m *memory.Store, change access.DeviceChange) error {
	if l, _ := m.DeviceList(ctx, change.List.Owner); l.Version != change.List.Version-1 {
		return access.ErrStale
	}
	runtime.Gosched() // between the comparison and the write
	return putDevices(m, change)
}

func putAsker(m *memory.Store, user string, a access.Asker) error {
	item, err := store.AskerItem(user, a, Now)
	return put(m, item, err)
}

// itemsOf returns the items that a move writes.
func itemsOf(next access.Request, event access.Event, once string) []store.Item {
	all, _ := store.MoveItems(next, event, once, Now)
	return all
}

// saveArgs are the arguments of Save.
type saveArgs struct {
	next  access.Request
	event access.Event
	once  string
}

func (a saveArgs) save(ctx context.Context, m *memory.Store) error {
	return m.Save(ctx, a.next, a.event, a.once)
}

func (a saveArgs) items() []store.Item { return itemsOf(a.next, a.event, a.once) }

func brokenSave(save func(ctx context.Context, m *memory.Store, a saveArgs) error) func(m *memory.Store) brokenStore {
	return func(m *memory.Store) brokenStore {
		return brokenStore{save: func(ctx context.Context, next access.Request, event access.Event, once string) error {
			return save(ctx, m, saveArgs{next, event, once})
		}}
	}
}

func cutsTheReason(ctx context.Context, m *memory.Store, a saveArgs) error {
	reason := []rune(a.next.Reason)
	a.next.Reason = string(reason[:min(access.MaxReason-1, len(reason))])
	return a.save(ctx, m)
}

func truncatesTimes(ctx context.Context, m *memory.Store, a saveArgs) error {
	a.next.Submitted = a.next.Submitted.Truncate(time.Millisecond)
	return a.save(ctx, m)
}

func lastWriterWins(ctx context.Context, m *memory.Store, a saveArgs) error {
	err := a.save(ctx, m)
	if errors.Is(err, access.ErrStale) {
		m.Put(a.items()[0])
		return nil
	}
	return err
}

func writesTheKeyOfAStaleMove(ctx context.Context, m *memory.Store, a saveArgs) error {
	err := a.save(ctx, m)
	if errors.Is(err, access.ErrStale) {
		for _, item := range a.items()[2:] {
			m.Put(item)
		}
	}
	return err
}

func ignoresTheKey(ctx context.Context, m *memory.Store, a saveArgs) error {
	a.once = ""
	return a.save(ctx, m)
}

func makesUpAKey(ctx context.Context, m *memory.Store, a saveArgs) error {
	a.once = "key " + a.once
	return a.save(ctx, m)
}

func correctsTheEvent(ctx context.Context, m *memory.Store, a saveArgs) error {
	a.event.Request, a.event.Seq = a.next.ID, a.next.Version
	return a.save(ctx, m)
}

func leavesTheEventOut(ctx context.Context, m *memory.Store, a saveArgs) error {
	r, _, _, err := m.Load(ctx, a.next.ID)
	if err == nil && r.Version == a.next.Version-1 {
		m.Put(a.items()[0])
		return nil
	}
	return a.save(ctx, m)
}

func overwritesNewerItems(ctx context.Context, m *memory.Store, a saveArgs) error {
	err := a.save(ctx, m)
	if errors.Is(err, access.ErrNewer) {
		m.Put(a.items()[0])
		return nil
	}
	return err
}

func writesTheEventOfARefusedMove(ctx context.Context, m *memory.Store, a saveArgs) error {
	err := a.save(ctx, m)
	if err != nil && len(a.event.Why) > store.MaxItem {
		a.event.Why = ""
		m.Put(a.items()[1])
	}
	return err
}

func comparesThenWrites(ctx context.Context, m *memory.Store, a saveArgs) error {
	r, _, _, _ := m.Load(ctx, a.next.ID)
	if r.Version != a.next.Version-1 {
		return access.ErrStale
	}
	runtime.Gosched() // between the comparison and the write
	for _, item := range a.items() {
		m.Put(item)
	}
	return nil
}

// sharesMemory returns the very requests that were saved.
func sharesMemory(m *memory.Store) brokenStore {
	var mu sync.Mutex
	saved := make(map[string]access.Request)
	return brokenStore{
		save: func(ctx context.Context, next access.Request, event access.Event, once string) error {
			mu.Lock()
			defer mu.Unlock()
			saved[next.ID] = next
			return m.Save(ctx, next, event, once)
		},
		load: func(ctx context.Context, id string) (access.Request, access.Directory, access.Messages, error) {
			mu.Lock()
			defer mu.Unlock()
			_, d, p, err := m.Load(ctx, id)
			return saved[id], d, p, err
		},
	}
}

// neverForgetsDueRequests lists every request that was ever due.
func neverForgetsDueRequests(m *memory.Store) brokenStore {
	var all []string
	return brokenStore{due: func(ctx context.Context, now time.Time, limit int) ([]string, error) {
		ids, err := m.Due(ctx, now, limit)
		all = append(all, ids...)
		slices.Sort(all)
		return slices.Compact(all), err
	}}
}

// A contract that a broken store passes is worthless. So for each check there is a
// store that breaks its promise, and the check must fail it.
func TestEveryCheckFailsTheStoreThatBreaksItsPromise(t *testing.T) {
	checks := Checks()
	for promise := range brokenStores {
		if !slices.ContainsFunc(checks, func(c Check) bool { return c.Name == promise }) {
			t.Errorf("the contract has no check %q", promise)
		}
	}
	for _, c := range checks {
		m, s := newSubject()
		broken, ok := brokenStores[c.Name]
		if !ok {
			t.Errorf("no broken store for %q", c.Name)
			continue
		}
		b := broken(m)
		b.Store = m
		s.Store = b
		if err := c.Do(t.Context(), s); err == nil {
			t.Errorf("%q: passed by a store that breaks it", c.Name)
		}
	}
}

func TestAStreamThatLosesOrReordersEventsFails(t *testing.T) {
	for name, spoil := range map[string]func([]events.DynamoDBEventRecord){
		"reordered": slices.Reverse[[]events.DynamoDBEventRecord],
		"lost":      func(records []events.DynamoDBEventRecord) { clear(records[:2]) },
	} {
		_, s := newSubject()
		sound := s.StreamRecords
		s.StreamRecords = func(ctx context.Context) ([]events.DynamoDBEventRecord, error) {
			records, err := sound(ctx)
			spoil(records)
			return records, err
		}
		if err := streamOrder(t.Context(), s); err == nil {
			t.Errorf("%s: passed", name)
		}
	}
}
