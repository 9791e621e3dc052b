package home

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Permissions of what the command makes.
const (
	privateDir  fs.FileMode = 0o700
	privateFile fs.FileMode = 0o600
)

// maxFile is the longest file that is read, in bytes. A session token has at most 4,096.
const maxFile = 64 << 10

// folder is a directory that only the caller can read and write. Its files are opened through the
// directory that was checked, so nobody can exchange it afterwards.
type folder struct {
	dir  string
	root *os.Root
}

// Unsafe says that a file or directory is not safe to use, and what to do.
type Unsafe struct{ Path, Why, Do string }

func (e *Unsafe) Error() string { return fmt.Sprintf("use %s: %s; %s", e.Path, e.Why, e.Do) }

func openFolder(dir string) (folder, error) {
	named, err := os.Lstat(dir) //nolint:gosec // the person chooses the directory
	if err != nil {
		return folder{}, fmt.Errorf("open %s: %w", dir, err)
	}
	if !named.IsDir() {
		return folder{}, &Unsafe{dir, "it is a link or a file", "replace it with a directory"}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return folder{}, fmt.Errorf("open %s: %w", dir, err)
	}
	opened, err := root.Stat(".")
	switch {
	case err != nil:
	case !os.SameFile(named, opened):
		err = &Unsafe{dir, "it changed while it was opened", "try again"}
	default:
		err = checkPrivate(dir, opened, privateDir)
	}
	if err != nil {
		_ = root.Close()
		return folder{}, err
	}
	return folder{dir: dir, root: root}, nil
}

// sub opens a directory within the folder, and makes it if it does not exist.
func (f folder) sub(name string) (folder, error) {
	if err := f.root.Mkdir(name, privateDir); err != nil && !errors.Is(err, fs.ErrExist) {
		return folder{}, fmt.Errorf("make %s: %w", f.path(name), err)
	}
	return openFolder(f.path(name))
}

func (f folder) path(name string) string { return filepath.Join(f.dir, name) }

// read reads a file. A link is never followed, and a pipe never opened.
func (f folder) read(name string) ([]byte, error) {
	path := f.path(name)
	named, err := f.root.Lstat(name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if !named.Mode().IsRegular() {
		return nil, &Unsafe{path, "it is a link or no plain file", "remove it"}
	}
	file, err := f.root.Open(name)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	defer func() { _ = file.Close() }()
	opened, err := file.Stat()
	switch {
	case err != nil:
		return nil, fmt.Errorf("read %s: %w", path, err)
	case !os.SameFile(named, opened):
		return nil, &Unsafe{path, "it changed while it was opened", "try again"}
	}
	if err := checkPrivate(path, opened, privateFile); err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = errors.New("it is too large")
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return text, nil
}

// besideSuffix is at the end of the name of a file that is being written.
const besideSuffix = ".new"

// remove removes a file, if it exists.
func (f folder) remove(name string) error {
	if err := f.root.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s: %w", f.path(name), err)
	}
	return nil
}

// write replaces a file by a whole new one, or leaves it as it was. A process that is killed here leaves
// one file NAME.new, which the next write removes. Two writers of one name need a lock.
func (f folder) write(name string, text []byte) (err error) {
	path, beside := f.path(name), name+besideSuffix
	defer func() {
		if err != nil {
			_ = f.root.Remove(beside)
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	if err := f.root.Remove(beside); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	file, err := f.root.OpenFile(beside, os.O_WRONLY|os.O_CREATE|os.O_EXCL, privateFile)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	if err := errors.Join(err, file.Sync(), file.Close()); err != nil {
		return err
	}
	return f.root.Rename(beside, name)
}
