package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws-access/aws-access/cmd/sandbox/controls"
	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/cmd/sandbox/world"
	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// tales are the stories that lose a call each. In none of them is any time let
// pass but by the chapters that say so, unless something went wrong.
func tales() []tale {
	return []tale{
		{
			name: "given back", ends: access.Ended, requester: "U0DEV1", account: "payments-prod", role: "ReadOnly", says: "You gave back", sessions: 2,
			chapters: []chapter{
				{"ask by the form", (*play).asksByForm},
				{"list", func(p *play) { p.reads("U0DEV1", "/aws-access list", "Your requests") }},
				{"approve", func(p *play) { p.approves("U0LEAD1") }},
				{"keys", func(p *play) { p.vends("U0DEV1", "Get temporary keys", "export AWS_ACCESS_KEY_ID=") }},
				{"console", func(p *play) { p.vends("U0DEV1", "Open AWS console", "/federation?") }},
				{"done", func(p *play) { p.presses("U0DEV1", "I'm done", p.grants("U0DEV1"), p.is(access.Ended)) }},
			},
		},
		{
			name: "revoked", ends: access.Revoked, requester: "U0DEV2", account: "payments-prod", role: "Operator", says: "was revoked by", sessions: 1,
			chapters: []chapter{
				{"ask, told in two channels", func(p *play) { p.asks("U0DEV2", `/aws-access payments-prod Operator 1h "stuck payouts"`) }},
				{"approve, told in two channels", func(p *play) { p.approves("U0LEAD1") }},
				{"keys of another role", func(p *play) { p.vends("U0DEV2", "Get temporary keys", "export AWS_ACCESS_KEY_ID=") }},
				{"revoke", func(p *play) { p.presses("U0LEAD1", "Revoke", p.cards("C0PAYMENTS"), p.is(access.Revoked)) }},
			},
		},
		{
			name: "timed out", ends: access.TimedOut, requester: "U0DEV1", account: "payments-prod", role: "ReadOnly",
			chapters: []chapter{
				{"ask in one line", func(p *play) { p.asks("U0DEV1", sandboxtest.AskCommand) }},
				{"remind", func(p *play) { p.passes(2*time.Minute, p.hears("C0APPROVALS", "Still waiting for")) }},
				{"time out", func(p *play) { p.passes(5*time.Minute, p.is(access.TimedOut)) }},
			},
		},
		{
			name: "denied", ends: access.Denied, requester: "U0DEV1", account: "payments-prod", role: "ReadOnly",
			chapters: []chapter{
				{"ask in one line", func(p *play) { p.asks("U0DEV1", sandboxtest.AskCommand) }},
				{"refuse a stranger", func(p *play) { p.isRefused("U0DEV2", "Approve") }},
				{"deny", (*play).denies},
			},
		},
		{
			name: "expired", ends: access.Expired, requester: "U0DEV1", account: "payments-dev", role: "ReadOnly", says: "has ended.", sessions: 1,
			chapters: []chapter{
				{"ask for what needs nobody", func(p *play) { p.asks("U0DEV1", `/aws-access payments-dev ReadOnly 5m "looking"`) }},
				{"console", func(p *play) { p.vends("U0DEV1", "Open AWS console", "/federation?") }},
				{"expire", func(p *play) { p.passes(5*time.Minute, p.is(access.Expired)) }},
			},
		},
		{
			name: "cancelled", ends: access.Cancelled, requester: "U0DEV1", account: "payments-prod", role: "ReadOnly",
			chapters: []chapter{
				{"ask in one line", func(p *play) { p.asks("U0DEV1", sandboxtest.AskCommand) }},
				{"cancel", func(p *play) { p.presses("U0DEV1", "Cancel", p.cards("C0APPROVALS"), p.is(access.Cancelled)) }},
			},
		},
		{
			name: "two approvals", ends: access.Ended, requester: "U0DEV1", account: "payments-prod", role: "Admin", says: "You gave back", sessions: 1,
			chapters: []chapter{
				{"ask in one line", func(p *play) { p.asks("U0DEV1", `/aws-access payments-prod Admin 1h "stuck payouts" ticket=PAY-1`) }},
				{"approve in part", func(p *play) { p.approves("U0LEAD1") }},
				{"approve again", func(p *play) { p.approves("U0SEC1") }},
				{"console", func(p *play) { p.vends("U0DEV1", "Open AWS console", "/federation?") }},
				{"done", func(p *play) { p.presses("U0DEV1", "I'm done", p.grants("U0DEV1"), p.is(access.Ended)) }},
			},
		},
	}
}

