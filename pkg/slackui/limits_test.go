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

// judge looks for what Slack refuses (docs/facts.md#e4).
type judge struct {
	wrong []string
	ids   []string
}

func (j *judge) no(format string, values ...any) {
	j.wrong = append(j.wrong, fmt.Sprintf(format, values...))
}

// raw is any JSON value as Slack gets it.
func raw(v any) any {
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

// text judges a text object; kinds are the types that may stand here.
func (j *judge) text(at string, v any, most int, kinds ...string) {
	o := objectOf(v)
	if kind := textOf(o["type"]); !slices.Contains(kinds, kind) {
		j.no("%s: a text of type %q, want %v", at, kind, kinds)
	}
	n := utf8.RuneCountInString(textOf(o["text"]))
	if n == 0 || n > most {
		j.no("%s: %d characters, want 1 to %d", at, n, most)
	}
	if _, set := o["emoji"]; set != (o["type"] == "plain_text") {
		j.no("%s: emoji belongs to plain_text, and to all of it", at)
	}
}

func (j *judge) length(at string, v any, least, most int) {
	if n := utf8.RuneCountInString(textOf(v)); n < least || n > most {
		j.no("%s: %d characters, want %d to %d", at, n, least, most)
	}
}

func (j *judge) blocks(v any, most int) {
	all := listOf(v)
	if len(all) > most {
		j.no("%d blocks, at most %d", len(all), most)
	}
	for i, b := range all {
		j.block(fmt.Sprint("block ", i), objectOf(b))
	}
}

func (j *judge) block(at string, b map[string]any) {
	if id := textOf(b["block_id"]); id != "" {
		if slices.Contains(j.ids, id) {
			j.no("%s: the id %q is there twice", at, id)
		}
		j.ids = append(j.ids, id)
		j.length(at+" id", b["block_id"], 1, 255)
	}
	switch kind := textOf(b["type"]); kind {
	case "divider":
	case "header":
		j.text(at, b["text"], 150, "plain_text")
	case "section":
		j.text(at, b["text"], 3000, "plain_text", "mrkdwn")
		if b["accessory"] != nil {
			j.element(at, objectOf(b["accessory"]))
		}
	case "context":
		j.elements(at, listOf(b["elements"]), 10, func(at string, o map[string]any) { j.text(at, o, 3000, "plain_text", "mrkdwn") })
	case "actions":
		j.elements(at, listOf(b["elements"]), 25, j.element)
	case "input":
		j.text(at+" label", b["label"], 2000, "plain_text")
		if b["hint"] != nil {
			j.text(at+" hint", b["hint"], 2000, "plain_text")
		}
		j.element(at, objectOf(b["element"]))
	default:
		j.no("%s: unknown type %q", at, kind)
	}
}

func (j *judge) elements(at string, all []any, most int, each func(string, map[string]any)) {
	if len(all) == 0 || len(all) > most {
		j.no("%s: %d elements, want 1 to %d", at, len(all), most)
	}
	for i, e := range all {
		each(fmt.Sprint(at, " element ", i), objectOf(e))
	}
}

func (j *judge) element(at string, e map[string]any) {
	j.length(at+" action id", e["action_id"], 1, 255)
	if e["placeholder"] != nil {
		j.text(at+" placeholder", e["placeholder"], 150, "plain_text")
	}
	switch kind := textOf(e["type"]); kind {
	case "button":
		j.text(at, e["text"], 75, "plain_text")
		j.length(at+" value", e["value"], 1, 2000)
		j.length(at+" url", e["url"], 0, 3000)
	case "static_select":
		j.options(at, e["options"])
	case "external_select":
		if e["min_query_length"] == nil {
			j.no("%s: a menu that is empty until three letters were typed", at)
		}
	case "plain_text_input":
		if n, set := e["max_length"].(float64); set && (n < 1 || n > 3000) {
			j.no("%s: max_length %v", at, n)
		}
	default:
		j.no("%s: unknown element %q", at, kind)
	}
}

func (j *judge) options(at string, v any) {
	all := listOf(v)
	if len(all) == 0 || len(all) > 100 {
		j.no("%s: %d options, want 1 to 100", at, len(all))
	}
	for i, one := range all {
		o, at := objectOf(one), fmt.Sprint(at, " option ", i)
		j.text(at, o["text"], 75, "plain_text")
		j.length(at+" value", o["value"], 1, 75)
		if o["description"] != nil {
			j.text(at+" description", o["description"], 75, "plain_text")
		}
	}
}

// judgeMessage is what Slack refuses of a message. A text that an update may
// carry has 4,000 characters, one that is posted 40,000.
func judgeMessage(m Message) []string {
	j, most := &judge{}, 4000
	if len(m.Blocks) == 0 {
		most = 40000
	}
	j.length("text", m.Text, 1, most)
	j.blocks(raw(m.Blocks), 50)
	if n := allText(raw(m.Blocks)); n > mostTogether {
		j.no("the blocks hold %d characters together, at most %d", n, mostTogether)
	}
	return j.wrong
}

// mostTogether is how many characters Slack takes in all blocks of a message
// together, as far as public reports tell (github.com/slackapi/bolt-js/issues/2867).
const mostTogether = 11000

func allText(v any) (n int) {
	for _, one := range listOf(v) {
		n += allText(one)
	}
	for name, one := range objectOf(v) {
		if text, is := one.(string); is && name == "text" {
			n += utf8.RuneCountInString(text)
		}
		n += allText(one)
	}
	return n
}

func judgeView(v slack.ModalViewRequest) []string {
	j := &judge{}
	o := objectOf(raw(v))
	for _, name := range []string{"title", "close", "submit"} {
		if o[name] != nil {
			j.text(name, o[name], 24, "plain_text")
		}
	}
	j.blocks(o["blocks"], 100)
	inputs := slices.ContainsFunc(listOf(o["blocks"]), func(b any) bool { return objectOf(b)["type"] == "input" })
	if inputs && o["submit"] == nil {
		j.no("inputs without a submit button")
	}
	j.length("private_metadata", o["private_metadata"], 0, 3000)
	j.length("callback_id", o["callback_id"], 1, 255)
	return j.wrong
}

// extreme is a request that is as long as it can be, and longer.
func extreme(text string) access.Request {
	r := pending()
	r.Reason, r.Ticket, r.AccountName, r.Role, r.Requester.Name = long(text, access.MaxReason), long(text, 8000), long(text, 300), long(text, 300), long(text, 300)
	r.Channels = slices.Repeat([]string{"C0APPROVALS"}, 20)
	for i := range 60 {
		r.Requirements = append(r.Requirements, access.Requirement{From: []string{long(text, 200), "U0LEAD1"}, Required: i + 1})
		r.Approvals = append(r.Approvals, access.Approval{By: lead, At: noon})
	}
	return r
}

func long(text string, most int) string {
	text += " "
	return string([]rune(strings.Repeat(text, most/utf8.RuneCountInString(text)+1))[:most])
}

func TestEveryMessageFitsSlacksLimits(t *testing.T) {
	all := messages()
	for name, text := range map[string]string{"plain": "word", "marks": "<&>*_~`", "unseen": "\u202e\U000e0041", "one word": strings.Repeat("é", 3000)} {
		r := extreme(text)
		link := "https://t.example/" + long(text, 5000)
		denied := must(r.Deny(lead, r.Reason, noon))
		open := r
		open.State, open.Ends, open.For = access.Active, noon.Add(time.Hour), time.Hour
		open.Review = &access.Review{By: slices.Repeat([]string{long(text, 200)}, 30)}
		for what, m := range map[string]Message{
			"card": Card(r, link, noon), "denied": Card(denied, link, noon), "direct": DirectMessage(denied, noon), "open": Card(open, link, noon),
			"list": List(numbered(slices.Repeat([]access.Request{r, denied, open}, 20)), true, noon), "asked": Submitted(r),
			"operators":  Operators(long(text, 9000)),
			"refused":    ErrorAnswer(access.Refuse("x", long(text, 9000), long(text, 9000)), reference),
			"not vended": NoSession(access.Refuse("x", long(text, 9000), ""), r, reference),
			"reminder":   notice(r, access.Event{Verb: access.Tick, To: access.Pending}),
		} {
			all["extreme "+name+" "+what] = m
		}
	}
	all["a state of another version"] = Card(access.Request{State: "frozen", ID: "01X", Requester: dev}, "", noon)
	for name, m := range all {
		for _, wrong := range judgeMessage(m) {
			t.Errorf("%s: %s", name, wrong)
		}
	}
}

func TestEveryFormFitsSlacksLimits(t *testing.T) {
	all := views()
	for name, text := range map[string]string{"plain": "word", "marks": "<&>*_~`", "unseen": "\u202e"} {
		many := make([]access.Role, 150)
		for i := range many {
			many[i] = access.Role{Name: fmt.Sprint("Role", i), About: long(text, 300), Max: time.Hour}
		}
		all["extreme form "+name] = Form(FormState{Account: access.Account{ID: "111111111111", Name: long(text, 300)},
			Roles: many, Ticket: long(text, 300)})
		all["extreme denial "+name] = DenyForm(extreme(text))
		all["extreme sent "+name] = SubmittedView(extreme(text))
	}
	for name, v := range all {
		for _, wrong := range judgeView(v) {
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
		t.Errorf("%v, a form of 103 roles does not say that 3 are not shown: %.300s", err, text)
	}
}

func TestTheInputsKeepTheirIdsAndTheRoleFollowsTheAccount(t *testing.T) {
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
	want := map[string]string{"Account": "account", "Role": "role:111111111111", "How long": "length", "Reason": "reason", "Ticket": "ticket"}
	if !cmp.Equal(one, want) {
		t.Errorf("got %v, want %v", one, want)
	}
	want["Role"] = "role:222222222222"
	if !cmp.Equal(two, want) {
		t.Errorf("another account: got %v, want %v", two, want)
	}
}

func TestALongMenuSaysWhatItDoesNotShow(t *testing.T) {
	many := make([]access.Account, 345)
	for i := range many {
		many[i] = access.Account{ID: fmt.Sprintf("%012d", i), Name: strings.Repeat("ñ", 90)}
	}
	groups := listOf(objectOf(raw(Options(many, 345)))["option_groups"])
	if len(groups) != 1 {
		t.Fatalf("%d groups, want one", len(groups))
	}
	group, j := objectOf(groups[0]), &judge{}
	if got, want := textOf(objectOf(group["label"])["text"]), "Showing 100 of 345: type more letters"; got != want {
		t.Errorf("label %q, want %q", got, want)
	}
	j.text("label", group["label"], 75, "plain_text")
	j.options("menu", group["options"])
	for _, wrong := range j.wrong {
		t.Error(wrong)
	}
}

// maxWhole is what Slack's server does not split, with room to spare
// (github.com/slackapi/java-slack-sdk/issues/704).
const maxWhole = 3900

// Whatever is written into the keys, and whatever account and role are called,
// every post is below the limits of its text and of its blocks.
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
		for _, m := range Keys(access.Profile, []access.Secret{full, full}, r, noon.Add(time.Hour)) {
			fence := "```\n" + entities.Replace(strings.TrimSuffix(full.Reveal(), "\n")) + "\n```"
			if wrong := judgeMessage(m); wrong != nil || utf8.RuneCountInString(m.Text) > maxWhole ||
				!strings.HasPrefix(m.Text, fence) {
				t.Errorf("%d of %q: %v, a text of %d characters", n, unit, wrong, utf8.RuneCountInString(m.Text))
			}
			section := objectOf(objectOf(listOf(raw(m.Blocks))[0])["text"])
			if textOf(section["text"]) != fence {
				t.Errorf("%d of %q: the first block is not the keys", n, unit)
			}
		}
	}
}

