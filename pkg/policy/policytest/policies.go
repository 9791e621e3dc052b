package policytest

import (
	"bytes"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/compiler"
	"github.com/aws-access/aws-access/pkg/policy/packed"
)

// Fatal is a test, or one draw of a property.
type Fatal interface {
	Helper()
	Fatalf(format string, args ...any)
}

// Compile returns the policy of a sound policy file.
func Compile(t Fatal, text string) *policy.Policy {
	t.Helper()
	p, _, err := compiler.Compile("policy.yaml", []byte(text), compiler.Options{Bastion: Bastion, Now: Noon})
	if err != nil {
		t.Fatalf("compile:\n%v\n%s", err, text)
	}
	return p
}

// Repository returns the policy.yaml of the repository, which the sandbox uses. It must compile
// without a warning.
func Repository(t Fatal) *policy.Policy {
	t.Helper()
	p, warnings, err := compiler.Compile("policy.yaml", RepositoryFile(t), compiler.Options{Bastion: Bastion, Now: Noon})
	if err != nil || len(warnings) > 0 {
		t.Fatalf("compile: %v\nwarnings: %v", err, warnings)
	}
	return p
}

// RepositoryFile returns the text of the repository's policy.yaml.
func RepositoryFile(t Fatal) []byte {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	src, err := os.ReadFile(filepath.Join(filepath.Dir(here), "..", "..", "..", "policy.yaml"))
	if err != nil {
		t.Fatalf("read the policy: %v", err)
	}
	return src
}

// Equal compares policies with everything that is unexported in them.
var Equal = cmp.Options{
	cmp.Exporter(func(reflect.Type) bool { return true }),
	cmp.FilterPath(func(p cmp.Path) bool { return p.Last().String() == ".digest" }, cmp.Ignore()),
	cmp.Comparer(func(a, b *regexp.Regexp) bool {
		return a == b || a != nil && b != nil && a.String() == b.String()
	}),
}

// Reloaded packs a policy and loads it again, and checks that this changes nothing.
func Reloaded(t Fatal, p *policy.Policy) *policy.Policy {
	t.Helper()
	src := p.Packed()
	loaded, err := packed.Load(src, Bastion)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	if diff := cmp.Diff(p, loaded, Equal); diff != "" {
		t.Fatalf("loaded (-compiled +loaded):\n%s", diff)
	}
	d, err := packed.Decode(src)
	if err != nil {
		t.Fatalf("decode: %v", err)
	}
	if !bytes.Equal(src, packed.Encode(&d)) || !bytes.Equal(src, loaded.Packed()) {
		t.Fatalf("the loaded policy has another packed form")
	}
	if loaded.Digest() != p.Digest() || len(p.Digest()) != 12 {
		t.Fatalf("digest: compiled %s, loaded %s", p.Digest(), loaded.Digest())
	}
	return loaded
}

// Accounts returns the accounts of a policy that have a role.
func Accounts(p *policy.Policy) (all []access.Account) {
	for _, target := range p.Targets() {
		if len(all) == 0 || all[len(all)-1].ID != target.Account {
			all = append(all, access.Account{ID: target.Account, Name: target.AccountName})
		}
	}
	return all
}

// AccountID returns the id of the account with a name, and the name itself if there is none.
func AccountID(p *policy.Policy, name string) string {
	for _, a := range Accounts(p) {
		if strings.EqualFold(a.Name, name) {
			return a.ID
		}
	}
	return name
}

// EveryAnswer asks a policy everything that it can be asked around one question.
func EveryAnswer(p *policy.Policy, q policy.Question) (all []any) {
	all = append(all, p.Decide(q), p.Explain(q), p.Sources(), p.Roles(q.Who, q.Directory, q.At, q.Account))
	for _, typed := range []string{"", "prod", q.Account} {
		found, total := p.Accounts(q.Who, q.Directory, q.At, typed, 100)
		all = append(all, found, total)
	}
	for _, id := range slices.Sorted(maps.Keys(q.Directory.People)) {
		by := q.Directory.People[id]
		all = append(all, p.CheckApprover(q, by), p.CheckRevoker(q, by), p.CheckResponder(by, q.Directory, q.At))
	}
	for _, a := range Accounts(p) {
		for _, text := range []string{a.ID, a.Name, a.Name + "x"} {
			found, refusal := p.Find(q.Who, q.Directory, q.At, text)
			all = append(all, found, refusal)
		}
	}
	return append(all, p.Settings(), p.HasResponders(), p.String())
}

// Everything returns a policy file that uses everything a policy can say, and has a number of roles
// besides.
func Everything(roles int) string {
	var b strings.Builder
	b.WriteString(everything)
	for i := range roles {
		fmt.Fprintf(&b, "  Role%d: {}\n", i)
	}
	return b.String()
}

