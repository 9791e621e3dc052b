package policy_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/policytest"
)

// noon is the time of the tests.
var noon = policytest.Noon

// question asks whether a person may have a role in an account, without a request.
func question(w policytest.Workspace, who, account, role string) policy.Question {
	return policy.Question{Who: w.Person(who), Account: account, Role: role, Directory: w.Directory(noon), At: noon}
}

// These are requests that people are likely to try first in the sandbox.
func TestFirstRequestsInTheSandbox(t *testing.T) {
	p, w := policytest.Repository(t), policytest.NewWorkspace()
	for _, c := range []struct {
		who, account, role, length, ticket string
		answer                             string
	}{
		{"dev1", "payments-prod", "ReadOnly", "2h", "", "asks"},
		{"dev1", "payments-prod", "ReadOnly", "8h", "", "too_long"},
		{"dev1", "payments-dev", "ReadOnly", "8h", "", "granted"},
		{"dev1", "payments-prod", "Operator", "1h", "", "asks"},
		{"dev1", "payments-prod", "Admin", "1h", "", "no_ticket"},
		{"dev1", "payments-prod", "Admin", "1h", "INC-42", "asks"},
		{"dev1", "payments-dev", "Admin", "1h", "", "asks"},
		{"dev1", "data-prod", "ReadOnly", "1h", "", "not_allowed"},
		{"dev2", "data-prod", "ReadOnly", "1h", "", "granted"},
		{"lead1", "payments-prod", "Operator", "1h", "INC-1", "granted"},
		{"sec1", "log-archive", "ReadOnly", "1h", "", "granted"},
		{"sec1", "log-archive", "Admin", "1h", "", "never"},
	} {
		account := policytest.AccountID(p, c.account)
		length, err := policy.ParseLength(c.length)
		if account == c.account || err != nil {
			t.Fatal(c.account, err)
		}
		q := question(w, c.who, account, c.role)
		q.For, q.Reason, q.Ticket, q.Asking = length, "why", c.ticket, true
		if got := answer(p.Decide(q)); got != c.answer {
			t.Errorf("%s: %s in %s for %s: got %s, want %s", c.who, c.role, c.account, c.length, got, c.answer)
		}
	}
}

func TestRepositoryPolicyNamesOnlyWhatTheSandboxHas(t *testing.T) {
	p := policytest.Repository(t)
	want := policy.Sources{
		Groups: []string{"S0DEVS", "S0LEADS", "S0SECURITY"},
		People: []string{"dev2@example.com", "lead2@example.com"},
		Names:  map[string]string{"S0DEVS": "developers", "S0LEADS": "leads", "S0SECURITY": "security"},
	}
	if diff := cmp.Diff(want, p.Sources()); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
	channels := []string{"C0APPROVALS", "C0PAYMENTS", "C0OPS"}
	for _, c := range append(p.Channels(), policy.Channel{ID: p.Settings().Channel}) {
		if !slices.Contains(channels, c.ID) {
			t.Errorf("%s is not a channel of the sandbox", c.ID)
		}
	}
}

