package config

import (
	"errors"
	"fmt"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	yaml "go.yaml.in/yaml/v4"
)

var (
	headingOfARelease = regexp.MustCompile(`(?m)^## \[(\d+)\.(\d+)\.(\d+)\] - \d{4}-\d\d-\d\d$`)
	statedForm        = regexp.MustCompile(`^v(\d+)\.(\d+)\.(\d+)(-dev)?$`)
	tagForm           = regexp.MustCompile(`^v\d+\.\d+\.\d+$`)
)

// checkStated compares the version that template.yaml states with the changelog and
// with the tags of the commit. A commit with the tag of a release states that tag, and
// the changelog begins with it. Another commit states either the newest release of the
// changelog, as the commit before the tag does, or a later one with -dev.
func checkStated(stated, changelog string, tags []string) error {
	is := statedForm.FindStringSubmatch(stated)
	if is == nil {
		return fmt.Errorf("template.yaml states %q: write a release such as v1.2.0, or v1.2.0-dev on the way to it", stated)
	}
	newest := headingOfARelease.FindStringSubmatch(changelog)
	later := newest == nil || slices.Compare(numbers(is[1:4]), numbers(newest[1:4])) > 0
	same := newest != nil && slices.Equal(is[1:4], newest[1:4])
	switch {
	case is[4] == "" && !same:
		return fmt.Errorf("template.yaml states %s, which is not the newest release in CHANGELOG.md", stated)
	case is[4] != "" && !later:
		return fmt.Errorf("template.yaml states %s, and CHANGELOG.md has that release, or a later one, already", stated)
	}
	for _, tag := range tags {
		if tagForm.MatchString(tag) && tag != stated {
			return fmt.Errorf("template.yaml states %s, and the commit has the tag %s", stated, tag)
		}
	}
	return nil
}

// numbers makes decimal numbers comparable as texts.
func numbers(texts []string) (out []string) {
	for _, text := range texts {
		out = append(out, fmt.Sprintf("%20s", text))
	}
	return out
}

func TestTheTemplateStatesTheReleaseOfTheChangelog(t *testing.T) {
	var read struct {
		Outputs map[string]struct {
			Value yaml.Node `yaml:"Value"`
		} `yaml:"Outputs"`
	}
	if err := yaml.Unmarshal([]byte(readFile(t, "template.yaml")), &read); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("git", "tag", "--points-at", "HEAD").Output()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) && !errors.Is(err, exec.ErrNotFound) {
		t.Fatal(err)
	}
	if err != nil {
		t.Log("this is no clone of the repository, so there are no tags to compare with")
	}
	stated := read.Outputs["Version"].Value
	if err := checkStated(stated.Value, readFile(t, "CHANGELOG.md"), strings.Fields(string(out))); err != nil {
		t.Error(err)
	}
}

func TestAStatedVersionThatIsNotTheReleaseIsFound(t *testing.T) {
	const none, one = "## [Unreleased]\n", "## [Unreleased]\n\n## [0.9.0] - 2026-12-01\n\n## [0.8.1] - 2026-11-30\n"
	for _, c := range []struct {
		stated, changelog, tags string
		want                    string // "" for none
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
		{"v0.9.0-dev", one, "", "has that release"},
		{"v0.8.2-dev", one, "", "or a later one"},
		{"v0.10.0-dev", one, "v0.9.0", "has the tag v0.9.0"},
		{"v0.9.0", one, "v0.9.1", "has the tag v0.9.1"},
	} {
		err := checkStated(c.stated, c.changelog, strings.Fields(c.tags))
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q with tags %q: %v, want %q", c.stated, c.tags, err, c.want)
		}
	}
}
