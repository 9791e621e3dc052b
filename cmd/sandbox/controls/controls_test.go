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

// What a lever cannot do it says in a sentence, and changes nothing.
func TestLeversRefuseInASentence(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Command("U0DEV1", sandboxtest.AskCommand)
	b.Command("U0DEV1", "/aws-access")
	view := b.State().Views[0].ID
	before := b.State()
	for name, c := range map[string]struct{ lever, body, want string }{
		"no lever":                {"nothing", `{}`, "there is no control POST /sandbox/nothing"},
		"not JSON":                {"clock", `x`, "not what this control takes"},
		"an unknown field":        {"clock", `{"advnace":"1h"}`, `unknown field "advnace"`},
		"two objects":             {"clock", `{"advance":"1h"}{}`, "goes on after"},
		"nothing to do":           {"clock", `{}`, "say what the clock should do"},
		"back":                    {"clock", `{"set":"2026-11-21T11:00:00Z"}`, "the clock cannot go back"},
		"back by advancing":       {"clock", `{"advance":"-1m"}`, "is not a length of time"},
		"a wrong length":          {"clock", `{"advance":"1 hour"}`, "is not a length of time"},
		"a wrong time":            {"clock", `{"set":"tomorrow"}`, "write a time such as"},
		"two ways at once":        {"clock", `{"set":"2026-12-01T00:00:00Z","advance":"1h"}`, "not both"},
		"stop and run":            {"clock", `{"stop":true,"run":true}`, "at once"},
		"too far":                 {"clock", `{"set":"2999-12-01T00:00:00Z"}`, "more than a hundred years"},
		"nobody":                  {"act", `{"command":"/aws-access"}`, "nobody here has that id"},
		"somebody unknown":        {"act", `{"as":"U0NOBODY","command":"/aws-access"}`, "nobody here has that id"},
		"no act":                  {"act", `{"as":"U0DEV1"}`, "an act is exactly one of"},
		"two acts":                {"act", `{"as":"U0DEV1","command":"/aws-access","close":"V1"}`, "an act is exactly one of"},
		"no place to click":       {"act", `{"as":"U0DEV1","click":"Approve"}`, "say what is clicked on"},
		"no such message":         {"act", `{"as":"U0DEV1","click":"Approve","on":"C0APPROVALS/1.2"}`, `no button "Approve"`},
		"no such view":            {"act", `{"as":"U0DEV1","submit":"V1"}`, `there is no view "V1"`},
		"no such input":           {"act", `{"as":"U0DEV1","submit":"` + view + `","values":{"Acount":"x"}}`, `no input "Acount"; it has: Account, How long, Reason, Ticket`},
		"typing in a text":        {"act", `{"as":"U0DEV1","type":"x","into":"Reason","view":"` + view + `"}`, "is not a searchable menu"},
		"too many retries":        {"act", `{"as":"U0DEV1","command":"/aws-access","retry":101}`, `"retry" is`},
		"a user id that is none":  {"people", `{"users":[{"id":"dev9"}]}`, "is not a user id"},
		"a group id that is none": {"people", `{"groups":{"devs":["U0DEV1"]}}`, "is not a user group id"},
		"a member that is none":   {"people", `{"users":[{"id":"U0DEV1","name":"changed"}],"groups":{"S0DEVS":["dev1@example.com"]}}`, "is not a user id"},
		"an unknown trait":        {"people", `{"users":[{"id":"U0DEV1","admin":true}]}`, `unknown field "admin"`},
		"a role without a word":   {"roles", `{"account":"111111111111","role":"Admin"}`, "say what to change"},
		"an account that is none": {"roles", `{"account":"1","role":"Admin","missing":true}`, "is not an account id"},
		"a trust that is none":    {"roles", `{"account":"111111111111","role":"Admin","trust":{"Version":"2012-10-17"}}`, "trust"},
		"missing and trusted":     {"roles", `{"account":"111111111111","role":"Admin","missing":true,"max_session":3600}`, "a role that is missing"},
		"a session of a minute":   {"roles", `{"account":"111111111111","role":"Admin","max_session":60}`, "between 1 and 12 hours"},
		"a fault nowhere":         {"faults", `{"how":"error"}`, `"at" is ""`},
		"a service unknown":       {"faults", `{"at":"ec2:RunInstances","how":"error"}`, `"at" is "ec2:RunInstances"`},
		"an operation misspelt":   {"faults", `{"at":"store:laod","how":"error"}`, "store has only load, save, due, list"},
		"a way unknown":           {"faults", `{"at":"slack:*","how":"broken"}`, "can go wrong as error, 429, slow, lost"},
		"a call doubled":          {"faults", `{"at":"slack:*","how":"double"}`, "can go wrong as error, 429, slow, lost"},
		"a delivery in error":     {"faults", `{"at":"feed","how":"error"}`, "can go wrong as double, delay"},
		"never":                   {"faults", `{"at":"slack:*","how":"error","times":0}`, `"times" is 0`},
		"less than never":         {"faults", `{"at":"slack:*","how":"error","times":-1}`, `"times" is -1`},
		"for no time":             {"faults", `{"at":"slack:*","how":"error","for":"0s"}`, `"for" is "0s"`},
		"reset to something":      {"reset", `{"clock":true}`, `unknown field "clock"`},
	} {
		status, said := b.Control(c.lever, c.body)
		var answer struct{ Error string }
		if err := json.Unmarshal([]byte(said), &answer); err != nil || status < 400 || status > 499 || !strings.Contains(answer.Error, c.want) {
			t.Errorf("%s: got %d %s, want 4xx %q", name, status, said, c.want)
		}
	}
	after := b.State()
	if !after.Now.Equal(before.Now) || len(after.Faults) != 0 || len(after.Audit) != len(before.Audit) || after.Users[0] != before.Users[0] {
		t.Errorf("a lever that refused changed something: it is %v, %d faults, %d events, %+v", after.Now, len(after.Faults), len(after.Audit), after.Users[0])
	}
}

