package operators

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/store/dynamo"
	"github.com/aws-access/aws-access/pkg/store/dynamo/dynamotest"
)

var (
	dev      = access.Person{ID: "U0DEV1", Name: "dev1", Email: "dev1@example.com", Membership: access.Member}
	other    = access.Person{ID: "U0DEV2", Name: "dev2", Email: "dev2@example.com", Membership: access.Member}
	operator = access.Person{
		ID: "arn:aws:sts::999999999999:assumed-role/Ops/alice", Name: "alice (operator)", Membership: access.Member,
	}
)

// emergency is a table with open requests, and the clock of the command.
type emergency struct {
	t     *testing.T
	table dynamotest.Table
	store *dynamo.Store
	now   time.Time
	out   strings.Builder
	words strings.Builder
	pause func() error
}

func newEmergency(t *testing.T) *emergency {
	table := dynamotest.NewTable(t)
	e := &emergency{t: t, table: table, now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)}
	e.store = dynamo.New(table.Client(nil), table.Name, e.clock).WithDevices(table.Devices)
	return e
}

func (e *emergency) clock() time.Time { return e.now }

func (e *emergency) must(err error) {
	e.t.Helper()
	if err != nil {
		e.t.Fatal(err)
	}
}

// ask submits a request that waits for an answer until one o'clock, or that is active until two.
func (e *emergency) ask(id string, who access.Person, account, role string, granted bool) access.Request {
	e.t.Helper()
	r, event, err := access.New(access.Ask{
		ID: id, Requester: who, Account: account, AccountName: "prod-" + account[:1], Role: role, For: 2 * time.Hour,
		Reason: "why",
	}, access.Terms{
		Max: 2 * time.Hour, Met: granted, AnswerWithin: time.Hour, RemindAfter: 15 * time.Minute,
		Give: []access.Kind{access.Keys},
	}, e.now)
	e.must(errors.Join(err, e.store.Save(e.t.Context(), r, event, "")))
	return r
}

// grant makes a grant with a live session.
func (e *emergency) grant(id string, who access.Person, account, role string) {
	e.t.Helper()
	r := e.ask(id, who, account, role, true)
	terms := access.Terms{Max: 2 * time.Hour, Give: []access.Kind{access.Keys}}
	r, event, err := r.Order(who, access.Order{ID: "o", Request: id, Kind: access.Keys, At: e.now}, terms, e.now)
	e.must(errors.Join(err, e.store.Save(e.t.Context(), r, event, "")))
	key := access.IssuedKey{AccessKeyID: "ASIA" + id, Expires: e.now.Add(time.Hour)}
	r, event, err = r.Issue("o", key, access.IssuedKey{}, e.now)
	e.must(errors.Join(err, e.store.Save(e.t.Context(), r, event, "")))
}

func (e *emergency) at(id string) access.Request {
	e.t.Helper()
	found, err := e.store.Requests(e.t.Context(), []string{id})
	e.must(err)
	if len(found) != 1 {
		e.t.Fatalf("%s: %d requests", id, len(found))
	}
	return found[0]
}

// operation is that of a command that an operator runs, who types an answer.
func (e *emergency) operation(yes bool, answer string) *operation {
	e.out.Reset()
	e.words.Reset()
	o := newOperation(place{table: e.table.Name, yes: yes}, e.store, operator, "eu-west-1", strings.NewReader(answer),
		&e.out, &e.words)
	o.step.Now, o.step.Roster.Now = e.clock, e.clock
	o.pause = func(context.Context, time.Duration) error { return e.pause() }
	return o
}

// close runs a close command.
func (e *emergency) close(c closing) bool {
	e.t.Helper()
	c.why = "an incident"
	done, err := c.on(e.operation(true, "")).run(e.t.Context())
	if err != nil {
		e.t.Fatalf("%+v: %v", c, err)
	}
	return done
}

func pipeline() access.Person {
	m := access.Machine{Starter: dev.ID}
	return access.Person{ID: "M0RUN1", Name: "a run", Membership: access.MachineMembership, Machine: &m}
}

