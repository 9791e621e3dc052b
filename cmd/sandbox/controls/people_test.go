package controls_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// A hundred thousand people fit into one call. The time that it took is logged;
// pkg/fake/slackfake tests that the work is linear.
func TestAHundredThousandPeopleInOneCall(t *testing.T) {
	sandboxtest.SkipIfShort(t, "100,000 people")
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	body := sandboxtest.Crowd(100_000)
	began := time.Now()
	b.Do("people", string(body))
	took := time.Since(began)
	began = time.Now()
	s := b.State()
	t.Logf("%d people in %d KiB: the control took %v, reading the state %v", len(s.Users)-9, len(body)>>10, took,
		time.Since(began))
	groups := 0
	for _, g := range s.Groups {
		if g.ID == "S0ALL" {
			groups = len(g.Members)
		}
	}
	if last := s.Users[len(s.Users)-1]; len(s.Users) != 100_009 || last.ID != "U1099999" ||
		last.Email != "person99999@example.com" || groups != 100_000 {
		t.Errorf("got %d users, the last %+v, and %d members of the group", len(s.Users), last, groups)
	}
	b.Do("people", `{"users":[{"id":"U1099999","restricted":true}]}`)
	if u, ok := b.World().Slack.User("U1099999"); !ok || !u.Restricted || u.Name != "person99999" {
		t.Errorf("after the change: got %+v, want a guest with the same name", u)
	}
}

// The people control takes bodies of up to 32 MiB, the others of up to 4 MiB. Longer
// ones are refused in a sentence.
func TestBodiesThatAreTooLongAreRefused(t *testing.T) {
	sandboxtest.SkipIfShort(t, "bodies of 32 MiB")
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	pad := func(length int) string { return `{"users":[]` + strings.Repeat(" ", length-12) + `}` }
	if status, said := b.Control("people", pad(32<<20)); status != http.StatusOK {
		t.Errorf("32 MiB: got %d %s", status, said)
	}
	status, said := b.Control("people", pad(32<<20+1))
	var answer struct{ Error string }
	if err := json.Unmarshal([]byte(said), &answer); err != nil || status != http.StatusRequestEntityTooLarge ||
		answer.Error != "the body is longer than 32 MiB: send it in several calls" {
		t.Errorf("a byte more: got %d %s, want 413 in a sentence", status, said)
	}
	if status, said := b.Control("clock", strings.Repeat(" ", 4<<20)+"{}"); status != http.StatusRequestEntityTooLarge ||
		!strings.Contains(said, "longer than 4 MiB") {
		t.Errorf("another control: got %d %s, want 413 in a sentence", status, said)
	}
}

// channelCases are changes of C0OPS, and what Slack then answers to a post.
var channelCases = map[string]string{
	`{"id":"C0OPS","read_only":true}`:                "restricted_action_read_only_channel",
	`{"id":"C0OPS","thread_only":true}`:              "restricted_action_thread_only_channel",
	`{"id":"C0OPS","archived":true}`:                 "is_archived",
	`{"id":"C0OPS","bot_out":true}`:                  "not_in_channel",
	`{"id":"C0OPS","migrating":true}`:                "external_channel_migrating",
	`{"id":"C0OPS","bot_out":true,"private":true}`:   "channel_not_found",
	`{"id":"C0OPS","no_threads":true}`:               "",
	`{"id":"C0OPS","name":"renamed"}`:                "",
	`{"id":"C0OPS","read_only":true,"name":"quiet"}`: "restricted_action_read_only_channel",
}

func TestChangedChannelsRefusePosts(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	post := func(channel string) string {
		_, said := b.CallSlack("chat.postMessage", "text=x&channel="+channel)
		var answer struct{ Error string }
		if err := json.Unmarshal([]byte(said), &answer); err != nil {
			t.Fatal(err)
		}
		return answer.Error
	}
	for set, want := range channelCases {
		b.Do("people", `{"channels":[`+set+`]}`)
		if got := post("C0OPS"); got != want {
			t.Errorf("%s: got %q, want %q", set, got, want)
		}
		b.Do("people", `{"channels":[{"id":"C0OPS","read_only":false,"thread_only":false,"archived":false,`+
			`"bot_out":false,"private":false,"migrating":false,"no_threads":false}]}`)
		if got := post("C0OPS"); got != "" {
			t.Errorf("%s undone: got %q", set, got)
		}
	}
}

// Fields of a channel that are left out keep their values, and a refused change
// changes nothing.
func TestChannelsKeepWhatIsLeftOut(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Do("people", `{"channels":[{"id":"C0NEW","name":"new"},{"id":"C0OPS","read_only":true}]}`)
	b.Do("people", `{"channels":[{"id":"C0OPS","name":"ops2"}]}`)
	var got []slackfake.Channel
	for _, c := range b.State().Channels {
		if c.DMWith == "" {
			got = append(got, c)
		}
	}
	if len(got) != 4 || got[3].Name != "new" || got[2].Name != "ops2" || !got[2].ReadOnly {
		t.Errorf("the channels are %+v", got)
	}
	if status, said := b.Control("people",
		`{"channels":[{"id":"ops"}],"users":[{"id":"U0NEW"}]}`); status != http.StatusBadRequest ||
		!strings.Contains(said, "is not a channel id") {
		t.Errorf("a wrong channel id: got %d %s", status, said)
	}
	if _, there := b.World().Slack.User("U0NEW"); there {
		t.Error("a refused call has changed something")
	}
}
