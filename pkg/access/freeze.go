package access

import (
	"errors"
	"slices"
	"time"
)

// ErrFrozen is the error of a write that would grant, vend or pair while everything is frozen.
var ErrFrozen = errors.New("nothing is granted, vended or paired: frozen")

// Freeze stops everything that gives access: no request becomes active, nothing is vended, and
// no computer is paired while it is on. The stores check it in the transaction of each such
// move.
type Freeze struct {
	Version int
	On      bool      `json:",omitzero"`
	By      Person    `json:",omitzero"`
	At      time.Time `json:",omitzero"`
	Why     string    `json:",omitzero"`
	Thaw    []Person  `json:",omitzero"` // responders who want to end it; two are needed
	ThawAt  time.Time `json:",omitzero"` // when it was last ended
}

// ThawedBy is how many responders it takes to end a freeze.
const ThawedBy = 2

// Start returns the freeze that is on. If it is on already, nothing changes, and changed is
// false.
func (f Freeze) Start(by Person, why string, now time.Time) (next Freeze, changed bool) {
	if f.On {
		return f, false
	}
	return Freeze{Version: f.Version + 1, On: true, By: by, At: now, Why: why, ThawAt: f.ThawAt}, true
}

// Mark tells one freeze from another. The form in which responders agree has that of the freeze that
// it shows.
func (f Freeze) Mark() string { return f.At.UTC().Format(time.RFC3339Nano) }

// Agree records that a responder wants to end the freeze. The second one ends it. Agreeing twice
// changes nothing.
func (f Freeze) Agree(by Person, now time.Time) (next Freeze, changed bool) {
	if !f.On || slices.ContainsFunc(f.Thaw, by.Same) {
		return f, false
	}
	next = f
	next.Version++
	next.Thaw = append(slices.Clone(f.Thaw), by)
	if len(next.Thaw) >= ThawedBy {
		next.On, next.ThawAt = false, now
	}
	return next, true
}

// End returns the freeze that is over, without asking responders. Only operators with rights on
// the table do this.
func (f Freeze) End(now time.Time) (next Freeze, changed bool) {
	if !f.On {
		return f, false
	}
	next = f
	next.Version++
	next.On, next.ThawAt = false, now
	return next, true
}
