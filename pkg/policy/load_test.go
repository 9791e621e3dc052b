package policy

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// fatal is a test, or one draw of a property.
type fatal interface {
	Helper()
	Fatalf(format string, args ...any)
}

// alike compares policies whole, with all that they hide.
var alike = cmp.Options{
	cmp.AllowUnexported(Policy{}, Settings{}, role{}, account{}, class{}, principal{}, rule{}, requirement{}, never{}),
	cmpopts.IgnoreFields(Policy{}, "encoded"),
	cmp.Comparer(func(a, b *regexp.Regexp) bool { return a == b || a != nil && b != nil && a.String() == b.String() }),
}

// reloaded is a policy after it was encoded and loaded, which must not change
// it.
func reloaded(t fatal, p *Policy) *Policy {
	t.Helper()
	src := p.Encode()
	loaded, err := Load(src, bastion)
	if err != nil {
		t.Fatalf("load: %v", err)
	}
	if diff := cmp.Diff(p, loaded, alike); diff != "" {
		t.Fatalf("loaded (-compiled +loaded):\n%s", diff)
	}
	if !bytes.Equal(src, encodedAgain(loaded)) || !bytes.Equal(src, loaded.Encode()) {
		t.Fatalf("what was loaded is encoded in another way")
	}
	if loaded.Digest() != p.Digest() || len(p.Digest()) != 12 {
		t.Fatalf("digest: compiled %s, loaded %s", p.Digest(), loaded.Digest())
	}
	return loaded
}

// everything has all that a policy can say, and some more roles.
func everything(roles int) string {
	var b strings.Builder
	b.WriteString(`version: 1
settings: {channel: C0A, operators: C0B, answer_within: 2d, remind_after: 30m, pending_at_most: 7, asks_per_hour: 70, ticket: {pattern: '[A-ZÄ]+-[0-9]+', link: 'https://x.example.com/{ticket}'}}
accounts:
  - {id: "111111111111", name: Prod, region: eu-central-1, ou: /work/prod, tags: {env: prod, team: ä}, roles: [Role0, Full, Role2]}
  - {id: "000000000002", name: dev ü, tags: {env: dev}}
  - {id: "333333333333", name: prod-2, region: eu-central-1, ou: /work/prod, tags: {env: prod, team: ä}, roles: [Role2, Full, Role0]}
groups: {a: {slack: S0Z}, b: {slack: S0A}, again: {slack: S0Z}, people: {people: [One@example.com, U0TWO, three@example.com]}, on-call: {slack: S0ONCALL}}
rules:
  - {name: "one, “1”", who: [Three@example.com, everyone], accounts: ["*"], roles: [Full], max: 30d, approvals: [{from: [U0FOUR, a], need: 1}, {from: [b, people], need: 20}], ask: [ticket], give: [keys], card: [C0X, C0Y], review: {by: [five@example.com, a], within: 24h}, expires: 9999-12-31}
  - {name: two, who: [on-call], accounts: [{env: prod}], roles: ["Role*"], max: 5m, approvals: none, instead_of: ["one, “1”", three], give: [console]}
  - {name: three, who: [again], accounts: [{ou: /work, team: ä}], roles: ["*"], max: 1h30m, approvals: none, expires: 2026-01-01}
never:
  - {name: y, who: [six@example.com], accounts: [{team: ä}], roles: [Full], say: "Not\nhere.", expires: 2027-01-01}
  - {name: z, who: [people], accounts: ["dev ü"], roles: [Role1]}
roles:
  Full: {about: a, path: /team/x/, lands_on: /iam/home, may: [assume_roles, make_identities]}
`)
	for i := range roles {
		fmt.Fprintf(&b, "  Role%d: {}\n", i)
	}
	return b.String()
}

func TestALoadedPolicyIsTheCompiledOne(t *testing.T) {
	reloaded(t, compiled(t, everything(70)))
	reloaded(t, repository(t))
	text, d := large(1000, 100)
	p := compiled(t, text)
	answersAlike(t, p, reloaded(t, p), asked(d))
	if at := reloaded(t, compiled(t, everything(70))).rules[0].expires; at.Location() != time.UTC {
		t.Errorf("a rule expires at %v, want UTC: people read the day", at)
	}
	rapid.Check(t, func(rt *rapid.T) {
		s := drawScene(rt)
		p := compiled(t, s.text())
		q := s.question()
		q.Asking, q.Reason = rapid.Bool().Draw(rt, "asking"), "why"
		answersAlike(rt, p, reloaded(rt, p), q)
	})
}

// answersAlike asks two policies all that there is to ask.
func answersAlike(t fatal, a, b *Policy, q Question) {
	t.Helper()
	if diff := cmp.Diff(everyAnswer(a, q), everyAnswer(b, q), alike); diff != "" {
		t.Fatalf("answers:\n%s", diff)
	}
}

