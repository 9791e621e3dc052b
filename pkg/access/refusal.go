package access

import "errors"

// Refusal is a "no" that is meant for a person.
type Refusal struct {
	Code string // for machines and tests: stable, lower case, underscores
	Says string // one sentence: what was refused and why
	Next string // what to try instead; may be empty
}

// Refuse makes a refusal; next may be empty.
func Refuse(code, says, next string) *Refusal {
	return &Refusal{Code: code, Says: says, Next: next}
}

// Error is the whole answer as text: the sentence, then what to try next.
func (r *Refusal) Error() string {
	if r.Next == "" {
		return r.Says
	}
	return r.Says + " " + r.Next
}

// Code returns the code of the refusal in err, or "" if there is none.
func Code(err error) string {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Code
	}
	return ""
}
