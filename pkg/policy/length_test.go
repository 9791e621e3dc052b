package policy_test

import (
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
	"github.com/aws-access/aws-access/pkg/policy"
)

func TestLengthsAreReadAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"5m": 5 * time.Minute, "90m": 90 * time.Minute, "4h": 4 * time.Hour, "1h30m": 90 * time.Minute,
		"2d": 48 * time.Hour,
		"1H": time.Hour, "2 hours": 2 * time.Hour, "2hrs": 2 * time.Hour, "90 min": 90 * time.Minute,
		"90min": 90 * time.Minute, "2 days": 48 * time.Hour,
		"1 h 30 m": 90 * time.Minute, "1 Hour 30 Minutes": 90 * time.Minute, " 1 day\u00a0": 24 * time.Hour,
		"1.5h": 90 * time.Minute, "1,5 hours": 90 * time.Minute,
		"0.25d": 6 * time.Hour, "0.1h": 6 * time.Minute, "0h": 0, "0d0h0m": 0, "0 min": 0, "0.0h": 0,
		"1d12h": 36 * time.Hour, "1d1h1m": 25*time.Hour + time.Minute, "100000d": 100000 * 24 * time.Hour,
		"0h30m": 30 * time.Minute,
	} {
		if got, err := policy.ParseLength(text); got != want || err != nil {
			t.Errorf("%q: got %s, %v; want %s", text, got, err, want)
		}
	}
}

func TestTextThatIsNoLengthIsRefused(t *testing.T) {
	for _, text := range []string{
		"", " ", "90", "0", "-1h", "+1h", "1e9h", "h", "1", "30m1h", "1h1h", "30s", "1w", "2 h ago", "hours 2", "2 hourss",
		"about 2h", "1h and 30m",
		"1.5m", "1.005h", "1.h", ".5h", "1.5.5h", "1.5h30m", "1h1.5m", "1,000h", "1.0000001h", "１h",
		strings.Repeat(" ", 100) + "1h",
		"106752d", "2562048h", "153722868m", "106751d24h", "99999999999999999999h", "1h30", "\xff", "1h\x00",
	} {
		got, err := policy.ParseLength(text)
		if access.Code(err) != "bad_length" || got != 0 {
			t.Errorf("%q: got %s, %v; want bad_length", text, got, err)
		}
	}
}

// In the policy file there is one way to write a length, so that a search finds it.
func TestPolicyFileHasOneWayToWriteALength(t *testing.T) {
	for _, text := range []string{"1H", "2 hours", "90min", "1.5h", "1h 30m", " 1h", "1h ", "1\u00a0h", ""} {
		if got, err := policy.ParseFileLength(text); access.Code(err) != "bad_length" || got != 0 {
			t.Errorf("%q: got %s, %v; want bad_length", text, got, err)
		}
	}
}

func FuzzParseLength(f *testing.F) {
	for _, seed := range []string{"1h30m", "2d", "0h", "2 hours", "1.5h", "90", "1e9h", "106751d23h47m",
		"99999999999999999999m"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := policy.ParseLength(text)
		if err != nil {
			if access.Code(err) != "bad_length" || d != 0 {
				t.Fatalf("%q: got %s, %v", text, d, err)
			}
			return
		}
		if d < 0 || d%time.Minute != 0 {
			t.Fatalf("%q is %s, which is not a whole number of minutes", text, d)
		}
		if again, err := policy.ParseLength(access.FormatLength(d)); again != d || err != nil {
			t.Fatalf("%q is %s, but %s is %s (%v)", text, d, access.FormatLength(d), again, err)
		}
	})
}
