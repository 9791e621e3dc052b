package scenarios

import (
	"io/fs"
	"strings"
	"testing"
)

func TestEachScenarioHasOneTranscriptAndEachTranscriptAScenario(t *testing.T) {
	all, err := All()
	if err != nil || len(all) == 0 {
		t.Fatalf("%d scenarios: %v", len(all), err)
	}
	seen := make(map[string]bool)
	for _, s := range all {
		if s.Golden() == "" || seen[s.File()] {
			t.Errorf("%q has no transcript of its own in %s", s.Name, s.File())
		}
		seen[s.File()] = true
	}
	files, err := fs.Glob(files, "testdata/*")
	if err != nil || len(files) != len(all) {
		t.Errorf("%d transcripts for %d scenarios: %v", len(files), len(all), err)
	}
}

func TestOnlyWhatDiffersFromRunToRunIsMasked(t *testing.T) {
	tr := &transcript{}
	const one, two = "01M7Z2Q4DNVTMJG6JXR2BAW8FD", "01M7Z33WEDD2VPPA7B0Y3R6PEB"
	for in, want := range map[string]string{
		"until <!date^1795266000^{date_short_pretty} {time}|21 Nov 13:00 UTC> (13:00 UTC).": "until ‹time›.",
		"Approved at 21 Nov 12:00 UTC":                          "Approved at ‹time›",
		`{"aws:CurrentTime":"2026-11-21T13:53:49Z"}`:            `{"aws:CurrentTime":"‹time›"}`,
		"<http://127.0.0.1:8080/federation?Action=login|Open>":  "<‹link›|Open>",
		"export AWS_ACCESS_KEY_ID=ASIAJYOUDEQNKKBGANHQ":         "export AWS_ACCESS_KEY_ID=‹key id›",
		"export AWS_SECRET_ACCESS_KEY=J0dd17Nr9TocQHv/21/ZBOUJ": "export AWS_SECRET_ACCESS_KEY=‹secret›",
		`[{"block_id":"biu8x","type":"header"}]`:                `[{"type":"header"}]`,
		"account 111111111111 for 2h, U0DEV1 <@U0LEAD1>":        "account 111111111111 for 2h, U0DEV1 <@U0LEAD1>",
	} {
		if got := tr.mask(in); got != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
	if got := tr.mask(one + " " + two + " " + one); got != "‹id 1› ‹id 2› ‹id 1›" {
		t.Errorf("ids: got %s", got)
	}
}

func TestTheFirstDifferenceIsShown(t *testing.T) {
	for _, c := range []struct{ want, got, says string }{
		{"a\nb", "a\nb", ""},
		{"a\nb", "a\nc", "line 2\n got c\nwant b"},
		{"a", "a\nb", "line 2\n got b\nwant (nothing)"},
		{"", "a", "line 1\n got a\nwant "},
	} {
		if got := Difference(c.want, c.got); strings.TrimSpace(got) != strings.TrimSpace(c.says) {
			t.Errorf("%q and %q: got %q, want %q", c.want, c.got, got, c.says)
		}
	}
}
