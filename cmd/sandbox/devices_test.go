package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
	"github.com/aws-access/aws-access/pkg/wire"
)

// direct returns the message that stays in a person's conversation with the app and has
// this text.
func direct(b *sandboxtest.Sandbox, user, text string) slackfake.Message {
	b.T.Helper()
	return b.Last("message to "+user+" with "+text, func(m slackfake.Message) bool {
		return m.To == "" && m.DMWith == user && strings.Contains(m.Text, text)
	})
}

// The whole life of a computer: paired with a code from Slack, announced, used, removed by a
// click on the announcement, and then of no use.
func TestAComputerIsPairedUsedAndRemovedInSlack(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	p := sandboxtest.NewDevice(b, "U0DEV1")
	notice := direct(b, "U0DEV1", "was paired with you")
	status, grant, refused := p.Asks("payments-dev", "ReadOnly", "1h")
	if status != http.StatusOK || grant.State != "active" {
		t.Fatalf("got %d %+v %+v", status, grant, refused)
	}
	if keys, status, refused := p.Keys("payments-dev", "ReadOnly"); status != http.StatusOK || !lives(b, keys) {
		t.Fatalf("got %d %+v", status, refused)
	}
	b.Click("U0DEV2", "Remove", notice) // somebody else, who cannot see it
	if answer := p.Do(wire.Payload{Op: wire.Devices}); answer.Status != http.StatusOK {
		t.Fatalf("after the click of somebody else: got %d", answer.Status)
	}
	b.Click("U0DEV1", "Remove", notice)
	direct(b, "U0DEV1", "was removed from your paired computers")
	keys := wire.Payload{Op: wire.Keys, Account: "payments-dev", Role: "ReadOnly"}
	if got := p.Post(p.Sign(keys)); got.Status != http.StatusUnauthorized {
		t.Errorf("the removed computer: got %d", got.Status)
	}
	if r := b.Request(); r.State != "ended" {
		t.Errorf("the grant that it used is %s", r.State)
	}
}

// A code that two computers use makes no device in the end, and its owner learns of it.
func TestACodeOnTwoComputersLeavesNone(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	code := b.Code("U0DEV1")
	thief, owner := sandboxtest.NewProgram(b), sandboxtest.NewProgram(b)
	if status, refused := thief.Pair(code); status != http.StatusOK {
		t.Fatalf("got %d %+v", status, refused)
	}
	if status, refused := owner.Pair(code); status != http.StatusForbidden || refused.Code != "code_used" {
		t.Errorf("the second computer: got %d %+v", status, refused)
	}
	direct(b, "U0DEV1", "came from another computer too")
	if got := thief.Post(thief.Sign(wire.Payload{Op: wire.Devices})); got.Status != http.StatusUnauthorized {
		t.Errorf("the first computer: got %d", got.Status)
	}
}

// The order for a code reaches vend late, as on a busy day: the code is read when it comes, and an older one is
// not taken for it.
func TestTheCodeOfALateAnswerIsAwaited(t *testing.T) {
	if testing.Short() {
		t.Skip("waits for seconds of the clock")
	}
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	first := b.Code("U0DEV1").Text().Reveal()
	b.Do("faults", `{"at":"feed","how":"delay"}`)
	b.Do("clock", `{"run":true}`)
	if second := b.Code("U0DEV1").Text().Reveal(); second == first {
		t.Error("the first code was read again")
	}
}
