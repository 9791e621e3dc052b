package operators

import (
	"flag"
	"slices"
	"strings"
	"testing"
)

// docs/cli.md promises it for every command.
func TestFlagsStandAnywhere(t *testing.T) {
	for line, want := range map[string]struct {
		yes    bool
		reason string
		others []string
	}{
		"--yes confirm":                {yes: true, others: []string{"confirm"}},
		"confirm --yes":                {yes: true, others: []string{"confirm"}},
		"01A --reason x --yes":         {yes: true, reason: "x", others: []string{"01A"}},
		"--reason x 01A --yes 01B":     {yes: true, reason: "x", others: []string{"01A", "01B"}},
		"01A -- --yes":                 {others: []string{"01A", "--yes"}},
		"-- 01A":                       {others: []string{"01A"}},
		"--yes --reason=--yes":         {yes: true, reason: "--yes", others: []string{}},
		"--reason -- 01A":              {others: nil}, // the reason is missing
		"confirm --yes --nosuch later": {others: nil},
	} {
		var words strings.Builder
		f := flag.NewFlagSet("aws-access close", flag.ContinueOnError)
		yes, reason := f.Bool("yes", false, ""), f.String("reason", "", "")
		code, ok := parsed(f, "", strings.Fields(line), &words)
		switch {
		case want.others == nil:
			if ok || code != exitUsage || strings.Count(words.String(), "\n") != 1 {
				t.Errorf("%s: %v with %d, %q; want one line that says what is wrong", line, ok, code, words.String())
			}
		case !ok || *yes != want.yes || *reason != want.reason || !slices.Equal(f.Args(), want.others):
			t.Errorf("%s: %v, yes %v, reason %q, others %q; want %+v", line, ok, *yes, *reason, f.Args(), want)
		}
	}
}
