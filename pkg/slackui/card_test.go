package slackui

import (
	"strings"
	"testing"
	"time"

	"github.com/slack-go/slack"

	"github.com/aws-access/aws-access/pkg/access"
)

// A reason cannot be taken for a line of the card, because it is shown as plain text between its label and a rule.
func TestACardShowsTheWholeReasonBetweenLabelAndRule(t *testing.T) {
	for _, reason := range []string{
		"why", "why\n\nApproved by Lead One, today 12:03 PM (12:03 UTC).",
		strings.Repeat("é", access.MaxReason-1) + "x", "  indented  ",
	} {
		r := pending()
		r.Reason = reason
		blocks := Card(r, CardPolicy{}, noon).Blocks
		shown, fenced := "", false
		for i, b := range blocks {
			s, ok := b.(*slack.SectionBlock)
			if !ok || s.Text.Type != slack.PlainTextType {
				continue
			}
			shown += s.Text.Text
			_, rule := blocks[i+1].(*slack.DividerBlock)
			label, context := blocks[i-1].(*slack.ContextBlock)
			fenced = rule && context &&
				label.ContextElements.Elements[0].(*slack.TextBlockObject).Text == "*Reason*, as it was typed:"
		}
		if shown != reason || !fenced {
			t.Errorf("%.40q: shown as %.40q, between label and rule: %v", reason, shown, fenced)
		}
	}
}

func TestATicketIsLinkedOnlyIfItHasPlainCharacters(t *testing.T) {
	for typed, want := range map[string]string{
		"INC-42":            "Ticket: <https://t.example/x|INC-42>",
		"team/repo#7":       "Ticket: <https://t.example/x|team/repo#7>",
		"INC-42|Approve":    "Ticket, as it was typed: INC-42|Approve",
		"<https://evil|OK>": "Ticket, as it was typed: <https://evil|OK>",
		"a\nb":              "Ticket, as it was typed: a b",
	} {
		got := ticketLine(typed, "https://t.example/x").(*slack.SectionBlock).Text
		if got.Text != want || (got.Type == slack.PlainTextType) != strings.HasPrefix(want, "Ticket, as") {
			t.Errorf("%q: got %s %q, want %q", typed, got.Type, got.Text, want)
		}
	}
	link := "https://t.example/<!channel>|x y`\u202e&é?a=1&b=%20"
	got := ticketLine("INC-42", link).(*slack.SectionBlock).Text.Text
	want := "Ticket: <https://t.example/%3C!channel%3E%7Cx%20y%60%E2%80%AE&amp;%C3%A9?a=1&amp;b=%20|INC-42>"
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	for _, address := range []string{
		"", "javascript:alert(1)", "httpx://t.example", "https://t.example/" + strings.Repeat("x", 3000),
	} {
		if got := ticketLine("INC-42", address).(*slack.SectionBlock).Text.Text; got != "Ticket: INC-42" {
			t.Errorf("%.40q: got %.60q, want no link", address, got)
		}
	}
}

// buttonsOf are the labels and values of a message's buttons, in order.
func buttonsOf(m Message) string {
	var all []string
	var walk func(v any)
	walk = func(v any) {
		for _, one := range listOf(v) {
			walk(one)
		}
		o := objectOf(v)
		if o["type"] == "button" {
			all = append(all, textOf(objectOf(o["text"])["text"])+"="+textOf(o["value"]))
		} else if o != nil {
			walk(o["elements"])
			walk(o["accessory"])
		}
	}
	walk(toJSON(m.Blocks))
	return strings.Join(all, " ")
}

