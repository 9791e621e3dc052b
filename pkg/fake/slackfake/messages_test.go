package slackfake

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// docs/facts.md#e6: an update with text only removes the blocks, and one with
// blocks only removes the text.
func TestAnUpdateReplacesTheWholeMessage(t *testing.T) {
	b := newTestServer(t)
	m := b.post("C0OPS", card)
	b.mustOK(b.form("chat.update", "channel", m.Channel, "ts", m.TS, "text", "bare"))
	if got, _ := b.Message(m.Channel, m.TS); got.Text != "bare" || string(got.Blocks) != "[]" {
		t.Errorf("text only: got %q %s", got.Text, got.Blocks)
	}
	b.mustOK(b.form("chat.update", "channel", m.Channel, "ts", m.TS, "blocks", "["+sectionJSON("new")+"]"))
	if got, _ := b.Message(m.Channel, m.TS); got.Text != "" || !strings.Contains(string(got.Blocks), "new") {
		t.Errorf("blocks only: got %q %s", got.Text, got.Blocks)
	}
}

func TestMessagesToAUserGoToTheDirectMessageChannel(t *testing.T) {
	b := newTestServer(t)
	dm := b.post("U0DEV1", "[]")
	if !strings.HasPrefix(dm.Channel, "D") || dm.DMWith != "U0DEV1" || dm.To != "" {
		t.Errorf("to a user: got %+v, want a direct message channel", dm)
	}
	opened := b.mustOK(b.form("conversations.open", "users", "U0DEV1"))["channel"].(object)["id"]
	if opened != dm.Channel {
		t.Errorf("conversations.open: got %v, want %s", opened, dm.Channel)
	}
	b.mustOK(b.form("chat.postEphemeral", "channel", dm.Channel, "user", "U0DEV1", "text", "secret"))
	b.mustOK(b.form("chat.postMessage", "channel", dm.Channel, "text", "answer", "thread_ts", dm.TS))
	b.mustOK(b.form("chat.postMessage", "channel", dm.Channel, "text", "orphan", "thread_ts", "1.000001"))
	var got []string
	for _, m := range b.Messages() {
		got = append(got, fmt.Sprintf("%s to=%s dm=%s thread=%v", m.Text, m.To, m.DMWith, m.ThreadTS == dm.TS))
	}
	want := []string{
		"text to= dm=U0DEV1 thread=false", "secret to=U0DEV1 dm=U0DEV1 thread=false", "answer to= dm=U0DEV1 thread=true",
		"orphan to= dm=U0DEV1 thread=false",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTimestampsAreUniqueWhileTheClockStandsStill(t *testing.T) {
	b := newTestServer(t)
	seen := make(map[string]bool)
	last := ""
	for range 50 {
		m := b.post("C0OPS", "[]")
		if seen[m.TS] || m.TS <= last {
			t.Fatalf("ts %s after %s", m.TS, last)
		}
		seen[m.TS], last = true, m.TS
	}
	if want := fmt.Sprintf("%d.", noon.Unix()); !strings.HasPrefix(last, want) {
		t.Errorf("got %s, want the time of Options.Now, %s", last, want)
	}
}

func TestSlackShowsTheResponseToACommand(t *testing.T) {
	for _, c := range []struct{ name, body, shown, to string }{
		{"nothing", "", "", "none"},
		{"an object without text", `{"response_type":"ephemeral"}`, "", "none"},
		{"text", "just text", "just text", "U0DEV1"},
		{"broken JSON", `{"text":`, `{"text":`, "U0DEV1"},
		{"a JSON number", `5`, "5", "U0DEV1"},
		{"ephemeral", `{"response_type":"ephemeral","text":"a & b"}`, "a &amp; b", "U0DEV1"},
		{"blocks", `{"text":"short","blocks":[` + sectionJSON("long") + `]}`, "long", "U0DEV1"},
		{"in the channel", `{"response_type":"in_channel","text":"all"}`, "all", ""},
		{
			"bad blocks", `{"response_type":"in_channel","blocks":[{"type":"x"}]}`,
			`The command failed with the error "invalid_command_response": invalid_blocks`, "U0DEV1",
		},
	} {
		b := newTestServer(t)
		shown := b.ShowCommandResponse("U0DEV1", CommandChannel, []byte(c.body))
		to := "none"
		if all := b.Messages(); len(all) == 1 {
			to = all[0].To
		}
		if shown != c.shown || to != c.to {
			t.Errorf("%s: got %q to %q, want %q to %q", c.name, shown, to, c.shown, c.to)
		}
	}
}

func TestSlackShowsWhyACommandFailed(t *testing.T) {
	for _, c := range []struct {
		status int
		took   time.Duration
		want   string
	}{
		{200, time.Second, ""},
		{500, time.Second, `/x failed with the error "dispatch_failed"`},
		{200, 3 * time.Second, `/x failed with the error "operation_timeout"`},
	} {
		if got := CommandFailure("/x", c.status, c.took); got != c.want {
			t.Errorf("%d after %s: got %q, want %q", c.status, c.took, got, c.want)
		}
	}
}

func TestAResponseURLReplacesAnEphemeralMessage(t *testing.T) {
	b := newTestServer(t)
	ts := b.mustOK(b.form(
		"chat.postEphemeral", "channel", "C0OPS", "user", "U0DEV1", "text", "x", "blocks", card,
	))["message_ts"].(string)
	address := strings.TrimPrefix(b.NewResponseURL("U0DEV1", "C0OPS", ts), "http://127.0.0.1:8080/slack-api/response/")
	if refused := b.respond(address, args{"replace_original": "true", "text": "new"}); refused != nil {
		t.Fatal(refused.code)
	}
	if m, _ := b.Message("C0OPS", ts); m.Text != "new" || m.To != "U0DEV1" {
		t.Errorf("got %+v", m)
	}
	if refused := b.respond(address, args{"text": "more"}); refused != nil {
		t.Fatal(refused.code)
	}
	if last := b.Messages()[1]; !last.FromResponseURL || last.To != "U0DEV1" || last.Channel != "C0OPS" {
		t.Errorf("got %+v", last)
	}
	if refused := b.respond(address, args{"delete_original": "true"}); refused != nil || len(b.Messages()) != 1 {
		t.Errorf("delete_original: %v, %d messages left", refused, len(b.Messages()))
	}
}

func TestTextIsNormalisedAsSlackStoresIt(t *testing.T) {
	for given, want := range map[string]string{
		"a & b":                           "a &amp; b",
		"a &amp; b &lt;":                  "a &amp; b &lt;",
		"1 < 2 > 0":                       "1 &lt; 2 &gt; 0",
		"<!channel> <!here|x> <@U1|dev>":  "<!channel> <!here|x> <@U1|dev>",
		"<!subteam^S1> <#C1>":             "<!subteam^S1> <#C1>",
		"<https://x.example/?a=1&b=2|Go>": "<https://x.example/?a=1&amp;b=2|Go>",
		"<b>bold</b>":                     "&lt;b&gt;bold&lt;/b&gt;",
		"&lt;!channel&gt;":                "&lt;!channel&gt;",
	} {
		if got := normaliseMrkdwn(given); got != want {
			t.Errorf("%q: got %q, want %q", given, got, want)
		}
		if got := normaliseMrkdwn(want); got != want {
			t.Errorf("%q becomes %q the second time", want, got)
		}
	}
}
