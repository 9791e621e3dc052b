package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/policytest"
)

// What somebody tries first in the sandbox, with its people.
func TestTheFirstMinuteInTheSandbox(t *testing.T) {
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
		q := policy.Question{Who: w.Person(c.who), Account: account, Role: c.role, For: length, Reason: "why",
			Ticket: c.ticket, Asking: true, Directory: w.Directory(policytest.Noon), At: policytest.Noon}
		if got := answer(p.Decide(q)); got != c.answer {
			t.Errorf("%s: %s in %s for %s: got %s, want %s", c.who, c.role, c.account, c.length, got, c.answer)
		}
	}
}

func TestTheRepositoryNamesWhatTheSandboxHas(t *testing.T) {
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
	least := "version: 1\nsettings: {channel: C0A}\nroles: {A: {}}\naccounts: [{id: \"111111111111\", name: prod}]\nrules: []\n"
	for text, want := range map[string]policy.Settings{
		least: {Channel: "C0A", Operators: "C0A", AnswerWithin: time.Hour, PendingAtMost: 5, AsksPerHour: 30,
			TicketExample: "INC-42"},
		strings.Replace(least, "C0A", "C0A, pending_at_most: 50, asks_per_hour: 1000", 1): {
			Channel: "C0A", Operators: "C0A", AnswerWithin: time.Hour, PendingAtMost: 50, AsksPerHour: 1000,
			TicketExample: "INC-42",
		},
		strings.Replace(least, "C0A", "C0A, operators: C0B, answer_within: 2h, remind_after: 30m, ticket: {pattern: '[A-Z]+', link: 'https://x.example.com/{ticket}'}", 1): {
			Channel: "C0A", Operators: "C0B", AnswerWithin: 2 * time.Hour, RemindAfter: 30 * time.Minute, TicketPattern: "[A-Z]+", TicketLink: "https://x.example.com/{ticket}",
			TicketExample: "ABC", PendingAtMost: 5, AsksPerHour: 30,
		},
	} {
		got := policytest.Compile(t, text).Settings()
		if got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	}
}

func TestLinksHoldTheTicketAndNothingElse(t *testing.T) {
	s := policy.Settings{TicketLink: "https://x.example.com/browse/{ticket}?v=1"}
	for ticket, want := range map[string]string{
		"INC-42": "https://x.example.com/browse/INC-42?v=1", " INC-42 ": "https://x.example.com/browse/INC-42?v=1", "": "", "  ": "",
		"../a?b#c|d>": "https://x.example.com/browse/..%2Fa%3Fb%23c%7Cd%3E?v=1", "{ticket}": "https://x.example.com/browse/%7Bticket%7D?v=1",
	} {
		if got := s.Link(ticket); got != want {
			t.Errorf("%q: got %q, want %q", ticket, got, want)
		}
	}
	if got := (policy.Settings{}).Link("INC-42"); got != "" {
		t.Errorf("no link: got %q", got)
	}
}

func TestFindTakesWholeIdsAndNames(t *testing.T) {
	p, w := policytest.Repository(t), policytest.NewWorkspace()
	want := access.Account{ID: "111111111111", Name: "payments-prod"}
	for _, text := range []string{"111111111111", "payments-prod", " Payments-PROD "} {
		if got, refusal := p.Find(w.Person("dev1"), w.Directory(policytest.Noon), policytest.Noon, text); got != want || refusal != nil {
			t.Errorf("%q: got %v, %v; want %v", text, got, refusal, want)
		}
	}
	for _, text := range []string{"", "payments", "payments-*", "11111111111", "payments-prod2", "\xff"} {
		if got, refusal := p.Find(w.Person("dev1"), w.Directory(policytest.Noon), policytest.Noon,
			text); access.Code(refusal) != "unknown_account" || got != (access.Account{}) {
			t.Errorf("%q: got %v, %v; want unknown_account", text, got, refusal)
		}
	}
}

