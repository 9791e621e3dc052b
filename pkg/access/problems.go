package access

import (
	"maps"
	"time"
)

// Problem is one thing that is wrong and that the operators have to know.
type Problem struct {
	Text   string    // what they read; it holds no secret
	Since  time.Time // when it was first reported
	Told   time.Time `json:",omitzero"` // when Slack took the message; zero while it is owed
	Try    time.Time `json:",omitzero"` // not told before then: somebody else may be posting it now
	Over   bool      `json:",omitzero"` // Text says that it is over; forgotten once it is told
	Forget time.Time `json:",omitzero"` // forgotten from then on although nobody reports its end
}

// Problems is what the operators were told, by cause, so that each cause is
// told once when it begins and once when it is over.
type Problems struct {
	Version int
	Open    map[string]Problem
}

// MaxProblems bounds how many causes are kept, and MaxProblemText how many
// characters of each text, so that all fit into one item of the table (400 KB).
const (
	MaxProblems    = 40
	MaxProblemText = 2000
)

// MaxPassing is how many of them may have no end, such as people who send too
// much: somebody could fill the list with them, and what lasts has to fit.
const MaxPassing = MaxProblems / 2

// TellAgainAfter is how long a message to the operators may be under way before
// it is posted again.
const TellAgainAfter = time.Minute

// Report adds a problem. It returns false when the cause is known already, or
// when too many are: the first ones say enough.
func (p Problems) Report(cause string, problem Problem) (Problems, bool) {
	known, found := p.Open[cause]
	if found && !known.Over && !known.forgotten(problem.Since) || !found && p.full(problem) {
		return p, false
	}
	return p.with(cause, problem), true
}

func (p Problems) full(problem Problem) bool {
	passing := 0
	for _, known := range p.Open {
		if !known.Forget.IsZero() {
			passing++
		}
	}
	return len(p.Open) >= MaxProblems || !problem.Forget.IsZero() && passing >= MaxPassing
}

// Resolve replaces a problem by the message that it is over. A problem that was
// never told is dropped. It returns false when there is nothing to change.
func (p Problems) Resolve(cause, text string, now time.Time) (Problems, bool) {
	known, found := p.Open[cause]
	switch {
	case !found || known.Over:
		return p, false
	case known.Told.IsZero():
		return p.without(cause), true
	}
	return p.with(cause, Problem{Text: text, Since: now, Over: true}), true
}

// Tell records that the operators were told of a cause.
func (p Problems) Tell(cause string, now time.Time) Problems {
	told, found := p.Open[cause]
	switch {
	case !found:
		return p
	case told.Over:
		return p.without(cause)
	}
	told.Told, told.Try = now, time.Time{}
	return p.with(cause, told)
}

// Claim is the caller's intent to tell the operators of a cause now. It returns
// false when they were told, or when somebody else may be telling them.
func (p Problems) Claim(cause string, now time.Time) (Problems, bool) {
	owed, found := p.Open[cause]
	if !found || !owed.Told.IsZero() || now.Before(owed.Try) {
		return p, false
	}
	owed.Try = now.Add(TellAgainAfter)
	return p.with(cause, owed), true
}

// Prune drops what is to be forgotten. It returns false when nothing is.
func (p Problems) Prune(now time.Time) (Problems, bool) {
	next := maps.Clone(p.Open)
	maps.DeleteFunc(next, func(_ string, known Problem) bool { return known.forgotten(now) })
	if len(next) == len(p.Open) {
		return p, false
	}
	p.Open = next
	return p, true
}

func (p Problem) forgotten(now time.Time) bool { return !p.Forget.IsZero() && !now.Before(p.Forget) }

func (p Problems) with(cause string, problem Problem) Problems {
	next := maps.Clone(p.Open)
	if next == nil {
		next = make(map[string]Problem)
	}
	if text := []rune(problem.Text); len(text) > MaxProblemText {
		problem.Text = string(text[:MaxProblemText-1]) + "…"
	}
	next[cause] = problem
	p.Open = next
	return p
}

func (p Problems) without(cause string) Problems {
	next := maps.Clone(p.Open)
	delete(next, cause)
	p.Open = next
	return p
}