// tale is one request from its beginning to its end.
type tale struct {
	name                     string
	chapters                 []chapter
	ends                     access.State
	requester, account, role string
	says                     string // the notice that the requester gets at the end, "" for none
	sessions                 int    // how often something is vended
}

type chapter struct {
	name string
	do   func(*play)
}

// call is one call that leaves a chapter: the nth of its operation, from 1.
type call struct {
	tale, chapter int
	step          string // the chapter's name
	op            string
	nth           int
}

func (c call) String() string {
	return fmt.Sprintf("%s/%s/%s/%d", tales()[c.tale].name, c.step, c.op, c.nth)
}

// Every call that leaves a step fails once, and has its answer lost once.
// Whoever sees an error acts again, time passes, and everything ends well.
func TestEveryCallFailsOnceAndLosesItsAnswerOnce(t *testing.T) {
	type run struct {
		call call
		how  string
	}
	var recorded []call
	known := make(map[call]bool) // without their tales: the same step does not fail once more in each
	for i := range tales() {
		for _, c := range record(t, i) {
			if step := (call{step: c.step, op: c.op, nth: c.nth}); !known[step] {
				known[step] = true
				recorded = append(recorded, c)
			}
		}
	}
	var mu sync.Mutex
	tried := make(map[run]bool)
	t.Run("runs", func(t *testing.T) {
		for _, c := range recorded {
			for _, how := range []string{world.FaultError, world.FaultLost} {
				t.Run(c.String()+"/"+how, func(t *testing.T) {
					t.Parallel()
					if newPlay(t, c.tale).tell(&c, how) {
						mu.Lock()
						defer mu.Unlock()
						tried[run{c, how}] = true
					}
				})
			}
		}
	})
	for _, c := range recorded {
		for _, how := range []string{world.FaultError, world.FaultLost} {
			if !tried[run{c, how}] {
				t.Errorf("%s was recorded, and not tried as %s", c, how)
			}
		}
	}
	services := make(map[string]int)
	for _, c := range recorded {
		service, _, _ := strings.Cut(c.op, ":")
		services[service]++
	}
	for _, service := range []string{"store", "slack", "sts", "signin", "invoke"} {
		if services[service] == 0 {
			t.Errorf("no call to %s was recorded", service)
		}
	}
	t.Logf("%d calls in %d runs: %v", len(recorded), len(tried), services)
}

// record tells a story in which nothing goes wrong, and returns the calls that
// its chapters made.
func record(t *testing.T, i int) []call {
	p := newPlay(t, i)
	var made []call
	for n, c := range p.tale.chapters {
		before := p.made()
		c.do(p)
		after := p.made()
		for _, op := range slices.Sorted(maps.Keys(after)) {
			for nth := range after[op] - before[op] {
				made = append(made, call{tale: i, chapter: n, step: c.name, op: op, nth: nth + 1})
			}
		}
		if p.again > 0 {
			t.Fatalf("%s: in chapter %q somebody acted again, though nothing went wrong", p.tale.name, c.name)
		}
	}
	p.finish("")
	return made
}

// play is a story that is being told.
type play struct {
	*sandboxtest.Sandbox
	stage *world.World
	tale  tale
	from  time.Time
	again int // how often somebody acted again
	fault call
}

func newPlay(t *testing.T, i int) *play {
	// One card in two channels: both have to be right in the end. What time does,
	// it does soon: each minute has calls that are all tried.
	b := sandboxtest.Start(t, strings.NewReplacer(
		"card: [C0PAYMENTS]", "card: [C0PAYMENTS, C0APPROVALS]", "answer_within: 1h", "answer_within: 5m", "remind_after: 15m", "remind_after: 2m",
	).Replace(sandboxtest.Policy(t)))
	p := &play{Sandbox: b, stage: b.World(), tale: tales()[i]}
	// STS tells times in whole seconds: so that they compare, begin at one.
	now := p.stage.Clock.Now()
	p.from = now.Truncate(time.Minute).Add(time.Minute)
	p.wait(p.from.Sub(now))
	return p
}

