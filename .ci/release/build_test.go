package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/aws-access/aws-access/pkg/config"
)

// root is the repository.
const root = "../.."

// artefacts is the variable by which sam names the directory of a function.
const artefacts = "ARTIFACTS_DIR=" //nolint:misspell // sam's own name

// copyOfTree commits the files of the work tree, as they are now, in a new repository with the tag v0.9.9. The work
// tree may be an unpacked archive.
func copyOfTree(t *testing.T) string {
	t.Helper()
	texts := make(map[string]string)
	tree := os.DirFS(root)
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && slices.Contains([]string{".git", ".cache", ".aws-sam", "bin", "dist", "node_modules"}, d.Name()):
			return fs.SkipDir
		case !d.Type().IsRegular():
			return nil
		}
		data, err := fs.ReadFile(tree, name)
		texts[name] = string(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(texts) < 300 {
		t.Fatalf("the tree has only %d files", len(texts))
	}
	dir := repository(t, texts)
	git(t, dir, "tag", "v0.9.9")
	return dir
}

// runMake runs a target of the Makefile in dir.
func runMake(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "make", append([]string{"--no-print-directory", "-C", dir}, args...)...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// So anyone can prove that a released binary was built from the tag.
func TestMakeBuildsTheBytesOfTheRelease(t *testing.T) {
	if testing.Short() {
		t.Skip("builds a function twice")
	}
	origin, into, deeper := copyOfTree(t), t.TempDir(), filepath.Join(t.TempDir(), "a/deeper")
	if err := os.MkdirAll(deeper, 0o700); err != nil {
		t.Fatal(err)
	}
	tree, err := checkOut(t.Context(), here(t), origin, filepath.Join(deeper, "place"))
	if err != nil {
		t.Fatal(err)
	}
	c, err := newCommands(t.Context(), runtime.Version(), filepath.Join(t.TempDir(), "gitconfig"))
	if err != nil {
		t.Fatal(err)
	}
	tick := target{"tick", "linux", runtime.GOARCH}
	built, err := tick.build(t.Context(), c, tree, filepath.Join(into, "release"))
	if err != nil {
		t.Fatal(err)
	}
	if got := built.info.Main.Version; got != "v0.9.9" {
		t.Errorf("the version is %q, and the tag is v0.9.9", got)
	}
	out, err := runMake(t, origin, "build-TickFunction", artefacts+into, "ARCH="+runtime.GOARCH)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	made, err := os.ReadFile(filepath.Join(into, "bootstrap"))
	if err != nil || !bytes.Equal(made, built.data) {
		t.Errorf("`make build` made %d bytes, and the release %d different ones, %v", len(made), len(built.data), err)
	}
}

// With RELEASE=DIR a package contains the released binary and the user's own policy.
func TestReleasedBinaryIsDeployedUnchanged(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the command, which compiles the policy")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(self) // any program that Go has built
	if err != nil {
		t.Fatal(err)
	}
	into, release := t.TempDir(), releaseOf(t, string(binary))
	build := func(function string, more ...string) (string, error) {
		args := []string{"build-" + function + "Function", artefacts + into, "RELEASE=" + release}
		return runMake(t, root, append(append(args, "ARCH="+runtime.GOARCH), more...)...)
	}
	if out, err := build("Tick"); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	got, err := os.ReadFile(filepath.Join(into, "bootstrap"))
	if err != nil || !bytes.Equal(got, binary) {
		t.Errorf("%d bytes were released, and %d different ones are deployed, %v", len(binary), len(got), err)
	}
	policy, err := os.ReadFile(filepath.Join(into, "policy.compiled"))
	if err != nil || len(policy) == 0 {
		t.Errorf("the policy has %d bytes, %v", len(policy), err)
	}
}

// releaseOf returns an unpacked release in which every function is the given program.
func releaseOf(t *testing.T, program string) string {
	t.Helper()
	texts := make(map[string]string)
	for _, f := range config.Functions {
		texts[string(f.Name)+"/bootstrap"] = program
	}
	return files(t, texts)
}

// Otherwise some functions would be of the release, and others of the build before it.
func TestIncompleteReleaseIsNotCopied(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	binary, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	other := map[string]string{"amd64": "arm64", "arm64": "amd64"}[runtime.GOARCH]
	complete, noSlack, noGo := releaseOf(t, string(binary)), releaseOf(t, string(binary)), releaseOf(t, string(binary))
	if err := errors.Join(os.RemoveAll(filepath.Join(noSlack, "slack")),
		os.WriteFile(filepath.Join(noGo, "vend", "bootstrap"), []byte("text"), 0o600)); err != nil {
		t.Fatal(err)
	}
	const copying = "copy tick from the release: "
	for _, c := range []struct{ release, arch, want string }{
		{noSlack, runtime.GOARCH, copying + "there is no file " + noSlack + "/slack/bootstrap"},
		{noGo, runtime.GOARCH, copying + noGo + "/vend/bootstrap is not a program built by Go"},
		{complete, other, "is built for " + runtime.GOARCH + ", and ARCH is " + other},
		{complete, "mips", "ARCH is mips: write arm64, or amd64 (AWS calls it x86_64)"},
		{"dist", runtime.GOARCH, "RELEASE=dist is not an absolute path"},
	} {
		into := t.TempDir()
		out, err := runMake(t, root, "build-TickFunction", artefacts+into, "RELEASE="+c.release, "ARCH="+c.arch)
		if err == nil || !strings.Contains(out, c.want) {
			t.Errorf("%v, %q, want %q", err, out, c.want)
		}
		if found, err := os.ReadDir(into); err != nil || len(found) > 0 {
			t.Errorf("%q: copied %v, %v", c.want, found, err)
		}
	}
}

// Users need this version of Go to get the bytes of a release.
func TestPageNamesTheGoVersionOfReleases(t *testing.T) {
	texts := make(map[string]string)
	for _, name := range []string{"Makefile", "docs/releases.md"} {
		data, err := os.ReadFile(filepath.Join(root, name))
		if err != nil {
			t.Fatal(err)
		}
		texts[name] = string(data)
	}
	pinned := regexp.MustCompile(`(?m)^RELEASE_GO := (go1\.\d+\.\d+)$`).FindStringSubmatch(texts["Makefile"])
	if pinned == nil {
		t.Fatal("the Makefile pins no RELEASE_GO")
	}
	if named := "GOTOOLCHAIN=" + pinned[1] + " make build"; !strings.Contains(texts["docs/releases.md"], named) {
		t.Errorf("docs/releases.md does not contain %q", named)
	}
}
