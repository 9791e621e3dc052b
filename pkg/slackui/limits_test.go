package slackui

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"

	"github.com/aws-access/aws-access/pkg/access"
)

// checker collects what Slack would refuse (docs/facts.md#e4).
type checker struct {
	wrong []string
	ids   []string
}

func (c *checker) errorf(format string, values ...any) {
	c.wrong = append(c.wrong, fmt.Sprintf(format, values...))
}

// toJSON is a value as Slack receives it.
func toJSON(v any) any {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	var parsed any
	if err := json.Unmarshal(text, &parsed); err != nil {
		panic(err)
	}
	return parsed
}

func objectOf(v any) map[string]any { o, _ := v.(map[string]any); return o }
func listOf(v any) []any            { l, _ := v.([]any); return l }
func textOf(v any) string           { s, _ := v.(string); return s }

// text checks a text object. kinds are the types that Slack accepts here.
func (c *checker) text(at string, v any, limit int, kinds ...string) {
	o := objectOf(v)
	if kind := textOf(o["type"]); !slices.Contains(kinds, kind) {
		c.errorf("%s: a text of type %q, want %v", at, kind, kinds)
	}
	n := utf8.RuneCountInString(textOf(o["text"]))
	if n == 0 || n > limit {
		c.errorf("%s: %d characters, want 1 to %d", at, n, limit)
	}
	if _, set := o["emoji"]; set != (o["type"] == "plain_text") {
		c.errorf("%s: every plain_text sets emoji, and no other text does", at)
	}
}

func (c *checker) length(at string, v any, lower, upper int) {
	if n := utf8.RuneCountInString(textOf(v)); n < lower || n > upper {
		c.errorf("%s: %d characters, want %d to %d", at, n, lower, upper)
	}
}

func (c *checker) blocks(v any, limit int) {
	all := listOf(v)
	if len(all) > limit {
		c.errorf("%d blocks, want at most %d", len(all), limit)
	}
	for i, b := range all {
		c.block(fmt.Sprint("block ", i), objectOf(b))
	}
}

func (c *checker) block(at string, b map[string]any) {
	if id := textOf(b["block_id"]); id != "" {
		if slices.Contains(c.ids, id) {
			c.errorf("%s: another block has the id %q too", at, id)
		}
		c.ids = append(c.ids, id)
		c.length(at+" id", b["block_id"], 1, 255)
	}
	switch kind := textOf(b["type"]); kind {
	case "divider":
	case "header":
		c.text(at, b["text"], 150, "plain_text")
	case "section":
		c.text(at, b["text"], 3000, "plain_text", "mrkdwn")
		if b["accessory"] != nil {
			c.element(at, objectOf(b["accessory"]))
		}
	case "context":
		c.elements(at, listOf(b["elements"]), 10, func(at string, o map[string]any) {
			c.text(at, o, 3000, "plain_text", "mrkdwn")
		})
	case "actions":
		c.elements(at, listOf(b["elements"]), 25, c.element)
	case "input":
		c.text(at+" label", b["label"], 2000, "plain_text")
		if b["hint"] != nil {
			c.text(at+" hint", b["hint"], 2000, "plain_text")
		}
		c.element(at, objectOf(b["element"]))
	default:
		c.errorf("%s: unknown type %q", at, kind)
	}
}

func (c *checker) elements(at string, all []any, limit int, check func(string, map[string]any)) {
	if len(all) == 0 || len(all) > limit {
		c.errorf("%s: %d elements, want 1 to %d", at, len(all), limit)
	}
	for i, e := range all {
		check(fmt.Sprint(at, " element ", i), objectOf(e))
	}
}

func (c *checker) element(at string, e map[string]any) {
	c.length(at+" action id", e["action_id"], 1, 255)
	if e["placeholder"] != nil {
		c.text(at+" placeholder", e["placeholder"], 150, "plain_text")
	}
	switch kind := textOf(e["type"]); kind {
	case "button":
		c.text(at, e["text"], 75, "plain_text")
		c.length(at+" value", e["value"], 1, 2000)
		c.length(at+" url", e["url"], 0, 3000)
	case "static_select":
		c.options(at, e["options"])
	case "users_select": // Slack fills it with the people of the workspace
	case "external_select":
		if e["min_query_length"] == nil {
			c.errorf("%s: without min_query_length, the menu is empty until three letters are typed", at)
		}
	case "plain_text_input":
		if n, set := e["max_length"].(float64); set && (n < 1 || n > 3000) {
			c.errorf("%s: max_length %v, want 1 to 3000", at, n)
		}
	default:
		c.errorf("%s: unknown element %q", at, kind)
	}
}

