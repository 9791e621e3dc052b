package compiler

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/aws-access/aws-access/pkg/policy/internal/bitset"
)

// Accounts share their lists when the same rules hold them, and only then.
func TestClassesAreWhatNoSetTellsApart(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		size := rapid.IntRange(1, 100).Draw(rt, "size")
		sets := make([]bitset.Set, rapid.IntRange(0, 6).Draw(rt, "sets"))
		for k := range sets {
			sets[k] = bitset.New(size)
			for _, i := range rapid.SliceOf(rapid.IntRange(0, size-1)).Draw(rt, "members") {
				sets[k].Add(i)
			}
		}
		class, count := partition(sets, size)
		by := make(map[string]int)
		for i, c := range class {
			signature := ""
			for _, s := range sets {
				signature += fmt.Sprint(s.Has(i))
			}
			if before, known := by[signature]; known && before != c {
				rt.Fatalf("%d is in class %d, its like in %d", i, c, before)
			}
			by[signature] = c
		}
		if len(by) != count {
			rt.Fatalf("%d classes, want %d", count, len(by))
		}
	})
}
