package awsconfig

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gofrs/flock"
)

const mine1 = "# mine\n[default]\nregion = x\n"

// fileOf makes a file of configuration in a directory of its own.
func fileOf(t *testing.T, text string, mode fs.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// onlyFiles fails if the directory has other files than these.
func onlyFiles(t *testing.T, dir string, want ...string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range files {
		got = append(got, f.Name())
	}
	if strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("%s has %v, want %v", dir, got, want)
	}
}

func TestAFileKeepsItsModeAndIsWrittenOnce(t *testing.T) {
	path := fileOf(t, mine1, 0o640)
	block := testBlock(t, "prod-A")
	changed, err := Write(t.Context(), path, block)
	if err != nil || !changed || read(t, path) != mine1+string(block) {
		t.Fatalf("%v, %v, %q", changed, err, read(t, path))
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o640 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if changed, err := Write(t.Context(), path, block); err != nil || changed {
		t.Errorf("the second time: %v, %v", changed, err)
	}
	if again, err := os.Stat(path); err != nil || !os.SameFile(info, again) {
		t.Error("the same text was written again")
	}
	onlyFiles(t, filepath.Dir(path), "config", "config.aws-access.lock")
}

func TestANewFileIsPrivate(t *testing.T) {
	path := filepath.Join(t.TempDir(), ".aws", "config")
	if changed, err := Write(t.Context(), path, testBlock(t, "prod-A")); err != nil || !changed {
		t.Fatal(changed, err)
	}
	for path, mode := range map[string]fs.FileMode{path: 0o600, filepath.Dir(path): 0o700} {
		if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != mode {
			t.Errorf("%s has mode %v, %v", path, info.Mode(), err)
		}
	}
}

func TestALinkOfTheCallerIsFollowedAndStays(t *testing.T) {
	path := fileOf(t, mine1, 0o600)
	dir := t.TempDir()
	link, second := filepath.Join(dir, "link"), filepath.Join(dir, "config")
	if err := errors.Join(os.Symlink(path, link), os.Symlink("link", second)); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(t.Context(), second, testBlock(t, "prod-A")); err != nil {
		t.Fatal(err)
	}
	if to, err := os.Readlink(second); err != nil || to != "link" {
		t.Errorf("the link leads to %s, %v", to, err)
	}
	if !strings.Contains(read(t, path), "prod-A") {
		t.Error("the file behind the links was not written")
	}
	onlyFiles(t, dir, "config", "link")
}

func TestFilesThatCannotBeWrittenSafelyStay(t *testing.T) {
	dir := t.TempDir()
	for name, make := range map[string]func(path string) error{
		"leads nowhere":      func(path string) error { return os.Symlink(filepath.Join(dir, "nothing"), path) },
		"without end":        func(path string) error { return os.Symlink(path, path) },
		"not a plain file":   func(path string) error { return os.Mkdir(path, 0o700) },
		"more than one name": func(path string) error { return os.Link(fileOf(t, mine1, 0o600), path) },
	} {
		path := filepath.Join(t.TempDir(), "config")
		if err := make(path); err != nil {
			t.Fatal(err)
		}
		before, _ := os.ReadFile(path)
		if _, err := Write(t.Context(), path, testBlock(t, "prod-A")); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		if after, _ := os.ReadFile(path); !bytes.Equal(before, after) {
			t.Errorf("%s: the file changed", name)
		}
		onlyFiles(t, filepath.Dir(path), "config")
	}
}

// Somebody who can write the directory could make a link to another file of the caller.
func TestALinkOfSomebodyElseIsRefused(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("NOT RUN: only root can make a file of somebody else")
	}
	path := fileOf(t, mine1, 0o600)
	link := filepath.Join(t.TempDir(), "config")
	if err := errors.Join(os.Symlink(path, link), os.Lchown(link, 12345, 12345)); err != nil {
		t.Fatal(err)
	}
	_, err := Write(t.Context(), link, testBlock(t, "prod-A"))
	if err == nil || !strings.Contains(err.Error(), "belongs to somebody else") || read(t, path) != mine1 {
		t.Errorf("%v, %q", err, read(t, path))
	}
}

func TestAFileThatChangedMeanwhileIsNotOverwritten(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"edited":  func(path string) error { return os.WriteFile(path, []byte(mine1+"more\n"), 0o600) },
		"removed": os.Remove,
		"chmod":   func(path string) error { return os.Chmod(path, 0o400) },
	} {
		path := fileOf(t, mine1, 0o600)
		var left []byte
		changed, err := replaceFile(path, testBlock(t, "prod-A"), func() {
			if err := change(path); err != nil {
				t.Fatal(err)
			}
			left, _ = os.ReadFile(path)
		})
		if changed || !errors.Is(err, ErrChanged) {
			t.Errorf("%s: %v, %v", name, changed, err)
		}
		if now, _ := os.ReadFile(path); !bytes.Equal(now, left) {
			t.Errorf("%s: %q was overwritten by %q", name, left, now)
		}
		matches, _ := filepath.Glob(path + ".*")
		if len(matches) > 0 {
			t.Errorf("%s: %v is left", name, matches)
		}
	}
	path := filepath.Join(t.TempDir(), "config") // did not exist, and came to be
	_, err := replaceFile(path, testBlock(t, "prod-A"), func() { _ = os.WriteFile(path, nil, 0o600) })
	if !errors.Is(err, ErrChanged) {
		t.Error(err)
	}
}

func TestAFileThatExistsOutsideStays(t *testing.T) {
	path := fileOf(t, "[profile prod-A]\n", 0o600)
	_, err := Write(t.Context(), path, testBlock(t, "prod-A"))
	if _, ok := errors.AsType[*Exists](err); !ok || read(t, path) != "[profile prod-A]\n" {
		t.Errorf("%v, %q", err, read(t, path))
	}
}

func TestWritersAtOnceWaitForEachOther(t *testing.T) {
	path := fileOf(t, mine1, 0o600)
	var all sync.WaitGroup
	for range 20 {
		for _, name := range []string{"prod-A", "prod-B"} {
			all.Go(func() {
				if _, err := Write(t.Context(), path, testBlock(t, name)); err != nil {
					t.Error(err)
				}
			})
		}
	}
	all.Wait()
	if text := read(t, path); text != mine1+string(testBlock(t, "prod-A")) && text != mine1+string(testBlock(t,
		"prod-B")) {
		t.Errorf("%q", text)
	}
	onlyFiles(t, filepath.Dir(path), "config", "config.aws-access.lock")
}

func TestAWriterThatIsInterruptedWhileItWaitsWritesNothing(t *testing.T) {
	path := fileOf(t, mine1, 0o600)
	holder := flock.New(path + ".aws-access.lock")
	if err := holder.Lock(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = holder.Unlock() }()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := Write(ctx, path, testBlock(t, "prod-A")); err == nil || read(t, path) != mine1 {
		t.Errorf("%v, %q", err, read(t, path))
	}
}