func (c *checker) options(at string, v any) {
	all := listOf(v)
	if len(all) == 0 || len(all) > 100 {
		c.errorf("%s: %d options, want 1 to 100", at, len(all))
	}
	for i, one := range all {
		o, at := objectOf(one), fmt.Sprint(at, " option ", i)
		c.text(at, o["text"], 75, "plain_text")
		c.length(at+" value", o["value"], 1, 75)
		if o["description"] != nil {
			c.text(at+" description", o["description"], 75, "plain_text")
		}
	}
}

// checkMessage returns what Slack would refuse of a message. The text of a message with blocks may have 4,000
// characters, because an update must not have more; the text of a message without blocks may have 40,000.
func checkMessage(m Message) []string {
	c, limit := &checker{}, 4000
	if len(m.Blocks) == 0 {
		limit = 40000
	}
	c.length("text", m.Text, 1, limit)
	c.blocks(toJSON(m.Blocks), 50)
	if n := totalText(toJSON(m.Blocks)); n > maxTotalText {
		c.errorf("the blocks hold %d characters together, want at most %d", n, maxTotalText)
	}
	return c.wrong
}

// maxTotalText is how many characters Slack accepts in all blocks of a message together, as far as public reports tell
// (github.com/slackapi/bolt-js/issues/2867).
const maxTotalText = 11000

func totalText(v any) (n int) {
	for _, one := range listOf(v) {
		n += totalText(one)
	}
	for name, one := range objectOf(v) {
		if text, is := one.(string); is && name == "text" {
			n += utf8.RuneCountInString(text)
		}
		n += totalText(one)
	}
	return n
}

// checkView returns what Slack would refuse of a form.
func checkView(v slack.ModalViewRequest) []string {
	c := &checker{}
	o := objectOf(toJSON(v))
	for _, name := range []string{"title", "close", "submit"} {
		if o[name] != nil {
			c.text(name, o[name], 24, "plain_text")
		}
	}
	c.blocks(o["blocks"], 100)
	inputs := slices.ContainsFunc(listOf(o["blocks"]), func(b any) bool { return objectOf(b)["type"] == "input" })
	if inputs && o["submit"] == nil {
		c.errorf("the form has inputs and no submit button")
	}
	c.length("private_metadata", o["private_metadata"], 0, 3000)
	c.length("callback_id", o["callback_id"], 1, 255)
	return c.wrong
}

// longestRequest is a request whose texts are as long as they can be, and longer.
func longestRequest(text string) access.Request {
	r := pending()
	r.Reason, r.Ticket = long(text, access.MaxReason), long(text, 8000)
	r.AccountName, r.Role, r.Requester.Name = long(text, 300), long(text, 300), long(text, 300)
	r.Channels = slices.Repeat([]string{"C0APPROVALS"}, 20)
	for i := range 60 {
		r.Requirements = append(r.Requirements,
			access.Requirement{From: []string{long(text, 200), "U0LEAD1"}, Required: i + 1})
		r.Approvals = append(r.Approvals, access.Approval{By: lead, At: noon})
	}
	return r
}

// long repeats text up to n characters.
func long(text string, n int) string {
	text += " "
	return string([]rune(strings.Repeat(text, n/utf8.RuneCountInString(text)+1))[:n])
}

// longestMessages are all messages with the longest request of a text.
func longestMessages(text string) map[string]Message {
	r := longestRequest(text)
	link := "https://t.example/" + long(text, 5000)
	denied := must(r.Deny(lead, r.Reason, noon))
	granted := r
	granted.State, granted.Ends, granted.For = access.Active, noon.Add(time.Hour), time.Hour
	granted.Review = &access.Review{By: slices.Repeat([]string{long(text, 200)}, 30)}
	return map[string]Message{
		"card":       Card(r, CardPolicy{TicketLink: link}, noon),
		"denied":     Card(denied, CardPolicy{TicketLink: link}, noon),
		"direct":     RequesterMessage(denied, noon),
		"granted":    Card(granted, CardPolicy{TicketLink: link}, noon),
		"list":       List(numbered(slices.Repeat([]access.Request{r, denied, granted}, 20)), true, noon),
		"submitted":  Submitted(r, frozen(text)),
		"operators":  Operators(long(text, 9000)),
		"refused":    ErrorAnswer(&access.Refusal{Code: "x", Says: long(text, 9000), Next: long(text, 9000)}, reference),
		"no session": NoSession(&access.Refusal{Code: "x", Says: long(text, 9000)}, r, reference),
		"reminder":   notice(r, access.Event{Verb: access.Tick, To: access.Pending}),
		"revoke list": RevokeList(Revocable{
			Grants: numbered(slices.Repeat([]access.Request{granted}, 40)), More: true, Responder: true,
			Ending: numbered(slices.Repeat([]access.Request{granted}, 40)),
			Freeze: frozen(long(text, access.MaxReason)), Failing: slices.Repeat([]access.CutList{failing(long(text, 300))}, 20),
		}, 1, noon),
		"revoked partly": RevokedPartly(access.Scope{Kind: access.OfAll}, 1, 2, 3, long(text, 9000)),
	}
}