func TestCloseEndsWhatIsNamedAndNothingElse(t *testing.T) {
	for name, c := range map[string]struct {
		closing
		ends string
	}{
		"a grant":                     {closing{id: "01A"}, "01A"},
		"a request":                   {closing{id: "01P"}, "01P"},
		"a person":                    {closing{person: dev.ID}, "01A 01B 01P"},
		"a person by address":         {closing{person: "DEV1@example.com"}, "01A 01B 01P"},
		"an account":                  {closing{account: "222222222222"}, "01B 01D"},
		"an account by name":          {closing{account: "Prod-2"}, "01B 01D"},
		"everything":                  {closing{all: true}, "01A 01B 01C 01D 01P"},
		"an account where nothing is": {closing{account: "999999999999"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEmergency(t)
			e.grant("01A", dev, "111111111111", "Admin")
			e.grant("01B", dev, "222222222222", "Admin")
			e.grant("01C", other, "111111111111", "Admin")
			e.grant("01D", other, "222222222222", "ReadOnly")
			e.ask("01P", dev, "111111111111", "Admin", false)
			if !e.close(c.closing) {
				t.Fatalf("not done: %s%s", e.out.String(), e.words.String())
			}
			for _, id := range []string{"01A", "01B", "01C", "01D", "01P"} {
				e.checkClosed(id, strings.Contains(c.ends, id))
			}
		})
	}
}

// checkClosed checks that a request was ended by the operator, or not touched.
func (e *emergency) checkClosed(id string, ends bool) {
	e.t.Helper()
	r := e.at(id)
	if !ends {
		if r.State != access.Active && r.State != access.Pending || r.Cut != "" {
			e.t.Errorf("%s was not named, and is %s, cut %q", id, r.State, r.Cut)
		}
		return
	}
	if r.Closed.By.ID != operator.ID || r.Closed.By.Name != operator.Name || r.Closed.Why != "an incident" {
		e.t.Errorf("%s was closed by %+v", id, r.Closed)
	}
	if id == "01P" {
		if r.State != access.Denied {
			e.t.Errorf("%s is %s, want denied", id, r.State)
		}
		return
	}
	l, err := e.store.CutList(e.t.Context(), r.CutKey())
	e.must(err)
	if r.State != access.Revoked || r.Cut != access.CutEnding || !l.Has(id, e.now.Add(time.Hour)) {
		e.t.Errorf("%s is %s, cut %q, and the cut list is %+v", id, r.State, r.Cut, l)
	}
}

func TestCloseCountsWhatItDidAndEndsNothingTwice(t *testing.T) {
	e := newEmergency(t)
	e.grant("01A", dev, "111111111111", "Admin")
	e.ask("01P", dev, "111111111111", "Admin", false)
	e.ask("01Q", other, "111111111111", "Admin", true)
	e.close(closing{all: true})
	for _, want := range []string{
		"active 01A Admin in prod-1 (111111111111) for dev1 (U0DEV1) until 2026-11-21T14:00:00Z, 1 live session\n",
		"2 active grants with 1 live session, and 1 request that nobody has answered.\n",
		"Revoked 2 grants and denied 1 request.\n",
		"1 live session will be cut within seconds.",
	} {
		if !strings.Contains(e.out.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, e.out.String())
		}
	}
	before := e.at("01A")
	if !e.close(closing{all: true}) || e.at("01A").Version != before.Version ||
		!strings.Contains(e.out.String(), "No grant can be revoked, and no request can be denied.\n"+
			"The sessions of 1 closed grant are still ending:\n") {
		t.Errorf("the second time: %s", e.out.String())
	}
	if !e.close(closing{id: "01A"}) || e.at("01A").Version != before.Version || e.out.String() !=
		"01A is over already: revoked by alice (operator) at 2026-11-21T12:00:00Z. Its sessions are being ended since "+
			"2026-11-21T12:00:00Z.\n" {
		t.Errorf("by its id: %s", e.out.String())
	}
}

