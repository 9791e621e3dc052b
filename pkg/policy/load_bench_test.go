package policy

import (
	"fmt"
	"testing"
)

// The goals are 5 ms and 30 ms, on a function that has a seventh of a processor
// for all that it does when it starts.
func BenchmarkLoad(b *testing.B) {
	for _, accounts := range []int{1000, manyAccounts} {
		text, _ := large(accounts, manyRules)
		src := compiled(b, text).Encode()
		b.Run(fmt.Sprintf("accounts=%d/rules=%d", accounts, manyRules), func(b *testing.B) {
			b.ReportAllocs()
			b.ReportMetric(float64(len(src)), "bytes")
			for b.Loop() {
				if _, err := Load(src, bastion); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