// inManyAccounts are grants in more accounts than a menu can offer.
func inManyAccounts(name string) (grants []access.Request) {
	for i := range MaxOptions + 20 {
		grants = append(grants, access.Request{Account: fmt.Sprintf("%012d", i), AccountName: name})
	}
	return grants
}

func TestEveryMessageFitsSlacksLimits(t *testing.T) {
	all := messages()
	for kind, text := range map[string]string{
		"plain": "word", "markup": "<&>*_~`", "invisible": "\u202e\U000e0041", "one word": strings.Repeat("é", 3000),
	} {
		for name, m := range longestMessages(text) {
			all["longest "+name+", "+kind] = m
		}
	}
	other := access.Request{State: "frozen", ID: "01X", Requester: dev}
	all["a state of another version"] = Card(other, CardPolicy{}, noon)
	for name, m := range all {
		for _, wrong := range checkMessage(m) {
			t.Errorf("%s: %s", name, wrong)
		}
	}
}

func TestEveryFormFitsSlacksLimits(t *testing.T) {
	all := views()
	for kind, text := range map[string]string{"plain": "word", "markup": "<&>*_~`", "invisible": "\u202e"} {
		many := make([]access.Role, 150)
		for i := range many {
			many[i] = access.Role{Name: fmt.Sprint("Role", i), About: long(text, 300), Max: time.Hour}
		}
		account := access.Account{ID: "111111111111", Name: long(text, 300)}
		all["longest form, "+kind] = Form(FormState{Account: account, Roles: many, Ticket: long(text, 300)})
		all["longest denial, "+kind] = DenyForm(longestRequest(text))
		for name, v := range revokeViews(long(text, access.MaxReason)) {
			all["longest "+name+", "+kind] = v
		}
		all["longest revocation, "+kind] = RevokeForm(longestRequest(text), long(text, 5000), false, noon)
		all["longest menu of accounts, "+kind] = RevokeAccountForm(inManyAccounts(long(text, 300)))
		all["longest answer, "+kind] = SubmittedView(longestRequest(text), frozen(text))
	}
	for name, v := range all {
		for _, wrong := range checkView(v) {
			t.Errorf("%s: %s", name, wrong)
		}
	}
}

func TestRolesThatDoNotFitAreCounted(t *testing.T) {
	var many []access.Role
	for i := range 103 {
		many = append(many, access.Role{Name: fmt.Sprint("Role", i), Max: time.Hour})
	}
	text, err := json.Marshal(Form(FormState{Account: access.Account{ID: "111111111111"}, Roles: many}))
	if err != nil || !strings.Contains(string(text), "3 more roles do not fit here") {
		t.Errorf("a form of 103 roles does not say that 3 are not shown (%v): %.300s", err, text)
	}
}

// An input keeps what was typed as long as its id stays the same.
func TestAnotherAccountChangesTheIDOfTheRoleAlone(t *testing.T) {
	ids := func(s FormState) map[string]string {
		found := make(map[string]string)
		for _, b := range Form(s).Blocks.BlockSet {
			if in, ok := b.(*slack.InputBlock); ok {
				found[in.Label.Text] = in.BlockID
			}
		}
		return found
	}
	roles := []access.Role{{Name: "Admin", Max: time.Hour, Ticket: true}}
	one := ids(FormState{Account: access.Account{ID: "111111111111"}, Roles: roles, Role: "Admin"})
	two := ids(FormState{Account: access.Account{ID: "222222222222"}, Roles: roles})
	want := map[string]string{
		"Account": "account", "Role": "role:111111111111", "How long": "length", "Reason": "reason", "Ticket": "ticket",
	}
	if !cmp.Equal(one, want) {
		t.Errorf("got %v, want %v", one, want)
	}
	want["Role"] = "role:222222222222"
	if !cmp.Equal(two, want) {
		t.Errorf("another account: got %v, want %v", two, want)
	}
}

func TestALongMenuSaysThatItIsNotComplete(t *testing.T) {
	many := make([]access.Account, 345)
	for i := range many {
		many[i] = access.Account{ID: fmt.Sprintf("%012d", i), Name: strings.Repeat("ñ", 90)}
	}
	groups := listOf(objectOf(toJSON(Options(many, 345)))["option_groups"])
	if len(groups) != 1 {
		t.Fatalf("%d groups, want one", len(groups))
	}
	group, c := objectOf(groups[0]), &checker{}
	if got, want := textOf(objectOf(group["label"])["text"]), "Showing 100 of 345: type more letters"; got != want {
		t.Errorf("label %q, want %q", got, want)
	}
	c.text("label", group["label"], 75, "plain_text")
	c.options("menu", group["options"])
	for _, wrong := range c.wrong {
		t.Error(wrong)
	}
}

