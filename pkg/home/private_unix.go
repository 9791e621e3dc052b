//go:build unix

package home

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"syscall"
)

// checkPrivate checks that a file or directory belongs to the caller and has no permissions for others.
func checkPrivate(path string, info fs.FileInfo, want fs.FileMode) error {
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(owner.Uid) != os.Geteuid() {
		return &Unsafe{path, "it belongs to somebody else", "remove it, or set " + Variable + " to another directory"}
	}
	if info.Mode().Perm()&^want != 0 {
		return &Unsafe{path, "others can read or change it", fmt.Sprintf("run: chmod %o %s", want, quote(path))}
	}
	return nil
}

// noFollow is a flag with which a link is not opened.
const noFollow = syscall.O_NOFOLLOW

// quote writes a path for a shell, so that a person can paste the command.
func quote(path string) string {
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
