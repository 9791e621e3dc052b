package slackfake

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// repeated joins n values of a list.
func repeated(n int, each func(i int) string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = each(i)
	}
	return strings.Join(parts, ",")
}

func same(text string) func(int) string { return func(int) string { return text } }

func long(n int) string { return strings.Repeat("é", n) }

func opt(text, value string) string {
	return `{"text":{"type":"plain_text","text":"` + text + `"},"value":"` + value + `"}`
}

func knob(more string) string {
	return `{"type":"button","text":{"type":"plain_text","text":"x"}` + more + `}`
}

func actions(elements string) string { return `{"type":"actions","elements":[` + elements + `]}` }

func selectOf(options, more string) string {
	return actions(`{"type":"static_select","options":[` + options + `]` + more + `}`)
}

func section(text string) string {
	return `{"type":"section","text":{"type":"mrkdwn","text":"` + text + `"}}`
}

func inputOf(element string) string {
	return `{"type":"input","label":{"type":"plain_text","text":"l"},"element":` + element + `}`
}

// Each limit of a block: at the limit it is taken, one past it is refused, and
// Slack's message names the place. The limits and invalid_blocks are docs/facts.md#e4;
// the wording is Slack's own.
func TestBlocksPastALimitAreRefusedWithTheirPlace(t *testing.T) {
	for _, c := range []struct {
		source, name string
		fits, past   string // what stands between [ and ]
		place, says  string
	}{
		{"E4 blocks in a message", "51 blocks", repeated(50, same(`{"type":"divider"}`)), repeated(51, same(`{"type":"divider"}`)), "/blocks", "no more than 50 items"},
		{"E4 text object", "section text", section(long(3000)), section(long(3001)), "/blocks/0/text/text", "must be less than 3001 characters"},
		{"E4 empty text", "empty section", section("x"), section(""), "/blocks/0/text/text", "must be more than 0 characters"},
		{"E4 section fields", "field text", `{"type":"section","fields":[{"type":"plain_text","text":"` + long(2000) + `"}]}`,
			`{"type":"section","fields":[{"type":"plain_text","text":"` + long(2001) + `"}]}`, "/blocks/0/fields/0/text", "less than 2001"},
		{"E4 section fields", "11 fields", `{"type":"section","fields":[` + repeated(10, same(`{"type":"mrkdwn","text":"x"}`)) + `]}`,
			`{"type":"section","fields":[` + repeated(11, same(`{"type":"mrkdwn","text":"x"}`)) + `]}`, "/blocks/0/fields", "no more than 10 items"},
		{"E4 section", "neither text nor fields", section("x"), `{"type":"section"}`, "/blocks/0", "missing required field: text"},
		{"E4 header block", "header text", `{"type":"header","text":{"type":"plain_text","text":"` + long(150) + `"}}`,
			`{"type":"header","text":{"type":"plain_text","text":"` + long(151) + `"}}`, "/blocks/0/text/text", "less than 151"},
		{"E4 header block", "header in mrkdwn", `{"type":"header","text":{"type":"plain_text","text":"x"}}`,
			`{"type":"header","text":{"type":"mrkdwn","text":"x"}}`, "/blocks/0/text/type", "unsupported type: mrkdwn"},
		{"E4 context elements", "11 elements", `{"type":"context","elements":[` + repeated(10, same(`{"type":"mrkdwn","text":"x"}`)) + `]}`,
			`{"type":"context","elements":[` + repeated(11, same(`{"type":"mrkdwn","text":"x"}`)) + `]}`, "/blocks/0/elements", "no more than 10"},
		{"E4 actions block elements", "26 buttons", actions(repeated(25, same(knob("")))), actions(repeated(26, same(knob("")))), "/blocks/0/elements", "no more than 25"},
		{"E4 button text", "button text", actions(`{"type":"button","text":{"type":"plain_text","text":"` + long(75) + `"}}`),
			actions(`{"type":"button","text":{"type":"plain_text","text":"` + long(76) + `"}}`), "/blocks/0/elements/0/text/text", "less than 76"},
		{"E4 button value", "button value", actions(knob(`,"value":"` + long(2000) + `"`)), actions(knob(`,"value":"` + long(2001) + `"`)), "/blocks/0/elements/0/value", "less than 2001"},
		{"E4 button url", "button url", actions(knob(`,"url":"` + long(3000) + `"`)), actions(knob(`,"url":"` + long(3001) + `"`)), "/blocks/0/elements/0/url", "less than 3001"},
		{"E4 button", "style", actions(knob(`,"style":"danger"`)), actions(knob(`,"style":"loud"`)), "/blocks/0/elements/0/style", "valid enum value"},
		{"E4 confirm dialog", "confirm title", actions(knob(confirmOf(long(100), "x", "x", "x"))), actions(knob(confirmOf(long(101), "x", "x", "x"))), "/blocks/0/elements/0/confirm/title/text", "less than 101"},
		{"E4 confirm dialog", "confirm text", actions(knob(confirmOf("x", long(300), "x", "x"))), actions(knob(confirmOf("x", long(301), "x", "x"))), "/blocks/0/elements/0/confirm/text/text", "less than 301"},
		{"E4 confirm dialog", "confirm yes", actions(knob(confirmOf("x", "x", long(30), "x"))), actions(knob(confirmOf("x", "x", long(31), "x"))), "/blocks/0/elements/0/confirm/confirm/text", "less than 31"},
		{"E4 confirm dialog", "confirm no", actions(knob(confirmOf("x", "x", "x", long(30)))), actions(knob(confirmOf("x", "x", "x", long(31)))), "/blocks/0/elements/0/confirm/deny/text", "less than 31"},
		{"E4 static_select options", "101 options", selectOf(repeated(100, same(opt("a", "a"))), ""), selectOf(repeated(101, same(opt("a", "a"))), ""), "/blocks/0/elements/0/options", "no more than 100"},
		{"E4 static_select options", "no options", selectOf(opt("a", "a"), ""), selectOf("", ""), "/blocks/0/elements/0/options", "at least 1 items"},
		{"E4 option_groups", "101 groups", actions(`{"type":"static_select","option_groups":[` + repeated(100, same(groupOf(1))) + `]}`),
			actions(`{"type":"static_select","option_groups":[` + repeated(101, same(groupOf(1))) + `]}`), "/blocks/0/elements/0/option_groups", "no more than 100"},
		{"E4 option_groups", "101 in a group", actions(`{"type":"static_select","option_groups":[` + groupOf(100) + `]}`),
			actions(`{"type":"static_select","option_groups":[` + groupOf(101) + `]}`), "/blocks/0/elements/0/option_groups/0/options", "no more than 100"},
		{"E4 option text", "option text", selectOf(opt(long(75), "a"), ""), selectOf(opt(long(76), "a"), ""), "/blocks/0/elements/0/options/0/text/text", "less than 76"},
		{"E4 option value", "option value", selectOf(opt("a", long(75)), ""), selectOf(opt("a", long(76)), ""), "/blocks/0/elements/0/options/0/value", "less than 76"},
		{"E4 option description", "description", selectOf(`{"text":{"type":"plain_text","text":"a"},"value":"a","description":{"type":"plain_text","text":"`+long(75)+`"}}`, ""),
			selectOf(`{"text":{"type":"plain_text","text":"a"},"value":"a","description":{"type":"plain_text","text":"`+long(76)+`"}}`, ""), "/blocks/0/elements/0/options/0/description/text", "less than 76"},
		{"E4 initial_option", "not among the options", selectOf(opt("a", "a"), `,"initial_option":`+opt("a", "a")), selectOf(opt("a", "a"), `,"initial_option":`+opt("A", "a")), "/blocks/0/elements/0", "initial option must be one of"},
		{"E4 placeholder", "placeholder", selectOf(opt("a", "a"), `,"placeholder":{"type":"plain_text","text":"`+long(150)+`"}`),
			selectOf(opt("a", "a"), `,"placeholder":{"type":"plain_text","text":"`+long(151)+`"}`), "/blocks/0/elements/0/placeholder/text", "less than 151"},
		{"E4 overflow", "6 options", actions(`{"type":"overflow","options":[` + repeated(5, same(opt("a", "a"))) + `]}`),
			actions(`{"type":"overflow","options":[` + repeated(6, same(opt("a", "a"))) + `]}`), "/blocks/0/elements/0/options", "no more than 5"},
		{"E4 radio options", "11 options", actions(`{"type":"radio_buttons","options":[` + repeated(10, same(opt("a", "a"))) + `]}`),
			actions(`{"type":"radio_buttons","options":[` + repeated(11, same(opt("a", "a"))) + `]}`), "/blocks/0/elements/0/options", "no more than 10"},
		{"E4 checkbox options", "11 options", actions(`{"type":"checkboxes","options":[` + repeated(10, same(opt("a", "a"))) + `]}`),
			actions(`{"type":"checkboxes","options":[` + repeated(11, same(opt("a", "a"))) + `]}`), "/blocks/0/elements/0/options", "no more than 10"},
		{"E4 input label", "label", strings.Replace(inputOf(`{"type":"plain_text_input"}`), `"l"`, `"`+long(2000)+`"`, 1),
			strings.Replace(inputOf(`{"type":"plain_text_input"}`), `"l"`, `"`+long(2001)+`"`, 1), "/blocks/0/label/text", "less than 2001"},
		{"E4 plain_text_input max_length", "max_length", inputOf(`{"type":"plain_text_input","max_length":3000}`), inputOf(`{"type":"plain_text_input","max_length":3001}`), "/blocks/0/element/max_length", "from 1 to 3000"},
		{"E4 block_id", "block_id", `{"type":"divider","block_id":"` + long(255) + `"}`, `{"type":"divider","block_id":"` + long(256) + `"}`, "/blocks/0/block_id", "less than 256"},
		{"E4 action_id", "action_id", actions(knob(`,"action_id":"` + long(255) + `"`)), actions(knob(`,"action_id":"` + long(256) + `"`)), "/blocks/0/elements/0/action_id", "less than 256"},
		{"E4 block_id", "the same twice", `{"type":"divider","block_id":"a"},{"type":"divider","block_id":"b"}`, `{"type":"divider","block_id":"a"},{"type":"divider","block_id":"a"}`, "/blocks/1/block_id", "already exists"},
		{"E4 action_id", "the same twice in a block", actions(knob(`,"action_id":"a"`)) + "," + actions(knob(`,"action_id":"a"`)),
			actions(knob(`,"action_id":"a"`) + "," + knob(`,"action_id":"a"`)), "/blocks/0/elements/1/action_id", "already exists"},
		{"E4 block types", "an unknown type", `{"type":"divider"}`, `{"type":"diviner"}`, "/blocks/0/type", "unsupported type: diviner"},
		{"E4 element types", "a text input among actions", inputOf(`{"type":"plain_text_input"}`), actions(`{"type":"plain_text_input"}`), "/blocks/0/elements/0/type", "unsupported type"},
		{"E4 block fields", "an unknown field", `{"type":"divider"}`, `{"type":"divider","label":"x"}`, "/blocks/0", "invalid additional property: label"},
		{"E4 block fields", "a missing field", `{"type":"header","text":{"type":"plain_text","text":"x"}}`, `{"type":"header"}`, "/blocks/0", "missing required field: text"},
		{"E4 text object", "a string for an object", section("x"), `{"type":"section","text":"x"}`, "/blocks/0/text", "must provide an object"},
	} {
		b := newBench(t)
		if o := b.form("chat.postMessage", "channel", "C0OPS", "text", "t", "blocks", "["+c.fits+"]"); o["ok"] != true {
			t.Errorf("%s (%s): at the limit: got %v, want ok", c.name, c.source, o)
		}
		o := b.form("chat.postMessage", "channel", "C0OPS", "text", "t", "blocks", "["+c.past+"]")
		messages := fmt.Sprint(o["response_metadata"])
		if o["error"] != "invalid_blocks" || !strings.Contains(messages, c.says) || !strings.Contains(messages, "[json-pointer:"+c.place+"]") {
			t.Errorf("%s (%s): got %v, want invalid_blocks, %q at %s", c.name, c.source, o, c.says, c.place)
		}
	}
}

