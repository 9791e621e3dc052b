package functions

import (
	"context"
	"encoding/json"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// One of two grants of a role is revoked: its sessions are denied, the other's go on, and every
// place says how far that is.
func TestARevokedGrantsSessionsEndAndNoOthers(t *testing.T) {
	w := newCutWorld(t)
	w.grant(1, 2)
	w.grant(2, 1)
	w.revokes(1)
	if w.at(1).Cut != access.CutEnding || w.works(1) != 2 {
		t.Errorf("before the deny is written: %q, and %d sessions work", w.at(1).Cut, w.works(1))
	}
	w.feed()
	if w.at(1).Cut != access.CutDone || w.works(1) != 0 || w.works(2) != 1 || w.at(2).Cut != "" {
		t.Errorf("after: %q with %d sessions, and the other grant %q with %d",
			w.at(1).Cut, w.works(1), w.at(2).Cut, w.works(2))
	}
	w.ticks(61)
	if l := w.list(); w.policy() != "" || len(l.Names) != 0 {
		t.Errorf("after the last session has expired: %s, and the list %+v", w.policy(), l.Names)
	}
}

// cutStory is a story in which everything about cuts happens once. It makes few calls, so that
// each of them can go wrong.
func cutStory(t *testing.T, w *cutWorld, what string) {
	t.Helper()
	w.grant(1, 2)
	w.grant(2, 1)
	w.grant(3, 1)
	order := w.orders(2)
	w.revokes(1)
	w.feed()
	w.ticks(2)
	w.isCut(what+", revoked", 1)
	w.spoils()
	w.ticks(2)
	w.isCut(what+", put back", 1)
	w.revokes(2) // while its second session is ordered
	w.feed()
	w.issues(2, order, w.assumes(2))
	w.feed()
	w.ticks(2)
	w.isCut(what+", the second one", 1, 2)
	if w.works(3) != 1 || w.at(3).Cut != "" {
		t.Errorf("%s: the grant that was not revoked has %d sessions and %q", what, w.works(3), w.at(3).Cut)
	}
	w.pass(50 * time.Minute)
	w.ticks(1)
	w.isCut(what+", before the end", 1, 2)
	w.pass(30 * time.Minute)
	w.ticks(3)
	if l := w.list(); w.policy() != "" || len(l.Names) != 0 {
		t.Errorf("%s: in the end the policy is %s, and the list %+v", what, w.policy(), l)
	}
	w.isTold(what)
}

// isCut checks that grants are cut, and that the table says so.
func (w *cutWorld) isCut(what string, grants ...int) {
	w.t.Helper()
	for _, n := range grants {
		if w.works(n) != 0 || w.at(n).Cut != access.CutDone {
			w.t.Errorf("%s: %d sessions of grant %d work, and it says %q", what, w.works(n), n, w.at(n).Cut)
		}
	}
}

// isTold checks that the events tell each state of each cut, in order.
func (w *cutWorld) isTold(what string) {
	w.t.Helper()
	told := make(map[string]string)
	for _, e := range w.store.Events() {
		if e.Cut != "" {
			told[e.Request] += string(e.Cut) + " "
		}
	}
	for n := 1; n <= 2; n++ {
		states := told[grantID(n)]
		whole := strings.HasPrefix(states, "ending ") && strings.HasSuffix(states, "done ")
		if !whole || strings.Contains(states, "done done") {
			w.t.Errorf("%s: the events of grant %d say %q", what, n, states)
		}
	}
}

// Each call of the table, of STS and of IAM fails once, loses its answer once, and is the last one
// before the function dies once. In the end no session of a revoked grant is allowed anything, no
// deny is left over, and every move has its event.
func TestNoSessionOfARevokedGrantSurvivesWhateverCallIsLost(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the story of a cut 270 times")
	}
	w := newCutWorld(t)
	cutStory(t, w, "nothing goes wrong")
	if w.loss.n < 40 {
		t.Errorf("the story makes only %d calls", w.loss.n)
	}
	eachLoss(t, w.loss.n, 1, func(t *testing.T, at int, how, what string) {
		w := newCutWorld(t)
		w.loss.at, w.loss.how = at, how
		cutStory(t, w, what)
	})
}

// A late session is issued while the deny of its grant is being recorded. That the cut is under
// way again must not be lost.
func TestACutThatIsOrderedWhileItIsRecordedIsDoneInTheEnd(t *testing.T) {
	w := newCutWorld(t)
	w.grant(1, 1)
	order := w.orders(1)
	w.revokes(1)
	w.cut.Store = interrupted{cutStoreWithLoss{w.store, w.loss}, new(sync.Once), func() {
		w.issues(1, order, w.assumes(1))
	}}
	w.feed()
	w.feed()
	w.isCut("after a late session", 1)
}