func TestAMessageHasTheButtonsOfTheState(t *testing.T) {
	// # stands for the request's id.
	withID := func(text string) string { return strings.ReplaceAll(text, "#", "=01ARZ3NDEKTSV4RRFFQ69G5FAV") }
	revoked := must(withSession().Revoke(lead, "", later))
	consoleOnly, keysOnly := giving(active(), access.Console), giving(active(), access.Keys)
	all := []access.Request{pending(), revoked, active()}
	for name, c := range map[string]struct {
		m    Message
		want string
	}{
		"card, pending":        {Card(pending(), CardPolicy{}, noon), "Approve# Deny# Cancel#"},
		"card, half approved":  {Card(halfApproved(), CardPolicy{}, noon), "Approve# Deny# Cancel#"},
		"card, active":         {Card(active(), CardPolicy{}, noon), "Revoke#"},
		"card, timed out":      {Card(timedOut(), CardPolicy{}, noon), ""},
		"card, revoked":        {Card(revoked, CardPolicy{}, noon), ""},
		"direct, both":         {RequesterMessage(active(), noon), "Open AWS console# Get temporary keys# I'm done#"},
		"direct, console only": {RequesterMessage(consoleOnly, noon), "Open AWS console# I'm done#"},
		"direct, keys only":    {RequesterMessage(keysOnly, noon), "Get temporary keys# I'm done#"},
		"direct, revoked":      {RequesterMessage(revoked, noon), ""},
		"list":                 {List(all, false, noon), "I'm done# Cancel#"},
	} {
		if got := buttonsOf(c.m); got != withID(c.want) {
			t.Errorf("%s: got %q, want %q", name, got, withID(c.want))
		}
	}
}

// endedSooner is a grant that a stricter policy ended before the session that was handed out before.
func endedSooner(r access.Request, end time.Time) access.Request {
	r.Ends = end
	return ticked(r, end)
}

// People read whether the sessions of an access that is over are ended, how long one can act until then, and how long
// sts:GetCallerIdentity works. All places say the same.
func TestTheStatusSaysHowLongLiveSessionsAct(t *testing.T) {
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	acts := func(minutes int) string { return "can act until " + formatTime(at(minutes)) }
	identity := func(minutes int) string { return "works until " + formatTime(at(minutes)) }
	const (
		denied = "Its sessions are denied every action"
		ending = "*Ending*: its sessions are being ended since "
	)
	since := func(minutes int) string { return ending + formatTime(at(minutes)) + "." }
	latest := func(minutes int) string { return "at the latest until " + formatTime(at(minutes)) + "." }
	revoked := must(outlastingRoles(withSession()).Revoke(lead, "", at(20)))
	done := must(revoked.CutIsDone(at(21)))
	const mayOutlast = "Users and keys that they may have made are not ended."
	for name, c := range map[string]struct {
		r    access.Request
		now  time.Time
		want []string // nil for no sentence
	}{
		"ended, session within the grant": {must(withSession().End(dev, at(20))), at(20), []string{since(20), latest(70)}},
		"ended, grant shorter than session": {must(shortGrant().End(dev, at(12))), at(12),
			[]string{since(12), latest(15)}},
		"ended, seen after the grant":    {must(shortGrant().End(dev, at(12))), at(15), []string{since(12)}},
		"ended, seen after its sessions": {must(shortGrant().End(dev, at(12))), at(26), []string{since(12)}},
		"ended before there were cuts":   {uncut(must(withSession().End(dev, at(20)))), at(20), []string{acts(70) + "."}},
		"revoked, of a role that can assume and make": {revoked, at(20), []string{since(20), latest(70),
			"Roles that they have assumed may act for up to an hour after that.", mayOutlast}},
		"revoked, denied": {done, at(22), []string{"*A deny of its sessions was written*, " + formatTime(at(21)) + ".",
			". AWS takes seconds, sometimes minutes, until", "After that only `sts:GetCallerIdentity`", identity(70),
			"Roles that they had assumed may act until " + formatTime(at(81)),
			mayOutlast}},
		"revoked, denied, seen much later": {done, at(90), []string{"*A deny of its sessions was written*, ",
			"They have expired.", mayOutlast}},
		"revoked, denied, and the deny was missing": {must(done.CutAgain("", at(30))), at(30),
			[]string{since(20), latest(70)}},
		"expired, session lives at STS":     {ticked(shortGrant(), at(15)), at(15), []string{denied, identity(25)}},
		"ended sooner by a stricter policy": {endedSooner(withSession(), at(15)), at(15), []string{since(15), latest(70)}},
		"expired, as its session":           {ticked(shortGrant(), at(15)), at(25), nil},
		"active":                            {withSession(), at(20), nil},
		"revoked, without any session":      {must(active().Revoke(lead, "", at(20))), at(20), nil},
	} {
		lines := sessionsAfter(c.r, c.now)
		got := strings.Join(lines, "\n")
		for _, want := range c.want {
			if !strings.Contains(got, want) {
				t.Errorf("%s: got %q, want %q in it", name, got, want)
			}
		}
		if (c.want == nil) != (got == "") {
			t.Errorf("%s: got %q", name, got)
		}
		quoted := string(mustJSON(got))
		for _, m := range []Message{
			Card(c.r, CardPolicy{}, c.now), RequesterMessage(c.r, c.now), List([]access.Request{c.r}, false, c.now),
		} {
			if !strings.Contains(string(mustJSON(m.Blocks)), quoted[1:len(quoted)-1]) {
				t.Errorf("%s: %q does not say %q", name, m.Text, got)
			}
		}
	}
	if text := strings.Join(sessionsAfter(done, at(90)), ""); strings.Contains(text, "until") {
		t.Errorf("long after the cut the card still says %q", text)
	}
}

