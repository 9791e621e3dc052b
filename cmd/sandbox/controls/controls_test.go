package controls_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/cmd/sandbox/sandboxtest"
	"github.com/aws-access/aws-access/pkg/fake/slackfake"
)

// refusalCases are bodies that a control refuses, and part of its sentence. VIEW
// stands for the id of an open form.
var refusalCases = map[string]struct{ control, body, want string }{
	"no such control":  {"nothing", `{}`, "there is no control POST /sandbox/nothing"},
	"not JSON":         {"clock", `x`, "not what this control takes"},
	"an unknown field": {"clock", `{"advnace":"1h"}`, `unknown field "advnace"`},
	"two objects":      {"clock", `{"advance":"1h"}{}`, "goes on after"},

	"nothing to do":     {"clock", `{}`, "say what the clock should do"},
	"back":              {"clock", `{"set":"2026-11-21T11:00:00Z"}`, "the clock cannot go back"},
	"back by advancing": {"clock", `{"advance":"-1m"}`, "is not a length of time"},
	"a wrong length":    {"clock", `{"advance":"1 hour"}`, "is not a length of time"},
	"a wrong time":      {"clock", `{"set":"tomorrow"}`, "write a time such as"},
	"advance and set":   {"clock", `{"set":"2026-12-01T00:00:00Z","advance":"1h"}`, "not both"},
	"stop and run":      {"clock", `{"stop":true,"run":true}`, "at once"},
	"too far":           {"clock", `{"set":"2999-12-01T00:00:00Z"}`, "more than a hundred years"},

	"nobody":             {"act", `{"command":"/aws-access"}`, "nobody here has that id"},
	"an unknown person":  {"act", `{"as":"U0NOBODY","command":"/aws-access"}`, "nobody here has that id"},
	"no action":          {"act", `{"as":"U0DEV1"}`, "exactly one of"},
	"two actions":        {"act", `{"as":"U0DEV1","command":"/aws-access","close":"V1"}`, "exactly one of"},
	"no place to click":  {"act", `{"as":"U0DEV1","click":"Approve"}`, "say what is clicked on"},
	"no such message":    {"act", `{"as":"U0DEV1","click":"Approve","on":"C0APPROVALS/1.2"}`, `no button "Approve"`},
	"no such view":       {"act", `{"as":"U0DEV1","submit":"V1"}`, `there is no view "V1"`},
	"too many retries":   {"act", `{"as":"U0DEV1","command":"/aws-access","retry":101}`, `"retry" is`},
	"typing into a text": {"act", `{"as":"U0DEV1","type":"x","into":"Reason","view":"VIEW"}`, "is not a searchable menu"},
	"no such input": {
		"act", `{"as":"U0DEV1","submit":"VIEW","values":{"Acount":"x"}}`,
		`no input "Acount"; it has: Account, How long, Reason, Ticket`,
	},

	"a wrong user id":  {"people", `{"users":[{"id":"dev9"}]}`, "is not a user id"},
	"a wrong group id": {"people", `{"groups":{"devs":["U0DEV1"]}}`, "is not a user group id"},
	"a wrong member": {
		"people", `{"users":[{"id":"U0DEV1","name":"changed"}],"groups":{"S0DEVS":["dev1@example.com"]}}`,
		"is not a user id",
	},
	"an unknown field of a user": {"people", `{"users":[{"id":"U0DEV1","admin":true}]}`, `unknown field "admin"`},

	"a role without a change": {"roles", `{"account":"111111111111","role":"Admin"}`, "say what to change"},
	"a wrong account":         {"roles", `{"account":"1","role":"Admin","missing":true}`, "is not an account id"},
	"a wrong trust policy": {
		"roles", `{"account":"111111111111","role":"Admin","trust":{"Version":"2012-10-17"}}`, "trust",
	},
	"missing and trusted": {
		"roles", `{"account":"111111111111","role":"Admin","missing":true,"max_session":3600}`,
		"a role that is missing",
	},
	"a session of a minute": {
		"roles", `{"account":"111111111111","role":"Admin","max_session":60}`, "between 1 and 12 hours",
	},

	"a fault without an operation": {"faults", `{"how":"error"}`, `"at" is ""`},
	"an unknown service":           {"faults", `{"at":"ec2:RunInstances","how":"error"}`, `"at" is "ec2:RunInstances"`},
	"a misspelt operation":         {"faults", `{"at":"store:laod","how":"error"}`, "store has only load, save, due"},
	"an unknown way":               {"faults", `{"at":"slack:*","how":"broken"}`, "can go wrong as error, 429, slow"},
	"a doubled call":               {"faults", `{"at":"slack:*","how":"double"}`, "can go wrong as error, 429, slow"},
	"a delivery in error":          {"faults", `{"at":"feed","how":"error"}`, "can go wrong as double, delay"},
	"no times":                     {"faults", `{"at":"slack:*","how":"error","times":0}`, `"times" is 0`},
	"negative times":               {"faults", `{"at":"slack:*","how":"error","times":-1}`, `"times" is -1`},
	"no time":                      {"faults", `{"at":"slack:*","how":"error","for":"0s"}`, `"for" is "0s"`},

	"a reset with a field": {"reset", `{"clock":true}`, `unknown field "clock"`},
}