func TestWhoIsThere(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	s := b.State()
	want := map[string]slackfake.User{
		"U0DEV1": {Email: "dev1@example.com"}, "U0DEV2": {Email: "dev2@example.com"}, "U0LEAD1": {Email: "lead1@example.com"},
		"U0LEAD2": {Email: "lead2@example.com"}, "U0SEC1": {Email: "sec1@example.com"}, "U0GUEST": {Restricted: true}, "U0BOT": {Bot: true},
		"U0GONE": {Deleted: true}, "U0OUTSIDE": {Team: "T0OTHER"},
	}
	for _, u := range s.Users {
		w, ok := want[u.ID]
		if !ok {
			t.Errorf("%s is there", u.ID)
		}
		if w.Team == "" {
			w.Team = "T0SANDBOX"
		}
		if w.Email != "" && u.Email != w.Email || u.Restricted != w.Restricted || u.Bot != w.Bot || u.Deleted != w.Deleted || u.Team != w.Team {
			t.Errorf("%s is %+v, want %+v", u.ID, u, w)
		}
		delete(want, u.ID)
	}
	groups := map[string]string{"S0DEVS": "U0DEV1 U0DEV2", "S0LEADS": "U0LEAD1 U0LEAD2", "S0SECURITY": "U0SEC1"}
	for _, g := range s.Groups {
		if groups[g.ID] != strings.Join(g.Members, " ") {
			t.Errorf("%s holds %v, want %s", g.ID, g.Members, groups[g.ID])
		}
		delete(groups, g.ID)
	}
	if len(want) > 0 || len(groups) > 0 || !s.Now.Equal(b.World().Clock.Now()) || s.Running || s.Calls["slack:usergroups.users.list"] == 0 {
		t.Errorf("missing are %v and %v, or the clock: %v", want, groups, s.Now)
	}
}

// Lists are lists, also when nothing happened yet.
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

