package compiler_test

import (
	"fmt"
	"testing"

	"github.com/aws-access/aws-access/pkg/policy/compiler"
	"github.com/aws-access/aws-access/pkg/policy/policytest"
)

// The goal is 500 ms.
func BenchmarkCompile(b *testing.B) {
	text, _ := policytest.Large(policytest.ManyAccounts, policytest.ManyRules)
	src := []byte(text)
	b.Run(fmt.Sprintf("accounts=%d/rules=%d", policytest.ManyAccounts, policytest.ManyRules), func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := compiler.Compile("policy.yaml", src, compiler.Options{Now: policytest.Noon}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