// A control that refuses answers with a sentence, and changes nothing.
func TestControlsRefuseInASentence(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Command("U0DEV1", sandboxtest.AskCommand)
	b.Command("U0DEV1", "/aws-access")
	before := b.State()
	for name, c := range refusalCases {
		status, text := b.Control(c.control, strings.ReplaceAll(c.body, "VIEW", before.Views[0].ID))
		var answer struct{ Error string }
		if err := json.Unmarshal([]byte(text), &answer); err != nil || status < 400 || status > 499 ||
			!strings.Contains(answer.Error, c.want) {
			t.Errorf("%s: got %d %s, want 4xx %q", name, status, text, c.want)
		}
	}
	after := b.State()
	if !after.Now.Equal(before.Now) || len(after.Faults) != 0 || len(after.Audit) != len(before.Audit) ||
		after.Users[0] != before.Users[0] {
		t.Errorf("a refused call has changed something: it is %v, with %d faults, %d events, %+v",
			after.Now, len(after.Faults), len(after.Audit), after.Users[0])
	}
}

// The people and groups of docs/sandbox.md.
var (
	firstUsers = map[string]slackfake.User{
		"U0DEV1": {Email: "dev1@example.com"}, "U0DEV2": {Email: "dev2@example.com"},
		"U0LEAD1": {Email: "lead1@example.com"}, "U0LEAD2": {Email: "lead2@example.com"},
		"U0SEC1": {Email: "sec1@example.com"}, "U0GUEST": {Restricted: true}, "U0BOT": {Bot: true},
		"U0GONE": {Deleted: true}, "U0OUTSIDE": {Team: "T0OTHER"},
	}
	firstGroups = map[string]string{
		"S0DEVS": "U0DEV1 U0DEV2", "S0LEADS": "U0LEAD1 U0LEAD2", "S0SECURITY": "U0SEC1",
	}
)

func TestPeopleAndGroupsAtTheStart(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	s := b.State()
	for _, u := range s.Users {
		want, ok := firstUsers[u.ID]
		if want.Team == "" {
			want.Team = "T0SANDBOX"
		}
		if want.Email == "" {
			want.Email = u.Email
		}
		if !ok || u.Email != want.Email || u.Restricted != want.Restricted || u.Bot != want.Bot ||
			u.Deleted != want.Deleted || u.Team != want.Team {
			t.Errorf("%s is %+v, want %+v", u.ID, u, want)
		}
	}
	for _, g := range s.Groups {
		if got := strings.Join(g.Members, " "); firstGroups[g.ID] != got {
			t.Errorf("%s has %v, want %s", g.ID, got, firstGroups[g.ID])
		}
	}
	if len(s.Users) != len(firstUsers) || len(s.Groups) != len(firstGroups) {
		t.Errorf("got %d people and %d groups, want %d and %d",
			len(s.Users), len(s.Groups), len(firstUsers), len(firstGroups))
	}
	if !s.Now.Equal(b.World().Clock.Now()) || s.Running || s.Calls["slack:usergroups.users.list"] == 0 {
		t.Errorf("the clock shows %v, running %v; calls %v", s.Now, s.Running, s.Calls)
	}
}