// Nothing can be revoked any more, and people still have access: both must be said.
func TestCloseListsClosedGrantsWhoseSessionsAreStillEnding(t *testing.T) {
	e := newEmergency(t)
	e.grant("01A", dev, "111111111111", "Admin")
	e.grant("01B", other, "222222222222", "ReadOnly")
	e.grant("01C", other, "111111111111", "Admin")
	e.ask("01D", dev, "111111111111", "Operator", true) // has no session, so nothing of it ends later
	e.close(closing{all: true})
	r, event, err := e.at("01C").CutIsDone(e.now)
	e.must(errors.Join(err, e.store.Save(t.Context(), r, event, "")))
	const (
		none = "No grant can be revoked, and no request can be denied.\n"
		a    = "revoked 01A Admin in prod-1 (111111111111) for dev1 (U0DEV1), ending since 2026-11-21T12:00:00Z\n"
		b    = "revoked 01B ReadOnly in prod-2 (222222222222) for dev2 (U0DEV2), ending since 2026-11-21T12:00:00Z\n"
		one  = "The sessions of 1 closed grant are still ending:\n"
		two  = "The sessions of 2 closed grants are still ending:\n"
	)
	for _, c := range []struct {
		closing
		want, not string
	}{
		{closing{all: true}, none + two, "01C"},
		{closing{person: dev.ID}, none + one + a, "01B"},
		{closing{person: "dev2@example.com"}, none + one + b, "01A"},
		{closing{account: "prod-1"}, none + one + a, "01B"},
		{closing{account: "333333333333"}, none, "ending"},
	} {
		c.list = true
		if e.close(c.closing); !strings.HasPrefix(e.out.String(), c.want) || strings.Contains(e.out.String(), c.not) ||
			strings.Contains(e.out.String(), "01D") {
			t.Errorf("%+v: said %s, want %s", c.closing, e.out.String(), c.want)
		}
	}
	e.close(closing{all: true, list: true})
	if said := e.out.String(); !strings.Contains(said, a) || !strings.Contains(said, b) {
		t.Errorf("said %s", said)
	}
}

// told is what waits for the operators' channel.
func (e *emergency) told() string {
	e.t.Helper()
	p, err := e.store.Problems(e.t.Context())
	e.must(err)
	var all []string
	for _, problem := range p.Current {
		all = append(all, problem.Text)
	}
	return strings.Join(all, "\n")
}

func TestCloseTellsTheOperatorsChannelOnceWhoEndedWhatAndHowMany(t *testing.T) {
	e := newEmergency(t)
	e.must(e.pairDevice(dev))
	e.grant("01A", dev, "111111111111", "Admin")
	e.grant("01B", dev, "222222222222", "Admin")
	e.ask("01P", dev, "111111111111", "Admin", false)
	e.grant("01C", other, "111111111111", "Admin")
	e.close(closing{all: true, list: true})
	if said := e.told(); said != "" {
		t.Errorf("a list tells the operators' channel: %s", said)
	}
	const by = "“alice (operator)” (arn:aws:sts::999999999999:assumed-role/Ops/alice) has closed "
	const person = by + "everything of U0DEV1 by aws-access close: 2 grants with 2 live sessions revoked, 1 request " +
		"denied, 1 paired computer removed. Why: “an incident”."
	for range 2 { // the second time, nothing is left to end
		e.close(closing{person: dev.ID})
		if said := e.told(); said != person {
			t.Errorf("the operators' channel reads %q, want %q", said, person)
		}
	}
	e.grant("01D", other, "222222222222", "Admin")
	e.close(closing{account: "222222222222"})
	const named = by + "everything in prod-2 (222222222222) by aws-access close: 1 grant with 1 live session revoked."
	if said := e.told(); !strings.Contains(said, named) {
		t.Errorf("the operators' channel reads %q, want %q too", said, named)
	}
	e.close(closing{id: "01C"})
	const one = by + "the request 01C by aws-access close: 1 grant with 1 live session revoked. Why: “an incident”."
	if said := e.told(); !strings.Contains(said, one) || strings.Count(said, "\n") != 2 {
		t.Errorf("the operators' channel reads %q, want %q too", said, one)
	}
}

// A full list of reports must not keep anybody from ending access.
func TestCloseEndsAccessEvenIfTheOperatorsCannotBeTold(t *testing.T) {
	e := newEmergency(t)
	p := access.Problems{Version: 1}
	for i := range access.MaxProblems {
		p, _ = p.Report(fmt.Sprint("flood:", i), access.Problem{Since: e.now, Forget: e.now.Add(time.Hour)})
	}
	e.must(e.store.SaveProblems(t.Context(), p))
	e.grant("01A", dev, "111111111111", "Admin")
	if !e.close(closing{all: true}) || e.at("01A").State != access.Revoked ||
		!strings.Contains(e.words.String(), "The operators' channel is not told of this: many reports wait for Slack") {
		t.Errorf("it is %s, and it said %s", e.at("01A").State, e.words.String())
	}
}