// A link of any length arrives whole or is refused; the words are always there.
func TestALinkIsWholeOrRefused(t *testing.T) {
	for length := 3000; length < 4300; length += 7 {
		link := "https://signin.aws.amazon.com/federation?Action=login&SigninToken=" + strings.Repeat("t", length)
		want := "<" + strings.ReplaceAll(link, "&", "&amp;") + "|Open AWS console: payments-prod, ReadOnly>"
		posts, err := Link(access.NewSecret(link), active(), noon.Add(time.Hour))
		if (utf8.RuneCountInString(want) > maxWhole) != (access.Code(err) == "link_too_long") {
			t.Fatalf("a link of %d characters: %v", len(want), err)
		}
		if err != nil {
			continue
		}
		all := ""
		for _, m := range posts {
			if wrong := judgeMessage(m); wrong != nil || utf8.RuneCountInString(m.Text) > maxWhole || m.Blocks != nil {
				t.Errorf("a link of %d characters: %v, %d blocks", len(want), wrong, len(m.Blocks))
			}
			all += m.Text + "\n"
		}
		if !strings.HasPrefix(posts[0].Text, want) || !strings.Contains(all, "do not pass it on") {
			t.Errorf("a link of %d characters is not whole, or without words: %.80q", len(want), all)
		}
	}
}

// What does not fit is said, never left out in silence.
func TestWhatIsNotShownIsSaid(t *testing.T) {
	endless := must(pending().Deny(lead, strings.Repeat("word ", 20000), noon))
	for name, c := range map[string]struct {
		m    Message
		says string
	}{
		"a text of 100,000 characters": {Card(endless, "", noon), "The rest is not shown here. The audit trail has the whole text."},
		"43 requests": {List(numbered(slices.Repeat([]access.Request{timedOut()}, 13)), false, noon),
			"3 older ones are not shown."},
	} {
		if wrong := judgeMessage(c.m); wrong != nil || !strings.Contains(string(mustJSON(c.m.Blocks)), c.says) {
			t.Errorf("%s: %v, want %q said", name, wrong, c.says)
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
