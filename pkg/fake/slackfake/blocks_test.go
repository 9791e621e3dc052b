package slackfake

import (
	"fmt"
	"strings"
	"testing"
)

// repeated joins n values of a list.
func repeated(n int, each func(i int) string) string {
	parts := make([]string, n)
	for i := range parts {
		parts[i] = each(i)
	}
	return strings.Join(parts, ",")
}

func always(text string) func(int) string { return func(int) string { return text } }

// chars returns a text of n characters and 2n bytes.
func chars(n int) string { return strings.Repeat("é", n) }

const divider = `{"type":"divider"}`

func plainJSON(text string) string { return `{"type":"plain_text","text":"` + text + `"}` }

func optionJSON(text, value string) string {
	return `{"text":` + plainJSON(text) + `,"value":"` + value + `"}`
}

func buttonJSON(more string) string { return `{"type":"button","text":` + plainJSON("x") + more + `}` }

func actionsJSON(elements string) string { return `{"type":"actions","elements":[` + elements + `]}` }

func selectJSON(options, more string) string {
	return actionsJSON(`{"type":"static_select","options":[` + options + `]` + more + `}`)
}

func sectionJSON(text string) string {
	return `{"type":"section","text":{"type":"mrkdwn","text":"` + text + `"}}`
}

func headerJSON(text string) string { return `{"type":"header","text":` + plainJSON(text) + `}` }

func inputJSON(label, element string) string {
	return `{"type":"input","label":` + plainJSON(label) + `,"element":` + element + `}`
}

func confirmJSON(title, text, yes, no string) string {
	return `,"confirm":{"title":` + plainJSON(title) + `,"text":{"type":"mrkdwn","text":"` + text + `"},` +
		`"confirm":` + plainJSON(yes) + `,"deny":` + plainJSON(no) + `}`
}

func groupJSON(n int) string {
	return `{"label":` + plainJSON("g") + `,"options":[` + repeated(n, always(optionJSON("a", "a"))) + `]}`
}

func modalJSON(more string, blocks string) string {
	return `{"type":"modal","title":` + plainJSON("t") + more + `,"blocks":[` + blocks + `]}`
}

// optionsJSON is an actions block whose only element has n options.
func optionsJSON(kind string) func(n int) string {
	return func(n int) string {
		options := repeated(n, always(optionJSON("a", "a")))
		return actionsJSON(`{"type":"` + kind + `","options":[` + options + `]}`)
	}
}

// elementText is an actions block with a button that has a text of n characters
// in one of its fields.
func elementText(field string) func(n int) string {
	return func(n int) string { return actionsJSON(buttonJSON(`,"` + field + `":"` + chars(n) + `"`)) }
}

// limit is a limit of a block or view (docs/facts.md#e4): build(max) is accepted
// and build(max+1) is refused, with a message that says why and names the place.
type limit struct {
	name        string
	max         int
	build       func(n int) string
	place, says string
}

