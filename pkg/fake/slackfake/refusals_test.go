package slackfake

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// methodRefusal is a call that Slack refuses with a code. The source is an entry
// of docs/facts.md, or the method's own page in Slack's reference.
type methodRefusal struct {
	source, name, code string
	call               func(b *testServer) object
}

// webAPIRefusals do not depend on the method.
var webAPIRefusals = []methodRefusal{
	{"Web API errors", "no token", "not_authed", func(b *testServer) object { return b.form("auth.test", "token", "") }},
	{"Web API errors", "a wrong token", "invalid_auth", func(b *testServer) object {
		return b.form("auth.test", "token", "xoxb-other")
	}},
	{"Web API errors", "an unknown method", "unknown_method", func(b *testServer) object { return b.form("chat.shout") }},
	{"Web API errors", "a body that is not JSON", "invalid_json", func(b *testServer) object {
		r := httptest.NewRequest(http.MethodPost, "/views.open", strings.NewReader("{"))
		r.Header.Set("Content-Type", "application/json")
		return b.do(r, 200)
	}},
	{"Web API errors", "a token in JSON", "not_authed", func(b *testServer) object {
		r := httptest.NewRequest(http.MethodPost, "/auth.test", strings.NewReader(`{"token":"`+token+`"}`))
		r.Header.Set("Content-Type", "application/json")
		return b.do(r, 200)
	}},
}

// userRefusals come from the methods about users and user groups.
var userRefusals = []methodRefusal{
	{"docs/facts.md#e7 users.info", "an unknown user", "user_not_found", func(b *testServer) object {
		return b.form("users.info", "user", "U0NOBODY")
	}},
	{"users.lookupByEmail", "an unknown user", "users_not_found", func(b *testServer) object {
		return b.form("users.lookupByEmail", "email", "x@example.com")
	}},
	{"users.lookupByEmail", "a deactivated user", "users_not_found", func(b *testServer) object {
		return b.form("users.lookupByEmail", "email", "gone@example.com")
	}},
	{"users.list", "an invalid cursor", "invalid_cursor", func(b *testServer) object {
		return b.form("users.list", "cursor", "next")
	}},
	{"users.list", "a limit past 1000", "invalid_limit", func(b *testServer) object {
		return b.form("users.list", "limit", "1001")
	}},
	{"docs/facts.md#e7 usergroups.users.list", "no such group", "no_such_subteam", func(b *testServer) object {
		return b.form("usergroups.users.list", "usergroup", "S0NONE")
	}},
	{"docs/facts.md#e7 usergroups.users.list", "a removed group", "no_such_subteam", func(b *testServer) object {
		b.RemoveGroup("S0DEVS")
		return b.form("usergroups.users.list", "usergroup", "S0DEVS")
	}},
	{"docs/facts.md#e7 usergroups.users.list", "a disabled group", "no_such_subteam", func(b *testServer) object {
		b.DisableGroup("S0DEVS")
		return b.form("usergroups.users.list", "usergroup", "S0DEVS")
	}},
	{"users.list", "no limit in a large workspace", "limit_required", func(b *testServer) object {
		for i := range maxUsersPerPage {
			if err := b.SetUser(UserChange{ID: fmt.Sprintf("U%07d", i)}); err != nil {
				b.t.Fatal(err)
			}
		}
		return b.form("users.list")
	}},
}

