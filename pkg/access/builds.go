package access

import (
	"slices"
	"time"
)

// Builds are the builds of the product that have run with a table, so that an operator
// sees which upgrades there were. They decide nothing.
type Builds struct {
	Version int   `json:"Version"`
	Ran     []Ran `json:"Ran,omitempty"` // at most MaxBuilds, oldest first
}

// Ran is a build that has run. It ran until the next one of the list began.
type Ran struct {
	Version string    `json:"Version"`          // such as v1.2.0, or unknown
	Commit  string    `json:"Commit,omitempty"` // "" if it is not known
	Since   time.Time `json:"Since"`            // when it first ran
}

// MaxBuilds is how many builds are kept.
const MaxBuilds = 10

// OverlapOfBuilds is how long an instance of the build before may still run after a
// deploy. What it reports within that time is not a change back.
const OverlapOfBuilds = 2 * time.Minute

// Record adds a build that runs at now. It returns false if there is nothing to save:
// the build is the last one, or the one before, which still runs for a short time.
func (b Builds) Record(version, commit string, now time.Time) (Builds, bool) {
	is := func(i int) bool {
		return i >= 0 && b.Ran[i].Version == version && b.Ran[i].Commit == commit
	}
	last := len(b.Ran) - 1
	if is(last) || is(last-1) && now.Before(b.Ran[last].Since.Add(OverlapOfBuilds)) {
		return b, false
	}
	ran := append(slices.Clone(b.Ran), Ran{Version: version, Commit: commit, Since: now.UTC()})
	return Builds{Version: b.Version + 1, Ran: ran[max(0, len(ran)-MaxBuilds):]}, true
}
