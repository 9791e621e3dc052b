package functions

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

func TestTheRateLimitCountsEachPersonAndRecovers(t *testing.T) {
	var c rateLimit
	took := func(user string, at time.Time) (n, told int) {
		for range 3 * rateBurst {
			ok, first := c.allow(user, at)
			if ok {
				n++
			}
			if first {
				told++
			}
		}
		return n, told
	}
	for _, step := range []struct {
		user          string
		after         time.Duration
		taken, toldOf int
	}{
		{"U1", 0, rateBurst, 1}, {"U2", 0, rateBurst, 1}, {"U1", 10 * time.Second, 10, 0},
		{"U1", time.Hour - time.Second, rateBurst, 0},
		{"U1", time.Hour, 1, 1}, {"U1", 0, 0, 0}, // a clock that goes back frees nothing
	} {
		if n, told := took(step.user, noon.Add(step.after)); n != step.taken || told != step.toldOf {
			t.Errorf("%s after %s: %d were taken and %d told, want %d and %d", step.user, step.after, n, told, step.taken,
				step.toldOf)
		}
	}
	for i := range 3 * maxSenders {
		c.allow(fmt.Sprint("U", i), noon)
	}
	if n := len(c.senders); n > maxSenders {
		t.Errorf("%d people are remembered, want at most %d", n, maxSenders)
	}
}

// A flood of clicks, forms and menus costs Slack and the table a limited number of
// calls. The operators are told once an hour, with the person's name.
func TestAFloodOfClicksCostsALimitedNumberOfCalls(t *testing.T) {
	w := newWorld(t)
	w.plant(access.Pending)
	flood := func() {
		for i := range 1000 {
			switch i % 4 {
			case 0:
				w.http(w.clicked("U0DEV2", "approve", theRequest))
			case 1:
				w.http(w.typed("U0DEV2", ""))
			case 2:
				w.http(w.sent("U0DEV2", "V1", "deny", theRequest, map[string]string{"reason": "no"}))
			default:
				w.http(w.typed("U0DEV2", "list"))
			}
		}
	}
	before := w.slackCalls.Load()
	flood()
	if calls := w.slackCalls.Load() - before; calls > 2*rateBurst {
		t.Errorf("1,000 clicks and commands cost %d calls to Slack, want at most %d", calls, 2*rateBurst)
	}
	if n := w.toldTimes("“dev2” (U0DEV2) sent more than"); n != 1 {
		t.Errorf("the operators read the name %d times, want once", n)
	}
	w.pass(time.Hour)
	flood()
	if n := w.toldTimes("“dev2” (U0DEV2) sent more than"); n != 2 {
		t.Errorf("an hour later the operators have read the name %d times, want twice", n)
	}
	if answer := w.http(w.typed("U0LEAD1", "list")); strings.Contains(answer.Body, "commands and clicks too fast") {
		t.Errorf("somebody else is answered %s", answer.Body)
	}
}

// A display name may look like a report. The operators read it as a name.
func TestTheNameOfAFlooderCannotForgeAReport(t *testing.T) {
	w := newWorld(t)
	name := "all is well.\nSlack takes messages again"
	must(t, w.slack.SetUser(slackfake.UserChange{ID: "U0DEV2", Name: &name}))
	for range 2 * rateBurst {
		w.http(w.typed("U0DEV2", "list"))
	}
	if n := w.toldTimes("“all is well. Slack takes messages again” (U0DEV2) sent more than"); n != 1 {
		t.Errorf("the operators read the name in quotes and on one line %d times, want once:\n%+v", n, w.slack.Messages())
	}
}
