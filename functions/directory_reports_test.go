package functions

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// crowd fills the workspace up to a number of users, and gives users.list the quota
// that Slack documents. When a tick waits for Slack, the clock moves on.
func (w *world) crowd(users int) {
	w.t.Helper()
	for i := range users - len(w.slack.Users()) {
		address := fmt.Sprintf("person.%d@example.com", i)
		if err := w.slack.SetUser(slackfake.UserChange{ID: fmt.Sprintf("U1%06d", i), Email: &address}); err != nil {
			w.t.Fatal(err)
		}
	}
	w.mu.Lock()
	w.quota = map[string]*slackfake.Quota{"slack:users.list": {PerMinute: 20, Refused: func() { w.limited++ }}}
	w.mu.Unlock()
	w.Tick.Step.Roster.Pause = func(_ context.Context, d time.Duration) error { w.pass(d); return nil }
}

// says returns the answer to a command.
func (w *world) says(user, line string) string {
	w.t.Helper()
	return w.http(w.typed(user, line)).Body
}

// Slack gives 20 pages of 1,000 people a minute. The test counts the ticks and calls
// until all 100,000 are known, and checks what people read meanwhile.
func TestAHundredThousandPeopleAreReadOverTicks(t *testing.T) {
	if testing.Short() {
		t.Skip("reads a hundred thousand people")
	}
	w := newWorld(t)
	w.crowd(100_000)
	w.plant(access.Pending)
	ticks := 0
	for ; w.directory().PeopleAt.IsZero(); ticks++ { // each tick is a minute later
		if ticks == 20 {
			t.Fatal("not known after twenty ticks")
		}
		w.tick()
		if ticks == 2 { // half of the reading
			if got := w.says("U0DEV1", `payments-prod ReadOnly 1h "x"`); !strings.Contains(got,
				"Slack cannot be read at the moment") {
				t.Errorf("asked while everybody is being read: %s", got)
			}
			if got := w.says("U0LEAD2", `data-prod ReadOnly 1h "x"`); !strings.Contains(got,
				"Slack cannot be read at the moment") {
				t.Errorf("somebody whom the policy names by address: %s", got)
			}
			if got := w.says("U0DEV1", `payments-dev ReadOnly 1h "x"`); !strings.Contains(got, "You have *ReadOnly*") {
				t.Errorf("what needs nobody: %s", got)
			}
			if got := w.says("U0DEV1", ""); got != "" {
				t.Errorf("the form does not open: %s", got)
			}
			w.http(w.clicked("U0LEAD1", "approve", theRequest))
			if got := w.stored(theRequest); len(got.Approvals) != 1 {
				t.Errorf("a lead approves meanwhile: %s", w.seen(onlyTo("U0LEAD1")))
			}
		}
		w.pass(time.Minute)
	}
	calls := w.count("slack:users.list")
	t.Logf("%d ticks, %d calls of users.list, %d refused", ticks, calls, w.limited)
	if ticks != 6 || calls != 100+w.limited || w.limited > 6 {
		t.Errorf("%d ticks and %d calls, of which %d were refused; want 6 and 100", ticks, calls, w.limited)
	}
	for _, m := range w.slack.Messages() {
		if m.Channel == "C0OPS" {
			t.Errorf("operators read while all was well: %s", m.Text)
		}
	}
	if got := w.says("U0DEV1", `payments-prod Operator 1h "x" INC-1`); strings.Contains(got, "Slack cannot be read") {
		t.Errorf("when everybody is known: %s", got)
	}
}

