package awsfake

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// condition is one operator with one of its keys and all values of that key.
type condition struct {
	key      string // in lower case
	quantity quantifier
	negated  bool
	ifExists bool
	absent   *bool // set for the operator Null: true means that the key must be absent
	values   []test
}

// test compares a value of the request with one value of the policy.
type test func(value string, context requestContext) bool

// quantifier says how many of a key's values must match.
type quantifier int

const (
	single quantifier = iota
	forAll
	forAny
)

// operator is a condition operator: the kinds of keys that it compares, whether it
// negates the comparison, and how it reads a value of the policy.
type operator struct {
	kinds   kind
	negated bool
	read    func(value string, version syntax) (test, error)
}

// operators lists all operators that this package knows. BinaryEquals is missing:
// no known key has binary values.
var operators = map[string]operator{
	"StringEquals":              {text | arn, false, readText(false)},
	"StringNotEquals":           {text | arn, true, readText(false)},
	"StringLike":                {text | arn, false, readText(true)},
	"StringNotLike":             {text | arn, true, readText(true)},
	"StringEqualsIgnoreCase":    {text | arn, false, readFolded},
	"StringNotEqualsIgnoreCase": {text | arn, true, readFolded},
	"ArnEquals":                 {arn, false, readARN},
	"ArnLike":                   {arn, false, readARN}, // documented to be the same as ArnEquals
	"ArnNotEquals":              {arn, true, readARN},
	"ArnNotLike":                {arn, true, readARN},
	"Bool":                      {boolean, false, compare(readBool, equal[bool])},
	"IpAddress":                 {address, false, readAddress},
	"NotIpAddress":              {address, true, readAddress},
	"DateEquals":                {date, false, compare(readDate, time.Time.Equal)},
	"DateNotEquals":             {date, true, compare(readDate, time.Time.Equal)},
	"DateLessThan":              {date, false, compare(readDate, time.Time.Before)},
	"DateLessThanEquals":        {date, false, compare(readDate, notAfter)},
	"DateGreaterThan":           {date, false, compare(readDate, time.Time.After)},
	"DateGreaterThanEquals":     {date, false, compare(readDate, notBefore)},
	"NumericEquals":             {number, false, compare(readNumber, equal[float64])},
	"NumericNotEquals":          {number, true, compare(readNumber, equal[float64])},
	"NumericLessThan":           {number, false, compare(readNumber, less)},
	"NumericLessThanEquals":     {number, false, compare(readNumber, lessOrEqual)},
	"NumericGreaterThan":        {number, false, compare(readNumber, greater)},
	"NumericGreaterThanEquals":  {number, false, compare(readNumber, greaterOrEqual)},
}

func equal[T comparable](got, want T) bool  { return got == want }
func less(got, want float64) bool           { return got < want }
func lessOrEqual(got, want float64) bool    { return got <= want }
func greater(got, want float64) bool        { return got > want }
func greaterOrEqual(got, want float64) bool { return got >= want }
func notAfter(got, want time.Time) bool     { return !got.After(want) }
func notBefore(got, want time.Time) bool    { return !got.Before(want) }

// holds reports whether the condition holds. It applies IAM's rules for a missing
// key: a comparison is false, a negated comparison is true, ...IfExists is true.
// Without values ForAllValues is true and ForAnyValue is false, also when negated.
func (c condition) holds(context requestContext) bool {
	values := context[c.key]
	if c.absent != nil {
		return *c.absent == empty(values)
	}
	switch {
	case len(values) == 0 && c.ifExists:
		return true
	case c.quantity == forAll:
		return empty(values) || !slices.ContainsFunc(values, func(v string) bool { return !c.matches(v, context) })
	case c.quantity == forAny:
		return !empty(values) && slices.ContainsFunc(values, func(v string) bool { return c.matches(v, context) })
	case len(values) == 0:
		return c.negated
	}
	return c.matches(values[0], context)
}

