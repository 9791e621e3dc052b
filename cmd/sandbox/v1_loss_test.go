package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/cmd/sandbox/world"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
	"github.com/aws-access/aws-access/pkg/wire"
)

// tries is how often a program sends the same bytes, and how often a person runs the command again.
const tries = 4

// send sends a call as the command does: the same bytes again while no signed answer comes.
func send(p *sandboxtest.Program, sent *wire.Sent) (answer wire.Answer, ok bool) {
	p.B.T.Helper()
	for range tries {
		if answer, err := sent.Read(p.Post(sent)); err == nil {
			return answer, true
		}
	}
	return answer, false
}

// until makes calls, as somebody who runs the command again, until one has this status.
func until(p *sandboxtest.Program, status int, sign func() *wire.Sent) (answer wire.Answer) {
	p.B.T.Helper()
	var said []string
	for range tries {
		answer, ok := send(p, sign())
		if ok && answer.Status == status {
			return answer
		}
		var refused wire.Refusal
		if ok {
			_ = answer.Decode(&refused) // an answer that holds something else has no refusal
		}
		said = append(said, fmt.Sprint(answer.Status, " ", refused.Code))
	}
	p.B.T.Errorf("no answer has status %d: %s", status, strings.Join(said, ", "))
	return answer
}

// Every single call fails once, or loses its answer once, while a computer is paired, asks, gets keys
// and a console link, and gives them back. The command's next call is right: there is one device with
// its notice, one request, and no session that is not recorded.
func TestAnySingleLossOnTheWayOfAProgramIsMended(t *testing.T) {
	sandboxtest.SkipIfShort(t, "it starts many sandboxes")
	for _, how := range []string{world.FaultError, world.FaultLost, world.FaultDead} {
		for skipped := 0; ; skipped++ {
			if met := lossRun(t, how, skipped); !met {
				t.Logf("%s: %d calls went wrong, one at a time", how, skipped)
				if skipped < 15 {
					t.Errorf("%s: only %d calls were made", how, skipped)
				}
				break
			}
		}
	}
}

// lossRun lets the call fail that follows a number of others, and reports whether there was one.
func lossRun(t *testing.T, how string, skipped int) (met bool) {
	t.Run(fmt.Sprintf("%s after %d calls", how, skipped), func(t *testing.T) {
		b := sandboxtest.Start(t, sandboxtest.Policy(t))
		p := sandboxtest.NewProgram(b)
		code := b.Code("U0DEV1")
		pair, err := p.Caller.Pair(code, "laptop", p.Now())
		if err != nil {
			t.Fatal(err)
		}
		if skipped > 0 {
			b.World().Faults.Add(world.Fault{At: "*", How: sandboxtest.NoFault, Times: skipped})
		}
		b.World().Faults.Add(world.Fault{At: "*", How: how, Times: 1})
		until(p, http.StatusOK, func() *wire.Sent { return pair })
		until(p, http.StatusOK, func() *wire.Sent {
			return p.Sign(wire.Payload{
				Op: wire.Request, Account: "payments-dev", Role: "ReadOnly", Length: "1h", Reason: "for the test",
			})
		})
		answer := until(p, http.StatusOK, func() *wire.Sent {
			return p.Sign(wire.Payload{Op: wire.Keys, Account: "payments-dev", Role: "ReadOnly"})
		})
		until(p, http.StatusOK, func() *wire.Sent {
			return p.Sign(wire.Payload{Op: wire.Console, Account: "payments-dev", Role: "ReadOnly"})
		})
		until(p, http.StatusOK, func() *wire.Sent {
			return p.Sign(wire.Payload{Op: wire.End, ID: b.Request().ID})
		})
		met = len(b.World().Faults.Active()) == 0
		b.World().Faults.Clear()
		b.Advance("3m")
		if keys, err := answer.Keys(); err != nil || lives(b, keys) {
			t.Errorf("the keys of access that was given back work after three minutes: %v", err)
		}
		checkRecords(b)
	})
	return met
}

// checkRecords checks that what there is, is recorded.
func checkRecords(b *sandboxtest.Sandbox) {
	b.T.Helper()
	s := b.State()
	if len(s.Devices) != 1 || s.Devices[0].Removed != nil {
		b.T.Errorf("the devices are %+v", s.Devices)
	}
	if len(s.Requests) != 1 || s.Requests[0].State != "ended" {
		b.T.Errorf("the requests are %+v", s.Requests)
	}
	notices := sandboxtest.Count(s.Messages, func(m slackfake.Message) bool {
		return m.DMWith == "U0DEV1" && m.To == "" && strings.Contains(string(m.Blocks), `"Remove"`)
	})
	if notices == 0 {
		b.T.Error("there is a device without its notice")
	}
	orders := 0
	for _, e := range s.Audit {
		if e.Outcome == "ordered" && e.Device == s.Devices[0].ID {
			orders++
		}
	}
	if len(s.Sessions) > orders {
		b.T.Errorf("%d sessions live, and %d orders are recorded", len(s.Sessions), orders)
	}
}
