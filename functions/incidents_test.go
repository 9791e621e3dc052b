package functions

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/lifecycle"
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

// An operator has rights on the table, and needs neither Slack nor a function of the stack. The tick
// tells the operators' channel what they did, once, even if it was over before the tick came.
func TestOperatorsHearOnceOfAFreezeAndAThawFromTheCommandLine(t *testing.T) {
	w := newWorld(t)
	w.tick()
	alice := access.Person{ID: "arn:aws:sts::999999999999:assumed-role/Ops/alice", Name: "alice (operator)"}
	operator := lifecycle.Operator{
		Step:    lifecycle.Step{Store: w.store, Roster: lifecycle.Roster{Now: w.clock}, Now: w.clock},
		Freezes: w.store, By: alice,
	}
	const frozen, thawed = "Everything is frozen by “alice (operator)”", "it was thawed by “alice (operator)” (arn:"
	for turn, ticks := range []int{0, 2} { // while it is frozen
		_, _, err := operator.Freeze(t.Context(), "a stolen laptop")
		w.minutes(ticks)
		if n := w.told("C0OPS", frozen); err != nil || n != turn {
			t.Errorf("turn %d: told %d times of the freeze, %v", turn, n, err)
		}
		w.pass(time.Second)
		if _, _, err = operator.Thaw(t.Context()); err != nil {
			t.Fatal(err)
		}
		w.minutes(3)
		if n := w.told("C0OPS", thawed); n != turn+1 {
			t.Errorf("turn %d: told %d times of thaws\n%s", turn, n, w.seen(in("C0OPS")))
		}
	}
	wantText(t, "operators", w.seen(in("C0OPS")), "had frozen it at 21 Nov 12:0", "because: “a stolen laptop”")
	w.minutes(130)
	if a, b := w.told("C0OPS", frozen), w.told("C0OPS", thawed); a != 1 || b != 2 {
		t.Errorf("two hours later: told %d times of a freeze and %d times of a thaw", a, b)
	}
}

// A report that a command has left in the table is posted once.
func TestAReportOfACommandIsPostedOnce(t *testing.T) {
	w := newWorld(t)
	w.tick()
	p, err := w.store.Problems(t.Context())
	next, _ := p.Report("operator:X", access.Problem{
		Text: "alice has closed everything", Since: w.clock(), Over: true, Forget: w.clock().Add(time.Hour),
	})
	next.Version++
	if err = errors.Join(err, w.store.SaveProblems(t.Context(), next)); err != nil {
		t.Fatal(err)
	}
	w.minutes(3)
	p, err = w.store.Problems(t.Context())
	if _, kept := p.Current["operator:X"]; kept || err != nil || w.told("C0OPS", "alice has closed everything") != 1 {
		t.Errorf("told %d times, kept %v, %v", w.told("C0OPS", "alice has closed everything"), kept, err)
	}
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
