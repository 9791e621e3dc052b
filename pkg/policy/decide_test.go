package policy_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	yaml "go.yaml.in/yaml/v4"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/policytest"
)

// question is one case of a file in testdata/decide: what is asked, and what
// is to be answered. What a case does not name is not compared.
type question struct {
	Who       string
	Account   string
	Role      string
	For       string
	Reason    *string
	Ticket    string
	Approvals []string
	Later     bool // asked at an approval or a vend, not at submit
	At        string
	People    map[string]string   // see workspace.change
	Groups    map[string][]string // null: not known
	Gone      []string            // groups that were deleted
	Old       bool                // people were read ten minutes ago, groups just now

	Answer   string // granted, asks, or the code of the refusal
	Says     string // in the refusal
	Not      string // not in the refusal
	Max      string
	Give     []access.Kind
	Needs    []string // "rule: have/need of names"
	Cards    []string
	Review   string            // "names within length"
	Ticketed *bool             `yaml:"ticketed"`
	Decide   map[string]string // by whom: "yes" or a code
	Revoke   map[string]string
	Explain  map[string]policy.Outcome
	Roles    []string // "name max", as the form shows them
}

// Every file of testdata/decide is a policy and cases; adding one needs no Go.
func TestPolicyAnswers(t *testing.T) {
	files, err := filepath.Glob("testdata/decide/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	for _, file := range files {
		var p *policy.Policy
		_, sections := policytest.ReadArchive(t, file)
		for _, s := range sections {
			if s.Name == "policy.yaml" {
				p = policytest.Compile(t, s.Text)
				continue
			}
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar")+"/"+s.Name, func(t *testing.T) {
				var q question
				if err := strict([]byte(s.Text), &q); err != nil {
					t.Fatal(err)
				}
				q.check(t, p)
				q.check(t, policytest.Reloaded(t, p))
			})
		}
	}
}