// postRefusals come from conversations.open and chat.postMessage.
var postRefusals = []methodRefusal{
	{"docs/facts.md#e6 DM, conversations.open", "an unknown user", "user_not_found", func(b *testServer) object {
		return b.form("conversations.open", "users", "U0NOBODY")
	}},
	{"conversations.open", "a deactivated user", "user_disabled", func(b *testServer) object {
		return b.form("conversations.open", "users", "U0GONE")
	}},
	{"conversations.open", "a bot", "cannot_dm_bot", func(b *testServer) object {
		return b.form("conversations.open", "users", "U0BOT")
	}},
	{"docs/facts.md#e7 Slack Connect", "a user of another workspace", "user_not_visible", func(b *testServer) object {
		return b.form("conversations.open", "users", "U0OUTSIDE")
	}},
	{"docs/facts.md#e6 chat.postMessage", "no such channel", "channel_not_found", func(b *testServer) object {
		return b.form("chat.postMessage", "channel", "C0NONE", "text", "x")
	}},
	{"docs/facts.md#e6 private channels", "a private channel without the bot", "channel_not_found",
		func(b *testServer) object {
			b.SetChannel(Channel{ID: "C0HIDDEN", Private: true, BotOut: true})
			return b.form("chat.postMessage", "channel", "C0HIDDEN", "text", "x")
		}},
	{"docs/facts.md#e6 chat:write.public", "a channel without the bot", "not_in_channel", func(b *testServer) object {
		b.SetChannel(Channel{ID: "C0OPS", BotOut: true})
		return b.form("chat.postMessage", "channel", "C0OPS", "text", "x")
	}},
	{"docs/facts.md#e6 chat.postMessage", "an archived channel", "is_archived", func(b *testServer) object {
		b.SetChannel(Channel{ID: "C0OPS", Archived: true})
		return b.form("chat.postMessage", "channel", "C0OPS", "text", "x")
	}},
	{"chat.postMessage", "a read-only channel", "restricted_action_read_only_channel", func(b *testServer) object {
		b.SetChannel(Channel{ID: "C0OPS", ReadOnly: true})
		return b.form("chat.postMessage", "channel", "C0OPS", "text", "x")
	}},
	{"chat.postMessage", "a thread in a read-only channel", "restricted_action_read_only_channel",
		func(b *testServer) object {
			ts := b.post("C0OPS", "[]").TS
			b.SetChannel(Channel{ID: "C0OPS", ReadOnly: true})
			return b.form("chat.postMessage", "channel", "C0OPS", "text", "x", "thread_ts", ts)
		}},
	{"chat.postMessage", "a thread-only channel", "restricted_action_thread_only_channel", func(b *testServer) object {
		b.SetChannel(Channel{ID: "C0OPS", ThreadOnly: true})
		return b.form("chat.postMessage", "channel", "C0OPS", "text", "x")
	}},
	{"chat.postMessage", "a thread in a channel without threads", "restricted_action_non_threadable_channel",
		func(b *testServer) object {
			b.SetChannel(Channel{ID: "C0OPS", NoThreads: true})
			return b.form("chat.postMessage", "channel", "C0OPS", "text", "x", "thread_ts", b.post("C0OPS", "[]").TS)
		}},
	{"chat.update, and the same for new messages", "a channel that is migrating", "external_channel_migrating",
		func(b *testServer) object {
			b.SetChannel(Channel{ID: "C0OPS", Migrating: true})
			return b.form("chat.postMessage", "channel", "C0OPS", "text", "x")
		}},
	{"docs/facts.md#e6 DM", "a deactivated user", "channel_not_found", func(b *testServer) object {
		return b.form("chat.postMessage", "channel", "U0GONE", "text", "x")
	}},
	{"docs/facts.md#e6 DM", "a user who was deactivated meanwhile", "channel_not_found", func(b *testServer) object {
		m := b.post("U0DEV1", "[]")
		left := true
		_ = b.SetUser(UserChange{ID: "U0DEV1", Deleted: &left})
		return b.form("chat.postMessage", "channel", m.Channel, "text", "x")
	}},
	{"docs/facts.md#e4 text", "neither text nor blocks", "no_text", func(b *testServer) object {
		return b.form("chat.postMessage", "channel", "C0OPS")
	}},
	{"chat.postMessage", "blocks that are not JSON", "invalid_blocks_format", func(b *testServer) object {
		return b.form("chat.postMessage", "channel", "C0OPS", "blocks", "[")
	}},
}

