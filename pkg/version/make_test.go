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
	if out, err := runMake(t, dir, "build-TickFunction", "ARCH="+runtime.GOARCH); err != nil {
		t.Fatalf("make: %v\n%s", err, out)
	}
	return readFile(t, filepath.Join(dir, "bin", "tick", "bootstrap"))
}

// runMake runs make in an environment that tells Go to record nothing.
func runMake(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	c := exec.Command("make", append([]string{"-s"}, args...)...)
	c.Dir = dir
	for _, v := range os.Environ() {
		if name, _, _ := strings.Cut(v, "="); name != "MAKEFLAGS" && name != "MFLAGS" && name != "MAKELEVEL" {
			c.Env = append(c.Env, v)
		}
	}
	c.Env = append(c.Env, "GOFLAGS=-buildvcs=false")
	out, err := c.CombinedOutput()
	return string(out), err
}

func TestMakeSaysThatTheVersionIsUnknown(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs with make")
	}
	dir := product(t)
	const unknown = "This directory is not a git clone of its own, so the functions do not know their version."
	out, err := runMake(t, dir, "build", "ARCH="+runtime.GOARCH)
	if err != nil || strings.Count(out, unknown) != 1 {
		t.Errorf("outside a repository: %v, %q", err, out)
	}
	commit(t, dir, "v1.2.0")
	if out, err := runMake(t, dir, "build", "ARCH="+runtime.GOARCH); err != nil || strings.Contains(out, unknown) {
		t.Errorf("in a clone: %v, %q", err, out)
	}
}

func TestMakeUnderstandsTheProcessorAndTheBastion(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs with make")
	}
	dir := product(t)
	if out, err := runMake(t, dir, "build-TickFunction", "ARCH=x86_64"); err != nil {
		t.Errorf("AWS's name of the processor: %v, %q", err, out)
	}
	for variable, want := range map[string]string{
		"BASTION=":  "BASTION is empty: write the account id of the bastion, or unset it",
		"ARCH=i386": "ARCH is i386: write arm64, or amd64 (AWS calls it x86_64)",
	} {
		if out, err := runMake(t, product(t), "build", variable); err == nil || !strings.Contains(out, want) {
			t.Errorf("%s: %v, %q, want %q", variable, err, out, want)
		}
	}
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
