package controls

import (
	"testing"
	"time"
)

func TestLengthsOfTime(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"30m": 30 * time.Minute, "1h30m": 90 * time.Minute, "90s": 90 * time.Second, "0s": 0,
		"2d": 48 * time.Hour, "1d12h": 36 * time.Hour, "365d": 365 * 24 * time.Hour,
	} {
		if got, err := parseLength(text); err != nil || got != want {
			t.Errorf("%q: got %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "1", "d", "-1d", "-1h", "1d-1h", "1 h", "1y", "99999999999d", "999999999h", "NaNd"} {
		if got, err := parseLength(text); err == nil {
			t.Errorf("%q is %v", text, got)
		}
	}
}

func FuzzParseLength(f *testing.F) {
	for _, seed := range []string{"30m", "1d12h", "-1d", "9e9d", "1d1d"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if d, err := parseLength(text); err == nil && (d < 0 || d > maxLength) {
			t.Fatalf("%q is %v", text, d)
		}
	})
}
