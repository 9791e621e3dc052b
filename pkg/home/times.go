package home

import "time"

// Margins of a session's end.
const (
	maxMargin   = time.Minute      // how much earlier than the session's end keys are said to end
	maxRenewal  = 16 * time.Minute // keys with less time left are renewed: botocore asks again from 15 (docs/facts.md#k6)
	maxClockGap = 25 * time.Hour   // how wrong a clock may be, any time zone mistaken for another one included
)

// PrintedEnd returns when keys end, by the computer's clock: the local time before the call was sent, plus
// the life of the keys by the server's clock, less a minute or a tenth of the life. So a wrong clock does
// no harm, and SDKs that use keys to the last second (docs/facts.md#k7) do not use them after it.
//
// A positive lifetime only makes the end earlier.
func PrintedEnd(sent, server, expires time.Time, lifetime time.Duration) time.Time {
	life := expires.Sub(server)
	end := sent.Add(life - min(maxMargin, life/10))
	if short := sent.Add(lifetime); lifetime > 0 && short.Before(end) {
		end = short
	}
	return end.Round(0) // without the monotonic clock, which another process does not have
}

// reusable reports whether keys have enough time left to be given out again: more than 16 minutes, or than
// a third of their life. Keys from the future were cached by another clock, and are not used.
func reusable(from, end, now time.Time) bool {
	return !now.Before(from) && end.Sub(now) > min(maxRenewal, end.Sub(from)/3)
}

// ClockGap returns what has to be added to the local clock to get the server's. It is false if the gap is
// so large that something else is wrong; a sandbox on this computer may have any time.
func ClockGap(local, server time.Time, loopback bool) (gap time.Duration, ok bool) {
	gap = server.Sub(local)
	return gap, loopback || gap.Abs() <= maxClockGap
}
