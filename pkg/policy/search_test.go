package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy/policytest"
)

// This file tests how accounts and roles are found by what people type.

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

func TestFindNeedsWholeIDsAndNames(t *testing.T) {
	p, w := policytest.Repository(t), policytest.NewWorkspace()
	want := access.Account{ID: "111111111111", Name: "payments-prod"}
	for _, text := range []string{"111111111111", "payments-prod", " Payments-PROD "} {
		got, refusal := p.Find(w.Person("dev1"), w.Directory(noon), noon, text)
		if got != want || refusal != nil {
			t.Errorf("%q: got %v, %v; want %v", text, got, refusal, want)
		}
	}
	for _, text := range []string{"", "payments", "payments-*", "11111111111", "payments-prod2", "\xff"} {
		got, refusal := p.Find(w.Person("dev1"), w.Directory(noon), noon, text)
		if access.Code(refusal) != "unknown_account" || got != (access.Account{}) {
			t.Errorf("%q: got %v, %v; want unknown_account", text, got, refusal)
		}
	}
}

func TestAccountIsFoundInOtherSpellings(t *testing.T) {
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
		got, err := p.Find(w.Person(c.who), w.Directory(noon), noon, c.typed)
		if got.Name != c.want || (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s types %q: got %q, %v; want %q %q", c.who, c.typed, got.Name, err, c.want, c.says)
		}
	}
}

func TestHiddenAccountIsAnsweredLikeMissingOne(t *testing.T) {
	p, w := policytest.Compile(t, spelledPolicy), policytest.NewWorkspace()
	for hidden, none := range map[string]string{
		"555555555555": "555555555556", "Secret Vault": "Secret Veult", "secret vault": "secret veult",
	} {
		_, one := p.Find(w.Person("dev1"), w.Directory(noon), noon, hidden)
		_, other := p.Find(w.Person("dev1"), w.Directory(noon), noon, none)
		if one == nil || other == nil || strings.ReplaceAll(one.Error(), hidden, none) != other.Error() {
			t.Errorf("%q: %v\n%q: %v\nwant the same", hidden, one, none, other)
		}
	}
	for _, role := range []string{"ReadOnly", "Admin", "Nothing"} {
		q := question(w, "dev1", "555555555555", role)
		q.Asking = true
		refusal := p.Decide(q).Refusal
		if refusal == nil || strings.Contains(strings.ToLower(refusal.Error()), "vault") {
			t.Errorf("%s: %v tells the account's name", role, refusal)
		}
	}
}

// The words of a never rule are for everybody in its who, even if no rule includes them.
func TestWordsOfNeverRuleAreShown(t *testing.T) {
	p, w := policytest.Repository(t), policytest.NewWorkspace()
	account, err := p.Find(w.Person("dev1"), w.Directory(noon), noon, "log-archive")
	if err != nil {
		t.Fatal(err)
	}
	refusal := p.Decide(question(w, "dev1", account.ID, "Admin")).Refusal
	if access.Code(refusal) != "never" || !strings.Contains(refusal.Error(), "Nobody changes the log archive by hand.") {
		t.Errorf("got %v", refusal)
	}
}

func TestRoleIsFoundInOtherSpellings(t *testing.T) {
	p, w := policytest.Compile(t, spelledPolicy), policytest.NewWorkspace()
	for _, c := range []struct{ who, typed, want string }{
		{"dev1", "ReadOnly", "ReadOnly"}, {"dev1", "readonly", "ReadOnly"}, {"dev1", "Read-Only", "ReadOnly"},
		{"dev1", "read only", "ReadOnly"},
		{"dev1", "Read", "Read"}, {"dev1", "ReadOnyl", "ReadOnyl"}, {"dev1", "admin", "admin"}, {"lead1", "admin", "Admin"},
		{"lead1", "Break-Glass", "Break-Glass"}, {"lead1", "breakglass", "breakglass"}, {"lead1", "", ""},
	} {
		got := p.FindRole(w.Person(c.who), w.Directory(noon), noon, "222222222222", c.typed)
		if got != c.want {
			t.Errorf("%s types %q: got %q, want %q", c.who, c.typed, got, c.want)
		}
	}
}

func TestSearchIgnoresAccents(t *testing.T) {
	p, w := policytest.Compile(t, spelledPolicy), policytest.NewWorkspace()
	for typed, want := range map[string]string{
		"zur": "Zürich Core", "ZÜR": "Zürich Core", "zu\u0308r": "Zürich Core", "core zurich": "Zürich Core",
		"ostre aeble": "Østre Æble", "ø": "Østre Æble",
	} {
		found, total := p.Accounts(w.Person("dev1"), w.Directory(noon), noon, typed, 10)
		if total == 0 || found[0].Name != want {
			t.Errorf("%q: got %v, want %s", typed, found, want)
		}
	}
}

func TestBestMatchComesFirst(t *testing.T) {
	text := "version: 1\nsettings: {channel: C0A}\nroles: {A: {}, B: {}}\naccounts:\n"
	names := []string{"payments-prod", "payments", "Pay", "repay-dev", "prod-pay", "other", "hidden"}
	for i, name := range names {
		text += fmt.Sprintf("  - {id: \"%012d\", name: %s}\n", 100+i, name)
	}
	text += "rules: [{name: a, who: [everyone], accounts: [\"*pay*\", \"Pay\", other], roles: [A], max: 1h, " +
		"approvals: none}]\n"
	p, w := policytest.Compile(t, text), policytest.NewWorkspace()
	for _, c := range []struct {
		typed string
		limit int
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
		found, total := p.Accounts(w.Person("dev1"), w.Directory(noon), noon, c.typed, c.limit)
		var got []string
		for _, a := range found {
			got = append(got, a.Name)
		}
		if strings.Join(got, " ") != c.want || total != c.total {
			t.Errorf("%q, limit %d: got %q of %d, want %q of %d", c.typed, c.limit, got, total, c.want, c.total)
		}
	}
	for _, who := range []string{"guest", "nobody"} {
		found, total := p.Accounts(w.Person(who), w.Directory(noon), noon, "", 10)
		if found != nil || total != 0 {
			t.Errorf("%s is shown %v", who, found)
		}
	}
}
