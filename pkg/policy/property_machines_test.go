package policy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/policytest"
)

// machineGroups are the two groups of machines of every scene: "build" of policytest.Workspace is in
// ma, and "release" is in mo.
const machineGroups = `ma: {aws_roles: ["arn:aws:iam::332000000000:role/CodeBuildRole"]}, ` +
	`mo: {oidc: {issuer: "https://token.actions.githubusercontent.com", ` +
	`claims: {repository_id: "456789", environment: production}}}`

func isOfPeople(principal string) bool { return principal != "ma" && principal != "mo" }

// machineScene is a scene in which a machine asks.
type machineScene struct {
	scene
	machine access.Machine
	group   string // that the machine is in; "" for none
}

func drawMachineScene(t *rapid.T) machineScene {
	s := machineScene{scene: drawScene(t)}
	w := policytest.NewWorkspace()
	s.group = rapid.SampledFrom([]string{"ma", "mo", ""}).Draw(t, "group of the machine")
	switch {
	case s.group == "ma":
		s.machine = w.Machines["build"]
	case s.group == "mo":
		s.machine = w.Machines["release"]
	case rapid.Bool().Draw(t, "another role"):
		s.machine = w.Machines["build"]
		s.machine.Role.Account = "332000000001"
	default:
		s.machine = w.Machines["release"]
		s.machine.Run.Claims["environment"] = "staging"
	}
	if s.machine.Run != nil && rapid.Bool().Draw(t, "names its starter") {
		s.machine.Run.Claims["user_email"] = rapid.SampledFrom(scenePeople).Draw(t, "starter") + "@Example.com"
	}
	return s
}

func (s machineScene) question() policy.Question {
	q := s.scene.question()
	q.Who = s.machine.Person()
	return q
}

// admits reports whether the rule names the machine, and restricts whether it names everyone.
func (s machineScene) admits(r modelRule) bool {
	return s.group != "" && slices.Contains(r.who, s.group)
}

func restricts(r modelRule) bool { return slices.Contains(r.who, "everyone") }

// binding is the oracle for the rules that bind: a rule binds if it names the machine or everyone, and
// only a rule that names the machine sets another one aside.
func (s machineScene) binding() (all []modelRule, allowed bool) {
	binds := make(map[string]bool)
	for range s.rules {
		next := make(map[string]bool)
		for _, r := range s.rules {
			aside := slices.ContainsFunc(s.rules, func(o modelRule) bool {
				return binds[o.name] && s.admits(o) && slices.Contains(o.insteadOf, r.name)
			})
			next[r.name] = s.holdsHere(r, false) && (s.admits(r) || restricts(r)) && !aside
		}
		binds = next
	}
	for _, r := range s.rules {
		if binds[r.name] {
			all = append(all, r)
		}
		allowed = allowed || s.holdsHere(r, false) && s.admits(r)
	}
	return all, allowed
}

// met is the oracle for the approvals: those of members count, but not the starter's.
func (s machineScene) met(rules []modelRule) bool {
	counted := s.scene
	counted.approvals = nil
	for _, name := range s.approvals {
		starter := s.machine.Run != nil && (access.Person{UnverifiedEmail: s.machine.Run.Claims["user_email"]}).
			Same(s.people[name])
		if !starter {
			counted.approvals = append(counted.approvals, name)
		}
	}
	counted.people = mapsWith(s.people, "machine", access.Person{ID: "M", Membership: access.MachineMembership})
	counted.who = "machine"
	return !slices.ContainsFunc(rules, func(r modelRule) bool { return !counted.filled(r) })
}

func mapsWith(all map[string]access.Person, name string, p access.Person) map[string]access.Person {
	next := map[string]access.Person{name: p}
	for k, v := range all {
		next[k] = v
	}
	return next
}