// Lists are empty lists, not null, when nothing has happened yet.
func TestTheStateHasNoNulls(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	_, text := b.Send(http.MethodGet, "/sandbox/state", "")
	var s map[string]json.RawMessage
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"users", "groups", "messages", "views", "requests", "sessions", "denies", "audit"} {
		if !strings.HasPrefix(string(s[name]), "[") {
			t.Errorf("%s is %s, want a list", name, s[name])
		}
	}
}

func TestClockAdvancesStopsAndRuns(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	first := b.State().Now
	b.Advance("90s")
	if got := b.State().Now; !got.Equal(first.Add(90 * time.Second)) {
		t.Errorf("advanced by 90 s from %v: got %v", first, got)
	}
	b.Do("clock", `{"set":"2026-12-31T23:30:00Z"}`)
	if got := b.State().Now; !got.Equal(time.Date(2026, 12, 31, 23, 30, 0, 0, time.UTC)) {
		t.Errorf("set: got %v", got)
	}
	b.Do("clock", `{"run":true}`)
	if s := b.State(); !s.Running || s.Now.Before(time.Date(2026, 12, 31, 23, 30, 0, 0, time.UTC)) {
		t.Errorf("running: got %v %v", s.Running, s.Now)
	}
	b.Do("clock", `{"advance":"1d"}`)
	if s := b.State(); !s.Running || s.Now.Before(time.Date(2027, 1, 1, 23, 30, 0, 0, time.UTC)) {
		t.Errorf("advanced while running: got %v %v", s.Running, s.Now)
	}
	b.Do("clock", `{"stop":true}`)
	if a, z := b.State().Now, b.State().Now; !a.Equal(z) {
		t.Errorf("stopped: got %v, then %v", a, z)
	}
}

// Everything that falls due within a year happens at its time, and people and
// groups stay known.
func TestAYearPasses(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Command("U0DEV1", sandboxtest.AskCommand)
	b.Command("U0DEV1", `/aws-access payments-dev ReadOnly 8h "looking"`)
	first := b.State()
	b.Advance("365d")
	s := b.State()
	var told []string
	for _, e := range s.Audit[len(first.Audit):] {
		told = append(told, e.Verb+" "+e.To+" "+e.At.Sub(first.Now).Round(time.Minute).String())
		if e.Actor != "tick" {
			t.Errorf("%s did %s", e.Actor, e.Verb)
		}
	}
	const want = "tick pending 16m0s, tick timed_out 1h1m0s, tick expired 8h1m0s"
	if got := strings.Join(told, ", "); got != want {
		t.Errorf("events while time passed: got %s, want %s", got, want)
	}
	for _, r := range s.Requests {
		if r.State == "pending" || r.State == "active" {
			t.Errorf("after a year a request is %s", r.State)
		}
	}
	// Everybody is still known, because the skipped ticks would have read them.
	if out := b.Command("U0DEV1", sandboxtest.AskCommand); !strings.Contains(out.Body, "Asked for") {
		t.Errorf("asking a year later: got %+v", out)
	}
	if n := sandboxtest.Count(s.Messages, func(m slackfake.Message) bool { return m.Channel == "C0OPS" }); n != 0 {
		t.Errorf("the operators were told %d times that something is unknown", n)
	}
}