// strict decodes YAML with known keys only.
func strict(src []byte, into any) error {
	d := yaml.NewDecoder(bytes.NewReader(src))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// asked makes the question that the policy is asked.
func (q *question) asked(t *testing.T, p *policy.Policy) (policy.Question, policytest.Workspace) {
	t.Helper()
	w := policytest.NewWorkspace()
	for name, to := range q.People {
		if err := w.Change(name, to); err != nil {
			t.Fatal(err)
		}
	}
	for id, names := range q.Groups {
		w.Groups[id] = names
	}
	at := policytest.Noon
	if q.At != "" {
		var err error
		if at, err = time.Parse(time.RFC3339, q.At); err != nil {
			t.Fatal(err)
		}
	}
	out := policy.Question{Who: w.Person(q.Who), Account: q.Account, Role: q.Role, Reason: "why", Ticket: q.Ticket, Asking: !q.Later, Directory: w.Directory(at), At: at}
	for _, id := range q.Gone {
		out.Directory.Groups[id] = access.Group{ReadAt: at, Gone: true}
	}
	if q.Old {
		out.Directory.PeopleAt = at.Add(-access.PeopleStaleAfter)
	}
	out.Account = policytest.AccountID(p, q.Account)
	if q.Reason != nil {
		out.Reason = *q.Reason
	}
	if q.For != "" {
		var err error
		if out.For, err = policy.ParseLength(q.For); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range q.Approvals {
		out.Approvals = append(out.Approvals, w.Person(name))
	}
	return out, w
}

func (q *question) check(t *testing.T, p *policy.Policy) {
	t.Helper()
	asked, w := q.asked(t, p)
	a := p.Decide(asked)
	if again := p.Decide(asked); !cmp.Equal(a, again) {
		t.Errorf("asked twice:\n%s", cmp.Diff(a, again))
	}
	if got := answer(a); q.Answer != "" && got != q.Answer {
		t.Errorf("answer: got %q (%v), want %q", got, a.Refusal, q.Answer)
	}
	if a.Refusal != nil && (!strings.Contains(a.Refusal.Error(), q.Says) || q.Not != "" && strings.Contains(a.Refusal.Error(), q.Not)) {
		t.Errorf("refusal: got %q, want %q in it and %q not", a.Refusal, q.Says, q.Not)
	}
	if q.Says != "" && a.Refusal == nil {
		t.Errorf("there is no refusal, want one with %q", q.Says)
	}
	if a.Refusal != nil && a.Terms.Met {
		t.Errorf("refused with %q, and met", access.Code(a.Refusal))
	}
	q.checkTerms(t, a)
	for name, want := range q.Decide {
		if got := may(p.CheckApprover(asked, w.Person(name))); got != want {
			t.Errorf("%s decides: got %q, want %q", name, got, want)
		}
	}
	for name, want := range q.Revoke {
		if got := may(p.CheckRevoker(asked, w.Person(name))); got != want {
			t.Errorf("%s revokes: got %q, want %q", name, got, want)
		}
	}
	for _, reason := range p.Explain(asked) {
		if want, asked := q.Explain[reason.Rule]; asked && reason.Outcome != want {
			t.Errorf("explain %q: got %q (%s), want %q", reason.Rule, reason.Outcome, reason.Says, want)
		}
	}
	if q.Roles != nil {
		var got []string
		for _, r := range p.Roles(asked.Who, asked.Directory, asked.At, asked.Account) {
			got = append(got, r.Name+" "+access.Length(r.Max))
		}
		if !slices.Equal(got, q.Roles) {
			t.Errorf("roles to ask for: got %q, want %q", got, q.Roles)
		}
	}
}

func (q *question) checkTerms(t *testing.T, a policy.Answer) {
	t.Helper()
	if got := access.Length(a.Terms.Max); q.Max != "" && got != q.Max {
		t.Errorf("max: got %s, want %s", got, q.Max)
	}
	if q.Give != nil && !slices.Equal(a.Terms.Give, q.Give) {
		t.Errorf("give: got %v, want %v", a.Terms.Give, q.Give)
	}
	var needs []string
	for _, n := range a.Terms.Requirements {
		needs = append(needs, fmt.Sprintf("%s: %d/%d of %s", n.Rule, n.Approved, n.Required, strings.Join(n.From, ", ")))
	}
	if q.Needs != nil && !slices.Equal(needs, q.Needs) {
		t.Errorf("needs: got %q, want %q", needs, q.Needs)
	}
	if q.Cards != nil && !slices.Equal(a.Terms.Channels, q.Cards) {
		t.Errorf("cards: got %v, want %v", a.Terms.Channels, q.Cards)
	}
	review := "none"
	if r := a.Terms.Review; r != nil {
		review = strings.Join(r.By, ", ") + " within " + access.Length(r.Within)
	}
	if q.Review != "" && review != q.Review {
		t.Errorf("review: got %q, want %q", review, q.Review)
	}
	if q.Ticketed != nil && a.Ticket != *q.Ticketed {
		t.Errorf("ticket: got %v, want %v", a.Ticket, *q.Ticketed)
	}
}

func answer(a policy.Answer) string {
	switch {
	case a.Refusal != nil:
		return access.Code(a.Refusal)
	case a.Terms.Met:
		return "granted"
	}
	return "asks"
}

func may(refusal error) string {
	if refusal == nil {
		return "yes"
	}
	return access.Code(refusal)
}

// Two nevers that may concern somebody for different reasons: the first one in the file decided which was told.
func TestWhatIsDoubtfulOfTwoNeversIsTheSameInAnyOrder(t *testing.T) {
	const head = `version: 1
settings: {channel: C0A}
roles: {Look: {}}
accounts: [{id: "111111111111", name: prod}]
groups: {away: {slack: S0AWAY}}
rules: [{name: all, who: [everyone], accounts: ["*"], roles: [Look], max: 1h, approvals: none}]
never:
`
	group := "  - {name: a, who: [away], accounts: [\"*\"], roles: [Look]}\n"
	address := "  - {name: b, who: [dev@example.com], accounts: [\"*\"], roles: [Look]}\n"
	q := policy.Question{
		Who:     access.Person{ID: "U0DEV", UnverifiedEmail: "dev@example.com", Membership: access.Member},
		Account: "111111111111", Role: "Look", At: policytest.Noon,
		Directory: access.Directory{PeopleAt: policytest.Noon, Groups: map[string]access.Group{"S0AWAY": {Gone: true, ReadAt: policytest.Noon}}},
	}
	for _, nevers := range []string{group + address, address + group} {
		answer := policytest.Compile(t, head+nevers).Decide(q)
		if access.Code(answer.Refusal) != "never" || access.Code(answer.Unknown) != "unproven_address" {
			t.Errorf("got %v, in doubt because of %q; want unproven_address", answer.Refusal, access.Code(answer.Unknown))
		}
	}
}
