package slackapi

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestAMessageIsPostedUpdatedAndAnswered(t *testing.T) {
	f := newFixture(t)
	channel, ts, err := f.client.Post(ctx, "U0DEV1", Message{Text: "granted", Blocks: section("granted")})
	if err != nil || !strings.HasPrefix(channel, "D") {
		t.Fatalf("post to a person: channel %q, %v; want the direct channel", channel, err)
	}
	if err := f.client.Update(ctx, channel, ts, Message{Text: "over"}); err != nil {
		t.Fatal(err)
	}
	m, _ := f.Message(channel, ts)
	if m.Text != "over" || string(m.Blocks) != "[]" || m.DMWith != "U0DEV1" {
		t.Errorf("after the update: got %+v, want it without blocks", m)
	}
	_, answer, err := f.client.Post(ctx, channel, Message{Text: "reminder", Thread: ts})
	if m, _ := f.Message(channel, answer); err != nil || m.ThreadTS != ts {
		t.Errorf("a post in a thread: thread %q (%v), want %s", m.ThreadTS, err, ts)
	}
	opened, err := f.client.OpenDM(ctx, "U0DEV1")
	if err != nil || opened != channel {
		t.Errorf("OpenDM: got %q (%v), want %s", opened, err, channel)
	}
	if err := f.client.PostEphemeral(ctx, channel, "U0DEV1", Message{Text: "keys"}); err != nil {
		t.Fatal(err)
	}
	if last := f.Messages()[2]; last.To != "U0DEV1" || last.Text != "keys" {
		t.Errorf("ephemeral: got %+v", last)
	}
	for _, body := range f.bodies {
		unfurls := !strings.Contains(body, "unfurl_links=false") || !strings.Contains(body, "unfurl_media=false")
		if strings.Contains(body, "text=") && unfurls {
			t.Errorf("links are unfurled: %s", body)
		}
	}
}

func TestFormsOpenAndChange(t *testing.T) {
	f := newFixture(t)
	if err := f.client.OpenView(ctx, f.NewTrigger("U0DEV1"), form()); err != nil {
		t.Fatal(err)
	}
	v := f.Views()[0]
	next := form()
	next.Title.Text = "Next"
	if _, err := f.client.UpdateView(ctx, v.ID, v.Hash, next); err != nil {
		t.Fatal(err)
	}
	if got := f.Views()[0].Title; got != "Next" {
		t.Errorf("title %q, want Next", got)
	}
	if _, err := f.client.UpdateView(ctx, v.ID, v.Hash, next); Code(err) != "hash_conflict" {
		t.Errorf("with an old hash: got %v, want hash_conflict", err)
	}
}

func TestRespondAnswersOnlyThePersonWhoClicked(t *testing.T) {
	f := newFixture(t)
	channel, ts, err := f.client.Post(ctx, "C0APPROVALS", Message{Text: "card"})
	if err != nil {
		t.Fatal(err)
	}
	address := f.NewResponseURL("U0DEV2", channel, ts)
	if err := f.client.Respond(ctx, address, Message{Text: "not you", Blocks: section("not you")}); err != nil {
		t.Fatal(err)
	}
	all := f.Messages()
	if len(all) != 2 || all[0].Text != "card" || all[1].To != "U0DEV2" || !all[1].FromResponseURL {
		t.Errorf("got %+v, want the card unchanged and an answer to U0DEV2", all)
	}
	body := f.bodies[1]
	if !strings.Contains(body, `"unfurl_links":false`) || !strings.Contains(body, `"replace_original":false`) {
		t.Errorf("got %s", body)
	}
}

// A response URL comes from a payload. With a stolen signing secret, an attacker could forge one that makes the
// function call into its own network.
func TestRespondCallsNobodyButSlack(t *testing.T) {
	called := 0
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called++ }))
	defer other.Close()
	deployed := unreachable("", nil)
	for _, address := range []string{
		other.URL, "http://hooks.slack.com/x", "https://hooks.slack.com.example.com/x",
		"https://example.com/hooks.slack.com", "https://hooks.slack.com@example.com/x",
		"https://hooks.slack.com:8443/x", "https://user@hooks.slack.com/x", "http://169.254.169.254/latest",
		"https://127.0.0.1/x", "https://localhost/x", "file:///etc/passwd", "//hooks.slack.com/x",
		"hooks.slack.com/x", "", "https://hooks.slack.com\\@example.com/", "%",
	} {
		err := deployed.Respond(ctx, address, Message{Text: canary})
		if Code(err) != "not_slack" || !Permanent(err) {
			t.Errorf("%s: got %v, want not_slack", address, err)
		}
	}
	withFake := newFixture(t).client
	for _, address := range []string{
		"http://169.254.169.254/latest", "http://10.0.0.1/x", "http://localhost.example.com/",
	} {
		if err := withFake.Respond(ctx, address, Message{Text: canary}); Code(err) != "not_slack" {
			t.Errorf("%s, with a fake of Slack: got %v, want not_slack", address, err)
		}
	}
	if called != 0 {
		t.Errorf("%d calls went to another server, want none", called)
	}
}

func TestRespondCallsTheResponseURLsOfItsOwnHost(t *testing.T) {
	for host, accepted := range map[string]string{
		"": "hooks.slack.com", "slack.com": "hooks.slack.com", "slack-gov.com": "hooks.slack-gov.com",
	} {
		client := unreachable(host, nil)
		for _, hooks := range []string{"hooks.slack.com", "hooks.slack-gov.com", "hooks.slack.com.slack-gov.com"} {
			err := client.Respond(ctx, "https://"+hooks+"/actions/T1/2/secretpart", Message{Text: canary})
			if called := Code(err) != "not_slack"; called != (hooks == accepted) {
				t.Errorf("host %q, response URL at %s: got %v", host, hooks, err)
			}
		}
	}
}