func TestSettingsHaveDefaults(t *testing.T) {
	least := "version: 1\nsettings: {channel: C0A}\nroles: {A: {}}\n" +
		"accounts: [{id: \"111111111111\", name: prod}]\nrules: []\n"
	devices := policy.Devices{For: 30 * 24 * time.Hour, Limit: 5}
	for settings, want := range map[string]policy.Settings{
		"channel: C0A": {
			Channel: "C0A", Operators: "C0A", AnswerWithin: time.Hour, PendingAtMost: 5, AsksPerHour: 30,
			TicketExample: "INC-42", Devices: devices, CheckEvery: 5 * time.Minute,
		},
		"channel: C0A, pending_at_most: 50, asks_per_hour: 1000": {
			Channel: "C0A", Operators: "C0A", AnswerWithin: time.Hour, PendingAtMost: 50, AsksPerHour: 1000,
			TicketExample: "INC-42", Devices: devices, CheckEvery: 5 * time.Minute,
		},
		"channel: C0A, operators: C0B, answer_within: 2h, remind_after: 30m, " +
			"ticket: {pattern: '[A-Z]+', link: 'https://x.example.com/{ticket}'}": {
			Channel: "C0A", Operators: "C0B", AnswerWithin: 2 * time.Hour, RemindAfter: 30 * time.Minute,
			TicketPattern: "[A-Z]+", TicketLink: "https://x.example.com/{ticket}", TicketExample: "ABC", Devices: devices,
			PendingAtMost: 5, AsksPerHour: 30, CheckEvery: 5 * time.Minute,
		},
		"channel: C0A, responders: [everyone, U0A], check_every: 1m": {
			Channel: "C0A", Operators: "C0A", AnswerWithin: time.Hour, PendingAtMost: 5, AsksPerHour: 30,
			TicketExample: "INC-42", Devices: devices, CheckEvery: time.Minute, Responders: []string{"everyone", "U0A"},
		},
	} {
		got := policytest.Compile(t, strings.Replace(least, "channel: C0A", settings, 1)).Settings()
		if !reflect.DeepEqual(got, want) {
			t.Errorf("{%s}: got %+v, want %+v", settings, got, want)
		}
	}
}

func TestLinkHasTheTicketEscaped(t *testing.T) {
	s := policy.Settings{TicketLink: "https://x.example.com/browse/{ticket}?v=1"}
	for ticket, want := range map[string]string{
		"INC-42":      "https://x.example.com/browse/INC-42?v=1",
		" INC-42 ":    "https://x.example.com/browse/INC-42?v=1",
		"":            "",
		"  ":          "",
		"../a?b#c|d>": "https://x.example.com/browse/..%2Fa%3Fb%23c%7Cd%3E?v=1",
		"{ticket}":    "https://x.example.com/browse/%7Bticket%7D?v=1",
	} {
		if got := s.Link(ticket); got != want {
			t.Errorf("%q: got %q, want %q", ticket, got, want)
		}
	}
	if got := (policy.Settings{}).Link("INC-42"); got != "" {
		t.Errorf("no link: got %q", got)
	}
}

func TestRolesHaveWhatTheFormShows(t *testing.T) {
	p, w := policytest.Repository(t), policytest.NewWorkspace()
	both, console := []access.Kind{access.Console, access.Keys}, []access.Kind{access.Console}
	want := []access.Role{
		{Name: "ReadOnly", About: "Look at everything, change nothing", Max: 4 * time.Hour, Asks: true, Give: both},
		{Name: "Operator", About: "Restart, scale, deploy", Max: 2 * time.Hour, Asks: true, Give: both},
		{Name: "Admin", About: "Everything", Max: time.Hour, Ticket: true, Asks: true, Give: console},
	}
	dev1, d := w.Person("dev1"), w.Directory(noon)
	if diff := cmp.Diff(want, p.Roles(dev1, d, noon, "111111111111")); diff != "" {
		t.Errorf("roles (-want +got):\n%s", diff)
	}
	for _, r := range p.Roles(dev1, d, noon, "222222222222") {
		if r.Asks != (r.Name != "ReadOnly") {
			t.Errorf("payments-dev: %s asks somebody: %v", r.Name, r.Asks)
		}
	}
	if got := p.Roles(dev1, d, noon, "000000000000"); got != nil {
		t.Errorf("an unknown account has the roles %v", got)
	}
}

func TestAnswerHasTheTarget(t *testing.T) {
	text := `version: 1
settings: {channel: C0A}
roles: {Plain: {}, Full: {about: a, path: /team/x/, lands_on: /iam/home, may: [assume_roles, make_identities]}}
accounts: [{id: "111111111111", name: prod, region: eu-central-1}, {id: "222222222222", name: dev}]
rules: [{name: a, who: [everyone], accounts: ["*"], roles: ["*"], max: 1h, approvals: none}]
`
	p, w := policytest.Compile(t, text), policytest.NewWorkspace()
	for _, want := range []access.Target{
		{
			Account: "111111111111", AccountName: "prod", Region: "eu-central-1", Role: "Full", Path: "/team/x/",
			LandsOn: "/iam/home", AssumeRoles: true, MakeIdentities: true,
		},
		{Account: "222222222222", AccountName: "dev", Region: "us-east-1", Role: "Plain", Path: "/aws-access/"},
	} {
		got := p.Decide(question(w, "dev1", want.Account, want.Role))
		if diff := cmp.Diff(want, got.Target); diff != "" || got.Refusal != nil {
			t.Errorf("%v (-want +got):\n%s", got.Refusal, diff)
		}
	}
}

