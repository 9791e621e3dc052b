package dynamotest

import (
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// hashes has the SHA-256 of each file of DynamoDB Local and of its dependencies. After a change of
// pom.xml, write it with sha256sum in the directory that the error names.
//
//go:embed sha256.txt
var hashes string

// verify fails if a directory contains a file that is not in the list, or has another hash. Java would
// load it, so this stops a file that was replaced during the download or in the cache.
func verify(dir, list string) error {
	want := make(map[string]string)
	for line := range strings.Lines(list) {
		hash, name, ok := strings.Cut(strings.TrimSpace(line), "  ")
		if !ok || len(hash) != hex.EncodedLen(sha256.Size) {
			return fmt.Errorf("read sha256.txt: this is not a line of sha256sum: %q", line)
		}
		want[name] = hash
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("verify DynamoDB Local: %s is empty", dir)
	}
	for _, file := range files {
		data, err := os.ReadFile(filepath.Join(dir, file.Name()))
		if err != nil {
			return err
		}
		if got := fmt.Sprintf("%x", sha256.Sum256(data)); got != want[file.Name()] {
			return fmt.Errorf("verify DynamoDB Local: %s in %s has the SHA-256 %s, want %q: "+
				"remove the directory to fetch it again, and do not run this file", file.Name(), dir, got, want[file.Name()])
		}
	}
	return nil
}
