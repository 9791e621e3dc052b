// Package version tells which build of the product a program is, from the build
// information that Go writes into every binary: `go version -m` shows the same.
//
// It never guesses: a version or commit that was not recorded, because the program was
// built without git, is Unknown or empty. It reads binaries as bytes and never runs one.
// The texts that it returns are safe to print, even if the binary is malicious.
package version

import (
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Unknown is the version of a program that was built without git.
const Unknown = "unknown"

// Module is the path of the module whose builds this package describes.
const Module = "github.com/aws-access/aws-access"

// Build is the build of a program.
type Build struct {
	// Version is the tag of the commit (v1.2.0), a pseudo-version if the commit has
	// no tag (v1.2.1-0.20261126090000-1a2b3c4d5e6f), or Unknown. It ends in +dirty
	// if Modified.
	Version  string    `json:"version"`
	Commit   string    `json:"commit,omitempty"`  // in full; "" if it was not recorded
	Time     time.Time `json:"time,omitzero"`     // of the commit
	Modified bool      `json:"modified"`          // files differed from the commit
	Go       string    `json:"go"`                // version of Go, such as go1.26.8
	Program  string    `json:"program,omitempty"` // import path of the main package
}

// Own returns the build of the running program.
func Own() Build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return Build{Version: Unknown}
	}
	return of(info)
}

// Read returns the build of a binary. Its error is about a file that is not a Go
// program.
func Read(binary io.ReaderAt) (Build, error) {
	info, err := buildinfo.Read(binary)
	if err != nil {
		return Build{Version: Unknown}, fmt.Errorf("read the build information: %w", err)
	}
	return of(info), nil
}

// allowed returns a text from a binary if it has at most limit characters, all of them
// letters, digits or in others, and else the given value for "not recorded". A binary
// from outside may contain any text.
func allowed(text string, limit int, others, notRecorded string) string {
	for _, r := range text {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !letter && !strings.ContainsRune(others, r) {
			return notRecorded
		}
	}
	if text == "" || len(text) > limit {
		return notRecorded
	}
	return text
}

// Limits of what is read.
const (
	maxVersion = 100
	maxGo      = 60
	maxProgram = 200
)

// commitOf returns a commit of 40 or 64 hexadecimal digits, or "".
func commitOf(text string) string {
	if n := len(text); n != 40 && n != 64 || notHex(text) {
		return ""
	}
	return text
}

// Stated returns the build that another program reports, safe to print. A text that
// cannot be a version or a commit counts as not recorded.
func Stated(version, commit string) Build {
	return Build{Version: allowed(version, maxVersion, ".+-", Unknown), Commit: commitOf(commit)}
}

func of(info *debug.BuildInfo) Build {
	b := Build{
		Version: allowed(info.Main.Version, maxVersion, ".+-", Unknown), // "(devel)" without git
		Go:      allowed(info.GoVersion, maxGo, ".+-:_ ", ""),
		Program: allowed(info.Path, maxProgram, "._~/-", ""),
	}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Commit = commitOf(s.Value)
		case "vcs.time":
			b.Time, _ = time.Parse(time.RFC3339, s.Value) // zero if it was not recorded
		case "vcs.modified":
			b.Modified = s.Value == "true"
		}
	}
	return b
}

// Known reports whether the version or the commit was recorded.
func (b Build) Known() bool { return b.Version != Unknown && b.Version != "" || b.Commit != "" }

// MarshalJSON leaves modified out if the build is not known, because then nobody knows it.
func (b Build) MarshalJSON() ([]byte, error) {
	type fields Build
	text := struct {
		fields
		Modified *bool `json:"modified,omitempty"`
	}{fields: fields(b)}
	if b.Known() {
		text.Modified = &b.Modified
	}
	return json.Marshal(text)
}

// Same reports whether two builds have the same version and commit. Two modified builds
// for which it returns true can still contain different code, and so can two unknown
// ones.
func (b Build) Same(other Build) bool {
	return b.Version == other.Version && (b.Commit == other.Commit || b.Commit == "" || other.Commit == "")
}

// shortCommit is how many digits of a commit String shows.
const shortCommit = 8

// String describes a build in one line for people, such as
// "v1.2.0 (commit 1a2b3c4d, 2026-11-26)".
func (b Build) String() string {
	switch {
	case !b.Known():
		return Unknown + " (built without git)"
	case b.Commit == "":
		return b.Version + " (no commit was recorded)"
	}
	text := b.Version + " (commit " + b.Commit[:min(shortCommit, len(b.Commit))]
	if b.Modified {
		text += " with uncommitted changes"
	}
	if !b.Time.IsZero() {
		text += ", " + b.Time.UTC().Format(time.DateOnly)
	}
	return text + ")"
}

// Base returns the newest tag that a build contains: v1.2.0 for v1.2.0, v1.2.0+dirty
// and the pseudo-version v1.2.1-0.20261126090000-1a2b3c4d5e6f
// (https://go.dev/ref/mod#pseudo-versions). It returns "" if there is no tag before
// the commit, or the version is not known.
func Base(version string) string {
	version, _, _ = strings.Cut(version, "+")
	if !strings.HasPrefix(version, "v") {
		return ""
	}
	rest, commit, found := cutLast(version, "-")
	if !found || len(commit) != 12 || notHex(commit) {
		return version
	}
	switch before, time := rest[:max(0, len(rest)-14)], rest[max(0, len(rest)-14):]; {
	case strings.Trim(time, "0123456789") != "":
		return version
	case before == "v0.0.0-": // no tag before the commit
		return ""
	case strings.HasSuffix(before, "-0."): // after a release
		minor, patch, _ := cutLast(strings.TrimSuffix(before, "-0."), ".")
		n, err := strconv.Atoi(patch)
		if err != nil || n < 1 {
			return ""
		}
		return minor + "." + strconv.Itoa(n-1)
	case strings.HasSuffix(before, ".0."): // after a pre-release
		return strings.TrimSuffix(before, ".0.")
	}
	return version
}

// releaseForm matches the tag of a release.
var releaseForm = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^v(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)$`)
})

// IsRelease reports whether a version or tag is that of a release, such as v1.2.0.
func IsRelease(version string) bool { return releaseForm().MatchString(version) }

// Before reports whether a version is older than a release. A pre-release, such as
// v1.2.0-rc.1, is older than its release. It is false if either is not a version.
func Before(version, release string) bool {
	a, ok := numbers(version)
	b, ok2 := numbers(release)
	if !ok || !ok2 {
		return false
	}
	return slices.Compare(a[:], b[:]) < 0 || a == b && strings.Contains(version, "-")
}

// numbers reads the three numbers of a version.
func numbers(version string) (n [3]int, ok bool) {
	_, err := fmt.Sscanf(version, "v%d.%d.%d", &n[0], &n[1], &n[2])
	return n, err == nil
}

func notHex(text string) bool { return strings.Trim(text, "0123456789abcdef") != "" }

func cutLast(text, separator string) (before, after string, found bool) {
	i := strings.LastIndex(text, separator)
	if i < 0 {
		return text, "", false
	}
	return text[:i], text[i+len(separator):], true
}
