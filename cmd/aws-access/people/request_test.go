package people

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/client/clienttest"
	"github.com/aws-access/aws-access/pkg/wire"
)

func TestRequestThatNeedsNobodyIsGranted(t *testing.T) {
	d := newDesk(t)
	d.login()
	d.want(d.run("request", prodName, operator, "2h", "stuck", "payouts", "--ticket", "PAY-1"), ExitDone, "It is active.")
	if g := d.grants[0]; g.Reason != "stuck payouts" || g.Ticket != "PAY-1" || g.Length != "2h" || d.waits != 0 {
		t.Errorf("asked for %+v, waited %d times", g, d.waits)
	}
	if out := d.out.String(); !strings.Contains(out, "payments-prod (111111111111)") || !strings.Contains(out, "(in 1h)") {
		t.Errorf("printed:\n%s", out)
	}
}

func TestRequestWaitsForTheDecision(t *testing.T) {
	for to, code := range map[access.State]int{
		access.Active: ExitDone, access.Denied: ExitRefused, access.TimedOut: ExitRefused, access.Cancelled: ExitRefused,
	} {
		d := newDesk(t)
		d.login()
		d.choices = choices(true)
		d.onWait = func(n int) {
			if n == 40 {
				d.move("REQ1", to)
			}
		}
		got := d.run("request", prodName, operator, "1h", "looking")
		if got != code || d.waits != 40 || !strings.Contains(d.out.String(), string(to)) {
			t.Errorf("%s: ended with %d after %d waits, want %d:\n%s", to, got, d.waits, code, d.out.String())
		}
		line := "Waiting for an answer to REQ1: 0 of 1 from leads\n"
		if strings.Count(d.words.String(), line) != 1 || !strings.Contains(d.words.String(), "It is "+string(to)+".") {
			t.Errorf("%s: it says:\n%s", to, d.words.String())
		}
	}
}

// While everything is frozen, the wait may be long: why is said before it begins, once.
func TestRequestSaysBeforeItWaitsThatEverythingIsFrozen(t *testing.T) {
	d := newDesk(t)
	d.login()
	d.choices = choices(true)
	const says = "It waits. AWS access is frozen by sec1 since 21 Nov 12:00 UTC."
	d.answers[wire.Request] = func(call wire.Call) clienttest.Reply {
		g := d.submit(call.Payload).Body.(wire.Grant)
		g.Frozen, g.Text = true, says
		return reply(g)
	}
	d.onWait = func(n int) {
		if said := d.words.String(); n == 1 && !strings.Contains(said, says+"\n") {
			t.Errorf("before the first look it said: %s", said)
		}
		if n == 3 {
			d.move("REQ1", access.Active)
		}
	}
	d.want(d.run("request", prodName, operator, "1h", "looking"), ExitDone, "It is active.")
	if said := d.words.String(); strings.Count(said, says) != 1 {
		t.Errorf("it said: %s", said)
	}
}

func TestNoWaitIsDoneOnceItIsAsked(t *testing.T) {
	d := newDesk(t)
	d.login()
	d.choices = choices(true)
	d.want(d.run("request", "--no-wait", prodName, operator, "1h", "looking", "--json"), ExitDone)
	var g wire.Grant
	if err := json.Unmarshal(d.out.Bytes(), &g); err != nil || g.ID != "REQ1" || g.State != "pending" || d.waits != 0 {
		t.Errorf("printed %s, %v, waited %d times", d.out.String(), err, d.waits)
	}
}

func TestInterruptLeavesTheRequestAndSaysHowToGoOn(t *testing.T) {
	d := newDesk(t)
	d.login()
	d.choices = choices(true)
	ctx, cancel := context.WithCancel(t.Context())
	d.onWait = func(int) { cancel() }
	d.want(d.runUntil(ctx, "request", prodName, operator, "1h", "looking"), exitInterrupted,
		"aws-access status REQ1", "aws-access cancel REQ1")
	if d.grants[0].State != "pending" || len(d.grants) != 1 {
		t.Errorf("requests %+v", d.grants)
	}
}

