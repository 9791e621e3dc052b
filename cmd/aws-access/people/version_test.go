package people

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
