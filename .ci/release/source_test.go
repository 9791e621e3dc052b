package main

import (
	"bytes"
	"compress/zlib"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
)

// here returns commands that use the Go version of this test, not the one that releases are built with.
func here(t *testing.T) *commands {
	t.Helper()
	c, err := newCommands(t.Context(), runtime.Version(), filepath.Join(t.TempDir(), "gitconfig"))
	if err != nil {
		t.Fatal(err)
	}
	// A test must not sign commits or run hooks of the person who runs it.
	c.env = append(c.env, "HOME="+t.TempDir(), "XDG_CONFIG_HOME="+t.TempDir())
	return c
}

// repository commits the files and returns the directory.
func repository(t *testing.T, texts map[string]string) string {
	t.Helper()
	dir := files(t, texts)
	git(t, dir, "init", "--quiet", "--initial-branch=main")
	commitAll(t, dir)
	return dir
}

func commitAll(t *testing.T, dir string) {
	t.Helper()
	git(t, dir, "add", "--all")
	git(t, dir, "-c", "user.name=A", "-c", "user.email=a@example.org", "commit", "--quiet", "--message=a change")
}

func git(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := here(t).git(t.Context(), dir, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// The release would not contain changes that the maintainer sees in the work tree.
func TestChangedWorkTreeIsRefused(t *testing.T) {
	dir := repository(t, map[string]string{"a.go": "package a", "deep/b.go": "package b"})
	for name, content := range map[string]string{"deep/b.go": "package c", "deep/new.go": "package d"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, err := checkOut(t.Context(), here(t), dir, filepath.Join(t.TempDir(), "clone"))
	want := "check the work tree: these files differ from the commit; commit them or put them away (`git stash -u`):\n" +
		" M deep/b.go\n?? deep/new.go"
	if text(err) != want {
		t.Errorf("%q, want %q", text(err), want)
	}
}

// Go's version of a commit follows from the tags before it, which a shallow clone lacks.
func TestShallowCloneIsRefused(t *testing.T) {
	dir, shallow := repository(t, map[string]string{"a.go": "package a"}), filepath.Join(t.TempDir(), "shallow")
	if err := os.WriteFile(filepath.Join(dir, "b.go"), []byte("package a"), 0o600); err != nil {
		t.Fatal(err)
	}
	commitAll(t, dir)
	git(t, dir, "clone", "--quiet", "--depth=1", "file://"+dir, shallow)
	_, err := checkOut(t.Context(), here(t), shallow, filepath.Join(t.TempDir(), "clone"))
	if want := "check the clone: it is shallow"; !strings.HasPrefix(text(err), want) {
		t.Errorf("%q, want %q", text(err), want)
	}
	_, err = checkOut(t.Context(), here(t), t.TempDir(), filepath.Join(t.TempDir(), "clone"))
	if want := "find the repository: a release is made in a git clone"; !strings.HasPrefix(text(err), want) {
		t.Errorf("without git: %q, want %q", text(err), want)
	}
}

// git does not report an ignored source file as a change, but Go would compile it. Settings of git change line
// endings.
func TestOnlyCommittedBytesAreBuilt(t *testing.T) {
	dir := repository(t, map[string]string{"a.go": "package a\n", ".gitignore": "hidden.go\n"})
	if err := os.WriteFile(filepath.Join(dir, "hidden.go"), []byte("package a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := here(t)
	c.env = append(c.env, "HOME="+files(t, map[string]string{".gitconfig": "[core]\n\tautocrlf = true\n"}))
	tree, err := checkOut(t.Context(), c, dir, filepath.Join(t.TempDir(), "clone"))
	if err != nil {
		t.Fatal(err)
	}
	source, err := tree.read("a.go")
	if err != nil || string(source) != "package a\n" {
		t.Errorf("a.go holds %q, %v", source, err)
	}
	if _, err := tree.read("hidden.go"); err == nil {
		t.Error("a file that is not committed is in the clone")
	}
}

// The name of a commit covers its files only if git computes it from them.
func TestFileThatWasReplacedInTheRepositoryIsRefused(t *testing.T) {
	dir := repository(t, map[string]string{"a.go": "package a\n"})
	name := git(t, dir, "rev-parse", "HEAD:a.go")
	object := filepath.Join(dir, ".git", "objects", name[:2], name[2:])
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	_, err := z.Write([]byte("blob 10\x00package b\n"))
	if err = errors.Join(err, z.Close(), os.Remove(object), os.WriteFile(object, packed.Bytes(), 0o600)); err != nil {
		t.Fatal(err)
	}
	tree, err := checkOut(t.Context(), here(t), dir, filepath.Join(t.TempDir(), "clone"))
	if err == nil {
		source, _ := tree.read("a.go")
		t.Errorf("the commit %s is built with a.go as %q", tree.commit, source)
	}
}

// The user's configuration of git can put another repository in place of this one.
func TestConfigurationOfGitDoesNotChooseTheSource(t *testing.T) {
	dir, other := repository(t, map[string]string{"a.go": "package a\n"}), filepath.Join(t.TempDir(), "other")
	git(t, dir, "clone", "--quiet", dir, other)
	git(t, other, "tag", "v1.2.3")
	c := here(t)
	c.env = append(c.env, "HOME="+files(t, map[string]string{
		".gitconfig": "[url \"" + other + "\"]\n\tinsteadOf = " + dir + "\n",
	}))
	tree, err := checkOut(t.Context(), c, dir, filepath.Join(t.TempDir(), "clone"))
	if err != nil || len(tree.tags) > 0 {
		t.Errorf("got %v, %v, want the repository without a tag", tree, err)
	}
}

// Go takes what is in its build cache as the result of a build, and computes no checksum of it.
func TestReleaseIsBuiltWithAnEmptyBuildCache(t *testing.T) {
	t.Setenv("GOCACHE", t.TempDir())
	c, work := here(t), t.TempDir()
	tree := &tree{dir: files(t, map[string]string{"go.mod": "module a\n"})}
	if _, err := buildAll(t.Context(), c, tree, work, nil); err != nil {
		t.Fatal(err)
	}
	out, err := c.golang(t.Context(), work, nil, "env", "GOCACHE")
	if want := filepath.Join(work, "cache") + "\n"; err != nil || string(out) != want {
		t.Errorf("Go uses %q, want %q, %v", out, want, err)
	}
}

// The version in the names of the files must be the one that the programs report.
func TestVersionIsThatOfTheTag(t *testing.T) {
	const pseudo = "v0.0.0-20261126190001-0123456789ab"
	const heading = "# Changelog\n\n## [1.2.3] - 2026-11-26\n"
	const output = "Outputs:\n  Url: {Value: !Sub 'https://${Api}'}\n  Version:\n    Value: v1.2.3 # the release\n"
	for _, c := range []struct {
		name, tag, stated, asked, changelog, template, want string
	}{
		{"a release", "v1.2.3", "v1.2.3", "v1.2.3", heading, output, ""},
		{"a trial", "trial", pseudo, "", "", "", ""},
		{"another version was asked for", "v1.2.3", "v1.2.3", "v1.2.4", heading, output,
			"is v1.2.3, not v1.2.4; tag it, or leave VERSION empty"},
		{"a release was asked for and no tag was set", "trial", pseudo, "v1.2.3", heading, output,
			"is " + pseudo + ", not v1.2.3"},
		{"Go does not accept the tag", "v2.0.0", "v1.2.4-0.20261126190001-0123456789ab", "", heading, output,
			"the commit has the tags [v2.0.0], but Go says v1.2.4-0."},
		{"the changelog was forgotten", "v1.2.3", "v1.2.3", "", "## [Unreleased]\n", output,
			`check CHANGELOG.md: no line begins with "## [1.2.3] -"`},
		{"the template was forgotten", "v1.2.3", "v1.2.3", "", heading, "Outputs: {Version: {Value: v1.2.3-dev}}",
			`check template.yaml: its output Version is "v1.2.3-dev", not "v1.2.3"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := repository(t, map[string]string{"CHANGELOG.md": c.changelog, "template.yaml": c.template})
			git(t, dir, "tag", c.tag)
			tree, err := checkOut(t.Context(), here(t), dir, filepath.Join(t.TempDir(), "clone"))
			if err != nil {
				t.Fatal(err)
			}
			got, err := tree.version([]binary{stating(c.stated, tree.commit)}, c.asked)
			if c.want == "" && (err != nil || got != c.stated) || !strings.Contains(text(err), c.want) {
				t.Errorf("version %q, %q, want %q", got, text(err), c.want)
			}
		})
	}
}

// The builds take minutes. checkEarly builds nothing.
func TestForgottenStepOfAReleaseIsFoundBeforeTheBuilds(t *testing.T) {
	whole := map[string]string{
		"THIRD_PARTY_LICENSES.txt": "text", "CHANGELOG.md": "# Changelog\n\n## [1.2.3] - 2026-11-26\n",
		"template.yaml": "Outputs: {Version: {Value: v1.2.3}}\n",
	}
	for _, c := range []struct{ name, tag, asked, file, text, want string }{
		{"a release", "v1.2.3", "v1.2.3", "README.md", "text", ""},
		{"a release without VERSION", "v1.2.3", "", "README.md", "text", ""},
		{"a trial", "trial", "", "CHANGELOG.md", "text", ""},
		{"the form of VERSION", "v1.2.3", "1.2.3", "README.md", "text",
			`check VERSION: "1.2.3" is not a version such as v1.2.3`},
		{"the tag", "trial", "v1.2.3", "README.md", "text", "the commit has no tag v1.2.3; tag it, or leave VERSION empty"},
		{"the licences", "trial", "", "THIRD_PARTY_LICENSES.txt", "", "THIRD_PARTY_LICENSES.txt: no such file"},
		{"the changelog", "v1.2.3", "v1.2.3", "CHANGELOG.md", "text", `no line begins with "## [1.2.3] -"`},
		{"the template", "v1.2.3", "", "template.yaml", "Outputs: {Version: {Value: v1.2.2}}",
			`its output Version is "v1.2.2", not "v1.2.3"`},
	} {
		t.Run(c.name, func(t *testing.T) {
			texts := maps.Clone(whole)
			if texts[c.file] = c.text; c.text == "" {
				delete(texts, c.file)
			}
			dir := repository(t, texts)
			git(t, dir, "tag", c.tag)
			err := checkEarly(t.Context(), here(t), dir, c.asked)
			if (err == nil) != (c.want == "") || !strings.Contains(text(err), c.want) {
				t.Errorf("%q, want %q", text(err), c.want)
			}
		})
	}
}

// stating is a binary that states a version and a commit.
func stating(version, commit string) binary {
	b := example("slack", "linux")
	b.info.Main.Version = version
	for _, s := range []string{"vcs.revision=" + commit, "vcs.modified=false", "GOOS=linux", "GOARCH=arm64",
		"CGO_ENABLED=0", "-trimpath=true"} {
		key, value, _ := strings.Cut(s, "=")
		b.info.Settings = append(b.info.Settings, debug.BuildSetting{Key: key, Value: value})
	}
	return b
}

func TestBinaryOfAnotherCommitIsRefused(t *testing.T) {
	for _, c := range []struct{ stated, want string }{
		{"vcs.revision=2", `check aws-access-functions_v1.2.3_linux_arm64/slack/bootstrap: its vcs.revision is "2", not "1"`},
		{"vcs.modified=true", `its vcs.modified is "true", not "false"`},
		{"GOARCH=amd64", `its GOARCH is "amd64", not "arm64"`},
	} {
		b := stating("v1.2.3", "1")
		key, value, _ := strings.Cut(c.stated, "=")
		for i := range b.info.Settings {
			if b.info.Settings[i].Key == key {
				b.info.Settings[i].Value = value
			}
		}
		if err := b.check("v1.2.3", "1"); !strings.Contains(text(err), c.want) {
			t.Errorf("%s: %q, want %q", c.stated, text(err), c.want)
		}
	}
	err := stating("v1.2.2", "1").check("v1.2.3", "1")
	if want := `its version is "v1.2.2", and another binary has "v1.2.3"`; !strings.Contains(text(err), want) {
		t.Errorf("%q, want %q", text(err), want)
	}
}

// Settings of the user may say where modules come from, but must not change what is built.
func TestSettingsOfTheUserDoNotReachTheBuild(t *testing.T) {
	user := filepath.Join(t.TempDir(), "env")
	settings := "GOFLAGS=-tags=other\nGOAMD64=v3\nGOEXPERIMENT=arenas\nGOPROXY=https://modules.example.org\n"
	if err := os.WriteFile(user, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GOENV", user)
	t.Setenv("GOARM64", "v9.0")
	t.Setenv("GIT_DIR", "/nowhere")
	t.Setenv("GIT_CONFIG_GLOBAL", "/nowhere")
	config := filepath.Join(t.TempDir(), "gitconfig")
	c, err := newCommands(t.Context(), runtime.Version(), config)
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.golang(t.Context(), t.TempDir(), target{os: "linux", arch: "arm64"}.env(), "env",
		"GOFLAGS", "GOAMD64", "GOARM64", "GOEXPERIMENT", "CGO_ENABLED", "GOOS", "GOPROXY")
	want := "\nv1\nv8.0\n\n0\nlinux\nhttps://modules.example.org\n"
	if err != nil || string(out) != want {
		t.Errorf("Go sees %q, want %q, %v", out, want, err)
	}
	ofGit := slices.DeleteFunc(slices.Clone(c.env), func(v string) bool { return !strings.HasPrefix(v, "GIT_") })
	own := []string{"GIT_CONFIG_GLOBAL=" + config, "GIT_CONFIG_NOSYSTEM=1", "GIT_ATTR_NOSYSTEM=1",
		"GIT_NO_REPLACE_OBJECTS=1"}
	if !slices.Equal(ofGit, own) {
		t.Errorf("git sees %q, want %q", ofGit, own)
	}
	_, err = newCommands(t.Context(), "go1.2.3", filepath.Join(t.TempDir(), "gitconfig"))
	if want := `and releases are built by "go1.2.3"`; !strings.Contains(text(err), want) {
		t.Errorf("another Go: %q, want %q", text(err), want)
	}
}
