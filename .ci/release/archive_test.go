package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// example is a built function or command that links nothing.
func example(program, system string) binary {
	return binary{
		target: target{program, system, "arm64"}, path: "work/" + program, data: []byte("binary of " + program),
		info: &debug.BuildInfo{Settings: []debug.BuildSetting{{Key: "vcs.time", Value: "2026-11-26T19:00:01Z"}}},
	}
}

// onDisk writes the files that an archive takes from the commit.
func onDisk(t *testing.T, mode os.FileMode, at time.Time) *tree {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"template.yaml", "NOTICE", "LICENSE", thirdParty} {
		path := filepath.Join(dir, name)
		err := errors.Join(os.WriteFile(path, []byte("text of "+name), mode), os.Chmod(path, mode), os.Chtimes(path, at, at))
		if err != nil {
			t.Fatal(err)
		}
	}
	return &tree{dir: dir}
}

// Two computers give the files of a commit different modes and times, and may build in a different order.
func TestArchivesDoNotDependOnTheDisk(t *testing.T) {
	for _, system := range []string{"linux", "windows"} {
		a, b := example("slack", system), example("vend", system)
		one, err := archiveOf(onDisk(t, 0o600, time.Unix(1, 0)), []binary{a, b}, "v1.2.3")
		if err != nil {
			t.Fatal(err)
		}
		t.Setenv("TZ", "America/New_York")
		two, err := archiveOf(onDisk(t, 0o666, time.Now()), []binary{b, a}, "v1.2.3")
		if err != nil || !bytes.Equal(one.data, two.data) {
			t.Errorf("%s: two archives of the same files differ, %v", one.name, err)
		}
	}
}

func TestArchivesContainTheFilesThatDocsPromise(t *testing.T) {
	tree := onDisk(t, 0o600, time.Now())
	functions, err := archiveOf(tree, []binary{example("slack", "linux"), example("vend", "linux")}, "v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	command, err := archiveOf(tree, []binary{example(peoplesCommand, "windows")}, "v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	dir := "aws-access-functions_v1.2.3_linux_arm64"
	want := []string{
		dir + ".tar.gz",
		dir + "/LICENSE 644 text of LICENSE",
		dir + "/NOTICE 644 text of NOTICE",
		dir + "/THIRD_PARTY_LICENSES.txt 644 text of THIRD_PARTY_LICENSES.txt",
		dir + "/slack/bootstrap 755 binary of slack",
		dir + "/template.yaml 644 text of template.yaml",
		dir + "/vend/bootstrap 755 binary of vend",
	}
	if diff := cmp.Diff(want, append([]string{functions.name}, untar(t, functions.data)...)); diff != "" {
		t.Errorf("the archive of the functions (-want +got):\n%s", diff)
	}
	dir = "aws-access_v1.2.3_windows_arm64"
	want = []string{
		dir + ".zip",
		dir + "/LICENSE 644 text of LICENSE",
		dir + "/NOTICE 644 text of NOTICE",
		dir + "/THIRD_PARTY_LICENSES.txt 644 text of THIRD_PARTY_LICENSES.txt",
		dir + "/aws-access.exe 755 binary of aws-access",
	}
	if diff := cmp.Diff(want, append([]string{command.name}, unzip(t, command.data)...)); diff != "" {
		t.Errorf("the archive of the command (-want +got):\n%s", diff)
	}
}

func TestRepositoryHasTheTextsOfEachArchive(t *testing.T) {
	for _, b := range []binary{example("slack", "linux"), example(peoplesCommand, "linux")} {
		if _, err := archiveOf(&tree{dir: root}, []binary{b}, "v1.2.3"); err != nil {
			t.Error(err)
		}
	}
}

var commitTime = time.Date(2026, 11, 26, 19, 0, 1, 0, time.UTC)

// untar returns the name, mode and content of each file, and checks that no entry shows who packed it, or when.
func untar(t *testing.T, data []byte) (entries []string) {
	t.Helper()
	compressed, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil || compressed.Name != "" || !compressed.ModTime.IsZero() {
		t.Fatalf("gzip has the name %q and the time %v, %v", compressed.Name, compressed.ModTime, err)
	}
	for archive := tar.NewReader(compressed); ; {
		h, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return entries
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Uid != 0 || h.Gid != 0 || h.Uname != "" || h.Gname != "" || !h.ModTime.Equal(commitTime) {
			t.Errorf("%s belongs to %d:%d (%q:%q), of %v", h.Name, h.Uid, h.Gid, h.Uname, h.Gname, h.ModTime)
		}
		text, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, entry(h.Name, os.FileMode(h.Mode), text))
	}
}

