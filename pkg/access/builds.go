package access

import (
	"slices"
	"time"
)

// Builds are the builds of the product that have run with a table. They are a history
// for operators: no decision depends on them.
type Builds struct {
	Version int     `json:"Version"`
	Ran     []Build `json:"Ran,omitempty"` // at most MaxBuilds, oldest first
}

// Build is a build that has run, until the next one in the list began.
type Build struct {
	Version string    `json:"Version"`          // such as v1.2.0, or unknown
	Commit  string    `json:"Commit,omitempty"` // "" if it is not known
	Since   time.Time `json:"Since"`            // when it first ran
}

// MaxBuilds is how many builds are kept.
const MaxBuilds = 10

// BuildOverlap is how long an instance of the previous build may still run after a
// deploy. Within that time it is not recorded again, because nobody went back to it.
const BuildOverlap = 2 * time.Minute

// Record adds a build that runs at now. It returns false if there is nothing to save:
// the build is the last one, or the previous one within BuildOverlap.
func (b Builds) Record(version, commit string, now time.Time) (Builds, bool) {
	is := func(i int) bool {
		return i >= 0 && b.Ran[i].Version == version && b.Ran[i].Commit == commit
	}
	last := len(b.Ran) - 1
	if is(last) || is(last-1) && now.Before(b.Ran[last].Since.Add(BuildOverlap)) {
		return b, false
	}
	ran := append(slices.Clone(b.Ran), Build{Version: version, Commit: commit, Since: now.UTC()})
	return Builds{Version: b.Version + 1, Ran: ran[max(0, len(ran)-MaxBuilds):]}, true
}