func confirmOf(title, text, yes, no string) string {
	return fmt.Sprintf(`,"confirm":{"title":{"type":"plain_text","text":"%s"},"text":{"type":"mrkdwn","text":"%s"},"confirm":{"type":"plain_text","text":"%s"},"deny":{"type":"plain_text","text":"%s"}}`, title, text, yes, no)
}

func groupOf(n int) string {
	return `{"label":{"type":"plain_text","text":"g"},"options":[` + repeated(n, same(opt("a", "a"))) + `]}`
}

func viewOf(more string, blocks string) string {
	return `{"type":"modal","title":{"type":"plain_text","text":"t"}` + more + `,"blocks":[` + blocks + `]}`
}

// The limits of views: invalid_arguments, and the place (docs/facts.md#e4).
func TestViewsPastALimitAreRefusedWithTheirPlace(t *testing.T) {
	titled := func(n int) string {
		return `{"type":"modal","title":{"type":"plain_text","text":"` + long(n) + `"},"blocks":[]}`
	}
	labelled := func(name string, n int) string {
		return viewOf(`,"`+name+`":{"type":"plain_text","text":"`+long(n)+`"}`, "")
	}
	with := func(name string, n int) string { return viewOf(`,"`+name+`":"`+long(n)+`"`, "") }
	const submit = `,"submit":{"type":"plain_text","text":"s"}`
	input := inputOf(`{"type":"plain_text_input"}`)
	for _, c := range []struct{ source, name, fits, past, place, says string }{
		{"E4 modal title", "title", titled(24), titled(25), "/view/title/text", "must be less than 25 characters"},
		{"E4 modal title", "no title", titled(1), `{"type":"modal","blocks":[]}`, "/view", "missing required field: title"},
		{"E4 submit text", "submit", labelled("submit", 24), labelled("submit", 25), "/view/submit/text", "less than 25"},
		{"E4 close text", "close", labelled("close", 24), labelled("close", 25), "/view/close/text", "less than 25"},
		{"E4 blocks in a modal", "101 blocks", viewOf("", repeated(100, same(`{"type":"divider"}`))), viewOf("", repeated(101, same(`{"type":"divider"}`))), "/view/blocks", "no more than 100 items"},
		{"E4 private_metadata", "private_metadata", with("private_metadata", 3000), with("private_metadata", 3001), "/view/private_metadata", "less than 3001"},
		{"E4 callback_id", "callback_id", with("callback_id", 255), with("callback_id", 256), "/view/callback_id", "less than 256"},
		{"E4 external_id", "external_id", with("external_id", 255), with("external_id", 256), "/view/external_id", "less than 256"},
		{"E4 submit is required", "inputs without submit", viewOf(submit, input), viewOf("", input), "/view/blocks/0/input", "must define `submit`"},
		{"E4 block_id", "the same twice", viewOf("", `{"type":"divider","block_id":"a"}`), viewOf("", `{"type":"divider","block_id":"a"},{"type":"divider","block_id":"a"}`), "/view/blocks/1/block_id", "already exists"},
		{"E4 views", "a home tab", viewOf("", ""), strings.Replace(viewOf("", ""), "modal", "home", 1), "/view/type", "valid enum value"},
		{"E4 views", "not an object", viewOf("", ""), `"modal"`, "/view", "must provide an object"},
	} {
		b := newBench(t)
		if o := b.json("views.open", object{"trigger_id": b.NewTrigger("U0DEV1"), "view": parsed(t, c.fits)}); o["ok"] != true {
			t.Errorf("%s (%s): at the limit: got %v, want ok", c.name, c.source, o)
		}
		trigger := b.NewTrigger("U0DEV1")
		o := b.json("views.open", object{"trigger_id": trigger, "view": parsed(t, c.past)})
		messages := fmt.Sprint(o["response_metadata"])
		if o["error"] != "invalid_arguments" || !strings.Contains(messages, c.says) || !strings.Contains(messages, "[json-pointer:"+c.place+"]") {
			t.Errorf("%s (%s): got %v, want invalid_arguments, %q at %s", c.name, c.source, o, c.says, c.place)
		}
		if o := b.json("views.open", object{"trigger_id": trigger, "view": parsed(t, viewOf("", ""))}); o["ok"] != true {
			t.Errorf("%s: the trigger of a refused view is used up: %v", c.name, o)
		}
	}
}