var blockLimits = []limit{
	{"blocks in a message", 50, func(n int) string { return repeated(n, always(divider)) },
		"/blocks", "no more than 50 items"},
	{"section text", 3000, func(n int) string { return sectionJSON(chars(n)) },
		"/blocks/0/text/text", "must be less than 3001 characters"},
	{"text of a section's field", 2000, func(n int) string {
		return `{"type":"section","fields":[` + plainJSON(chars(n)) + `]}`
	}, "/blocks/0/fields/0/text", "less than 2001"},
	{"fields of a section", 10, func(n int) string {
		return `{"type":"section","fields":[` + repeated(n, always(plainJSON("x"))) + `]}`
	}, "/blocks/0/fields", "no more than 10 items"},
	{"header text", 150, func(n int) string { return headerJSON(chars(n)) }, "/blocks/0/text/text", "less than 151"},
	{"context elements", 10, func(n int) string {
		return `{"type":"context","elements":[` + repeated(n, always(plainJSON("x"))) + `]}`
	}, "/blocks/0/elements", "no more than 10"},
	{"actions block elements", 25, func(n int) string { return actionsJSON(repeated(n, always(buttonJSON("")))) },
		"/blocks/0/elements", "no more than 25"},
	{"button text", 75, func(n int) string {
		return actionsJSON(`{"type":"button","text":` + plainJSON(chars(n)) + `}`)
	}, "/blocks/0/elements/0/text/text", "less than 76"},
	{"button value", 2000, elementText("value"), "/blocks/0/elements/0/value", "less than 2001"},
	{"button url", 3000, elementText("url"), "/blocks/0/elements/0/url", "less than 3001"},
	{"action_id", 255, elementText("action_id"), "/blocks/0/elements/0/action_id", "less than 256"},
	{"block_id", 255, func(n int) string { return `{"type":"divider","block_id":"` + chars(n) + `"}` },
		"/blocks/0/block_id", "less than 256"},
	{"title of a confirm dialog", 100, func(n int) string {
		return actionsJSON(buttonJSON(confirmJSON(chars(n), "x", "x", "x")))
	}, "/blocks/0/elements/0/confirm/title/text", "less than 101"},
	{"text of a confirm dialog", 300, func(n int) string {
		return actionsJSON(buttonJSON(confirmJSON("x", chars(n), "x", "x")))
	}, "/blocks/0/elements/0/confirm/text/text", "less than 301"},
	{"confirm button of a confirm dialog", 30, func(n int) string {
		return actionsJSON(buttonJSON(confirmJSON("x", "x", chars(n), "x")))
	}, "/blocks/0/elements/0/confirm/confirm/text", "less than 31"},
	{"deny button of a confirm dialog", 30, func(n int) string {
		return actionsJSON(buttonJSON(confirmJSON("x", "x", "x", chars(n))))
	}, "/blocks/0/elements/0/confirm/deny/text", "less than 31"},
	{"static_select options", 100, optionsJSON("static_select"), "/blocks/0/elements/0/options", "no more than 100"},
	{"overflow options", 5, optionsJSON("overflow"), "/blocks/0/elements/0/options", "no more than 5"},
	{"radio button options", 10, optionsJSON("radio_buttons"), "/blocks/0/elements/0/options", "no more than 10"},
	{"checkbox options", 10, optionsJSON("checkboxes"), "/blocks/0/elements/0/options", "no more than 10"},
	{"option_groups", 100, func(n int) string {
		return actionsJSON(`{"type":"static_select","option_groups":[` + repeated(n, always(groupJSON(1))) + `]}`)
	}, "/blocks/0/elements/0/option_groups", "no more than 100"},
	{"options of one group", 100, func(n int) string {
		return actionsJSON(`{"type":"static_select","option_groups":[` + groupJSON(n) + `]}`)
	}, "/blocks/0/elements/0/option_groups/0/options", "no more than 100"},
	{"option text", 75, func(n int) string { return selectJSON(optionJSON(chars(n), "a"), "") },
		"/blocks/0/elements/0/options/0/text/text", "less than 76"},
	{"option value", 75, func(n int) string { return selectJSON(optionJSON("a", chars(n)), "") },
		"/blocks/0/elements/0/options/0/value", "less than 76"},
	{"option description", 75, func(n int) string {
		return selectJSON(`{"text":`+plainJSON("a")+`,"value":"a","description":`+plainJSON(chars(n))+`}`, "")
	}, "/blocks/0/elements/0/options/0/description/text", "less than 76"},
	{"placeholder", 150, func(n int) string {
		return selectJSON(optionJSON("a", "a"), `,"placeholder":`+plainJSON(chars(n)))
	}, "/blocks/0/elements/0/placeholder/text", "less than 151"},
	{"input label", 2000, func(n int) string { return inputJSON(chars(n), `{"type":"plain_text_input"}`) },
		"/blocks/0/label/text", "less than 2001"},
	{"max_length of an input", 3000, func(n int) string {
		return inputJSON("l", fmt.Sprintf(`{"type":"plain_text_input","max_length":%d}`, n))
	}, "/blocks/0/element/max_length", "from 1 to 3000"},
}