// Many groups take several ticks to read. None becomes unknown while ticks are
// skipped.
func TestManyGroupsStayKnownWhileTimePasses(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	policy := sandboxtest.Policy(t)
	for i := range 40 {
		policy = strings.Replace(policy, "groups:\n", fmt.Sprintf("groups:\n  more%d: {slack: S0MORE%d}\n", i, i), 1)
		policy = strings.Replace(policy, "who: [developers, leads]", fmt.Sprintf("who: [developers, leads, more%d]", i), 1)
		policy = strings.Replace(policy, "[developers, leads,", "[leads, developers,", 1)
		b.Do("people", fmt.Sprintf(`{"groups":{"S0MORE%d":["U0DEV1"]}}`, i))
	}
	policy = strings.ReplaceAll(policy, "[leads, developers,", "[developers, leads,")
	b.Do("policy", policy)
	b.Command("U0DEV1", `/aws-access payments-dev ReadOnly 8h "looking"`)
	before := sandboxtest.Count(b.State().Messages, func(m slackfake.Message) bool { return m.Channel == "C0OPS" })
	b.Advance("30d")
	s := b.State()
	if n := sandboxtest.Count(s.Messages, func(m slackfake.Message) bool { return m.Channel == "C0OPS" }); n != before {
		t.Errorf("the operators were told %d more times that something is unknown", n-before)
	}
	if r := s.Requests[0]; r.State != "expired" {
		t.Errorf("the request is %s", r.State)
	}
}

// After the clock was advanced, everything is as that time leaves it, also between
// two ticks.
func TestTimeLeavesNothingUndone(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Command("U0DEV1", `/aws-access payments-dev ReadOnly 5m "looking"`)
	b.Advance("4m30s")
	if r := b.Request(); r.State != "active" {
		t.Errorf("before the end: %s", r.State)
	}
	b.Advance("30s")
	if r := b.Request(); r.State != "expired" {
		t.Errorf("at the end: %s", r.State)
	}
}

// A group that cannot be read is unknown after ten minutes. The operators are told
// once that it is, and once that it is known again, however the time passes.
func TestOperatorsReadOnceThatAGroupIsUnknown(t *testing.T) {
	for _, steps := range [][]string{{"3h"}, {"11m", "1m", "5m", "2h"}, {"30s", "30s", "10m", "2h"}} {
		b := sandboxtest.Start(t, sandboxtest.Policy(t))
		b.Do("faults", `{"at":"slack:usergroups.users.list","how":"error","for":"1h"}`)
		for _, d := range steps {
			b.Advance(d)
		}
		var told, at []string
		for _, m := range b.State().Messages {
			if m.Channel == "C0OPS" {
				told, at = append(told, m.Text), append(at, m.TS)
			}
		}
		if len(told) != 2 || !strings.Contains(told[0], "not known at the moment") || !strings.Contains(told[1],
			"known again") {
			t.Errorf("in steps of %v the operators were told %q", steps, told)
			continue
		}
		again, err := strconv.ParseFloat(at[1], 64)
		if late := time.Unix(int64(again), 0).Sub(sandboxtest.Noon); err != nil || late < time.Hour || late > 62*time.Minute {
			t.Errorf("in steps of %v they were told after %v, want the minute after an hour", steps, late)
		}
	}
}

// accountMenu is what the account menu offers a person who types a text.
func accountMenu(b *sandboxtest.Sandbox, who, text string) string {
	b.T.Helper()
	b.Command(who, "/aws-access")
	views := b.State().Views
	if len(views) == 0 || views[len(views)-1].User != who {
		return "no form was opened"
	}
	return b.Act(map[string]any{"as": who, "type": text, "into": "Account", "view": views[len(views)-1].ID}).Body
}