const spelledPolicy = `
version: 1
settings: {channel: C0A}
roles: {ReadOnly: {}, Admin: {}, Break-Glass: {}, BreakGlass: {}}
accounts:
  - {id: "111111111111", name: Zürich Core}
  - {id: "222222222222", name: payments-prod}
  - {id: "333333333333", name: a-b}
  - {id: "444444444444", name: a b}
  - {id: "555555555555", name: Secret Vault}
  - {id: "666666666666", name: secret-vault-2}
  - {id: "777777777777", name: Østre Æble}
groups: {leads: {slack: S0LEADS}}
rules:
  - {name: all, who: [everyone], accounts: [Zürich Core, payments-prod, a-b, a b, Østre Æble, secret-vault-2],
     roles: [ReadOnly], max: 1h, approvals: none}
  - {name: some, who: [leads], accounts: ["*"], roles: [Admin, Break-Glass, BreakGlass], max: 1h, approvals: none}
`

func TestANameIsTakenWhenItIsTheSameButForItsSpelling(t *testing.T) {
	p, w := policytest.Compile(t, spelledPolicy), policytest.NewWorkspace()
	for _, c := range []struct{ who, typed, want, says string }{
		{"dev1", "Zürich Core", "Zürich Core", ""},
		{"dev1", "Zu\u0308rich core", "Zürich Core", ""}, // as a Mac decomposes it
		{"dev1", "zürich-core", "Zürich Core", ""},
		{"dev1", "“Zürich – Core”", "Zürich Core", ""},
		{"dev1", "payments prod", "payments-prod", ""},
		{"dev1", "PAYMENTSPROD", "payments-prod", ""},
		{"dev1", "222222222222", "payments-prod", ""},
		{"dev1", "a-b", "a-b", ""},
		{"dev1", "ab", "", "Did you mean “a b” or “a-b”?"},
		{"dev1", "zurich core", "", "Did you mean “Zürich Core”?"},
		{"dev1", "zür", "", "Did you mean “Zürich Core”?"},
		{"dev1", "payment-prod", "", "Did you mean “payments-prod”?"},
		{"dev1", "222222222223", "",
			"There is no account “222222222223” that you may ask for. Put a name with spaces in quotes, " +
				"or write the account's 12 digits"},
		{"dev1", "-", "", "There is no account “-” that you may ask for."},
		{"dev1", "secret vault 2", "secret-vault-2", ""},
		{"dev1", "SecretVault", "", "Did you mean “secret-vault-2”?"},
		{"lead1", "SecretVault", "Secret Vault", ""},
	} {
		got, err := p.Find(w.Person(c.who), w.Directory(policytest.Noon), policytest.Noon, c.typed)
		if got.Name != c.want || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s types %q: got %q, %v; want %q %q", c.who, c.typed, got.Name, err, c.want, c.says)
		}
	}
}

func TestAnAccountOfOthersIsAnsweredLikeOneThatThereIsNot(t *testing.T) {
	p, w := policytest.Compile(t, spelledPolicy), policytest.NewWorkspace()
	for hidden, none := range map[string]string{"555555555555": "555555555556", "Secret Vault": "Secret Veult",
		"secret vault": "secret veult"} {
		_, one := p.Find(w.Person("dev1"), w.Directory(policytest.Noon), policytest.Noon, hidden)
		_, other := p.Find(w.Person("dev1"), w.Directory(policytest.Noon), policytest.Noon, none)
		if one == nil || other == nil || strings.ReplaceAll(one.Error(), hidden, none) != other.Error() {
			t.Errorf("%q: %v\n%q: %v\nwant the same", hidden, one, none, other)
		}
	}
	for _, role := range []string{"ReadOnly", "Admin", "Nothing"} {
		refusal := p.Decide(policy.Question{Who: w.Person("dev1"), Account: "555555555555", Role: role, Asking: true,
			Directory: w.Directory(policytest.Noon), At: policytest.Noon}).Refusal
		if refusal == nil || strings.Contains(strings.ToLower(refusal.Error()), "vault") {
			t.Errorf("%s: %v tells the account's name", role, refusal)
		}
	}
}

// The words of a never are for everybody whom it names, also where no rule does.
func TestTheWordsOfANeverAreTold(t *testing.T) {
	p, w := policytest.Repository(t), policytest.NewWorkspace()
	account, err := p.Find(w.Person("dev1"), w.Directory(policytest.Noon), policytest.Noon, "log-archive")
	if err != nil {
		t.Fatal(err)
	}
	refusal := p.Decide(policy.Question{Who: w.Person("dev1"), Account: account.ID, Role: "Admin", Asking: true,
		Directory: w.Directory(policytest.Noon), At: policytest.Noon}).Refusal
	if access.Code(refusal) != "never" || !strings.Contains(refusal.Error(), "Nobody changes the log archive by hand.") {
		t.Errorf("got %v", refusal)
	}
}

