package access

import (
	"fmt"
	"testing"
	"time"
)

func TestBuildIsRecordedWhenItFirstRuns(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	var b Builds
	for _, step := range []struct {
		version, commit string
		after           time.Duration
		saved           bool
	}{
		{"v1.0.0", "a", 0, true},
		{"v1.0.0", "a", time.Minute, false},      // the next tick
		{"v1.0.0", "b", time.Hour, true},         // another commit
		{"v1.0.0", "a", time.Minute, false},      // an instance that is older than the deploy
		{"v1.0.0", "b", time.Minute, false},      // no second record
		{"v1.0.0", "a", 10 * time.Minute, true},  // back
		{"v1.1.0", "c", 10 * time.Second, true},  // and forward again
		{"v1.0.0", "b", 10 * time.Second, true},  // an older one does not overlap
		{"unknown", "", 100 * time.Minute, true}, // built without git
		{"unknown", "", 100 * time.Minute, false},
	} {
		now = now.Add(step.after)
		next, saved := b.Record(step.version, step.commit, now)
		if saved != step.saved {
			t.Errorf("%s %s at %s: saved %v, want %v", step.version, step.commit, now, saved, step.saved)
		}
		if last := next.Ran[len(next.Ran)-1]; saved && (next.Version != b.Version+1 ||
			last != Build{step.version, step.commit, now}) {
			t.Errorf("%s %s: %+v", step.version, step.commit, next)
		}
		b = next
	}
}

func TestOldestBuildsAreRemoved(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	var b Builds
	for i := range MaxBuilds + 3 {
		before := b
		b, _ = b.Record(fmt.Sprintf("v1.%d.0", i), "", now.Add(time.Duration(i)*time.Hour))
		if n := len(before.Ran); n > 0 && before.Ran[n-1].Version != fmt.Sprintf("v1.%d.0", i-1) {
			t.Errorf("recording changed the value before: %+v", before)
		}
	}
	if len(b.Ran) != MaxBuilds || b.Ran[0].Version != "v1.3.0" || b.Ran[MaxBuilds-1].Version != "v1.12.0" {
		t.Errorf("got %+v", b)
	}
}
