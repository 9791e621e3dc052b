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

// hashes are the SHA-256 hashes of the files of DynamoDB Local and of all that it needs. After a
// change of pom.xml, write them with sha256sum in the directory that the error names.
//
//go:embed sha256.txt
var hashes string

// verify fails if a directory holds a file that is not exactly one of the list. Java would load it,
// so a file that was replaced on its way, or in a cache, is never run.
func verify(dir, list string) error {
	want := make(map[string]string)
	for line := range strings.Lines(list) {
		hash, name, ok := strings.Cut(strings.TrimSpace(line), "  ")
		if !ok || len(hash) != hex.EncodedLen(sha256.Size) {
			return fmt.Errorf("read sha256.txt: not a line of sha256sum: %q", line)
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