func TestARoleIsTakenWhenItIsTheSameButForItsSpelling(t *testing.T) {
	p, w := policytest.Compile(t, spelledPolicy), policytest.NewWorkspace()
	for _, c := range []struct{ who, typed, want string }{
		{"dev1", "ReadOnly", "ReadOnly"}, {"dev1", "readonly", "ReadOnly"}, {"dev1", "Read-Only", "ReadOnly"},
		{"dev1", "read only", "ReadOnly"},
		{"dev1", "Read", "Read"}, {"dev1", "ReadOnyl", "ReadOnyl"}, {"dev1", "admin", "admin"}, {"lead1", "admin", "Admin"},
		{"lead1", "Break-Glass", "Break-Glass"}, {"lead1", "breakglass", "breakglass"}, {"lead1", "", ""},
	} {
		if got := p.FindRole(w.Person(c.who), w.Directory(policytest.Noon), policytest.Noon, "222222222222", c.typed); got != c.want {
			t.Errorf("%s types %q: got %q, want %q", c.who, c.typed, got, c.want)
		}
	}
}

func TestTheSearchFindsNamesWithoutTheirMarks(t *testing.T) {
	p, w := policytest.Compile(t, spelledPolicy), policytest.NewWorkspace()
	for typed, want := range map[string]string{
		"zur": "Zürich Core", "ZÜR": "Zürich Core", "zu\u0308r": "Zürich Core", "core zurich": "Zürich Core",
		"ostre aeble": "Østre Æble", "ø": "Østre Æble",
	} {
		found, total := p.Accounts(w.Person("dev1"), w.Directory(policytest.Noon), policytest.Noon, typed, 10)
		if total == 0 || found[0].Name != want {
			t.Errorf("%q: got %v, want %s", typed, found, want)
		}
	}
}

func TestTheLikeliestAccountComesFirst(t *testing.T) {
	text := "version: 1\nsettings: {channel: C0A}\nroles: {A: {}, B: {}}\naccounts:\n"
	names := []string{"payments-prod", "payments", "Pay", "repay-dev", "prod-pay", "other", "hidden"}
	for i, name := range names {
		text += fmt.Sprintf("  - {id: \"%012d\", name: %s}\n", 100+i, name)
	}
	text += "rules: [{name: a, who: [everyone], accounts: [\"*pay*\", \"Pay\", other], roles: [A], max: 1h, approvals: none}]\n"
	p, w := policytest.Compile(t, text), policytest.NewWorkspace()
	for _, c := range []struct {
		typed string
		most  int
		want  string
		total int
	}{
		{"", 10, "other Pay payments payments-prod prod-pay repay-dev", 6},
		{"pay", 10, "Pay payments payments-prod prod-pay repay-dev", 5},
		{"PAYMENTS", 10, "payments payments-prod", 2},
		{" prod  pay ", 10, "prod-pay payments-prod", 2},
		{"pay", 2, "Pay payments", 5},
		{"pay", 0, "", 5},
		{"pay", -1, "", 5},
		{"000000000105", 10, "other", 1},
		{"00010", 10, "other Pay payments payments-prod prod-pay repay-dev", 6},
		{"hidden", 10, "", 0},
		{"payy", 10, "", 0},
	} {
		found, total := p.Accounts(w.Person("dev1"), w.Directory(policytest.Noon), policytest.Noon, c.typed, c.most)
		var got []string
		for _, a := range found {
			got = append(got, a.Name)
		}
		if strings.Join(got, " ") != c.want || total != c.total {
			t.Errorf("%q, %d at most: got %q of %d, want %q of %d", c.typed, c.most, got, total, c.want, c.total)
		}
	}
	for _, who := range []string{"guest", "nobody"} {
		if found, total := p.Accounts(w.Person(who), w.Directory(policytest.Noon), policytest.Noon, "", 10); found != nil || total != 0 {
			t.Errorf("%s is shown %v", who, found)
		}
	}
}

