package main

import (
	"slices"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// floodSize is how many commands one person sends.
const floodSize = 2000

// floodTargets are what U0DEV1 may ask for. All their cards are posted in one
// channel.
var floodTargets = []string{
	"payments-prod ReadOnly 1h \"why\"", "payments-prod Admin 1h \"why\" ticket=INC-42",
	"payments-dev Operator 1h \"why\"", "payments-dev Admin 1h \"why\"",
}

// While one person sends 2,000 commands and Slack allows one message a second in
// each channel, another person's card in the same channel is posted within five
// seconds, and the operators read once who it was.
func TestOnePersonsFloodDelaysNobodysCard(t *testing.T) {
	sandboxtest.SkipIfShort(t, "2,000 commands")
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Do("faults", `{"at":"slack:*","how":"quota"}`)
	for i := range floodSize {
		b.Command("U0DEV1", "/aws-access "+floodTargets[i%len(floodTargets)])
	}
	b.Command("U0DEV2", `/aws-access payments-prod ReadOnly 2h "somebody else"`)
	seconds := 0
	for ; seconds < 3*floodSize && !slices.ContainsFunc(b.State().Messages, isOtherCard); seconds++ {
		b.Advance("1s")
	}
	requests := len(b.State().Requests)
	t.Logf("%d requests were made; the other card was posted after %d s", requests, seconds)
	if seconds > 5 {
		t.Errorf("the other person's card was posted after %d s, want at most 5", seconds)
	}
	if requests != len(floodTargets)+1 {
		t.Errorf("%d requests were made, want %d", requests, len(floodTargets)+1)
	}
	b.Advance("2m")
	notices := sandboxtest.Count(b.State().Messages, func(m slackfake.Message) bool {
		return m.Channel == "C0OPS" && strings.Contains(m.Text, "(U0DEV1) sent more than")
	})
	if notices != 1 {
		t.Errorf("the operators were told %d times who it was, want once", notices)
	}
}

// isOtherCard matches the card of the other person's request.
func isOtherCard(m slackfake.Message) bool {
	return m.Channel == "C0APPROVALS" && m.To == "" && strings.Contains(m.Text+" "+string(m.Blocks), "somebody else")
}