const everything = `version: 1
settings:
  channel: C0A
  operators: C0B
  answer_within: 2d
  remind_after: 30m
  pending_at_most: 7
  asks_per_hour: 70
  devices: {for: 7d, most: 3}
  responders: [a, on-call, U0FOUR, six@example.com]
  check_every: 30m
  ticket: {pattern: '[A-ZÄ]+-[0-9]+', link: 'https://x.example.com/{ticket}'}
accounts:
  - id: "111111111111"
    name: Prod
    region: eu-central-1
    ou: /work/prod
    tags: {env: prod, team: ä}
    roles: [Role0, Full, Role2]
  - {id: "000000000002", name: dev ü, tags: {env: dev}}
  - id: "333333333333"
    name: prod-2
    region: eu-central-1
    ou: /work/prod
    tags: {env: prod, team: ä}
    roles: [Role2, Full, Role0]
groups:
  a: {slack: S0Z}
  b: {slack: S0A}
  again: {slack: S0Z}
  people: {people: [One@example.com, U0TWO, three@example.com]}
  on-call: {slack: S0ONCALL}
  builds:
    aws_roles:
      - arn:aws:iam::332000000000:role/Build
      - {arn: "arn:aws-cn:iam::332000000000:role/b", id: AROAEXAMPLEBUILDROLE1}
  release: {oidc: {issuer: https://ci.example.com, claims: {sub: "repo:ä", environment: production}}}
rules:
  - name: "one, “1”"
    who: [Three@example.com, everyone]
    accounts: ["*"]
    roles: [Full]
    max: 30d
    session: 1h
    approvals: [{from: [U0FOUR, a], need: 1}, {from: [b, people], need: 20}]
    ask: [ticket]
    give: [keys]
    card: [C0X, C0Y]
    review: {by: [five@example.com, a], within: 24h}
    expires: 9999-12-31
  - name: two
    who: [on-call, builds, release]
    accounts: [{env: prod}]
    roles: ["Role*"]
    max: 5m
    approvals: none
    instead_of: ["one, “1”", three]
    give: [console]
  - {name: three, who: [again], accounts: [{ou: /work, team: ä}], roles: ["*"], max: 1h30m,
     approvals: none, expires: 2026-01-01}
never:
  - {name: y, who: [six@example.com], accounts: [{team: ä}], roles: [Full], say: "Not\nhere.", expires: 2027-01-01}
  - {name: z, who: [people], accounts: ["dev ü"], roles: [Role1]}
roles:
  Full: {about: a, path: /team/x/, lands_on: /iam/home, may: [assume_roles, make_identities], session: 1m}
`

// The size of the largest policies that are measured.
const (
	ManyAccounts = 10_000
	ManyRules    = 1_000
)

// Large returns the policy file of a large organisation, and its people: teams with a production
// account and a development account or more, two rules for each team, rules for everybody, and
// exceptions.
func Large(accounts, rules int) (string, access.Directory) {
	teams := max(1, (rules-20)/2)
	var b strings.Builder
	b.WriteString("version: 1\n")
	b.WriteString("settings: {channel: C0APPROVALS, operators: C0OPS, ticket: {pattern: '[A-Z]+-[0-9]+'}, " +
		"responders: [security]}\n")
	b.WriteString("roles: {ReadOnly: {}, Operator: {}, Deployer: {}, Support: {}, Billing: {}, Admin: {}}\n")
	b.WriteString("accounts:\n")
	for i := range accounts {
		env := []string{"prod", "dev", "test", "stage"}[i/teams%4]
		fmt.Fprintf(&b,
			"  - {id: \"%012d\", name: team%d-%s-%d, region: eu-west-1, ou: /work/%s, tags: {env: %s, team: t%d}}\n",
			i+1, i%teams, env, i, env, env, i%teams)
	}
	d := access.Directory{
		PeopleAt: Noon, Groups: make(map[string]access.Group), People: make(map[string]access.Person),
	}
	b.WriteString("groups:\n  security: {slack: S0SECURITY}\n  auditors: {people: [auditor@example.com, U0AUDIT]}\n")
	for i := range teams {
		fmt.Fprintf(&b, "  team%d: {slack: S0TEAM%d}\n  leads%d: {slack: S0LEADS%d}\n", i, i, i, i)
		addGroup(d, fmt.Sprint("S0TEAM", i), i*10, 10)
		addGroup(d, fmt.Sprint("S0LEADS", i), i*10, 3)
	}
	addGroup(d, "S0SECURITY", 1, 20)
	writeRules(&b, teams)
	return b.String(), d
}

func writeRules(b *strings.Builder, teams int) {
	b.WriteString("rules:\n")
	for i := range teams {
		fmt.Fprintf(b, "  - {name: look %d, who: [team%d], accounts: [{team: t%d}], roles: [ReadOnly], "+
			"max: 8h, approvals: none}\n", i, i, i)
		fmt.Fprintf(b, "  - {name: change %d, who: [team%d], accounts: [{team: t%d}], roles: [Operator, Admin], "+
			"max: 2h, approvals: [{from: [leads%d], need: 1}]}\n", i, i, i, i)
	}
	for i := range 10 {
		fmt.Fprintf(b, "  - {name: all %d, who: [everyone], accounts: [\"*-prod-*%d\"], roles: [Operator, Admin], "+
			"max: 1h, approvals: [{from: [security], need: 1}], ask: [ticket]}\n", i, i)
		fmt.Fprintf(b, "  - {name: audit %d, instead_of: [all %d], who: [auditors], "+
			"accounts: [{ou: /work/prod, env: prod}], roles: [Operator], max: 1h, approvals: none}\n", i, i)
	}
	b.WriteString("never:\n  - {name: temps, who: [temp@example.com], accounts: [{env: prod}], roles: [\"*\"]}\n")
}

func addGroup(d access.Directory, id string, first, count int) {
	g := access.Group{ReadAt: Noon}
	for i := first; i < first+count; i++ {
		p := access.Person{
			ID: fmt.Sprint("U0P", i), Email: fmt.Sprintf("p%d@example.com", i), Membership: access.Member,
		}
		d.People[p.ID] = p
		g.Members = append(g.Members, p.ID)
	}
	d.Groups[id] = g
}

// AskLarge returns a question about a Large policy in which four rules bind: a member of a team asks
// for its production account.
func AskLarge(d access.Directory) policy.Question {
	return policy.Question{
		Who: d.People["U0P5"], Account: fmt.Sprintf("%012d", 1), Role: "Admin", For: time.Hour, Reason: "why",
		Ticket: "INC-1", Asking: true, Directory: d, At: Noon,
	}
}