func TestRolesTellWhatTheFormShows(t *testing.T) {
	p, w := policytest.Repository(t), policytest.NewWorkspace()
	want := []access.Role{
		{Name: "ReadOnly", About: "Look at everything, change nothing", Max: 4 * time.Hour},
		{Name: "Operator", About: "Restart, scale, deploy", Max: 2 * time.Hour},
		{Name: "Admin", About: "Everything", Max: time.Hour, Ticket: true},
	}
	if diff := cmp.Diff(want, p.Roles(w.Person("dev1"), w.Directory(policytest.Noon), policytest.Noon, "111111111111")); diff != "" {
		t.Errorf("roles (-want +got):\n%s", diff)
	}
	if got := p.Roles(w.Person("dev1"), w.Directory(policytest.Noon), policytest.Noon, "000000000000"); got != nil {
		t.Errorf("of no account: %v", got)
	}
}

func TestTargetsSayWhereARoleStands(t *testing.T) {
	text := `version: 1
settings: {channel: C0A}
roles: {Plain: {}, Full: {about: a, path: /team/x/, lands_on: /iam/home, may: [assume_roles, make_identities]}}
accounts: [{id: "111111111111", name: prod, region: eu-central-1}, {id: "222222222222", name: dev}]
rules: [{name: a, who: [everyone], accounts: ["*"], roles: ["*"], max: 1h, approvals: none}]
`
	p, w := policytest.Compile(t, text), policytest.NewWorkspace()
	for _, want := range []access.Target{
		{Account: "111111111111", AccountName: "prod", Region: "eu-central-1", Role: "Full", Path: "/team/x/", LandsOn: "/iam/home", AssumeRoles: true, MakeIdentities: true},
		{Account: "222222222222", AccountName: "dev", Region: "us-east-1", Role: "Plain", Path: "/aws-access/"},
	} {
		got := p.Decide(policy.Question{Who: w.Person("dev1"), Account: want.Account, Role: want.Role, Directory: w.Directory(policytest.Noon), At: policytest.Noon})
		if diff := cmp.Diff(want, got.Target); diff != "" || got.Refusal != nil {
			t.Errorf("%v (-want +got):\n%s", got.Refusal, diff)
		}
	}
}

func TestExplainSaysWhyOfEveryRule(t *testing.T) {
	p, w := policytest.Repository(t), policytest.NewWorkspace()
	q := policy.Question{Who: w.Person("lead1"), Account: "111111111111", Role: "Operator", Directory: w.Directory(policytest.Noon), At: policytest.Noon}
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
		t.Errorf("of no role: %v", got)
	}
}

// Sources is asked often, and by those who sort and cut what they get.
func TestSourcesAreACopy(t *testing.T) {
	p := policytest.Repository(t)
	p.Sources().Groups[0] = "S0OTHER"
	if got := p.Sources().Groups[0]; got != "S0DEVS" {
		t.Errorf("got %s, want S0DEVS", got)
	}
}

func TestSourcesNameEverybodyWhoIsNamed(t *testing.T) {
	p := policytest.Compile(t, `version: 1
settings: {channel: C0A}
roles: {A: {}}
accounts: [{id: "111111111111", name: prod}]
groups: {a: {slack: S0A}, b: {slack: S0A}, people: {people: [One@example.com, U0TWO]}, on-call: {slack: S0ONCALL}}
rules:
  - {name: a, who: [Three@example.com, everyone], accounts: [prod], roles: [A], max: 1h, approvals: [{from: [U0FOUR, a], need: 1}], review: {by: [five@example.com], within: 1h}}
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

func TestPeopleAreShownTheExampleAndNotThePattern(t *testing.T) {
	src := policytest.RepositoryFile(t)
	p, w := policytest.Compile(t, strings.Replace(string(src), "example: INC-42", "example: OPS-7", 1)), policytest.NewWorkspace()
	for ticket, code := range map[string]string{"": "no_ticket", "yes": "bad_ticket", "OPS-7": ""} {
		refusal := p.Decide(policy.Question{
			Who: w.Person("dev1"), Account: "111111111111", Role: "Admin", For: time.Hour, Reason: "why", Ticket: ticket,
			Asking:    true,
			Directory: w.Directory(policytest.Noon), At: policytest.Noon,
		}).Refusal
		switch {
		case code == "" && refusal != nil:
			t.Errorf("%q: got %v", ticket, refusal)
		case code != "" && (access.Code(refusal) != code || !strings.HasSuffix(refusal.Error(), " Write it like OPS-7.")):
			t.Errorf("%q: got %v, want %s with the example", ticket, refusal, code)
		}
	}
}
