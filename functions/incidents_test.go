package functions

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/store"
)

// holding puts a session of a grant into the table, as vend does.
func (w *world) holding(r access.Request) access.Request {
	w.t.Helper()
	o := access.Order{ID: "o" + r.ID, Request: r.ID, By: r.Requester.ID, Kind: access.Keys, At: w.clock()}
	ordered, _, err := r.Order(r.Requester, o, access.Terms{Max: 4 * time.Hour, Give: r.Give}, w.clock())
	key := access.IssuedKey{AccessKeyID: "ASIAEXAMPLE", Expires: w.clock().Add(time.Hour)}
	issued, _, err2 := ordered.Issue(o.ID, key, access.IssuedKey{}, w.clock())
	item, err3 := store.RequestItem(issued)
	if err := errors.Join(err, err2, err3); err != nil {
		w.t.Fatal(err)
	}
	w.store.Put(item)
	return issued
}

// The names of one incident do not fit into a role's policies, so everybody's sessions of the role
// are ended. Those whose access goes on are told once, and nobody else is.
func TestWhoLosesSessionsBecauseTheWholeRoleIsCutIsTold(t *testing.T) {
	w := newWorld(t)
	w.tick()
	mine := w.holding(w.openGrant("01KAK0S4R0EXAMPLE00000HLDR", "U0DEV1", "ReadOnly"))
	w.openGrant("01KAK0S4R0EXAMPLE00000NONE", "U0DEV2", "ReadOnly") // without a session
	w.holding(w.openGrant("01KAK0S4R0EXAMPLE0000OTHER", "U0LEAD1", "Operator"))
	w.pass(time.Second)
	l := access.CutList{}.Add(access.Request{
		ID: "01KAK0S4R0EXAMPLE0000REVKD", Account: mine.Account, Role: mine.Role,
	}, w.clock().Add(time.Hour), w.clock())
	whole := access.WrittenDeny{
		ByIssue: []string{"01KAK0S4R0EXAMPLE0000REVKD"}, Whole: w.clock(), WholeUntil: w.clock().Add(time.Hour),
	}
	if err := errors.Join(w.store.SaveCutList(context.Background(), l),
		w.store.SaveCutList(context.Background(), l.Worked(whole, w.clock()))); err != nil {
		t.Fatal(err)
	}
	for range 3 {
		w.tick()
		w.feed()
		w.pass(time.Minute)
	}
	told, operators := map[string]int{}, 0
	for _, m := range w.slack.Messages() {
		switch {
		case strings.Contains(m.Text, "all of them were"):
			told[m.Channel]++
			if !strings.Contains(m.Text, "ReadOnly") || !strings.Contains(m.Text, "payments-dev") {
				t.Errorf("got %s", m.Text)
			}
		case strings.Contains(m.Text, "All sessions of the role ReadOnly in 222222222222"):
			operators++
		}
	}
	if len(told) != 1 || told["DU0DEV1"] != 1 || operators != 1 {
		t.Errorf("told %v, and the operators %d times", told, operators)
	}
}
