package policy_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/compiler"
	"github.com/aws-access/aws-access/pkg/policy/packed"
)

const targetsSource = `version: 1
settings: {channel: C0ONE, operators: C0OPS}
roles: {ReadOnly: {}, Admin: {path: /aws-access/data/, lands_on: /iam/home, may: [assume_roles]}}
accounts:
  - {id: "222222222222", name: Zebra, region: eu-west-1}
  - {id: "333333333333", name: ant, roles: [Admin]}
groups: {devs: {slack: S0DEVS}}
rules:
  - {name: one, who: [devs], accounts: ["*"], roles: ["*"], max: 1h, approvals: none}
  - {name: two, who: [devs], accounts: ["*"], roles: ["*"], max: 1h, approvals: none, card: [C0TWO, C0OPS]}
`

func TestTargetsAreAllRolesInTheSameOrder(t *testing.T) {
	p, _, err := compiler.Compile("policy.yaml", []byte(targetsSource), compiler.Options{Bastion: "999999999999"})
	if err != nil {
		t.Fatal(err)
	}
	loaded, err := packed.Load(p.Packed(), "")
	if err != nil {
		t.Fatal(err)
	}
	admin := access.Target{
		Account: "333333333333", AccountName: "ant", Region: "us-east-1", Role: "Admin", Path: "/aws-access/data/",
		LandsOn: "/iam/home", AssumeRoles: true,
	}
	zebra := access.Target{
		Account: "222222222222", AccountName: "Zebra", Region: "eu-west-1", Role: "ReadOnly", Path: "/aws-access/",
	}
	zebraAdmin := admin
	zebraAdmin.Account, zebraAdmin.AccountName, zebraAdmin.Region = zebra.Account, zebra.AccountName, zebra.Region
	want := []access.Target{admin, zebra, zebraAdmin}
	for _, one := range []*policy.Policy{p, loaded} {
		if diff := cmp.Diff(want, one.Targets()); diff != "" {
			t.Errorf("targets (-want +got):\n%s", diff)
		}
		if got, ok := one.Target("333333333333", "Admin"); !ok || got != admin {
			t.Errorf("got %+v, %v, want %+v", got, ok, admin)
		}
		for _, unknown := range [][2]string{
			{"333333333333", "ReadOnly"}, {"999999999999", "Admin"}, {"ant", "Admin"}, {"222222222222", "admin"}, {"", ""},
		} {
			if got, ok := one.Target(unknown[0], unknown[1]); ok {
				t.Errorf("%v: got %+v, want none", unknown, got)
			}
		}
		channels := []policy.Channel{{"C0ONE", true}, {"C0OPS", true}, {"C0TWO", true}}
		if !slices.Equal(one.Channels(), channels) {
			t.Errorf("channels %v, want %v", one.Channels(), channels)
		}
	}
}