// made counts the calls until now, by the name that a fault has for them: each
// read of the table is a store:load too.
func (p *play) made() map[string]int {
	all := p.stage.Calls.All()
	all["store:load"] += all["store:due"] + all["store:list"]
	delete(all, "store:due")
	delete(all, "store:list")
	return all
}

// tell tells the story with one call going wrong, and reports whether that
// call was made.
func (p *play) tell(wrong *call, how string) bool {
	for n, c := range p.tale.chapters {
		if n == wrong.chapter {
			if wrong.nth > 1 {
				p.stage.Faults.Add(world.Fault{At: wrong.op, How: sandboxtest.NoFault, Times: wrong.nth - 1})
			}
			p.stage.Faults.Add(world.Fault{At: wrong.op, How: how, Times: 1})
			p.fault = *wrong
		}
		c.do(p)
	}
	p.finish(how)
	return len(p.stage.Faults.Active()) == 0
}

// do does something in Slack. What cannot be done at all is an error that the
// person sees: there is no such button or input.
func (p *play) act(a slackfake.UserAction) slackfake.Outcome {
	out, err := p.stage.Act(context.Background(), a)
	if err != nil {
		return slackfake.Outcome{Shown: err.Error()}
	}
	return out
}

func (p *play) wait(d time.Duration) {
	p.T.Helper()
	if err := p.stage.Advance(context.Background(), p.stage.Clock.Now().Add(d)); err != nil {
		p.T.Fatal(err)
	}
}

// peoplesPatience is how long people wait for what they asked for before they act
// again: long enough for the stream's next try, and for the tick that gives up
// an order.
const peoplesPatience = 2 * time.Minute

// peoplesTries is how often somebody does: one call goes wrong, so twice is enough.
const peoplesTries = 2

// until has somebody act until it has come to what it was for. Who waits in
// vain is told so: nothing fails in silence.
func (p *play) until(who string, reached func() bool, acts func() slackfake.Outcome) {
	p.T.Helper()
	for range peoplesTries {
		seen := p.sees(who)
		out := acts()
		if reached() {
			return
		}
		p.wait(peoplesPatience)
		if reached() {
			return
		}
		p.again++
		if out.Shown == "" && p.sees(who) == seen && p.fault.op != "slack:response" {
			p.T.Errorf("%s was told nothing of what went wrong; got %+v", who, out)
		}
	}
	p.T.Fatalf("%s acted %d times, and it came to nothing: %+v; logs:\n%s", who, peoplesTries, controls.ReadState(context.Background(), p.stage).Requests, strings.Join(p.Logs.All(), ""))
}

// sees is what somebody has before their eyes that nobody else has: private
// messages and forms.
func (p *play) sees(who string) string {
	var seen strings.Builder
	for _, m := range p.stage.Slack.Messages() {
		if m.To == who || m.DMWith == who {
			fmt.Fprintln(&seen, m.TS, m.Text)
		}
	}
	for _, v := range p.stage.Slack.Views() {
		if v.User == who {
			fmt.Fprintln(&seen, v.ID, v.Title, string(v.Blocks))
		}
	}
	return seen.String()
}

// asks types the one-line form.
func (p *play) asks(who, line string) { p.reads(who, sandboxtest.AskCommand, "Asked for", "You have") }

// reads types a command whose answer begins like one of these.
func (p *play) reads(who, line string, beginnings ...string) {
	p.T.Helper()
	var out slackfake.Outcome
	p.until(who, func() bool {
		return slices.ContainsFunc(beginnings, func(b string) bool { return strings.Contains(out.Body, b) })
	}, func() slackfake.Outcome {
		out = p.act(slackfake.UserAction{As: who, Command: &line})
		return out
	})
}

// asksByForm opens the form, chooses, and sends it.
func (p *play) asksByForm() {
	p.T.Helper()
	const who = "U0DEV1"
	var out slackfake.Outcome
	p.until(who, func() bool { return strings.Contains(out.Body, "Asked for") }, func() slackfake.Outcome {
		out = p.fillsForm(who)
		return out
	})
}

