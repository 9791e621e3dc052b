package access

import (
	"maps"
	"time"
)

// Problem is one problem that the operators are told about.
type Problem struct {
	Text   string    // what they read; it holds no secret
	Since  time.Time // when it was first reported
	Told   time.Time `json:",omitzero"` // when Slack accepted the message; zero until then
	Try    time.Time `json:",omitzero"` // not posted before then: another invocation may be posting it
	Claim  string    `json:",omitzero"` // of the invocation that may be posting it now
	Over   bool      `json:",omitzero"` // Text says that it is over; removed once the operators are told
	Forget time.Time `json:",omitzero"` // when it is removed although nobody reports its end
}

// Problems are the current problems by cause, so that the operators are told of
// each once when it begins and once when it is over.
type Problems struct {
	Version int
	Current map[string]Problem `json:"Open"`
}

// MaxProblems bounds how many causes are kept, and MaxProblemText how many
// characters of each text, so that all fit into one item of the table (400 KB).
const (
	MaxProblems    = 40
	MaxProblemText = 2000
)

// MaxPassing limits the problems whose end nobody reports, such as a person who
// sends too much. Otherwise one person could fill the list, and no other problem
// would fit.
const MaxPassing = MaxProblems / 2

// TellAgainAfter is how long the posting of a message to the operators may take
// before another invocation posts it.
const TellAgainAfter = time.Minute

// Report adds a problem. It returns false if the cause is known already, or if
// there are too many problems.
func (p Problems) Report(cause string, problem Problem) (Problems, bool) {
	known, found := p.Current[cause]
	if found && !known.Over && !known.forgotten(problem.Since) || !found && p.full(problem) {
		return p, false
	}
	return p.with(cause, problem), true
}

func (p Problems) full(problem Problem) bool {
	passing := 0
	for _, known := range p.Current {
		if !known.Forget.IsZero() {
			passing++
		}
	}
	return len(p.Current) >= MaxProblems || !problem.Forget.IsZero() && passing >= MaxPassing
}

// Resolve replaces a problem with the message that it is over. A problem that the
// operators were never told about is removed. It returns false if nothing changes.
func (p Problems) Resolve(cause, text string, now time.Time) (Problems, bool) {
	known, found := p.Current[cause]
	switch {
	case !found || known.Over:
		return p, false
	case known.Told.IsZero():
		return p.without(cause), true
	}
	return p.with(cause, Problem{Text: text, Since: now, Over: true}), true
}

// ReportEnd reports an end that has a cause of its own, in the place of the problem that is over. So
// the operators are told of the end even if the problem began and ended before they could be. It
// returns false if nothing changes.
func (p Problems) ReportEnd(of, cause string, end Problem) (Problems, bool) {
	_, known := p.Current[cause]
	next, added := p.Report(cause, end)
	if !added && !known { // there is no room
		return p.Resolve(of, end.Text, end.Since)
	}
	if _, found := next.Current[of]; found {
		return next.without(of), true
	}
	return next, added
}

// Tell records that the operators were told about a cause.
func (p Problems) Tell(cause string, now time.Time) Problems {
	told, found := p.Current[cause]
	switch {
	case !found:
		return p
	case told.Over:
		return p.without(cause)
	}
	told.Told, told.Try, told.Claim = now, time.Time{}, ""
	return p.with(cause, told)
}

// Claim records that the caller is about to tell the operators about a cause. It
// returns false if they were told, or if another invocation may be telling them. Each
// caller gives a mark of its own: the store takes an equal write for a repeated one, so
// without it two invocations in the same instant would both have the claim.
func (p Problems) Claim(cause, mark string, now time.Time) (Problems, bool) {
	owed, found := p.Current[cause]
	if !found || !owed.Told.IsZero() || now.Before(owed.Try) {
		return p, false
	}
	owed.Try, owed.Claim = now.Add(TellAgainAfter), mark
	return p.with(cause, owed), true
}

// Prune removes the problems whose Forget has come. It returns false if there are
// none.
func (p Problems) Prune(now time.Time) (Problems, bool) {
	next := maps.Clone(p.Current)
	maps.DeleteFunc(next, func(_ string, known Problem) bool { return known.forgotten(now) })
	if len(next) == len(p.Current) {
		return p, false
	}
	p.Current = next
	return p, true
}

func (p Problem) forgotten(now time.Time) bool { return !p.Forget.IsZero() && !now.Before(p.Forget) }

func (p Problems) with(cause string, problem Problem) Problems {
	next := maps.Clone(p.Current)
	if next == nil {
		next = make(map[string]Problem)
	}
	if text := []rune(problem.Text); len(text) > MaxProblemText {
		problem.Text = string(text[:MaxProblemText-1]) + "…"
	}
	next[cause] = problem
	p.Current = next
	return p
}

func (p Problems) without(cause string) Problems {
	next := maps.Clone(p.Current)
	delete(next, cause)
	p.Current = next
	return p
}
