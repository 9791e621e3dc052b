//go:build unix

package awsconfig

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// noFollow is a flag with which a link is not opened.
const noFollow = syscall.O_NOFOLLOW

// mine reports whether the caller owns a file or link.
func mine(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}

// names is the number of names that a file has.
func names(info fs.FileInfo) uint64 {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 1
	}
	return uint64(stat.Nlink) //nolint:unconvert // it has 16 bits on macOS
}

// keepGroup gives a new file the group of the old one.
func keepGroup(file *os.File, old fs.FileInfo) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	was, ok := old.Sys().(*syscall.Stat_t)
	is, also := info.Sys().(*syscall.Stat_t)
	if !ok || !also || was.Gid == is.Gid {
		return nil
	}
	if err := file.Chown(-1, int(was.Gid)); err != nil {
		return fmt.Errorf("keep its group: %w", err)
	}
	return nil
}
