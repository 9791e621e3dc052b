package world

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/store/memory"
)

// Each call of the table has one name to be counted by, and goes wrong under
// it; every read does under store:load too. Lost is done, error is not.
func TestCallsOfTheTable(t *testing.T) {
	now := func() time.Time { return noon }
	who := access.Person{ID: "U0DEV1", Membership: access.Member}
	request, event, err := access.New(access.Ask{ID: "R1", Requester: who, For: time.Hour, Reason: "why"}, access.Terms{Max: time.Hour}, noon)
	if err != nil {
		t.Fatal(err)
	}
	type call = func(ctx context.Context, t countedStore) error
	reads := map[string]call{
		"store:due":  func(ctx context.Context, t countedStore) error { _, err := t.Due(ctx, noon, 1); return err },
		"store:list": func(ctx context.Context, t countedStore) error { _, err := t.ByRequester(ctx, "U0DEV1", 1); return err },
		"store:load": func(ctx context.Context, t countedStore) error { _, err := t.Directory(ctx); return err },
	}
	save := func(ctx context.Context, t countedStore) error { return t.Save(ctx, request, event, "") }
	for name, c := range map[string]struct {
		at, how, op string
		do          call
		fails, done bool
	}{
		"saving":                      {"store:load", FaultError, "store:save", save, false, true},
		"a save that fails":           {"store:save", FaultError, "store:save", save, true, false},
		"a save that is throttled":    {"store:save", FaultThrottled, "store:save", save, true, false},
		"a save whose answer is lost": {"store:save", FaultLost, "store:save", save, true, true},
		"looking at what is due":      {"store:save", FaultError, "store:due", reads["store:due"], false, false},
		"due, under its name":         {"store:due", FaultError, "store:due", reads["store:due"], true, false},
		"due, as a read":              {"store:load", FaultError, "store:due", reads["store:due"], true, false},
		"a list":                      {"store:list", FaultLost, "store:list", reads["store:list"], true, false},
		"a list, as a read":           {"store:*", FaultError, "store:list", reads["store:list"], true, false},
		"a read under another's name": {"store:due", FaultError, "store:load", reads["store:load"], false, false},
		"a read":                      {"*", FaultError, "store:load", reads["store:load"], true, false},
	} {
		poked := false
		table := countedStore{Store: memory.New(now), calls: &Calls{}, faults: &Faults{now: now}, written: func() { poked = true }}
		table.faults.Add(Fault{At: c.at, How: c.how})
		err := c.do(t.Context(), table)
		_, _, _, missing := table.Store.Load(t.Context(), "R1")
		if (err != nil) != c.fails || table.calls.All()[c.op] != 1 || errors.Is(missing, access.ErrNotFound) == c.done || poked != (c.op == "store:save") {
			t.Errorf("%s: got %v, counted %v, poked %v", name, err, table.calls.All(), poked)
		}
	}
}
