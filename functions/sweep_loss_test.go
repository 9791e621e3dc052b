package functions

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-lambda-go/events"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// losers gives four people access. Grants 1, 2 and 4 are of people who lose the right to them, grant 3 is of somebody
// who keeps it, and holds the same role.
func losers(w *lossWorld) {
	w.t.Helper()
	w.has(1, "U0DEV1", cutMember, "payments-prod", "Admin", 2)
	w.has(2, "U0DEV1", "222222222222", "payments-dev", "ReadOnly", 0)
	w.has(3, "U0DEV2", cutMember, "payments-prod", "Admin", 1)
	w.has(4, "U0LEAD1", cutMember, "payments-prod", "Admin", 1)
	w.deliver()
	w.leaves("U0DEV1")
	guest := true
	if err := w.slack.SetUser(slackfake.UserChange{ID: "U0LEAD1", Restricted: &guest}); err != nil {
		w.t.Fatal(err)
	}
	w.pass(3 * time.Minute)
}

// isSwept checks that the system has revoked a grant once and for a reason, that its sessions are denied, and
// that events and messages say so.
func (w *lossWorld) isSwept(what string, n int, why string) {
	w.t.Helper()
	r, revoked, cuts := w.aws.at(n), 0, ""
	for _, e := range w.store.Events() {
		if e.Request != r.ID {
			continue
		}
		if e.Verb == access.Revoke {
			revoked++
		}
		if e.Cut != "" {
			cuts += string(e.Cut) + " "
		}
	}
	want := "ending done "
	if len(r.Sessions) == 0 {
		want = ""
	}
	if r.State != access.Revoked || r.Closed.By.ID != access.System.ID || r.Closed.Why != why || revoked != 1 {
		w.t.Errorf("%s: grant %d is %s by %q because %q, and has %d events", what, n, r.State, r.Closed.By.ID,
			r.Closed.Why, revoked)
	}
	if w.aws.works(n) != 0 || cuts != want {
		w.t.Errorf("%s: %d sessions of grant %d work, and its events say %q", what, w.aws.works(n), n, cuts)
	}
}

// isTold checks how often somebody has read that a grant was revoked. A post whose answer was lost comes twice.
func (w *lossWorld) isTold(what, person string, grants int) {
	w.t.Helper()
	most := grants
	if w.loss.name == "slack:chat.postMessage" {
		most++
	}
	if n := w.reads(person, "was revoked, because"); n < grants || n > most {
		w.t.Errorf("%s: %s was told %d times of %d revocations", what, person, n, grants)
	}
}

func sweepStory(w *lossWorld, what string) {
	w.t.Helper()
	losers(w)
	before := w.aws.at(3)
	w.minutes(2) // the first one reads the group, the second one sweeps
	if w.loss.at == 0 {
		w.areSwept(what + ", in time")
	}
	w.mends(func() bool { return w.revoked() == 3 })
	w.areSwept(what)
	if after := w.aws.at(3); after.Version != before.Version || w.aws.works(3) != 1 ||
		w.reads("U0DEV2", "was revoked") > 0 {
		w.t.Errorf("%s: the grant of somebody else has changed from %+v to %+v", what, before, after)
	}
	w.isTold(what, "U0DEV1", 2)
	w.isTold(what, "U0LEAD1", 1)
	for _, keys := range w.aws.keys {
		w.hides(what, keys...)
	}
}

func (w *lossWorld) areSwept(what string) {
	w.t.Helper()
	w.isSwept(what, 1, "The policy no longer gives them this.")
	w.isSwept(what, 2, "The policy no longer gives them this.")
	w.isSwept(what, 4, "They are no longer a full member of the workspace.")
}

// Somebody leaves the group at the worst time, just after it was read and a sweep was made.
func TestWhoeverLeavesTheGroupHasLostTheAccessAfterTheNextSweep(t *testing.T) {
	w := newLossWorld(t)
	w.has(1, "U0DEV1", cutMember, "payments-prod", "Admin", 2)
	w.has(3, "U0DEV2", cutMember, "payments-prod", "Admin", 1)
	w.deliver()
	w.leaves("U0DEV1")
	minutes := 0
	for ; w.aws.at(1).State == access.Active && minutes < 60; minutes++ {
		w.minutes(1)
	}
	w.isSwept("after a sweep", 1, "The policy no longer gives them this.")
	if every := int(w.policy.Settings().CheckEvery / time.Minute); minutes > every || w.aws.works(3) != 1 {
		t.Errorf("it takes %d minutes, want at most %d, and %d sessions of somebody else work", minutes, every,
			w.aws.works(3))
	}
	n := w.reads("U0DEV1", "was revoked, because you")
	if n != 1 || !strings.Contains(w.direct("U0DEV1"), "no longer gives you") {
		t.Errorf("told %d times: %s", n, w.direct("U0DEV1"))
	}
}

// Slack does not answer for 45 minutes, in which somebody leaves the group.
func TestAGroupThatCannotBeReadRevokesNothingUntilItCan(t *testing.T) {
	w := newLossWorld(t)
	w.has(1, "U0DEV1", cutMember, "payments-prod", "Admin", 1)
	w.deliver()
	answers := w.refuse
	w.refuse = func(string, string, string) string { return "500" }
	w.leaves("U0DEV1")
	w.minutes(45)
	if r := w.aws.at(1); r.State != access.Active || r.Cut != "" || w.aws.works(1) != 1 {
		t.Errorf("while nothing can be read, the grant is %s, cut %q, and %d sessions work", r.State, r.Cut, w.aws.works(1))
	}
	w.refuse = answers
	w.minutes(6)
	w.isSwept("after Slack answers again", 1, "The policy no longer gives them this.")
}