func TestPolicyTakesEffectAtOnce(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	menu := func() string { return accountMenu(b, "U0DEV1", "pay") }
	if got := menu(); !strings.Contains(got, "payments-prod (111111111111)") {
		t.Errorf("the menu at first: got %s", got)
	}
	status, text := b.Control("policy", "version: 1\nrules: {}\n")
	var answer struct{ Errors, Warnings []string }
	if err := json.Unmarshal([]byte(text), &answer); err != nil || status != http.StatusUnprocessableEntity ||
		len(answer.Errors) == 0 || !strings.HasPrefix(answer.Errors[0], "policy.yaml:") {
		t.Errorf("a wrong policy: got %d %s", status, text)
	}
	if got := menu(); !strings.Contains(got, "payments-prod (111111111111)") {
		t.Errorf("a wrong policy changed the menu: got %s", got)
	}
	renamed := strings.ReplaceAll(sandboxtest.Policy(t), "payments-prod", "payroll-prod")
	b.Do("policy", renamed)
	if got := menu(); strings.Contains(got, "payments-prod") || !strings.Contains(got, "payroll-prod (111111111111)") {
		t.Errorf("the menu under the new policy: got %s", got)
	}
	expired := strings.Replace(sandboxtest.Policy(t), "    max: 4h\n", "    max: 4h\n    expires: 2026-11-01\n", 1)
	if said := b.Do("policy", expired); !strings.Contains(said, `"warnings":["policy.yaml:`) {
		t.Errorf("a policy with an expired rule: got %s", said)
	}
	if out := b.Command("U0DEV1", sandboxtest.AskCommand); !strings.Contains(out.Body, "may not ask") {
		t.Errorf("under an expired rule: got %s", out.Body)
	}
}

// The groups and people that a new policy names are read at once.
func TestNewPolicyKnowsItsPeople(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Do("people", `{"users":[{"id":"U0NEW","email":"new@example.com"}],"groups":{"S0NEW":["U0NEW"]}}`)
	policy := strings.Replace(sandboxtest.Policy(t), "developers: {slack: S0DEVS}", "developers: {slack: S0NEW}", 1)
	policy = strings.Replace(policy, "leads:      {slack: S0LEADS}",
		"leads: {people: [new@example.com, dev2@example.com]}", 1)
	b.Do("policy", policy)
	if out := b.Command("U0NEW", sandboxtest.AskCommand); !strings.Contains(out.Body, "Asked for") {
		t.Errorf("a member of the new group asks: got %s", out.Body)
	}
	b.Click("U0DEV2", "Approve", b.Card("C0APPROVALS"))
	if r := b.Request(); r.State != "active" {
		t.Errorf("approved by an address of the new policy: got %s", r.State)
	}
}

func TestPeopleChangesTakeEffectAtOnce(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	if got := accountMenu(b, "U0DEV2", "pay"); !strings.Contains(got, "payments-prod") {
		t.Errorf("before: got %s", got)
	}
	b.Do("people", `{"users":[{"id":"U0DEV1","name":"Dora"},{"id":"U0NEW"}],"groups":{"S0DEVS":["U0DEV1","U0NEW"]}}`)
	for _, u := range b.State().Users {
		if u.ID == "U0DEV1" && (u.Name != "Dora" || u.Email != "dev1@example.com") {
			t.Errorf("a field that was left out has changed: %+v", u)
		}
		if u.ID == "U0NEW" && (u.Team != "T0SANDBOX" || u.Restricted || u.Bot || u.Deleted || !u.EmailConfirmed) {
			t.Errorf("a new person is not a full member: %+v", u)
		}
	}
	// The clock is held, so what a function had in memory would still be fresh.
	if got := accountMenu(b, "U0NEW", "pay"); !strings.Contains(got, "payments-prod") {
		t.Errorf("the menu of a new person: got %s", got)
	}
	for who, want := range map[string]string{
		"U0NEW": "Asked for", "U0DEV1": "Asked for",
		"U0DEV2": "There is no account “payments-prod” that you may ask for",
	} {
		if out := b.Command(who, sandboxtest.AskCommand); !strings.Contains(out.Body, want) {
			t.Errorf("%s asks: got %s, want %s", who, out.Body, want)
		}
	}
	b.Do("people", `{"users":[{"id":"U0DEV1","restricted":true}],"groups":{"S0LEADS":null}}`)
	const other = `/aws-access payments-dev Admin 1h "why"` // the first request is pending
	if out := b.Command("U0DEV1", other); !strings.Contains(out.Body, "Guests of this workspace") {
		t.Errorf("a guest asks: got %s", out.Body)
	}
	if out := b.Command("U0NEW", other); !strings.Contains(out.Body, "Too few people could approve this") {
		t.Errorf("without the group that approves: got %s", out.Body)
	}
	b.Do("people", `{"users":[{"id":"U0TWIN","email":"DEV2@example.com"}]}`)
	if out := b.Command("U0DEV2", `/aws-access data-dev ReadOnly 1h "data"`); !strings.Contains(out.Body,
		"More than one user in Slack has your address dev2@example.com") {
		t.Errorf("an address that two hold: got %s", out.Body)
	}
}

