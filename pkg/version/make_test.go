package version

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// product is scratch with this repository's Makefile, a function, and a stand-in for
// the command that compiles the policy.
func product(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile(filepath.Join("..", "..", "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"Makefile": string(text), "go.mod": "module " + Module + "\n\ngo 1.26\n", "policy.yaml": "", ".gitignore": "/bin/\n",
		"functions/tick/main.go": "package main\n\nfunc main() {}\n",
		"cmd/aws-access/main.go": "package main\n\nfunc main() {}\n",
	} {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// commit makes a directory a repository whose only commit has a tag.
func commit(t *testing.T, dir, tag string) {
	t.Helper()
	do(t, dir, "git", "init", "-q")
	do(t, dir, "git", "add", ".")
	do(t, dir, "git", "-c", "user.name=t", "-c", "user.email=t@example.com", "commit", "-qm", tag)
	do(t, dir, "git", "tag", tag)
}

// made is the build of the function that make leaves, in an environment that tells Go
// to record nothing.
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
	f, err := os.Open(filepath.Join(dir, "bin", "tick", "bootstrap"))
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

// Go would record the commit of a repository further up, which is not the one that was
// built.
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