func (p *play) fillsForm(who string) slackfake.Outcome {
	bare := slackfake.Command
	if out := p.act(slackfake.UserAction{As: who, Command: &bare}); out.Shown != "" {
		return out
	}
	view := p.form(who)
	for range peoplesTries { // an empty menu is looked at twice
		typed := "payments-p"
		if out := p.act(slackfake.UserAction{As: who, View: view, Type: &typed, Into: "Account"}); strings.Contains(out.Body, "payments-prod") {
			break
		}
		p.again++
	}
	for _, choice := range [][2]string{{"Account", "payments-prod"}, {"Role", p.tale.role}} {
		if out := p.act(slackfake.UserAction{As: who, View: view, Choose: &choice[1], Into: choice[0]}); out.Shown != "" {
			return out
		}
	}
	return p.act(slackfake.UserAction{As: who, Submit: view, Values: map[string]json.RawMessage{"How long": sandboxtest.Quote("2h"), "Reason": sandboxtest.Quote("stuck payouts")}})
}

// form is the newest form of somebody, "" if there is none.
func (p *play) form(who string) (id string) {
	for _, v := range p.stage.Slack.Views() {
		if v.User == who {
			id = v.ID
		}
	}
	return id
}

// approves presses Approve on a card.
func (p *play) approves(who string) {
	p.T.Helper()
	p.presses(who, "Approve", p.cards("C0APPROVALS"), func() bool {
		return slices.ContainsFunc(p.now().Approvals, func(a controls.Approval) bool { return a.By == who })
	})
}

// presses presses a button of a message of a kind.
func (p *play) presses(who, label string, on func(slackfake.Message) bool, reached func() bool) {
	p.T.Helper()
	p.until(who, reached, func() slackfake.Outcome { return p.press(who, label, on) })
}

// press waits for the message, if it has to, and presses its button. Of two, it
// is that of the older one: whoever posted twice knows of the newer.
func (p *play) press(who, label string, on func(slackfake.Message) bool) slackfake.Outcome {
	p.T.Helper()
	with := func(m slackfake.Message) bool { return on(m) && strings.Contains(string(m.Blocks), `"`+label+`"`) }
	m, found := p.oldest(with)
	if !found {
		p.wait(peoplesPatience)
		if m, found = p.oldest(with); !found {
			p.T.Fatalf("there is no message on which %s could press %s; logs:\n%s", who, label, strings.Join(p.Logs.All(), ""))
		}
	}
	out := p.act(slackfake.UserAction{As: who, Click: label, On: m.Channel + "/" + m.TS})
	if form := p.form(who); out.Shown == "" && form != "" && (label == "Approve" || label == "Revoke") {
		// The product does not know of the message: it shows the request in a form, and asks again.
		return p.act(slackfake.UserAction{As: who, Submit: form})
	}
	return out
}

// oldest finds the oldest message of a kind.
func (p *play) oldest(is func(slackfake.Message) bool) (slackfake.Message, bool) {
	all := p.stage.Slack.Messages()
	if i := slices.IndexFunc(all, is); i >= 0 {
		return all[i], true
	}
	return slackfake.Message{}, false
}

func (p *play) cards(channel string) func(slackfake.Message) bool {
	return func(m slackfake.Message) bool { return m.Channel == channel && m.To == "" && m.ThreadTS == "" }
}

func (p *play) grants(user string) func(slackfake.Message) bool { return sandboxtest.IsGrant(user) }

// vends clicks on the grant until what was wanted comes.
func (p *play) vends(who, label, wanted string) {
	p.T.Helper()
	had := p.got(who, wanted)
	p.presses(who, label, p.grants(who), func() bool { return p.got(who, wanted) > had })
}

// got counts private answers in somebody's own channel that hold something.
func (p *play) got(who, what string) int {
	return sandboxtest.Count(p.stage.Slack.Messages(), func(m slackfake.Message) bool {
		return m.To == who && m.DMWith == who && strings.Contains(m.Text, what)
	})
}

// isRefused presses a button that is not for this person, who is told so.
func (p *play) isRefused(who, label string) {
	p.T.Helper()
	p.presses(who, label, p.cards("C0APPROVALS"), func() bool {
		_, told := p.oldest(func(m slackfake.Message) bool { return m.To == who && m.FromResponseURL })
		return told
	})
}