// ephemeralRefusals come from chat.postEphemeral.
var ephemeralRefusals = []methodRefusal{
	{"chat.postEphemeral", "a read-only channel", "restricted_action",
		func(b *testServer) object {
			b.SetChannel(Channel{ID: "C0OPS", ReadOnly: true})
			return b.form("chat.postEphemeral", "channel", "C0OPS", "user", "U0DEV1", "text", "x")
		}},
	{"docs/facts.md#e6 chat.postEphemeral", "a user who is not in the channel", "user_not_in_channel",
		func(b *testServer) object {
			b.SetChannel(Channel{ID: "C0OPS", Members: []string{"U0DEV2"}})
			return b.form("chat.postEphemeral", "channel", "C0OPS", "user", "U0DEV1", "text", "x")
		}},
	{"docs/facts.md#e6 chat.postEphemeral", "somebody else's direct message channel", "user_not_in_channel",
		func(b *testServer) object {
			return b.form("chat.postEphemeral", "channel", b.post("U0DEV2", "[]").Channel, "user", "U0DEV1", "text", "x")
		}},
	{"docs/facts.md#e7 chat.postEphemeral", "a user of another workspace", "user_not_in_channel",
		func(b *testServer) object {
			return b.form("chat.postEphemeral", "channel", CommandChannel, "user", "U0OUTSIDE", "text", "x")
		}},
	{"docs/facts.md#e6 chat.postEphemeral", "a user id as the channel", "channel_not_found", func(b *testServer) object {
		return b.form("chat.postEphemeral", "channel", "U0DEV1", "user", "U0DEV1", "text", "x")
	}},
}

// updateRefusals come from chat.update and chat.delete.
var updateRefusals = []methodRefusal{
	{"chat.update", "a channel that is migrating", "external_channel_migrating", func(b *testServer) object {
		ts := b.post("C0OPS", "[]").TS
		b.SetChannel(Channel{ID: "C0OPS", Migrating: true})
		return b.form("chat.update", "channel", "C0OPS", "ts", ts, "text", "x")
	}},
	{"chat.update", "an archived channel", "is_inactive", func(b *testServer) object {
		ts := b.post("C0OPS", "[]").TS
		b.SetChannel(Channel{ID: "C0OPS", Archived: true})
		return b.form("chat.update", "channel", "C0OPS", "ts", ts, "text", "x")
	}},
	{"docs/facts.md#e6 chat.update", "no such message", "message_not_found", func(b *testServer) object {
		return b.form("chat.update", "channel", "C0OPS", "ts", "1.000001", "text", "x")
	}},
	{"docs/facts.md#e6 chat.update", "a user's message", "cant_update_message",
		func(b *testServer) object {
			return b.form("chat.update", "channel", "C0OPS", "ts", b.PostAs("U0DEV1", "C0OPS", "mine"), "text", "x")
		}},
	{"docs/facts.md#e6 chat.update", "an ephemeral message", "message_not_found",
		func(b *testServer) object {
			o := b.form("chat.postEphemeral", "channel", "C0OPS", "user", "U0DEV1", "text", "x")
			return b.form("chat.update", "channel", "C0OPS", "ts", o["message_ts"].(string), "text", "x")
		}},
	{"docs/facts.md#e6 chat.update needs the D… id", "a user id as the channel", "channel_not_found",
		func(b *testServer) object {
			return b.form("chat.update", "channel", "U0DEV1", "ts", b.post("U0DEV1", "[]").TS, "text", "x")
		}},
	{"chat.update", "4,001 characters", "msg_too_long", func(b *testServer) object {
		return b.form("chat.update", "channel", "C0OPS", "ts", b.post("C0OPS", "[]").TS, "text", chars(4001))
	}},
	{"chat.update", "neither text nor blocks", "no_text", func(b *testServer) object {
		return b.form("chat.update", "channel", "C0OPS", "ts", b.post("C0OPS", "[]").TS)
	}},
	{"chat.delete", "a user's message", "cant_delete_message", func(b *testServer) object {
		return b.form("chat.delete", "channel", "C0OPS", "ts", b.PostAs("U0DEV1", "C0OPS", "mine"))
	}},
	{"chat.delete", "deleting twice", "message_not_found", func(b *testServer) object {
		ts := b.post("C0OPS", "[]").TS
		b.mustOK(b.form("chat.delete", "channel", "C0OPS", "ts", ts))
		return b.form("chat.delete", "channel", "C0OPS", "ts", ts)
	}},
}