func everyAnswer(p *Policy, q Question) (all []any) {
	all = append(all, p.Decide(q), p.Explain(q), p.Sources(), p.Roles(q.Who, q.Directory, q.At, q.Account))
	for _, typed := range []string{"", "prod", q.Account} {
		found, total := p.Accounts(q.Who, q.Directory, q.At, typed, 100)
		all = append(all, found, total)
	}
	for _, id := range slices.Sorted(maps.Keys(q.Directory.People)) {
		by := q.Directory.People[id]
		all = append(all, p.MayDecide(q, by), p.MayRevoke(q, by))
	}
	for i := range p.accounts {
		for _, text := range []string{p.accounts[i].ID, p.accounts[i].Name, p.accounts[i].Name + "x"} {
			found, refusal := p.Find(q.Who, q.Directory, q.At, text)
			all = append(all, found, refusal)
		}
	}
	return append(all, p.Settings(), p.String())
}

func TestTheSameSourceHasTheSameForm(t *testing.T) {
	for _, text := range []string{everything(70), assembled("")} {
		first := compiled(t, text).Encode()
		for range 20 {
			if !bytes.Equal(first, compiled(t, text).Encode()) {
				t.Fatal("the same source has another form")
			}
		}
	}
	if a, b := compiled(t, everything(70)).Digest(), compiled(t, strings.Replace(everything(70), "30d", "29d", 1)).Digest(); a == b {
		t.Errorf("both have the digest %s", a)
	}
}

// A program must not take another form for its own. When this fails, and the
// layout has changed, formByte wants another number, and want this digest.
func TestTheFormKeepsItsNumber(t *testing.T) {
	const number, want = 3, "d238b82327a7"
	if got := compiled(t, everything(3)).Digest(); formByte != number || got != want {
		t.Errorf("form %d: got %s, want %s of form %d", formByte, got, want, number)
	}
}

func TestEncodingChangesNothing(t *testing.T) {
	p, w := repository(t), newWorkspace()
	want := p.Encode()
	var all sync.WaitGroup
	for range 4 { // the race detector looks on
		all.Go(func() {
			if !bytes.Equal(want, p.Encode()) {
				t.Error("encoded twice, in two ways")
			}
			p.Roles(w.person("dev1"), w.directory(noon), noon, "111111111111")
		})
	}
	all.Wait()
}

// Lists lie side by side. Somebody who adds to theirs must not write into the
// next one.
func TestListsOfALoadedPolicyDoNotRunIntoEachOther(t *testing.T) {
	p := reloaded(t, compiled(t, everything(70)))
	for _, list := range [][]string{p.rules[0].channels, p.rules[0].needs[0].names} {
		if list = append(list, "C0OTHER"); len(list) == 0 {
			t.Fatal("nothing was added")
		}
	}
	if diff := cmp.Diff(compiled(t, everything(70)), p, alike); diff != "" {
		t.Errorf("it has changed:\n%s", diff)
	}
}

