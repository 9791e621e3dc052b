package access

import "errors"

// Refusal is an answer for a person whose request or click was refused. Only the
// constructors in refusals.go make one.
type Refusal struct {
	Code string // for machines and tests: stable, lower case, underscores
	Says string // one sentence: what was refused and why
	Next string // what to try instead; may be empty
}

// Error returns the whole answer: the sentence, then what to try next.
func (r *Refusal) Error() string {
	if r.Next == "" {
		return r.Says
	}
	return r.Says + " " + r.Next
}

// Join returns several errors as one: nil for none, and a single one unchanged.
// The errors of a joined error keep their place, so Refusals finds them in order.
func Join(errs ...error) error {
	var all errorList
	for _, err := range errs {
		if more, ok := err.(errorList); ok { //nolint:errorlint // only the type itself, not what wraps it
			all = append(all, more...)
		} else if err != nil {
			all = append(all, err)
		}
	}
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	return all
}

type errorList []error

func (s errorList) Error() string { return errors.Join(s...).Error() }

func (s errorList) Unwrap() []error { return s }

// Refusals returns all refusals in err, in order, so that all mistakes in a form
// are reported at once.
func Refusals(err error) (all []*Refusal) {
	switch e := err.(type) { //nolint:errorlint // it walks the whole tree
	case *Refusal:
		return []*Refusal{e}
	case interface{ Unwrap() []error }:
		for _, one := range e.Unwrap() {
			all = append(all, Refusals(one)...)
		}
	case interface{ Unwrap() error }:
		return Refusals(e.Unwrap())
	}
	return all
}

// Code returns the code of the refusal in err, or "" if there is none.
func Code(err error) string {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Code
	}
	return ""
}
