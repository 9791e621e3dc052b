package main

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"time"

	"github.com/aws-access/aws-access/pkg/config"
)

// functionFlags are the flags of `make build`, so that it makes the same bytes. A test compares the bytes.
var functionFlags = []string{"-trimpath", "-buildvcs=true", "-tags", "lambda.norpc", "-ldflags", "-s -w"}

// The two builds of the command: the one for people and machines, which an SDK starts again and again, is
// smaller by the operators' commands.
const (
	peoplesCommand   = "aws-access"
	operatorsCommand = "aws-access-operators"
)

var commandFlags = map[string][]string{
	peoplesCommand:   {"-trimpath", "-buildvcs=true", "-tags", "people", "-ldflags", "-s -w"},
	operatorsCommand: {"-trimpath", "-buildvcs=true", "-ldflags", "-s -w"},
}

// target is one binary to build.
type target struct {
	program  string // a function, or one of the two commands
	os, arch string
}

func (t target) isCommand() bool { return commandFlags[t.program] != nil }

// targets are the binaries of a release.
func targets() []target {
	var all []target
	for _, command := range []string{peoplesCommand, operatorsCommand} {
		for _, system := range []string{"darwin", "linux", "windows"} {
			for _, arch := range []string{"amd64", "arm64"} {
				all = append(all, target{command, system, arch})
			}
		}
	}
	for _, arch := range []string{"amd64", "arm64"} {
		for _, f := range config.Functions {
			all = append(all, target{string(f.Name), "linux", arch})
		}
	}
	return all
}

// pkg is the package of a binary, as `go build` takes it.
func (t target) pkg() string {
	if t.isCommand() {
		return "./cmd/aws-access"
	}
	return "./functions/" + t.program
}

func (t target) flags() []string {
	if t.isCommand() {
		return commandFlags[t.program]
	}
	return functionFlags
}

// env chooses the platform. The instruction sets are Go's defaults.
func (t target) env() []string {
	return []string{"GOOS=" + t.os, "GOARCH=" + t.arch, "GOAMD64=v1", "GOARM64=v8.0"}
}

// file is the path of the binary in its archive.
func (t target) file() string {
	switch {
	case !t.isCommand():
		return t.program + "/bootstrap"
	case t.os == "windows":
		return t.program + ".exe"
	}
	return t.program
}

// archive returns the name of the archive without its extension, which is also its only directory.
func (t target) archive(version string) string {
	name := t.program
	if !t.isCommand() {
		name = "aws-access-functions"
	}
	return fmt.Sprintf("%s_%s_%s_%s", name, version, t.os, t.arch)
}

func (t target) sbomName(version string) string {
	if t.isCommand() {
		return t.archive(version) + ".cdx.json"
	}
	return t.archive(version) + "_" + t.program + ".cdx.json"
}

// binary is a target that was built.
type binary struct {
	target
	path string
	data []byte
	info *debug.BuildInfo
}

// grouped returns the binaries of each archive.
func grouped(built []binary) [][]binary {
	var groups [][]binary
	for _, b := range built {
		last := len(groups) - 1
		if last >= 0 && groups[last][0].archive("") == b.archive("") {
			groups[last] = append(groups[last], b)
			continue
		}
		groups = append(groups, []binary{b})
	}
	return groups
}

// buildAll compares the modules in the cache with go.sum, and builds the targets into work. Its build cache, and
// that of all later commands, is new: Go computes no checksum of what it finds in one.
func buildAll(ctx context.Context, c *commands, tree *tree, work string, all []target) ([]binary, error) {
	c.env = append(c.env, "GOCACHE="+filepath.Join(work, "cache"))
	if _, err := c.golang(ctx, tree.dir, nil, "mod", "download"); err != nil {
		return nil, err
	}
	if _, err := c.golang(ctx, tree.dir, nil, "mod", "verify"); err != nil {
		return nil, err
	}
	var built []binary
	for _, t := range all {
		b, err := t.build(ctx, c, tree, filepath.Join(work, t.archive("build"), filepath.FromSlash(t.file())))
		if err != nil {
			return nil, err
		}
		built = append(built, b)
	}
	return built, nil
}

func (t target) build(ctx context.Context, c *commands, tree *tree, path string) (binary, error) {
	b := binary{target: t, path: path}
	args := append(append([]string{"build"}, t.flags()...), "-o", path, t.pkg())
	if _, err := c.golang(ctx, tree.dir, t.env(), args...); err != nil {
		return b, err
	}
	var err error
	if b.data, err = os.ReadFile(path); err != nil {
		return b, fmt.Errorf("read a binary: %w", err)
	}
	if b.info, err = buildinfo.Read(bytes.NewReader(b.data)); err != nil {
		return b, fmt.Errorf("read the build information of %s: %w", path, err)
	}
	return b, nil
}

// check compares the build information of the binary with the version, the commit and the target.
func (b binary) check(version, commit string) error {
	name := b.archive(version) + "/" + b.file()
	if b.info.Main.Version != version {
		return fmt.Errorf("check %s: its version is %q, and another binary has %q", name, b.info.Main.Version, version)
	}
	want := map[string]string{"vcs.revision": commit, "vcs.modified": "false", "GOOS": b.os, "GOARCH": b.arch,
		"CGO_ENABLED": "0", "-trimpath": "true"}
	for key, value := range want {
		if got := b.setting(key); got != value {
			return fmt.Errorf("check %s: its %s is %q, not %q", name, key, got, value)
		}
	}
	return nil
}

func (b binary) setting(key string) string {
	at := slices.IndexFunc(b.info.Settings, func(s debug.BuildSetting) bool { return s.Key == key })
	if at < 0 {
		return ""
	}
	return b.info.Settings[at].Value
}

// time is the time of the commit, as the binary states it.
func (b binary) time() (time.Time, error) {
	at, err := time.Parse(time.RFC3339, b.setting("vcs.time"))
	if err != nil {
		return at, fmt.Errorf("read the time of the commit: %w", err)
	}
	return at.UTC(), nil
}