// The network of a laptop comes and goes while somebody waits for an approval.
func TestWaitingOutlastsAShortLossOfTheNetwork(t *testing.T) {
	d := newDesk(t)
	d.login()
	d.choices = choices(true)
	ok := d.server.Before
	d.onWait = func(n int) {
		switch n {
		case 2:
			d.server.Before = func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
				w.WriteHeader(http.StatusInternalServerError)
				return true
			}
		case 6:
			d.server.Before = ok
			d.move("REQ1", access.Active)
		}
	}
	d.want(d.run("request", prodName, operator, "1h", "looking"), ExitDone)
	d.onWait = func(n int) {
		if n == 2 {
			d.server.Before = func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
				_, _ = w.Write([]byte("<html>sign in</html>"))
				return true
			}
		}
	}
	d.choices = choices(true)
	d.want(d.run("request", prodName, operator, "1h", "looking"), ExitNotAsked, "not signed by the server",
		"The request REQ2 stays as it is")
}

func TestWrongRequestIsNotSent(t *testing.T) {
	for name, c := range map[string]struct {
		args  []string
		words string
	}{
		"too few words":   {[]string{prodName, operator, "1h"}, "REASON is missing; it takes ACCOUNT ROLE LENGTH REASON"},
		"an empty reason": {[]string{prodName, operator, "1h", " "}, "REASON is empty; write why"},
		"a long reason": {[]string{prodName, operator, "1h", strings.Repeat("é", 3001)},
			"REASON has 3001 characters, and at most 3000 are allowed"},
		"a hidden character": {[]string{prodName, operator, "1h", "x\x1b"},
			"at most 3,000 characters, and none that cannot be seen"},
		"a bad role": {[]string{prodName, "a b", "1h", "x"},
			"its role is empty, too long or malformed; it has 1 to 64"},
		"no account": {[]string{"", operator, "1h", "x"}, "it has no account"},
		"a long ticket": {[]string{prodName, operator, "1h", "x", "--ticket", strings.Repeat("x", 101)},
			"its ticket is"},
		"a flag": {[]string{prodName, operator, "1h", "x", "--wait"}, "flag provided but not defined: -wait"},
		"a URL":  {[]string{prodName, operator, "1h", "x", "--url", "https://x/v1"}, "--url is for machines"},
		"a machine": {[]string{prodName, operator, "1h", "x", "--as", "me", "--url",
			"https://x/v1#" + strings.Repeat("A", 43)}, `--as "me" is not known`},
		"a near flag":        {[]string{prodName, operator, "1h", "x", "--nowait"}, "did you mean --no-wait?"},
		"an unknown machine": {[]string{prodName, operator, "1h", "x", "--as", "gitlab"}, `--as "gitlab" is not known`},
		"no URL": {[]string{prodName, operator, "1h", "x", "--as", "aws"},
			"a machine needs the URL of the server"},
	} {
		d := newDesk(t)
		d.login()
		d.want(d.run(append([]string{"request"}, c.args...)...), ExitWrongUse, c.words)
		if len(d.grants) != 0 {
			t.Errorf("%s: it was sent", name)
		}
	}
}

func TestReasonMayBeginWithAHyphenAfterTheMark(t *testing.T) {
	d := newDesk(t)
	d.login()
	d.want(d.run("request", "--no-wait", prodName, operator, "1h", "--", "--json", "is", "broken"), ExitDone)
	if d.grants[0].Reason != "--json is broken" {
		t.Errorf("reason %q", d.grants[0].Reason)
	}
}

// Slack's command takes the same lengths.
func TestALengthMayBeOfSeveralWords(t *testing.T) {
	for line, want := range map[string][2]string{
		"2h why":                {"2h", "why"},
		"2 hours why it is":     {"2 hours", "why it is"},
		"1h 30m why":            {"1h 30m", "why"},
		"1 h 30 min why":        {"1 h 30 min", "why"},
		"1h 30m":                {"1h", "30m"}, // a reason is mandatory
		"2 why":                 {"2", "why"},  // the server says what is wrong
		"1h 404 errors are up":  {"1h", "404 errors are up"},
		"two hours why":         {"two", "hours why"},
		"1H30M since yesterday": {"1H30M", "since yesterday"},
	} {
		length, rest := cutLength(strings.Fields(line))
		if got := [2]string{length, strings.Join(rest, " ")}; got != want {
			t.Errorf("%s: got %q, want %q", line, got, want)
		}
	}
	if length, rest := cutLength([]string{"1h", "30m outage"}); length != "1h" || rest[0] != "30m outage" {
		t.Errorf("a quoted reason: %q, %q", length, rest)
	}
}