// invalidBlocks break a rule other than a limit (docs/facts.md#e4): good is
// accepted and bad is refused.
var invalidBlocks = []struct{ name, good, bad, place, says string }{
	{"an empty section", sectionJSON("x"), sectionJSON(""), "/blocks/0/text/text", "must be more than 0 characters"},
	{"a section with neither text nor fields", sectionJSON("x"), `{"type":"section"}`,
		"/blocks/0", "missing required field: text"},
	{"a header in mrkdwn", headerJSON("x"), `{"type":"header","text":{"type":"mrkdwn","text":"x"}}`,
		"/blocks/0/text/type", "unsupported type: mrkdwn"},
	{"an unknown button style", actionsJSON(buttonJSON(`,"style":"danger"`)), actionsJSON(buttonJSON(`,"style":"loud"`)),
		"/blocks/0/elements/0/style", "valid enum value"},
	{"a static_select without options", selectJSON(optionJSON("a", "a"), ""), selectJSON("", ""),
		"/blocks/0/elements/0/options", "at least 1 items"},
	{"an initial_option that differs from the options",
		selectJSON(optionJSON("a", "a"), `,"initial_option":`+optionJSON("a", "a")),
		selectJSON(optionJSON("a", "a"), `,"initial_option":`+optionJSON("A", "a")),
		"/blocks/0/elements/0", "initial option must be one of"},
	{"the same block_id twice",
		`{"type":"divider","block_id":"a"},{"type":"divider","block_id":"b"}`,
		`{"type":"divider","block_id":"a"},{"type":"divider","block_id":"a"}`,
		"/blocks/1/block_id", "already exists"},
	{"the same action_id twice in one block",
		actionsJSON(buttonJSON(`,"action_id":"a"`)) + "," + actionsJSON(buttonJSON(`,"action_id":"a"`)),
		actionsJSON(buttonJSON(`,"action_id":"a"`) + "," + buttonJSON(`,"action_id":"a"`)),
		"/blocks/0/elements/1/action_id", "already exists"},
	{"an unknown block type", divider, `{"type":"diviner"}`, "/blocks/0/type", "unsupported type: diviner"},
	{"a text input among actions",
		inputJSON("l", `{"type":"plain_text_input"}`), actionsJSON(`{"type":"plain_text_input"}`),
		"/blocks/0/elements/0/type", "unsupported type"},
	{"an unknown field", divider, `{"type":"divider","label":"x"}`, "/blocks/0", "invalid additional property: label"},
	{"a missing field", headerJSON("x"), `{"type":"header"}`, "/blocks/0", "missing required field: text"},
	{"a string instead of an object", sectionJSON("x"), `{"type":"section","text":"x"}`,
		"/blocks/0/text", "must provide an object"},
}

// checkBlocks posts good and bad blocks and checks that Slack's answer names the
// mistake and its place.
func checkBlocks(t *testing.T, name, good, bad, place, says string) {
	t.Helper()
	b := newTestServer(t)
	post := func(blocks string) object {
		return b.form("chat.postMessage", "channel", "C0OPS", "text", "t", "blocks", "["+blocks+"]")
	}
	if o := post(good); o["ok"] != true {
		t.Errorf("%s: the valid blocks: got %v, want ok", name, o)
	}
	o := post(bad)
	messages := fmt.Sprint(o["response_metadata"])
	if o["error"] != "invalid_blocks" || !strings.Contains(messages, says) ||
		!strings.Contains(messages, "[json-pointer:"+place+"]") {
		t.Errorf("%s: got %v, want invalid_blocks, %q at %s", name, o, says, place)
	}
}

func TestBlocksOverALimitAreRefusedWithTheirPlace(t *testing.T) {
	for _, l := range blockLimits {
		checkBlocks(t, l.name, l.build(l.max), l.build(l.max+1), l.place, l.says)
	}
}

