package access

import (
	"strconv"
	"time"
)

// FormatLength writes a duration as the policy file does: 30m, 4h, 1h30m, 2d.
// It adds seconds if there are any. No time is 0m.
func FormatLength(d time.Duration) string {
	if d < 0 {
		return "-" + FormatLength(-d)
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

// FormatTime writes a time for people: in UTC, with the zone.
func FormatTime(t time.Time) string { return t.UTC().Format("2 Jan 15:04 UTC") }
