package access

import "errors"

// Errors that every store returns.
var (
	ErrNotFound = errors.New("no such request")
	ErrStale    = errors.New("somebody else changed it first")
	ErrNewer    = errors.New("written by a newer version of this software")
)

// ErrCursor says that Slack no longer accepts the cursor of the next page.
var ErrCursor = errors.New("the cursor of the next page is no longer valid")

// Duplicate is the error of a write whose unique key was used before: the same
// click, command or form arrived twice.
type Duplicate struct {
	Request string // id of the request that the first one made
}

func (d *Duplicate) Error() string { return "already done as request " + d.Request }
