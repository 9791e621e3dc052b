package access

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestRegionPatternMatchesEveryRegionAndNothingElse(t *testing.T) {
	text, err := os.ReadFile("testdata/regions.txt")
	if err != nil {
		t.Fatal(err)
	}
	pattern := regexp.MustCompile("^(?:" + RegionPattern + ")$")
	found := 0
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		found++
		if name, _, _ := strings.Cut(line, " "); !pattern.MatchString(name) {
			t.Errorf("%s does not match", name)
		}
	}
	if found < 40 {
		t.Errorf("the list has %d Regions, want at least 40", found)
	}
	for _, name := range []string{
		"", "eu", "eu-west", "eu-1", "west-1", "eu-west-", "eu-west-1a", "eu-west-1-", "-eu-west-1", "eu--west-1",
		"EU-WEST-1", "eu_west_1", "eu-west-111", "europe-west-1", "e-west-1",
		"eu-west-1\n", " eu-west-1", "eu-west-1.evil.example", "eu-west-1/", "eu-west-1#", "a@b-c-1",
		"eu-wést-1", "eu-west-１", "us-a-b-c-d-1", "aws-global",
	} {
		if pattern.MatchString(name) {
			t.Errorf("%q matches", name)
		}
	}
}
