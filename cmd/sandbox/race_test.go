package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/aws-access/aws-access/cmd/sandbox/controls"
	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

const (
	raceRounds = 200
	approvers  = 10 // people who click Approve in each round
	deciders   = 15 // approvers, and people who submit a denial
)

// When sixteen people decide on a request at once, one of them wins, each move
// makes one event, and all others learn who won.
func TestOneOfSixteenDeciders(t *testing.T) {
	sandboxtest.SkipIfShort(t, "200 rounds of sixteen people")
	b := sandboxtest.Start(t, strings.Replace(sandboxtest.Policy(t), "asks_per_hour: 30", "asks_per_hour: 1000", 1))
	var users, ids []string
	for i := range deciders {
		ids = append(ids, `"`+leader(i)+`"`)
		users = append(users, fmt.Sprintf(`{"id":%q,"name":"leader%02d"}`, leader(i), i))
	}
	b.Do("people", `{"users":[`+strings.Join(users, ",")+`],"groups":{"S0LEADS":[`+strings.Join(ids, ",")+`]}}`)
	outcomes := make(map[access.State]int)
	for range raceRounds {
		b.Advance("10s") // otherwise the limit of clicks per minute refuses some
		outcomes[decideAtOnce(b)]++
	}
	t.Logf("outcomes: %v", outcomes)
	if len(outcomes) < 2 {
		t.Errorf("the same kind of decision won every round: %v", outcomes)
	}
}

func leader(i int) string { return fmt.Sprintf("U0L%02d", i) }

// decideAtOnce runs one round and returns the state in which it ended.
func decideAtOnce(b *sandboxtest.Sandbox) access.State {
	t, w := b.T, b.World()
	b.Command("U0DEV1", sandboxtest.AskCommand)
	before := w.Slack.Messages()
	cards := sandboxtest.Messages(controls.State{Messages: before}, func(m slackfake.Message) bool {
		return m.Channel == "C0APPROVALS" && m.To == ""
	})
	responses := allAtOnce(b, decisions(b, cards[len(cards)-1]))
	requests := w.Store.All(t.Context())
	r := requests[len(requests)-1]
	if r.Version != 2 || len(r.Approvals) > 1 {
		t.Fatalf("after %d events and %d approvals it is %s", r.Version, len(r.Approvals), r.State)
	}
	winner := r.Closed.By
	if r.State == access.Active {
		winner = r.Approvals[0].By
	}
	for who, response := range responses {
		told := response + privateTexts(w.Slack.Messages()[len(before):], who)
		if who != winner.ID && !strings.Contains(told, winner.Name) {
			t.Fatalf("%s won with %s, and %s was told %q", winner.Name, r.State, who, told)
		}
	}
	if r.State == access.Active { // otherwise the next request would be refused as already granted
		b.Click("U0DEV1", "I'm done", b.Direct("U0DEV1"))
	}
	return r.State
}

// decisions are the actions of one round, by person: the requester cancels,
// some leaders approve, and the others submit a denial whose form is open.
func decisions(b *sandboxtest.Sandbox, card slackfake.Message) map[string]string {
	on := `"on":"` + card.Channel + "/" + card.TS + `"}`
	actions := map[string]string{"U0DEV1": `{"as":"U0DEV1","click":"Cancel",` + on}
	for i := range deciders {
		id := leader(i)
		if i < approvers {
			actions[id] = `{"as":"` + id + `","click":"Approve",` + on
			continue
		}
		b.Do("act", `{"as":"`+id+`","click":"Deny",`+on)
		views := b.World().Slack.Views()
		actions[id] = `{"as":"` + id + `","submit":"` + views[len(views)-1].ID + `","values":{"Reason":"no"}}`
	}
	return actions
}

// allAtOnce runs actions concurrently, and returns the body of each response.
func allAtOnce(b *sandboxtest.Sandbox, actions map[string]string) map[string]string {
	var mu sync.Mutex
	responses := make(map[string]string)
	var all sync.WaitGroup
	for who, action := range actions {
		all.Go(func() {
			var out slackfake.Outcome
			text := b.Do("act", action)
			if err := json.Unmarshal([]byte(text), &out); err != nil || out.Status != 200 {
				b.T.Errorf("%s: got %s", who, text)
			}
			mu.Lock()
			defer mu.Unlock()
			responses[who] = out.Body
		})
	}
	all.Wait()
	return responses
}

// privateTexts are the texts of the messages that only this person sees.
func privateTexts(messages []slackfake.Message, who string) (text string) {
	for _, m := range messages {
		if m.To == who {
			text += m.Text
		}
	}
	return text
}
