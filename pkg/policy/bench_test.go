package policy_test

import (
	"fmt"
	"testing"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/policytest"
)

// The goal is 20 µs, and no allocation that grows with the accounts.
func BenchmarkDecide(b *testing.B) {
	for _, accounts := range []int{1000, policytest.ManyAccounts} {
		text, d := policytest.Large(accounts, policytest.ManyRules)
		p, q := policytest.Compile(b, text), policytest.AskLarge(d)
		later := q
		later.Asking, later.Approvals = false, []access.Person{d.People["U0P1"], d.People["U0P15"]}
		for name, q := range map[string]policy.Question{"submit": q, "vend": later} {
			if a := p.Decide(q); a.Refusal != nil || len(a.Terms.Requirements) != 2 || a.Terms.Met != !q.Asking {
				b.Fatalf("%s: %v %+v", name, a.Refusal, a.Terms)
			}
			b.Run(fmt.Sprintf("accounts=%d/rules=%d/%s", accounts, policytest.ManyRules, name), func(b *testing.B) {
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
	text, d := policytest.Large(policytest.ManyAccounts, policytest.ManyRules)
	p := policytest.Compile(b, text)
	for _, typed := range []string{"", "prod", "team7 prod", "000000000042"} {
		if _, total := p.Accounts(d.People["U0P71"], d, policytest.Noon, typed, 100); total == 0 {
			b.Fatalf("%q finds nothing", typed)
		}
		b.Run(fmt.Sprintf("accounts=%d/typed=%q", policytest.ManyAccounts, typed), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Accounts(d.People["U0P71"], d, policytest.Noon, typed, 100)
			}
		})
	}
}

func TestDecideAllocatesTheSameForAnyNumberOfAccounts(t *testing.T) {
	var got [2]float64
	for i, accounts := range []int{1000, 4000} {
		text, d := policytest.Large(accounts, 100)
		p, q := policytest.Compile(t, text), policytest.AskLarge(d)
		got[i] = testing.AllocsPerRun(100, func() { p.Decide(q) })
	}
	if got[0] != got[1] {
		t.Errorf("1000 accounts: %v allocations, 4000: %v; want the same", got[0], got[1])
	}
}