// interrupted does something before the first save of a list.
type interrupted struct {
	cutStoreWithLoss
	once *sync.Once
	do   func()
}

func (s interrupted) SaveCutList(ctx context.Context, next access.CutList) error {
	s.once.Do(s.do)
	return s.cutStoreWithLoss.SaveCutList(ctx, next)
}

// The account is gone, or its revoker: the cut goes on trying with a pause of at most four
// minutes and an alarm each time, and says "ending" until the last session has expired. It then
// stops, and a day later the list is given up.
func TestACutThatCannotBeWrittenEndsWithTheLastSession(t *testing.T) {
	w := newCutWorld(t)
	w.grant(1, 1)
	w.aws.RemoveRole(cutMember, "aws-access-revoker")
	w.revokes(1)
	w.feed()
	l := w.list()
	if w.at(1).Cut != access.CutEnding || l.Failed != "revoker_refused" || l.Tries != 1 || w.logged("a cut failed") != 1 {
		t.Errorf("after a try: %q, and the list %+v", w.at(1).Cut, l)
	}
	longest := time.Duration(0)
	for range 59 {
		w.ticks(1)
		longest = max(longest, w.list().NextTry.Sub(w.clock()))
	}
	if n := w.logged("a cut failed"); w.at(1).Cut != access.CutEnding || longest > 4*time.Minute || n < 15 || n > 40 {
		t.Errorf("after 59 minutes: %q, a pause of %s, %d failures", w.at(1).Cut, longest, n)
	}
	w.ticks(10)
	if w.at(1).Cut != access.CutDone || len(w.list().Names) != 1 {
		t.Errorf("after the last session: %q, and the list %+v", w.at(1).Cut, w.list())
	}
	alarms := w.logged("a cut failed")
	w.pass(24 * time.Hour)
	w.ticks(10)
	if l := w.list(); len(l.Names) != 0 || w.logged("a cut failed") != alarms {
		t.Errorf("a day later: the list %+v, and %d alarms more", l, w.logged("a cut failed")-alarms)
	}
}

// IAM throttles all writes for 20 minutes. The cut says "ending" all the time and is done within
// four minutes afterwards.
func TestACutIsDoneWithinFourMinutesAfterIAMWorksAgain(t *testing.T) {
	w := newCutWorld(t)
	w.grant(1, 1)
	w.limit = func(op, _ string) bool {
		return op == "iam:PutRolePolicy" && w.clock().Before(noon.Add(20*time.Minute))
	}
	w.revokes(1)
	w.feed()
	for range 19 {
		w.ticks(1)
		if r := w.at(1); r.Cut != access.CutEnding || w.list().Failed != "throttled" {
			t.Fatalf("at %s: %q, and the list %+v", w.clock(), r.Cut, w.list())
		}
	}
	w.ticks(5)
	w.isCut("after 24 minutes", 1)
	if l := w.list(); l.Failed != "" || l.Tries != 0 {
		t.Errorf("the list still says %q", l.Failed)
	}
}

// An order comes ten times, late, or for a grant and a role that never were.
func TestOrdersThatAreRepeatedOrAboutNothingDoNoHarm(t *testing.T) {
	w := newCutWorld(t)
	w.grant(1, 1)
	w.grant(2, 1)
	w.revokes(1)
	for range 10 {
		w.fed = 0
		w.feed()
	}
	const order = `{"cut":[{"account":"111111111111","role":"Admin"},{"account":"222222222222","role":"Nobody"}]}`
	for range 10 {
		if err := w.handle([]byte(order)); err != nil {
			t.Fatal(err)
		}
	}
	w.isCut("ten times", 1)
	if w.works(2) != 1 || w.logged("a deny had gone missing") != 0 || w.logged("a cut failed") != 0 {
		t.Errorf("%d sessions of the other grant work, and the log is %s", w.works(2), &w.logs)
	}
	for _, payload := range []string{
		``, `null`, `{}`, `{"cut":null}`, `{"cut":[{"role":"*","grants":["*"]}]}`, `{"Records":null}`,
	} {
		if err := w.handle([]byte(payload)); err == nil {
			t.Errorf("%q was accepted", payload)
		}
	}
}

// A deny that somebody took away is put back within a minute, with one alarm and an event.
func TestADenyThatWasTakenAwayIsPutBackWithAnAlarm(t *testing.T) {
	w := newCutWorld(t)
	w.grant(1, 1)
	w.revokes(1)
	w.feed()
	w.spoils()
	if w.works(1) != 1 {
		t.Fatal("the deny is still there")
	}
	w.ticks(3)
	w.isCut("a minute later", 1)
	if n := w.logged("a deny had gone missing"); n != 1 {
		t.Errorf("%d alarms", n)
	}
	w.isToldOf(t, 1, "ending done ending done ")
}