func TestOneLineAboutAPolicy(t *testing.T) {
	p := compiled(t, everything(70))
	if got, want := p.String(), "3 accounts, 71 roles, 3 rules, 2 nevers, digest "+p.Digest(); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestWhatWasAlteredDoesNotLoad(t *testing.T) {
	sound := repository(t).Encode()
	refused := func(what string, src []byte, want error) {
		t.Helper()
		if p, err := Load(src, bastion); !errors.Is(err, want) || p != nil {
			t.Fatalf("%s: got %v, want %v", what, err, want)
		}
	}
	for i := range sound {
		want := errDamaged
		switch {
		case i < formAt:
			want = ErrNotCompiled
		case i == formAt:
			want = errOtherForm
		}
		for bit := range 8 {
			src := slices.Clone(sound)
			src[i] ^= 1 << bit
			refused(fmt.Sprint("byte ", i), src, want)
		}
		if i < bodyAt {
			want = ErrNotCompiled
		} else {
			want = errDamaged
		}
		refused(fmt.Sprint("cut at ", i), sound[:i], want)
	}
	refused("one more byte", append(slices.Clone(sound), 0), errDamaged)
	refused("one more byte, and its checksum", sealed(append(slices.Clone(sound[bodyAt:]), 0)), errDamaged)
	refused("a policy file", []byte(everything(70)), ErrNotCompiled)
	refused("nothing", nil, ErrNotCompiled)
}

// sealed is a body with a right checksum.
func sealed(body []byte) []byte {
	src := append([]byte(magic), formByte)
	src = binary.LittleEndian.AppendUint32(src, crc32.ChecksumIEEE(body))
	return append(src, body...)
}

func TestTheBastionIsRefusedInTheCompilersWords(t *testing.T) {
	p := compiled(t, everything(70))
	const want = "the account 000000000002 is the bastion, which cannot be a target; remove it"
	if loaded, err := Load(p.Encode(), "000000000002"); err == nil || err.Error() != want || loaded != nil {
		t.Errorf("load: got %v, want %s", err, want)
	}
	_, _, err := Compile("policy.yaml", []byte(everything(70)), Options{Bastion: "000000000002", Now: noon})
	if err == nil || !strings.HasSuffix(err.Error(), ": "+want) {
		t.Errorf("compile: got %v, want %s", err, want)
	}
	if _, err := Load(p.Encode(), ""); err != nil {
		t.Errorf("no bastion: got %v", err)
	}
}

// What has a right checksum and was never written by Encode is refused where an
// answer would go wrong, or never come.
func TestWhatNoPolicyCanSayDoesNotLoad(t *testing.T) {
	for what, change := range map[string]func(*Policy){
		"accounts out of order":        func(p *Policy) { p.accounts[0], p.accounts[1] = p.accounts[1], p.accounts[0] },
		"a name twice":                 func(p *Policy) { p.accounts[0].Name = p.accounts[1].Name },
		"an id twice":                  func(p *Policy) { p.accounts[0].ID = p.accounts[1].ID },
		"ids out of order":             func(p *Policy) { slices.Reverse(p.byID) },
		"an account that has no place": func(p *Policy) { p.byID = p.byID[1:] },
		"an account twice":             func(p *Policy) { p.byID[0] = p.byID[1] },
		"no such account":              func(p *Policy) { p.byID[0] = 3 },
		"no such class":                func(p *Policy) { p.accounts[0].class = &class{number: len(p.classes)} },
		"no classes":                   func(p *Policy) { p.classes = nil },
		"no such rule":                 func(p *Policy) { p.classes[0].rules = []int32{3} },
		"no such never":                func(p *Policy) { p.classes[0].nevers = []int32{2} },
		"rules out of order":           func(p *Policy) { p.classes[0].rules = []int32{1, 0} },
		"a never twice":                func(p *Policy) { p.classes[0].nevers = []int32{1, 1} },
		"no such principal":            func(p *Policy) { p.rules[0].who = []int32{int32(len(p.principals))} },
		"nobody of that kind to ask":   func(p *Policy) { p.rules[0].needs[0].from[0] = 100 },
		"no such reviewer":             func(p *Policy) { p.rules[0].reviewers[0] = 100 },
		"a source out of order":        func(p *Policy) { slices.Reverse(p.bySource) },
		"a source left out":            func(p *Policy) { p.bySource = p.bySource[1:] },
		"an unknown kind":              func(p *Policy) { p.principals[0].kind = slackGroup + 1 },
		"a circle of one":              func(p *Policy) { p.rules[0].setters = []int32{0} },
		"a circle":                     func(p *Policy) { p.rules[1].setters = []int32{2} },
		"no such setter":               func(p *Policy) { p.rules[1].setters = []int32{3} },
		"a role past the last":         func(p *Policy) { p.rules[0].roles.add(71) },
		"nobody is needed":             func(p *Policy) { p.rules[0].needs[0].need = 0 },
		"too many are needed":          func(p *Policy) { p.rules[0].needs[0].need = maxNeed + 1 },
		"a length past the longest":    func(p *Policy) { p.rules[0].max = maxMax + time.Minute },
		"an end past the last":         func(p *Policy) { p.rules[0].expires = p.rules[0].expires.Add(day) },
		"nothing may wait":             func(p *Policy) { p.settings.PendingAtMost = 0 },
		"too much may wait":            func(p *Policy) { p.settings.PendingAtMost = maxPending + 1 },
		"nothing may be asked for":     func(p *Policy) { p.settings.AsksPerHour = 0 },
		"too much may be asked for":    func(p *Policy) { p.settings.AsksPerHour = maxAsks + 1 },
		"an example that is no ticket": func(p *Policy) { p.settings.TicketPattern, p.settings.TicketExample = "[0-9]", "A" },
		"no example":                   func(p *Policy) { p.settings.TicketExample = "" },
		"a pattern that is none":       func(p *Policy) { p.settings.TicketPattern = "(" },
	} {
		p := compiled(t, everything(70))
		change(p)
		if loaded, err := Load(p.Encode(), bastion); !errors.Is(err, errDamaged) || loaded != nil {
			t.Errorf("%s: got %v, want %v", what, err, errDamaged)
		}
	}
}

// encodedAgain does not use what the policy was loaded from.
func encodedAgain(p *Policy) []byte {
	again := *p
	again.encoded = ""
	return again.Encode()
}