// Each call of tick, notify and cut fails once, loses its answer once, and is the last one before the process dies
// once. In the end everybody has lost what the policy no longer gives them, and nobody anything else.
func TestASweepRevokesWhatItMustWhateverCallIsLost(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the story of a sweep several hundred times")
	}
	inEachWay(t, 100, sweepStory)
}

// inEachWay tells a story for each way in which one of its calls, of which there are some at least, can go wrong. With
// the race detector it tells every tenth of these stories: .ci/unit runs all of them without it.
func inEachWay(t *testing.T, calls int, story func(*lossWorld, string)) {
	t.Helper()
	w := newLossWorld(t)
	story(w, "nothing goes wrong")
	if w.loss.n < calls {
		t.Errorf("the story makes only %d calls", w.loss.n)
	}
	t.Logf("%d calls go wrong in 3 ways", w.loss.n)
	step := 1
	if underRace {
		step = 10
	}
	eachLoss(t, w.loss.n, step, func(t *testing.T, at int, how, what string) {
		w := newLossWorld(t)
		w.loss.at, w.loss.how = at, how
		story(w, what)
	})
}

// eachLoss runs a story for each way in which one of its calls can go wrong; with a step greater than 1, not for every
// call.
func eachLoss(t *testing.T, calls, step int, tell func(t *testing.T, at int, how, what string)) {
	t.Helper()
	for _, how := range []string{"fails", "lost", "dies"} {
		for at := step; at <= calls; at += step {
			what := fmt.Sprintf("call %d %s", at, how)
			t.Run(what, func(t *testing.T) {
				t.Parallel()
				tell(t, at, how, what)
			})
		}
	}
}

// heldGrants is how many grants a sweep must find lost at least to ask first.
const heldGrants = 21

// losesAll gives somebody many grants, one of them with a session, and takes them out of the group.
func losesAll(w *lossWorld) {
	w.t.Helper()
	w.has(0, "U0DEV2", cutMember, "payments-prod", "Admin", 1)
	w.has(1, "U0DEV1", cutMember, "payments-prod", "Admin", 1)
	for n := 2; n <= heldGrants; n++ {
		w.has(n, "U0DEV1", "222222222222", "payments-dev", "ReadOnly", 0)
	}
	_, w.fed = w.store.Records(0, 1<<30)
	w.aws.fed, w.quiet = w.fed, true // notify is in the other story
	w.leaves("U0DEV1")
	w.pass(3 * time.Minute)
}

// isHeld checks that nothing is revoked, and that operators were asked: once, or twice if it could not be recorded.
func (w *lossWorld) isHeld(what string) {
	w.t.Helper()
	asked := w.told("C0OPS", "Of 22 open grants, 21 would be revoked now.")
	if !w.held() || w.revoked() != 0 || w.aws.works(1) != 1 ||
		asked < 1 || asked > 1+min(w.loss.at, 1) {
		w.t.Errorf("%s: held %v, %d revoked, %d sessions work, operators were asked %d times",
			what, w.held(), w.revoked(), w.aws.works(1), asked)
	}
}

func (w *lossWorld) held() bool {
	w.t.Helper()
	record, err := w.store.Sweep(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	return record.Held
}

// revoked counts the grants that are revoked.
func (w *lossWorld) revoked() (n int) {
	for _, r := range w.store.All(context.Background()) {
		if r.State == access.Revoked {
			n++
		}
	}
	return n
}

// confirm answers the question of a held sweep, as aws-access sweep confirm does.
func (w *lossWorld) confirm() {
	w.t.Helper()
	held, err := w.store.Sweep(context.Background())
	yes, _ := held.Confirm(access.Person{ID: "operator", Name: "Olive"}, w.clock())
	if err = errors.Join(err, w.store.SaveSweep(context.Background(), yes)); err != nil {
		w.t.Fatal(err)
	}
}

func heldStory(w *lossWorld, what string) {
	w.t.Helper()
	losesAll(w)
	w.ticksAlone(2)
	over := w.loss.over
	w.mends(w.held)
	w.isHeld(what)
	w.confirm()
	w.loss.over = over
	w.ticksAlone(1)
	w.mends(func() bool { return true })
	w.isSwept(what, 1, "The policy no longer gives them this.")
	w.isSwept(what, heldGrants, "The policy no longer gives them this.")
	if r := w.aws.at(0); w.revoked() != heldGrants || r.State != access.Active || w.aws.works(0) != 1 {
		w.t.Errorf("%s: %d grants are revoked, and that of somebody else is %s", what, w.revoked(), r.State)
	}
	w.pass(2 * time.Minute)
	w.minutes(2) // the next sweep
	if n := w.told("C0OPS", "Keys and the console are given again"); n < 1 || n > 1+min(w.loss.at, 1) {
		w.t.Errorf("%s: operators read %d times that it is over", what, n)
	}
}

// ticksAlone runs a tick each minute, without what follows from it.
func (w *lossWorld) ticksAlone(n int) {
	for range n {
		w.pass(time.Minute)
		w.runs(func() { _ = w.Tick.Handle(context.Background(), events.EventBridgeEvent{}) })
	}
}

// The same for a sweep that asks before it revokes so much.
func TestAHeldSweepRevokesNothingBeforeTheAnswerWhateverCallIsLost(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the story of a held sweep several hundred times")
	}
	inEachWay(t, 100, heldStory)
}