// denies presses Deny, and says why.
func (p *play) denies() {
	p.T.Helper()
	const who = "U0LEAD2"
	p.until(who, p.is(access.Denied), func() slackfake.Outcome {
		if out := p.press(who, "Deny", p.cards("C0APPROVALS")); out.Shown != "" || p.form(who) == "" {
			return out
		}
		return p.act(slackfake.UserAction{As: who, Submit: p.form(who), Values: map[string]json.RawMessage{"Reason": sandboxtest.Quote("not today")}})
	})
}

// passes lets time pass until so long after the beginning, and a little more
// if what happens by then has not.
func (p *play) passes(since time.Duration, reached func() bool) {
	p.T.Helper()
	p.wait(p.from.Add(since).Sub(p.stage.Clock.Now()))
	if !reached() {
		p.again++
		p.wait(peoplesPatience)
	}
	if !reached() {
		p.T.Fatalf("time passed, and nothing happened: %+v", p.now())
	}
}

// is reports whether the request stands so.
func (p *play) is(state access.State) func() bool {
	return func() bool { return p.now().State == string(state) }
}

// hears reports whether a thread in a channel says something.
func (p *play) hears(channel, what string) func() bool {
	return func() bool {
		_, heard := p.oldest(func(m slackfake.Message) bool {
			return m.Channel == channel && m.ThreadTS != "" && strings.Contains(m.Text, what)
		})
		return heard
	}
}

// now is the request, of which there is one: whoever asks again after an error
// has not asked before.
func (p *play) now() controls.Request {
	p.T.Helper()
	all := controls.ReadState(context.Background(), p.stage).Requests
	if len(all) != 1 {
		p.T.Fatalf("there are %d requests, want 1: %+v", len(all), all)
	}
	return all[0]
}

// finish lets the last deliveries happen, and looks at how everything stands.
func (p *play) finish(how string) {
	p.T.Helper()
	p.wait(5 * time.Minute)
	s := controls.ReadState(context.Background(), p.stage)
	r := p.now()
	if r.State != string(p.tale.ends) || r.Requester != p.tale.requester || r.AccountName != p.tale.account || r.Role != p.tale.role {
		p.T.Errorf("the request in the end: got %+v, want %s", r, p.tale.ends)
	}
	if at, waits := p.stage.Engine.NextDue(); waits || len(s.Parked) > 0 {
		p.T.Errorf("something still waits (%s) or was parked: %+v", at, s.Parked)
	}
	p.chained(r, s.Audit)
	p.accounted(r, s)
	p.private(s.Messages)
	p.told(r, s.Messages)
	p.shown(r, how)
}

// chained says that the trail leads from nothing to the present state.
func (p *play) chained(r controls.Request, audit []controls.AuditEntry) {
	p.T.Helper()
	from := ""
	for i, e := range audit {
		if e.Request != r.ID || e.Seq != i+1 || e.From != from || (i > 0 && e.At.Before(audit[i-1].At)) {
			p.T.Errorf("event %d does not follow from %q: %+v", i+1, from, e)
		}
		from = e.To
	}
	if from != r.State || len(audit) != r.Events {
		p.T.Errorf("the trail has %d events and ends in %q; the request has %d and is %q", len(audit), from, r.Events, r.State)
	}
}

// accounted says that each session was intended before STS made it, and that
// each that was recorded is there.
func (p *play) accounted(r controls.Request, s controls.State) {
	p.T.Helper()
	var ordered []time.Time
	issued := make(map[string]controls.AuditEntry)
	for _, e := range s.Audit {
		switch access.Outcome(e.Outcome) {
		case access.Ordered:
			ordered = append(ordered, e.At)
		case access.Issued:
			issued[e.AccessKeyID] = e
		}
	}
	if len(s.Sessions) < p.tale.sessions || len(issued) < p.tale.sessions {
		p.T.Errorf("%d sessions, of which %d are recorded, want at least %d", len(s.Sessions), len(issued), p.tale.sessions)
	}
	for i, one := range s.Sessions {
		if one.SessionName != "aws-access-"+r.ID || one.Tags["GrantId"] != r.ID || i >= len(ordered) || one.Issued.Before(ordered[i]) {
			p.T.Errorf("a session that nobody intended to make: %+v; intents %v", one, ordered)
		}
		if e, known := issued[one.AccessKeyID]; known && (e.Expires == nil || !e.Expires.Equal(one.Expires)) {
			p.T.Errorf("a session expires %s, its record says %+v", one.Expires, e)
		}
		delete(issued, one.AccessKeyID)
	}
	if len(issued) > 0 {
		p.T.Errorf("recorded, and not at STS: %+v", issued)
	}
}

