package access

import (
	"strconv"
	"time"
)

// Length writes a duration as the policy file does: 30m, 4h, 1h30m, 2d.
// Seconds are written when there are any.
func Length(d time.Duration) string {
	if d < 0 {
		return "-" + Length(-d)
	}
	text := ""
	for _, unit := range [...]struct {
		size time.Duration
		name string
	}{{24 * time.Hour, "d"}, {time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if n := d / unit.size; n > 0 {
			text += strconv.Itoa(int(n)) + unit.name
			d %= unit.size
		}
	}
	if text == "" {
		return "0m"
	}
	return text
}

// Clockface writes a moment for people: in UTC, with the zone.
func Clockface(t time.Time) string { return t.UTC().Format("2 Jan 15:04 UTC") }