// A request whose time is up is not revoked: the record says what happened.
func TestCloseExpiresRequestsWhoseTimeIsUp(t *testing.T) {
	e := newEmergency(t)
	e.ask("01P", dev, "111111111111", "Admin", false)
	e.ask("01A", dev, "111111111111", "Admin", true)
	e.now = e.now.AddDate(0, 0, 1)
	e.close(closing{all: true})
	for id, want := range map[string]access.State{"01P": access.TimedOut, "01A": access.Expired} {
		if r := e.at(id); r.State != want || r.Closed.By.ID == operator.ID {
			t.Errorf("%s is %s by %s, want %s", id, r.State, r.Closed.By.ID, want)
		}
	}
	if !strings.Contains(e.out.String(), "\nNothing was revoked or denied. 2 had reached their end by themselves, "+
		"and are recorded so.\n") {
		t.Errorf("said %s", e.out.String())
	}
}

// A reminder that is due must not hide a request from close.
func TestCloseDeniesARequestWhoseReminderIsDue(t *testing.T) {
	e := newEmergency(t)
	e.ask("01P", dev, "111111111111", "Admin", false)
	e.now = e.now.Add(20 * time.Minute)
	e.close(closing{all: true})
	e.checkClosed("01P", true)
}

func TestClosePersonUnpairsTheirComputersAndTheirMachinesLoseAccess(t *testing.T) {
	e := newEmergency(t)
	e.must(e.pairDevice(dev))
	e.must(e.pairDevice(other))
	r := e.ask("01M", dev, "111111111111", "Admin", true) // of a machine that dev has started
	r.Requester = pipeline()
	r.Version++
	e.must(e.store.Save(t.Context(), r, access.Event{Request: "01M", Seq: r.Version}, ""))
	if !e.close(closing{person: dev.ID}) {
		t.Fatalf("not done: %s", e.words.String())
	}
	e.checkRevoked("01M")
	for who, want := range map[string]int{dev.ID: 0, other.ID: 1} {
		l, err := e.store.DeviceList(t.Context(), who)
		if e.must(err); len(l.Devices) != want {
			t.Errorf("%s has %d devices, want %d", who, len(l.Devices), want)
		}
	}
	if !strings.Contains(e.out.String(), "1 computer of U0DEV1 unpaired.") {
		t.Errorf("said %s", e.out.String())
	}
	e.ask("01O", other, "111111111111", "Admin", true)
	e.close(closing{person: other.ID, place: place{devices: noDevices}})
	if l, err := e.store.DeviceList(t.Context(), other.ID); err != nil || len(l.Devices) != 1 {
		t.Errorf("with --devices none: %d devices are left, %v", len(l.Devices), err)
	}
}

func (e *emergency) checkRevoked(id string) {
	e.t.Helper()
	if r := e.at(id); r.State != access.Revoked {
		e.t.Errorf("%s is %s, want revoked", id, r.State)
	}
}

// pairDevice writes a device of a person.
func (e *emergency) pairDevice(who access.Person) error {
	d := access.Device{
		Version: 1, ID: "device-of-" + who.ID, Owner: who.ID, Paired: e.now, Expires: e.now.Add(24 * time.Hour),
	}
	return e.store.SaveDevices(e.t.Context(), access.DeviceChange{
		List:    access.DeviceList{Version: 1, Owner: who.ID, Devices: []access.Device{d}},
		Devices: []access.Device{d},
	})
}

