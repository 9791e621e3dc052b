package packed_test

import (
	"fmt"
	"testing"

	"github.com/aws-access/aws-access/pkg/policy/packed"
	"github.com/aws-access/aws-access/pkg/policy/policytest"
)

// The goals are 5 ms and 30 ms, on a function that has a seventh of a processor for everything that
// it does when it starts.
func BenchmarkLoad(b *testing.B) {
	for _, accounts := range []int{1000, policytest.ManyAccounts} {
		text, _ := policytest.Large(accounts, policytest.ManyRules)
		src := policytest.Compile(b, text).Packed()
		b.Run(fmt.Sprintf("accounts=%d/rules=%d", accounts, policytest.ManyRules), func(b *testing.B) {
			b.ReportAllocs()
			b.ReportMetric(float64(len(src)), "bytes")
			for b.Loop() {
				if _, err := packed.Load(src, policytest.Bastion); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
