package compiler_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/aws-access/aws-access/pkg/policy"
	"github.com/aws-access/aws-access/pkg/policy/compiler"
	"github.com/aws-access/aws-access/pkg/policy/policytest"
)

func TestOnlyTheSandboxHasIssuersOnLoopback(t *testing.T) {
	for issuer, want := range map[string]bool{
		"http://127.0.0.1:8080/oidc": true, "http://[::1]:8080/oidc": true, "https://ci.example.com": true,
		"http://ci.example.com": false, "http://localhost:8080/oidc": false, "http://127.0.0.1.example.com": false,
		"http://10.0.0.1/oidc": false, "http://169.254.169.254": false,
	} {
		src := assemble("groups: {devs: {slack: S0DEVS}, a: {oidc: {issuer: \"" + issuer + "\", claims: {sub: a}}}}\n")
		o := testOptions(noFile)
		o.Sandbox = true
		p, _, err := compiler.Compile("policy.yaml", []byte(src), o)
		if (err == nil) != want {
			t.Errorf("%s in the sandbox: %v", issuer, err)
		}
		if err == nil && !cmp.Equal(p.Issuers(), []string{issuer}) {
			t.Errorf("the issuers are %v, want %s", p.Issuers(), issuer)
		}
		_, _, err = compiler.Compile("policy.yaml", []byte(src), testOptions(noFile))
		if (err == nil) != strings.HasPrefix(issuer, "https://") {
			t.Errorf("%s outside of the sandbox: %v", issuer, err)
		}
	}
}

func TestDevicesAreThirtyDaysAndFiveUnlessTheFileSaysOtherwise(t *testing.T) {
	const day = 24 * time.Hour
	for settings, want := range map[string]policy.Devices{
		"":                               {For: 30 * day, Limit: 5},
		", devices: {for: 30d, most: 5}": {For: 30 * day, Limit: 5},
		", devices: {most: 2}":           {For: 30 * day, Limit: 2},
		", devices: {for: 8h}":           {For: 8 * time.Hour, Limit: 5},
		", devices: none":                {},
	} {
		p, _, err := compiler.Compile("policy.yaml", []byte(assemble("settings: {channel: C0A"+settings+"}\n")),
			testOptions(noFile))
		if err != nil {
			t.Fatal(err)
		}
		for _, one := range []*policy.Policy{p, policytest.Reloaded(t, p)} {
			if got := one.Settings().Devices; got != want {
				t.Errorf("%q: got %+v, want %+v", settings, got, want)
			}
		}
	}
	// A file without settings has the defaults too.
	src := assemble("no_settings:\nrules:\n  - {name: look, who: [devs], accounts: [pay-prod], roles: [ReadOnly], " +
		"max: 4h, approvals: none, card: [C0A]}\n")
	p, _, err := compiler.Compile("policy.yaml", []byte(src), testOptions(noFile))
	if err != nil || p.Settings().Devices != (policy.Devices{For: 30 * day, Limit: 5}) {
		t.Errorf("without settings: got %+v, %v", p, err)
	}
}