func TestTheClock(t *testing.T) {
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

// A year costs what happens in it, and everything that falls due does happen,
// at its time.
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
	if got, want := strings.Join(told, ", "), "tick pending 16m0s, tick timed_out 1h1m0s, tick expired 8h1m0s"; got != want {
		t.Errorf("what time did: got %s, want %s", got, want)
	}
	for _, r := range s.Requests {
		if r.State == "pending" || r.State == "active" {
			t.Errorf("after a year a request is %s", r.State)
		}
	}
	// Everybody is still known: the ticks that were skipped would have read them.
	if out := b.Command("U0DEV1", sandboxtest.AskCommand); !strings.Contains(out.Body, "Asked for") {
		t.Errorf("asking a year later: got %+v", out)
	}
	if n := sandboxtest.Count(s.Messages, func(m slackfake.Message) bool { return m.Channel == "C0OPS" }); n != 0 {
		t.Errorf("the operators were told %d times that something is not known", n)
	}
}

// Many groups take several ticks to read: whatever is skipped, none of them
// gets old on the way.
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
		t.Errorf("the operators were told %d times more that something is not known", n-before)
	}
	if r := s.Requests[0]; r.State != "expired" {
		t.Errorf("the request is %s", r.State)
	}
}

// Whoever lets time pass finds everything as that time leaves it, also between
// two minutes.
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