// viewRefusals come from views.open, views.push and views.update.
var viewRefusals = []methodRefusal{
	{"docs/facts.md#e1 trigger_id", "an unknown trigger", "invalid_trigger_id", func(b *testServer) object {
		return b.form("views.open", "trigger_id", "1.2.abc", "view", modalJSON("", ""))
	}},
	{"docs/facts.md#e1 trigger_id", "after three seconds", "expired_trigger_id",
		func(b *testServer) object {
			id := b.NewTrigger("U0DEV1")
			b.now = b.now.Add(3 * time.Second)
			return b.form("views.open", "trigger_id", id, "view", modalJSON("", ""))
		}},
	{"docs/facts.md#e1 trigger_id", "a used trigger", "exchanged_trigger_id", func(b *testServer) object {
		id := b.NewTrigger("U0DEV1")
		b.mustOK(b.form("views.open", "trigger_id", id, "view", modalJSON("", "")))
		return b.form("views.open", "trigger_id", id, "view", modalJSON("", ""))
	}},
	{"docs/facts.md#e4 view size", "a view of 251 KB", "view_too_large", func(b *testServer) object {
		return b.form(
			"views.open", "trigger_id", b.NewTrigger("U0DEV1"), "view",
			modalJSON("", repeated(90, always(sectionJSON(chars(1500))))),
		)
	}},
	{"views.open", "no view", "invalid_arguments", func(b *testServer) object {
		return b.form("views.open", "trigger_id", b.NewTrigger("U0DEV1"))
	}},
	{"views.open", "the external_id of an open view", "duplicate_external_id", func(b *testServer) object {
		b.open("U0DEV1", modalJSON(`,"external_id":"x"`, ""))
		return b.form("views.open", "trigger_id", b.NewTrigger("U0DEV2"), "view", modalJSON(`,"external_id":"x"`, ""))
	}},
	{"docs/facts.md#e4 modal stack", "a fourth view", "push_limit_reached", func(b *testServer) object {
		id := b.open("U0DEV1", modalJSON("", actionsJSON(buttonJSON(`,"action_id":"a"`))))
		b.mustOK(b.form("views.push", "trigger_id", b.viewTrigger(id), "view", modalJSON("", "")))
		b.mustOK(b.form("views.push", "trigger_id", b.viewTrigger(id), "view", modalJSON("", "")))
		return b.form("views.push", "trigger_id", b.viewTrigger(id), "view", modalJSON("", ""))
	}},
	{"docs/facts.md#e4 views.push", "a trigger that is not of the modal", "invalid_trigger_id",
		func(b *testServer) object {
			b.open("U0DEV1", modalJSON("", ""))
			return b.form("views.push", "trigger_id", b.NewTrigger("U0DEV1"), "view", modalJSON("", ""))
		}},
	{"docs/facts.md#e4 views.update", "no such view", "not_found", func(b *testServer) object {
		return b.form("views.update", "view_id", "V0", "view", modalJSON("", ""))
	}},
	{"docs/facts.md#e4 views.update", "a closed view", "not_found", func(b *testServer) object {
		id := b.open("U0DEV1", modalJSON("", ""))
		b.CloseView(id)
		return b.form("views.update", "view_id", id, "view", modalJSON("", ""))
	}},
	{"docs/facts.md#e4 views.update", "an old hash", "hash_conflict", func(b *testServer) object {
		id := b.open("U0DEV1", modalJSON("", ""))
		v, _ := b.View(id)
		b.mustOK(b.form("views.update", "view_id", id, "hash", v.Hash, "view", modalJSON("", "")))
		return b.form("views.update", "view_id", id, "hash", v.Hash, "view", modalJSON("", ""))
	}},
}

