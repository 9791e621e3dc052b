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

// decideCase is one case of a file in testdata/decide: what is asked, and what the answer must be. A
// case compares only what it names. People have the short names of policytest.Workspace.
type decideCase struct {
	Who       string
	Account   string
	Role      string
	For       string
	Reason    *string
	Ticket    string
	Approvals []string
	Later     bool // asked at an approval or a vend, not when the request is submitted
	At        string
	People    map[string]string   // see policytest.Workspace.Change
	Groups    map[string][]string // null: unknown
	Gone      []string            // groups that were deleted
	Old       bool                // people were read ten minutes ago, groups just now
	Machine   map[string]string   // changes of the machine that asks, see policytest.Workspace.ChangeMachine

	Answer   string // granted, asks, or the code of the refusal
	Says     string // a part of the refusal
	Not      string // what the refusal must not say
	Max      string
	Give     []access.Kind
	Needs    []string // "rule: approved/required of names"
	Cards    []string
	Review   string            // "names within length"
	Ticketed *bool             `yaml:"ticketed"`
	Decide   map[string]string // by whom: "yes" or a code
	Revoke   map[string]string
	Respond  map[string]string
	Session  string // how long a session acts; "none": no limit
	Explain  map[string]policy.Outcome
	Roles    []string // "name max", as the form shows them
}

// Every file of testdata/decide has a policy and cases. Adding a case needs no Go.
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
				var c decideCase
				if err := strict([]byte(s.Text), &c); err != nil {
					t.Fatal(err)
				}
				c.check(t, p)
				c.check(t, policytest.Reloaded(t, p))
			})
		}
	}
}

// strict decodes YAML and refuses unknown keys.
func strict(src []byte, into any) error {
	d := yaml.NewDecoder(bytes.NewReader(src))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}

