package policy_test

import (
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/policytest"
)

// An address that is not plain ASCII gives nothing to anybody, even if Slack has confirmed it, and it
// excludes its owner like the address that it looks like.
func TestAddressThatIsNotPlainOnlyExcludes(t *testing.T) {
	p := policytest.Compile(t, `
version: 1
settings: {channel: C0A}
roles: {A: {}, B: {}}
accounts: [{id: "111111111111", name: prod}]
rules:
  - {name: a, who: [kate@example.com], accounts: [prod], roles: [A], max: 1h, approvals: none}
  - {name: b, who: [everyone], accounts: [prod], roles: [B], max: 1h, approvals: none}
never:
  - {name: n, who: [kate@example.com], accounts: [prod], roles: [B]}
`)
	for address, want := range map[string][2]string{ // the codes for A and for B
		"kate@example.com":       {"", "never"},
		"lead@example.com":       {"not_allowed", ""},
		"\u212aate@example.com":  {"unproven_address", "never"}, // the Kelvin sign
		"k\u0430te@example.com":  {"unproven_address", "never"}, // Cyrillic
		"ｋａｔｅ@example.com":       {"unproven_address", "never"},
		"ka\u0301te@example.com": {"unproven_address", "never"},
		"kate@ex\u200bample.com": {"unproven_address", "never"},
		"王@example.com":          {"not_allowed", ""},
	} {
		for i, role := range []string{"A", "B"} {
			q := policy.Question{
				Who:     access.Person{ID: "U1", Email: address, Membership: access.Member},
				Account: "111111111111", Role: role, For: time.Hour, Reason: "why", Asking: true,
				At: noon, Directory: access.Directory{PeopleAt: noon},
			}
			if got := access.Code(p.Decide(q).Refusal); got != want[i] {
				t.Errorf("%q asks for %s: got %q, want %q", address, role, got, want[i])
			}
		}
	}
}