// What methods refuse, by code. A source that names no section of FACTS is the
// method's own page in Slack's reference.
func TestMethodsRefuseWhatSlackRefuses(t *testing.T) {
	for _, c := range []struct {
		source, name, code string
		call               func(b *bench) object
	}{
		{"Web API errors", "no token", "not_authed", func(b *bench) object { return b.form("auth.test", "token", "") }},
		{"Web API errors", "a wrong token", "invalid_auth", func(b *bench) object { return b.form("auth.test", "token", "xoxb-other") }},
		{"Web API errors", "an unknown method", "unknown_method", func(b *bench) object { return b.form("chat.shout") }},
		{"Web API errors", "a body that is not JSON", "invalid_json", func(b *bench) object {
			r := httptest.NewRequest(http.MethodPost, "/views.open", strings.NewReader("{"))
			r.Header.Set("Content-Type", "application/json")
			return b.do(r, 200)
		}},
		{"Web API errors", "a token in JSON", "not_authed", func(b *bench) object {
			r := httptest.NewRequest(http.MethodPost, "/auth.test", strings.NewReader(`{"token":"`+token+`"}`))
			r.Header.Set("Content-Type", "application/json")
			return b.do(r, 200)
		}},
		{"E7 users.info", "nobody", "user_not_found", func(b *bench) object { return b.form("users.info", "user", "U0NOBODY") }},
		{"users.lookupByEmail", "nobody", "users_not_found", func(b *bench) object { return b.form("users.lookupByEmail", "email", "x@example.com") }},
		{"users.lookupByEmail", "deactivated", "users_not_found", func(b *bench) object { return b.form("users.lookupByEmail", "email", "gone@example.com") }},
		{"users.list", "a made-up cursor", "invalid_cursor", func(b *bench) object { return b.form("users.list", "cursor", "next") }},
		{"users.list", "a limit past 1000", "invalid_limit", func(b *bench) object { return b.form("users.list", "limit", "1001") }},
		{"E7 usergroups.users.list", "no such group", "no_such_subteam", func(b *bench) object { return b.form("usergroups.users.list", "usergroup", "S0NONE") }},
		{"E7 usergroups.users.list", "a removed group", "no_such_subteam", func(b *bench) object {
			b.RemoveGroup("S0DEVS")
			return b.form("usergroups.users.list", "usergroup", "S0DEVS")
		}},
		{"E7 excludes disabled groups", "a disabled group", "no_such_subteam", func(b *bench) object {
			b.DisableGroup("S0DEVS")
			return b.form("usergroups.users.list", "usergroup", "S0DEVS")
		}},
		{"E6 DM, conversations.open", "nobody", "user_not_found", func(b *bench) object { return b.form("conversations.open", "users", "U0NOBODY") }},
		{"conversations.open", "deactivated", "user_disabled", func(b *bench) object { return b.form("conversations.open", "users", "U0GONE") }},
		{"conversations.open", "a bot", "cannot_dm_bot", func(b *bench) object { return b.form("conversations.open", "users", "U0BOT") }},
		{"E7 Slack Connect", "an outsider", "user_not_visible", func(b *bench) object { return b.form("conversations.open", "users", "U0OUTSIDE") }},
		{"E6 chat.postMessage", "no such channel", "channel_not_found", func(b *bench) object { return b.form("chat.postMessage", "channel", "C0NONE", "text", "x") }},
		{"E6 private channels", "a private channel without the bot", "channel_not_found", func(b *bench) object {
			b.SetChannel(Channel{ID: "C0HIDDEN", Private: true, BotOut: true})
			return b.form("chat.postMessage", "channel", "C0HIDDEN", "text", "x")
		}},
		{"E6 chat:write.public", "a channel without the bot", "not_in_channel", func(b *bench) object {
			b.SetChannel(Channel{ID: "C0OPS", BotOut: true})
			return b.form("chat.postMessage", "channel", "C0OPS", "text", "x")
		}},
		{"E6 chat.postMessage", "archived", "is_archived", func(b *bench) object {
			b.SetChannel(Channel{ID: "C0OPS", Archived: true})
			return b.form("chat.postMessage", "channel", "C0OPS", "text", "x")
		}},
		{"chat.postMessage", "a read-only channel", "restricted_action_read_only_channel", func(b *bench) object {
			b.SetChannel(Channel{ID: "C0OPS", ReadOnly: true})
			return b.form("chat.postMessage", "channel", "C0OPS", "text", "x")
		}},
		{"chat.postMessage", "a thread in a read-only channel", "restricted_action_read_only_channel", func(b *bench) object {
			ts := b.post("C0OPS", "[]").TS
			b.SetChannel(Channel{ID: "C0OPS", ReadOnly: true})
			return b.form("chat.postMessage", "channel", "C0OPS", "text", "x", "thread_ts", ts)
		}},
		{"chat.postMessage", "a thread-only channel", "restricted_action_thread_only_channel", func(b *bench) object {
			b.SetChannel(Channel{ID: "C0OPS", ThreadOnly: true})
			return b.form("chat.postMessage", "channel", "C0OPS", "text", "x")
		}},
		{"chat.postMessage", "a thread where none may be", "restricted_action_non_threadable_channel", func(b *bench) object {
			b.SetChannel(Channel{ID: "C0OPS", NoThreads: true})
			return b.form("chat.postMessage", "channel", "C0OPS", "text", "x", "thread_ts", b.post("C0OPS", "[]").TS)
		}},
		{"chat.postEphemeral has restricted_action alone", "a read-only channel", "restricted_action", func(b *bench) object {
			b.SetChannel(Channel{ID: "C0OPS", ReadOnly: true})
			return b.form("chat.postEphemeral", "channel", "C0OPS", "user", "U0DEV1", "text", "x")
		}},
		{"chat.update", "a channel that migrates", "external_channel_migrating", func(b *bench) object {
			ts := b.post("C0OPS", "[]").TS
			b.SetChannel(Channel{ID: "C0OPS", Migrating: true})
			return b.form("chat.update", "channel", "C0OPS", "ts", ts, "text", "x")
		}},
		{"the same of new messages", "a channel that migrates", "external_channel_migrating", func(b *bench) object {
			b.SetChannel(Channel{ID: "C0OPS", Migrating: true})
			return b.form("chat.postMessage", "channel", "C0OPS", "text", "x")
		}},
		{"chat.update", "an archived channel", "is_inactive", func(b *bench) object {
			ts := b.post("C0OPS", "[]").TS
			b.SetChannel(Channel{ID: "C0OPS", Archived: true})
			return b.form("chat.update", "channel", "C0OPS", "ts", ts, "text", "x")
		}},
		{"users.list", "no limit in a large workspace", "limit_required", func(b *bench) object {
			for i := range mostUsers {
				if err := b.SetUser(UserChange{ID: fmt.Sprintf("U%07d", i)}); err != nil {
					b.t.Fatal(err)
				}
			}
			return b.form("users.list")
		}},
		{"E6 DM", "a deactivated person", "channel_not_found", func(b *bench) object { return b.form("chat.postMessage", "channel", "U0GONE", "text", "x") }},
		{"E6 DM", "somebody who left since", "channel_not_found", func(b *bench) object {
			m := b.post("U0DEV1", "[]")
			left := true
			_ = b.SetUser(UserChange{ID: "U0DEV1", Deleted: &left})
			return b.form("chat.postMessage", "channel", m.Channel, "text", "x")
		}},
		{"E4 EMPTY text is rejected", "nothing said", "no_text", func(b *bench) object { return b.form("chat.postMessage", "channel", "C0OPS") }},
		{"chat.postMessage", "blocks that are not JSON", "invalid_blocks_format", func(b *bench) object { return b.form("chat.postMessage", "channel", "C0OPS", "blocks", "[") }},
		{"E6 user_not_in_channel", "somebody outside the channel", "user_not_in_channel", func(b *bench) object {
			b.SetChannel(Channel{ID: "C0OPS", Members: []string{"U0DEV2"}})
			return b.form("chat.postEphemeral", "channel", "C0OPS", "user", "U0DEV1", "text", "x")
		}},
		{"E6 user_not_in_channel", "another's direct channel", "user_not_in_channel", func(b *bench) object {
			return b.form("chat.postEphemeral", "channel", b.post("U0DEV2", "[]").Channel, "user", "U0DEV1", "text", "x")
		}},
		{"E7 ephemeral to strangers", "an outsider", "user_not_in_channel", func(b *bench) object {
			return b.form("chat.postEphemeral", "channel", CommandChannel, "user", "U0OUTSIDE", "text", "x")
		}},
		{"E6 chat.postEphemeral", "a person as the channel", "channel_not_found", func(b *bench) object {
			return b.form("chat.postEphemeral", "channel", "U0DEV1", "user", "U0DEV1", "text", "x")
		}},
		{"E6 chat.update", "no such message", "message_not_found", func(b *bench) object { return b.form("chat.update", "channel", "C0OPS", "ts", "1.000001", "text", "x") }},
		{"E6 chat.update only the bot's own", "another's message", "cant_update_message", func(b *bench) object {
			return b.form("chat.update", "channel", "C0OPS", "ts", b.PostAs("U0DEV1", "C0OPS", "mine"), "text", "x")
		}},
		{"E6 an ephemeral CANNOT be edited", "an ephemeral message", "message_not_found", func(b *bench) object {
			o := b.form("chat.postEphemeral", "channel", "C0OPS", "user", "U0DEV1", "text", "x")
			return b.form("chat.update", "channel", "C0OPS", "ts", o["message_ts"].(string), "text", "x")
		}},
		{"E6 conversations.open returns the D… id that chat.update needs", "a person as the channel", "channel_not_found", func(b *bench) object {
			return b.form("chat.update", "channel", "U0DEV1", "ts", b.post("U0DEV1", "[]").TS, "text", "x")
		}},
		{"chat.update", "4,001 characters", "msg_too_long", func(b *bench) object {
			return b.form("chat.update", "channel", "C0OPS", "ts", b.post("C0OPS", "[]").TS, "text", long(4001))
		}},
		{"chat.update", "nothing said", "no_text", func(b *bench) object {
			return b.form("chat.update", "channel", "C0OPS", "ts", b.post("C0OPS", "[]").TS)
		}},
		{"chat.delete", "another's message", "cant_delete_message", func(b *bench) object {
			return b.form("chat.delete", "channel", "C0OPS", "ts", b.PostAs("U0DEV1", "C0OPS", "mine"))
		}},
		{"chat.delete", "twice", "message_not_found", func(b *bench) object {
			ts := b.post("C0OPS", "[]").TS
			b.good(b.form("chat.delete", "channel", "C0OPS", "ts", ts))
			return b.form("chat.delete", "channel", "C0OPS", "ts", ts)
		}},
		{"E1 trigger_id", "a made-up trigger", "invalid_trigger_id", func(b *bench) object {
			return b.form("views.open", "trigger_id", "1.2.abc", "view", viewOf("", ""))
		}},
		{"E1 trigger_id expires 3 s after Slack issued it", "after three seconds", "expired_trigger_id", func(b *bench) object {
			id := b.NewTrigger("U0DEV1")
			b.now = b.now.Add(3 * time.Second)
			return b.form("views.open", "trigger_id", id, "view", viewOf("", ""))
		}},
		{"E1 single use", "a used trigger", "exchanged_trigger_id", func(b *bench) object {
			id := b.NewTrigger("U0DEV1")
			b.good(b.form("views.open", "trigger_id", id, "view", viewOf("", "")))
			return b.form("views.open", "trigger_id", id, "view", viewOf("", ""))
		}},
		{"E4 view payload 250 KB", "a view of 251 KB", "view_too_large", func(b *bench) object {
			return b.form("views.open", "trigger_id", b.NewTrigger("U0DEV1"), "view", viewOf("", repeated(90, same(section(long(1500))))))
		}},
		{"views.open", "no view", "invalid_arguments", func(b *bench) object { return b.form("views.open", "trigger_id", b.NewTrigger("U0DEV1")) }},
		{"views.open", "an external_id that is open", "duplicate_external_id", func(b *bench) object {
			b.open("U0DEV1", viewOf(`,"external_id":"x"`, ""))
			return b.form("views.open", "trigger_id", b.NewTrigger("U0DEV2"), "view", viewOf(`,"external_id":"x"`, ""))
		}},
		{"E4 modal stack: 3 views", "a fourth view", "push_limit_reached", func(b *bench) object {
			id := b.open("U0DEV1", viewOf("", actions(knob(`,"action_id":"a"`))))
			b.good(b.form("views.push", "trigger_id", b.viewTrigger(id), "view", viewOf("", "")))
			b.good(b.form("views.push", "trigger_id", b.viewTrigger(id), "view", viewOf("", "")))
			return b.form("views.push", "trigger_id", b.viewTrigger(id), "view", viewOf("", ""))
		}},
		{"E4 views.push needs a trigger_id from the modal", "a trigger from elsewhere", "invalid_trigger_id", func(b *bench) object {
			b.open("U0DEV1", viewOf("", ""))
			return b.form("views.push", "trigger_id", b.NewTrigger("U0DEV1"), "view", viewOf("", ""))
		}},
		{"E4 views.update", "no such view", "not_found", func(b *bench) object { return b.form("views.update", "view_id", "V0", "view", viewOf("", "")) }},
		{"E4 views.update", "a closed view", "not_found", func(b *bench) object {
			id := b.open("U0DEV1", viewOf("", ""))
			b.CloseView(id)
			return b.form("views.update", "view_id", id, "view", viewOf("", ""))
		}},
		{"E4 hash_conflict", "an old hash", "hash_conflict", func(b *bench) object {
			id := b.open("U0DEV1", viewOf("", ""))
			v, _ := b.View(id)
			b.good(b.form("views.update", "view_id", id, "hash", v.Hash, "view", viewOf("", "")))
			return b.form("views.update", "view_id", id, "hash", v.Hash, "view", viewOf("", ""))
		}},
	} {
		b := newBench(t)
		if o := c.call(b); o["ok"] != false || o["error"] != c.code {
			t.Errorf("%s (%s): got %v, want %s", c.name, c.source, o, c.code)
		}
	}
}