func TestCloseWaitsUntilSessionsAreCutAndSaysWhatFails(t *testing.T) {
	e := newEmergency(t)
	e.grant("01A", dev, "111111111111", "Admin")
	e.grant("01B", dev, "222222222222", "Admin")
	key := access.CutKey{Account: "111111111111", Role: "Admin"}
	turn := 0
	e.pause = func() error {
		turn++
		e.now = e.now.Add(2 * time.Second)
		l, err := e.store.CutList(t.Context(), key)
		switch {
		case err != nil:
			return err
		case turn <= 2:
			return e.store.SaveCutList(t.Context(), l.FailedWith("revoker_refused", e.now))
		case turn == 3:
			return e.store.SaveCutList(t.Context(), l.Worked(access.WrittenDeny{
				Grants: map[string]time.Time{"01A": e.now.Add(time.Hour)},
			}, e.now))
		}
		e.now = e.now.Add(time.Hour) // the other session expires by itself
		return nil
	}
	if !e.close(closing{all: true, wait: true}) || turn != 4 {
		t.Errorf("after %d turns: %s%s", turn, e.out.String(), e.words.String())
	}
	if got, want := e.words.String(), "Admin in 111111111111: failing since 12:00:02 UTC (revoker_refused): AWS refuses "+
		"the account's revoker role"; !strings.HasPrefix(got, want) || strings.Count(got, "\n") != 1 {
		t.Errorf("said %q, want once %q", got, want)
	}
	for _, want := range []string{
		"2 grants in 2 roles: sessions are being cut\n", "1 grant in 1 role: sessions are being cut\n",
		"The denies are written. AWS enforces them within seconds, sometimes minutes.\n",
	} {
		if !strings.Contains(e.out.String(), want) {
			t.Errorf("%q is missing in:\n%s", want, e.out.String())
		}
	}
}

// Somebody who did not wait at first gives the command again.
func TestCloseWaitsForCutsOfAnEarlierRun(t *testing.T) {
	e := newEmergency(t)
	e.grant("01A", dev, "111111111111", "Admin")
	e.grant("01B", other, "222222222222", "Admin")
	e.close(closing{all: true})
	e.pause = func() error { return context.Canceled }
	for _, c := range []closing{
		{id: "01A", wait: true}, {account: "111111111111", wait: true}, {all: true, wait: true},
	} {
		if e.close(c) {
			t.Errorf("%+v: ended well although the wait was interrupted: %s", c, e.out.String())
		}
		want := "Interrupted: the sessions of 1 grant are not known to be cut."
		if c.all {
			want = strings.Replace(want, "1 grant", "2 grants", 1)
		}
		if !strings.Contains(e.words.String(), want) {
			t.Errorf("%+v: said %q, want %q", c, e.words.String(), want)
		}
	}
}

func TestCloseAsksBeforeItActs(t *testing.T) {
	e := newEmergency(t)
	e.grant("01A", dev, "111111111111", "Admin")
	for answer, want := range map[string]access.State{
		"": access.Active, "no\n": access.Active, "y\n": access.Active, "YES": access.Active,
	} {
		done, err := closing{all: true, why: "w"}.on(e.operation(false, answer)).run(t.Context())
		if r := e.at("01A"); done || err != nil || r.State != want ||
			!strings.Contains(e.words.String(), "Revoke 1 grant and cut 1 live session? Type yes: ") {
			t.Errorf("%q: %v %v, %s, and said %q", answer, done, err, r.State, e.words.String())
		}
	}
	done, err := closing{all: true, list: true}.on(e.operation(true, "")).run(t.Context())
	if r := e.at("01A"); !done || err != nil || r.State != access.Active {
		t.Errorf("--list: %v %v, and it is %s", done, err, r.State)
	}
	done, err = closing{all: true, why: "w"}.on(e.operation(false, "yes\n")).run(t.Context())
	if r := e.at("01A"); !done || err != nil || r.State != access.Revoked {
		t.Errorf("yes: %v %v, and it is %s", done, err, r.State)
	}
}

func TestCloseRefusesWhatCouldMeanSeveral(t *testing.T) {
	e := newEmergency(t)
	twin := other
	twin.Email, twin.UnverifiedEmail = "", dev.Email
	e.grant("01A", dev, "111111111111", "Admin")
	e.grant("01B", twin, "122222222222", "Admin") // prod-1 too
	for text, c := range map[string]closing{
		"several people have the address dev1@example.com (U0DEV1, U0DEV2)": {person: "dev1@example.com"},
		"nobody with the address x@example.com has open access":             {person: "x@example.com"},
		"several accounts are called prod-1 (111111111111, 122222222222)":   {account: "prod-1"},
		"there is no request 01Z in the table " + e.table.Name:              {id: "01Z"},
	} {
		c.why = "w"
		_, err := c.on(e.operation(true, "")).run(t.Context())
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("%+v: %v, want %s", c, err, text)
		}
	}
	for _, id := range []string{"01A", "01B"} {
		if r := e.at(id); r.State != access.Active {
			t.Errorf("%s is %s", id, r.State)
		}
	}
}

