package world

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/store/memory"
)

type storeCall = func(ctx context.Context, s countedStore) error

var readCalls = map[string]storeCall{
	"store:due": func(ctx context.Context, s countedStore) error { _, err := s.Due(ctx, noon, 1); return err },
	"store:list": func(ctx context.Context, s countedStore) error {
		_, err := s.ByRequester(ctx, "U0DEV1", 1)
		return err
	},
	"store:load": func(ctx context.Context, s countedStore) error { _, err := s.Directory(ctx); return err },
}

// Each call of the store is counted under one name and fails under that name. A
// read also fails under store:load. A lost call has been done; one with an error
// has not.
func TestStoreCallsAreCountedAndFail(t *testing.T) {
	now := func() time.Time { return noon }
	who := access.Person{ID: "U0DEV1", Membership: access.Member}
	ask := access.Ask{ID: "R1", Requester: who, For: time.Hour, Reason: "why"}
	request, event, err := access.New(ask, access.Terms{Max: time.Hour}, noon)
	if err != nil {
		t.Fatal(err)
	}
	save := func(ctx context.Context, s countedStore) error { return s.Save(ctx, request, event, "") }
	for name, c := range map[string]struct {
		at, how, operation string
		call               storeCall
		fails, done        bool
	}{
		"a save":                      {"store:load", FaultError, "store:save", save, false, true},
		"a save that fails":           {"store:save", FaultError, "store:save", save, true, false},
		"a save that is throttled":    {"store:save", FaultThrottled, "store:save", save, true, false},
		"a save whose answer is lost": {"store:save", FaultLost, "store:save", save, true, true},
		"a due under save":            {"store:save", FaultError, "store:due", readCalls["store:due"], false, false},
		"a due under its name":        {"store:due", FaultError, "store:due", readCalls["store:due"], true, false},
		"a due as a read":             {"store:load", FaultError, "store:due", readCalls["store:due"], true, false},
		"a list under its name":       {"store:list", FaultLost, "store:list", readCalls["store:list"], true, false},
		"a list under a prefix":       {"store:*", FaultError, "store:list", readCalls["store:list"], true, false},
		"a load under due":            {"store:due", FaultError, "store:load", readCalls["store:load"], false, false},
		"a load under everything":     {"*", FaultError, "store:load", readCalls["store:load"], true, false},
	} {
		written := false
		s := countedStore{
			Store: memory.New(now), calls: &Calls{}, faults: &Faults{now: now}, written: func() { written = true },
		}
		s.faults.Add(Fault{At: c.at, How: c.how})
		err := c.call(t.Context(), s)
		_, _, _, missing := s.Store.Load(t.Context(), "R1")
		done := !errors.Is(missing, access.ErrNotFound)
		if (err != nil) != c.fails || s.calls.All()[c.operation] != 1 || done != c.done ||
			written != (c.operation == "store:save") {
			t.Errorf("%s: got %v, done %v, calls %v, written %v", name, err, done, s.calls.All(), written)
		}
	}
}