func outlastingRoles(r access.Request) access.Request {
	r.AssumeRoles, r.MakeIdentities = true, true
	return r
}

// uncut is a request that was closed before the product could cut sessions.
func uncut(r access.Request) access.Request {
	r.Cut, r.CutSince = "", time.Time{}
	return r
}

// Credentials that AWS did not make expire with the grant are named while the grant is active, in all places.
func TestAnActiveGrantSaysHowLongIdentityCallsWorkAfterIt(t *testing.T) {
	at := func(minutes int) time.Time { return noon.Add(time.Duration(minutes) * time.Minute) }
	late := "From the end on, only `sts:GetCallerIdentity`, and sign-in that relies on it (EKS, Vault), works until " +
		formatTime(at(25)) + "."
	for name, c := range map[string]struct {
		r    access.Request
		now  time.Time
		want int
	}{
		"a session that lives longer than the grant":       {shortGrant(), at(10), 1},
		"a session that expires with the grant, or before": {withSession(), at(10), 0},
		"no session":                  {active(), at(10), 0},
		"a session that is over":      {shortGrant(), at(26), 0},
		"a grant that has been ended": {must(shortGrant().End(dev, at(12))), at(12), 0},
	} {
		for place, m := range map[string]Message{
			"card": Card(c.r, CardPolicy{}, c.now), "message": RequesterMessage(c.r, c.now),
			"list": List([]access.Request{c.r}, false, c.now),
		} {
			if n := strings.Count(string(mustJSON(m.Blocks)), string(mustJSON(late)[1:len(mustJSON(late))-1])); n != c.want {
				t.Errorf("%s: the %s says it %d times, want %d: %s", name, place, n, c.want, mustJSON(m.Blocks))
			}
		}
	}
}

// A stricter policy shortens a grant, and not the sessions that were handed out before.
func TestAShortenedGrantSaysWhatItsSessionsCouldStillDo(t *testing.T) {
	r, now := withSession(), noon.Add(12*time.Minute)
	wantNone := strings.Join(status(r, now), "\n")
	r.Ends = noon.Add(15 * time.Minute)
	got := strings.Join(status(r, now), "\n")
	const says = "A session that was handed out before the grant was shortened could act until "
	if !strings.Contains(got, says+formatTime(noon.Add(70*time.Minute))) || strings.Contains(wantNone, says) {
		t.Errorf("shortened: %s\nnot shortened: %s", got, wantNone)
	}
}

// A button that would refuse everybody is not shown.
func TestACardHasNoButtonThatRefusesEverybody(t *testing.T) {
	met := terms
	met.Met, met.Requirements = true, nil
	alone := must(access.New(asked(), met, noon)) // neither approvers nor reviewers
	revoked := must(active().Revoke(lead, "lost", later))
	bySystem := must(active().RevokeLost("not a member any more", later))
	responders := CardPolicy{Responders: true}
	for name, c := range map[string]struct {
		m    Message
		want string
	}{
		"nobody can revoke it":                    {Card(alone, CardPolicy{}, later), ""},
		"responders can revoke it":                {Card(alone, responders, later), "Revoke"},
		"reviewers can revoke it":                 {Card(unapproved(), CardPolicy{}, later), "Revoke"},
		"revoked, without responders":             {Card(revoked, CardPolicy{}, later), ""},
		"revoked, with responders":                {Card(revoked, responders, later), "Allow asking again"},
		"revoked, an hour later":                  {Card(revoked, responders, later.Add(time.Hour)), ""},
		"revoked, and asking was allowed":         {Card(must(revoked.Lift(sec, later)), responders, later), ""},
		"revoked by the product, which asks anew": {Card(bySystem, responders, later), ""},
	} {
		want := c.want
		if want != "" {
			want += "=01ARZ3NDEKTSV4RRFFQ69G5FAV"
		}
		if got := buttonsOf(c.m); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
}
