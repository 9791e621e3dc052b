package world

import (
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// What was known stays as fresh as it was; what was unknown stays unknown.
func TestSkippedTimeLeavesKnowledgeAsFreshAsItWas(t *testing.T) {
	d := access.Directory{PeopleAt: noon.Add(-time.Minute), Groups: map[string]access.Group{
		"fresh": {ReadAt: noon.Add(-2 * time.Minute)}, "stale": {ReadAt: noon.Add(-11 * time.Minute)}, "never": {},
	}}
	carryOver(&d, time.Hour, noon.Add(time.Hour))
	for name, c := range map[string]struct{ got, want time.Time }{
		"people": {d.PeopleAt, noon.Add(59 * time.Minute)},
		"fresh":  {d.Groups["fresh"].ReadAt, noon.Add(58 * time.Minute)},
		"stale":  {d.Groups["stale"].ReadAt, noon.Add(-11 * time.Minute)},
		"never":  {d.Groups["never"].ReadAt, time.Time{}},
	} {
		if !c.got.Equal(c.want) {
			t.Errorf("%s: read at %v, want %v", name, c.got, c.want)
		}
	}
}