func TestASecondRequestSaysThatItsLengthAndReasonAreNotUsed(t *testing.T) {
	d := newDesk(t)
	d.login()
	d.want(d.run("request", prodName, operator, "1h", "looking"), ExitDone)
	if strings.Contains(d.words.String(), "not used") {
		t.Errorf("the first one says:\n%s", d.words.String())
	}
	d.answers[wire.Request] = func(wire.Call) clienttest.Reply {
		g := d.grants[0]
		g.Earlier = true
		return reply(g)
	}
	d.want(d.run("request", prodName, operator, "30m", "another"), ExitDone,
		"You have this access already: REQ1, for 1h, with the reason “looking”", "were not used", "aws-access done REQ1")
	d.grants[0].State = string(access.Pending)
	d.want(d.run("request", "--no-wait", prodName, operator, "30m", "another"), ExitDone,
		"You have asked for this already: REQ1", "aws-access cancel REQ1")
}

func TestTheBeginningOfAnIDIsEnough(t *testing.T) {
	d := newDesk(t)
	d.login()
	for _, id := range []string{"01M8AAAAAAAAAAAAAAAAAAAAAA", "01M8BAAAAAAAAAAAAAAAAAAAAA"} {
		d.run("request", prodName, operator, "1h", "looking")
		d.grants[len(d.grants)-1].ID = id
	}
	d.want(d.run("status", "01m8b"), ExitDone)
	if !strings.Contains(d.out.String(), "01M8BAAAAAAAAAAAAAAAAAAAAA") {
		t.Errorf("status: %s", d.out.String())
	}
	d.want(d.run("done", "01M8"), ExitWrongUse, `more than one of your requests begins with "01M8"`)
	d.want(d.run("cancel", "01M9"), ExitRefused, "There is no such request.")
	d.want(d.run("done", "01M8A"), ExitDone)
	if d.grants[0].State != string(access.Ended) || d.grants[1].State != string(access.Active) {
		t.Errorf("requests %+v", d.grants)
	}
}

func TestDoneWithAPendingRequestNamesCancel(t *testing.T) {
	d := newDesk(t)
	d.login()
	d.choices = choices(true)
	d.want(d.run("request", "--no-wait", prodName, operator, "1h", "looking"), ExitDone)
	d.want(d.run("done"), ExitRefused, "aws-access done: You hold no access that could be given back. "+
		"The request REQ1 for “Operator” is pending; take it back: aws-access cancel REQ1.")
}

func TestAClosedRequestHasItsReasonInARowOfItsOwn(t *testing.T) {
	d := newDesk(t)
	d.login()
	d.choices = choices(true)
	d.want(d.run("request", "--no-wait", prodName, operator, "1h", "looking"), ExitDone)
	d.move("REQ1", access.Denied)
	d.want(d.run("status", "REQ1"), ExitDone)
	for _, row := range []string{"closed by  Lea\n", "because    because\n", "(now)\n"} {
		if !strings.Contains(d.out.String(), row) {
			t.Errorf("no %q in:\n%s", row, d.out.String())
		}
	}
}

func TestRefusedRequestSaysWhatTheServerSays(t *testing.T) {
	d := newDesk(t)
	d.login()
	d.answers[wire.Request] = func(wire.Call) clienttest.Reply {
		return clienttest.Refuse("not_allowed", "You cannot ask for\x1b[31m \u202ethis.", "Ask\nsomebody.")
	}
	d.want(d.run("request", prodName, operator, "1h", "x"), ExitRefused)
	if want := "aws-access request: You cannot ask for[31m this. Ask somebody.\n"; d.words.String() != want {
		t.Errorf("says %q, want %q", d.words.String(), want)
	}
}

