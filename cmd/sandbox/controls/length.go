package controls

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// maxLength is the longest time that a control lets pass at once.
const maxLength = 100 * 366 * 24 * time.Hour

// parseLength reads a length of sandbox time as Go writes it, with days in front:
// 30m, 1h30m, 90s, 2d, 1d12h. It refuses lengths that are negative or longer
// than maxLength.
func parseLength(text string) (time.Duration, error) {
	invalid := fmt.Errorf("%q is not a length of time: write it like 30m, 1h30m, 90s or 2d", text)
	days, rest := time.Duration(0), text
	if number, after, ok := strings.Cut(text, "d"); ok {
		n, err := time.ParseDuration(number + "h")
		if err != nil || n > maxLength/24 {
			return 0, invalid
		}
		days, rest = 24*n, cmp.Or(after, "0s")
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 || days < 0 || d+days > maxLength {
		return 0, invalid
	}
	return days + d, nil
}
