package main

import (
	"context"
	"encoding/json"
	"flag"
	"io"

	"github.com/aws-access/aws-access/pkg/version"
)

const aboutVersion = `aws-access version [-json]

Prints the version and commit of this command, as Go recorded them when it was
built: go version -m shows the same. They are unknown if it was built without git,
as by go run.

`

// versionMain is "version".
func versionMain(_ context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("aws-access version", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // parsed reports errors
	asJSON := flags.Bool("json", false, "one JSON object instead of a line")
	if code, ok := parsed(flags, aboutVersion, flags.Parse(args), stderr); !ok {
		return code
	}
	if flags.NArg() > 0 {
		printf(stderr, "aws-access version: %q is not a known argument; see aws-access version -h\n", flags.Arg(0))
		return exitUsage
	}
	writeVersion(stdout, version.Own(), *asJSON)
	return exitOK
}

func writeVersion(w io.Writer, b version.Build, asJSON bool) {
	if !asJSON {
		printf(w, "aws-access %s\n", b)
		return
	}
	_ = json.NewEncoder(w).Encode(b) // an error means that nobody reads it
}
