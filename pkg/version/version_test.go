package version

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

const aCommit = "1a2b3c4d5e6f1a2b3c4d5e6f1a2b3c4d5e6f1a2b"

func info(version string, settings ...debug.BuildSetting) *debug.BuildInfo {
	return &debug.BuildInfo{
		GoVersion: "go1.26.8", Path: Module + "/functions/tick", Main: debug.Module{Path: Module, Version: version},
		Settings: settings,
	}
}

func vcs(modified string) []debug.BuildSetting {
	return []debug.BuildSetting{
		{Key: "vcs", Value: "git"}, {Key: "vcs.revision", Value: aCommit}, {Key: "vcs.time", Value: "2026-11-26T09:00:00Z"},
		{Key: "vcs.modified", Value: modified},
	}
}

func TestBuildIsDescribedInOneLine(t *testing.T) {
	for want, given := range map[string]*debug.BuildInfo{
		"v1.2.0 (commit 1a2b3c4d, 2026-11-26)":                                info("v1.2.0", vcs("false")...),
		"v1.2.0+dirty (commit 1a2b3c4d with uncommitted changes, 2026-11-26)": info("v1.2.0+dirty", vcs("true")...),
		"v0.0.0-20261126090000-1a2b3c4d5e6f (commit 1a2b3c4d, 2026-11-26)": info("v0.0.0-20261126090000-1a2b3c4d5e6f",
			vcs("false")...),
		"unknown (built without git)":           info("(devel)"),
		"unknown (commit 1a2b3c4d, 2026-11-26)": info("(devel)", vcs("false")...),
		"v1.2.0 (no commit was recorded)":       info("v1.2.0"), // go install …@v1.2.0
		"v1.2.1 (commit 1a2b3c4d)":              info("v1.2.1", vcs("false")[:2]...),
	} {
		if got := of(given).String(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := (Build{}).String(); got != "unknown (built without git)" {
		t.Errorf("the zero value: %q", got)
	}
}

// A binary from outside may contain any text, also control sequences for a terminal.
func TestInvalidTextCountsAsNotRecorded(t *testing.T) {
	for _, text := range []string{"", "v1.2.0\x1b[2J", "v1\n", "v1 (commit 1)", strings.Repeat("9", 1000), "ü"} {
		b := of(&debug.BuildInfo{
			GoVersion: text + "\x00", Path: text + "\x00", Main: debug.Module{Version: text},
			Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: text}, {Key: "vcs.time", Value: text}},
		})
		if stated := Stated(text, text); b != stated || (b != Build{Version: Unknown}) {
			t.Errorf("%q is read as %+v, and as %+v if a program states it", text, b, stated)
		}
	}
}

func TestBuildsAreComparedByVersionAndCommit(t *testing.T) {
	release, other := of(info("v1.2.0", vcs("false")...)), of(info("v1.2.0", vcs("false")...))
	other.Commit = strings.Repeat("0", 40)
	for _, c := range []struct {
		what string
		b    Build
		want bool
	}{
		{"itself", release, true},
		{"the same version without a commit", of(info("v1.2.0")), true},
		{"another commit", other, false},
		{"another version", of(info("v1.2.1", vcs("false")...)), false},
		{"the same with changes", of(info("v1.2.0+dirty", vcs("true")...)), false},
		{"an unknown one", of(info("(devel)")), false},
	} {
		if got := release.Same(c.b); got != c.want || c.b.Same(release) != got {
			t.Errorf("%s: the same %v, want %v", c.what, got, c.want)
		}
	}
}

func TestBaseIsTheNewestTagThatABuildContains(t *testing.T) {
	for version, want := range map[string]string{
		"v1.2.0":                                    "v1.2.0",
		"v1.2.0+dirty":                              "v1.2.0",
		"v1.3.0-rc.1":                               "v1.3.0-rc.1",
		"v1.2.1-0.20261126090000-1a2b3c4d5e6f":      "v1.2.0",
		"v1.2.10-0.20261126090000-1a2b3c4d5e6f":     "v1.2.9",
		"v1.3.0-rc.1.0.20261126090000-1a2b3c4d5e6f": "v1.3.0-rc.1",
		"v0.0.0-20261126090000-1a2b3c4d5e6f+dirty":  "",
		"v1.2.0-0.20261126090000-1a2b3c4d5e6f":      "", // of no tag that exists
		Unknown:                                     "",
		"":                                          "",
	} {
		if got := Base(version); got != want {
			t.Errorf("%q: got %q, want %q", version, got, want)
		}
	}
}

