package home

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/wire"
)

const serverURL = "https://access.example.com/v1#AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

func newHome(t *testing.T) *Home {
	t.Helper()
	h, err := Open(filepath.Join(t.TempDir(), "with space", "it's"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// pair stores a device, as login does.
func pair(t *testing.T, h *Home) (Config, wire.PrivateKey) {
	t.Helper()
	server, err := wire.ParseURL(serverURL)
	if err != nil {
		t.Fatal(err)
	}
	key, err := wire.NewPrivateKey()
	if err != nil {
		t.Fatal(err)
	}
	c := Config{Server: server, NextKey: "next", Person: "Anna"}
	if err := errors.Join(h.saveConfig(c), h.saveKey(key)); err != nil {
		t.Fatal(err)
	}
	return c, key
}

func TestDeviceIsStoredAndForgotten(t *testing.T) {
	h := newHome(t)
	if _, err := h.Config(); !errors.Is(err, ErrNotPaired) {
		t.Errorf("got %v, want ErrNotPaired", err)
	}
	if _, err := h.Key(); !errors.Is(err, ErrNotPaired) {
		t.Errorf("got %v, want ErrNotPaired", err)
	}
	want, key := pair(t, h)
	got, err := h.Config()
	if err != nil || got != want {
		t.Errorf("got %+v: %v", got, err)
	}
	if read, err := h.Key(); err != nil || read.Public().Thumbprint() != key.Public().Thumbprint() {
		t.Errorf("another key was read: %v", err)
	}
	for name, want := range map[string]os.FileMode{".": 0o700, configFile: 0o600, keyFile: 0o600} {
		if info, err := os.Stat(h.path(name)); err != nil || info.Mode().Perm() != want {
			t.Errorf("%s has the mode %v, want %v: %v", name, info.Mode().Perm(), want, err)
		}
	}
	if err := errors.Join(h.Forget(t.Context()), h.Forget(t.Context())); err != nil {
		t.Error(err)
	}
	if _, err := h.Key(); !errors.Is(err, ErrNotPaired) {
		t.Errorf("after logout: got %v, want ErrNotPaired", err)
	}
}

// A code that comes with another key looks like one that somebody has seen.
func TestACodeHasOneKeyOnAComputerUntilAnotherCodeComes(t *testing.T) {
	h := newHome(t)
	c, old := pair(t, h)
	newKey := func(code string, wantAgain bool) string {
		t.Helper()
		key, again, err := h.NewKey(t.Context(), code)
		if err != nil || again != wantAgain {
			t.Fatalf("%s: again %t, %v", code, again, err)
		}
		c.CodeKey = code
		return key.Public().Thumbprint()
	}
	first := newKey("one", false)
	if newKey("one", false) != first || first == old.Public().Thumbprint() {
		t.Error("the key of a code whose answer was lost is another one")
	}
	if info, err := h.root.Stat(newKeyFile); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%s: %v, %v", newKeyFile, info, err)
	}
	key, _, err := h.NewKey(t.Context(), "one")
	if err = errors.Join(err, h.Pair(t.Context(), key, c)); err != nil {
		t.Fatal(err)
	}
	if _, err := h.root.Stat(newKeyFile); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is left: %v", newKeyFile, err)
	}
	if newKey("one", true) != first {
		t.Error("the key of the code that paired the computer is another one")
	}
	if second := newKey("two", false); second == first || newKey("one", true) != first {
		t.Error("another code has the same key, or changes the device")
	}
	if err := h.DropNewKey(t.Context()); err != nil || newKey("one", true) != first {
		t.Errorf("the device is lost: %v", err)
	}
}

func TestForgetRemovesWhatAKilledProcessHasLeft(t *testing.T) {
	h := newHome(t)
	pair(t, h)
	leave(t, h.folder, keyFile)
	leave(t, h.folder, configFile)
	leave(t, h.folder, newKeyFile)
	if _, _, err := h.NewKey(t.Context(), "a code"); err != nil {
		t.Fatal(err)
	}
	if err := h.Forget(t.Context()); err != nil {
		t.Fatal(err)
	}
	files, err := os.ReadDir(h.dir)
	if err != nil || len(files) != 1 || files[0].Name() != lockFile {
		t.Errorf("left: %v, %v; want the lock only", files, err)
	}
}

// wantUnsafe asserts that a refusal names the path and says what to do.
func wantUnsafe(t *testing.T, name string, err error, path, do string) {
	t.Helper()
	unsafe, ok := errors.AsType[*Unsafe](err)
	if !ok || unsafe.Path != path || !strings.Contains(unsafe.Do, do) {
		t.Errorf("%s: got %v; want %s and %q", name, err, path, do)
	}
}

func TestDirectoryThatOthersCanReadIsRefusedWithTheChmod(t *testing.T) {
	for _, mode := range []os.FileMode{0o755, 0o750, 0o701, 0o702, 0o770} {
		dir := newHome(t).dir
		if err := os.Chmod(dir, mode); err != nil {
			t.Fatal(err)
		}
		_, err := Open(dir)
		wantUnsafe(t, mode.String(), err, dir, "chmod 700 '"+strings.ReplaceAll(dir, "'", `'\''`)+"'")
	}
}

func TestFileThatOthersCanReadIsRefusedWithTheChmod(t *testing.T) {
	for _, mode := range []os.FileMode{0o644, 0o640, 0o604, 0o620, 0o700, 0o666} {
		h := newHome(t)
		pair(t, h)
		if err := errors.Join(os.Chmod(h.path(keyFile), mode), os.Chmod(h.path(configFile), mode)); err != nil {
			t.Fatal(err)
		}
		_, err := h.Key()
		wantUnsafe(t, mode.String(), err, h.path(keyFile), "chmod 600 ")
		_, err = h.Config()
		wantUnsafe(t, mode.String(), err, h.path(configFile), "chmod 600 ")
	}
}

func TestLinksAreNotFollowed(t *testing.T) {
	h := newHome(t)
	pair(t, h)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(h.dir, link); err != nil {
		t.Fatal(err)
	}
	_, err := Open(link)
	wantUnsafe(t, "a directory", err, link, "directory")

	other := newHome(t)
	pair(t, other)
	for _, name := range []string{keyFile, configFile} {
		if err := errors.Join(os.Remove(h.path(name)), os.Symlink(other.path(name), h.path(name))); err != nil {
			t.Fatal(err)
		}
	}
	_, err = h.Key()
	wantUnsafe(t, "the key", err, h.path(keyFile), "remove it")
	_, err = h.Config()
	wantUnsafe(t, "the configuration", err, h.path(configFile), "remove it")

	// A write replaces the link and does not follow it.
	before, err := other.Key()
	if err != nil {
		t.Fatal(err)
	}
	_, key := pair(t, h)
	after, err := other.Key()
	if err != nil || after.Public().Thumbprint() != before.Public().Thumbprint() {
		t.Errorf("the target of the link was written: %v", err)
	}
	if read, err := h.Key(); err != nil || read.Public().Thumbprint() != key.Public().Thumbprint() {
		t.Errorf("the link was not replaced: %v", err)
	}
}

func TestDirectoryInPlaceOfAFileIsRefused(t *testing.T) {
	h := newHome(t)
	if err := os.Mkdir(h.path(keyFile), 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := h.Key()
	wantUnsafe(t, "a directory", err, h.path(keyFile), "remove it")
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = Open(file)
	wantUnsafe(t, "a file as the home", err, file, "directory")
}

func TestDamagedFileSaysWhatToDo(t *testing.T) {
	for name, text := range map[string]string{
		"nothing": "", "no JSON": "{", "another URL": `{"url":"http://evil.example/v1#x"}`, "text": "x",
		"too much": strings.Repeat(" ", maxFile+1),
	} {
		h := newHome(t)
		pair(t, h)
		if err := errors.Join(h.write(configFile, []byte(text)), h.write(keyFile, []byte(text))); err != nil {
			t.Fatal(err)
		}
		_, err := h.Config()
		_, keyErr := h.Key()
		for _, err := range []error{err, keyErr} {
			want := "run aws-access login again"
			if name == "too much" {
				want = "too large"
			}
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: got %v, want %q", name, err, want)
			}
		}
	}
}

func TestMembersOfANewerVersionAreIgnored(t *testing.T) {
	h := newHome(t)
	text := `{"url":"` + serverURL + `","from_the_future":{"a":[1]}}`
	if err := h.write(configFile, []byte(text)); err != nil {
		t.Fatal(err)
	}
	if c, err := h.Config(); err != nil || c.Server.String() != serverURL {
		t.Errorf("got %+v: %v", c, err)
	}
}

// A process that was killed in the middle of a write leaves a file beside, which stops nobody.
func TestFileOfAKilledWriterIsReplaced(t *testing.T) {
	h := newHome(t)
	want, _ := pair(t, h)
	if err := os.WriteFile(h.path(configFile+".new"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := h.Config(); err != nil || got != want {
		t.Errorf("got %+v: %v", got, err)
	}
	if err := h.saveConfig(want); err != nil {
		t.Error(err)
	}
	if _, err := os.Lstat(h.path(configFile + ".new")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the file beside is still there: %v", err)
	}
}

// A write that fails leaves what was there.
func TestFailedWriteLeavesTheOldFile(t *testing.T) {
	h := newHome(t)
	want, _ := pair(t, h)
	if err := os.MkdirAll(h.path(configFile+".new/x"), 0o700); err != nil { // cannot be removed
		t.Fatal(err)
	}
	if err := h.saveConfig(Config{}); err == nil || !strings.HasPrefix(err.Error(), "write "+h.path(configFile)+": ") {
		t.Errorf("got %v", err)
	}
	if got, err := h.Config(); err != nil || got != want {
		t.Errorf("got %+v: %v", got, err)
	}
}

func TestPathOfTheHome(t *testing.T) {
	set := func(dir string) func(string) string {
		return func(name string) string { return map[string]string{Variable: dir}[name] }
	}
	if dir, err := Dir(set("/a/b/../c")); err != nil || dir != "/a/c" {
		t.Errorf("got %q: %v", dir, err)
	}
	if _, err := Dir(set("relative")); err == nil || !strings.Contains(err.Error(), "not an absolute path") {
		t.Errorf("got %v", err)
	}
	t.Setenv("XDG_CONFIG_HOME", "/x")
	if dir, err := Dir(set("")); err != nil || filepath.Base(dir) != "aws-access" {
		t.Errorf("got %q: %v", dir, err)
	}
}

func TestKeyFileWithTwoKeysIsRefused(t *testing.T) {
	h := newHome(t)
	_, key := pair(t, h)
	text, err := key.PEM()
	if err != nil {
		t.Fatal(err)
	}
	if err := h.write(keyFile, []byte(text.Reveal()+text.Reveal())); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Key(); err == nil || !strings.Contains(err.Error(), "more than one key") {
		t.Errorf("got %v", err)
	}
}

// An answer that names a new key of the server arrives while somebody logs in to another one.
func TestRenamedKeysAreKeptForTheSameServerOnly(t *testing.T) {
	h := newHome(t)
	want, _ := pair(t, h)
	other := want.Server
	other.Address = "https://other.example.com/v1"
	if err := h.Renamed(t.Context(), other, strings.Repeat("B", 42)+"A", "x"); err != nil {
		t.Fatal(err)
	}
	if got, err := h.Config(); err != nil || got != want {
		t.Errorf("another server: got %+v: %v", got, err)
	}
	key := strings.Repeat("B", 42) + "A"
	if err := h.Renamed(t.Context(), want.Server, key, "C"); err != nil {
		t.Fatal(err)
	}
	want.Server.AnswerKey, want.NextKey = key, "C"
	if got, err := h.Config(); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	err := errors.Join(h.Forget(t.Context()), h.Renamed(t.Context(), want.Server, key, "D"))
	if !errors.Is(err, ErrNotPaired) {
		t.Errorf("after logout: %v", err)
	}
	if _, err := os.Stat(h.path(configFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("after logout the configuration came back: %v", err)
	}
}

func TestLockThatIsHeldForEverIsSaid(t *testing.T) {
	h := newHome(t)
	lock := newLock(h.path(lockFile))
	if err := lock.Lock(); err != nil {
		t.Fatal(err)
	}
	h.wait = 10 * time.Millisecond
	err := h.Forget(t.Context())
	if want := "lock " + h.path(lockFile) + ": another process holds it; end that process, and try again"; err == nil ||
		err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
	if err := lock.Unlock(); err != nil {
		t.Fatal(err)
	}
	if err := h.Forget(t.Context()); err != nil {
		t.Errorf("after it was released: %v", err)
	}
}