func TestAnswersToMachinesEqualThoseOfASimpleModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := drawMachineScene(rt)
		p := policytest.Compile(t, s.text())
		got := p.Decide(s.question())
		code := ""
		if got.Refusal != nil {
			code = access.Code(got.Refusal)
		}
		if got.Unknown != nil {
			rt.Fatalf("something is unknown of a machine: %v\n%s", got.Unknown, s.text())
		}
		forbidden := slices.ContainsFunc(s.never, func(n modelRule) bool {
			return s.holdsHere(n, true) && (s.admits(n) || restricts(n))
		})
		rules, allowed := s.binding()
		switch {
		case forbidden != (code == "never"):
			rt.Fatalf("forbidden is %v, but the answer is %q\n%s", forbidden, code, s.text())
		case forbidden:
			return
		case allowed == (code == "not_allowed"):
			rt.Fatalf("allowed is %v, but the answer is %q\n%s", allowed, code, s.text())
		case !allowed:
			return
		}
		least, ticket, keys := 30*24*60, false, true
		for _, r := range rules {
			least, ticket = min(least, r.max), ticket || r.ticket
			keys = keys && (r.give == nil || slices.Contains(r.give, "keys"))
		}
		want := []any{time.Duration(least) * time.Minute, ticket, keys, !keys, keys && s.met(rules)}
		have := []any{
			got.Terms.Max, got.Ticket, slices.Contains(got.Terms.Give, access.Keys), code == "nothing_to_give",
			got.Terms.Met,
		}
		if diff := cmp.Diff(want, have); diff != "" {
			rt.Fatalf("max, ticket, keys, nothing to give, met (-want +got):\n%s\n%s", diff, s.text())
		}
		if slices.Contains(got.Terms.Give, access.Console) {
			rt.Fatalf("a machine gets the console\n%s", s.text())
		}
	})
}

func TestAddingARuleLoosensNothingForMachines(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := drawMachineScene(rt)
		before := policytest.Compile(t, s.text()).Decide(s.question())
		added := s.drawRule(rt, "added")
		added.insteadOf = nil
		s.rules = append(s.rules, added)
		if what := loosened(before, policytest.Compile(t, s.text()).Decide(s.question())); what != "" {
			rt.Fatalf("%s is looser with\n%s", what, s.text())
		}
	})
}

// Whatever rules say of everyone, of people and of their groups, no machine gets in by it, and none
// learns of an account by it.
func TestEveryoneNeverAdmitsAMachine(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := drawMachineScene(rt)
		for i := range s.rules {
			s.rules[i].who = append(slices.DeleteFunc(s.rules[i].who, func(x string) bool { return !isOfPeople(x) }), "everyone")
		}
		p, q := policytest.Compile(t, s.text()), s.question()
		for _, a := range s.accounts {
			for _, role := range a.roles {
				q.Account, q.Role = a.id, role
				answer := p.Decide(q)
				if code := access.Code(answer.Refusal); code != "not_allowed" && code != "never" || answer.Terms.Met {
					rt.Fatalf("%s in %s: got %q\n%s", role, a.name, code, s.text())
				}
				if text := answer.Refusal.Error(); strings.Contains(text, a.name) {
					rt.Fatalf("a machine reads the name of an account: %s\n%s", text, s.text())
				}
			}
			if _, err := p.Find(q.Who, q.Directory, q.At, a.name); access.Code(err) != "unknown_account" {
				rt.Fatalf("a machine finds %s: %v\n%s", a.name, err, s.text())
			}
		}
	})
}

// The person who may have started a run, and machines, add nothing to the approvals.
func TestNeitherStarterNorMachineApproves(t *testing.T) {
	w := policytest.NewWorkspace()
	rapid.Check(t, func(rt *rapid.T) {
		s := drawMachineScene(rt)
		p, q := policytest.Compile(t, s.text()), s.question()
		before := p.Decide(q)
		q.Approvals = append(q.Approvals, w.Person("build"), w.Person("release"))
		for _, person := range s.people {
			if q.Who.Same(person) {
				q.Approvals = append(q.Approvals, person)
				if code := access.Code(p.CheckApprover(q, person)); code != "self_approval" && person.Membership == access.Member {
					rt.Fatalf("the starter may approve: %q\n%s", code, s.text())
				}
			}
		}
		if after := p.Decide(q); after.Terms.Met != before.Terms.Met {
			rt.Fatalf("met was %v and is %v\n%s", before.Terms.Met, after.Terms.Met, s.text())
		}
		if code := access.Code(p.CheckApprover(q, w.Person("build"))); code != "machine" {
			rt.Fatalf("a machine may approve: %q", code)
		}
	})
}
