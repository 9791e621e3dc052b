package dynamotest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAMissingProgramIsNamedWithHowToInstallIt(t *testing.T) {
	for name, c := range map[string]struct {
		programs []string
		says     string
	}{
		"no java":  {nil, "needs java: install a Java runtime, 17 or later"},
		"no maven": {[]string{"java"}, "fetched by Maven: install mvn"},
	} {
		t.Run(name, func(t *testing.T) {
			path := t.TempDir()
			for _, program := range c.programs {
				if err := os.WriteFile(filepath.Join(path, program), []byte("#!/bin/sh\n"), 0o700); err != nil {
					t.Fatal(err)
				}
			}
			t.Setenv("PATH", path)
			t.Setenv("XDG_CACHE_HOME", t.TempDir())
			if _, err := start(); err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v, want %q", err, c.says)
			}
		})
	}
}
