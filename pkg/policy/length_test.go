package policy

import (
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/access"
)

func TestLengthsAreReadAsPeopleWriteThem(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"5m": 5 * time.Minute, "90m": 90 * time.Minute, "4h": 4 * time.Hour, "1h30m": 90 * time.Minute, "2d": 48 * time.Hour,
		"1d12h": 36 * time.Hour, "1d1h1m": 25*time.Hour + time.Minute, "100000d": 100000 * 24 * time.Hour, "0h30m": 30 * time.Minute,
	} {
		if got, err := ParseLength(text); got != want || err != nil {
			t.Errorf("%q: got %s, %v; want %s", text, got, err, want)
		}
	}
}

func TestWhatIsNoLengthIsRefused(t *testing.T) {
	for _, text := range []string{
		"", "90", "0", "0h", "0d0h0m", "-1h", "+1h", "1e9h", "1.5h", "1h 30m", " 1h", "1h ", "h", "1", "30m1h", "1h1h", "1H", "30s", "1w",
		"１h", "1\u00a0h", "106752d", "2562048h", "153722868m", "106751d24h", "99999999999999999999h", "1h30", "\xff", "1h\x00",
	} {
		got, err := ParseLength(text)
		if access.Code(err) != "bad_length" || got != 0 {
			t.Errorf("%q: got %s, %v; want bad_length", text, got, err)
		}
	}
}

func FuzzParseLength(f *testing.F) {
	for _, seed := range []string{"1h30m", "2d", "0h", "90", "1e9h", "106751d23h47m", "99999999999999999999m"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := ParseLength(text)
		if err != nil {
			if access.Code(err) != "bad_length" || d != 0 {
				t.Fatalf("%q: got %s, %v", text, d, err)
			}
			return
		}
		if d < time.Minute || d%time.Minute != 0 {
			t.Fatalf("%q is %s, which is no number of minutes", text, d)
		}
		if again, err := ParseLength(access.Length(d)); again != d || err != nil {
			t.Fatalf("%q is %s, written as %s it is %s (%v)", text, d, access.Length(d), again, err)
		}
	})
}
