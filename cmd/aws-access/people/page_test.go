package people

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write docs/cli.md")

func TestPageOfCommandsIsMadeFromTheTable(t *testing.T) {
	path := filepath.Join("..", "..", "..", "docs", "cli.md")
	if *update {
		if err := os.WriteFile(path, []byte(Page()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Page(), string(text)); diff != "" {
		t.Errorf("docs/cli.md is not that of the table; run `go test ./cmd/aws-access/people -run Page -update`:\n%s", diff)
	}
}

func TestEveryCommandHasItsHelp(t *testing.T) {
	for _, c := range Commands() {
		if c.About == "" || c.Details == "" || len(c.Examples) == 0 {
			t.Errorf("%s lacks a line, a text or an example", c.Name)
		}
		for _, f := range c.flagRows() {
			if f.usage == "" {
				t.Errorf("%s: --%s has no text", c.Name, f.name)
			}
		}
	}
}
