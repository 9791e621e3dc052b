package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/aws-access/aws-access/pkg/version"
)

func TestVersionIsOneLineForPeopleAndJSONForScripts(t *testing.T) {
	b := version.Build{
		Version: "v1.2.0", Commit: "1a2b3c4d" + strings.Repeat("0", 32), Time: time.Date(2026, 11, 26, 9, 0, 0, 0, time.UTC),
		Go: "go1.26.8",
	}
	var text, object bytes.Buffer
	writeVersion(&text, b, false)
	if got, want := text.String(), "aws-access v1.2.0 (commit 1a2b3c4d, 2026-11-26)\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	writeVersion(&object, b, true)
	var got version.Build
	if err := json.Unmarshal(object.Bytes(), &got); err != nil || got != b ||
		!strings.Contains(object.String(), `"commit"`) {
		t.Errorf("got %s, %v", object.String(), err)
	}
}

// Nobody knows whether files were changed if the commit is not known.
func TestAnUnknownVersionIsNeitherModifiedNorUnmodified(t *testing.T) {
	for b, want := range map[version.Build]string{
		{Version: version.Unknown, Go: "go1.26.8"}: `{"version":"unknown","go":"go1.26.8"}` + "\n",
		{Version: "v1.2.0", Go: "go1.26.8"}:        `{"version":"v1.2.0","go":"go1.26.8","modified":false}` + "\n",
	} {
		var object bytes.Buffer
		if writeVersion(&object, b, true); object.String() != want {
			t.Errorf("got %s, want %s", object.String(), want)
		}
	}
}

func TestVersionCanBeAskedForInThreeWays(t *testing.T) {
	for _, line := range []string{"version", "-version", "--version", "version -json"} {
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), strings.Fields(line), &stdout, &stderr); code != exitOK || stderr.Len() > 0 ||
			strings.Count(stdout.String(), "\n") != 1 || !strings.Contains(stdout.String(), version.Own().Version) {
			t.Errorf("%s: ended with %d, %q, %q", line, code, stdout.String(), stderr.String())
		}
	}
	for line, want := range map[string]string{"version more": `"more" is not a known argument`, "version -x": "-x"} {
		var stdout, stderr bytes.Buffer
		code := run(t.Context(), strings.Fields(line), &stdout, &stderr)
		if code != exitUsage || !strings.Contains(stderr.String(), want) || stdout.Len() > 0 {
			t.Errorf("%s: ended with %d, %q, want %q", line, code, stderr.String(), want)
		}
	}
	var stdout bytes.Buffer
	if run(t.Context(), []string{"help"}, &stdout, &stdout); !strings.Contains(stdout.String(), "version and commit") {
		t.Errorf("help does not list it:\n%s", stdout.String())
	}
}
