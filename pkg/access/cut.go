package access

import (
	"slices"
	"strings"
	"time"
)

// This file says how sessions that are still alive are ended when their grant is revoked or
// given back: the names of the grant's sessions are put on the cut list of their IAM role, and
// functions/cut writes a deny for each name into that role's policy (docs/design.md#4.4).

// CutState says whether the sessions of a revoked or ended grant are denied. The zero value
// means that there were none to deny.
type CutState string

// The states of a cut.
const (
	CutEnding CutState = "ending" // the deny has been ordered, and is not known to be there
	CutDone   CutState = "done"   // the deny was read back from the role
)

// UnansweredLife is how long an intent to vend without an answer counts as a live session: STS
// gives at most an hour, and a minute is added for the call and for clocks that differ.
const UnansweredLife = time.Hour + time.Minute

// System is the actor of what the product does by itself, apart from the moves of Clock.
var System = Person{ID: "system", Name: "aws-access"}

// CutList is what is to be denied in one IAM role: the names of sessions whose grants were
// revoked or given back. It is one item, so that a reader sees all names or none.
type CutList struct {
	Version       int
	Account, Role string
	RoleARN       string    // of the IAM role, with its path
	Names         []CutName `json:",omitzero"`

	// Whole is set if the names did not fit into the role's policies: every session that was
	// issued before that time is denied, until WholeUntil.
	Whole, WholeUntil time.Time `json:",omitzero"`

	Tries   int       `json:",omitzero"` // that failed since the last one that worked
	Failed  string    `json:",omitzero"` // a code of pkg/cut; "" if the last try worked
	Since   time.Time `json:",omitzero"` // when the first of the failed tries was made
	Checked time.Time `json:",omitzero"` // when the role's policy was last read and was right
	NextTry time.Time `json:",omitzero"` // when the policy must be written or read next
}

// CutName is one grant on a cut list.
type CutName struct {
	Grant string    // id of the request, which the session name ends with
	Until time.Time // when the last session of the grant has expired at STS, rounded up by cutStep
	Done  time.Time `json:",omitzero"` // when the deny was first read back; zero before
	// ByIssue is set if there was no room for the name: the sessions of the whole role that were
	// issued before that time are denied. AWS does not say whether narrowed keys keep their issue
	// time, so such a name is done only when it is over.
	ByIssue time.Time `json:",omitzero"`
}

// WrittenDeny is what the policy of a role was found to deny.
type WrittenDeny struct {
	Grants            map[string]time.Time // by name, each at least until that time
	ByIssue           []string             // grants on the list that had no room, and are denied by issue time
	Whole, WholeUntil time.Time            // what is issued before Whole is denied until WholeUntil
}

// CutOutcome is what was found and done in a role.
type CutOutcome struct {
	List   CutList     // as it was read last
	Denied WrittenDeny // what the policy that was read back denies
	// Missing are grants whose deny had been read back before, and was gone. It is there again.
	Missing []string
	// Bad are names on the list that are no ids of grants. They are never written.
	Bad []string
}

// CutKey names a cut list.
type CutKey struct{ Account, Role string }

// Times of cuts.
const (
	// cutStep is the step of the times until which denies stay: one statement of a policy holds all
	// names of one time.
	cutStep = 15 * time.Minute
	// checkCutEvery is how often a policy that was right is read again.
	checkCutEvery = time.Minute
	// firstCutRetry is how long after a failed try the next one is made. Then it doubles.
	firstCutRetry = 5 * time.Second
	// MaxCutRetry is the longest time between two tries.
	MaxCutRetry = 4 * time.Minute
	// cutGivenUp is how long after its time a deny stays on the list of a role whose policy cannot
	// be written, such as a role that is gone.
	cutGivenUp = 24 * time.Hour
)

// Add returns the next version of the list, with a grant whose sessions are to be denied until
// a time. A grant that is on the list already keeps the later of both times, and counts as not
// denied until its deny was read back once more.
func (l CutList) Add(r Request, until, now time.Time) CutList {
	if rounded := until.Truncate(cutStep); rounded.Before(until) {
		until = rounded.Add(cutStep)
	}
	next := l.next()
	next.Account, next.Role, next.NextTry = r.Account, r.Role, now
	if r.RoleARN != "" {
		next.RoleARN = r.RoleARN
	}
	if i := next.index(r.ID); i < 0 {
		next.Names = append(next.Names, CutName{Grant: r.ID, Until: until})
	} else {
		if known := next.Names[i].Until; known.After(until) {
			until = known
		}
		next.Names[i] = CutName{Grant: r.ID, Until: until}
	}
	return next
}