func TestListShowsWhatIsHeldAndHidesWhatMovesTheCursor(t *testing.T) {
	d := newDesk(t)
	d.login()
	d.want(d.run("list"), ExitDone, "There is nothing to list.")
	d.want(d.run("request", prodName, operator, "1h", "looking"), ExitDone)
	d.grants[0].Reason = "evil\x1b]0;title\x07\r\nADMIN \u202egnp.exe\u2066 \u009b31m"
	d.grants[0].AccountName = "pay\tments\nprod"
	d.want(d.run("list"), ExitDone)
	const moving = "\x1b\x07\r\u009b\u202e\u2066\t"
	if out := d.out.String(); strings.Count(out, "\n") != 2 || strings.ContainsAny(out, moving) ||
		!strings.Contains(out, "evil]0;title ADMIN gnp.exe 31m") {
		t.Errorf("printed %q", out)
	}
	d.want(d.run("list", "--json"), ExitDone)
	if out := d.out.String(); strings.ContainsAny(out, moving) {
		t.Errorf("printed %q", out)
	}
	var all wire.Grants
	if err := json.Unmarshal(d.out.Bytes(), &all); err != nil || all.Requests[0].Reason != d.grants[0].Reason {
		t.Errorf("the JSON says %+v, %v", all, err)
	}
	d.want(d.run("status", "REQ1"), ExitDone)
	if out := d.out.String(); strings.ContainsAny(out, moving) {
		t.Errorf("printed %q", out)
	}
}

func TestStatusAndCancel(t *testing.T) {
	d := newDesk(t)
	d.login()
	d.choices = choices(true)
	d.want(d.run("request", "--no-wait", prodName, operator, "1h", "looking"), ExitDone)
	d.want(d.run("status"), ExitDone)
	if !strings.Contains(d.out.String(), "REQ1") {
		t.Errorf("printed %s", d.out.String())
	}
	d.want(d.run("cancel", "REQ1"), ExitDone, "It is cancelled.")
	d.want(d.run("status"), ExitDone, "There is nothing to list.")
	d.want(d.run("cancel", "REQ1"), ExitRefused, "There is no such request.")
	d.want(d.run("cancel", "a b"), ExitWrongUse, "is not the id of a request")
	d.want(d.run("status", "a b"), ExitWrongUse, "is not the id of a request")
	d.want(d.run("status", "REQ9"), ExitRefused, "There is no such request.")
}

func TestDoneEndsTheOnlyGrantAndRemovesKeys(t *testing.T) {
	d := newDesk(t)
	d.login()
	d.want(d.run("done"), ExitRefused, "You hold no access that could be given back.")
	d.want(d.run("request", prodName, operator, "1h", "looking"), ExitDone)
	d.want(d.run("credential-process", prodName, operator), ExitDone)
	d.want(d.run("done"), ExitDone, "It is ended.")
	d.want(d.run("credential-process", prodName, operator), ExitRefused, "You have no access to")
}

func TestDoneListsSeveralGrantsAndEndsNone(t *testing.T) {
	d := newDesk(t)
	d.login()
	for range 2 {
		d.want(d.run("request", prodName, operator, "1h", "looking"), ExitDone)
	}
	code := d.run("done")
	if out := d.out.String(); code != ExitWrongUse || !strings.Contains(out, "REQ1") || !strings.Contains(out, "REQ2") {
		t.Errorf("ended with %d:\n%s%s", code, out, d.words.String())
	}
	d.want(d.run("done", "REQ2"), ExitDone)
	if d.grants[0].State != "active" || d.grants[1].State != "ended" {
		t.Errorf("grants %+v", d.grants)
	}
}

// A key that was given back must not be used from this computer, even if the answer is lost.
func TestKeysGoEvenIfTheServerDoesNotAnswer(t *testing.T) {
	d := newDesk(t)
	d.login()
	d.want(d.run("request", prodName, operator, "1h", "looking"), ExitDone)
	d.want(d.run("credential-process", prodName, operator), ExitDone)
	d.offline()
	d.want(d.run("done", "REQ1"), ExitNotAsked, "the server cannot be reached")
	d.want(d.run("credential-process", prodName, operator), ExitNotAsked)
}

