package main

import (
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/pkg/version"
)

var headingOfRelease = regexp.MustCompile(`(?m)^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d$`)

// checkStated compares the version that template.yaml states with the changelog and with
// the tags of the commit. It is either the newest release of the changelog, as in the
// commit of that release, or a later one with -dev. On a commit with the tag of a
// release, it is that tag.
func checkStated(stated, changelog string, tags []string) error {
	release, development := strings.CutSuffix(stated, "-dev")
	newest := ""
	if found := headingOfRelease.FindStringSubmatch(changelog); found != nil {
		newest = "v" + found[1]
	}
	switch {
	case !version.IsRelease(release):
		return fmt.Errorf("template.yaml states %q: write a release such as v1.2.0, or v1.2.0-dev before it", stated)
	case !development && release != newest:
		return fmt.Errorf("template.yaml states %s, which is not the newest release in CHANGELOG.md", stated)
	case development && newest != "" && !version.Before(newest, release):
		return fmt.Errorf("template.yaml states %s, but CHANGELOG.md already has that release or a later one", stated)
	}
	for _, tag := range tags {
		if version.IsRelease(tag) && tag != stated {
			return fmt.Errorf("template.yaml states %s, but the commit has the tag %s", stated, tag)
		}
	}
	return nil
}

func TestTemplateStatesTheReleaseOfTheChangelog(t *testing.T) {
	tree := &tree{dir: root}
	stated, err := tree.stated()
	if err != nil {
		t.Fatal(err)
	}
	changelog, err := tree.read("CHANGELOG.md")
	if err != nil {
		t.Fatal(err)
	}
	tags, err := exec.Command("git", "tag", "--points-at", "HEAD").Output()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) && !errors.Is(err, exec.ErrNotFound) {
		t.Fatal(err)
	}
	if err != nil {
		t.Log("this is not a clone of the repository, so there are no tags to compare with")
	}
	if err := checkStated(stated, string(changelog), strings.Fields(string(tags))); err != nil {
		t.Error(err)
	}
}

func TestWrongVersionInTheTemplateIsFound(t *testing.T) {
	const none, one = "## [Unreleased]\n", "## [Unreleased]\n\n## [0.9.0] - 2026-12-01\n\n## [0.8.1] - 2026-11-30\n"
	for _, c := range []struct {
		stated, changelog, tags string
		want                    string // "" if it is right
	}{
		{"v0.1.0-dev", none, "", ""},
		{"v0.9.0", one, "v0.9.0", ""},
		{"v0.9.0", one, "", ""}, // the commit that is about to get the tag
		{"v0.10.0-dev", one, "nightly", ""},
		{"v0.9.1-dev", one, "", ""},
		{"", none, "", `states ""`},
		{"0.1.0", none, "", `states "0.1.0"`},
		{"v0.1.0", none, "", "not the newest release"},
		{"v0.8.1", one, "", "not the newest release"},
		{"v0.9.0-dev", one, "", "already has that release"},
		{"v0.8.2-dev", one, "", "or a later one"},
		{"v0.10.0-dev", one, "v0.9.0", "has the tag v0.9.0"},
		{"v0.9.0", one, "v0.9.1", "has the tag v0.9.1"},
	} {
		err := checkStated(c.stated, c.changelog, strings.Fields(c.tags))
		if (err == nil) != (c.want == "") || !strings.Contains(text(err), c.want) {
			t.Errorf("%q with tags %q: %v, want %q", c.stated, c.tags, err, c.want)
		}
	}
}