// private says that keys and links went to the requester alone.
func (p *play) private(all []slackfake.Message) {
	p.T.Helper()
	for _, m := range all {
		secret := strings.Contains(m.Text, "AWS_SECRET_ACCESS_KEY") || strings.Contains(m.Text, "SigninToken=")
		if secret && (m.To != p.tale.requester || m.DMWith != p.tale.requester) {
			p.T.Errorf("a secret was posted for everybody: %+v", m)
		}
	}
}

// told says that the requester knows the end, and that what a click came to
// names account and role.
func (p *play) told(r controls.Request, all []slackfake.Message) {
	p.T.Helper()
	told := p.tale.says == ""
	for _, m := range all {
		if m.DMWith != r.Requester {
			continue
		}
		told = told || strings.Contains(m.Text, p.tale.says)
		failed := strings.HasPrefix(m.Text, "No session for") || strings.HasPrefix(m.Text, "Your click on")
		if failed && (!strings.Contains(m.Text, r.Role) || !strings.Contains(m.Text, r.AccountName)) {
			p.T.Errorf("a failure names neither account nor role: %s", m.Text)
		}
	}
	if !told {
		p.T.Errorf("the requester was not told: %q", p.tale.says)
	}
}

// ended is how messages begin in a final state.
func ended(s access.State) string {
	return map[access.State]string{
		access.Denied: "AWS access denied", access.Cancelled: "Request cancelled", access.TimedOut: "Request timed out",
		access.Expired: "AWS access has ended", access.Ended: "AWS access given back", access.Revoked: "AWS access revoked",
	}[s]
}

// shown says that the card in each channel and the grant tell the end. Of a
// message whose answer was lost, or could not be remembered, nobody knows:
// somebody who presses its button is told how the request stands.
func (p *play) shown(r controls.Request, how string) {
	p.T.Helper()
	places := slices.Clone(r.Channels)
	if p.tale.ends != access.Cancelled { // whoever cancels knows
		places = append(places, "D"+r.Requester)
	}
	title := ended(p.tale.ends)
	for _, channel := range places {
		drawn := func(m slackfake.Message) bool { return p.cards(channel)(m) && strings.HasPrefix(m.Text, title) }
		if n := sandboxtest.Count(p.stage.Slack.Messages(), drawn); n == 0 {
			p.T.Errorf("nothing in %s says %q; logs:\n%s", channel, title, strings.Join(p.Logs.All(), ""))
		}
	}
	for _, m := range p.stage.Slack.Messages() {
		if !strings.Contains(string(m.Blocks), `"button"`) || m.To != "" {
			continue
		}
		if lost := p.fault.op == "slack:chat.postMessage" && how == world.FaultLost || p.fault.op == "store:save" && how == world.FaultError; !lost {
			p.T.Errorf("a message still has buttons: %s", m.Text)
		}
		p.answers(m)
	}
}

// answers has somebody press a button of a message that nobody knows of.
func (p *play) answers(m slackfake.Message) {
	p.T.Helper()
	label, who := "I'm done", m.DMWith
	if who == "" {
		label, who = "Revoke", "U0SEC1"
		if strings.Contains(string(m.Blocks), "Approve") {
			label = "Approve"
		}
	}
	told := func(m slackfake.Message) bool { return m.To == who && m.FromResponseURL }
	before := sandboxtest.Count(p.stage.Slack.Messages(), told)
	p.act(slackfake.UserAction{As: who, Click: label, On: m.Channel + "/" + m.TS})
	if after := sandboxtest.Count(p.stage.Slack.Messages(), told); after != before+1 {
		p.T.Errorf("%s pressed %s on a message that nobody knew of, and was told %d things, want one; logs:\n%s", who, label,
			after-before, strings.Join(p.Logs.All(), ""))
	}
}
