package access

import "errors"

// Errors that every store answers.
var (
	ErrNotFound = errors.New("no such request")
	ErrStale    = errors.New("somebody else moved it first")
	ErrNewer    = errors.New("written by a newer version of this software")
)

// ErrCursor says that a reading in pages cannot go on where it was left.
var ErrCursor = errors.New("the place where the reading was to go on is no longer known")

// Duplicate is the answer to a write whose unique key was used before: the same
// click, command or form came twice.
type Duplicate struct {
	Request string // what the first one made
}

func (t *Duplicate) Error() string { return "already done as request " + t.Request }
