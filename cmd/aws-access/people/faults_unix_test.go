//go:build unix

package people

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aws-access/aws-access/pkg/home"
)

// nobody is the id of a user without rights. A test that runs as root runs a command as this user, so that modes
// of files apply to it.
const nobody = 65534

// unprivileged runs a command as a user to whom modes of files apply, who is the owner of dir.
func unprivileged(t *testing.T, cmd *exec.Cmd, dir string) {
	t.Helper()
	if os.Geteuid() != 0 {
		return
	}
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return os.Lchown(path, nobody, nobody)
	}); err != nil {
		t.Fatal(err)
	}
	for _, way := range []string{cmd.Path, dir} {
		for up := filepath.Dir(way); up != os.TempDir() && up != "/"; up = filepath.Dir(up) {
			if err := os.Chmod(up, 0o711); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Whose home cannot be written gets keys if there is a cache, and is told. Nothing is paired that would be lost.
func TestAHomeThatIsNotWritableIsSaid(t *testing.T) {
	if testing.Short() {
		t.Skip("builds the command")
	}
	command, _ := programs(t)
	d := granted(t)
	d.keysOf()
	if err := os.RemoveAll(d.path("cache")); err != nil {
		t.Fatal(err)
	}
	want := func(exit int, words, data string, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), command, args...)
		unprivileged(t, cmd, d.dir)
		text := &strings.Builder{}
		cmd.Env, cmd.Dir, cmd.Stderr = []string{home.Variable + "=" + d.dir}, "/", text
		out, _ := cmd.Output() // the exit code says it
		if code := cmd.ProcessState.ExitCode(); code != exit || !strings.Contains(text.String(), words) ||
			!strings.Contains(string(out), data) || data == "" && len(out) > 0 {
			t.Errorf("%s ended with %d, want %d and %q:\n%s%s", args[0], code, exit, words, out, text)
		}
	}
	readOnly := func(path string) {
		if err := os.Chmod(path, 0o500); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.Chmod(path, 0o700) })
	}
	if err := os.Mkdir(d.path("cache"), 0o700); err != nil {
		t.Fatal(err)
	}
	readOnly(d.path("cache"))
	readOnly(d.dir)
	want(ExitDone, "The keys could not be kept, so the next program asks again", "ASIAEXAMPLE",
		"credential-process", prodName, operator)
	want(ExitNotAsked, "permission denied", "", "login", d.server.URL.String(), newCode(t))
	if err := os.Chmod(d.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(d.path("cache")); err != nil {
		t.Fatal(err)
	}
	readOnly(d.dir)
	want(ExitNotAsked, "make "+d.path("cache"), "", "credential-process", prodName, operator)
}