func (w *cutWorld) isToldOf(t *testing.T, n int, want string) {
	t.Helper()
	got := ""
	for _, e := range w.store.Events() {
		if e.Request == grantID(n) && e.Cut != "" {
			got += string(e.Cut) + " "
		}
	}
	if got != want {
		t.Errorf("the events of grant %d say %q, want %q", n, got, want)
	}
}

// Five hundred grants of one role are revoked one after the other while two invocations of the
// function run at a time. The policies of the role never exceed their limit, the step to the whole
// role is taken with an alarm before, and in the end no session has no deny.
func TestFiveHundredCutsOfOneRoleAtOnce(t *testing.T) {
	if testing.Short() {
		t.Skip("revokes 500 grants")
	}
	w := newCutWorld(t)
	const grants = 500
	for n := range grants {
		w.grantIn(cutMember, n)
		order := w.orders(n)
		k := access.Credentials{AccessKeyID: "ASIAEXAMPLE", Expires: w.clock().Add(time.Hour)}
		if n%100 == 0 {
			k = w.assumes(n)
		}
		w.issues(n, order, k)
	}
	_, w.fed = w.store.Records(0, 1<<30)
	var all sync.WaitGroup
	for half := range 2 {
		all.Go(func() {
			for n := half; n < grants; n += 2 {
				w.revokes(n)
				if n%100 < 2 {
					_ = w.handle([]byte(`{"cut":[{"account":"111111111111","role":"Admin"}]}`))
				}
			}
		})
	}
	all.Wait()
	w.ticks(3)
	working := 0
	for n := 0; n < grants; n += 100 {
		working += w.works(n)
	}
	l, warned, whole := w.list(), w.logged("a role has little room for denies"), w.logged("a whole role was cut")
	if working > 0 || len(l.Names) != grants || l.Whole.IsZero() || warned == 0 || whole == 0 || len(w.policy()) > 10240 {
		t.Errorf("%d sessions work, the list has %d names and %s, %d warnings, %d alarms, a policy of %d characters",
			working, len(l.Names), l.Whole, warned, whole, len(w.policy()))
	}
	done := grants - w.ending()
	if done < 250 || done > 330 { // the others have no name in the policy
		t.Errorf("%d cuts are done", done)
	}
	w.pass(75 * time.Minute)
	w.ticks(2)
	if l := w.list(); w.ending() != 0 || len(l.Names) != 0 || w.policy() != "" {
		t.Errorf("in the end %d cuts are not done, %d names are left, the policy is %s", w.ending(), len(l.Names), w.policy())
	}
}

// Doctor proves a revoker with a policy of its own, which denies nobody anything and is taken away.
func TestDoctorProvesRevokers(t *testing.T) {
	w := newCutWorld(t)
	w.grant(1, 1)
	ask := func(payload string) string {
		t.Helper()
		answer, err := w.cut.Handle(context.Background(), []byte(payload))
		text, err2 := json.Marshal(answer)
		if err != nil || err2 != nil {
			t.Fatal(err, err2)
		}
		return string(text)
	}
	const other = "arn:aws:iam::222222222222:role/aws-access/Admin"
	const one = `{"check":{"kind":"revoker","roles":["` + cutTarget + `","` + other + `"]}}`
	want := `{"at":"2026-11-21T12:00:00Z","revokers":[{"role":"` + cutTarget + `","codes":["ok"]},` +
		`{"role":"` + other + `","codes":["revoker_refused"]}]}`
	if got := ask(one); got != want {
		t.Errorf("got %s\nwant %s", got, want)
	}
	if r, _ := w.aws.Role(cutMember, "Admin"); len(r.Inline) != 0 || w.works(1) != 1 || w.list().Version != 0 {
		t.Errorf("the check left %v", r.Inline)
	}
	for payload, want := range map[string]string{
		`{"check":{"kind":"stack"}}`: "unknown_kind", `{"check":{"kind":"revoker"}}`: "wrong_size",
		`{"check":{"kind":"revoker","roles":[` + strings.Repeat(`"x",`, MaxRoles) + `"x"]}}`:   "wrong_size",
		`{"check":{"kind":"revoker","roles":["arn:aws:iam::111111111111:role/aws-access/*"]}}`: "bad_role",
	} {
		if got := ask(payload); !strings.Contains(got, `"`+want+`"`) {
			t.Errorf("%s: got %s", payload, got)
		}
	}
}
