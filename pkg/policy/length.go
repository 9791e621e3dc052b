package policy

import (
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/aws-access/aws-access/pkg/access"
)

const day = 24 * time.Hour

// ParseLength reads a length of time as people write it: days, hours and minutes in this order, such
// as 2h, 1H, 90 min, 2 hours, 1 h 30 m and 2days. A single number may have a decimal point or a
// comma, such as 1.5h, if it is a whole number of minutes. Zero is a length.
//
// Refusal: bad_length, for a number without a unit, signs, other units, and lengths that a
// time.Duration cannot hold (about 292 years).
func ParseLength(text string) (time.Duration, error) {
	if len(text) > maxLengthText {
		return 0, access.RefuseBadLength(text)
	}
	d, err := ParseFileLength(abbreviate(text))
	if err != nil {
		return 0, access.RefuseBadLength(text)
	}
	return d, nil
}

// maxLengthText is more than any length of time needs, in bytes.
const maxLengthText = 100

// units has the ways in which people write a unit.
var units = map[string]string{
	"d": "d", "day": "d", "days": "d",
	"h": "h", "hr": "h", "hrs": "h", "hour": "h", "hours": "h",
	"m": "m", "min": "m", "mins": "m", "minute": "m", "minutes": "m",
}

// abbreviate returns what a person wrote in the form of the policy file, "" if it is not a length.
func abbreviate(text string) string {
	rest, short := strings.ToLower(strings.TrimSpace(text)), ""
	for rest != "" {
		var number, name string
		number, rest = cutWhile(rest, func(r rune) bool { return strings.ContainsRune("0123456789.,", r) })
		name, rest = cutWhile(rest, func(r rune) bool { return r >= 'a' && r <= 'z' })
		unit, known := units[name]
		if number == "" || !known {
			return ""
		}
		if i := strings.IndexAny(number, ".,"); i >= 0 {
			if short != "" || rest != "" {
				return ""
			}
			return decimal(number[:i], number[i+1:], unit)
		}
		short += number + unit
	}
	return short
}

// cutWhile cuts text after the first characters for which is holds, and the spaces behind them.
func cutWhile(text string, is func(rune) bool) (before, after string) {
	end := strings.IndexFunc(text, func(r rune) bool { return !is(r) })
	if end < 0 {
		end = len(text)
	}
	return text[:end], strings.TrimLeftFunc(text[end:], unicode.IsSpace)
}

// decimal returns a number of hours or days with a fraction as minutes, "" if it is not a whole
// number of minutes.
func decimal(whole, fraction, unit string) string {
	n, digits := leadingNumber(whole + fraction)
	minutes := map[string]int64{"h": 60, "d": 24 * 60}[unit]
	// Three digits are refused: 1,000h is a thousand hours to some people and one hour to others.
	scale, known := map[int]int64{1: 10, 2: 100}[len(fraction)]
	if !known || minutes == 0 || whole == "" || len(whole) > 6 || digits != len(whole)+len(fraction) ||
		n*minutes%scale != 0 {
		return ""
	}
	return strconv.FormatInt(n*minutes/scale, 10) + "m"
}

// ParseFileLength reads a length of time as the policy file has it, in one way only, so that a search
// finds it: days, hours and minutes in this order, each a whole number with its unit, such as 30m,
// 4h, 1h30m and 2d. Refusal: bad_length.
func ParseFileLength(text string) (time.Duration, error) {
	rest, total := text, time.Duration(0)
	for _, unit := range [...]struct {
		name byte
		size time.Duration
	}{{'d', day}, {'h', time.Hour}, {'m', time.Minute}} {
		n, digits := leadingNumber(rest)
		if digits == 0 || digits == len(rest) || rest[digits] != unit.name {
			continue
		}
		if n > int64((math.MaxInt64-total)/unit.size) {
			return 0, access.RefuseBadLength(text)
		}
		total += time.Duration(n) * unit.size
		rest = rest[digits+1:]
	}
	if text == "" || rest != "" {
		return 0, access.RefuseBadLength(text)
	}
	return total, nil
}

// leadingNumber reads the digits at the beginning of text. A number that is too large for an int64
// is the largest one.
func leadingNumber(text string) (n int64, digits int) {
	for digits < len(text) && text[digits] >= '0' && text[digits] <= '9' {
		d := int64(text[digits] - '0')
		if n > (math.MaxInt64-d)/10 {
			n = math.MaxInt64
		} else {
			n = n*10 + d
		}
		digits++
	}
	return n, digits
}