func TestReleasesAreToldApartAndOrdered(t *testing.T) {
	for text, want := range map[string]bool{
		"v1.2.0": true, "v0.0.10": true, "v1.2": false, "1.2.0": false, "v1.2.0-dev": false, "v1.02.0": false, "": false,
	} {
		if got := IsRelease(text); got != want {
			t.Errorf("%q is a release: %v, want %v", text, got, want)
		}
	}
	for _, c := range []struct {
		version, release string
		want             bool
	}{
		{"v1.9.0", "v1.10.0", true},
		{"v1.10.0", "v1.9.0", false},
		{"v1.2.0", "v1.2.0", false},
		{"v1.2.0-rc.1", "v1.2.0", true},
		{"v1.2.1-rc.1", "v1.2.0", false},
		{Unknown, "v1.2.0", false},
		{"v1.2.0", "", false},
	} {
		if got := Before(c.version, c.release); got != c.want {
			t.Errorf("%q before %q: %v, want %v", c.version, c.release, got, c.want)
		}
	}
}

const (
	goMod     = "module " + Module + "\n\ngo 1.26\n"
	emptyMain = "package main\n\nfunc main() {}\n"
)

// directory returns a new directory with these files.
func directory(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600))
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// commit makes a directory a repository, commits its files and tags the commit.
func commit(t *testing.T, dir, tag string) {
	t.Helper()
	do(t, dir, "git", "init", "-q")
	do(t, dir, "git", "add", ".")
	do(t, dir, "git", "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qm", tag)
	do(t, dir, "git", "tag", tag)
}

func do(t *testing.T, dir, program string, args ...string) string {
	t.Helper()
	c := exec.Command(program, args...)
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", program, args, err, out)
	}
	return strings.TrimSpace(string(out))
}

func built(t *testing.T, dir, buildvcs string) Build {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "program")
	do(t, dir, "go", "build", "-trimpath", "-ldflags", "-s -w", "-buildvcs="+buildvcs, "-o", binary, ".")
	return readFile(t, binary)
}

func readFile(t *testing.T, binary string) Build {
	t.Helper()
	f, err := os.Open(binary)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	b, err := Read(f)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestVersionOfABinaryComesFromGit(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a program several times")
	}
	dir := directory(t, map[string]string{"go.mod": goMod, "main.go": emptyMain})
	commit(t, dir, "v1.2.0")
	b, head := built(t, dir, "true"), do(t, dir, "git", "rev-parse", "HEAD")
	if b.Version != "v1.2.0" || b.Commit != head || b.Modified || time.Since(b.Time) > time.Hour || b.Program != Module {
		t.Errorf("a clean build of a tag: %+v, want v1.2.0 of %s", b, head)
	}
	if b := built(t, dir, "false"); b.Version != Unknown || b.Commit != "" || b.Known() {
		t.Errorf("a build without git: %+v", b)
	}
	if err := os.WriteFile(filepath.Join(dir, "policy.yaml"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if b := built(t, dir, "true"); b.Version != "v1.2.0+dirty" || b.Commit != head || !b.Modified {
		t.Errorf("a build with a change: %+v", b)
	}
	commit(t, dir, "policy-of-ours")
	if b := built(t, dir, "true"); Base(b.Version) != "v1.2.0" || b.Version == "v1.2.0" || b.Modified || b.Commit == head {
		t.Errorf("a commit after the tag: %+v", b)
	}
}

func TestFileThatIsNotAGoProgramHasNoVersion(t *testing.T) {
	b, err := Read(strings.NewReader("#!/bin/sh\n"))
	if err == nil || !strings.Contains(err.Error(), "read the build information: ") || b.Known() {
		t.Errorf("got %+v, %v", b, err)
	}
}

func FuzzReadIsSafeToPrint(f *testing.F) {
	program, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		f.Add(program[:min(len(program), 1<<16)])
	}
	f.Add([]byte("\x7fELF"))
	f.Add([]byte("\xff Go buildinf:"))
	f.Fuzz(func(t *testing.T, binary []byte) {
		b, _ := Read(bytes.NewReader(binary))
		if text := b.String() + b.Go + b.Program; strings.ContainsAny(text, "\x1b\n\r\x00") {
			t.Errorf("%q", text)
		}
	})
}
