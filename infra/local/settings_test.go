//go:build deployed

package local

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// What run.sh hands over, each by a variable of the environment.
type settings struct {
	ministack string // the emulator's program
	sam       string // the SAM CLI's
	operate   string // aws-access, the operators' own
	before    string // the same, under the template of a stack without a key of its own
	first     string // what `sam build` made
	second    string // what it made of a changed version
	scratch   string // a directory for whatever is left lying about
	logs      string // a file for what the emulator says
}

// given reads the settings. One that is missing is a failure: these tests never
// skip.
func given(t *testing.T) settings {
	t.Helper()
	path := func(name string) string {
		value := os.Getenv(name)
		if _, err := os.Stat(value); err != nil {
			t.Fatalf("%s: %v. These tests are run by infra/local/run.sh", name, err)
		}
		return value
	}
	s := settings{
		ministack: path("LOCAL_MINISTACK"), sam: path("LOCAL_SAM"), operate: path("LOCAL_OPERATE"),
		before: path("LOCAL_BEFORE"), first: path("LOCAL_FIRST"), second: path("LOCAL_SECOND"),
		scratch: path("LOCAL_SCRATCH"),
	}
	s.logs = filepath.Join(s.scratch, "ministack.log")
	return s
}

// architecture is what the template calls this computer's processor.
func architecture(t *testing.T) string {
	t.Helper()
	name, ok := map[string]string{"amd64": "x86_64", "arm64": "arm64"}[runtime.GOARCH]
	if !ok {
		t.Fatalf("Lambda has no processor like this one (%s)", runtime.GOARCH)
	}
	return name
}

// environment is that of a program of ours: this one's without anything by which
// AWS tools find accounts, credentials or proxies, and what is added.
func (s settings) environment(added ...string) []string {
	env := []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + s.scratch, "TMPDIR=" + s.scratch, "LANG=C.UTF-8",
		"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true",
		"AWS_DEFAULT_REGION=" + region, "NO_PROXY=*",
	}
	return append(env, added...)
}
