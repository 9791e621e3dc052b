package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// large is a policy of an organisation: teams with a production and a
// development account and more of the latter, two rules for each team, rules
// that concern everybody, and exceptions.
func large(accounts, rules int) (string, access.Directory) {
	teams := max(1, (rules-20)/2)
	var b strings.Builder
	b.WriteString("version: 1\nsettings: {channel: C0APPROVALS, operators: C0OPS, ticket: {pattern: '[A-Z]+-[0-9]+'}}\n")
	b.WriteString("roles: {ReadOnly: {}, Operator: {}, Deployer: {}, Support: {}, Billing: {}, Admin: {}}\naccounts:\n")
	for i := range accounts {
		env := []string{"prod", "dev", "test", "stage"}[i/teams%4]
		fmt.Fprintf(&b, "  - {id: \"%012d\", name: team%d-%s-%d, region: eu-west-1, ou: /work/%s, tags: {env: %s, team: t%d}}\n", i+1, i%teams, env, i, env, env, i%teams)
	}
	d := access.Directory{PeopleAt: noon, Groups: make(map[string]access.Group), People: make(map[string]access.Person)}
	b.WriteString("groups:\n  security: {slack: S0SECURITY}\n  auditors: {people: [auditor@example.com, U0AUDIT]}\n")
	for i := range teams {
		fmt.Fprintf(&b, "  team%d: {slack: S0TEAM%d}\n  leads%d: {slack: S0LEADS%d}\n", i, i, i, i)
		addGroup(d, fmt.Sprint("S0TEAM", i), i*10, 10)
		addGroup(d, fmt.Sprint("S0LEADS", i), i*10, 3)
	}
	addGroup(d, "S0SECURITY", 1, 20)
	b.WriteString("rules:\n")
	for i := range teams {
		fmt.Fprintf(&b, "  - {name: look %d, who: [team%d], accounts: [{team: t%d}], roles: [ReadOnly], max: 8h, approvals: none}\n", i, i, i)
		fmt.Fprintf(&b, "  - {name: change %d, who: [team%d], accounts: [{team: t%d}], roles: [Operator, Admin], max: 2h, approvals: [{from: [leads%d], need: 1}]}\n", i, i, i, i)
	}
	for i := range 10 {
		fmt.Fprintf(&b, "  - {name: all %d, who: [everyone], accounts: [\"*-prod-*%d\"], roles: [Operator, Admin], max: 1h, approvals: [{from: [security], need: 1}], ask: [ticket]}\n", i, i)
		fmt.Fprintf(&b, "  - {name: audit %d, instead_of: [all %d], who: [auditors], accounts: [{ou: /work/prod, env: prod}], roles: [Operator], max: 1h, approvals: none}\n", i, i)
	}
	b.WriteString("never:\n  - {name: temps, who: [temp@example.com], accounts: [{env: prod}], roles: [\"*\"]}\n")
	return b.String(), d
}

func addGroup(d access.Directory, id string, first, count int) {
	g := access.Group{ReadAt: noon}
	for i := first; i < first+count; i++ {
		p := access.Person{ID: fmt.Sprint("U0P", i), Email: fmt.Sprintf("p%d@example.com", i), Membership: access.Member}
		d.People[p.ID] = p
		g.Members = append(g.Members, p.ID)
	}
	d.Groups[id] = g
}

const (
	manyAccounts = 10_000
	manyRules    = 1_000
)

// asked is a question that four rules bind in: of somebody in a team, about
// its production.
func asked(d access.Directory) Question {
	return Question{Who: d.People["U0P5"], Account: fmt.Sprintf("%012d", 1), Role: "Admin", For: time.Hour, Reason: "why", Ticket: "INC-1", Asking: true, Directory: d, At: noon}
}

// The goal is 20 µs, and no allocation that grows with the accounts.
func BenchmarkDecide(b *testing.B) {
	for _, accounts := range []int{1000, manyAccounts} {
		text, d := large(accounts, manyRules)
		p, q := compiled(b, text), asked(d)
		later := q
		later.Asking, later.Approvals = false, []access.Person{d.People["U0P1"], d.People["U0P15"]}
		for name, q := range map[string]Question{"submit": q, "vend": later} {
			if a := p.Decide(q); a.Refusal != nil || len(a.Terms.Requirements) != 2 || a.Terms.Met != !q.Asking {
				b.Fatalf("%s: %v %+v", name, a.Refusal, a.Terms)
			}
			b.Run(fmt.Sprintf("accounts=%d/rules=%d/%s", accounts, manyRules, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					p.Decide(q)
				}
			})
		}
	}
}

// The goal is 2 ms.
func BenchmarkPicker(b *testing.B) {
	text, d := large(manyAccounts, manyRules)
	p := compiled(b, text)
	for _, typed := range []string{"", "prod", "team7 prod", "000000000042"} {
		if _, total := p.Accounts(d.People["U0P71"], d, noon, typed, 100); total == 0 {
			b.Fatalf("%q finds nothing", typed)
		}
		b.Run(fmt.Sprintf("accounts=%d/typed=%q", manyAccounts, typed), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Accounts(d.People["U0P71"], d, noon, typed, 100)
			}
		})
	}
}

// The goal is 500 ms.
func BenchmarkCompile(b *testing.B) {
	text, _ := large(manyAccounts, manyRules)
	src := []byte(text)
	b.Run(fmt.Sprintf("accounts=%d/rules=%d", manyAccounts, manyRules), func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := Compile("policy.yaml", src, Options{Now: noon}); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func TestDecideAllocatesTheSameForAnyNumberOfAccounts(t *testing.T) {
	var got [2]float64
	for i, accounts := range []int{1000, 4000} {
		text, d := large(accounts, 100)
		p, q := compiled(t, text), asked(d)
		got[i] = testing.AllocsPerRun(100, func() { p.Decide(q) })
	}
	if got[0] != got[1] {
		t.Errorf("1000 accounts: %v allocations, 4000: %v; want the same", got[0], got[1])
	}
}