// viewTrigger is the trigger of a click in a view.
func (b *bench) viewTrigger(viewID string) string {
	b.t.Helper()
	v, _ := b.View(viewID)
	first := parsed(b.t, string(v.Blocks)).([]any)[0].(object)
	payload, err := b.ViewActionPayload(v.User, viewID, first["block_id"].(string), "a", nil)
	if err != nil {
		b.t.Fatal(err)
	}
	return parsed(b.t, string(payload)).(object)["trigger_id"].(string)
}

// What response URLs refuse (docs/facts.md#e1: five uses, thirty minutes).
func TestResponseURLsAreGoodForFiveUsesAndThirtyMinutes(t *testing.T) {
	respond := func(b *bench, address, body string, status int) string {
		r := httptest.NewRequest(http.MethodPost, strings.TrimPrefix(address, "http://127.0.0.1:8080/slack-api"), strings.NewReader(body))
		r.Header.Set("Content-Type", "application/json")
		w := httptest.NewRecorder()
		b.ServeHTTP(w, r)
		if w.Code != status {
			t.Errorf("status %d, want %d: %s", w.Code, status, w.Body)
		}
		return w.Body.String()
	}
	b := newBench(t)
	address := b.NewResponseURL("U0DEV1", "C0OPS", "")
	if got := respond(b, address, `{}`, 400); !strings.Contains(got, "no_text") {
		t.Errorf("nothing said: got %s, want no_text", got)
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
		t.Errorf("a made-up one: got %s, want expired_url", got)
	}
}

// Faults, as the sandbox's lever sets them.
func TestFaultsHappenAsTheyAreSet(t *testing.T) {
	for how, c := range map[string]struct {
		status int
		posted int
	}{"": {200, 1}, "error": {503, 0}, "429": {429, 0}, "lost": {503, 1}, "slow": {200, 1}} {
		b := newBench(t)
		b.fault["slack:chat.postMessage"] = how
		r := httptest.NewRequest(http.MethodPost, "/chat.postMessage?channel=C0OPS&text=x&token="+token, nil)
		gone, hangUp := contextThatEnds(r)
		if how == "slow" {
			hangUp() // the caller goes at once, and the work is done all the same
		}
		w := httptest.NewRecorder()
		b.ServeHTTP(w, gone)
		hangUp()
		if w.Code != c.status || len(b.Messages()) != c.posted || b.calls["slack:chat.postMessage"] != 1 {
			t.Errorf("%q: status %d, %d messages, %d calls; want %d, %d, 1", how, w.Code, len(b.Messages()), b.calls["slack:chat.postMessage"], c.status, c.posted)
		}
		if how == "429" && w.Header().Get("Retry-After") == "" {
			t.Error("429 without Retry-After")
		}
	}
}