func (l CutList) index(grant string) int {
	return slices.IndexFunc(l.Names, func(n CutName) bool { return n.Grant == grant })
}

// Has reports whether a grant is on the list at least until a time.
func (l CutList) Has(grant string, until time.Time) bool {
	return slices.ContainsFunc(l.Names, func(n CutName) bool { return n.Grant == grant && !n.Until.Before(until) })
}

// Live returns the names that are not over at now.
func (l CutList) Live(now time.Time) (live []CutName) {
	for _, n := range l.Names {
		if now.Before(n.Until) {
			live = append(live, n)
		}
	}
	return live
}

// Worked returns the next version of the list after the role's policy was read back. A name that
// stands in the policy and not on the list is put on it, so that it is taken out in time.
func (l CutList) Worked(d WrittenDeny, now time.Time) CutList {
	next := l.next()
	next.Whole, next.WholeUntil = d.Whole, d.WholeUntil
	for i, n := range next.Names {
		switch until, named := d.Grants[n.Grant]; {
		case named && n.Done.IsZero() && !until.Before(n.Until):
			next.Names[i].Done, next.Names[i].ByIssue = now, time.Time{}
		case !named && n.ByIssue.IsZero() && slices.Contains(d.ByIssue, n.Grant):
			next.Names[i].ByIssue = d.Whole
		}
	}
	for grant, until := range d.Grants {
		if next.index(grant) < 0 {
			next.Names = append(next.Names, CutName{Grant: grant, Until: until, Done: now})
		}
	}
	next.Tries, next.Failed, next.Since, next.Checked, next.NextTry = 0, "", time.Time{}, now, now.Add(checkCutEvery)
	if slices.ContainsFunc(next.Live(now), func(n CutName) bool { return n.Done.IsZero() && n.ByIssue.IsZero() }) {
		next.NextTry = now // it was added meanwhile, and its own order may be lost
	}
	return next
}

// Over returns the names that are over at now and not done: their sessions have all expired.
func (l CutList) Over(now time.Time) (over []CutName) {
	for _, n := range l.Names {
		if !now.Before(n.Until) && n.Done.IsZero() {
			over = append(over, n)
		}
	}
	return over
}

// FailedWith returns the next version of the list after a try that failed. Names that are over
// are done without any deny. They stay on the list for cutGivenUp, so that their denies are taken
// out of the role's policy if that works again.
func (l CutList) FailedWith(code string, now time.Time) CutList {
	next := l.next()
	for i, n := range next.Names {
		if n.Done.IsZero() && !now.Before(n.Until) {
			next.Names[i].Done = now
		}
	}
	next = next.withoutOver(now.Add(-cutGivenUp))
	if next.Tries == 0 {
		next.Since = now
	}
	wait := firstCutRetry << min(next.Tries, 10)
	next.Tries++
	next.Failed, next.NextTry = code, now.Add(min(wait, MaxCutRetry))
	return next
}

func (l CutList) next() CutList {
	l.Version++
	l.Names = slices.Clone(l.Names)
	return l
}

// Cleared returns the next version of the list after the denies that are over at now were taken
// out of the role's policy, without their names. Until then they keep the list due.
func (l CutList) Cleared(now time.Time) CutList {
	return l.next().withoutOver(now)
}

func (l CutList) withoutOver(at time.Time) CutList {
	l.Names = l.Live(at)
	if !at.Before(l.WholeUntil) {
		l.Whole, l.WholeUntil = time.Time{}, time.Time{}
	}
	return l
}

// Due returns when the role's policy must be written or read next; ok is false if nothing is on
// the list.
func (l CutList) Due() (at time.Time, ok bool) {
	if len(l.Names) == 0 && l.Whole.IsZero() {
		return time.Time{}, false
	}
	return l.NextTry, true
}

// String is how an event names the list that it put its grant on.
func (k CutKey) String() string { return k.Account + "#" + k.Role }

// CutKeyOf reads what CutKey.String wrote.
func CutKeyOf(text string) (CutKey, bool) {
	account, role, ok := strings.Cut(text, "#")
	return CutKey{account, role}, ok && account != "" && role != ""
}

// CutKey names the list of the role of a request.
func (r Request) CutKey() CutKey { return CutKey{r.Account, r.Role} }