func TestRevokeThatWasSeenEmptiesTheCache(t *testing.T) {
	for _, command := range []string{"list", "status REQ1"} {
		d := newDesk(t)
		d.login()
		d.want(d.run("request", prodName, operator, "1h", "looking"), ExitDone)
		d.want(d.run("credential-process", prodName, operator), ExitDone)
		d.move("REQ1", access.Revoked)
		d.want(d.run("credential-process", prodName, operator), ExitDone) // nobody has seen it
		d.want(d.run(strings.Fields(command)...), ExitDone)
		d.want(d.run("credential-process", prodName, operator), ExitRefused)
	}
}

// Somebody who reads only that access was revoked takes its keys for dead.
func TestListAndStatusSayThatSessionsAreStillEnding(t *testing.T) {
	d := newDesk(t)
	d.login()
	d.want(d.run("request", prodName, operator, "1h", "looking"), ExitDone)
	d.move("REQ1", access.Revoked)
	now := d.server.Now().UTC()
	last, identity := now.Add(25*time.Minute), now.Add(40*time.Minute)
	s := &wire.Sessions{State: wire.SessionsEnding, Since: &now, ActUntil: &last, IdentityUntil: &identity}
	d.grants[0].Sessions = s
	const says = "REQ1 is over, and its sessions are still ending. Until that is done they can act, at the latest until "
	for _, command := range []string{"list", "status"} {
		d.want(d.run(command), ExitDone, says, "(in 25m).")
		if out := d.out.String(); !strings.Contains(out, "revoked, ending") || !strings.Contains(out, "(in 25m)") {
			t.Errorf("%s printed:\n%s", command, out)
		}
	}
	d.want(d.run("status", "REQ1"), ExitDone)
	for _, row := range []string{`sessions +ending`, `since +.*\(now\)`, `can act until +.*\(in 25m\)`,
		`identity until +.*\(in 40m\)`} {
		if out := d.out.String(); !regexp.MustCompile("(?m)^" + row).MatchString(out) {
			t.Errorf("no row %q:\n%s", row, out)
		}
	}
	d.want(d.run("list", "--json"), ExitDone)
	var all wire.Grants
	if err := json.Unmarshal(d.out.Bytes(), &all); err != nil || len(all.Requests) != 1 ||
		all.Requests[0].Sessions == nil || !all.Requests[0].Sessions.ActUntil.Equal(last) {
		t.Errorf("printed %s, %v", d.out.String(), err)
	}
	for state, want := range map[wire.SessionsState]string{ // the last two can act no more, or soon cannot
		wire.SessionsActing:      "REQ1 is over, and its sessions can act until ",
		"of a newer server":      "its sessions can act until ",
		wire.SessionsDenyWritten: "", wire.SessionsDenied: "",
	} {
		s.State = state
		if d.want(d.run("list"), ExitDone, want); want == "" && d.words.Len() > 0 {
			t.Errorf("%s: it says %s", state, d.words.String())
		}
	}
}

func TestTimesAreThoseOfThisComputer(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.Local)
	c := clock{now: now, gap: -time.Hour} // the server is an hour ahead
	end := now.Add(time.Hour + 25*time.Minute)
	if got, want := c.at(&end), now.Add(25*time.Minute).Format("15:04 MST")+" (in 25m)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for d, want := range map[time.Duration]string{
		20 * time.Second: " (now)", -20 * time.Second: " (now)",
		0: " (now)", -31 * time.Second: " (1m ago)", 31 * time.Second: " (in 1m)",
	} {
		end = now.Add(time.Hour + d)
		if got := c.at(&end); !strings.HasSuffix(got, want) {
			t.Errorf("%s: got %q, want %q", d, got, want)
		}
	}
	end = now.Add(-30 * time.Hour)
	if got, want := c.at(&end), now.Add(-31*time.Hour).Format("2 Jan 2006 15:04 MST")+" (1d7h ago)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := c.at(nil); got != "" {
		t.Errorf("got %q", got)
	}
}

func TestProgressIsOneLineOnATerminal(t *testing.T) {
	var b bytes.Buffer
	p := &progress{w: &b, width: 10}
	p.show("one")
	p.show("one")
	p.show("a long line of progress")
	p.end()
	if want := "\rone      \ra long li\r         \r"; b.String() != want {
		t.Errorf("wrote %q, want %q", b.String(), want)
	}
}
