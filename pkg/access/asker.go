package access

import (
	"slices"
	"time"
)

// Asker is what limits one person: the requests that may still be open, and
// when that person asked within the last hour. It is written in the same
// transaction as each new request, on the version before, so that the limits
// hold however many requests are sent at once. Moves that end a request do not
// write it: the next ask reads the requests that it is not sure of.
type Asker struct {
	Version int
	Open    []OpenAsk `json:",omitzero"`
	Asked   []int64   `json:",omitzero"` // Unix seconds, the oldest first
}

// OpenAsk is a request that was open when it was last read.
type OpenAsk struct {
	Request, Account, Role string
	Until                  time.Time `json:",omitzero"` // the end of its grant; zero if it was pending
}

const (
	// AskWindow is the time in which asks are counted.
	AskWindow = time.Hour
	// MaxOpen is how many grants one person may hold at once. It bounds the
	// stored item, at about 60 KB.
	MaxOpen = 500
)

// Unsure are the ids of the requests that have to be read before somebody may
// ask for a role in an account: those that were pending, and the one for the
// same.
func (a Asker) Unsure(account, role string, now time.Time) (ids []string) {
	for _, o := range a.Open {
		same := o.Account == account && o.Role == role
		if o.Until.IsZero() || same && now.Before(o.Until) {
			ids = append(ids, o.Request)
		}
	}
	return ids
}

// After is the asker as it stands now, with the requests that were read:
// what is over is dropped, be it that the tick is late, and so are asks that
// are older than an hour.
func (a Asker) After(read []Request, now time.Time) Asker {
	known := make(map[string]Request, len(read))
	for _, r := range read {
		known[r.ID] = r
	}
	var open []OpenAsk
	for _, o := range a.Open {
		r, found := known[o.Request]
		switch {
		case !found && !o.Until.IsZero() && now.Before(o.Until):
			open = append(open, o)
		case found && r.State == Pending && now.Before(r.AnswerBy):
			open = append(open, o)
		case found && r.State == Active && now.Before(r.Ends):
			o.Until = r.Ends
			open = append(open, o)
		}
	}
	a.Open = open
	since := now.Add(-AskWindow).Unix()
	a.Asked = slices.DeleteFunc(slices.Clone(a.Asked), func(at int64) bool { return at <= since })
	return a
}

// Has is the id of an open request for a role in an account, "" if there is
// none.
func (a Asker) Has(account, role string) string {
	for _, o := range a.Open {
		if o.Account == account && o.Role == role {
			return o.Request
		}
	}
	return ""
}

// Counts is the asker with one more ask, which led to a request or not.
func (a Asker) Counts(now time.Time) Asker {
	a.Version++
	a.Asked = append(slices.Clone(a.Asked), now.Unix())
	return a
}

// Opens is the asker with a request that was just made.
func (a Asker) Opens(r Request, now time.Time) Asker {
	a = a.Counts(now)
	a.Open = append(slices.Clone(a.Open), OpenAsk{Request: r.ID, Account: r.Account, Role: r.Role, Until: r.Ends})
	return a
}

// TooMany refuses an ask before anybody is asked about it. Refusals:
// too_many_asks, too_many_open.
func (a Asker) TooMany(perHour int) error {
	if n := len(a.Asked); n >= perHour {
		free := time.Unix(a.Asked[n-perHour], 0).Add(AskWindow)
		return RefuseTooManyAsks(n, free)
	}
	if n := len(a.Open); n >= MaxOpen {
		return RefuseTooManyOpen(n)
	}
	return nil
}

// TooManyPending refuses a request that would wait for an answer beside as many
// as may. Refusals: too_many_pending.
func (a Asker) TooManyPending(most int) error {
	pending := 0
	for _, o := range a.Open {
		if o.Until.IsZero() {
			pending++
		}
	}
	if pending < most {
		return nil
	}
	return RefuseTooManyPending(pending)
}

// Already is the answer to somebody who asks again for what is pending or
// active: how it stands. Refusals: already_asked, already_granted.
func (r Request) Already() error {
	if r.State == Pending {
		return RefuseAlreadyAsked(r.AnswerBy)
	}
	return RefuseAlreadyGranted(r.Ends)
}