// question returns the question of the case, and its workspace.
func (c *decideCase) question(t *testing.T, p *policy.Policy) (policy.Question, policytest.Workspace) {
	t.Helper()
	w := policytest.NewWorkspace()
	for name, to := range c.People {
		if err := w.Change(name, to); err != nil {
			t.Fatal(err)
		}
	}
	for part, to := range c.Machine {
		if err := w.ChangeMachine(c.Who, part, to); err != nil {
			t.Fatal(err)
		}
	}
	for id, names := range c.Groups {
		w.Groups[id] = names
	}
	at := noon
	if c.At != "" {
		var err error
		if at, err = time.Parse(time.RFC3339, c.At); err != nil {
			t.Fatal(err)
		}
	}
	out := policy.Question{
		Who: w.Person(c.Who), Account: policytest.AccountID(p, c.Account), Role: c.Role, Reason: "why",
		Ticket: c.Ticket, Asking: !c.Later, Directory: w.Directory(at), At: at,
	}
	for _, id := range c.Gone {
		out.Directory.Groups[id] = access.Group{ReadAt: at, Gone: true}
	}
	if c.Old {
		out.Directory.PeopleAt = at.Add(-access.PeopleStaleAfter)
	}
	if c.Reason != nil {
		out.Reason = *c.Reason
	}
	if c.For != "" {
		var err error
		if out.For, err = policy.ParseLength(c.For); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range c.Approvals {
		out.Approvals = append(out.Approvals, w.Person(name))
	}
	return out, w
}

func (c *decideCase) check(t *testing.T, p *policy.Policy) {
	t.Helper()
	q, w := c.question(t, p)
	a := p.Decide(q)
	if again := p.Decide(q); !cmp.Equal(a, again) {
		t.Errorf("the same question has another answer:\n%s", cmp.Diff(a, again))
	}
	c.checkRefusal(t, a)
	c.checkTerms(t, a)
	for name, want := range c.Decide {
		if got := code(p.CheckApprover(q, w.Person(name))); got != want {
			t.Errorf("%s decides: got %q, want %q", name, got, want)
		}
	}
	for name, want := range c.Revoke {
		if got := code(p.CheckRevoker(q, w.Person(name))); got != want {
			t.Errorf("%s revokes: got %q, want %q", name, got, want)
		}
	}
	for name, want := range c.Respond {
		if got := code(p.CheckResponder(w.Person(name), q.Directory, q.At)); got != want {
			t.Errorf("%s responds: got %q, want %q", name, got, want)
		}
	}
	for _, reason := range p.Explain(q) {
		if want, named := c.Explain[reason.Rule]; named && reason.Outcome != want {
			t.Errorf("explain %q: got %q (%s), want %q", reason.Rule, reason.Outcome, reason.Says, want)
		}
	}
	if c.Roles != nil {
		var got []string
		for _, r := range p.Roles(q.Who, q.Directory, q.At, q.Account) {
			got = append(got, r.Name+" "+access.FormatLength(r.Max))
		}
		if !slices.Equal(got, c.Roles) {
			t.Errorf("roles to ask for: got %q, want %q", got, c.Roles)
		}
	}
}

func (c *decideCase) checkRefusal(t *testing.T, a policy.Answer) {
	t.Helper()
	if got := answer(a); c.Answer != "" && got != c.Answer {
		t.Errorf("answer: got %q (%v), want %q", got, a.Refusal, c.Answer)
	}
	if a.Refusal == nil {
		if c.Says != "" {
			t.Errorf("there is no refusal, want one with %q", c.Says)
		}
		return
	}
	if text := a.Refusal.Error(); !strings.Contains(text, c.Says) || c.Not != "" && strings.Contains(text, c.Not) {
		t.Errorf("refusal: got %q, want one with %q and without %q", text, c.Says, c.Not)
	}
	if a.Terms.Met {
		t.Errorf("the answer is the refusal %q, but the terms are met", access.Code(a.Refusal))
	}
}

func (c *decideCase) checkTerms(t *testing.T, a policy.Answer) {
	t.Helper()
	if got := access.FormatLength(a.Terms.Max); c.Max != "" && got != c.Max {
		t.Errorf("max: got %s, want %s", got, c.Max)
	}
	session := "none"
	if a.Terms.Session > 0 {
		session = access.FormatLength(a.Terms.Session)
	}
	if c.Session != "" && session != c.Session {
		t.Errorf("session: got %s, want %s", session, c.Session)
	}
	if c.Give != nil && !slices.Equal(a.Terms.Give, c.Give) {
		t.Errorf("give: got %v, want %v", a.Terms.Give, c.Give)
	}
	var needs []string
	for _, n := range a.Terms.Requirements {
		needs = append(needs, fmt.Sprintf("%s: %d/%d of %s", n.Rule, n.Approved, n.Required, strings.Join(n.From, ", ")))
	}
	if c.Needs != nil && !slices.Equal(needs, c.Needs) {
		t.Errorf("needs: got %q, want %q", needs, c.Needs)
	}
	if c.Cards != nil && !slices.Equal(a.Terms.Channels, c.Cards) {
		t.Errorf("cards: got %v, want %v", a.Terms.Channels, c.Cards)
	}
	review := "none"
	if r := a.Terms.Review; r != nil {
		review = strings.Join(r.By, ", ") + " within " + access.FormatLength(r.Within)
	}
	if c.Review != "" && review != c.Review {
		t.Errorf("review: got %q, want %q", review, c.Review)
	}
	if c.Ticketed != nil && a.Ticket != *c.Ticketed {
		t.Errorf("ticket: got %v, want %v", a.Ticket, *c.Ticketed)
	}
}

// answer returns "granted", "asks" or the code of the refusal.
func answer(a policy.Answer) string {
	switch {
	case a.Refusal != nil:
		return access.Code(a.Refusal)
	case a.Terms.Met:
		return "granted"
	}
	return "asks"
}

// code returns the code of a refusal, "yes" if there is none.
func code(refusal error) string {
	if refusal == nil {
		return "yes"
	}
	return access.Code(refusal)
}

// It is unknown for different reasons whether two never rules concern somebody. The reason that is
// told once depended on which never rule came first in the file.
func TestUnknownNeverRulesHaveTheSameReasonInAnyOrder(t *testing.T) {
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
	gone := map[string]access.Group{"S0AWAY": {Gone: true, ReadAt: noon}}
	q := policy.Question{
		Who:     access.Person{ID: "U0DEV", UnverifiedEmail: "dev@example.com", Membership: access.Member},
		Account: "111111111111", Role: "Look", At: noon, Directory: access.Directory{PeopleAt: noon, Groups: gone},
	}
	for _, never := range []string{group + address, address + group} {
		answer := policytest.Compile(t, head+never).Decide(q)
		if access.Code(answer.Refusal) != "never" || access.Code(answer.Unknown) != "unproven_address" {
			t.Errorf("got %v, unknown because of %q; want unproven_address", answer.Refusal, access.Code(answer.Unknown))
		}
	}
}
