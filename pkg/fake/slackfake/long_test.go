package slackfake

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"
)

// Slack splits a long text without blocks into several messages
// (github.com/slackapi/java-slack-sdk/issues/704), even inside fences and links
// (github.com/slack-ruby/slack-ruby-client/issues/259), and drops everything after
// 40,000 characters (docs.slack.dev/reference/methods/chat.postMessage).
func TestLongTextsBecomeSeveralMessages(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		pieces []int
	}{
		"at the limit":                 {chars(4000), []int{4000}},
		"one over the limit":           {chars(4001), []int{4000, 1}},
		"a fence":                      {"```" + strings.Repeat("x\n", 2500) + "```", []int{4000, 1006}},
		"the longest text":             {chars(40000), []int{4000, 4000, 4000, 4000, 4000, 4000, 4000, 4000, 4000, 4000}},
		"longer than the longest text": {chars(40001), []int{4000, 4000, 4000, 4000, 4000, 4000, 4000, 4000, 4000, 4000}},
		// The limit counts the characters that were sent, not their escaped form.
		"escaped characters": {strings.Repeat("&", 4000), []int{4000 * len("&amp;")}},
	} {
		for where, post := range map[string]func(b *testServer) (first any){
			"chat.postMessage": func(b *testServer) any {
				return b.mustOK(b.form("chat.postMessage", "channel", "C0OPS", "text", c.text))["ts"]
			},
			"chat.postEphemeral": func(b *testServer) any {
				return b.mustOK(b.form("chat.postEphemeral", "channel", "C0OPS", "user", "U0DEV1", "text", c.text))["message_ts"]
			},
			"a response URL": func(b *testServer) any {
				b.respondTo(b.NewResponseURL("U0DEV1", "C0OPS", ""), c.text)
				return nil
			},
			"a command": func(b *testServer) any { b.ShowCommandResponse("U0DEV1", "C0OPS", []byte(c.text)); return nil },
		} {
			b := newTestServer(t)
			first := post(b)
			all := b.Messages()
			var whole strings.Builder
			for i, m := range all {
				whole.WriteString(m.Text)
				if i >= len(c.pieces) || utf8.RuneCountInString(m.Text) != c.pieces[i] {
					t.Errorf("%s by %s: piece %d has %d characters, want %v", name, where, i+1, utf8.RuneCountInString(m.Text),
						c.pieces)
				}
			}
			if kept, _ := splitAfter(c.text, maxNewText); whole.String() != normaliseMrkdwn(kept) ||
				len(all) != len(c.pieces) || first != nil &&
				first != all[0].TS {
				t.Errorf("%s by %s: %d messages of %d bytes, the first named %v", name, where, len(all), whole.Len(), first)
			}
		}
	}
}

// respondTo posts a text through a response URL.
func (b *testServer) respondTo(address, text string) {
	b.t.Helper()
	r := httptest.NewRequest(http.MethodPost, strings.TrimPrefix(address, "http://127.0.0.1:8080/slack-api"),
		strings.NewReader(string(encode(object{"text": text}))))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	b.ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		b.t.Fatalf("the response URL answered %d %s", w.Code, w.Body)
	}
}

// With blocks, the text is shown in notifications only, and stays whole.
func TestATextWithBlocksIsNotSplit(t *testing.T) {
	b := newTestServer(t)
	b.mustOK(b.form("chat.postMessage", "channel", "C0OPS", "text", chars(5000), "blocks", "["+sectionJSON("x")+"]"))
	if all := b.Messages(); len(all) != 1 || utf8.RuneCountInString(all[0].Text) != 5000 {
		t.Errorf("got %d messages, want one with the whole text", len(all))
	}
}

// A link that is split works in neither piece: a text that must stay whole has to
// fit.
func TestASplitLinkIsNoLink(t *testing.T) {
	b := newTestServer(t)
	b.mustOK(b.form("chat.postMessage", "channel", "C0OPS", "text",
		"<https://example.com/"+strings.Repeat("a", 4000)+"|Open>"))
	all := b.Messages()
	if len(all) != 2 || !strings.HasPrefix(all[0].Text, "&lt;https:") || !strings.HasSuffix(all[1].Text, "|Open&gt;") {
		t.Errorf("got %d messages, want two halves without markup", len(all))
	}
}

// Slack refuses a message whose blocks have too much text together, although each
// block is within its limits (github.com/slackapi/bolt-js/issues/2867: refused
// at 11,341 characters).
func TestTheTextsOfAllBlocksTogetherAreLimited(t *testing.T) {
	post := func(b *testServer, sections int) object {
		return b.form("chat.postMessage", "channel", "C0OPS", "text", "x", "blocks",
			"["+repeated(sections, always(sectionJSON(chars(1000))))+"]")
	}
	b := newTestServer(t)
	b.mustOK(post(b, 11))
	if o := post(b, 12); o["error"] != "msg_blocks_too_long" {
		t.Errorf("12,000 characters: %v, want msg_blocks_too_long", o)
	}
}
