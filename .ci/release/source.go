package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"

	"github.com/aws-access/aws-access/pkg/version"
)

// tree is a fresh clone of the commit.
type tree struct {
	dir, commit string
	tags        []string // the release tags of the commit
}

// checkOut clones the commit of the repository in dir into a new directory. A clone contains only what is
// committed: no ignored files, no line endings that a setting of git changed, no hooks. With --no-local
// git computes the name of each file from its bytes; otherwise it would copy what is on the disk.
func checkOut(ctx context.Context, c *commands, dir, into string) (*tree, error) {
	root, err := c.root(ctx, dir)
	if err != nil {
		return nil, err
	}
	shallow, err := c.git(ctx, root, "rev-parse", "--is-shallow-repository")
	if err != nil {
		return nil, err
	}
	if shallow != "false" {
		return nil, fmt.Errorf("check the clone: it is shallow, so Go cannot find the version of the commit;" +
			" run `git fetch --unshallow --tags`")
	}
	changed, err := c.git(ctx, root, "status", "--porcelain", "--untracked-files=all")
	if err != nil {
		return nil, err
	}
	if changed != "" {
		return nil, fmt.Errorf("check the work tree: these files differ from the commit; commit them or put them"+
			" away (`git stash -u`):\n%s", changed)
	}
	commit, err := c.git(ctx, root, "rev-parse", "HEAD")
	if err != nil {
		return nil, err
	}
	clone := []string{"clone", "--quiet", "--no-local", "--no-checkout", "--template=",
		"-c", "core.hooksPath=" + os.DevNull, "-c", "core.autocrlf=false", "-c", "core.eol=lf",
		"-c", "core.attributesFile=" + os.DevNull, "-c", "core.excludesFile=" + os.DevNull,
		"-c", "core.fsmonitor=false", root, into}
	if _, err := c.git(ctx, root, clone...); err != nil {
		return nil, err
	}
	if _, err := c.git(ctx, into, "checkout", "--quiet", "--detach", commit); err != nil {
		return nil, err
	}
	tags, err := c.git(ctx, into, "tag", "--points-at", commit)
	if err != nil {
		return nil, err
	}
	return &tree{dir: into, commit: commit, tags: releases(tags)}, nil
}

// root returns the work tree of the repository that a directory is in.
func (c *commands) root(ctx context.Context, dir string) (string, error) {
	root, err := c.git(ctx, dir, "rev-parse", "--show-toplevel")
	if err != nil {
		return "", fmt.Errorf("find the repository: a release is made in a git clone: %w", err)
	}
	return root, nil
}

// releases returns the tags of releases among all tags.
func releases(tags string) []string {
	return slices.DeleteFunc(strings.Fields(tags), func(tag string) bool { return !version.IsRelease(tag) })
}

// checkEarly refuses at once what would be refused after minutes of building: a wrong VERSION, a missing tag, and
// files that were forgotten. It reads the work tree, so it proves nothing; the same is checked in the clone later.
func checkEarly(ctx context.Context, c *commands, dir, want string) error {
	if want != "" && !version.IsRelease(want) {
		return fmt.Errorf("check VERSION: %q is not a version such as v1.2.3", want)
	}
	root, err := c.root(ctx, dir)
	if err != nil {
		return err
	}
	tags, err := c.git(ctx, root, "tag", "--points-at", "HEAD")
	if err != nil {
		return err
	}
	t := &tree{dir: root, tags: releases(tags)}
	if _, err := t.read(thirdParty); err != nil {
		return err
	}
	switch {
	case want != "" && !slices.Contains(t.tags, want):
		return fmt.Errorf("check the version: the commit has no tag %s; tag it, or leave VERSION empty", want)
	case want == "" && len(t.tags) == 1:
		want = t.tags[0]
	case want == "": // a trial, or Go chooses among the tags
		return nil
	}
	return errors.Join(t.checkChangelog(want), t.checkTemplate(want))
}

// version returns the version that all binaries report. If want is not empty, it must be that version. On a commit
// with the tag of a release, it must be the tag, and the changelog and the template must name it. On any other
// commit it is Go's pseudo-version.
func (t *tree) version(built []binary, want string) (string, error) {
	version := built[0].info.Main.Version
	for _, b := range built {
		if err := b.check(version, t.commit); err != nil {
			return "", err
		}
	}
	switch {
	case want != "" && version != want:
		return "", fmt.Errorf("check the version: the commit %s is %s, not %s; tag it, or leave VERSION empty",
			t.commit[:12], version, want)
	case len(t.tags) == 0:
		fmt.Printf("%s has no tag such as v1.2.3. This is a trial build, not a release.\n", t.commit[:12])
		return version, nil
	case !slices.Contains(t.tags, version):
		return "", fmt.Errorf("check the version: the commit has the tags %v, but Go says %s; from v2.0.0 on, the"+
			" module's path must end in the major version", t.tags, version)
	}
	return version, errors.Join(t.checkChangelog(version), t.checkTemplate(version))
}

func (t *tree) checkChangelog(version string) error {
	text, err := t.read("CHANGELOG.md")
	heading := "\n## [" + strings.TrimPrefix(version, "v") + "] - "
	if err == nil && !strings.Contains(string(text), heading) {
		err = fmt.Errorf("check CHANGELOG.md: no line begins with %q", strings.TrimSpace(heading))
	}
	return err
}

func (t *tree) checkTemplate(version string) error {
	stated, err := t.stated()
	if err == nil && stated != version {
		err = fmt.Errorf("check template.yaml: its output Version is %q, not %q", stated, version)
	}
	return err
}

// stated returns the output Version of the template.
func (t *tree) stated() (string, error) {
	text, err := t.read("template.yaml")
	if err != nil {
		return "", err
	}
	var template struct {
		Outputs struct {
			Version struct {
				Value string `yaml:"Value"`
			} `yaml:"Version"`
		} `yaml:"Outputs"`
	}
	if err := yaml.Unmarshal(text, &template); err != nil {
		return "", fmt.Errorf("read template.yaml: %w", err)
	}
	return template.Outputs.Version.Value, nil
}

// read returns a file of the commit.
func (t *tree) read(name string) ([]byte, error) {
	data, err := os.ReadFile(filepath.Join(t.dir, name))
	if err != nil {
		return nil, fmt.Errorf("read a file of the commit: %w", err)
	}
	return data, nil
}
