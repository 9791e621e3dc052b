package version

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// product returns a directory with this repository's Makefile, a function, and an empty
// program in place of the command, which would compile the policy.
func product(t *testing.T) string {
	t.Helper()
	makefile, err := os.ReadFile(filepath.Join("..", "..", "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	return directory(t, map[string]string{
		"Makefile": string(makefile), "go.mod": goMod, "policy.yaml": "", ".gitignore": "/bin/\n",
		"functions/tick/main.go": emptyMain, "cmd/aws-access/main.go": emptyMain,
	})
}

// made builds the function with make, in an environment that tells Go to record nothing.
func made(t *testing.T, dir string) Build {
	t.Helper()
	c := exec.Command("make", "-s", "build-TickFunction", "ARCH="+runtime.GOARCH)
	c.Dir = dir
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); name != "MAKEFLAGS" && name != "MFLAGS" && name != "MAKELEVEL" {
			c.Env = append(c.Env, v)
		}
	}
	c.Env = append(c.Env, "GOFLAGS=-buildvcs=false")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("make: %v\n%s", err, out)
	}
	return readFile(t, filepath.Join(dir, "bin", "tick", "bootstrap"))
}

func TestMakeRecordsTheVersionWhateverTheEnvironmentSays(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs with make")
	}
	dir := product(t)
	if b := made(t, dir); b.Known() {
		t.Errorf("outside a repository: %+v", b)
	}
	commit(t, dir, "v1.2.0")
	if b := made(t, dir); b.Version != "v1.2.0" || b.Commit != do(t, dir, "git", "rev-parse", "HEAD") || b.Modified ||
		b.Program != Module+"/functions/tick" {
		t.Errorf("in a clone: %+v", b)
	}
}

// Go would record the commit of a repository further up, which does not contain the code.
func TestMakeNeverRecordsTheCommitOfAnotherRepository(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs with make")
	}
	outer, dir := t.TempDir(), product(t)
	if err := os.WriteFile(filepath.Join(outer, "README"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	commit(t, outer, "v9.9.9")
	commit(t, dir, "v1.2.0")
	worktree, unpacked := filepath.Join(outer, "worktree"), filepath.Join(outer, "unpacked")
	do(t, dir, "git", "worktree", "add", "-q", worktree)
	if err := os.CopyFS(unpacked, os.DirFS(product(t))); err != nil {
		t.Fatal(err)
	}
	for what, in := range map[string]string{"a linked worktree": worktree, "an unpacked archive": unpacked} {
		if b := made(t, in); b.Known() {
			t.Errorf("%s inside another repository: %+v", what, b)
		}
	}
}
