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

// rounds is how often sixteen people decide at once.
const rounds = 200

// One outcome, one event for each move, everybody else told who won: through
// the front door, with real payloads.
func TestSixteenDecideAtOnce(t *testing.T) {
	b := sandboxtest.Start(t, strings.Replace(sandboxtest.Policy(t), "asks_per_hour: 30", "asks_per_hour: 1000", 1))
	var users, ids []string
	for i := range 15 {
		id := fmt.Sprintf("U0L%02d", i)
		ids = append(ids, `"`+id+`"`)
		users = append(users, fmt.Sprintf(`{"id":%q,"name":"leader%02d"}`, id, i))
	}
	b.Do("people", `{"users":[`+strings.Join(users, ",")+`],"groups":{"S0LEADS":[`+strings.Join(ids, ",")+`]}}`)
	won := make(map[access.State]int)
	for range rounds {
		b.Advance("10s") // nobody clicks faster than people do
		won[decideAtOnce(b)]++
	}
	t.Logf("won: %v", won)
	if len(won) < 2 {
		t.Errorf("only one kind of decision ever won: %v", won)
	}
}

// decideAtOnce plays one round and returns how it ended.
func decideAtOnce(b *sandboxtest.Sandbox) access.State {
	t, st := b.T, b.World()
	b.Command("U0DEV1", sandboxtest.AskCommand)
	all := sandboxtest.Messages(controls.State{Messages: st.Slack.Messages()}, func(m slackfake.Message) bool { return m.Channel == "C0APPROVALS" && m.To == "" })
	card, seen := all[len(all)-1], len(st.Slack.Messages())
	on := `"on":"` + card.Channel + "/" + card.TS + `"}`
	acts := map[string]string{"U0DEV1": `{"as":"U0DEV1","click":"Cancel",` + on}
	for i := range 15 {
		id := fmt.Sprintf("U0L%02d", i)
		acts[id] = `{"as":"` + id + `","click":"Approve",` + on
		if i >= 10 {
			b.Do("act", `{"as":"`+id+`","click":"Deny",`+on)
			views := st.Slack.Views()
			acts[id] = `{"as":"` + id + `","submit":"` + views[len(views)-1].ID + `","values":{"Reason":"no"}}`
		}
	}
	said := atOnce(b, acts)
	requests := st.Store.All(t.Context())
	r := requests[len(requests)-1]
	if r.Version != 2 || len(r.Approvals) > 1 {
		t.Fatalf("after %d events and %d approvals it is %s", r.Version, len(r.Approvals), r.State)
	}
	winner := r.Closed.By
	if r.State == access.Active {
		winner = r.Approvals[0].By
	}
	for who := range acts {
		if who == winner.ID {
			continue
		}
		told := said[who] + toldTo(st.Slack.Messages()[seen:], who)
		if !strings.Contains(told, winner.Name) {
			t.Fatalf("%s won with %s, and %s was told %q", winner.Name, r.State, who, told)
		}
	}
	if r.State == access.Active { // else the next round would be told that this one is active
		b.Click("U0DEV1", "I'm done", b.Direct("U0DEV1"))
	}
	return r.State
}

// atOnce does all acts at once, and returns what each was answered.
func atOnce(b *sandboxtest.Sandbox, acts map[string]string) map[string]string {
	var mu sync.Mutex
	said := make(map[string]string)
	var all sync.WaitGroup
	for who, act := range acts {
		all.Go(func() {
			var out slackfake.Outcome
			text := b.Do("act", act)
			if err := json.Unmarshal([]byte(text), &out); err != nil || out.Status != 200 {
				b.T.Errorf("%s: got %s", who, text)
			}
			mu.Lock()
			defer mu.Unlock()
			said[who] = out.Body
		})
	}
	all.Wait()
	return said
}

func toldTo(of []slackfake.Message, who string) (text string) {
	for _, m := range of {
		if m.To == who {
			text += m.Text
		}
	}
	return text
}