// unzip is untar for a zip.
func unzip(t *testing.T, data []byte) (entries []string) {
	t.Helper()
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.File {
		if !f.Modified.Equal(commitTime) {
			t.Errorf("%s is of %v", f.Name, f.Modified)
		}
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		entries = append(entries, entry(f.Name, f.Mode(), text))
	}
	return entries
}

func entry(name string, mode os.FileMode, text []byte) string {
	return fmt.Sprintf("%s %o %s", name, mode, text)
}

// A module may be distributed only with its licence.
func TestBinaryWithAnUnlicensedModuleIsRefused(t *testing.T) {
	b := example("slack", "linux")
	_, b.info = described()
	tree := &tree{dir: files(t, map[string]string{thirdParty: "====\nexample.org/a, LICENSE (in command)\n"})}
	want := "check THIRD_PARTY_LICENSES.txt: it has no licence of example.org/fork, which work/slack links"
	if err := b.checkLicences(tree); text(err) != want {
		t.Errorf("%q, want %q", text(err), want)
	}
	b.info.Deps = b.info.Deps[:1]
	if err := b.checkLicences(tree); err != nil {
		t.Error(err)
	}
}

// files returns a new directory with these files.
func files(t *testing.T, texts map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range texts {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// Every platform and every function is built, and every file of a release has a name of its own.
func TestReleaseHasEveryPlatformAndFunction(t *testing.T) {
	var archives, sboms []string
	for _, b := range targets() {
		archives = append(archives, b.archive("v1.2.3")+"/"+b.file())
		sboms = append(sboms, b.sbomName("v1.2.3"))
	}
	want := []string{
		"aws-access-functions_v1.2.3_linux_amd64/api/bootstrap", "aws-access-functions_v1.2.3_linux_amd64/cut/bootstrap",
		"aws-access-functions_v1.2.3_linux_amd64/notify/bootstrap", "aws-access-functions_v1.2.3_linux_amd64/slack/bootstrap",
		"aws-access-functions_v1.2.3_linux_amd64/tick/bootstrap", "aws-access-functions_v1.2.3_linux_amd64/vend/bootstrap",
		"aws-access-functions_v1.2.3_linux_arm64/api/bootstrap", "aws-access-functions_v1.2.3_linux_arm64/cut/bootstrap",
		"aws-access-functions_v1.2.3_linux_arm64/notify/bootstrap", "aws-access-functions_v1.2.3_linux_arm64/slack/bootstrap",
		"aws-access-functions_v1.2.3_linux_arm64/tick/bootstrap", "aws-access-functions_v1.2.3_linux_arm64/vend/bootstrap",
		"aws-access-operators_v1.2.3_darwin_amd64/aws-access-operators",
		"aws-access-operators_v1.2.3_darwin_arm64/aws-access-operators",
		"aws-access-operators_v1.2.3_linux_amd64/aws-access-operators",
		"aws-access-operators_v1.2.3_linux_arm64/aws-access-operators",
		"aws-access-operators_v1.2.3_windows_amd64/aws-access-operators.exe",
		"aws-access-operators_v1.2.3_windows_arm64/aws-access-operators.exe",
		"aws-access_v1.2.3_darwin_amd64/aws-access", "aws-access_v1.2.3_darwin_arm64/aws-access",
		"aws-access_v1.2.3_linux_amd64/aws-access", "aws-access_v1.2.3_linux_arm64/aws-access",
		"aws-access_v1.2.3_windows_amd64/aws-access.exe", "aws-access_v1.2.3_windows_arm64/aws-access.exe",
	}
	slices.Sort(archives)
	if diff := cmp.Diff(want, archives); diff != "" {
		t.Errorf("binaries of a release (-want +got):\n%s", diff)
	}
	slices.Sort(sboms)
	if n := len(slices.Compact(sboms)); n != len(want) {
		t.Errorf("%d binaries have %d SBOMs: %v", len(want), n, sboms)
	}
}