// Names come from Slack, so one must not look like another line or move the cursor.
func TestNamesCannotForgeLines(t *testing.T) {
	e := newEmergency(t)
	evil := dev
	evil.Name = "dev\nactive 01Z Admin\x1b[2K\u202e"
	e.grant("01A", evil, "111111111111", "Admin")
	_, err := closing{all: true, list: true}.on(e.operation(true, "")).run(t.Context())
	e.must(err)
	if strings.Count(e.out.String(), "\n") != 3 || strings.ContainsAny(e.out.String(), "\x1b\u202e") {
		t.Errorf("said %q", e.out.String())
	}
}

func TestWrongCommandLinesOfCloseEndNothing(t *testing.T) {
	for line, want := range map[string]string{
		"close":                                      "give one of ID, --person, --account and --all",
		"close 01A --all --reason x":                 "give one of ID, --person, --account and --all",
		"close --person U0DEV1 --all":                "give one of ID, --person, --account and --all",
		"close --all":                                "give --reason: A reason is needed",
		"close lower --reason x":                     "lower is not the id of a request",
		"close 01A 01B --reason x":                   "it does not take the argument 01B",
		"close --all --reason x 01A":                 "give one of ID, --person, --account and --all",
		"close --person dev1 --reason x":             "--person needs a Slack id",
		"close --person= --all --reason x":           "--person or --account is empty",
		"close --all --list --wait":                  "--list only shows",
		"close --all --table= --reason x":            "--table is empty",
		"close --all --region x --reason x":          "--region needs a region",
		"close --person U0DEV1 --table t --reason x": "--person with --table needs --devices too",
		"close --all --devices d --reason x":         "--devices needs the name of a table, or none, and goes with --person",
		"close-all --table t":                        "give --why: A reason is needed",
		"close-all --table t --why x now":            "it does not take the argument now",
		"freeze":                                     "give --reason: A reason is needed",
		"freeze now --reason x":                      "it does not take the argument now",
		"thaw --stack 1":                             "--stack needs the name",
		"sweep yes":                                  "it takes confirm or dismiss, and not yes",
		"sweep confirm now":                          "it does not take the argument now",
	} {
		s := inDirectory(t, nil)
		s.run(line, exitUsage)
		if !strings.Contains(s.stderr, want) || strings.Count(s.stderr, "\n") != 1 {
			t.Errorf("%s: %q, want %q", line, s.stderr, want)
		}
	}
}

func TestFreezeAndThawOfAnOperator(t *testing.T) {
	e := newEmergency(t)
	step := func(do func(*operation) (bool, error), answer, want string, on bool) {
		t.Helper()
		done, err := do(e.operation(false, answer))
		f, failed := e.store.Freeze(t.Context())
		said := e.out.String() + e.words.String()
		if err = errors.Join(err, failed); err != nil || f.On != on || !strings.Contains(said, want) ||
			done != !strings.HasPrefix(want, "\nNothing was done") {
			t.Errorf("%v, %v, %+v; said %s%s, want %q", done, err, f, e.out.String(), e.words.String(), want)
		}
	}
	freeze := func(o *operation) (bool, error) { return o.freeze(t.Context(), "a stolen laptop") }
	thaw := func(o *operation) (bool, error) { return o.thaw(t.Context()) }
	step(thaw, "yes\n", "Nothing is frozen.\n", false)
	step(freeze, "no\n", "\nNothing was done.", false)
	step(freeze, "yes\n", "Everything is frozen: nothing is granted", true)
	step(freeze, "yes\n",
		"Everything is frozen already, since 2026-11-21T12:00:00Z by alice (operator): a stolen laptop\n", true)
	r := e.ask("01P", dev, "111111111111", "Admin", false)
	next, event, err := r.Approve(other, 0, access.Terms{Max: time.Hour, Met: true}, e.now)
	if e.must(err); !errors.Is(e.store.Save(t.Context(), next, event, ""), access.ErrFrozen) {
		t.Error("something was granted while everything was frozen")
	}
	step(thaw, "no\n", "\nNothing was done.", true)
	step(thaw, "yes\n", "Thawed.", false)
	f, err := e.store.Freeze(t.Context())
	if e.must(err); len(f.Thaw) != 1 || f.Thaw[0].ID != operator.ID || f.By.ID != operator.ID {
		t.Errorf("the record does not say who: %+v", f)
	}
	e.must(e.store.Save(t.Context(), next, event, ""))
}

