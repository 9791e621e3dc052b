package people

import (
	"context"
	"encoding/json"
	"flag"
	"io"

	"github.com/aws-access/aws-access/pkg/version"
)

func versionCommand() Command {
	return Command{
		Name: "version", About: "print the version and commit of this command",
		Details: "Prints the version and commit of this command, as Go recorded them when it was\n" +
			"built: go version -m shows the same. They are unknown if it was built without git,\n" +
			"as by go run.",
		Examples: []Example{{"aws-access version --json", "one JSON object, for scripts"}},
		new:      func() action { return &showVersion{} },
	}
}

// showVersion is "version".
type showVersion struct{ json bool }

func (v *showVersion) flags(f *flag.FlagSet) {
	f.BoolVar(&v.json, "json", false, "one JSON object instead of a line")
}

func (v *showVersion) run(_ context.Context, e *Env, _ []string) error {
	writeVersion(e.Stdout, version.Own(), v.json)
	return nil
}

func writeVersion(w io.Writer, b version.Build, asJSON bool) {
	if !asJSON {
		printf(w, "aws-access %s\n", b)
		return
	}
	_ = json.NewEncoder(w).Encode(b) // an error means that nobody reads it
}