// matches reports whether a value equals one of the policy's values or, for a
// negated operator, none of them.
func (c condition) matches(value string, context requestContext) bool {
	found := slices.ContainsFunc(c.values, func(t test) bool { return t(value, context) })
	return found != c.negated
}

// empty reports whether all values are empty. Null, ForAllValues and ForAnyValue
// ignore empty values.
func empty(values []string) bool {
	return !slices.ContainsFunc(values, func(v string) bool { return v != "" })
}

// parseCondition reads one operator and one of its keys.
func parseCondition(name string, of member, version syntax) (condition, error) {
	known, err := lookUpKey(of.name)
	if err != nil {
		return condition{}, err
	}
	values, err := readScalars(of.value)
	if err != nil {
		return condition{}, err
	}
	c := condition{key: strings.ToLower(of.name)}
	if name == "Null" {
		c.absent, err = readNull(values)
		return c, err
	}
	base := c.qualify(name)
	op, ok := operators[base]
	switch {
	case !ok:
		err = fmt.Errorf("operator %q is not known", name)
	case op.kinds&known.kind == 0:
		err = fmt.Errorf("%s does not compare values of this key", base)
	case known.many && c.quantity == single:
		err = errors.New("the key has many values and needs ForAllValues or ForAnyValue")
	case c.quantity != single && c.ifExists:
		err = errors.New("IfExists together with ForAllValues or ForAnyValue is not documented")
	case base == "Bool" && len(values) > 1:
		err = errors.New("more than one value")
	}
	if err != nil {
		return condition{}, err
	}
	c.negated = op.negated
	return c, c.read(values, op, version)
}

// qualify reads prefix and suffix of an operator's name, and returns the name
// without them.
func (c *condition) qualify(name string) (base string) {
	base, c.ifExists = strings.CutSuffix(name, "IfExists")
	if rest, ok := strings.CutPrefix(base, "ForAllValues:"); ok {
		base, c.quantity = rest, forAll
	} else if rest, ok := strings.CutPrefix(base, "ForAnyValue:"); ok {
		base, c.quantity = rest, forAny
	}
	return base
}

func (c *condition) read(values []string, op operator, version syntax) error {
	for _, value := range values {
		t, err := op.read(value, version)
		if err != nil {
			return err
		}
		c.values = append(c.values, t)
	}
	return nil
}

func readNull(values []string) (*bool, error) {
	if len(values) > 1 {
		return nil, errors.New("more than one value")
	}
	absent, err := readBool(values[0])
	return &absent, err
}

func readText(wildcards bool) func(string, syntax) (test, error) {
	return func(value string, version syntax) (test, error) {
		p, err := syntax{wildcards: wildcards, variables: version.variables}.parse(value)
		return p.matches, err
	}
}

func readFolded(value string, version syntax) (test, error) {
	p, err := syntax{variables: version.variables}.parse(value)
	return func(got string, context requestContext) bool {
		want, ok := p.expand(context)
		return ok && strings.EqualFold(string(want), got)
	}, err
}

func readARN(value string, version syntax) (test, error) {
	p, err := syntax{wildcards: true, variables: version.variables}.parseARN(value)
	return p.matches, err
}

func readAddress(value string, _ syntax) (test, error) {
	block, err := readRange(value)
	return func(got string, _ requestContext) bool {
		addr, err := netip.ParseAddr(got)
		return err == nil && block.Contains(addr)
	}, err
}

// compare builds the read function of an operator from a parser and a comparison.
// A policy variable is refused, because it cannot be parsed as a date, number or
// boolean.
func compare[T any](read func(string) (T, error), holds func(got, want T) bool) func(string, syntax) (test, error) {
	return func(value string, _ syntax) (test, error) {
		want, err := read(value)
		return func(value string, _ requestContext) bool {
			got, err := read(value)
			return err == nil && holds(got, want)
		}, err
	}
}
