package policy

import (
	"math"
	"strings"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

// The bounds of max, in the policy file.
const (
	minMax = access.MinFor
	maxMax = 30 * 24 * time.Hour
)

const day = 24 * time.Hour

// ParseLength reads a length of time as people and the policy file write it:
// days, hours and minutes in this order, each a whole number with its unit, as
// in 30m, 4h, 1h30m and 2d. Spaces, signs, fractions, other units, nothing at
// all and lengths of zero are refused with the code bad_length, and so is what
// a time.Duration cannot hold (about 292 years).
func ParseLength(text string) (time.Duration, error) {
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
	if rest != "" || total == 0 {
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
	return access.Refuse("bad_length", said, "Write it like 30m, 4h, 1h30m or 2d.")
}
