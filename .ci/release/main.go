// Command release builds the files of a release from one commit: archives of the command and of the
// functions, a list of components (SBOM) for each binary, and SHA256SUMS. `make release` runs it.
//
// It promises the same bytes for the same commit: on another computer, in another directory, and with
// any environment and any configuration of Go and git. So it builds a fresh clone of the commit with
// the Go version that the Makefile names, passes only the variables that locate modules and caches,
// and gives every file in an archive the time of the commit.
//
// It never builds files that are not committed, never signs, and never uploads.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("release: ")
	pinned := flag.String("go", "", "the Go version to build with, such as go1.26.8")
	want := flag.String("version", "", "the version that the commit must have, such as v1.2.3; empty for any")
	output := flag.String("output", "dist", "the directory of the results; its content is removed first")
	flag.Parse()
	if err := release(context.Background(), *pinned, *want, *output); err != nil {
		log.Fatal(err)
	}
}

// release writes every file into output. SHA256SUMS is the last one, so a release without it is incomplete.
func release(ctx context.Context, pinned, want, output string) error {
	work, err := os.MkdirTemp("", "release-")
	if err != nil {
		return fmt.Errorf("make a working directory: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	c, err := newCommands(ctx, pinned, filepath.Join(work, "gitconfig"))
	if err != nil {
		return err
	}
	if err := checkEarly(ctx, c, ".", want); err != nil {
		return err
	}
	tree, err := checkOut(ctx, c, ".", filepath.Join(work, "tree"))
	if err != nil {
		return err
	}
	built, err := buildAll(ctx, c, tree, work, targets())
	if err != nil {
		return err
	}
	version, err := tree.version(built, want)
	if err != nil {
		return err
	}
	files, err := pack(ctx, c, tree, built, version)
	if err != nil {
		return err
	}
	return write(output, files)
}

// pack makes the archives, and the SBOM of each binary.
func pack(ctx context.Context, c *commands, tree *tree, built []binary, version string) ([]file, error) {
	var files []file
	for _, group := range grouped(built) {
		archive, err := archiveOf(tree, group, version)
		if err != nil {
			return nil, err
		}
		files = append(files, archive)
	}
	tool, err := c.installSBOM(ctx, filepath.Dir(tree.dir))
	if err != nil {
		return nil, err
	}
	for _, b := range built {
		sbom, err := c.sbom(ctx, tool, b)
		if err != nil {
			return nil, err
		}
		files = append(files, file{b.sbomName(version), 0o644, sbom})
	}
	return files, nil
}

// write empties the directory and writes the files and their checksums into it, in the form of sha256sum.
func write(output string, files []file) error {
	if err := os.RemoveAll(output); err != nil {
		return fmt.Errorf("remove the last release: %w", err)
	}
	if err := os.MkdirAll(output, 0o750); err != nil {
		return fmt.Errorf("make the directory of the release: %w", err)
	}
	var sums strings.Builder
	sortFiles(files)
	for _, f := range files {
		sum := sha256.Sum256(f.data)
		_, _ = fmt.Fprintf(&sums, "%s  %s\n", hex.EncodeToString(sum[:]), f.name)
		fmt.Printf("%9d  %s\n", len(f.data), f.name)
	}
	for _, f := range append(files, file{"SHA256SUMS", 0o644, []byte(sums.String())}) {
		//nolint:gosec // a release is for everybody to read
		if err := os.WriteFile(filepath.Join(output, f.name), f.data, 0o644); err != nil {
			return fmt.Errorf("write a file of the release: %w", err)
		}
	}
	return nil
}
