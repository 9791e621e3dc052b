// Package storetest holds the contract of a store: what the steps of pkg/lifecycle
// and the functions rely on, and what pkg/store/memory and pkg/store/dynamo must both
// keep. It is for tests, and must never be linked into a function.
//
// The checks are plain functions that return an error, so that tests can show that
// each check fails a store that breaks its promise.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"
	"github.com/google/go-cmp/cmp"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/store"
)

// Store has the methods of a store.
type Store interface {
	Load(ctx context.Context, id string) (access.Request, access.Directory, access.Messages, error)
	Save(ctx context.Context, next access.Request, event access.Event, once string) error
	LoadForSubmit(ctx context.Context, user, once string) (access.Directory, access.Asker, error)
	Requests(ctx context.Context, ids []string) ([]access.Request, error)
	Submit(ctx context.Context, r access.Request, event access.Event, next access.Asker, once string) error
	SaveAsker(ctx context.Context, user string, next access.Asker) error
	Due(ctx context.Context, now time.Time, limit int) ([]string, error)
	Owed(ctx context.Context, now time.Time, limit int) ([]string, error)
	ByRequester(ctx context.Context, user string, limit int) ([]access.Request, error)
	InState(ctx context.Context, state access.State, limit int) ([]access.Request, error)
	Directory(ctx context.Context) (access.Directory, error)
	SaveDirectory(ctx context.Context, next access.Directory) error
	Reading(ctx context.Context) (access.Reading, error)
	SaveReading(ctx context.Context, next access.Reading) error
	Problems(ctx context.Context) (access.Problems, error)
	SaveProblems(ctx context.Context, next access.Problems) error
	Builds(ctx context.Context) (access.Builds, error)
	SaveBuilds(ctx context.Context, next access.Builds) error
	Messages(ctx context.Context, id string) (access.Request, access.Messages, error)
	SaveMessages(ctx context.Context, id string, next access.Messages) error
	Device(ctx context.Context, id string) (access.Device, error)
	PairingCode(ctx context.Context, key string) (access.PairingCode, error)
	DeviceList(ctx context.Context, owner string) (access.DeviceList, error)
	SaveDevices(ctx context.Context, change access.DeviceChange) error
	CutList(ctx context.Context, k access.CutKey) (access.CutList, error)
	SaveCut(ctx context.Context, next access.Request, event access.Event, l access.CutList) error
	SaveCutList(ctx context.Context, next access.CutList) error
	DueCuts(ctx context.Context, now time.Time, limit int) ([]access.CutKey, error)
	Freeze(ctx context.Context) (access.Freeze, error)
	SaveFreeze(ctx context.Context, next access.Freeze) error
	Sweep(ctx context.Context) (access.Sweep, error)
	SaveSweep(ctx context.Context, next access.Sweep) error
	Ending(ctx context.Context, now time.Time, limit int) ([]string, error)
	Notice(ctx context.Context, id string) (access.Notice, error)
	SaveNotice(ctx context.Context, next access.Notice) error
	Notices(ctx context.Context, now time.Time, limit int) ([]string, error)
}

// Subject is an empty store with two extra functions that the checks need. The
// store's clock stands still at Now.
type Subject struct {
	Store
	// PutItem writes an item without any condition, as another version of the
	// software may do.
	PutItem func(ctx context.Context, item store.Item) error
	// PutDevice writes an item into the table of devices without any condition.
	PutDevice func(ctx context.Context, item store.Item) error
	// StreamRecords returns everything that the stream has delivered since the store
	// was created, each record as a consumer decodes it.
	StreamRecords func(ctx context.Context) ([]events.DynamoDBEventRecord, error)
}

// Now is the time at which the checks run.
var Now = time.Date(2026, 11, 21, 12, 0, 0, 123456789, time.UTC)

// Check is one promise of the contract. Do returns nil if the store keeps it.
type Check struct {
	Name string
	Do   func(ctx context.Context, s Subject) error
}

// Run runs every check. open returns an empty store for each of them.
func Run(t *testing.T, open func(t *testing.T) Subject) {
	for _, c := range Checks() {
		t.Run(c.Name, func(t *testing.T) {
			if err := c.Do(t.Context(), open(t)); err != nil {
				t.Error(err)
			}
		})
	}
}