func TestCloseRecordsWhoTheShellIsAtAWS(t *testing.T) {
	e := newEmergency(t)
	e.now = time.Now().UTC()
	e.grant("01A", dev, "111111111111", "Admin")
	e.grant("01B", dev, "111111111111", "Admin")
	c := newClinic(t, thePolicy(t)) // its STS knows the shell
	keys, err := c.aws.FunctionCredentials(theVendRole)
	e.must(err)
	for name, value := range map[string]string{
		"AWS_ENDPOINT_URL_DYNAMODB": e.table.Endpoint, "AWS_ENDPOINT_URL_STS": c.api.url + "/sts",
		"AWS_ACCESS_KEY_ID": keys.AccessKeyID, "AWS_SECRET_ACCESS_KEY": keys.SecretKey.Reveal(),
		"AWS_SESSION_TOKEN": keys.SessionToken.Reveal(),
	} {
		t.Setenv(name, value)
	}
	who, err := sts.New(sts.Options{
		Region: "eu-west-1", BaseEndpoint: aws.String(c.api.url + "/sts"),
		Credentials: credentials.NewStaticCredentialsProvider(keys.AccessKeyID, keys.SecretKey.Reveal(),
			keys.SessionToken.Reveal()),
	}).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
	e.must(err)
	var out, words strings.Builder
	line := []string{"close", "01A", "--reason", "an incident", "--table", e.table.Name, "--yes"}
	code := run(t.Context(), line, &out, &words)
	by := e.at("01A").Closed.By
	if code != exitOK || by.ID != *who.Arn || !strings.HasSuffix(by.Name, " (operator)") {
		t.Errorf("ended with %d, closed by %+v, want %s: %s%s", code, by, *who.Arn, out.String(), words.String())
	}
	line = []string{"close-all", "--table", e.table.Name, "--why", "restored", "--by", "Operations"}
	if code := run(t.Context(), line, &out, &words); code != exitOK || e.at("01B").State != access.Active {
		t.Errorf("close-all without --yes: %d, %s", code, words.String())
	}
	code = run(t.Context(), append(line, "--yes"), &out, &words)
	if r := e.at("01B"); code != exitOK || r.Closed.By.ID != *who.Arn || r.Closed.By.Name != "Operations" {
		t.Errorf("close-all: %d, %+v: %s", code, r.Closed, words.String())
	}
	words.Reset()
	code = run(t.Context(), []string{"close", "01A", "--reason", "x", "--table", "gone", "--yes"}, &out, &words)
	const gone = "there is no table gone with the indexes of aws-access in eu-west-1"
	if code != exitProblem || !strings.Contains(words.String(), gone) {
		t.Errorf("without a table: %d, %s", code, words.String())
	}
}

func TestCloseEndsManyGrantsOfOneRoleAtOnce(t *testing.T) {
	e := newEmergency(t)
	const grants = 150
	for i := range grants {
		e.grant(fmt.Sprintf("01A%03d", i), dev, "111111111111", "Admin")
	}
	if !e.close(closing{all: true}) || !strings.Contains(e.out.String(), "and 130 more; --list shows all\n") ||
		!strings.Contains(e.out.String(), "\nRevoked 150 grants.\n") {
		t.Errorf("%s%s", e.out.String(), e.words.String())
	}
	l, err := e.store.CutList(t.Context(), access.CutKey{Account: "111111111111", Role: "Admin"})
	if e.must(err); len(l.Names) != grants {
		t.Errorf("%d names are on the cut list, want %d", len(l.Names), grants)
	}
}
