package awsconfig

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
)

const (
	maxFile  = 16 << 20 // bytes of a file that is read
	lockWait = 10 * time.Second
	lockPoll = 20 * time.Millisecond
)

// ErrChanged says that somebody else changed the file while it was being written. It stayed as they left it.
var ErrChanged = errors.New("another program changed it meanwhile; try again")

// Read reads a file of configuration; a file that does not exist is empty.
func Read(path string) ([]byte, error) {
	file, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	defer func() { _ = file.Close() }()
	text, err := io.ReadAll(io.LimitReader(file, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = errors.New("it is larger than 16 MiB")
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return text, nil
}

// Write replaces the block of the file at path, and makes the file if it does not exist. It reports whether
// anything had to be written. A link is followed if the caller made it, and stays.
//
// Errors: *Exists, ErrChanged, and what Replace returns; the file then stays as it was.
func Write(ctx context.Context, path string, block []byte) (changed bool, err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("write %s: %w", path, err)
		}
	}()
	target, err := resolve(path)
	if err != nil {
		return false, err
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o700); err != nil {
		return false, err
	}
	unlock, err := lock(ctx, target)
	if err != nil {
		return false, err
	}
	defer unlock()
	return replaceFile(target, block, func() {})
}

// resolve follows the links to the file, and refuses those of somebody else: they could lead to a file of the
// caller that is no configuration.
func resolve(path string) (string, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return "", err
	}
	for range 8 {
		info, err := os.Lstat(path)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return path, nil
		case err != nil:
			return "", err
		case !mine(info):
			return "", fmt.Errorf("%s belongs to somebody else", path)
		case info.Mode()&fs.ModeSymlink == 0:
			return path, checkPlain(path, info)
		}
		next, err := os.Readlink(path)
		if err != nil {
			return "", err
		}
		if !filepath.IsAbs(next) {
			next = filepath.Join(filepath.Dir(path), next)
		}
		if _, err := os.Lstat(next); err != nil {
			return "", fmt.Errorf("the link %s leads nowhere: %w", path, err)
		}
		path = next
	}
	return "", errors.New("it is a link to a link to a link, without end")
}

func checkPlain(path string, info fs.FileInfo) error {
	switch {
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a plain file", path)
	case names(info) > 1:
		return fmt.Errorf("%s has more than one name (hard links), which writing would separate; make it a copy", path)
	}
	return nil
}

// lock keeps other processes of this command away. The lock file stays, because another process may wait for
// it; the system drops the lock when its holder ends (docs/facts.md#k8).
func lock(ctx context.Context, target string) (unlock func(), err error) {
	wait, cancel := context.WithTimeout(ctx, lockWait)
	defer cancel()
	l := flock.New(target+".aws-access.lock", flock.SetFlag(os.O_CREATE|os.O_RDWR|noFollow), flock.SetPermissions(0o600))
	locked, err := l.TryLockContext(wait, lockPoll)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return nil, fmt.Errorf("another process has held %s for %s", l.Path(), lockWait)
	}
	if err == nil && !locked {
		err = errors.New("it is locked")
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", l.Path(), err)
	}
	return func() { _ = l.Unlock() }, nil
}

// replaceFile writes the new text beside the file and renames it. The function written runs between the two.
func replaceFile(target string, block []byte, written func()) (changed bool, err error) {
	text, err := Read(target)
	if err != nil {
		return false, err
	}
	next, err := Replace(text, block)
	if err != nil || bytes.Equal(text, next) {
		return false, err
	}
	info, err := os.Lstat(target)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	beside, err := writeBeside(target, next, info)
	if err != nil {
		return false, err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(beside)
		}
	}()
	written()
	now, err := Read(target)
	if err != nil {
		return false, err
	}
	// A file that came to be, or was removed, is a change too. Between this look and the rename nothing is
	// waited for.
	later, err := os.Lstat(target)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if (later == nil) != (info == nil) || !bytes.Equal(now, text) || info != nil && later.Mode() != info.Mode() {
		return false, ErrChanged
	}
	return true, os.Rename(beside, target)
}

// writeBeside writes a new file with the mode and group of the old one; old is nil if there is none. On an
// error nothing is left.
func writeBeside(target string, text []byte, old fs.FileInfo) (path string, err error) {
	file, err := os.CreateTemp(filepath.Dir(target), filepath.Base(target)+".*.new") // mode 0600
	if err != nil {
		return "", err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(file.Name())
		}
	}()
	_, err = file.Write(text)
	if old != nil {
		err = errors.Join(err, keepGroup(file, old), file.Chmod(old.Mode().Perm()))
	}
	return file.Name(), errors.Join(err, file.Sync(), file.Close())
}
