package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/pkg/slackapi/slackfake"
	"github.com/aws-access/aws-access/pkg/vend/vendfake"
)

// told is the story as people live it when things go wrong: whoever sees no
// effect waits two minutes, looks again, and does it again.
func told(b *sandbox) {
	t := b.t
	insist := func(what string, so func(state) bool, do func(state)) {
		t.Helper()
		for range 4 {
			if s := b.state(); !so(s) {
				do(s)
			}
			if so(b.state()) {
				return
			}
			b.advance("2m")
		}
		if !so(b.state()) {
			t.Fatalf("%s: never came about; log:\n%s", what, strings.Join(b.logs.all(), ""))
		}
	}
	nothing := func(state) {}
	insist("the form", hasForm, func(state) { b.command("U0DEV1", "/aws-access") })
	insist("the request", func(s state) bool { return len(s.Requests) > 0 }, func(s state) {
		if !hasForm(s) {
			b.command("U0DEV1", "/aws-access")
			s = b.state()
		}
		if hasForm(s) {
			// Half-way the form may turn into words about what went wrong:
			// then there is nothing left to submit.
			b.lever("act", `{"as":"U0DEV1","submit":"`+s.Views[len(s.Views)-1].ID+`","values":{"Account":"payments-prod","Role":"ReadOnly","How long":"2h","Reason":"why"}}`)
		}
	})
	insist("the card", func(s state) bool { return len(cards(s, "AWS access wanted")) > 0 }, nothing)
	insist("the approval", func(s state) bool { return s.Requests[0].State == "active" }, func(s state) {
		b.click("U0LEAD1", "Approve", cards(s, "")[0])
	})
	insist("the grant", func(s state) bool { return len(grants(s, "AWS access granted")) > 0 }, nothing)
	for label, sign := range map[string]string{"Get temporary keys": "export AWS_ACCESS_KEY_ID=", "Open AWS console": "<" + b.url + "/federation?"} {
		insist(label, func(s state) bool { return received(s, sign) }, func(s state) {
			b.click("U0DEV1", label, grants(s, "")[0])
		})
	}
	b.advance("3h")
	insist("the end", func(s state) bool {
		return s.Requests[0].State == "expired" && len(cards(s, "AWS access has ended")) > 0 && len(grants(s, "AWS access has ended")) > 0 && noticed(s)
	}, nothing)
}

func hasForm(s state) bool {
	return len(s.Views) > 0 && s.Views[len(s.Views)-1].Submit == "Ask"
}

func cards(s state, title string) []slackfake.Message {
	return messages(s, func(m slackfake.Message) bool {
		return m.Channel == "C0APPROVALS" && m.To == "" && m.ThreadTS == "" && strings.HasPrefix(m.Text, title)
	})
}

func grants(s state, title string) []slackfake.Message {
	return messages(s, func(m slackfake.Message) bool {
		return m.DMWith == "U0DEV1" && m.To == "" && strings.HasPrefix(m.Text, "AWS access") && strings.HasPrefix(m.Text, title)
	})
}

func received(s state, sign string) bool {
	return len(messages(s, func(m slackfake.Message) bool { return m.To == "U0DEV1" && strings.HasPrefix(m.Text, sign) })) > 0
}

func noticed(s state) bool {
	return len(messages(s, func(m slackfake.Message) bool {
		return m.DMWith == "U0DEV1" && strings.HasPrefix(m.Text, "Your access to") && strings.HasSuffix(m.Text, "has ended.")
	})) > 0
}

func messages(s state, is func(slackfake.Message) bool) (found []slackfake.Message) {
	for _, m := range s.Messages {
		if is(m) {
			found = append(found, m)
		}
	}
	return found
}

// Every call that the story makes fails once and loses its answer once. The
// calls are recorded from the story itself, so that none can be forgotten.
func TestEveryCallFailsAndLosesItsAnswer(t *testing.T) {
	b := start(t, repository(t))
	before := b.state().Calls
	told(b)
	recorded := b.state().Calls
	reads := 0
	for op, n := range recorded {
		recorded[op] = n - before[op]
		if strings.HasPrefix(op, "store:") && op != "store:save" {
			reads += recorded[op]
		}
	}
	recorded["store:load"] = reads // as a fault it is every read
	for op, calls := range recorded {
		for n := range calls {
			for _, how := range []string{howError, howLost} {
				t.Run(fmt.Sprintf("%s %d %s", op, n+1, how), func(t *testing.T) {
					t.Parallel()
					tryFault(t, fault{At: op, How: how, Times: 1, skip: n})
				})
			}
		}
	}
}

// tryFault tells the story with one fault, and looks at what is left.
func tryFault(t *testing.T, f fault) {
	b := start(t, repository(t))
	b.world.stage.Load().faults.add(f)
	told(b)
	s := b.state()
	if len(s.Faults) > 0 {
		t.Errorf("the call was not made: the story went another way")
	}
	if len(s.Requests) != 1 {
		t.Errorf("%d requests were made", len(s.Requests))
	}
	issued := make(map[string]bool)
	for _, e := range s.Audit {
		if e.Outcome == "issued" {
			issued[e.AccessKeyID] = true
		}
	}
	unknown := count(s.Sessions, func(one vendfake.Session) bool { return !issued[one.AccessKeyID] })
	if allowed := f.At == "sts:AssumeRole" && f.How == howLost; unknown > 0 && !allowed {
		t.Errorf("%d sessions have no record", unknown)
	}
	for i, e := range s.Audit {
		if e.Seq != i+1 {
			t.Errorf("event %d has number %d", i+1, e.Seq)
		}
	}
}