// MayActUntil returns when the last session of the grant expires at STS, even if its session
// policy denies everything earlier. An intent without an answer counts, because STS may have made
// its session. It is the zero time if none is left at now. Cuts last until then.
func (r Request) MayActUntil(now time.Time) time.Time {
	var last time.Time
	for _, s := range r.Sessions {
		if end := s.liveUntil(); end.After(now) && end.After(last) {
			last = end
		}
	}
	return last
}

// CanActUntil returns when no session of the grant can act any more, even if it is never cut: it has
// expired, or its session policy denies every action. An intent without an answer counts, because STS
// may have made its session. It is the zero time if none can act at now.
func (r Request) CanActUntil(now time.Time) time.Time {
	last := r.ActsUntil(now)
	for _, s := range r.Sessions {
		if s.Issued() {
			continue
		}
		end := s.liveUntil()
		if s.Denied.Before(end) {
			end = s.Denied
		}
		if end.After(now) && end.After(last) {
			last = end
		}
	}
	return last
}

// LiveSessions returns how many sessions of the grant have not expired at STS at now. An intent
// without an answer counts as one.
func (r Request) LiveSessions(now time.Time) (n int) {
	for _, s := range r.Sessions {
		if s.liveUntil().After(now) {
			n++
		}
	}
	return n
}

// liveUntil is LiveUntil, and for an intent without an answer the time until which one may live.
func (s Session) liveUntil() time.Time {
	if !s.Issued() {
		return s.Ordered.Add(UnansweredLife)
	}
	return s.LiveUntil()
}

// outlives reports whether a session of the grant can act at now although the grant's time is over.
func (r Request) outlives(now time.Time) bool {
	return slices.ContainsFunc(r.Sessions, func(s Session) bool {
		return s.Denied.After(now) && s.liveUntil().After(now)
	})
}

// cutting orders the cut of the grant's sessions, if there are any. The caller closes the grant
// or has closed it, and writes the cut list in the same transaction.
func (r Request) cutting(now time.Time) Request {
	if r.MayActUntil(now).IsZero() {
		return r
	}
	if r.Cut == "" {
		r.CutSince = now
	}
	r.Cut = CutEnding
	return r
}

// CutIsDone records that the deny of the grant's sessions was read back from their role.
func (r Request) CutIsDone(now time.Time) (Request, Event, error) {
	r.CutAt = now
	return r.cutDone("", now)
}

// CutIsOver records that a cut is not needed any more, because the last session has expired. The
// deny may never have been written.
func (r Request) CutIsOver(now time.Time) (Request, Event, error) {
	return r.cutDone("The last session has expired.", now)
}

func (r Request) cutDone(why string, now time.Time) (Request, Event, error) {
	r.Cut = CutDone
	next, event, err := r.move(Cut, r.State, System, why, now)
	event.Cut = CutDone
	return next, event, err
}

// CutAgain orders the cut of a grant's sessions once more, such as when the deny was found to be
// missing or was never ordered. Why says what was found.
func (r Request) CutAgain(why string, now time.Time) (Request, Event, error) {
	next, event, err := r.cutting(now).move(Cut, r.State, System, why, now)
	return next, event.ordering(next), err
}

// RevokedFor is how long somebody whose grant was revoked may not ask for that role in that
// account, unless a responder allows it.
const RevokedFor = time.Hour

// AskableFrom returns when the requester of a grant that a person has revoked may ask for it again if
// no responder allows it earlier, as people read it: a whole minute.
func (r Request) AskableFrom() time.Time {
	return r.Closed.At.Add(RevokedFor + time.Minute - 1).Truncate(time.Minute)
}

// CheckRevokedLately refuses to ask for the same target as a grant that a person has revoked
// shortly before. The product's own revocations (System) do not count: the policy decides then.
//
// Refusals: revoked_lately.
func (r Request) CheckRevokedLately(now time.Time) error {
	until := r.Closed.At.Add(RevokedFor)
	if r.State != Revoked || r.Closed.By.ID == System.ID || !r.Lifted.IsZero() || !now.Before(until) {
		return nil
	}
	return RefuseRevokedLately(r, until, now)
}

// Lift allows the requester of a revoked grant to ask again at once. The caller has checked that
// by is a responder.
//
// Refusals: those of Person.Refused; those of StateRefusal unless the grant is revoked.
func (r Request) Lift(by Person, now time.Time) (Request, Event, error) {
	if refusal := by.Refused(); refusal != nil {
		return r, Event{}, refusal
	}
	next := r
	next.Lifted = now
	return next.move(Lift, Revoked, by, "", now)
}
