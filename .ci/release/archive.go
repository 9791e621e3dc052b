package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"cmp"
	"compress/gzip"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"time"
)

// file is an entry of an archive, or a file of the release.
type file struct {
	name string
	mode fs.FileMode
	data []byte
}

func sortFiles(files []file) {
	slices.SortFunc(files, func(a, b file) int { return cmp.Compare(a.name, b.name) })
}

// archiveOf packs the binaries of one archive with the texts that belong to them: a zip for Windows, otherwise
// a compressed tar.
func archiveOf(tree *tree, group []binary, version string) (file, error) {
	first := group[0]
	name := first.archive(version)
	texts := []string{"LICENSE", "NOTICE", thirdParty}
	if !first.isCommand() {
		texts = append(texts, "template.yaml")
	}
	var files []file
	for _, text := range texts {
		data, err := tree.read(text)
		if err != nil {
			return file{}, err
		}
		files = append(files, file{text, 0o644, data})
	}
	for _, b := range group {
		if err := b.checkLicences(tree); err != nil {
			return file{}, err
		}
		files = append(files, file{b.file(), 0o755, b.data})
	}
	sortFiles(files)
	at, err := first.time()
	if err != nil {
		return file{}, err
	}
	if first.os == "windows" {
		data, err := zipOf(name, files, at)
		return file{name + ".zip", 0o644, data}, err
	}
	data, err := tarOf(name, files, at)
	return file{name + ".tar.gz", 0o644, data}, err
}

// thirdParty is the file with the licences of linked modules. A test of docs compares it with the modules' own texts.
const thirdParty = "THIRD_PARTY_LICENSES.txt"

// checkLicences refuses a binary that links a module whose licence is not in thirdParty.
func (b binary) checkLicences(tree *tree) error {
	text, err := tree.read(thirdParty)
	if err != nil {
		return err
	}
	for _, m := range linkedModules(b.info) {
		path, _, _ := strings.Cut(m, "@")
		if !strings.Contains(string(text), "\n"+path+", ") {
			return fmt.Errorf("check %s: it has no licence of %s, which %s links", thirdParty, path, b.path)
		}
	}
	return nil
}

// tarOf returns a compressed tar with the files in one directory. Its bytes depend on the arguments alone: every
// entry belongs to user 0 without a name, and has the same time.
func tarOf(dir string, files []file, at time.Time) ([]byte, error) {
	var out bytes.Buffer
	compressed, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, fmt.Errorf("pack %s: %w", dir, err)
	}
	archive := tar.NewWriter(compressed)
	for _, f := range files {
		header := &tar.Header{
			Typeflag: tar.TypeReg, Name: path.Join(dir, f.name), Mode: int64(f.mode.Perm()), Size: int64(len(f.data)),
			ModTime: at, Format: tar.FormatUSTAR,
		}
		err := archive.WriteHeader(header)
		if err == nil {
			_, err = archive.Write(f.data)
		}
		if err != nil {
			return nil, fmt.Errorf("pack %s: %w", header.Name, err)
		}
	}
	if err := errors.Join(archive.Close(), compressed.Close()); err != nil {
		return nil, fmt.Errorf("pack %s: %w", dir, err)
	}
	return out.Bytes(), nil
}

// zipOf is tarOf for a zip.
func zipOf(dir string, files []file, at time.Time) ([]byte, error) {
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	for _, f := range files {
		header := &zip.FileHeader{Name: path.Join(dir, f.name), Method: zip.Deflate, Modified: at.UTC()}
		header.SetMode(f.mode)
		entry, err := archive.CreateHeader(header)
		if err == nil {
			_, err = entry.Write(f.data)
		}
		if err != nil {
			return nil, fmt.Errorf("pack %s: %w", header.Name, err)
		}
	}
	if err := archive.Close(); err != nil {
		return nil, fmt.Errorf("pack %s: %w", dir, err)
	}
	return out.Bytes(), nil
}
