package access

import (
	"errors"
	"time"
)

// This file says what the sweep remembers. Every few minutes it asks the policy about each grant
// that is open, and revokes those that the policy no longer gives (docs/design.md#4.4.3).

// ErrHeld is the error of a write that records an intent to vend while a sweep is held.
var ErrHeld = errors.New("nothing is vended: a sweep is held")

// Sweep is the record of the last sweep. While it is held, a sweep has found that more grants
// than its Limit would have to be revoked at once. Nobody gets a session then, and nothing is
// revoked, until somebody answers. The stores check it in the transaction of each intent to vend.
type Sweep struct {
	Version      int
	Began        time.Time `json:",omitzero"` // the last sweep
	Looked, Lost int       `json:",omitzero"` // grants that it looked at, and those of them that were lost

	Held  bool      `json:",omitzero"`
	Since time.Time `json:",omitzero"` // when the hold began

	// Allowed is how many grants may be revoked without asking again, until AllowedUntil. Somebody
	// has confirmed that.
	Allowed      int       `json:",omitzero"`
	AllowedUntil time.Time `json:",omitzero"`
	// Grants that began before KeptBefore are not revoked by a sweep before KeptUntil. Somebody
	// has said that what the sweep found was wrong.
	KeptBefore, KeptUntil time.Time `json:",omitzero"`

	By       Person    `json:",omitzero"` // who answered the last hold
	Answered time.Time `json:",omitzero"`
}

// Times and limits of sweeps.
const (
	allowedFor    = 15 * time.Minute // how long a confirmation counts
	keptFor       = time.Hour        // how long a dismissal counts
	maxSweep      = 20               // grants that one sweep revokes in any case
	maxSweepShare = 10               // or so many per cent of those it looked at
	betweenTicks  = 30 * time.Second // less than a minute, so that each tick finds an unfinished sweep due
)

// Due reports whether the next sweep should begin.
func (s Sweep) Due(every time.Duration, now time.Time) bool { return now.Sub(s.Began) >= every }

// Limit returns how many of the grants that a sweep looked at it may revoke at now without asking.
func (s Sweep) Limit(looked int, now time.Time) int {
	limit := max(maxSweep, looked*maxSweepShare/100)
	if now.Before(s.AllowedUntil) {
		limit += s.Allowed
	}
	return limit
}

// Keeps reports whether a grant that began at a time must not be revoked by a sweep at now.
func (s Sweep) Keeps(began, now time.Time) bool {
	return now.Before(s.KeptUntil) && began.Before(s.KeptBefore)
}

// Found returns the record after a sweep that began at now has looked at so many grants, and
// found so many of them lost. It begins a hold if those that count are too many, and ends one if none
// is lost any more. A hold goes on as long as some are, because what was found may have been wrong.
func (s Sweep) Found(looked, lost, counted int, now time.Time) Sweep {
	next := s
	next.Version++
	next.Began, next.Looked, next.Lost = now, looked, lost
	switch {
	case lost == 0:
		next.Held, next.Since = false, time.Time{}
	case !s.Held && counted > s.Limit(looked, now):
		next.Held, next.Since = true, now
	}
	return next
}

// Confirm lets the coming sweeps revoke what the held one found. If none is held, nothing changes,
// and changed is false.
func (s Sweep) Confirm(by Person, now time.Time) (next Sweep, changed bool) {
	if next, changed = s.answer(by, now); changed {
		next.Allowed, next.AllowedUntil = s.Lost, now.Add(allowedFor)
	}
	return next, changed
}

// Dismiss says that what the held sweep found is wrong: for keptFor, no sweep revokes a grant that
// began before now. If none is held, nothing changes, and changed is false.
func (s Sweep) Dismiss(by Person, now time.Time) (next Sweep, changed bool) {
	if next, changed = s.answer(by, now); changed {
		next.KeptBefore, next.KeptUntil = now, now.Add(keptFor)
	}
	return next, changed
}

func (s Sweep) answer(by Person, now time.Time) (next Sweep, changed bool) {
	if !s.Held {
		return s, false
	}
	next = s
	next.Version++
	next.Held, next.Since, next.Began = false, time.Time{}, time.Time{} // the next one begins at once
	next.Allowed, next.AllowedUntil, next.KeptBefore, next.KeptUntil = 0, time.Time{}, time.Time{}, time.Time{}
	next.By, next.Answered = by, now
	return next, true
}

// Unfinished returns the record of a sweep that began just now, with the next one due at the next
// tick, because this one has not done yet what it must.
func (s Sweep) Unfinished(every time.Duration) Sweep {
	s.Began = s.Began.Add(betweenTicks - every)
	return s
}

// WhyLost returns the reason for a revocation because the policy refuses with refusal what it once
// gave. lost is false for other refusals: what is unknown, and what approvals or a form put right,
// ends nothing that was granted.
func WhyLost(refusal error) (why string, lost bool) {
	switch Code(refusal) {
	case CodeDeactivated:
		return lostDeactivated, true
	case "guest", "bot", "other_workspace":
		return lostMembership, true
	case "never":
		return lostForbidden, true
	case "not_allowed":
		return lostRule, true
	case "unknown_account", "unknown_role", "target_role":
		return lostTarget, true
	}
	return "", false
}

// The reasons of WhyLost. They are stored with the requests.
const (
	lostDeactivated = "Their Slack account is deactivated."
	lostMembership  = "They are no longer a full member of the workspace."
	lostForbidden   = "The policy now forbids it for them."
	lostRule        = "The policy no longer gives them this."
	lostTarget      = "The policy no longer has this."
)

// LostByYou returns a reason of WhyLost in the words for the person who has lost the right.
func LostByYou(why string) string {
	switch why {
	case lostDeactivated:
		return "Your Slack account is deactivated."
	case lostMembership:
		return "You are no longer a full member of the workspace."
	case lostForbidden:
		return "The policy now forbids you this role in this account."
	case lostRule:
		return "The policy no longer gives you this role in this account: it has changed, or a group of yours has."
	case lostTarget:
		return "The policy no longer has this role in this account."
	}
	return why
}

// RightLost reports whether a grant was revoked because its requester has lost the right to it.
func (r Request) RightLost() bool { return r.State == Revoked && r.Closed.By.ID == System.ID }
