package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// flooding is how many commands one person sends.
const flooding = 2000

// targets are what dev1 may ask for; all of their cards stand in one channel.
var targets = []string{
	"payments-prod ReadOnly 1h \"why\"", "payments-prod Admin 1h \"why\" ticket=INC-42",
	"payments-dev Operator 1h \"why\"", "payments-dev Admin 1h \"why\"",
}

// One person sends 2,000 commands, with everything that Slack limits limited.
// Somebody else's card, in the same channel, is out within five seconds.
func TestOnePersonsFloodDelaysNobodysCard(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Do("faults", `{"at":"slack:*","how":"quota"}`)
	for i := range flooding {
		b.Command("U0DEV1", "/aws-access "+targets[i%len(targets)])
	}
	b.Command("U0DEV2", `/aws-access payments-prod ReadOnly 2h "somebody else"`)
	seconds := 0
	for ; seconds < 3*flooding && !slices.ContainsFunc(b.State().Messages, othersCard); seconds++ {
		b.Advance("1s")
	}
	st := b.State()
	t.Logf("%d requests were made; the other card was out after %d s", len(st.Requests), seconds)
	if seconds > 5 {
		t.Errorf("somebody else's card was out after %d s, want 5 at the most", seconds)
	}
	if n := len(st.Requests); n != len(targets)+1 {
		t.Errorf("%d requests were made, want %d", n, len(targets)+1)
	}
	b.Advance("2m")
	told := 0
	for _, m := range b.State().Messages {
		if m.Channel == "C0OPS" && strings.Contains(m.Text, "(U0DEV1) sent more than") {
			told++
		}
	}
	if told != 1 {
		t.Errorf("the operators were told %d times who it was, want once", told)
	}
}

func othersCard(m slackfake.Message) bool {
	return m.Channel == "C0APPROVALS" && m.To == "" && strings.Contains(fmt.Sprintf("%s %s", m.Text, m.Blocks),
		"somebody else")
}
