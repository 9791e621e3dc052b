package awsfake

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// kind is the type of a condition key's values. Operators name the kinds that
// they compare.
type kind uint8

const (
	text kind = 1 << iota
	arn
	date
	boolean
	number
	address
)

// key describes a condition key: the type of its values, and whether it can have
// many of them. A key with many values needs ForAllValues or ForAnyValue.
type key struct {
	kind kind
	many bool
}

// knownKeys lists the condition keys that policies and calls may use, in lower
// case. Add a new key here, with the type from the Service Authorization
// Reference.
var knownKeys = map[string]key{
	"aws:calledvia":               {text, true},
	"aws:currenttime":             {date, false},
	"aws:epochtime":               {date, false},
	"aws:federatedprovider":       {text, false},
	"aws:multifactorauthage":      {number, false},
	"aws:multifactorauthpresent":  {boolean, false},
	"aws:principalaccount":        {text, false},
	"aws:principalarn":            {arn, false},
	"aws:principalisawsservice":   {boolean, false},
	"aws:principalorgid":          {text, false},
	"aws:principalorgpaths":       {text, true},
	"aws:principalservicename":    {text, false},
	"aws:principaltype":           {text, false},
	"aws:requestedregion":         {text, false},
	"aws:resourceaccount":         {text, false},
	"aws:resourceorgid":           {text, false},
	"aws:resourceorgpaths":        {text, true},
	"aws:securetransport":         {boolean, false},
	"aws:sourceaccount":           {text, false},
	"aws:sourcearn":               {arn, false},
	"aws:sourceidentity":          {text, false},
	"aws:sourceip":                {address, false},
	"aws:tagkeys":                 {text, true},
	"aws:tokenissuetime":          {date, false},
	"aws:userid":                  {text, false},
	"aws:username":                {text, false},
	"aws:viaawsservice":           {boolean, false},
	"cloudformation:rolearn":      {arn, false},
	"iam:associatedresourcearn":   {arn, false},
	"iam:passedtoservice":         {text, false},
	"iam:permissionsboundary":     {arn, false},
	"iam:policyarn":               {arn, false},
	"kms:viaservice":              {text, false},
	"s3:delimiter":                {text, false},
	"s3:max-keys":                 {number, false},
	"s3:prefix":                   {text, false},
	"sts:durationseconds":         {number, false}, // no AssumeRole call has it (docs/facts.md#a6)
	"sts:externalid":              {text, false},
	"sts:rolesessionname":         {text, false},
	"sts:sourceidentity":          {text, false},
	"sts:transitivetagkeys":       {text, true},
	"sts:webidentitytokenissuer":  {text, false},
	"sts:webidentitytokensubject": {text, false},
}

// tagKeys are the prefixes of keys that end with the name of a tag. The letter case
// of that name does not matter either.
var tagKeys = []string{"aws:principaltag/", "aws:requesttag/", "aws:resourcetag/"}

func lookUpKey(name string) (key, error) {
	lower := strings.ToLower(name)
	if k, ok := knownKeys[lower]; ok {
		return k, nil
	}
	for _, prefix := range tagKeys {
		if strings.HasPrefix(lower, prefix) && lower != prefix {
			return key{text, false}, nil
		}
	}
	return key{}, fmt.Errorf("condition key %q is not known", name)
}

// check returns an error if a request cannot have these values for the key.
func (k key) check(values []string) error {
	if !k.many && len(values) > 1 {
		return fmt.Errorf("%d values for a key with a single value", len(values))
	}
	for _, value := range values {
		if err := k.kind.check(value); err != nil {
			return err
		}
	}
	return nil
}

func (k kind) check(value string) (err error) {
	switch k {
	case text:
	case arn:
		if !isARN(value) {
			err = fmt.Errorf("%q is not an ARN", value)
		}
	case date:
		_, err = readDate(value)
	case boolean:
		_, err = readBool(value)
	case number:
		_, err = readNumber(value)
	case address:
		_, err = netip.ParseAddr(value)
	default:
		err = errors.New("the key has no type")
	}
	return err
}

// isARN reports whether a string has the six parts of an ARN. The last part may
// contain colons.
func isARN(value string) bool {
	return strings.HasPrefix(value, "arn:") && strings.Count(value, ":") >= 5
}

var epochSeconds = regexp.MustCompile(`^[0-9]{9,10}$`)

// readDate reads a date of IAM: ISO 8601 in the formats of the W3C note on dates (a
// time has a zone, a day without time begins at midnight UTC), or seconds since
// 1970. It refuses a year alone, because IAM might read it as seconds.
func readDate(value string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339, "2006-01-02T15:04Z07:00", time.DateOnly} {
		if t, err := time.Parse(layout, value); err == nil {
			return t, nil
		}
	}
	if epochSeconds.MatchString(value) {
		seconds, err := strconv.ParseInt(value, 10, 64)
		return time.Unix(seconds, 0), err
	}
	return time.Time{}, fmt.Errorf("%q is neither an ISO 8601 date nor seconds since 1970", value)
}

func readBool(value string) (bool, error) {
	if value != "true" && value != "false" {
		return false, fmt.Errorf("%q is neither true nor false", value)
	}
	return value == "true", nil
}

var decimal = regexp.MustCompile(`^-?[0-9]{1,15}(\.[0-9]{1,6})?$`)

// readNumber reads an integer or a decimal that a float64 can hold precisely enough
// for comparisons.
func readNumber(value string) (float64, error) {
	if !decimal.MatchString(value) {
		return 0, fmt.Errorf("%q is not a number", value)
	}
	return strconv.ParseFloat(value, 64)
}

// readRange reads an IP address, or a range of addresses in CIDR notation.
func readRange(value string) (netip.Prefix, error) {
	if one, err := netip.ParseAddr(value); err == nil {
		return netip.PrefixFrom(one, one.BitLen()), nil
	}
	block, err := netip.ParsePrefix(value)
	if err != nil || block != block.Masked() {
		return netip.Prefix{}, fmt.Errorf("%q is neither an address nor a range of addresses", value)
	}
	return block, nil
}
