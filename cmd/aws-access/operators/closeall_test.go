package operators

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/store/dynamo"
	"github.com/aws-access/aws-access/pkg/store/dynamo/dynamotest"
)

var (
	noon = time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	dev  = access.Person{ID: "U0DEV1", Name: "dev1", Membership: access.Member}
)

// submitted is a request that waits for an answer until one o'clock, or that is
// active until two.
func submitted(t *testing.T, s *dynamo.Store, id string, granted bool) {
	t.Helper()
	r, event, err := access.New(
		access.Ask{
			ID:          id,
			Requester:   dev,
			Account:     "111111111111",
			AccountName: "prod",
			Role:        "Admin",
			For:         2 * time.Hour,
			Reason:      "why",
		},
		access.Terms{
			Max:          2 * time.Hour,
			Met:          granted,
			AnswerWithin: time.Hour,
			RemindAfter:  15 * time.Minute,
			Give:         []access.Kind{access.Keys},
		},
		noon,
	)
	if err = errors.Join(err, s.Save(t.Context(), r, event, "")); err != nil {
		t.Fatal(err)
	}
}

func TestCloseAllEndsEveryOpenRequestWithItsReason(t *testing.T) {
	table := dynamotest.NewTable(t)
	s := dynamo.New(table.Client(nil), table.Name, func() time.Time { return noon })
	want := make(map[string]access.State)
	for i := range 120 { // more than a page
		pending, active := fmt.Sprintf("01P%03d", i), fmt.Sprintf("01A%03d", i)
		submitted(t, s, pending, false)
		submitted(t, s, active, true)
		want[pending], want[active] = access.Denied, access.Revoked
	}
	var said strings.Builder
	c := closer{
		store: s,
		now:   func() time.Time { return noon.Add(20 * time.Minute) },
		by:    "Operations",
		why:   "restored from a backup",
		say:   &said,
	}
	if n, err := c.run(
		t.Context(),
	); n != 240 || err != nil ||
		!strings.Contains(said.String(), "active 01A007 prod Admin by U0DEV1\n") {
		t.Fatalf("listed %d, %v: %s", n, err, said.String())
	}
	if open, err := s.InState(t.Context(), access.Active, 1000); err != nil || len(open) != 120 {
		t.Fatalf("listing ended requests: %d are active, %v", len(open), err)
	}
	c.do = true
	if _, err := c.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for id, state := range want {
		r, _, _, err := s.Load(t.Context(), id)
		if err != nil || r.State != state || r.Closed.Why != c.why || r.Closed.By.Name != c.by {
			t.Errorf("%s is %s, closed %+v (%v); want %s", id, r.State, r.Closed, err, state)
		}
	}
}

// A request whose time is up is not revoked: the record says what happened.
func TestCloseAllExpiresRequestsWhoseTimeIsUp(t *testing.T) {
	table := dynamotest.NewTable(t)
	s := dynamo.New(table.Client(nil), table.Name, func() time.Time { return noon })
	submitted(t, s, "01P", false)
	submitted(t, s, "01A", true)
	c := closer{
		store: s,
		now:   func() time.Time { return noon.AddDate(0, 0, 1) },
		by:    "Operations",
		why:   "restored",
		do:    true,
		say:   io.Discard,
	}
	if _, err := c.run(t.Context()); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]access.State{"01P": access.TimedOut, "01A": access.Expired} {
		if r, _, _, err := s.Load(t.Context(), id); err != nil || r.State != want {
			t.Errorf("%s is %s (%v), want %s", id, r.State, err, want)
		}
	}
}

func TestCloseAllRefusesMissingArguments(t *testing.T) {
	for _, line := range []string{"", "-table t", "-table t -by x -why", "-table t -by x -why y now", "-all"} {
		args := strings.Fields(line)
		if strings.HasSuffix(line, "-why") {
			args = append(args, " ") // a reason of blanks
		}
		var stderr strings.Builder
		if code := closeAll(context.Background(), args, io.Discard, &stderr); code != exitUsage || stderr.Len() == 0 {
			t.Errorf("%v: ends with %d and says %q", args, code, stderr.String())
		}
	}
}
