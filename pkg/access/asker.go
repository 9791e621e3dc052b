package access

import (
	"slices"
	"time"
)

// Asker is what limits one person, or one pipeline with all its runs: the requests of
// theirs that may be unfinished, and when they asked within the last hour. It is written in the same transaction
// as each new request, on condition of the version that was read, so that the
// limits hold even if many requests are sent at once. Moves that end a request do
// not write it, so the next Submit reads the requests that may have ended.
type Asker struct {
	Version int
	Current []CurrentAsk `json:"Open,omitzero"`
	Asked   []int64      `json:",omitzero"` // Unix seconds, the oldest first
	// Granted has the last grant of each requester for each target that was seen, the newest last.
	Granted []LastGrant `json:",omitzero"`
}

// LastGrant is the last request of a requester for a target that became a grant. It is kept when the
// grant is over, because a program may not ask by itself after it was given back or revoked.
type LastGrant struct {
	Request, Account, Role string
	Requester              string    `json:",omitzero"` // as in CurrentAsk
	Until                  time.Time `json:",omitzero"` // its end; zero in records of older versions
}

// CurrentAsk is a request that was pending or active when it was last read.
type CurrentAsk struct {
	Request, Account, Role string
	Requester              string    `json:",omitzero"` // id of the machine, "" for the person of the record
	Until                  time.Time `json:",omitzero"` // the end of its grant; zero if it was pending
}

const (
	// AskWindow is how long an ask counts.
	AskWindow = time.Hour
	// MaxCurrent is how many requests and grants one person may have at once. It
	// limits the stored item to about 60 KB, and for a pipeline to about 90 KB.
	MaxCurrent = 500
	// MaxGranted is how many last grants are kept. It limits the stored item to another 40 KB.
	MaxGranted = 200
)

// AskerID names the record that limits a requester. A machine shares it with the other
// runs of its pipeline, because each run has an id of its own.
func (p Person) AskerID() string {
	if p.Machine != nil {
		return p.Machine.Pipeline()
	}
	return p.ID
}

// askerOf is what CurrentAsk.Requester has for a requester.
func askerOf(p Person) string {
	if p.Machine != nil {
		return p.ID
	}
	return ""
}

// Unsure returns the ids of the requests that must be read before this requester may
// ask for a role in an account: the pending ones, and the grant of that role in that
// account.
func (a Asker) Unsure(who Person, account, role string, now time.Time) (ids []string) {
	for _, o := range a.Current {
		same := o.Account == account && o.Role == role && o.Requester == askerOf(who)
		if o.Until.IsZero() || same && now.Before(o.Until) {
			ids = append(ids, o.Request)
		}
	}
	return ids
}

// After returns the asker as it is now, updated by the requests that were read. It
// drops requests that have ended, even if the tick has not ended them yet, and asks
// that are older than an hour.
func (a Asker) After(read []Request, now time.Time) Asker {
	known := make(map[string]Request, len(read))
	for _, r := range read {
		known[r.ID] = r
	}
	var current []CurrentAsk
	for _, o := range a.Current {
		r, found := known[o.Request]
		if found && !r.Starts.IsZero() {
			a.Granted = a.granting(r)
		}
		switch {
		case !found && !o.Until.IsZero() && now.Before(o.Until):
			current = append(current, o)
		case found && r.State == Pending && now.Before(r.AnswerBy):
			current = append(current, o)
		case found && r.State == Active && now.Before(r.Ends):
			o.Until = r.Ends
			current = append(current, o)
		}
	}
	a.Current = current
	since := now.Add(-AskWindow).Unix()
	a.Asked = slices.DeleteFunc(slices.Clone(a.Asked), func(at int64) bool { return at <= since })
	return a
}

// Has returns the id of a requester's unfinished request for a role in an account, "" if
// there is none. Another run of a pipeline is another requester.
func (a Asker) Has(who Person, account, role string) string {
	for _, o := range a.Current {
		if o.Account == account && o.Role == role && o.Requester == askerOf(who) {
			return o.Request
		}
	}
	return ""
}

// MayBeRevoked returns the ids of the last grants of a role in an account that may have been revoked
// within RevokedFor: that of the person, or those of all runs of the pipeline. Otherwise a pipeline
// that was revoked would get access back with its next run.
func (a Asker) MayBeRevoked(account, role string, now time.Time) (ids []string) {
	for _, g := range a.Granted {
		if g.Account == account && g.Role == role && now.Before(g.Until.Add(RevokedFor)) {
			ids = append(ids, g.Request)
		}
	}
	return ids
}

// LastGrant returns the id of the requester's last grant of a role in an account, "" if none is known.
func (a Asker) LastGrant(who Person, account, role string) string {
	for _, g := range a.Granted {
		if g.Account == account && g.Role == role && g.Requester == askerOf(who) {
			return g.Request
		}
	}
	return ""
}

// granting returns the last grants with r, in place of the one before it for the same target.
func (a Asker) granting(r Request) []LastGrant {
	last := LastGrant{
		Request: r.ID, Account: r.Account, Role: r.Role, Requester: askerOf(r.Requester), Until: r.Ends,
	}
	all := slices.DeleteFunc(slices.Clone(a.Granted), func(g LastGrant) bool {
		return g.Account == last.Account && g.Role == last.Role && g.Requester == last.Requester
	})
	all = append(all, last)
	return all[max(0, len(all)-MaxGranted):]
}

// Of returns the ids of a requester's requests that may be unfinished.
func (a Asker) Of(who Person) (ids []string) {
	for _, o := range a.Current {
		if o.Requester == askerOf(who) {
			ids = append(ids, o.Request)
		}
	}
	return ids
}

// Counts returns the asker with one more ask, whether or not it made a request.
func (a Asker) Counts(now time.Time) Asker {
	a.Version++
	a.Asked = append(slices.Clone(a.Asked), now.Unix())
	return a
}

// Opens returns the asker with one more ask, which made request r.
func (a Asker) Opens(r Request, now time.Time) Asker {
	a = a.Counts(now)
	if r.State == Active {
		a.Granted = a.granting(r)
	}
	a.Current = append(slices.Clone(a.Current), CurrentAsk{
		Request: r.ID, Account: r.Account, Role: r.Role, Requester: askerOf(r.Requester), Until: r.Ends,
	})
	return a
}

// TooMany refuses one more ask. It needs neither Slack nor the policy, so it is
// checked first.
//
// Refusals: too_many_asks, too_many_open.
func (a Asker) TooMany(perHour int) error {
	if n := len(a.Asked); n >= perHour {
		free := time.Unix(a.Asked[n-perHour], 0).Add(AskWindow)
		return RefuseTooManyAsks(n, free)
	}
	if n := len(a.Current); n >= MaxCurrent {
		return RefuseTooManyOpen(n)
	}
	return nil
}

// TooManyPending refuses one more pending request if there are limit already.
//
// Refusals: too_many_pending.
func (a Asker) TooManyPending(limit int) error {
	pending := 0
	for _, o := range a.Current {
		if o.Until.IsZero() {
			pending++
		}
	}
	if pending < limit {
		return nil
	}
	return RefuseTooManyPending(pending)
}

// Already is the refusal for a requester who asks again for the same role in the
// same account while the request is pending or active.
//
// Refusals: already_asked, already_granted.
func (r Request) Already() error {
	if r.State == Pending {
		return RefuseAlreadyAsked(r.AnswerBy)
	}
	return RefuseAlreadyGranted(r.Ends)
}
