package access

import "errors"

// Refusal is a "no" that is meant for a person.
type Refusal struct {
	Code string // for machines and tests: stable, lower case, underscores
	Says string // one sentence: what was refused and why
	Next string // what to try instead; may be empty
}

// Error is the whole answer as text: the sentence, then what to try next.
func (r *Refusal) Error() string {
	if r.Next == "" {
		return r.Says
	}
	return r.Says + " " + r.Next
}

// All is several errors as one: nil for none, and the only one as it is.
func All(errs ...error) error {
	var all several
	for _, err := range errs {
		if more, ok := err.(several); ok { //nolint:errorlint // its own kind
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

type several []error

func (s several) Error() string { return errors.Join(s...).Error() }

func (s several) Unwrap() []error { return s }

// Refusals are all the refusals in err, in their order: the mistakes of a form are told at once.
func Refusals(err error) (all []*Refusal) {
	switch e := err.(type) { //nolint:errorlint // the tree is walked by hand
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