// What cannot be read is not known after ten minutes, and the operators hear
// of it once, however the time passes.
func TestWhatCannotBeReadIsToldOnceHoweverTimePasses(t *testing.T) {
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

// typed is what the account menu offers somebody who types.
func typed(b *sandboxtest.Sandbox, who, what string) string {
	b.T.Helper()
	b.Command(who, "/aws-access")
	views := b.State().Views
	if len(views) == 0 || views[len(views)-1].User != who {
		return "no form was opened"
	}
	return b.Act(map[string]any{"as": who, "type": what, "into": "Account", "view": views[len(views)-1].ID}).Body
}

func TestAPolicyHoldsFromNowOn(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	menu := func() string { return typed(b, "U0DEV1", "pay") }
	if got := menu(); !strings.Contains(got, "payments-prod (111111111111)") {
		t.Errorf("the menu at first: got %s", got)
	}
	status, said := b.Control("policy", "version: 1\nrules: {}\n")
	var answer struct{ Errors, Warnings []string }
	if err := json.Unmarshal([]byte(said), &answer); err != nil || status != http.StatusUnprocessableEntity || len(answer.Errors) == 0 || !strings.HasPrefix(answer.Errors[0], "policy.yaml:") {
		t.Errorf("a wrong policy: got %d %s", status, said)
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

// Groups and people that a new policy names are read at once.
func TestANewPolicyKnowsItsPeople(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Do("people", `{"users":[{"id":"U0NEW","email":"new@example.com"}],"groups":{"S0NEW":["U0NEW"]}}`)
	policy := strings.Replace(sandboxtest.Policy(t), "developers: {slack: S0DEVS}", "developers: {slack: S0NEW}", 1)
	policy = strings.Replace(policy, "leads:      {slack: S0LEADS}", "leads: {people: [new@example.com, dev2@example.com]}", 1)
	b.Do("policy", policy)
	if out := b.Command("U0NEW", sandboxtest.AskCommand); !strings.Contains(out.Body, "Asked for") {
		t.Errorf("a member of the new group asks: got %s", out.Body)
	}
	b.Click("U0DEV2", "Approve", b.Card("C0APPROVALS"))
	if r := b.Request(); r.State != "active" {
		t.Errorf("approved by an address of the new policy: got %s", r.State)
	}
}

func TestPeopleChangeFromNowOn(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	if got := typed(b, "U0DEV2", "pay"); !strings.Contains(got, "payments-prod") {
		t.Errorf("before: got %s", got)
	}
	b.Do("people", `{"users":[{"id":"U0DEV1","name":"Dora"},{"id":"U0NEW"}],"groups":{"S0DEVS":["U0DEV1","U0NEW"]}}`)
	for _, u := range b.State().Users {
		if u.ID == "U0DEV1" && (u.Name != "Dora" || u.Email != "dev1@example.com") {
			t.Errorf("what was left out did not stay: %+v", u)
		}
		if u.ID == "U0NEW" && (u.Team != "T0SANDBOX" || u.Restricted || u.Bot || u.Deleted || !u.EmailConfirmed) {
			t.Errorf("somebody new is no full member: %+v", u)
		}
	}
	// The clock stands: what the functions kept would still be fresh.
	if got := typed(b, "U0NEW", "pay"); !strings.Contains(got, "payments-prod") {
		t.Errorf("the menu of somebody new: got %s", got)
	}
	for who, want := range map[string]string{"U0NEW": "Asked for", "U0DEV2": "There is no account “payments-prod” that you may ask for", "U0DEV1": "Asked for"} {
		if out := b.Command(who, sandboxtest.AskCommand); !strings.Contains(out.Body, want) {
			t.Errorf("%s asks: got %s, want %s", who, out.Body, want)
		}
	}
	b.Do("people", `{"users":[{"id":"U0DEV1","restricted":true}],"groups":{"S0LEADS":null}}`)
	const other = `/aws-access payments-dev Admin 1h "why"` // the first one waits
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

// A wrong role is told to the person, naming account and role.
func TestWhatStandsInAMemberAccount(t *testing.T) {
	for name, c := range map[string]string{
		"missing":        `{"account":"222222222222","role":"ReadOnly","missing":true}`,
		"another's":      `{"account":"222222222222","role":"ReadOnly","trust":{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::999999999999:root"},"Action":"sts:AssumeRole"}]}}`,
		"trust as text":  `{"account":"222222222222","role":"ReadOnly","trust":"{\"Version\":\"2012-10-17\",\"Statement\":[{\"Effect\":\"Deny\",\"Principal\":\"*\",\"Action\":\"sts:AssumeRole\"}]}"}`,
		"missing, later": `{"account":"222222222222","role":"ReadOnly","missing":true}`,
	} {
		b := sandboxtest.Start(t, sandboxtest.Policy(t))
		b.Command("U0DEV1", `/aws-access payments-dev ReadOnly 1h "looking"`)
		grant := b.Direct("U0DEV1")
		if name == "missing, later" {
			b.Click("U0DEV1", "Get temporary keys", grant)
		}
		b.Do("roles", c)
		before := len(b.State().Sessions)
		b.Click("U0DEV1", "Get temporary keys", grant)
		m := b.Private("U0DEV1")
		if len(b.State().Sessions) != before || !strings.Contains(m.Text, "ReadOnly") || !strings.Contains(m.Text, "222222222222") || !strings.HasPrefix(m.Text, "No session for") {
			t.Errorf("%s: got %q", name, m.Text)
		}
		b.Do("roles", `{"account":"222222222222","role":"ReadOnly","missing":false,"max_session":43200}`)
		if name == "missing" {
			b.Click("U0DEV1", "Get temporary keys", grant)
			if len(b.State().Sessions) != before+1 {
				t.Errorf("%s: put back, there is still no session: %s", name, b.Private("U0DEV1").Text)
			}
		}
	}
}

func TestReset(t *testing.T) {
	b := sandboxtest.Start(t, sandboxtest.Policy(t))
	b.Command("U0DEV1", sandboxtest.AskCommand)
	b.Do("policy", strings.ReplaceAll(sandboxtest.Policy(t), "payments-prod", "payroll-prod"))
	b.Do("people", `{"users":[{"id":"U0NEW"}],"groups":{"S0DEVS":["U0NEW"]}}`)
	b.Do("roles", `{"account":"222222222222","role":"ReadOnly","missing":true}`)
	b.Do("faults", `{"at":"slack:*","how":"error"}`)
	b.Advance("3h")
	b.Do("reset", "")
	s := b.State()
	if len(s.Requests)+len(s.Messages)+len(s.Views)+len(s.Sessions)+len(s.Audit)+len(s.Faults) != 0 || !s.Running || s.Now.Before(sandboxtest.Noon) || s.Now.After(sandboxtest.Noon.Add(time.Minute)) {
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