func TestMethodsRefuseWhatSlackRefuses(t *testing.T) {
	for _, c := range slices.Concat(
		webAPIRefusals, userRefusals, postRefusals, ephemeralRefusals, updateRefusals, viewRefusals,
	) {
		b := newTestServer(t)
		if o := c.call(b); o["ok"] != false || o["error"] != c.code {
			t.Errorf("%s (%s): got %v, want %s", c.name, c.source, o, c.code)
		}
	}
}

// viewTrigger returns the trigger of a click in a view.
func (b *testServer) viewTrigger(viewID string) string {
	b.t.Helper()
	v, _ := b.View(viewID)
	first := parsed(b.t, string(v.Blocks)).([]any)[0].(object)
	payload, err := b.ViewActionPayload(v.User, viewID, first["block_id"].(string), "a", nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return parsed(b.t, string(payload)).(object)["trigger_id"].(string)
}

// docs/facts.md#e1: a response URL is valid for five uses and thirty minutes.
func TestResponseURLsAreValidForFiveUsesAndThirtyMinutes(t *testing.T) {
	respond := func(b *testServer, address, body string, status int) string {
		r := httptest.NewRequest(
			http.MethodPost, strings.TrimPrefix(address, "http://127.0.0.1:8080/slack-api"), strings.NewReader(body),
		)
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		b.ServeHTTP(w, r)
		if w.Code != status {
			t.Errorf("status %d, want %d: %s", w.Code, status, w.Body)
		}
		return w.Body.String()
	}
	b := newTestServer(t)
	address := b.NewResponseURL("U0DEV1", "C0OPS", "")
	if got := respond(b, address, `{}`, 400); !strings.Contains(got, "no_text") {
		t.Errorf("no text: got %s, want no_text", got)
	}
	if got := respond(b, address, `{"blocks":[{"type":"x"}]}`, 400); !strings.Contains(got, "invalid_blocks") {
		t.Errorf("bad blocks: got %s, want invalid_blocks", got)
	}
	for range 5 {
		if got := respond(b, address, `{"text":"x","response_type":"ephemeral","replace_original":false}`, 200); got != "ok" {
			t.Errorf("got %s, want ok", got)
		}
	}
	if got := respond(b, address, `{"text":"x"}`, 404); !strings.Contains(got, "used_url") {
		t.Errorf("the sixth use: got %s, want used_url", got)
	}
	address = b.NewResponseURL("U0DEV1", "C0OPS", "")
	b.now = b.now.Add(30*time.Minute - 1)
	respond(b, address, `{"text":"x"}`, 200)
	b.now = b.now.Add(1)
	if got := respond(b, address, `{"text":"x"}`, 404); !strings.Contains(got, "expired_url") {
		t.Errorf("after 30 minutes: got %s, want expired_url", got)
	}
	if got := respond(b, "/response/made-up", `{"text":"x"}`, 404); !strings.Contains(got, "expired_url") {
		t.Errorf("an unknown URL: got %s, want expired_url", got)
	}
}

func TestEachFaultHappensAsDocumented(t *testing.T) {
	for how, c := range map[string]struct {
		status int
		posted int
	}{"": {200, 1}, "error": {503, 0}, "429": {429, 0}, "lost": {503, 1}, "slow": {200, 1}} {
		b := newTestServer(t)
		b.fault["slack:chat.postMessage"] = how
		r := httptest.NewRequest(http.MethodPost, "/chat.postMessage?channel=C0OPS&text=x&token="+token, nil)
		gone, hangUp := withCancel(r)
		if how == "slow" {
			hangUp() // the caller hangs up at once; the work is done all the same
		}
		w := httptest.NewRecorder()
		b.ServeHTTP(w, gone)
		hangUp()
		if w.Code != c.status || len(b.Messages()) != c.posted || b.calls["slack:chat.postMessage"] != 1 {
			t.Errorf(
				"%q: status %d, %d messages, %d calls; want %d, %d, 1", how, w.Code, len(b.Messages()),
				b.calls["slack:chat.postMessage"], c.status, c.posted,
			)
		}
		if how == "429" && w.Header().Get("Retry-After") == "" {
			t.Error("429 without Retry-After")
		}
	}
}
