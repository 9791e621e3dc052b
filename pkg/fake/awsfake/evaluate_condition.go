package awsfake

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// condition is one key of one operator, with all its values.
type condition struct {
	key      string // in lower case
	of       quantifier
	negated  bool
	ifExists bool
	absent   *bool // the operator is Null: true wants the key absent, false present
	values   []test
}

// test compares a value of the request with one value of the policy.
type test func(value string, context requestContext) bool

// quantifier says how many of a key's values must fit.
type quantifier int

const (
	single quantifier = iota
	forAll
	forAny
)

// operator is a way to compare: kinds of keys it fits, whether it is true where
// the comparison is not, and how it reads a value of the policy.
type operator struct {
	kinds   kind
	negated bool
	read    func(value string, version syntax) (test, error)
}

// operators are all that we know. BinaryEquals is not among them.
var operators = map[string]operator{
	"StringEquals":              {text | arn, false, readText(false)},
	"StringNotEquals":           {text | arn, true, readText(false)},
	"StringLike":                {text | arn, false, readText(true)},
	"StringNotLike":             {text | arn, true, readText(true)},
	"StringEqualsIgnoreCase":    {text | arn, false, readFolded},
	"StringNotEqualsIgnoreCase": {text | arn, true, readFolded},
	"ArnEquals":                 {arn, false, readARN},
	"ArnLike":                   {arn, false, readARN}, // the same as ArnEquals, by documentation
	"ArnNotEquals":              {arn, true, readARN},
	"ArnNotLike":                {arn, true, readARN},
	"Bool":                      {boolean, false, compare(readBool, func(have, want bool) bool { return have == want })},
	"IpAddress":                 {address, false, readAddress},
	"NotIpAddress":              {address, true, readAddress},
	"DateEquals":                {date, false, compare(readDate, time.Time.Equal)},
	"DateNotEquals":             {date, true, compare(readDate, time.Time.Equal)},
	"DateLessThan":              {date, false, compare(readDate, time.Time.Before)},
	"DateLessThanEquals":        {date, false, compare(readDate, func(have, want time.Time) bool { return !have.After(want) })},
	"DateGreaterThan":           {date, false, compare(readDate, time.Time.After)},
	"DateGreaterThanEquals":     {date, false, compare(readDate, func(have, want time.Time) bool { return !have.Before(want) })},
	"NumericEquals":             {number, false, compare(readNumber, func(have, want float64) bool { return have == want })},
	"NumericNotEquals":          {number, true, compare(readNumber, func(have, want float64) bool { return have == want })},
	"NumericLessThan":           {number, false, compare(readNumber, func(have, want float64) bool { return have < want })},
	"NumericLessThanEquals":     {number, false, compare(readNumber, func(have, want float64) bool { return have <= want })},
	"NumericGreaterThan":        {number, false, compare(readNumber, func(have, want float64) bool { return have > want })},
	"NumericGreaterThanEquals":  {number, false, compare(readNumber, func(have, want float64) bool { return have >= want })},
}

// holds applies IAM's rules of missing keys: a comparison with nothing is
// false, its negation is true, ...IfExists is true, all of none is true and any
// of none is false, also when negated.
func (c condition) holds(context requestContext) bool {
	values := context[c.key]
	if c.absent != nil {
		return *c.absent == empty(values)
	}
	switch {
	case len(values) == 0 && c.ifExists:
		return true
	case c.of == forAll:
		return empty(values) || !slices.ContainsFunc(values, func(v string) bool { return !c.fits(v, context) })
	case c.of == forAny:
		return !empty(values) && slices.ContainsFunc(values, func(v string) bool { return c.fits(v, context) })
	case len(values) == 0:
		return c.negated
	}
	return c.fits(values[0], context)
}

// fits says whether a value equals one value of the policy; negated, none.
func (c condition) fits(value string, context requestContext) bool {
	found := slices.ContainsFunc(c.values, func(t test) bool { return t(value, context) })
	return found != c.negated
}

// empty says whether a key has no value but empty ones, which Null,
// ForAllValues and ForAnyValue count as none.
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
	case known.many && c.of == single:
		err = errors.New("the key has many values: ForAllValues or ForAnyValue must say how many")
	case c.of != single && c.ifExists:
		err = errors.New("of a set, IfExists says nothing that is documented")
	case base == "Bool" && len(values) > 1:
		err = errors.New("true and false at once")
	}
	if err != nil {
		return condition{}, err
	}
	c.negated = op.negated
	return c, c.read(values, op, version)
}

// qualify takes what stands around an operator's name off it.
func (c *condition) qualify(name string) (base string) {
	base, c.ifExists = strings.CutSuffix(name, "IfExists")
	if rest, ok := strings.CutPrefix(base, "ForAllValues:"); ok {
		base, c.of = rest, forAll
	} else if rest, ok := strings.CutPrefix(base, "ForAnyValue:"); ok {
		base, c.of = rest, forAny
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
		return nil, errors.New("true and false at once")
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
	return func(have string, context requestContext) bool {
		want, ok := p.in(context)
		return ok && strings.EqualFold(string(want), have)
	}, err
}

func readARN(value string, version syntax) (test, error) {
	p, err := syntax{wildcards: true, variables: version.variables}.parseARN(value)
	return p.matches, err
}

func readAddress(value string, _ syntax) (test, error) {
	block, err := readRange(value)
	return func(have string, _ requestContext) bool {
		one, err := netip.ParseAddr(have)
		return err == nil && block.Contains(one)
	}, err
}

// compare makes an operator of a reader and an order. Variables are no dates,
// numbers or booleans, and fail to be read as such.
func compare[T any](read func(string) (T, error), holds func(have, want T) bool) func(string, syntax) (test, error) {
	return func(value string, _ syntax) (test, error) {
		want, err := read(value)
		return func(value string, _ requestContext) bool {
			have, err := read(value)
			return err == nil && holds(have, want)
		}, err
	}
}