// The person reads which role could not be assumed in which account.
func TestWhatStandsInAMemberAccount(t *testing.T) {
	const untrusted = `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` +
		`"Principal":{"AWS":"arn:aws:iam::999999999999:root"},"Action":"sts:AssumeRole"}]}`
	const denied = `{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",` +
		`\"Principal\":\"*\",\"Action\":\"sts:AssumeRole\"}]}`
	const role = `{"account":"222222222222","role":"ReadOnly",`
	for name, change := range map[string]string{
		"missing":        role + `"missing":true}`,
		"missing, later": role + `"missing":true}`, // after it was used
		"other trust":    role + `"trust":` + untrusted + `}`,
		"trust as text":  role + `"trust":"` + denied + `"}`,
	} {
		b := sandboxtest.Start(t, sandboxtest.Policy(t))
		b.Command("U0DEV1", `/aws-access payments-dev ReadOnly 1h "looking"`)
		grant := b.Direct("U0DEV1")
		if name == "missing, later" {
			b.Click("U0DEV1", "Get temporary keys", grant)
		}
		b.Do("roles", change)
		before := len(b.State().Sessions)
		b.Click("U0DEV1", "Get temporary keys", grant)
		text := b.Private("U0DEV1").Text
		if len(b.State().Sessions) != before || !strings.HasPrefix(text, "No session for") ||
			!strings.Contains(text, "ReadOnly") || !strings.Contains(text, "222222222222") {
			t.Errorf("%s: got %q", name, text)
		}
		b.Do("roles", role+`"missing":false,"max_session":43200}`)
		if name == "missing" {
			b.Click("U0DEV1", "Get temporary keys", grant)
			if len(b.State().Sessions) != before+1 {
				t.Errorf("%s: with the role back, there is still no session: %s", name, b.Private("U0DEV1").Text)
			}
		}
	}
}

// After a reset, everything is as after the start.
func TestResetForgetsEverything(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Command("U0DEV1", sandboxtest.AskCommand)
	b.Do("policy", strings.ReplaceAll(sandboxtest.Policy(t), "payments-prod", "payroll-prod"))
	b.Do("people", `{"users":[{"id":"U0NEW"}],"groups":{"S0DEVS":["U0NEW"]}}`)
	b.Do("roles", `{"account":"222222222222","role":"ReadOnly","missing":true}`)
	b.Do("faults", `{"at":"slack:*","how":"error"}`)
	b.Advance("3h")
	b.Do("reset", "")
	s := b.State()
	left := len(s.Requests) + len(s.Messages) + len(s.Views) + len(s.Sessions) + len(s.Audit) + len(s.Faults)
	sinceStart := s.Now.Sub(sandboxtest.Noon)
	if left != 0 || !s.Running || sinceStart < 0 || sinceStart > time.Minute {
		t.Errorf("after a reset: %v, running %v, with %d requests, %d messages, %d views, %d sessions, %d events, faults %v",
			s.Now, s.Running, len(s.Requests), len(s.Messages), len(s.Views), len(s.Sessions), len(s.Audit), s.Faults)
	}
	if out := b.Command("U0DEV1", sandboxtest.AskCommand); !strings.Contains(out.Body, "Asked for") {
		t.Errorf("asking after a reset: got %s", out.Body)
	}
	b.Command("U0DEV1", `/aws-access payments-dev ReadOnly 1h "looking"`)
	b.Click("U0DEV1", "Get temporary keys", b.Direct("U0DEV1"))
	if len(b.State().Sessions) != 1 {
		t.Errorf("the role is still missing after a reset: %s", b.Private("U0DEV1").Text)
	}
}
