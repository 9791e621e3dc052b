package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// The tools deploy the product, so a package index must not be able to replace a tool.
func TestEveryToolIsPinnedByHash(t *testing.T) {
	script, err := os.ReadFile("../venv")
	if err != nil || !strings.Contains(string(script), "install --require-hashes ") {
		t.Errorf(".ci/tools/venv installs without --require-hashes (%v)", err)
	}
	pin := regexp.MustCompile(`^[a-z0-9.-]+(\[[a-z0-9,]+\])?==[0-9][^ ]*( --hash=sha256:[0-9a-f]{64})+$`)
	files, err := filepath.Glob("../*.txt")
	if err != nil || len(files) < 2 {
		t.Fatalf("%d lists of pins: %v", len(files), err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		pins := 0
		for line := range strings.Lines(strings.ReplaceAll(string(text), " \\\n    ", " ")) {
			if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
				continue
			}
			if pins++; !pin.MatchString(line) {
				t.Errorf("%s: not pinned by hash: %.80s", filepath.Base(file), line)
			}
		}
		if pins < 20 {
			t.Errorf("%s: %d pins", filepath.Base(file), pins)
		}
	}
}
