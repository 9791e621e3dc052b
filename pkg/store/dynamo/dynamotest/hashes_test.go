package dynamotest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// engineList is the hash of a file that contains "engine".
const engineList = "ed9f6f25068608efd412958da4dfc19328ca3511251fa6d5f9c42baf230e32f8  engine.jar\n"

func TestUnlistedFileIsNeverRun(t *testing.T) {
	for name, c := range map[string]struct{ file, text, says string }{
		"the listed file": {"engine.jar", "engine", ""},
		"another text":    {"engine.jar", "engine, and more", "engine.jar in "},
		"another name":    {"more.jar", "engine", `, want ""`},
		"no file":         {"", "", " is empty"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			if c.file != "" {
				if err := os.WriteFile(filepath.Join(dir, c.file), []byte(c.text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			err := verify(dir, engineList)
			if (err == nil) != (c.says == "") || err != nil && !strings.Contains(err.Error(), c.says) {
				t.Errorf("%v, want %q", err, c.says)
			}
		})
	}
	if err := verify(t.TempDir(), "engine.jar"); err == nil || !strings.Contains(err.Error(), "not a line of sha256sum") {
		t.Errorf("a list without hashes: %v", err)
	}
}

// A directory that is in the cache already is verified too.
func TestReplacedFileInTheCacheIsNeverRun(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("XDG_CACHE_HOME", cache)
	t.Setenv("HOME", cache)
	base, err := os.UserCacheDir()
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(base, "aws-access", "dynamodb-local-"+release)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "DynamoDBLocal-"+release+".jar"), []byte("replaced"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := fetch(); err == nil || !strings.Contains(err.Error(), "verify DynamoDB Local: DynamoDBLocal-"+release) {
		t.Errorf("got %v, want a refusal of the replaced file", err)
	}
}
