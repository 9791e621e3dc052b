// Package storetest is the contract of a store: what the steps of
// pkg/lifecycle and the functions build on, and what pkg/store/memory and
// pkg/store/dynamo both must pass.
//
// The checks are plain functions that return what they found, so that a store
// that was broken on purpose can be shown to fail them.
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

// Store is what a store offers.
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
	Messages(ctx context.Context, id string) (access.Request, access.Messages, error)
	SaveMessages(ctx context.Context, id string, next access.Messages) error
}

// Subject is an empty store with the two doors that the checks need beside it.
// The store's clock stands at Now.
type Subject struct {
	Store
	// PutItem writes an item without any condition, as another version of the
	// software might have.
	PutItem func(ctx context.Context, item store.Item) error
	// StreamRecords returns everything that the stream has carried since the store was
	// opened, each record as a consumer decodes it.
	StreamRecords func(ctx context.Context) ([]events.DynamoDBEventRecord, error)
}

// Now is when the checks take place.
var Now = time.Date(2026, 11, 21, 12, 0, 0, 123456789, time.UTC)

// Check is one promise of the contract. Do returns nil if the store keeps it.
type Check struct {
	Name string
	Do   func(ctx context.Context, s Subject) error
}

// Run holds every check against a store; open returns an empty one each time.
func Run(t *testing.T, open func(t *testing.T) Subject) {
	for _, c := range Checks() {
		t.Run(c.Name, func(t *testing.T) {
			if err := c.Do(t.Context(), open(t)); err != nil {
				t.Error(err)
			}
		})
	}
}

// Checks is the contract.
func Checks() []Check {
	return []Check{
		{"what was never written is not there", nothingThere},
		{"a request and its event come back as they were saved", wholeAndUnchanged},
		{"times keep their instant", instants},
		{"values do not share memory with the store", noSharing},
		{"a move lands on the version before it only", versionCondition},
		{"a stale move writes nothing", staleWritesNothing},
		{"a used key writes nothing and names its request", usedKey},
		{"moves without a key are not held against each other", noKey},
		{"a move and its event belong together", mismatch},
		{"what is too large is refused whole", tooLarge},
		{"due lists the longest overdue first", dueOrder},
		{"due follows the request until it is over", dueFollows},
		{"a requester's requests are listed newest first", byRequester},
		{"the open requests in a state are listed in the order of their time", openRequests},
		{"the directory has its own versions", directoryVersions},
		{"messages have their own versions", messageVersions},
		{"the reading of people has its own versions", readingVersions},
		{"what is owed is listed by its time, until it is paid", owedOrder},
		{"problems have their own versions", problemVersions},
		{"what limits a person has its own versions", askerVersions},
		{"a request is written with what limits its person, or not at all", submitOrNothing},
		{"a used key is found before a request is made", usedKeyFound},
		{"requests are read as they stand", requestsAsTheyStand},
		{"the outbox carries every event in order", outbox},
		{"what a newer version wrote is refused", newerRefused},
		{"many movers: one winner each version, one event each", manyMovers},
		{"many submits of one form: one request", manySubmits},
		{"many submits of one person: one winner each version", manyAsks},
		{"many writers of the directory: one winner each version", manyReaders},
	}
}

var (
	dev  = access.Person{ID: "U0DEV1", Email: "dev1@example.com", Name: "Dev One", Membership: access.Member}
	dev2 = access.Person{ID: "U0DEV2", Email: "dev2@example.com", Name: "Dev Two", Membership: access.Member}
	lead = access.Person{ID: "U0LEAD1", Email: "lead1@example.com", Name: "Lead One", Membership: access.Member}
)

// terms wait for an hour, remind after a quarter, and give up to four hours.
func terms(met bool) access.Terms {
	return access.Terms{
		Max: 4 * time.Hour, Met: met, Give: []access.Kind{access.Console, access.Keys},
		Channels: []string{"C0APPROVALS"}, AnswerWithin: time.Hour, RemindAfter: 15 * time.Minute,
	}
}

// move is what Save takes.
type move struct {
	next  access.Request
	event access.Event
}

func moved(next access.Request, event access.Event, err error) move {
	if err != nil {
		panic(err) // the checks make moves that are allowed
	}
	return move{next, event}
}

func (m move) save(ctx context.Context, s Subject, once string) error {
	return s.Save(ctx, m.next, m.event, once)
}

func submit(id string, by access.Person, at time.Time) move {
	return moved(access.New(access.Ask{
		ID: id, Requester: by, Account: "111111111111", AccountName: "payments-prod", Role: "ReadOnly",
		For: 2 * time.Hour, Reason: "INC-42 stuck payouts", Ticket: "INC-42",
	}, terms(false), at))
}

func approve(m move, at time.Time) move { return moved(m.next.Approve(lead, 0, terms(true), at)) }

// is returns an error unless err is want.
func is(what string, err, want error) error {
	if !errors.Is(err, want) {
		return fmt.Errorf("%s: got %v, want %v", what, err, want) //nolint:errorlint // told, not passed on
	}
	return nil
}

// isTaken returns an error unless err is *access.Taken naming request.
func isTaken(what string, err error, request string) error {
	var taken *access.Duplicate
	if !errors.As(err, &taken) || taken.Request != request {
		return fmt.Errorf("%s: got %v, want taken by request %s", what, err, request) //nolint:errorlint // told, not passed on
	}
	return nil
}

// same returns an error unless got equals want; times are equal if they are
// the same instant.
func same(what string, got, want any) error {
	if diff := cmp.Diff(want, got); diff != "" {
		return fmt.Errorf("%s (-want +got):\n%s", what, diff)
	}
	return nil
}

// stored returns an error unless the store holds exactly this request and, in
// its stream, exactly these events of it, in order.
func stored(ctx context.Context, s Subject, request access.Request, want ...access.Event) error {
	got, _, _, err := s.Load(ctx, request.ID)
	if err != nil {
		return err
	}
	told, err := toldOf(ctx, s, request.ID)
	return errors.Join(err, same("request", got, request), same("events", told, want))
}

// absent returns an error unless there is no trace of a request.
func absent(ctx context.Context, s Subject, id string) error {
	_, _, _, err := s.Load(ctx, id)
	told, err2 := toldOf(ctx, s, id)
	return errors.Join(is("load "+id, err, access.ErrNotFound), err2, same("events", told, []access.Event(nil)))
}

// toldOf returns the events of a request as the stream told them.
func toldOf(ctx context.Context, s Subject, id string) (told []access.Event, err error) {
	records, err := carried(ctx, s)
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

// carried is the stream; what it carried twice counts once.
func carried(ctx context.Context, s Subject) (records []events.DynamoDBEventRecord, err error) {
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