func (w *world) directory() access.Directory {
	w.t.Helper()
	d, err := w.store.Directory(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

func (w *world) stored(id string) access.Request {
	w.t.Helper()
	r, _, err := w.store.Messages(context.Background(), id)
	if err != nil {
		w.t.Fatal(err)
	}
	return r
}

func (w *world) count(op string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.counted[op]
}

// If Slack gives only five pages a minute, the next tick reads the others, and nobody
// is told.
func TestARateLimitDelaysAReadingAndNothingElse(t *testing.T) {
	w := newWorld(t)
	w.crowd(12_000)
	w.quota["slack:users.list"].PerMinute = 5
	for tick := 1; tick <= 3; tick++ {
		w.tick()
		if got, want := w.directory().Size,
			[]int{5000, 10_000, 12_000 - 1}[tick-1]; /* the outsider is in no list */ got != want {
			t.Errorf("tick %d: %d users were read, want %d", tick, got, want)
		}
		w.pass(time.Minute)
	}
	if !w.directory().KnowsPeople(w.clock()) || w.limited != 2 || w.seen(in("C0OPS")) != "" {
		t.Errorf("known %v, %d calls refused, operators read %q", w.directory().KnowsPeople(w.clock()), w.limited,
			w.seen(in("C0OPS")))
	}
}

// operatorsRead returns the messages in the operators' channel.
func (w *world) operatorsRead() (texts []string) {
	for _, m := range w.slack.Messages() {
		if m.Channel == "C0OPS" {
			texts = append(texts, m.Text)
		}
	}
	return texts
}

// Each failure to read people is logged. The operators are told once when it begins and
// once when it is over, and everybody else reads the true reason.
func TestOperatorsAreToldOnceThatPeopleCannotBeRead(t *testing.T) {
	w := newWorld(t)
	w.tick()
	w.fault["slack:users.list"], w.fault["slack:users.info"] = "code:missing_scope", "code:missing_scope"
	for range 31 {
		w.pass(time.Minute)
		w.tick()
	}
	told := w.operatorsRead()
	if len(told) != 1 || !strings.Contains(told[0],
		"People cannot be read from Slack: read people: slack users.list: missing_scope. Install the app again") ||
		!strings.Contains(told[0], "What was read at 12:00 UTC holds until 12:30 UTC") {
		t.Errorf("operators read %q", told)
	}
	if n := strings.Count(w.logs.String(), "people cannot be read"); n != 31 {
		t.Errorf("the log says it %d times, want 31", n)
	}
	w.fault["slack:users.info"] = ""
	for line, user := range map[string]string{`payments-prod ReadOnly 1h "x"`: "U0DEV1",
		`data-prod ReadOnly 1h "x"`: "U0LEAD2", "": "U0LEAD2"} {
		if got := w.says(user, line); line != "" &&
			(!strings.Contains(got, "Slack cannot be read at the moment") || strings.Contains(got, "Too few people")) {
			t.Errorf("%s reads after %q: %s", user, line, got)
		}
	}
	w.fault["slack:users.list"] = ""
	w.pass(time.Minute)
	w.tick()
	w.tick()
	if told = w.operatorsRead(); len(told) != 2 || told[1] != "People can be read from Slack again." {
		t.Errorf("operators read %q", told)
	}
	if got := w.says("U0DEV1", `payments-prod ReadOnly 1h "x"`); !strings.Contains(got, "asked") &&
		!strings.Contains(got, "Asked") {
		t.Errorf("when Slack answers again: %s", got)
	}
}

// A rate limit is not reported as long as the last reading is recent enough.
func TestOperatorsAreToldOfARateLimitWhenPeopleAreNotKnown(t *testing.T) {
	w := newWorld(t)
	w.tick()
	w.fault["slack:users.list"] = "429"
	for minute := 1; minute <= 32; minute++ {
		w.pass(time.Minute)
		w.tick()
		if got, want := len(w.operatorsRead()), 0; minute < 30 && got != want {
			t.Fatalf("minute %d: %d messages to the operators, want %d", minute, got, want)
		}
	}
	if told := w.operatorsRead(); len(told) != 1 || !strings.Contains(told[0], "slack users.list") {
		t.Errorf("operators read %q, want one message with the error", told)
	}
}

// An approver whose address Slack has not confirmed is told so, and so are the
// operators. The card names the approver nevertheless.
func TestTheRefusalNamesTheUnconfirmedAddressAsTheReason(t *testing.T) {
	w := newWorld(t)
	text := strings.NewReplacer("leads:      {slack: S0LEADS}",
		"leads:      {people: [lead1@example.com, U0LEAD2]}").Replace(readPolicy(t))
	w.policy = w.compiled(text)
	w.rebuild()
	w.plant(access.Pending)
	no, yes := false, true
	for _, id := range []string{"U0LEAD1", "U0DEV2"} {
		if err := w.slack.SetUser(slackfake.UserChange{ID: id, EmailConfirmed: &no}); err != nil {
			t.Fatal(err)
		}
	}
	w.tick()
	w.tick()
	const lead = "Slack has not confirmed your address lead1@example.com, " +
		"so the policy cannot tell whether you are in leads. " +
		"Ask the operators to add your Slack id, U0LEAD1, to the policy."
	for action := range map[string]bool{"approve": true, "deny": true} {
		before := len(w.seen(onlyTo("U0LEAD1")))
		w.http(w.clicked("U0LEAD1", action, theRequest))
		if got := w.seen(onlyTo("U0LEAD1"))[before:]; !strings.Contains(got, lead) ||
			strings.Contains(got, "among those who are asked") {
			t.Errorf("%s: the approver reads %s", action, got)
		}
	}
	if got := w.says("U0DEV2", `data-prod ReadOnly 1h "x"`); !strings.Contains(got,
		"Slack has not confirmed your address dev2@example.com") {
		t.Errorf("the requester reads %s", got)
	}
	told := w.operatorsRead()
	if len(told) != 1 || !strings.Contains(told[0], "dev2@example.com (U0DEV2), lead1@example.com (U0LEAD1)") ||
		!strings.Contains(told[0], "Write their Slack ids") {
		t.Errorf("operators read %q", told)
	}
	for _, id := range []string{"U0LEAD1", "U0DEV2"} {
		if err := w.slack.SetUser(slackfake.UserChange{ID: id, EmailConfirmed: &yes}); err != nil {
			t.Fatal(err)
		}
		w.pass(time.Minute)
		w.tick()
	}
	if told = w.operatorsRead(); len(told) != 2 || !strings.Contains(told[1], "recognises these people again") {
		t.Errorf("operators read %q", told)
	}
	w.http(w.clicked("U0LEAD1", "approve", theRequest))
	if got := w.stored(theRequest); len(got.Approvals) != 1 {
		t.Errorf("confirmed, the lead approves: %s", w.seen(onlyTo("U0LEAD1")))
	}
}

// A person who could ask for something if the address were confirmed does not read that
// there is nothing to ask for.
func TestTheFormSaysWhyThereIsNothingToAskFor(t *testing.T) {
	w := newWorld(t)
	text := strings.NewReplacer("developers: {slack: S0DEVS}", "developers: {people: [dev2@example.com]}", "everyone",
		"security").Replace(readPolicy(t))
	w.policy = w.compiled(text)
	w.rebuild()
	no := false
	if err := w.slack.SetUser(slackfake.UserChange{ID: "U0DEV2", EmailConfirmed: &no}); err != nil {
		t.Fatal(err)
	}
	w.tick()
	if got := w.says("U0DEV2", ""); !strings.Contains(got, "Slack has not confirmed your address dev2@example.com") ||
		strings.Contains(got, "nothing that you may ask for") {
		t.Errorf("the form: %s", got)
	}
	if got := w.says("U0SEC1", "help"); !strings.Contains(got, "/aws-access") {
		t.Errorf("help: %s", got)
	}
	w.pass(access.PeopleStaleAfter)
	w.fault["slack:users.list"] = "error"
	w.tick()
	if got := w.says("U0DEV2", ""); !strings.Contains(got, "Slack cannot be read at the moment") {
		t.Errorf("the form while Slack cannot be read: %s", got)
	}
}

func TestOperatorsAreToldOnceOfEachUnknownGroup(t *testing.T) {
	w := newWorld(t)
	w.tick()
	w.fault["slack:usergroups.users.list"] = "error"
	for range 11 {
		w.pass(time.Minute)
		w.tick()
	}
	told := w.operatorsRead()
	if len(told) != 1 ||
		!strings.Contains(told[0], "not known at the moment: developers (S0DEVS), leads (S0LEADS), security (S0SECURITY)") ||
		!strings.Contains(told[0], "The error is: ") {
		t.Errorf("operators read %q", told)
	}
	if got := w.says("U0DEV1", `payments-dev ReadOnly 1h "x"`); !strings.Contains(got,
		"Slack cannot be read at the moment, so it is not known who is in developers, leads and security") {
		t.Errorf("a developer reads %s", got)
	}
	w.fault["slack:usergroups.users.list"] = ""
	w.tick()
	if told = w.operatorsRead(); len(told) != 2 || !strings.Contains(told[1],
		"known again: developers (S0DEVS), leads (S0LEADS), security (S0SECURITY).") {
		t.Errorf("operators read %q", told)
	}
}
