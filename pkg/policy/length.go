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

// ParseLength reads a length of time as people write it: days, hours and minutes in this order, such as 2h, 1H,
// 90 min, 2 hours, 1 h 30 m and 2days. One number alone may have a decimal point or comma, such as 1.5h, if it comes
// to whole minutes. A number without a unit, signs, other units and what a time.Duration cannot hold (about 292 years)
// are refused with the code bad_length. Zero is a length, and too short for everything.
func ParseLength(text string) (time.Duration, error) {
	if len(text) > maxLengthText {
		return 0, badLength(text)
	}
	d, err := ParseFileLength(shortened(text))
	if err != nil {
		return 0, badLength(text)
	}
	return d, nil
}

// maxLengthText is longer than any length that somebody means, in bytes.
const maxLengthText = 100

// unitNames are the ways in which people write the units.
var unitNames = map[string]string{
	"d": "d", "day": "d", "days": "d",
	"h": "h", "hr": "h", "hrs": "h", "hour": "h", "hours": "h",
	"m": "m", "min": "m", "mins": "m", "minute": "m", "minutes": "m",
}

// shortened writes a length that a person wrote as the policy file does, or returns what ParseFileLength refuses.
func shortened(text string) string {
	rest, short := strings.ToLower(strings.TrimSpace(text)), ""
	for rest != "" {
		number := rest[:strings.IndexFunc(rest+"x", func(r rune) bool { return !strings.ContainsRune("0123456789.,", r) })]
		rest = strings.TrimLeftFunc(rest[len(number):], unicode.IsSpace)
		name := rest[:strings.IndexFunc(rest+"0", func(r rune) bool { return r < 'a' || r > 'z' })]
		rest = strings.TrimLeftFunc(rest[len(name):], unicode.IsSpace)
		unit, known := unitNames[name]
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

// decimal writes a number of hours or days that has a fraction in minutes.
func decimal(whole, fraction, unit string) string {
	n, digits := leadingNumber(whole + fraction)
	minutes := map[string]int64{"h": 60, "d": 24 * 60}[unit]
	scale, known := map[int]int64{1: 10, 2: 100}[len(fraction)] // 1,000h is a thousand hours to some, and one to others
	if !known || minutes == 0 || whole == "" || len(whole) > 6 || digits != len(whole)+len(fraction) ||
		n*minutes%scale != 0 {
		return ""
	}
	return strconv.FormatInt(n*minutes/scale, 10) + "m"
}

// ParseFileLength reads a length of time as the policy file writes it, in one way only: days, hours and minutes in this
// order, each a whole number with its unit, as in 30m, 4h, 1h30m and 2d. All else is refused with the code bad_length.
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
			return 0, badLength(text)
		}
		total += time.Duration(n) * unit.size
		rest = rest[digits+1:]
	}
	if text == "" || rest != "" {
		return 0, badLength(text)
	}
	return total, nil
}

// leadingNumber reads the digits that text begins with. A number that an int64
// cannot hold is as good as the greatest one.
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

func badLength(text string) error {
	said := "That is not a length of time."
	if text = strings.ToValidUTF8(text, "?"); text != "" && len(text) <= 40 {
		said = "“" + text + "” is not a length of time."
	}
	return access.Refuse("bad_length", said, "Write it with its unit, like 30m, 2 hours, 1h30m or 2d.")
}