// maxUnsplit is how many characters Slack does not split for certain (github.com/slackapi/java-slack-sdk/issues/704).
const maxUnsplit = 3900

// Keys may hold any character, and accounts and roles may have any name: every post is within Slack's limits.
func TestKeysFitIntoTheirPosts(t *testing.T) {
	r := active()
	r.AccountName, r.Role = strings.Repeat("&", 300), strings.Repeat("<", 300)
	for _, unit := range []string{"a", "&", "<", "é", "\n"} {
		n := 0
		for FitsInPost(strings.Repeat(unit, n+1)) {
			n++
		}
		if n < 500 {
			t.Fatalf("only %d of %q fit", n, unit)
		}
		full := access.NewSecret(strings.Repeat(unit, n))
		until := sessionUntil(noon.Add(time.Hour), noon.Add(time.Minute))
		for _, m := range Keys(access.Profile, []access.Secret{full, full}, r, until) {
			fence := "```\n" + entities.Replace(strings.TrimSuffix(full.Reveal(), "\n")) + "\n```"
			if wrong := checkMessage(m); wrong != nil || utf8.RuneCountInString(m.Text) > maxUnsplit ||
				!strings.HasPrefix(m.Text, fence) {
				t.Errorf("%d of %q: %v, a text of %d characters", n, unit, wrong, utf8.RuneCountInString(m.Text))
			}
			first := objectOf(objectOf(listOf(toJSON(m.Blocks))[0])["text"])
			if textOf(first["text"]) != fence {
				t.Errorf("%d of %q: the first block is not the keys", n, unit)
			}
		}
	}
}

func TestALinkIsSentWholeOrRefused(t *testing.T) {
	for length := 3000; length < 4300; length += 7 {
		link := "https://signin.aws.amazon.com/federation?Action=login&SigninToken=" + strings.Repeat("t", length)
		want := "<" + strings.ReplaceAll(link, "&", "&amp;") + "|Open AWS console: payments-prod, ReadOnly>"
		posts, err := Link(access.NewSecret(link), active(), sessionUntil(noon.Add(time.Hour), noon.Add(time.Minute)))
		if (utf8.RuneCountInString(want) > maxUnsplit) != (access.Code(err) == "link_too_long") {
			t.Fatalf("a link of %d characters: %v", len(want), err)
		}
		if err != nil {
			continue
		}
		all := ""
		for _, m := range posts {
			if wrong := checkMessage(m); wrong != nil || utf8.RuneCountInString(m.Text) > maxUnsplit || m.Blocks != nil {
				t.Errorf("a link of %d characters: %v, %d blocks", len(want), wrong, len(m.Blocks))
			}
			all += m.Text + "\n"
		}
		if !strings.HasPrefix(posts[0].Text, want) || !strings.Contains(all, "do not pass it on") {
			t.Errorf("a link of %d characters is not whole, or has no words: %.80q", len(want), all)
		}
	}
}

func TestAMessageSaysWhatItLeavesOut(t *testing.T) {
	endless := must(pending().Deny(lead, strings.Repeat("word ", 20000), noon))
	for name, c := range map[string]struct {
		m    Message
		says string
	}{
		"a text of 100,000 characters": {Card(endless, CardPolicy{}, noon),
			"The rest is not shown here. The audit trail has the whole text."},
		"13 closed requests": {List(numbered(slices.Repeat([]access.Request{timedOut()}, 13)), false, noon),
			"3 older ones are not shown."},
	} {
		if wrong := checkMessage(c.m); wrong != nil || !strings.Contains(string(mustJSON(c.m.Blocks)), c.says) {
			t.Errorf("%s: %v, want %q in it", name, wrong, c.says)
		}
	}
}

func TestMarkupIsNotCutInTwo(t *testing.T) {
	for _, unit := range []string{"<@U0LEAD1> ", "<https://t|a b c d> ", "a&amp;b&lt; ", "é "} {
		got := truncateMarkup(strings.Repeat(unit, maxText), maxText)
		n, whole := utf8.RuneCountInString(got), strings.TrimSuffix(got, "…")+" "
		if n > maxText || n < maxText-30 || strings.ReplaceAll(whole, unit, "") != "" {
			t.Errorf("%q: %d characters, ending in %q", unit, n, got[len(got)-30:])
		}
	}
	if fits := strings.Repeat("é", maxText); truncateMarkup(fits, maxText) != fits {
		t.Error("a text that fits was cut")
	}
}