func TestInvalidBlocksAreRefusedWithTheirPlace(t *testing.T) {
	for _, c := range invalidBlocks {
		checkBlocks(t, c.name, c.good, c.bad, c.place, c.says)
	}
}

// viewField is a modal with a text of n characters in one of its fields.
func viewField(name string) func(n int) string {
	return func(n int) string { return modalJSON(`,"`+name+`":"`+chars(n)+`"`, "") }
}

// viewLabel is viewField for a field that holds a text object.
func viewLabel(name string) func(n int) string {
	return func(n int) string { return modalJSON(`,"`+name+`":`+plainJSON(chars(n)), "") }
}

var viewLimits = []limit{
	{"title", 24, func(n int) string { return `{"type":"modal","title":` + plainJSON(chars(n)) + `,"blocks":[]}` },
		"/view/title/text", "must be less than 25 characters"},
	{"submit", 24, viewLabel("submit"), "/view/submit/text", "less than 25"},
	{"close", 24, viewLabel("close"), "/view/close/text", "less than 25"},
	{"blocks in a modal", 100, func(n int) string { return modalJSON("", repeated(n, always(divider))) },
		"/view/blocks", "no more than 100 items"},
	{"private_metadata", 3000, viewField("private_metadata"), "/view/private_metadata", "less than 3001"},
	{"callback_id", 255, viewField("callback_id"), "/view/callback_id", "less than 256"},
	{"external_id", 255, viewField("external_id"), "/view/external_id", "less than 256"},
}

var invalidViews = []struct{ name, good, bad, place, says string }{
	{"no title", modalJSON("", ""), `{"type":"modal","blocks":[]}`, "/view", "missing required field: title"},
	{"inputs without submit",
		modalJSON(`,"submit":`+plainJSON("s"), inputJSON("l", `{"type":"plain_text_input"}`)),
		modalJSON("", inputJSON("l", `{"type":"plain_text_input"}`)),
		"/view/blocks/0/input", "must define `submit`"},
	{"the same block_id twice",
		modalJSON("", `{"type":"divider","block_id":"a"}`),
		modalJSON("", `{"type":"divider","block_id":"a"},{"type":"divider","block_id":"a"}`),
		"/view/blocks/1/block_id", "already exists"},
	{"a home tab", modalJSON("", ""), strings.Replace(modalJSON("", ""), "modal", "home", 1),
		"/view/type", "valid enum value"},
	{"not an object", modalJSON("", ""), `"modal"`, "/view", "must provide an object"},
}

// checkView opens a good and a bad view. Slack names the mistake and its place,
// and does not use up the trigger of a refused view.
func checkView(t *testing.T, name, good, bad, place, says string) {
	t.Helper()
	b := newTestServer(t)
	open := func(trigger, view string) object {
		return b.json("views.open", object{"trigger_id": trigger, "view": parsed(t, view)})
	}
	if o := open(b.NewTrigger("U0DEV1"), good); o["ok"] != true {
		t.Errorf("%s: the valid view: got %v, want ok", name, o)
	}
	trigger := b.NewTrigger("U0DEV1")
	o := open(trigger, bad)
	messages := fmt.Sprint(o["response_metadata"])
	if o["error"] != "invalid_arguments" || !strings.Contains(messages, says) ||
		!strings.Contains(messages, "[json-pointer:"+place+"]") {
		t.Errorf("%s: got %v, want invalid_arguments, %q at %s", name, o, says, place)
	}
	if o := open(trigger, modalJSON("", "")); o["ok"] != true {
		t.Errorf("%s: the trigger of a refused view is used up: %v", name, o)
	}
}

func TestViewsOverALimitAreRefusedWithTheirPlace(t *testing.T) {
	for _, l := range viewLimits {
		checkView(t, l.name, l.build(l.max), l.build(l.max+1), l.place, l.says)
	}
}

func TestInvalidViewsAreRefusedWithTheirPlace(t *testing.T) {
	for _, c := range invalidViews {
		checkView(t, c.name, c.good, c.bad, c.place, c.says)
	}
}
