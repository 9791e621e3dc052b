//go:build unix

package home

import (
	"io/fs"
	"os"
	"syscall"
	"testing"
)

// ownedBy is a file's information with another owner.
type ownedBy struct {
	fs.FileInfo
	uid uint32
}

func (o ownedBy) Sys() any { return &syscall.Stat_t{Uid: o.uid} }

func TestFileOfSomebodyElseIsRefused(t *testing.T) {
	h := newHome(t)
	pair(t, h)
	info, err := os.Stat(h.path(keyFile))
	if err != nil {
		t.Fatal(err)
	}
	me := uint32(os.Geteuid())
	if err := checkPrivate("x", ownedBy{info, me}, privateFile); err != nil {
		t.Errorf("a file of the caller: %v", err)
	}
	wantUnsafe(t, "another owner", checkPrivate("x", ownedBy{info, me + 1}, privateFile), "x", Variable)
}