// Checks returns the contract.
func Checks() []Check {
	return append([]Check{
		{"an empty store has nothing", emptyStore},
		{"a request and its event come back as they were saved", unchanged},
		{"times are kept to the nanosecond", exactTimes},
		{"values do not share memory with the store", noSharing},
		{"a move is saved only over the version before it", versionOrder},
		{"a stale move writes nothing", staleWritesNothing},
		{"a used key writes nothing and names its request", usedKey},
		{"moves without a key do not exclude each other", movesWithoutKey},
		{"an event of another move is refused", foreignEvent},
		{"an item that is too large is refused and nothing is written", tooLarge},
		{"due lists the longest overdue first", dueOrder},
		{"a request is due until it is final", dueUntilFinal},
		{"a requester's requests are listed newest first", byRequester},
		{"requests in a state are listed by due time", inState},
		{"the directory has its own versions", directoryVersions},
		{"messages have their own versions", messageVersions},
		{"the progress of reading people has its own versions", readingVersions},
		{"owed messages are listed by time until Slack accepts them", owedOrder},
		{"problems have their own versions", problemVersions},
		{"the builds that have run have their own versions", buildVersions},
		{"the limits of a person have their own versions", askerVersions},
		{"a request is written together with its person's limits or not at all", submitAllOrNothing},
		{"a used key is found before a request is made", usedKeyFound},
		{"requests are read in their present state", presentState},
		{"the stream carries every event in order", streamOrder},
		{"items of a newer version are refused", newerRefused},
		{"concurrent moves: one winner and one event for each version", concurrentMoves},
		{"concurrent submissions of one form: one request", concurrentForms},
		{"concurrent submissions of one person: one winner for each version", concurrentSubmissions},
		{"concurrent writers of the directory: one winner for each version", concurrentDirectoryWriters},
	}, append(append(deviceChecks(), cutChecks()...), sweepChecks()...)...)
}

var (
	dev  = access.Person{ID: "U0DEV1", Email: "dev1@example.com", Name: "Dev One", Membership: access.Member}
	dev2 = access.Person{ID: "U0DEV2", Email: "dev2@example.com", Name: "Dev Two", Membership: access.Member}
	lead = access.Person{ID: "U0LEAD1", Email: "lead1@example.com", Name: "Lead One", Membership: access.Member}
)

// terms ask for an answer within an hour, remind after a quarter of an hour, and give
// access for up to four hours.
func terms(met bool) access.Terms {
	return access.Terms{
		Max: 4 * time.Hour, Met: met, Give: []access.Kind{access.Console, access.Keys},
		Channels: []string{"C0APPROVALS"}, AnswerWithin: time.Hour, RemindAfter: 15 * time.Minute,
	}
}

// move is what Save writes.
type move struct {
	next  access.Request
	event access.Event
}

func mustMove(next access.Request, event access.Event, err error) move {
	if err != nil {
		panic(err) // cannot happen: the checks make allowed moves only
	}
	return move{next, event}
}

func (m move) save(ctx context.Context, s Subject, once string) error {
	return s.Save(ctx, m.next, m.event, once)
}

func submit(id string, by access.Person, at time.Time) move {
	return mustMove(access.New(access.Ask{
		ID: id, Requester: by, Account: "111111111111", AccountName: "payments-prod", Role: "ReadOnly",
		For: 2 * time.Hour, Reason: "INC-42 stuck payouts", Ticket: "INC-42",
	}, terms(false), at))
}

func approve(m move, at time.Time) move { return mustMove(m.next.Approve(lead, 0, terms(true), at)) }

// wantErr returns an error unless err is want.
func wantErr(what string, err, want error) error {
	if !errors.Is(err, want) {
		return fmt.Errorf("%s: got %v, want %v", what, err, want) //nolint:errorlint // shown, not passed on
	}
	return nil
}

// wantDuplicate returns an error unless err is *access.Duplicate with this request.
func wantDuplicate(what string, err error, request string) error {
	var used *access.Duplicate
	if !errors.As(err, &used) || used.Request != request {
		//nolint:errorlint // shown, not passed on
		return fmt.Errorf("%s: got %v, want a duplicate of request %s", what, err, request)
	}
	return nil
}

// wantSame returns an error unless got equals want. Times are equal if they are the
// same instant.
func wantSame(what string, got, want any) error {
	if diff := cmp.Diff(want, got); diff != "" {
		return fmt.Errorf("%s (-want +got):\n%s", what, diff)
	}
	return nil
}

// wantStored returns an error unless the store holds exactly this request, and its
// stream exactly these events of it in this order.
func wantStored(ctx context.Context, s Subject, request access.Request, want ...access.Event) error {
	got, _, _, err := s.Load(ctx, request.ID)
	if err != nil {
		return err
	}
	told, err := eventsOf(ctx, s, request.ID)
	return errors.Join(err, wantSame("request", got, request), wantSame("events", told, want))
}

// wantAbsent returns an error unless there is no trace of a request.
func wantAbsent(ctx context.Context, s Subject, id string) error {
	_, _, _, err := s.Load(ctx, id)
	told, err2 := eventsOf(ctx, s, id)
	return errors.Join(wantErr("load "+id, err, access.ErrNotFound), err2, wantSame("events", told, []access.Event(nil)))
}

// eventsOf returns the events of a request from the stream.
func eventsOf(ctx context.Context, s Subject, id string) (told []access.Event, err error) {
	records, err := streamOnce(ctx, s)
	if err != nil {
		return nil, err
	}
	for _, record := range records {
		e, ok, err := store.EventOf(record)
		if err != nil {
			return nil, err
		}
		if ok && e.Request == id {
			told = append(told, e)
		}
	}
	return told, nil
}

// streamOnce returns the records of the stream, each of them once.
func streamOnce(ctx context.Context, s Subject) (records []events.DynamoDBEventRecord, err error) {
	all, err := s.StreamRecords(ctx)
	seen := make(map[string]bool)
	for _, record := range all {
		if !seen[record.EventID] {
			records = append(records, record)
		}
		seen[record.EventID] = true
	}
	return records, err
}
