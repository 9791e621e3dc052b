//go:build windows

package home

import "io/fs"

// checkPrivate checks nothing: the access list of %LocalAppData% admits only the user, and the
// permission bits that Go reports say nothing about it.
func checkPrivate(string, fs.FileInfo, fs.FileMode) error { return nil }

// noFollow is not needed: the directory admits only the user.
const noFollow = 0
