package compiler

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/aws-access/aws-access/pkg/policy/internal/bitset"
)

// Accounts are in the same class if the same rules hold for them, and only then.
func TestPartitionGroupsWhatNoSetTellsApart(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.IntRange(1, 100).Draw(rt, "size")
		sets := make([]bitset.Set, rapid.IntRange(0, 6).Draw(rt, "sets"))
		for k := range sets {
			sets[k] = bitset.New(size)
			for _, i := range rapid.SliceOf(rapid.IntRange(0, size-1)).Draw(rt, "members") {
				sets[k].Add(i)
			}
		}
		group, count := partition(sets, size)
		by := make(map[string]int)
		for i, g := range group {
			signature := ""
			for _, s := range sets {
				signature += fmt.Sprint(s.Has(i))
			}
			if before, known := by[signature]; known && before != g {
				rt.Fatalf("%d is in group %d, but an equal one is in group %d", i, g, before)
			}
			by[signature] = g
		}
		if len(by) != count {
			rt.Fatalf("%d groups, want %d", count, len(by))
		}
	})
}