func TestExplainHasAReasonForEveryRule(t *testing.T) {
	p, w := policytest.Repository(t), policytest.NewWorkspace()
	q := question(w, "lead1", "111111111111", "Operator")
	got := make(map[string]string)
	for _, r := range p.Explain(q) {
		got[r.Rule] = string(r.Outcome) + ": " + r.Says
		if r.Line == 0 || r.Col == 0 {
			t.Errorf("%q has no place: %+v", r.Rule, r)
		}
	}
	for rule, want := range map[string]string{
		"look at production":               "no match: Operator is not among its roles.",
		"change production":                "set aside: Set aside by “change production in an incident”.",
		"change production in an incident": "binds: It matches.",
		"look at development":              "no match: payments-prod is not among its accounts.",
		"the archive keeps what it has":    "no match: payments-prod is not among its accounts.",
	} {
		if got[rule] != want {
			t.Errorf("%q: got %q, want %q", rule, got[rule], want)
		}
	}
	if want := strings.Count(string(policytest.RepositoryFile(t)), "  - name: "); len(got) != want {
		t.Errorf("%d reasons for %d rules and never rules", len(got), want)
	}
	q.Role = "Nothing"
	if got := p.Explain(q); got != nil {
		t.Errorf("an unknown role has the reasons %v", got)
	}
}

// Callers sort and cut the lists of Sources.
func TestSourcesAreACopy(t *testing.T) {
	p := policytest.Repository(t)
	p.Sources().Groups[0] = "S0OTHER"
	if got := p.Sources().Groups[0]; got != "S0DEVS" {
		t.Errorf("got %s, want S0DEVS", got)
	}
}

func TestSourcesListEverybodyInThePolicy(t *testing.T) {
	p := policytest.Compile(t, `version: 1
settings: {channel: C0A}
roles: {A: {}}
accounts: [{id: "111111111111", name: prod}]
groups: {a: {slack: S0A}, b: {slack: S0A}, people: {people: [One@example.com, U0TWO]}, on-call: {slack: S0ONCALL}}
rules:
  - name: a
    who: [Three@example.com, everyone]
    accounts: [prod]
    roles: [A]
    max: 1h
    approvals: [{from: [U0FOUR, a], need: 1}]
    review: {by: [five@example.com], within: 1h}
never:
  - {name: y, who: [six@example.com], accounts: [prod], roles: [A]}
`)
	want := policy.Sources{
		Groups: []string{"S0A", "S0ONCALL"},
		People: []string{"U0FOUR", "U0TWO", "five@example.com", "one@example.com", "six@example.com", "three@example.com"},
		Names:  map[string]string{"S0A": "a, b", "S0ONCALL": "on-call"},
	}
	if diff := cmp.Diff(want, p.Sources()); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
}

func TestPeopleSeeTheExampleOfATicketNotThePattern(t *testing.T) {
	w := policytest.NewWorkspace()
	text := strings.Replace(string(policytest.RepositoryFile(t)), "example: INC-42", "example: OPS-7", 1)
	p := policytest.Compile(t, text)
	for ticket, code := range map[string]string{"": "no_ticket", "yes": "bad_ticket", "OPS-7": ""} {
		q := question(w, "dev1", "111111111111", "Admin")
		q.For, q.Reason, q.Ticket, q.Asking = time.Hour, "why", ticket, true
		refusal := p.Decide(q).Refusal
		switch {
		case code == "" && refusal != nil:
			t.Errorf("%q: got %v", ticket, refusal)
		case code != "" && (access.Code(refusal) != code || !strings.HasSuffix(refusal.Error(), " Write it like OPS-7.")):
			t.Errorf("%q: got %v, want %s with the example", ticket, refusal, code)
		}
	}
}
